"""Reading the user's FASTQ files: every record checked, mates kept in step."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import dnaio

from vexas_uba1.errors import UserError
from vexas_uba1.samples.sources import LocalFile

GZIP = b"\x1f\x8b"
_BASES = str.maketrans("", "", "ACGTN")
_QUALITIES = str.maketrans("", "", "".join(map(chr, range(33, 127))))
_NAMES = str.maketrans("", "", "\t" + "".join(map(chr, range(32, 127))))
LONGEST_NAME = 254
"""Characters of a read's name; SAM specification 1.4."""
_COPY_AGAIN = (
    "Copy or download the file again and compare its size and checksum with the original's"
)


@dataclass
class QualityRange:
    """Lowest and highest quality character seen so far."""

    lowest: str = "~"
    highest: str = "!"

    @property
    def looks_like_phred64(self) -> bool:
        """Whether none is below 26 and some are above 42, as when Phred+64 is read as Phred+33."""
        return self.lowest >= ";" and self.highest > "K"


class EqualMates:
    """Counts fragments whose mates are equal. Where all are, both files are of the same mate."""

    _ENOUGH = 1000

    def __init__(self) -> None:
        """Begin with no fragment."""
        self._some_differ = False
        self._equal = 0

    @property
    def matter(self) -> bool:
        """Whether there is anything left to learn."""
        return not self._some_differ

    def see(self, first: str, second: str) -> bool:
        """Take a fragment's bases; return whether so many are equal that all will be."""
        self._some_differ = first != second
        self._equal += len(set(first)) > 1  # one letter alone: a machine that saw no light
        return self.matter and self._equal >= self._ENOUGH

    @property
    def are_all(self) -> bool:
        """Whether all fragments were such."""
        return self.matter and self._equal > 0


def read_fragments(
    files: tuple[LocalFile, ...], qualities: QualityRange
) -> Iterator[tuple[str, tuple[dnaio.SequenceRecord, ...]]]:
    """Yield each fragment's name, without mate suffix, and its one or two records, in upper case.

    Args:
        files: One FASTQ file, or those of read 1 and read 2; plain or gzip-compressed, whatever the
            name.
        qualities: Widened by what is read.

    Raises:
        UserError: a file is missing, empty, without reads, truncated, not FASTQ, holds a record
            whose bases or qualities are not valid, or the two files are not in step or are of the
            same mate.
    """
    if len(files) == 1:
        with _records(files[0], qualities) as records:
            for record in records:
                yield plain_name(record.id), (record,)
        return
    equal = EqualMates()
    with _records(files[0], qualities) as firsts, _records(files[1], qualities) as seconds:
        for number, first in enumerate(firsts, start=1):
            second = next(seconds, None)
            if second is None:
                raise _differing_counts(files, short=1, records=number - 1)
            name = mates_name(first.id, second.id)
            if name is None:
                raise UserError(
                    f"the mates are out of step: record {number} is {first.id!r} here but "
                    f"{second.id!r} in {files[1].shown}",
                    remedy="Give both files as the sequencer wrote them: same reads, same order",
                    file=files[0].shown,
                )
            if equal.matter and equal.see(first.sequence, second.sequence):
                raise _of_one_mate(files)
            yield name, (first, second)
        if next(seconds, None) is not None:
            raise _differing_counts(files, short=0, records=number)
        if equal.are_all:
            raise _of_one_mate(files)


@contextmanager
def _records(file: LocalFile, qualities: QualityRange) -> Iterator[Iterator[dnaio.SequenceRecord]]:
    """Open a file and give its checked records."""
    try:
        raw = file.path.open("rb")
    except FileNotFoundError:
        raise _wrong(file, "the FASTQ file does not exist", "Check the path in the sheet") from None
    except (IsADirectoryError, PermissionError, NotADirectoryError) as error:
        message = f"the FASTQ file cannot be read ({error.strerror})"
        raise _wrong(file, message, "Check the path and the file's permissions") from None
    with raw:
        head = raw.peek(len(GZIP))[: len(GZIP)]
        if not head:
            raise _wrong(file, "the FASTQ file is empty (0 bytes)", _COPY_AGAIN)
        if head == GZIP:
            with gzip.open(raw) as unpacked:
                yield _checked(file, cast(BinaryIO, unpacked), qualities)
        else:
            yield _checked(file, raw, qualities)


