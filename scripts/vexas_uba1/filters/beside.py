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
_SHARED, _RARE, _FEWEST_ALIKE = 0.8, 0.2, 2


def excess_mismatches(support: Support) -> str | None:
    """Return why the supporting fragments are poor as a whole, or None.

    What most of them share is no error of theirs: a variant of the same chromosome, or another
    sequence, of which the next flag knows.
    """
    around = support.surroundings
    if around is None:
        return None
    compared = (around.reference < UNKNOWN) & ~_shared(around)
    wrong, read = _mismatches(around, around.supporting, compared)
    also_wrong, also_read = _mismatches(around, around.others, compared)
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
    for column in np.flatnonzero(_shared(around)).tolist():
        base = _commonest(around, column)[0]
        rest = around.others[:, column]
        rest = rest[rest < UNKNOWN]
        places += bool(rest.size) and float((rest == base).mean()) < _RARE
    if places >= FOREIGN_POSITIONS:
        return (
            f"the supporting fragments share {places} further differences that other fragments do "
            "not show: they may stem from another sequence"
        )
    return None


def _shared(around: Surroundings) -> NDArray[np.bool_]:
    """Return the positions at which most supporting fragments differ alike (P)."""
    shared = np.zeros(around.reference.size, dtype=np.bool_)
    for column in np.flatnonzero(around.reference < UNKNOWN).tolist():
        _, same, read = _commonest(around, column)
        shared[column] = read >= _FEWEST_ALIKE and same >= _SHARED * read
    return shared


def _commonest(around: Surroundings, column: int) -> tuple[int, int, int]:
    """Return the base that most supporting fragments differ by, how many do, and of how many."""
    own = around.supporting[:, column]
    own = own[own < UNKNOWN]
    bases = np.bincount(own, minlength=UNKNOWN)
    bases[around.reference[column]] = 0
    base = int(bases.argmax())
    return base, int(bases[base]), int(own.size)


def _mismatches(
    around: Surroundings, codes: NDArray[np.uint8], positions: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return mismatches and bases compared of each molecule at some positions."""
    compared = (codes < UNKNOWN) & positions
    wrong = compared & (codes != around.reference)
    return wrong.sum(axis=1), compared.sum(axis=1)
