"""Where a library's unique molecular identifiers (UMIs) are: in SAM tags, or in the reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from vexas_uba1.grouping.identity import CELL_TAGS

Kind = Literal["M", "S", "T"]

_SEGMENT = re.compile(r"([1-9][0-9]*|\+)([MST])")


@dataclass(frozen=True)
class Segment:
    """A stretch of a read.

    Attributes:
        kind: ``M`` identifier, ``S`` to be skipped, ``T`` template, the read proper.
        length: Bases, or None for the rest of the read.
    """

    kind: Kind
    length: int | None


@dataclass(frozen=True)
class ReadStructure:
    """The stretches of a read from its 5' end; exactly one is template."""

    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class UmiSpec:
    """Where the identifiers are: exactly one of ``tags`` and ``structures`` is not empty.

    Attributes:
        text: As the user wrote it.
        tags: SAM tags that together identify a molecule; what they mean is told in
            :mod:`vexas_uba1.grouping.identity`.
        structures: One per FASTQ file of a unit, read 1 first.
    """

    text: str
    tags: tuple[str, ...] = ()
    structures: tuple[ReadStructure, ...] = ()


def parse_umi(text: str) -> UmiSpec | None:
    """Return what ``text`` says, in the form of the sheet's column ``umi``; None for ``none``.

    Raises:
        ValueError: it has another form, names a tag twice, or describes reads without identifier or
            template; the message is fit for the user.
    """
    if text == "none":
        return None
    if text[:1].isalpha():
        tags = tuple(text.split(","))
        if not all(re.fullmatch("[A-Za-z][A-Za-z0-9]", tag) for tag in tags):
            raise ValueError("a SAM tag is a letter and a letter or digit, such as RX")
        if len(set(tags)) < len(tags):
            raise ValueError("a tag is named twice")
        if CELL_TAGS.issuperset(tags):
            raise ValueError("a cell's tag does not tell molecules apart; add the UMI's: CB,UB")
        return UmiSpec(text, tags=tags)
    structures = tuple(_parse_structure(part) for part in text.split(" "))
    if not any(part.kind == "M" for structure in structures for part in structure.segments):
        raise ValueError("no part of the read structure is an identifier (M)")
    return UmiSpec(text, structures=structures)


def _parse_structure(text: str) -> ReadStructure:
    found = _SEGMENT.findall(text)
    if not text or "".join(length + kind for length, kind in found) != text:
        raise ValueError("a read structure is lengths and letters M, S or T, such as 8M2S+T")
    segments = tuple(
        Segment(kind, None if length == "+" else int(length)) for length, kind in found
    )
    if any(part.length is None for part in segments[:-1]):
        raise ValueError("+ (the rest of the read) can only be the last part of a read structure")
    if segments[-1] == Segment("M", None):
        raise ValueError("an identifier (M) needs a length")
    if sum(part.kind == "T" for part in segments) != 1:
        raise ValueError("each read needs exactly one part that is the read proper (T)")
    return ReadStructure(segments)
