"""The UMIs of fragments: what they say of the molecule, its cell and its strand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.grouping.identity import CELL_TAGS, MOLECULE_TAG, TAG_SEPARATOR, Identity

_PARTS = re.compile("[-+_\t]")
"""Between the UMIs of the two ends: ``-`` in SAM tags, ``+`` and ``_`` in read names."""
_STRANDS = {"/A": 0, "/B": 1}
"""Suffixes of the strands of a duplex, as fgbio writes them into ``MI``."""
_NO_VALUE = "-"
"""What STARsolo writes into the tags of a read whose cell or UMI it rejects."""
UNNAMED = -1
UNKNOWN_STRAND = 2


class Name(NamedTuple):
    """What one text says.

    Attributes:
        umi: The UMI; parts separated by ``-``. Empty if there is none.
        cell: Of its cell; empty without cells.
        strand: 0 or 1 as far as the text tells, ``UNKNOWN_STRAND`` if it says nothing of strands.
    """

    umi: str
    cell: str = ""
    strand: int = UNKNOWN_STRAND


@dataclass(frozen=True)
class Names:
    """The UMIs of F fragments.

    Attributes:
        umis: Distinct UMIs.
        umi: Index among them, ``UNNAMED`` without one (F).
        cell: Index of the cell, 0 without cells (F).
        strand: Strand of the original molecule that each fragment is a copy of; 0 unless known (F).
        stranded: Whether it is known (F).
    """

    umis: list[str]
    umi: NDArray[np.int64]
    cell: NDArray[np.int64]
    strand: NDArray[np.uint8]
    stranded: NDArray[np.bool_]


def fragment_names(reads: Reads, identity: Identity, swapped: NDArray[np.bool_]) -> Names:
    """Read the UMIs of all fragments.

    A UMI of two parts is that of a duplex, one part from each end: read 1's first. The copies of
    one strand (F1R2) then read ``A-B``, those of the other (F2R1) ``B-A``; all are given the part
    of the first end first.

    Args:
        reads: Of F fragments. Where the reads of one disagree, the last UMI in the order of letters
            is taken.
        identity: Says which tags there are.
        swapped: Whether read 2 is at the fragment's first end (F).
    """
    texts = sorted(set(reads.umi))
    index_of = {text: index for index, text in enumerate(texts)}
    of_read = np.fromiter((index_of[text] for text in reads.umi), np.int64, count=len(reads.umi))
    # The last row is that of fragments without any text.
    text = np.full(reads.fragments, UNNAMED, dtype=np.int64)
    np.maximum.at(text, reads.fragment[: of_read.size], of_read)
    read_text = _reader(identity)
    names = [*map(read_text, texts), Name("")]
    turned = [_turned(name) for name in names] if identity.is_positional else names
    umi_of: dict[str, int] = {"": UNNAMED}
    cell_of: dict[str, int] = {}

    def column(values: Iterable[int]) -> NDArray[np.int64]:
        rows = np.fromiter(values, np.int64, count=2 * len(names)).reshape(2, -1)
        return rows[swapped.astype(np.int64), text]

    both = [*names, *turned]
    strand = column(name.strand for name in both)
    return Names(
        umi=column(umi_of.setdefault(name.umi, len(umi_of) - 1) for name in both),
        cell=column(cell_of.setdefault(name.cell, len(cell_of)) for name in both),
        strand=(strand == 1).astype(np.uint8),
        stranded=strand != UNKNOWN_STRAND,
        umis=list(umi_of)[1:],
    )


def reads_without_umi(reads: Reads, identity: Identity) -> int:
    """Return how many reads carry no UMI, or one that says nothing (only N, or ``-``)."""
    read_text = _reader(identity)
    says_nothing = {text for text in set(reads.umi) if not read_text(text).umi}
    return sum(text in says_nothing for text in reads.umi)


def _reader(identity: Identity) -> Callable[[str], Name]:
    """Return what reads a text; of a fragment with read 1 at its first end, where that matters."""
    tags = identity.tags
    if identity.is_assigned:
        return partial(_assigned, at=tags.index(MOLECULE_TAG))
    if identity.is_cellular:
        return partial(_cellular, in_cell=[tag in CELL_TAGS for tag in tags])
    return _positional


def _positional(text: str) -> Name:
    umi = text.upper()
    if not umi.isalpha():
        parts = _PARTS.split(umi)
        umi = "-".join(parts)
        if len(parts) == 2 and umi.strip("N-"):
            return Name(umi, strand=0)
    return Name(umi if umi.strip("N-") else "")


def _turned(name: Name) -> Name:
    """Return what the same text says of a fragment with read 2 at its first end."""
    if name.strand == UNKNOWN_STRAND:
        return name
    first, second = name.umi.split("-")
    return Name(f"{second}-{first}", strand=1)


def _assigned(text: str, at: int) -> Name:
    values = text.split(TAG_SEPARATOR)
    if not all(values):
        return Name("")
    suffix = values[at][-2:]
    if suffix not in _STRANDS:
        return Name(text)
    values[at] = values[at][:-2]
    return Name(TAG_SEPARATOR.join(values), strand=_STRANDS[suffix])


def _cellular(text: str, in_cell: Sequence[bool]) -> Name:
    values = text.split(TAG_SEPARATOR)
    if len(values) < len(in_cell) or not all(value.strip(_NO_VALUE) for value in values):
        return Name("")
    paired = list(zip(values, in_cell, strict=True))
    umi = "-".join(value.upper() for value, of_cell in paired if not of_cell)
    cell = TAG_SEPARATOR.join(value for value, of_cell in paired if of_cell)
    return Name(umi if umi.strip("N-") else "", cell)
