"""The user's genome FASTA: read by position, known by its checksums, nothing written beside it."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pysam
from pysam.utils import SamtoolsError

from vexas_uba1.alignments.quiet import quiet_htslib
from vexas_uba1.errors import UserError
from vexas_uba1.files import write_text
from vexas_uba1.locus.builds import Contig

_CHUNK = 1 << 23  # bases held at a time while a contig's checksum is made
_HEAD = 1 << 16  # a whole first BGZF block


@dataclass(frozen=True)
class Genome:
    """A FASTA file that can be read by position.

    Attributes:
        path_shown: The file as the user named it.
        location: Path given to htslib; its index lies beside it under the usual name. Where the
            user's own folder holds no fresh index this is a link in the index folder.
        contigs: Names and lengths in the file's order; checksums are made only when asked for.
        checksums: Path prefix of the files that keep the checksums made so far.
    """

    path_shown: str
    location: Path
    contigs: tuple[Contig, ...]
    checksums: Path

    def length(self, contig: str) -> int | None:
        """Return a contig's length in bases, or None if the file has no such contig."""
        return next((known.length for known in self.contigs if known.name == contig), None)

    def fetch(self, contig: str, start: int, end: int) -> str:
        """Return the bases of ``[start, end)`` (0-based) in upper case.

        Raises:
            UserError: the file ends before the contig does, or cannot be read.
            ValueError: the interval lies outside the contig, or the contig is not there.
        """
        length = self.length(contig)
        if length is None or not 0 <= start <= end <= length:
            raise ValueError(f"no bases {contig}:{start}-{end} in {self.path_shown}")
        with quiet_htslib(), pysam.FastaFile(os.fspath(self.location)) as fasta:
            return self._read(fasta, contig, start, end)

    def md5(self, contig: str) -> str:
        """Return the M5 checksum of a contig: MD5 of its upper-case bases, as SAM headers hold it.

        Source: SAM specification, section 1.3.2. The result is kept beside the index.

        Raises:
            UserError: the file ends before the contig does, or cannot be read.
        """
        kept = self.checksums.with_name(f"{self.checksums.name}-{_digest(contig)[:16]}.md5")
        if kept.is_file():
            return kept.read_text(encoding="ascii").strip()
        length = self.length(contig)
        if length is None:
            raise ValueError(f"no contig {contig} in {self.path_shown}")
        checksum = hashlib.md5(usedforsecurity=False)
        with quiet_htslib(), pysam.FastaFile(os.fspath(self.location)) as fasta:
            for start in range(0, length, _CHUNK):
                bases = self._read(fasta, contig, start, min(start + _CHUNK, length))
                checksum.update(bases.encode("ascii"))
        write_text(kept, checksum.hexdigest() + "\n")
        return checksum.hexdigest()

    def require_m5(self, contig: str, expected: str, *, file: str) -> None:
        """Check that a contig has the checksum that an alignment's header states.

        Raises:
            UserError: it has another; ``file`` is the alignment as the user named it.
        """
        found = self.md5(contig)
        if found != expected:
            raise UserError(
                f"{contig} of the FASTA {self.path_shown} has other bases than the reference of "
                f"these reads (M5 {found}, the header says {expected})",
                remedy="Give the very FASTA that the reads were aligned to",
                file=file,
            )

    def _read(self, fasta: pysam.FastaFile, contig: str, start: int, end: int) -> str:
        try:
            bases = fasta.fetch(contig, start, end).upper()
        except (OSError, ValueError) as error:
            raise self._damaged() from error
        if len(bases) != end - start or not bases.isascii():
            raise self._damaged()
        return bases

    def _damaged(self) -> UserError:
        return UserError(
            "the FASTA cannot be read to the end: it is truncated, damaged or not the file that "
            "its index was made for",
            remedy="Copy the FASTA again and remove a .fai or .gzi that does not belong to it",
            file=self.path_shown,
        )


