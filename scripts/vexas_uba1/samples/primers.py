"""The BED file of an amplicon library's primers."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vexas_uba1.errors import Problem, UserError
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.samples.sources import UnusableError, check_readable, shown_value

LONGEST_PRIMER = 100
"""Longer intervals are amplicons or targets, not primers (assumed)."""

_STRAND_COLUMN = 5
_LISTED = 5


@dataclass(frozen=True)
class Primer:
    """One primer: ``[start, end)``, 0-based, on a contig.

    ``strand`` is ``+`` for the left primer of an amplicon, ``-`` for the right one and ``.`` where
    the file does not say, which makes it either.
    """

    contig: str
    start: int
    end: int
    strand: str


@dataclass(frozen=True)
class Primers:
    """The primers of a BED.

    Attributes:
        file: The file's name, without folders.
        sha256: Of its bytes.
        listed: As listed, on any contig.
    """

    file: str
    sha256: str
    listed: tuple[Primer, ...]

    def over(self, placed: PlacedLocus) -> tuple[Primer, ...]:
        """Return the primers that touch the gene's window.

        Raises:
            UserError: there is none, so that the file cannot be this library's: its primers lie
                on other contigs or on another build.
        """
        contig, (first, last) = placed.contig, placed.window
        named = [one for one in self.listed if _plain(one.contig) == _plain(contig)]
        if not named:
            contigs = list(dict.fromkeys(one.contig for one in self.listed))
            more = f" and {len(contigs) - _LISTED} more" if len(contigs) > _LISTED else ""
            raise UserError(
                f"no primer lies on {contig}, the contig of {placed.locus.gene} in the reads; the "
                f"file has {', '.join(contigs[:_LISTED])}{more}",
                remedy="Give the primers of this library, under the contig names of its reads",
                file=self.file,
                column="primers",
            )
        inside = tuple(one for one in named if one.start < last and one.end > first)
        if not inside:
            raise UserError(
                f"no primer on {contig} lies at {placed.locus.gene} ({placed.build.name}, "
                f"{contig}:{first + 1}-{last}); the nearest is at {_nearest(named, first, last)}",
                remedy=f"Give the primers of this library, in coordinates of {placed.build.name}",
                file=self.file,
                column="primers",
            )
        return inside


def load_primers(path: Path, shown: str | None = None) -> Primers:
    """Read a BED of primers, plain or gzip-compressed.

    Three columns or more: contig, start (0-based), end (exclusive); the sixth, if there is one, is
    the strand. Lines that are blank or begin with ``#``, ``track`` or ``browser`` are skipped.

    Args:
        path: The file.
        shown: How messages name it; its own name by default.

    Raises:
        UserError: carries every malformed line, or says that the file cannot be read.
    """
    shown = path.name if shown is None else shown
    content = _content(path, shown)
    primers: list[Primer] = []
    problems: list[Problem] = []
    for row, line in enumerate(_text(content, shown).splitlines(), 1):
        if _is_data(line):
            try:
                primers.append(_primer(line))
            except _LineError as error:
                problems.append(
                    Problem(error.message, error.remedy, shown, row, value=shown_value(error.value))
                )
    if problems:
        raise UserError.of(problems)
    if not primers:
        raise UserError(
            "the file lists no primer",
            remedy="Give a BED with one primer a line, or leave the primers out",
            file=shown,
        )
    return Primers(path.name, hashlib.sha256(content).hexdigest(), tuple(primers))


class _LineError(Exception):
    """A line that is no primer."""

    def __init__(self, message: str, remedy: str, value: str) -> None:
        super().__init__(message)
        self.message, self.remedy, self.value = message, remedy, value


def _primer(line: str) -> Primer:
    cells = line.split("\t") if "\t" in line else line.split()
    cells = [cell.strip() for cell in cells]
    if len(cells) < 3 or not cells[0]:
        raise _LineError(
            "a line of a BED has at least contig, start and end, separated by tabs",
            "Write the three columns, and the strand in the sixth",
            line.strip(),
        )
    start, end = _position(cells[1]), _position(cells[2])
    if end <= start:
        raise _LineError(
            "the end of a primer must be larger than its start",
            "Write the start 0-based and the end as the position of the last base",
            line.strip(),
        )
    if end - start > LONGEST_PRIMER:
        raise _LineError(
            f"an interval of {end - start} bases is no primer (at most {LONGEST_PRIMER})",
            "Give a BED of the primers themselves, not of the amplicons or targets",
            line.strip(),
        )
    strand = cells[_STRAND_COLUMN] if len(cells) > _STRAND_COLUMN else "."
    if strand not in ("+", "-", "."):
        raise _LineError(
            "the sixth column must be the strand: + for a left primer, - for a right one",
            "Write +, - or, if unknown, a full stop",
            strand,
        )
    return Primer(cells[0], start, end, strand)


def _position(text: str) -> int:
    # isdigit alone also takes digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise _LineError(
            "start and end of a primer must be whole numbers", "Write bases, such as 47198990", text
        )
    return int(text)


def _is_data(line: str) -> bool:
    words = line.split(maxsplit=1)
    return bool(words) and not line.startswith("#") and words[0] not in ("track", "browser")


def _content(path: Path, shown: str) -> bytes:
    try:
        check_readable(path)
        return path.read_bytes()
    except UnusableError as error:
        raise UserError(f"primers: {error.message}", remedy=error.remedy, file=shown) from None
    except OSError as error:
        raise UserError(
            f"primers: the file cannot be read ({error.strerror})",
            remedy="Check its permissions and its disk",
            file=shown,
        ) from error


def _text(content: bytes, shown: str) -> str:
    remedy = "Save the primers as a plain BED, or compress it again"
    try:
        plain = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        raise UserError("the compressed file is damaged", remedy=remedy, file=shown) from error
    try:
        text = plain.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = plain.count(b"\n", 0, error.start) + 1
        raise UserError("the file is not text", remedy=remedy, file=shown, row=row) from None
    if "\0" in text:
        row = text.count("\n", 0, text.index("\0")) + 1
        raise UserError("the file is not text", remedy=remedy, file=shown, row=row)
    return text


def _plain(contig: str) -> str:
    """Return a contig's name without its prefix, as ``X`` for ``chrX``."""
    return contig[3:] if contig[:3].lower() == "chr" else contig


def _nearest(primers: Sequence[Primer], first: int, last: int) -> str:
    nearest = min(primers, key=lambda one: (max(first - one.end, one.start - last), one.start))
    return f"{nearest.contig}:{nearest.start + 1}-{nearest.end}"
