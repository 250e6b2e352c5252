"""The known artefact of two-colour machines: they read T as G before T or G.

Source: doi:10.1101/2025.09.27.678978. On reads of the reverse strand it shows as A>C behind A or C.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from vexas_uba1.fragments.marks import BOTH_STRANDS, QUARTERS
from vexas_uba1.noise.counts import PositionCounts
from vexas_uba1.reference import BASES, UNKNOWN

RULED_OUT = 0.001
"""Chance of so few artefacts at other places below which the machine makes none (assumed)."""
_FORWARD, _REVERSE = slice(0, QUARTERS), slice(QUARTERS, BOTH_STRANDS)


@dataclass(frozen=True)
class Artefact:
    """What the artefact can do to an allele, and what is seen of it at other places of its kind.

    Attributes:
        strand: ``forward`` or ``reverse``: reads of that strand show the allele by it.
        bases: Bases at other such places, of molecules read on the strand alone.
        seen: Those that show it.
        errors: Those that would do so by the errors which their qualities announce.
    """

    strand: str
    bases: int = 0
    seen: int = 0
    errors: float = 0.0

    def is_ruled_out(self, rate: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether the sample shows that the machine does not err at some rates (k)."""
        chance = gammaincc(self.seen + 1, rate * self.bases + self.errors)
        ruled_out: NDArray[np.bool_] = chance < RULED_OUT
        return ruled_out


def artefact_strand(around: str, shown: str) -> str | None:
    """Return the strand on which the machine shows a base by itself.

    Args:
        around: The reference base between its neighbours, forward strand.
        shown: The base shown instead.
    """
    if (around[1:2], shown) == ("T", "G") and around[2:] in ("T", "G"):
        return "forward"
    return "reverse" if (around[1:2], shown) == ("A", "C") and around[:1] in ("A", "C") else None


def seen_elsewhere(counted: PositionCounts, left_out: frozenset[int]) -> tuple[int, int, float]:
    """Return what a sample shows of the artefact: bases, seen, errors; see :class:`Artefact`.

    Args:
        counted: The sample's positions.
        left_out: 0-based positions that tell nothing of it, as variants are sought there.
    """
    bases, seen, errors = 0, 0, 0.0
    telling = ~np.isin(counted.positions, list(left_out))
    before, behind = counted.context // (UNKNOWN + 1), counted.context % (UNKNOWN + 1)
    for true, alt, neighbour, allowed, origins in (
        ("T", "G", behind, "TG", _FORWARD),
        ("A", "C", before, "AC", _REVERSE),
    ):
        beside = np.isin(neighbour, [BASES.index(base) for base in allowed])
        rows = telling & beside & (counted.reference == BASES.index(true))
        at = counted.counts[rows][:, :, origins].sum(axis=(0, 2, 3))
        bases += int(at.sum())
        seen += int(at[BASES.index(alt)])
        errors += float(counted.error[rows][:, origins].sum()) / 3
    return bases, seen, errors
