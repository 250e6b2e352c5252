"""Where the user's reads are, which kind of file that is, and whether it is whole."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pysam

from vexas_uba1.alignments.fasta import inflate_head, is_bgzf
from vexas_uba1.alignments.quiet import quiet_htslib
from vexas_uba1.errors import UserError
from vexas_uba1.locus.builds import Contig

_HEAD = 1 << 16  # a whole first BGZF block
_SCHEMES = ("http", "https", "s3", "s3+http", "s3+https")
# htslib's mark between the address of a file and that of its index.
_INDEX_MARK = "##idx##"
# A path that can never exist: references are looked up in no cache and on no server.
_NOWHERE = f"{os.devnull}/none"

# The empty last block or container that a complete file ends with: SAM specification 4.1.2, CRAM
# specification 9.
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_CRAM3_END = bytes.fromhex(
    "0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b"
)
_CRAM_ENDS = {
    (2, 1): bytes.fromhex("0b000000ffffffff0fe0454f460000000001000001000606010001000100"),
    (3, 0): _CRAM3_END,
    (3, 1): _CRAM3_END,
}
# What a server says outright; of other answers htslib hands on too little.
REFUSALS = (PermissionError, FileNotFoundError)
# Indexes that hold nothing, one for each format; see _reading_header.
_STAND_IN_INDEX = {"BAM": b"BAI\1" + bytes(4), "CRAM": b"0\t1\t1\t0\t0\t0\n"}


@dataclass(frozen=True)
class Source:
    """Where aligned reads are.

    Attributes:
        location: Absolute local path or URL, as htslib opens it.
        shown: What messages call it: as the user wrote it, of a URL without credentials, query and
            fragment.
        index: Path or URL of the index where the user named it, else None.
    """

    location: str
    shown: str
    index: str | None = None

    @classmethod
    def of(cls, given: Path | str, shown: str | None = None) -> Source:
        """Understand a path or URL; ``READS##idx##INDEX`` names an index that lies elsewhere.

        Raises:
            UserError: a URL of a kind that cannot be read.
        """
        reads, _, index = str(given).partition(_INDEX_MARK)
        if not is_url(reads):
            local_index = index if is_url(index) else str(Path(index).absolute())
            return cls(str(Path(reads).absolute()), shown or reads, local_index if index else None)
        without_secrets = shown_url(reads)
        if urlsplit(reads).scheme not in _SCHEMES:
            raise UserError(
                "addresses of this kind cannot be read",
                remedy=f"Use a local path or an address of one of {', '.join(_SCHEMES)}",
                file=without_secrets,
            )
        return cls(reads, without_secrets, index or None)

    @property
    def is_remote(self) -> bool:
        """Whether the reads come over the network."""
        return is_url(self.location)

    @property
    def name(self) -> str:
        """The file's own name without folders, query or credentials."""
        return Path(urlsplit(self.location).path if self.is_remote else self.location).name


@dataclass(frozen=True)
class AlignmentHeader:
    """What the header of a BAM or CRAM says.

    Attributes:
        format: ``BAM`` or ``CRAM``.
        contigs: Names, lengths and M5 checksums (lower case) of its @SQ lines, in order.
        read_groups: The fields of each @RG line, in order.
        programs: The fields of each @PG line, in order.
    """

    format: str
    contigs: tuple[Contig, ...]
    read_groups: tuple[dict[str, str], ...]
    programs: tuple[dict[str, str], ...]

    def contig(self, name: str) -> Contig:
        """Return the contig of that name (it must be there)."""
        return next(contig for contig in self.contigs if contig.name == name)


