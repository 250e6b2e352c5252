"""The containers of a remote CRAM that a window needs, copied to the disk.

htslib takes an error of the network between two containers for the end of the file, and would hand
over the reads before it as if they were all. Copied, each byte is either there or missed.
"""

from __future__ import annotations

import errno
import gzip
import os
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pysam

from vexas_uba1.alignments.sources import cram_end, size_of

_FIELDS = 6
_ANY_CONTIG = -2  # a slice of several contigs, told in no more detail


@dataclass(frozen=True)
class _Slice:
    """A line of the index: its slice's contig (by number), 1-based range, and container."""

    contig: int
    start: int
    span: int
    container: int
    rest: str

    def overlaps(self, contig: int, start: int, end: int) -> bool:
        if self.contig == _ANY_CONTIG:
            return True
        return self.contig == contig and self.start <= end and self.start + self.span > start


def read_crai(index: Path) -> str:
    """Return the text of an index of a CRAM.

    Raises:
        ValueError: it is cut off or no such index; htslib would use the lines that are there.
    """
    content = index.read_bytes()
    try:
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("ascii")
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError("the index is damaged") from error
    if text and not text.endswith("\n"):
        raise ValueError("the index is cut off")
    return text


def copy_containers(
    location: str, index: Path, contig: int, window: tuple[int, int], folder: Path
) -> tuple[Path, Path]:
    """Copy header and needed containers of a remote CRAM; return the copy and its index.

    Args:
        location: Where the CRAM is.
        index: Its index, on the disk.
        contig: Number of the contig in its header, from 0 on.
        window: 0-based, half open.
        folder: For both files.

    Raises:
        OSError: a byte cannot be read.
        ValueError: the index is damaged, or is that of another file.
    """
    slices = [_slice(line) for line in read_crai(index).splitlines()]
    offsets = sorted({one.container for one in slices})
    if not offsets:
        raise ValueError("the index names no container")
    wanted = {one.container for one in slices if one.overlaps(contig, window[0] + 1, window[1])}
    # An index of nothing is refused by htslib.
    wanted = wanted or {offsets[0]}
    copy, moved = folder / "remote.cram", {}
    with pysam.HFile(location, "rb") as remote, copy.open("wb") as local:
        size = size_of(remote)
        if offsets[-1] >= size:
            raise ValueError("the index is that of a longer file")
        head = _bytes(remote, 0, offsets[0])
        local.write(head)
        for first, after in pairwise([*offsets, size]):
            if first in wanted:
                moved[first] = local.tell()
                local.write(_bytes(remote, first, after))
        if offsets[-1] not in moved:
            local.write(cram_end(head))
    kept = folder / "remote.cram.crai"
    kept.write_text(
        "".join(
            f"{one.contig}\t{one.start}\t{one.span}\t{moved[one.container]}\t{one.rest}\n"
            for one in slices
            if one.container in moved
        )
    )
    return copy, kept


def _slice(line: str) -> _Slice:
    contig, start, span, container, *rest = line.split("\t")
    if len(rest) != _FIELDS - 4:
        raise ValueError("the index is damaged")
    return _Slice(int(contig), int(start), int(span), int(container), "\t".join(rest))


def _bytes(remote: pysam.HFile, start: int, end: int) -> bytes:
    remote.seek(start)
    content: bytes = remote.read(end - start)
    if len(content) != end - start:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return content