def _checked(
    file: LocalFile, handle: BinaryIO, qualities: QualityRange
) -> Iterator[dnaio.SequenceRecord]:
    number = 0
    try:
        with dnaio.open(handle, fileformat="fastq") as reader:
            for record in reader:
                number += 1
                _check(file, record, number, qualities)
                yield record
    except dnaio.FileFormatError as error:
        raise _bad_format(file, error, number) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _wrong(
            file,
            f"the gzip file is truncated or damaged; {number} records could be read",
            _COPY_AGAIN,
        ) from error
    if not number:
        raise _wrong(file, "the FASTQ file holds no reads", "Check how the file was made")


def _check(
    file: LocalFile, record: dnaio.SequenceRecord, number: int, qualities: QualityRange
) -> None:
    record.sequence = record.sequence.upper()
    if record.sequence.translate(_BASES):
        raise _wrong(
            file,
            f"record {number} ({record.id}) holds characters other than the bases A, C, G, T, N",
            "Give the reads as the sequencer wrote them",
        )
    quality = record.qualities or ""
    if quality.translate(_QUALITIES):
        raise _wrong(
            file,
            f"record {number} ({record.id}) holds a character that is no base quality",
            "Give FASTQ with qualities written as Phred+33 characters, '!' to '~'",
        )
    if not record.id:
        raise _wrong(file, f"record {number} has no name", "Give FASTQ with named reads")
    fault = ""
    if len(record.id) > LONGEST_NAME:
        fault = f"longer than the {LONGEST_NAME} characters that SAM and BAM allow"
    elif record.name.translate(_NAMES):
        fault = "not plain text"
    if fault:
        raise _wrong(
            file,
            f"the name of record {number} is {fault}",
            "Give the reads as the sequencer wrote them",
        )
    if quality:
        qualities.lowest = min(qualities.lowest, min(quality))
        qualities.highest = max(qualities.highest, max(quality))


def _bad_format(file: LocalFile, error: dnaio.FileFormatError, read: int) -> UserError:
    message = str(error)
    if re.search(r"Premature end.*: '(?:\\r|\\n)+'$", message) and read:
        return _wrong(
            file,
            f"an empty line follows record {read}, the last one",
            "Remove the empty lines at its end",
        )
    record = read + 1 if error.line is None else error.line // 4 + 1
    if "Length of sequence and qualities differ" in message:
        fault = f"record {record}: the quality string is not as long as the sequence"
    elif "Premature end" in message and record > 1:
        fault = f"the file ends within record {record}: it is truncated"
    elif record == 1:
        fault = "this is not a FASTQ file: its first four lines are no FASTQ record"
    else:
        fault = f"record {record} (line {4 * record - 3}) is not a FASTQ record"
    return _wrong(file, fault, _COPY_AGAIN)


def _differing_counts(files: tuple[LocalFile, ...], *, short: int, records: int) -> UserError:
    return UserError(
        f"the file ends after {records} records, but {files[1 - short].shown} goes on",
        remedy="Give both files whole, as the sequencer wrote them: one may be truncated",
        file=files[short].shown,
    )


def _of_one_mate(files: tuple[LocalFile, ...]) -> UserError:
    return _wrong(
        files[0],
        f"its reads are equal to those of {files[1].shown}: both files are of the same mate",
        "Name the files of both mates, or that of one in fq1 alone",
    )


def _wrong(file: LocalFile, message: str, remedy: str) -> UserError:
    return UserError(message, remedy=remedy, file=file.shown)


def plain_name(name: str) -> str:
    """Return a single read's name without the suffix of a mate."""
    return name[:-2] if name.endswith(("/1", "/2")) and len(name) > 2 else name


def mates_name(first: str, second: str) -> str | None:
    """Return the fragment's name if these are mates' names: equal, or ending in 1 and 2."""
    if first == second:
        return first
    if first[:-1] == second[:-1] and first[-1] == "1" and second[-1] == "2":
        stem = first[:-1]
        return stem[:-1] if len(stem) > 1 and stem[-1] in "/._:-" else stem or None
    return None