def is_url(given: str) -> bool:
    """Return whether ``given`` is a URL rather than a local path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", given) is not None


def shown_url(url: str) -> str:
    """Return ``url`` without user, password, query and fragment."""
    scheme, _, rest = url.partition("://")
    head, *tail = re.split("[?#]", rest, maxsplit=1)
    if any("@" in part for part in tail):
        return f"{scheme}://…"  # a password may hold these characters, and so may a query
    # Or '/', which an urlsplit would take for the end of it.
    return f"{scheme}://{head.rpartition('@')[2]}"


def check_alignment_file(source: Source) -> AlignmentHeader:
    """Check that ``source`` is a complete BAM or CRAM of aligned reads; return its header.

    Reads only its beginning and end.

    Raises:
        UserError: it is missing, unreachable, a folder, empty, another kind of file, truncated,
            sorted by name or without reference sequences.
    """
    head, tail = _ends(source)
    kind = _kind(source, head)
    if not tail.endswith(BGZF_END if kind == "BAM" else cram_end(head)):
        raise UserError(
            f"the {kind} file is truncated: its end-of-file mark is missing",
            remedy="Copy or download it again, or repeat the step that wrote it",
            file=source.shown,
        )
    return _header(source, kind)


def cram_end(head: bytes) -> bytes:
    """Return what a whole CRAM that begins with ``head`` ends with; empty for the oldest ones."""
    return _CRAM_ENDS.get((head[4], head[5]), b"")


def _ends(source: Source) -> tuple[bytes, bytes]:
    """Return the first block and the last bytes of the file."""
    if not source.is_remote:
        _check_local(source)
    try:
        with quiet_htslib(), pysam.HFile(source.location, "rb") as handle:
            head = handle.read(_HEAD)
            longest = max(len(BGZF_END), *(len(end) for end in _CRAM_ENDS.values()))
            if len(head) < longest:
                return head, head
            handle.seek(-longest, os.SEEK_END)
            return head, handle.read(longest)
    except OSError as error:
        raise unreadable(source, error) from error


def remote_size(source: Source) -> int:
    """Return how many bytes a remote file has.

    Raises:
        OSError: the server does not say.
    """
    with pysam.HFile(source.location, "rb") as handle:
        return size_of(handle)


def size_of(handle: pysam.HFile) -> int:
    """Return how many bytes an open remote file has; reading goes on elsewhere then.

    Raises:
        OSError: the server does not say.
    """
    # Not the end itself: servers may refuse a range that begins there (RFC 9110, 15.5.17).
    return int(handle.seek(-1, os.SEEK_END)) + 1


def _check_local(source: Source) -> None:
    path = Path(source.location)
    if path.is_dir():
        raise UserError(
            "this is a folder, not a BAM or CRAM",
            remedy="Name the file inside it",
            file=source.shown,
        )
    if not path.exists():
        raise UserError(
            "the file does not exist", remedy="Check the path of the BAM or CRAM", file=source.shown
        )
    if not path.is_file():
        raise UserError(
            "this is not a regular file; reads are fetched by position, which a pipe cannot do",
            remedy="Write the reads to a BAM file first",
            file=source.shown,
        )


def unreadable(source: Source, error: OSError, what: str = "the file") -> UserError:
    """Return the error for ``what`` of a source that cannot be read."""
    # htslib's own text may hold the whole URL with its secrets, so only the kind of error is
    # passed on.
    if not source.is_remote:
        reason = os.strerror(error.errno) if error.errno else "input/output error"
        return UserError(
            f"{what} cannot be read ({reason})",
            remedy="Check its permissions and its disk",
            file=source.shown,
        )
    if isinstance(error, FileNotFoundError):
        message, remedy = "the server has no such file", "Check the address"
    elif isinstance(error, PermissionError):
        message, remedy = (
            "the server refuses access",
            "Check the credentials (of S3: in the environment or ~/.aws/credentials), or get a "
            "fresh signed address",
        )
    else:
        message = f"{what} cannot be read: the server cannot be reached, or does not send all of it"
        remedy = (
            "Check the address and the network (the server must support HTTP range requests), "
            "or download the file"
        )
    return UserError(message, remedy=remedy, file=source.shown)


def _kind(source: Source, head: bytes) -> str:
    """Return ``BAM`` or ``CRAM``, or say what the file is instead."""
    content = inflate_head(head) if head.startswith(b"\x1f\x8b") else head
    if content.startswith(b"BAM\1") and is_bgzf(head):
        return "BAM"
    if head.startswith(b"CRAM") and len(head) > 5:
        return "CRAM"
    remedy = "Name a BAM or CRAM file"
    if not head:
        found, remedy = "is empty", "Copy or download it again, or repeat the step that wrote it"
    elif re.match(rb"@(HD|SQ|RG|PG|CO)\t", content):
        found = "is SAM text, not BAM or CRAM"
        remedy = "Convert it: samtools sort -o reads.bam reads.sam && samtools index reads.bam"
    elif content.startswith(b"@"):
        found, remedy = (
            "is FASTQ, not BAM or CRAM",
            "Name it in the columns fq1 and fq2 of the sheet",
        )
    elif content.startswith(b">"):
        found = "is FASTA, not BAM or CRAM"
    elif content.startswith((b"##fileformat=VCF", b"BCF")):
        found = "holds variants (VCF or BCF), not reads"
    else:
        found = "is not a BAM or CRAM, whatever its name says"
    raise UserError(f"the file {found}", remedy=remedy, file=source.shown)


def _header(source: Source, kind: str) -> AlignmentHeader:
    try:
        with quiet_htslib(), references_from_nowhere(), _reading_header(source, kind) as file:
            text = str(file.header)
            lengths = dict(zip(file.references, file.lengths, strict=True))
    except (OSError, ValueError) as error:
        if source.is_remote and isinstance(error, REFUSALS):
            raise unreadable(source, error) from error
        # To htslib an answer that does not come is the end of the file.
        or_cut = ", or the server does not send all of it" if source.is_remote else ""
        raise UserError(
            f"the header of the {kind} file cannot be read: it is damaged{or_cut}",
            remedy="Copy or download it again, or repeat the step that wrote it",
            file=source.shown,
        ) from error
    lines = [line.split("\t") for line in text.splitlines()]
    checksums = {
        fields["SN"]: fields["M5"].lower() for fields in _fields(lines, "@SQ") if "M5" in fields
    }
    if not lengths:
        raise UserError(
            "the file names no reference sequences (no @SQ lines): its reads are not aligned",
            remedy="Align the reads first, or give them as FASTQ (samtools fastq)",
            file=source.shown,
        )
    order = next(iter(_fields(lines, "@HD")), {})
    if order.get("SO") == "queryname" or order.get("GO") == "query":
        raise unsorted(source)
    return AlignmentHeader(
        kind,
        tuple(Contig(name, length, checksums.get(name)) for name, length in lengths.items()),
        tuple(_fields(lines, "@RG")),
        tuple(_fields(lines, "@PG")),
    )


@contextmanager
def _reading_header(source: Source, kind: str) -> Iterator[pysam.AlignmentFile]:
    # pysam always loads an index, and saves a remote one to the working folder; naming one here
    # prevents that.
    with tempfile.NamedTemporaryFile(suffix=".index") as index:
        index.write(_STAND_IN_INDEX[kind])
        index.flush()
        with open_file(source, Path(index.name)) as file:
            yield file


def _fields(lines: Sequence[Sequence[str]], kind: str) -> list[dict[str, str]]:
    """Return the ``TAG:value`` fields of every header line of that kind."""
    return [
        dict(field.split(":", 1) for field in line[1:] if ":" in field)
        for line in lines
        if line[0] == kind
    ]


def open_file(
    source: Source, index: Path | None, reference: str | None = None
) -> pysam.AlignmentFile:
    """Open a BAM or CRAM with this index; with none, a local one beside it if there is one."""
    return pysam.AlignmentFile(
        source.location,
        "rb",
        check_sq=False,
        index_filename=None if index is None else str(index),
        reference_filename=reference,
    )


@contextmanager
def references_from_nowhere() -> Iterator[None]:
    """Keep htslib from seeking a CRAM's reference in caches or on servers within the block."""
    names = ("REF_PATH", "REF_CACHE")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, _NOWHERE))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def unsorted(source: Source) -> UserError:
    """Return the error for reads that do not follow each other by position."""
    return UserError(
        "the reads are not sorted by position",
        remedy="Sort them: samtools sort -o sorted.bam FILE && samtools index sorted.bam",
        file=source.shown,
    )
