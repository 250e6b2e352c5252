"""What is known of the reference over the window, base by base, and from where.

Bases come from the user's FASTA; without one, exon bases from the gene record and intron bases
from what the reads' MD tags say of the reference they were aligned to; else they are N, and N is
never compared with anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.locus.bases import Sequence

BASES = "ACGTN"
UNKNOWN = 4
CONTEXTS = (UNKNOWN + 1) ** 2
"""Kinds of context: the base before and the base behind, each known or not."""
_CODE_OF = np.full(256, UNKNOWN, dtype=np.uint8)
for _code, _base in enumerate(BASES[:4]):
    _CODE_OF[ord(_base)] = _CODE_OF[ord(_base.lower())] = _code


def encode(bases: str) -> NDArray[np.uint8]:
    """Return base codes 0 to 3 for A, C, G, T and 4 for anything else."""
    coded: NDArray[np.uint8] = _CODE_OF[np.frombuffer(bases.encode("ascii"), dtype=np.uint8)]
    return coded


@dataclass(frozen=True)
class ReferenceWindow:
    """Reference bases of the window on the forward strand.

    Attributes:
        start: 0-based genomic position of the first base.
        bases: A, C, G, T, or N where nothing is known.
        source: ``fasta``, ``md`` (gene record and MD tags) or ``record`` (gene record alone).
        assumed: 0-based positions whose base is the rule for splice sites (GT, AG), read nowhere.
        disagreements: How many bases of FASTA or MD differ from the gene record's.
    """

    start: int
    bases: str
    source: str
    assumed: frozenset[int] = frozenset()
    disagreements: int = 0
    codes: NDArray[np.uint8] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Derive the coded form."""
        object.__setattr__(self, "codes", encode(self.bases))

    @property
    def end(self) -> int:
        """Exclusive end of the window."""
        return self.start + len(self.bases)

    def slice(self, start: int, end: int) -> str:
        """Return the bases of ``[start, end)``; N outside the window."""
        return Sequence(self.start, self.bases).slice(start, end)


def from_fasta(start: int, fasta_bases: str, record_bases: str) -> ReferenceWindow:
    """Return the window as the user's FASTA has it.

    Where the FASTA is masked to N, what the record knows stands in.
    """
    told, known = (
        np.frombuffer(bases.encode("ascii"), np.uint8) for bases in (fasta_bases, record_bases)
    )
    merged = np.where(told == ord("N"), known, told).tobytes().decode("ascii")
    return ReferenceWindow(start, merged, "fasta", disagreements=_differences(merged, record_bases))


def from_reads(
    start: int, record_bases: str, md_bases: Mapping[int, str], splice_sites: Collection[int]
) -> ReferenceWindow:
    """Return the window from the gene record and from what the reads' MD tags say.

    Args:
        start: 0-based genomic position of the first base.
        record_bases: The record's bases over the window, N where it knows none.
        md_bases: Reference base by 0-based position, where the reads agree on it.
        splice_sites: 0-based positions where the record knows no more than the rule.
    """
    bases = list(record_bases)
    for position, base in md_bases.items():
        if 0 <= position - start < len(bases) and base in "ACGT":
            bases[position - start] = base
    merged = "".join(bases)
    source = "md" if md_bases else "record"
    assumed = frozenset(position for position in splice_sites if position not in md_bases)
    return ReferenceWindow(start, merged, source, assumed, _differences(merged, record_bases))


def context_of(reference: ReferenceWindow, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the code of the bases beside each 0-based position, 0 to 24, forward strand (P)."""
    padded = np.concatenate(([UNKNOWN], reference.codes, [UNKNOWN])).astype(np.int64)
    at = positions - reference.start + 1
    return padded[at - 1] * (UNKNOWN + 1) + padded[at + 1]


def _differences(bases: str, record_bases: str) -> int:
    one, other = (np.frombuffer(each.encode("ascii"), np.uint8) for each in (bases, record_bases))
    unknown = ord("N")
    return int(((one != other) & (one != unknown) & (other != unknown)).sum())
