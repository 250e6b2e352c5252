"""How likely a molecule without an allele shows it all the same.

The base qualities give an error probability for each observation. Sequencers and libraries differ
from their qualities, by kind of substitution, so each of the twelve kinds is scaled by what the
sample shows at its own coding positions that carry no variant. The scale never goes below one:
this model trusts a sample's qualities or distrusts them, no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from vexas_uba1.alleles import View
from vexas_uba1.fragments import Molecules
from vexas_uba1.reference import UNKNOWN, ReferenceWindow

NAME = "base qualities, scaled by kind of substitution on the sample's own non-variant positions"
LOWEST_ERROR = 1e-5
"""No single base of a molecule is trusted beyond this: errors made before sequencing (assumed)."""
INDEL_ERROR = 1e-4
"""Probability of a given indel by error outside of repeats (assumed; Illumina reads)."""
ERROR_BESIDE_ERROR = 0.01
"""Probability of a given error in a codon that holds another one, at least: errors of neighbouring
bases are not independent, so one molecule alone must not prove a double change (assumed)."""
INDEL_DOUBT = 0.5
"""Relative standard deviation of the assumed probabilities of insertions and deletions."""
_REPEAT_FACTOR = 3.0
_MOST_INDEL_ERROR = 0.05
_HIGHEST_ERROR = 0.5
_PRIOR_COUNTS = 2.0
"""Pseudo-counts that hold a scale near one where a sample has shown few errors."""
_VARIANT_EXCESS = 10.0
_VARIANT_TAIL = 1e-6


@dataclass(frozen=True)
class PositionCounts:
    """Observations by position; P positions.

    Attributes:
        positions: 0-based, ascending (P).
        reference: Reference base codes, 4 where unknown (P).
        counts: Molecules by base code A, C, G, T (P, 4).
        error: Sum over the molecules of the probability that the base is wrong in any way (P).
    """

    positions: NDArray[np.int64]
    reference: NDArray[np.uint8]
    counts: NDArray[np.int64]
    error: NDArray[np.float64]


@dataclass(frozen=True)
class ErrorModel:
    """Error probabilities of this sample.

    Attributes:
        scale: Factor on the quality's error probability by reference and shown base, forward
            strand (4, 4).
        seen: Mismatches that it was made from, likewise (4, 4).
        mismatch_rate: Share of mismatches at the positions it was made from; None without any base
            there.
    """

    scale: NDArray[np.float64]
    seen: NDArray[np.float64]
    mismatch_rate: float | None

    def doubt(self, true: int, shown: int) -> float:
        """Return the relative standard deviation of a scale: that of a Poisson count."""
        if max(true, shown) >= UNKNOWN:
            return INDEL_DOUBT
        return float((self.seen[true, shown] + _PRIOR_COUNTS) ** -0.5)

    def substitution(
        self, quality: NDArray[np.uint8], true: NDArray[np.uint8], shown: int
    ) -> NDArray[np.float64]:
        """Return the probability that each base is read as ``shown`` though it is ``true``.

        Args:
            quality: Phred of each observation (n).
            true: Base code 0 to 3 of what is really there (n).
            shown: Base code 0 to 3.
        """
        error: NDArray[np.float64] = base_error(quality) / 3 * self.scale[true, shown]
        return np.minimum(error, _HIGHEST_ERROR)

    def indel(self, repeat_length: int) -> float:
        """Return the probability of an indel by error in a run of ``repeat_length`` equal bases."""
        return min(_MOST_INDEL_ERROR, INDEL_ERROR * _REPEAT_FACTOR ** max(0, repeat_length - 3))


def base_error(quality: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the chance that a base of this Phred is wrong (Ewing, Green 1998), at least 1e-5."""
    error: NDArray[np.float64] = np.maximum(
        10.0 ** (-quality.astype(np.float64) / 10), LOWEST_ERROR
    )
    return error


def count_positions(
    molecules: Molecules, reference: ReferenceWindow, positions: NDArray[np.int64]
) -> PositionCounts:
    """Count the molecules' bases at the given 0-based, ascending positions."""
    index = np.searchsorted(positions, molecules.position)
    base = (molecules.code < UNKNOWN) & np.isin(molecules.position, positions)
    cell = index[base] * 4 + molecules.code[base]
    counts = np.bincount(cell, minlength=positions.size * 4).reshape(-1, 4)
    error: NDArray[np.float64] = np.bincount(
        index[base], weights=base_error(molecules.quality[base]), minlength=positions.size
    ).astype(np.float64)
    return PositionCounts(positions, reference.codes[positions - reference.start], counts, error)


