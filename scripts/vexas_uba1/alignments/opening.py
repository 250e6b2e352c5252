"""Opening the user's BAM or CRAM for reading by position.

Nothing is written beside the user's file or in the working directory, and a CRAM's reference is
only ever the FASTA that the user names.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pysam
from pysam.utils import SamtoolsError

from vexas_uba1.alignments.containers import copy_containers, read_crai
from vexas_uba1.alignments.coverage import ContigReads, contig_reads
from vexas_uba1.alignments.fasta import Genome
from vexas_uba1.alignments.quiet import quiet_htslib
from vexas_uba1.alignments.sources import (
    BGZF_END,
    REFUSALS,
    AlignmentHeader,
    Source,
    is_url,
    open_file,
    references_from_nowhere,
    remote_size,
    unreadable,
    unsorted,
)
from vexas_uba1.errors import UserError

_LITTLE_SPACE = 1 << 20  # bytes
_FULL = (errno.ENOSPC, errno.EDQUOT)  # our own disk, not the server

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenAlignment:
    """A BAM or CRAM ready for reading by position.

    Attributes:
        header: What its header says.
        warnings: Plain sentences about it for the result.
    """

    header: AlignmentHeader
    warnings: tuple[str, ...]
    _file: pysam.AlignmentFile
    _source: Source

    def chromosomes(self) -> tuple[ContigReads, ...]:
        """Return how many records lie on each chromosome, as the index has it."""
        return contig_reads(self._file)

    def fetch(self, contig: str, start: int, end: int) -> Iterator[pysam.AlignedSegment]:
        """Give every record that overlaps ``[start, end)`` (0-based), in the order of positions.

        Raises:
            UserError: the file is damaged there, is not sorted, or is a CRAM made with another
                reference.
        """
        last = 0
        try:
            for record in self._file.fetch(contig, start, end):
                if record.reference_start < last:
                    raise unsorted(self._source)
                last = record.reference_start
                yield record
            if self._source.is_remote and self.header.format == "BAM":
                self._check_nothing_is_left(contig, start, end)
        except OSError as error:
            cause = (
                " or was written with another reference than this FASTA"
                if self._file.is_cram
                else ""
            )
            if self._source.is_remote:
                cause += " or the server does not send all of it"
            raise UserError(
                f"the reads of {contig} cannot be read: the file or its index is truncated or "
                f"damaged{cause}",
                remedy="Copy the file and its index again; `samtools view -c` finds such damage",
                file=self._source.shown,
            ) from error

    def _check_nothing_is_left(self, contig: str, start: int, end: int) -> None:
        """Make sure that reading stopped since there is no more, and not for lack of bytes.

        To htslib, a server's answer that ends early but between two blocks is the end of the file.

        Raises:
            UserError: the next record is of the window too, or there is none and yet more file.
            OSError: it cannot be read.
        """
        self._file.seek(self._file.tell())
        after = next(self._file.fetch(until_eof=True), None)
        if after is None:
            is_left = self._file.tell() >> 16 < remote_size(self._source) - len(BGZF_END)
        else:
            reaches = after.reference_end or after.reference_start + 1
            is_left = after.reference_name == contig and (
                after.reference_start < end and reaches > start
            )
        if is_left:
            raise unreadable(self._source, OSError())


@contextmanager
def open_alignment(
    source: Source,
    header: AlignmentHeader,
    *,
    contig: str,
    window: tuple[int, int],
    genome: Genome | None,
    scratch: Path,
) -> Iterator[OpenAlignment]:
    """Open a BAM or CRAM for reading by position.

    An index beside it that is not older is used; for a local file without one an index is made in
    ``scratch`` and removed at the end. Of a remote CRAM what the window needs is copied there.

    Args:
        source: The file.
        header: What :func:`check_alignment_file` found in it.
        contig: The contig that will be read; its bases in a CRAM's reference are compared by
            checksum.
        window: What will be read of it, 0-based and half open.
        genome: The FASTA the reads are aligned to; needed for CRAM only.
        scratch: A folder of ours.

    Raises:
        UserError: not sorted; damaged; no index of a remote file; a CRAM without its FASTA or with
            a wrong one.
    """
    warnings: list[str] = []
    if header.format == "CRAM":
        _check_cram_reference(source, header, contig, genome, warnings)
    scratch.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="index-", dir=scratch) as temporary,
        quiet_htslib(),
        references_from_nowhere(),
    ):
        index = _find_index(source, header.format, Path(temporary))
        reference = str(genome.location) if genome is not None and header.format == "CRAM" else None
        opened = source
        if source.is_remote and header.format == "CRAM":
            opened, index = _copied(source, header, contig, window, index, Path(temporary))
        file = _open_with_index(opened, header.format, index, reference, Path(temporary))
        try:
            yield OpenAlignment(header, tuple(warnings), file, source)
        finally:
            _close(file)


def make_index(reads: Path, index: Path) -> None:
    """Write the index (.bai, .csi or .crai by its suffix) of a sorted local BAM or CRAM.

    Raises:
        SamtoolsError: the file is not sorted or damaged.
        OSError: the index cannot be written.
    """
    options = ["-c"] if index.suffix == ".csi" else []
    try:
        with quiet_htslib():
            pysam.index(*options, "-o", str(index), str(reads))
    except SamtoolsError as error:
        if "create or write" in str(error):
            # samtools does not hand on why; a full disk is by far the likeliest reason.
            full = shutil.disk_usage(index.parent).free < _LITTLE_SPACE
            code = errno.ENOSPC if full else errno.EIO
            raise OSError(code, os.strerror(code), str(index)) from error
        raise


def _check_cram_reference(
    source: Source, header: AlignmentHeader, contig: str, genome: Genome | None, warnings: list[str]
) -> None:
    def refuse(message: str, remedy: str) -> UserError:
        return UserError(message, remedy=remedy, file=source.shown)

    if genome is None:
        raise refuse(
            "a CRAM is read only with the FASTA it was written with, and none is given",
            "Name that FASTA as `reference` in the configuration (or --reference); none is ever "
            "sought elsewhere",
        )
    lengths = {known.name: known.length for known in genome.contigs}
    # A contig that the FASTA lacks would send htslib to the header's UR: address or to a server.
    unlike = [sought for sought in header.contigs if lengths.get(sought.name) != sought.length]
    if unlike:
        listed = ", ".join(
            f"{sought.name} ({sought.length} in the CRAM, "
            f"{lengths.get(sought.name, 'none')} in the FASTA)"
            for sought in unlike[:3]
        )
        more = f" and {len(unlike) - 3} more" if len(unlike) > 3 else ""
        raise refuse(
            f"the FASTA {genome.path_shown} is not the one the CRAM was written with; contigs "
            f"differ: {listed}{more}",
            "Give the very FASTA the CRAM was written with, or convert the CRAM to BAM with it",
        )
    expected = header.contig(contig).m5
    if expected is None:
        warnings.append(
            f"the CRAM's header holds no checksum (M5) of {contig}; only lengths were compared"
        )
    else:
        genome.require_m5(contig, expected, file=source.shown)


def _find_index(source: Source, kind: str, folder: Path) -> Path:
    """Return a usable index, made in ``folder`` if need be."""
    suffixes = [".crai"] if kind == "CRAM" else [".csi", ".bai"]
    if source.index is not None and not is_url(source.index):
        if not Path(source.index).is_file():
            raise UserError(
                "the index named after ##idx## does not exist",
                remedy="Check its path",
                file=source.shown,
            )
        return Path(source.index)
    if source.is_remote:
        return _download_index(source, suffixes, folder)
    reads = Path(source.location)
    for suffix in suffixes:
        for index in (Path(f"{reads}{suffix}"), reads.with_suffix(suffix)):
            if not index.is_file():
                continue
            if index.stat().st_mtime_ns >= reads.stat().st_mtime_ns:
                return index
            # Not for the result: it depends on the files' times, and the reads are the same.
            _LOGGER.warning("the index %s is older than the reads and is not used", index.name)
    return _build_index(source, kind, folder)


def _copied(
    source: Source,
    header: AlignmentHeader,
    contig: str,
    window: tuple[int, int],
    index: Path,
    folder: Path,
) -> tuple[Source, Path]:
    """Return a copy of the part of a remote CRAM that holds the window, and its index."""
    number = [known.name for known in header.contigs].index(contig)
    try:
        copy, its_index = copy_containers(source.location, index, number, window, folder)
    except OSError as error:
        if error.errno in _FULL:
            raise
        raise unreadable(source, error) from error
    except ValueError as error:
        raise _damaged(source) from error
    return Source(str(copy), source.shown), its_index


def _download_index(source: Source, suffixes: Sequence[str], folder: Path) -> Path:
    address, mark, query = source.location.partition("?")
    candidates = (
        [source.index]
        if source.index
        else [f"{address}{suffix}{mark}{query}" for suffix in suffixes]
    )
    refused = False
    for candidate in candidates:
        # Its kind is told by its content; the suffix does not matter to htslib.
        index = folder / "remote.index"
        try:
            with pysam.HFile(candidate, "rb") as remote, index.open("wb") as local:
                shutil.copyfileobj(remote, local, 1 << 20)
        except FileNotFoundError:
            continue
        except PermissionError:
            refused = True  # as S3 answers for a missing file, too
            continue
        except OSError as error:
            if error.errno in _FULL:
                raise
            raise unreadable(source, error, "its index") from error
        return index
    also = ", or the server refuses access to it" if refused else ""
    raise UserError(
        f"no index lies beside the remote file ({' or '.join(suffixes)}){also}",
        remedy="Index the file (samtools index) and put the index beside it, or name it as "
        "FILE##idx##INDEX, or download both",
        file=source.shown,
    )


def _build_index(source: Source, kind: str, folder: Path) -> Path:
    index = folder / ("built.crai" if kind == "CRAM" else "built.csi")
    try:
        make_index(Path(source.location), index)
    except SamtoolsError as error:
        if _is_in_order(source):
            raise UserError(
                f"the {kind} file cannot be indexed: it is truncated or damaged",
                remedy="Copy or download it again; `samtools view -c` finds such damage",
                file=source.shown,
            ) from error
        raise unsorted(source) from error
    return index


def _is_in_order(source: Source) -> bool:
    """Return whether records follow each other by position, up to the first that cannot be read."""
    last = (0, 0)
    file = open_file(source, None)
    try:
        for record in file.fetch(until_eof=True):
            if record.reference_id < 0:
                continue
            if (record.reference_id, record.reference_start) < last:
                return False
            last = (record.reference_id, record.reference_start)
    except OSError:
        return True
    finally:
        _close(file)
    return True


def _open_with_index(
    source: Source, kind: str, index: Path, reference: str | None, folder: Path
) -> pysam.AlignmentFile:
    try:
        if kind == "CRAM":
            read_crai(index)
        return open_file(source, index, reference)
    except (OSError, ValueError) as error:
        if source.is_remote and isinstance(error, REFUSALS):
            raise unreadable(source, error) from error
        if source.is_remote or index.parent == folder:
            raise _damaged(source) from error
    _LOGGER.warning("the index %s is damaged and is not used", index.name)
    return open_file(source, _build_index(source, kind, folder), reference)


def _damaged(source: Source) -> UserError:
    # To htslib an answer that does not come is the end of the file.
    or_cut = ", or the server does not send all of it" if source.is_remote else ""
    return UserError(
        f"the file or its index cannot be opened: one of them is damaged{or_cut}",
        remedy="Make the index again (samtools index)",
        file=source.shown,
    )


def _close(file: pysam.AlignmentFile) -> None:
    try:
        file.close()
    except OSError:
        # After a failed read htslib reports the same damage once more on closing; it was told
        # already.
        return
