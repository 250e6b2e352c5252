"""A reference FASTA of which only one stretch is known: the rest is N, in real contig lengths.

156 million N need not be compressed to be written: a BGZF block of N lines is always the same
bytes, so it is made once and repeated. Writing chrX takes well under a second, a whole genome of N
some seconds.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

from vexas_uba1.files import replacing, write_text

LINE_BASES = 60
_LINES_PER_BLOCK = 1000  # 61,000 bytes; a BGZF block holds at most 65,280
_UNKNOWN_LINE = b"N" * LINE_BASES + b"\n"
_UNKNOWN_BLOCK = _UNKNOWN_LINE * _LINES_PER_BLOCK
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def padded_md5(length: int, start: int, bases: str) -> str:
    """Return the M5 (SAM specification, section 1.3.2) of a contig that is N but for ``bases``.

    Args:
        length: Length of the contig.
        start: 0-based position of the first of ``bases``.
        bases: The known bases; may be empty.
    """
    digest = hashlib.md5(usedforsecurity=False)
    for count, known in ((start, bases), (length - start - len(bases), "")):
        for size in _chunks(count, 1 << 20):
            digest.update(_unknown(size))
        digest.update(known.encode("ascii"))
    return digest.hexdigest()


def write_padded_fasta(
    path: Path, contigs: Sequence[tuple[str, int]], contig: str, start: int, bases: str
) -> None:
    """Write a FASTA with its .fai; a path that ends in .gz is BGZF-compressed and gets a .gzi too.

    Args:
        path: Where to write.
        contigs: Names and lengths in the file's order.
        contig: The one of ``contigs`` that holds ``bases``.
        start: 0-based position of the first of ``bases``.
        bases: The known bases; all others are N.

    Raises:
        OSError: the folder cannot be written.
    """
    index_lines: list[str] = []
    offset = 0
    packed = path.suffix == ".gz"
    with replacing(path) as temporary, temporary.open("wb") as handle:
        output: _Output = _Packed(handle) if packed else _Plain(handle)
        for name, length in contigs:
            title = f">{name} synthetic: N but for a drawn stretch of one gene\n".encode("ascii")
            output.write(title)
            offset += len(title)
            width = min(LINE_BASES, length)
            index_lines.append(f"{name}\t{length}\t{offset}\t{width}\t{width + 1}\n")
            known = (start, bases) if name == contig else (0, "")
            for block in _lines(length, *known):
                output.write(block)
            offset += length + -(-length // LINE_BASES)
        output.close()
    write_text(path.with_name(path.name + ".fai"), "".join(index_lines))
    if isinstance(output, _Packed):
        with replacing(path.with_name(path.name + ".gzi")) as temporary:
            temporary.write_bytes(output.index())


def _lines(length: int, start: int, bases: str) -> Iterator[bytes]:
    """Yield the contig's lines in blocks; whole blocks of N are the same object."""
    first_line = start // LINE_BASES
    end_line = min(-(-(start + len(bases)) // LINE_BASES), length // LINE_BASES) if bases else 0
    first_line = min(first_line, end_line)
    yield from _unknown_lines(first_line)
    before = "N" * (start - first_line * LINE_BASES) if bases else ""
    known = before + bases
    known += "N" * ((end_line - first_line) * LINE_BASES - len(known))
    lines = [known[i : i + LINE_BASES] for i in range(0, len(known), LINE_BASES)]
    whole = end_line - first_line
    for i in range(0, whole, _LINES_PER_BLOCK):
        part = lines[i : min(i + _LINES_PER_BLOCK, whole)]
        yield ("\n".join(part) + "\n").encode("ascii")
    yield from _unknown_lines(length // LINE_BASES - end_line)
    if length % LINE_BASES:
        last = lines[whole] if len(lines) > whole else ""
        yield (last + "N" * (length % LINE_BASES - len(last)) + "\n").encode("ascii")


def _unknown_lines(count: int) -> Iterator[bytes]:
    for size in _chunks(count, _LINES_PER_BLOCK):
        yield _UNKNOWN_BLOCK if size == _LINES_PER_BLOCK else _UNKNOWN_LINE * size


def _chunks(total: int, size: int) -> Iterable[int]:
    for _ in range(total // size):
        yield size
    if total % size:
        yield total % size


@cache
def _unknown(count: int) -> bytes:
    return b"N" * count


class _Plain:
    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle

    def write(self, content: bytes) -> None:
        self._handle.write(content)

    def close(self) -> None:
        """Nothing follows the text."""


class _Packed:
    """One BGZF block per piece of text; keeps the offsets that the .gzi lists."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self._unknown = _bgzf_block(_UNKNOWN_BLOCK)
        self._offsets: list[tuple[int, int]] = []
        self._packed = 0
        self._plain = 0

    def write(self, content: bytes) -> None:
        block = self._unknown if content is _UNKNOWN_BLOCK else _bgzf_block(content)
        self._handle.write(block)
        self._offsets.append((self._packed, self._plain))
        self._packed += len(block)
        self._plain += len(content)

    def close(self) -> None:
        self._handle.write(_BGZF_END)

    def index(self) -> bytes:
        """Return the .gzi: a count, and the offsets of every block but the first."""
        listed = self._offsets[1:]
        numbers = [number for pair in listed for number in pair]
        return struct.pack(f"<{1 + len(numbers)}Q", len(listed), *numbers)


_Output = _Plain | _Packed


def _bgzf_block(content: bytes) -> bytes:
    """Compress at most 65,280 bytes as one BGZF block (SAM specification, section 4.1)."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packer.compress(content) + packer.flush()
    header = bytes.fromhex("1f8b08040000000000ff060042430200") + struct.pack("<H", len(body) + 25)
    return header + body + struct.pack("<II", zlib.crc32(content), len(content))
