"""Writing files: a reader sees the whole new file or the old one, and the same bytes every time."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PART = ".part-"
_NUMBERS = re.compile(r"\[\n\s*(?:null|-?[\d.eE+-]+)(?:,\n\s*(?:null|-?[\d.eE+-]+))*\n\s*\]")
"""A list of numbers as json writes it; within a text no line breaks are written as such."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on leaving without an error it takes ``path``'s place.

    The temporary name keeps ``path``'s suffixes, since htslib chooses formats by them. On an error
    (a full disk too) the temporary file is removed and ``path`` stays as it was.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_PART, suffix=path.name, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the temporary files of writers that were killed; none may be at work in ``folder``."""
    for left in folder.glob(f"{_PART}*"):
        left.unlink()


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 with line feeds, replacing ``path`` in one step."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON in the given key order, replacing ``path`` in one step.

    A list of numbers takes one line.

    Raises:
        ValueError: ``value`` holds a NaN or an infinity, which JSON cannot say.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, _NUMBERS.sub(lambda found: " ".join(found[0].split()), text) + "\n")


def copy(source: Path, target: Path) -> None:
    """Copy a file's content, replacing ``target`` in one step."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def write_gzip(path: Path, content: bytes) -> None:
    """Write ``content`` gzip-compressed without time or name in its header."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as packed:
        packed.write(content)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _umask() -> int:
    # There is no call that only reads the mask.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
