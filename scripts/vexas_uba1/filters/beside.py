"""Supporting fragments that differ from the reference beside the allele too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from vexas_uba1.filters.support import Support, Surroundings
from vexas_uba1.reference import UNKNOWN

UNLIKELY_EXCESS = 1e-4
FEWEST_MISMATCHES = 1.0
"""Further mismatches per supporting fragment, on average, that are too many (assumed)."""
FOREIGN_POSITIONS = 3
"""Positions at which another sequence must differ to be told from a variant in cis (assumed)."""
_SHARED, _RARE = 0.8, 0.2


def excess_mismatches(support: Support) -> str | None:
    """Return why the supporting fragments are poor or foreign as a whole, or None."""
    around = support.surroundings
    if around is None:
        return None
    wrong, read = _mismatches(around, around.supporting)
    also_wrong, also_read = _mismatches(around, around.others)
    # Half a mismatch more, so that a few clean fragments do not make every other one suspicious.
    expected = (also_wrong.sum() + 0.5) / max(int(also_read.sum()), 1) * read.sum()
    seen = int(wrong.sum())
    many = seen >= FEWEST_MISMATCHES * max(1, around.supporting.shape[0])
    if many and float(gammainc(seen, expected)) < UNLIKELY_EXCESS:
        return (
            f"the supporting fragments show {seen} further mismatches, where {expected:.2g} are "
            "expected of others"
        )
    return None


def foreign_reads(support: Support) -> str | None:
    """Return why the supporting fragments stem from another sequence, or None.

    They share at least three further differences that others hardly show: a related gene, another
    species, a made construct.
    """
    around = support.surroundings
    if around is None or not around.supporting.size:
        return None
    places = 0
    for column in np.flatnonzero(around.reference < UNKNOWN):
        known = around.reference[column]
        own = around.supporting[:, column]
        own = own[own < UNKNOWN]
        if own.size < 2:
            continue
        bases = np.bincount(own, minlength=UNKNOWN)
        bases[known] = 0
        base = int(bases.argmax())
        rest = around.others[:, column]
        rest = rest[rest < UNKNOWN]
        rare = not rest.size or float((rest == base).mean()) < _RARE
        places += bool(bases[base] >= _SHARED * own.size and rare and rest.size)
    if places >= FOREIGN_POSITIONS:
        return (
            f"the supporting fragments share {places} further differences that other fragments do "
            "not show: they may stem from another sequence"
        )
    return None


def _mismatches(
    around: Surroundings, codes: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return mismatches and bases compared of each molecule."""
    compared = (codes < UNKNOWN) & (around.reference < UNKNOWN)
    wrong = compared & (codes != around.reference)
    return wrong.sum(axis=1), compared.sum(axis=1)