def fit(counted: PositionCounts, never_used: frozenset[int]) -> ErrorModel:
    """Scale the qualities' error probabilities by kind of substitution.

    Args:
        counted: The sample's coding positions.
        never_used: 0-based positions where variants are sought by name; they say nothing about
            error.
    """
    usable = (counted.reference < UNKNOWN) & ~np.isin(counted.positions, list(never_used))
    reference = np.where(usable, counted.reference, 0)
    mismatches = counted.counts.copy()
    mismatches[np.arange(reference.size), reference] = 0
    # A position with far more of one mismatch than ten times its errors explain carries a variant.
    worst = mismatches.max(axis=1, initial=0)
    chance = gammainc(np.maximum(worst, 1), _VARIANT_EXCESS * counted.error / 3 + 1e-12)
    usable &= (worst == 0) | (chance > _VARIANT_TAIL)
    seen = np.zeros((4, 4))
    expected = np.zeros((4, 4))
    np.add.at(seen, reference[usable], mismatches[usable])
    np.add.at(expected, reference[usable], counted.error[usable, None] / 3)
    scale = np.maximum((seen + _PRIOR_COUNTS) / (expected + _PRIOR_COUNTS), 1.0)
    total = int(counted.counts[usable].sum())
    return ErrorModel(scale, seen, float(mismatches[usable].sum()) / total if total else None)


def tail_by_position(counted: PositionCounts, model: ErrorModel) -> NDArray[np.float64]:
    """Return the Poisson tail of each position and shown base (P, 4).

    Used to find what deserves the exact test, never to call. The reference base and unknown
    positions get 1.
    """
    known = counted.reference < UNKNOWN
    reference = np.where(known, counted.reference, 0)
    expected = counted.error[:, None] / 3 * model.scale[reference]
    tail: NDArray[np.float64] = np.where(
        counted.counts > 0, gammainc(np.maximum(counted.counts, 1), expected + 1e-300), 1.0
    )
    tail[np.arange(reference.size), reference] = 1.0
    tail[~known] = 1.0
    return tail


def pattern_error(view: View, pattern: tuple[int, ...], model: ErrorModel) -> NDArray[np.float64]:
    """Return each molecule's probability of showing ``pattern`` by error alone (n).

    If the pattern is not in the sample, its molecules are other haplotypes misread: each haplotype
    seen counts by its share, the reference with half a molecule more, so that a sample in which
    every molecule shows the pattern is tested too.

    Args:
        view: Molecules informative on the view's positions.
        pattern: One base code per position.
        model: The sample's error model.
    """
    parents: dict[tuple[int, ...], float] = {
        haplotype: float(count)
        for haplotype, count in view.haplotypes.items()
        if haplotype != pattern
    }
    if pattern != view.reference:
        parents[view.reference] = parents.get(view.reference, 0.0) + 0.5
    total = sum(parents.values())
    chance = np.zeros(view.size)
    for parent, weight in parents.items():
        chance += weight / total * _misread(view, parent, pattern, model)
    return np.clip(chance, 1e-300, _HIGHEST_ERROR)


def _misread(
    view: View, parent: tuple[int, ...], pattern: tuple[int, ...], model: ErrorModel
) -> NDArray[np.float64]:
    """Return each molecule's probability of showing ``pattern`` if it is ``parent`` (n)."""
    chances = [
        np.full(view.size, INDEL_ERROR)
        if max(true, shown) >= UNKNOWN
        else model.substitution(view.quality[row], np.full(view.size, true), shown)
        for row, (true, shown) in enumerate(zip(parent, pattern, strict=True))
        if true != shown
    ]
    # The likeliest error comes by itself; the others come along with it.
    first: NDArray[np.float64] = np.max(np.stack(chances), axis=0)
    along: NDArray[np.float64] = np.prod(
        np.stack([np.maximum(chance, ERROR_BESIDE_ERROR) for chance in chances]), axis=0
    )
    together: NDArray[np.float64] = first * along / np.maximum(first, ERROR_BESIDE_ERROR)
    return together