def open_genome(path: Path | str, *, index_dir: Path, shown: str | None = None) -> Genome:
    """Open a FASTA file, plain or bgzip-compressed.

    An index beside the file is used when it is not older than the file; otherwise one is made in
    ``index_dir`` (kept there for the next time). Nothing is ever written beside the user's file.

    Args:
        path: The FASTA file.
        index_dir: Folder of ours for indexes and checksums; made when missing.
        shown: The file as the user named it, for messages; ``path`` by default.

    Raises:
        UserError: the file is missing, a folder, empty, not FASTA, not regular FASTA, or
            compressed with plain gzip.
    """
    shown = shown or str(path)
    fasta = Path(path).absolute()
    bgzipped = _check_content(fasta, shown)
    status = fasta.stat()
    key = _digest(f"{fasta.resolve()}\0{status.st_size}\0{status.st_mtime_ns}")[:16]
    suffixes = [".fai", ".gzi"] if bgzipped else [".fai"]
    location = fasta
    if not all(_is_fresh(fasta, suffix) for suffix in suffixes):
        location = _linked(fasta, index_dir, key, suffixes, shown)
    return Genome(shown, location, _contigs(location, shown), index_dir / key)


def _check_content(fasta: Path, shown: str) -> bool:
    """Return whether the file is bgzip-compressed; raise a ``UserError`` if it is no FASTA."""

    def wrong(message: str, remedy: str) -> UserError:
        return UserError(message, remedy=remedy, file=shown)

    try:
        with fasta.open("rb") as handle:
            head = handle.read(_HEAD)
    except FileNotFoundError:
        raise wrong("the FASTA does not exist", "Check the path of the reference") from None
    except IsADirectoryError:
        raise wrong("this is a folder, not a FASTA file", "Name the FASTA file inside it") from None
    except OSError as error:
        message = f"the FASTA cannot be read ({error.strerror})"
        raise wrong(message, "Check the file's permissions and its disk") from None
    if not head:
        raise wrong("the FASTA is empty", "Copy or download it again")
    compressed = head.startswith(b"\x1f\x8b")
    if compressed and not is_bgzf(head):
        message = "the FASTA is compressed with plain gzip, which cannot be read by position"
        raise wrong(message, "Unpack it with gunzip, or compress it again with bgzip")
    content = inflate_head(head) if compressed else head
    if not content.lstrip().startswith(b">"):
        raise wrong("this is not a FASTA file: it does not begin with '>'", "Name a genome FASTA")
    return compressed


def is_bgzf(head: bytes) -> bool:
    """Return whether ``head`` begins a BGZF block (SAM specification, section 4.1)."""
    return head[:4] == b"\x1f\x8b\x08\x04" and head[12:14] == b"BC"


def inflate_head(head: bytes) -> bytes:
    """Return what the first gzip member in ``head`` unpacks to, as far as it can be unpacked."""
    try:
        return zlib.decompressobj(wbits=31).decompress(head)
    except zlib.error:
        return b""


def _is_fresh(fasta: Path, suffix: str) -> bool:
    index = Path(f"{fasta}{suffix}")
    return index.is_file() and index.stat().st_mtime_ns >= fasta.stat().st_mtime_ns


def _linked(fasta: Path, index_dir: Path, key: str, suffixes: list[str], shown: str) -> Path:
    """Return a link to ``fasta`` in ``index_dir`` with a complete index beside the link.

    htslib takes a CRAM's reference only with the index beside it, hence the link. The folder
    appears in one step, so that samples running at the same time can share it.
    """
    folder = index_dir / f"{key}-fasta"
    link = folder / "genome.fa"
    if folder.is_dir():
        return link
    index_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=index_dir) as temporary:
        part = Path(temporary) / "part"
        part.mkdir()
        options = ["--fai-idx", str(part / "genome.fa.fai")]
        if ".gzi" in suffixes:
            options += ["--gzi-idx", str(part / "genome.fa.gzi")]
        try:
            with quiet_htslib():
                pysam.faidx(*options, str(fasta))
        except SamtoolsError as error:
            raise UserError(
                "the FASTA cannot be indexed: its lines differ in length within a contig, or it is "
                "damaged",
                remedy="Make it regular, for example with `seqkit seq -w 60`, or copy it again",
                file=shown,
            ) from error
        (part / "genome.fa").symlink_to(fasta)
        try:
            part.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another job was first, with the same content
                raise
    return link


def _contigs(location: Path, shown: str) -> tuple[Contig, ...]:
    try:
        with quiet_htslib(), pysam.FastaFile(os.fspath(location)) as fasta:
            pairs = list(zip(fasta.references, fasta.lengths, strict=True))
    except (OSError, ValueError) as error:
        raise UserError(
            "the FASTA's index cannot be read",
            remedy="Remove the files .fai and .gzi beside the FASTA; they are made again",
            file=shown,
        ) from error
    return tuple(Contig(name, length, None) for name, length in pairs)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
