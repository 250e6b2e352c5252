"""A CRAM's file definition and header, written anew.

htslib puts the name of the file it writes into the file definition and the absolute path of the
FASTA into every @SQ line (UR). Both would differ between folders and tell where the file was made.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from pathlib import Path

_DEFINITION_BYTES = (
    26  # "CRAM", version, and 20 bytes of file id (CRAM 3.1 specification, section 6)
)
_ID_AT = 6


def replace_header(source: Path, target: Path, text: str, file_id: str) -> None:
    """Copy a CRAM 3 with another SAM header; the containers of reads stay as they are.

    Args:
        source: The CRAM.
        target: The copy; an index of ``source`` does not fit it.
        text: The new header, with the same contigs in the same order.
        file_id: ASCII; what is longer than 20 bytes is cut off.

    Raises:
        ValueError: ``source`` is no CRAM 3.
    """
    with source.open("rb") as old, target.open("wb") as new:
        definition = old.read(_DEFINITION_BYTES)
        if definition[:5] != b"CRAM\x03":
            raise ValueError(f"{source.name} is not a CRAM 3 file")
        start = old.read(64)
        (length,) = struct.unpack_from("<i", start)
        old.seek(_DEFINITION_BYTES + _container_head_size(start) + length)
        identity = file_id.encode("ascii")[: _DEFINITION_BYTES - _ID_AT]
        new.write(definition[:_ID_AT] + identity.ljust(_DEFINITION_BYTES - _ID_AT, b"\0"))
        new.write(_header_container(text))
        shutil.copyfileobj(old, new)


def _container_head_size(start: bytes) -> int:
    """Return the size of a container's head: length, seven numbers, landmarks, CRC32."""
    at = 4
    for _ in range(7):
        _, at = _read_number(start, at)
    landmarks, at = _read_number(start, at)
    for _ in range(landmarks):
        _, at = _read_number(start, at)
    return at + 4


def _header_container(text: str) -> bytes:
    """Return the first container: one uncompressed block with the length and the text."""
    content = text.encode("utf-8")
    content = struct.pack("<i", len(content)) + content
    size = _number(len(content))
    block = b"\0\0\0" + size + size + content  # method raw, type file header, content id 0
    block += struct.pack("<I", zlib.crc32(block))
    # Reference, start, span, records, counter and bases are 0; one block; one landmark, at 0.
    head = struct.pack("<i", len(block)) + bytes([0, 0, 0, 0, 0, 0, 1, 1, 0])
    return head + struct.pack("<I", zlib.crc32(head)) + block


def _number(value: int) -> bytes:
    """Encode a number below 2^28 as ITF8: leading ones count the bytes that follow."""
    for extra, limit in enumerate((1 << 7, 1 << 14, 1 << 21, 1 << 28)):
        if value < limit:
            lead = (0xFF00 >> extra) & 0xFF
            return (value | lead << (8 * extra)).to_bytes(extra + 1, "big")
    raise ValueError(f"{value} is too long for a header")


def _read_number(content: bytes, at: int) -> tuple[int, int]:
    """Return an ITF8 number below 2^28 and where it ends."""
    extra = next(count for count in range(4) if not content[at] & (0x80 >> count))
    value = int.from_bytes(content[at : at + extra + 1], "big")
    return value & ((1 << (7 * (extra + 1))) - 1), at + extra + 1
