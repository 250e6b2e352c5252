"""How likely a molecule without an allele shows it all the same.

The base qualities give an error probability for each observation. Sequencers and libraries differ
from their qualities, by kind of substitution, so each of the twelve kinds is scaled by what the
sample shows at its own coding positions that carry no variant. Insertions and deletions, of which
qualities say nothing, have an assumed probability by the run of equal bases that they lie in, and
are scaled likewise, by kind and length of the run. No scale goes below one: this model trusts
qualities and assumptions or distrusts them, no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from vexas_uba1.alleles.haplotypes import Pattern, View
from vexas_uba1.alleles.placements import Indel, Runs
from vexas_uba1.fragments import Molecules
from vexas_uba1.reference import UNKNOWN, ReferenceWindow

NAME = (
    "base qualities, scaled by kind of substitution on the sample's own non-variant positions; "
    "indels likewise, by kind and length of the run"
)
LOWEST_ERROR = 1e-6
"""No single base of a molecule is trusted beyond this: errors made before sequencing (assumed)."""
INDEL_ERROR = 1e-4
"""Probability of an insertion, or deletion, by error at a run of up to three equal bases, at least
(assumed; Illumina reads)."""
ERROR_BESIDE_ERROR = 0.01
"""Probability of a given error in a codon that holds another one, at least: errors of neighbouring
bases are not independent, so one molecule alone must not prove a double change (assumed)."""
INDEL_DOUBT = 0.5
"""Relative standard deviation of the assumed probabilities of insertions and deletions."""
_REPEAT_FACTOR = 3.0
_MOST_ASSUMED_INDEL_ERROR = 0.05
_HIGHEST_ERROR = 0.5
_PRIOR_COUNTS = 2.0
"""Pseudo-counts that hold a scale near one where a sample has shown few errors."""
_PRIOR_INDELS = 0.1
"""The same for insertions and deletions: fewer, for where nanopores err a hundred times as often as
is assumed, the scale must follow a few dozen molecules (assumed)."""
_RUN_CLASSES = 6
"""Runs of 1, 2, 3, 4, 5 and of 6 or more equal bases have scales of their own."""
_FEWEST_RUNS = 5
"""Runs that a class needs for a scale of its own; with fewer, a variant in one could hide itself.
It then takes the next shorter one's (assumed)."""
_GROWS_FROM = 3
"""Length from which the assumed probability grows with the run; up to it, a scale that is taken
over is taken by the ratio of the lengths, for each base of a run can be lost."""
INSERTION, DELETION = 0, 1
_BASE_ERROR = np.maximum(10.0 ** (-np.arange(256) / 10), LOWEST_ERROR)
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
        indel_scale: Factor on the assumed probability of insertions and deletions, by the length of
            the run (2, 6).
    """

    scale: NDArray[np.float64]
    seen: NDArray[np.float64]
    mismatch_rate: float | None
    indel_scale: NDArray[np.float64] = field(default_factory=lambda: np.ones((2, _RUN_CLASSES)))

    def doubt(self, true: int, shown: int) -> float:
        """Return the relative standard deviation of a scale: that of a Poisson count."""
        if max(true, shown) >= UNKNOWN:
            return INDEL_DOUBT
        return float((self.seen[true, shown] + _PRIOR_COUNTS) ** -0.5)

    def substitution(
        self, quality: NDArray[np.uint8], true: int, shown: int
    ) -> NDArray[np.float64]:
        """Return the probability that each base is read as ``shown`` though it is ``true``.

        Args:
            quality: Phred of each observation (n).
            true: Base code 0 to 3 of what is really there.
            shown: Base code 0 to 3.
        """
        error: NDArray[np.float64] = base_error(quality) / 3 * self.scale[true, shown]
        return np.minimum(error, _HIGHEST_ERROR)

    def indel(self, kind: int, run: int) -> float:
        """Return the probability of an insertion or deletion by error.

        Args:
            kind: ``INSERTION`` or ``DELETION``.
            run: Length of the run of equal bases that it lies in.
        """
        scale = self.indel_scale[kind, _run_class(run)]
        return min(_HIGHEST_ERROR, float(_assumed_indel_error(run) * scale))

    def indel_of(self, indel: Indel) -> float:
        """Return the probability of this insertion or deletion by error."""
        return self.indel(INSERTION if indel.is_insertion else DELETION, indel.run)


def _assumed_indel_error(run: int) -> float:
    return min(_MOST_ASSUMED_INDEL_ERROR, INDEL_ERROR * _REPEAT_FACTOR ** max(0, run - _GROWS_FROM))


def _run_class(run: int) -> int:
    return min(max(run, 1), _RUN_CLASSES) - 1


def base_error(quality: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the chance that a base of this Phred is wrong (Ewing, Green 1998), at least 1e-5."""
    error: NDArray[np.float64] = _BASE_ERROR[quality]
    return error


def count_positions(
    molecules: Molecules, reference: ReferenceWindow, positions: NDArray[np.int64]
) -> PositionCounts:
    """Count the molecules' bases at some of the searched positions (0-based, ascending)."""
    seen = molecules.histogram
    bases = seen.counts[np.searchsorted(seen.positions, positions), :UNKNOWN]
    phred = np.arange(bases.shape[2], dtype=np.uint8)
    error: NDArray[np.float64] = bases.sum(axis=1) @ base_error(phred)
    known = reference.codes[positions - reference.start]
    return PositionCounts(positions, known, bases.sum(axis=2), error)


def median_quality(molecules: Molecules) -> int:
    """Return the median Phred of the molecules' bases at the searched positions; 0 without any."""
    by_quality = molecules.histogram.counts[:, :UNKNOWN].sum(axis=(0, 1))
    return int(np.searchsorted(np.cumsum(by_quality), by_quality.sum() / 2))


def fit(
    counted: PositionCounts,
    never_used: frozenset[int],
    indels: Sequence[Indel] = (),
    runs: Runs | None = None,
) -> ErrorModel:
    """Scale the qualities' and the assumed error probabilities by what the sample shows.

    Args:
        counted: The sample's coding positions.
        never_used: 0-based positions where variants are sought by name; they say nothing about
            error.
        indels: All insertions and deletions that the molecules show.
        runs: Of the reference; without them insertions and deletions keep what is assumed.
    """
    usable = (counted.reference < UNKNOWN) & ~np.isin(counted.positions, list(never_used))
    reference = np.where(usable, counted.reference, 0)
    mismatches = counted.counts.copy()
    mismatches[np.arange(reference.size), reference] = 0
    indel_scale = np.ones((2, _RUN_CLASSES))
    if runs is not None:
        indel_scale = _fit_indels(counted, usable, indels, runs)
    # A position with far more of one mismatch than ten times its errors explain carries a variant.
    worst = mismatches.max(axis=1, initial=0)
    usable &= ~_too_many(worst, counted.error / 3)
    seen = np.zeros((4, 4))
    expected = np.zeros((4, 4))
    np.add.at(seen, reference[usable], mismatches[usable])
    np.add.at(expected, reference[usable], counted.error[usable, None] / 3)
    scale = np.maximum((seen + _PRIOR_COUNTS) / (expected + _PRIOR_COUNTS), 1.0)
    total = int(counted.counts[usable].sum())
    rate = float(mismatches[usable].sum()) / total if total else None
    return ErrorModel(scale, seen, rate, indel_scale)


def _too_many(seen: NDArray[np.int64], expected: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where more is seen than ten times what is expected can explain."""
    chance = gammainc(np.maximum(seen, 1), _VARIANT_EXCESS * expected + 1e-12)
    found: NDArray[np.bool_] = (seen > 0) & (chance <= _VARIANT_TAIL)
    return found


@dataclass(frozen=True)
class _RunCounts:
    """Insertions, or deletions, of runs of equal bases; S runs.

    Attributes:
        group: Class of the run's length, 0 to 5 (S).
        expected: Molecules that show one by the assumed probability (S).
        seen: Molecules that do (S).
    """

    group: NDArray[np.int64]
    expected: NDArray[np.float64]
    seen: NDArray[np.int64]


def _fit_indels(
    counted: PositionCounts, usable: NDArray[np.bool_], indels: Sequence[Indel], runs: Runs
) -> NDArray[np.float64]:
    """Return the scales of insertions and deletions by class of run (2, 6).

    The chances to err are the molecules at each run's first base. All insertions of a run count
    together, and all its deletions, so that the scale is rather too large for one of them.
    """
    first = runs.first[counted.positions - runs.start]
    depth = counted.counts.sum(axis=1)
    avoided = np.isin(first, first[~usable])
    heads = np.flatnonzero((first == counted.positions) & ~avoided & (depth > 0))
    scales = np.ones((2, _RUN_CLASSES))
    for kind in (INSERTION, DELETION):
        found = _count_runs(counted.positions[heads], depth[heads], indels, runs, kind)
        ordinary = ~_too_many(found.seen, found.expected * _typical(found))
        seen, expected, size = (
            np.bincount(found.group, values * ordinary, _RUN_CLASSES)
            for values in (found.seen, found.expected, np.ones(heads.size))
        )
        overall = max(1.0, (seen.sum() + _PRIOR_INDELS) / (expected.sum() + _PRIOR_INDELS))
        own = np.maximum((seen + _PRIOR_INDELS * overall) / (expected + _PRIOR_INDELS), 1.0)
        for group in range(_RUN_CLASSES):
            if size[group] >= _FEWEST_RUNS:
                scales[kind, group] = own[group]
            elif group == 0:
                scales[kind, group] = overall
            else:
                # What is assumed of runs of two or three is no more than of one.
                longer = (group + 1) / group if group < _GROWS_FROM else 1.0
                scales[kind, group] = 1 + (scales[kind, group - 1] - 1) * longer
    return scales


def _count_runs(
    heads: NDArray[np.int64],
    depth: NDArray[np.int64],
    indels: Sequence[Indel],
    runs: Runs,
    kind: int,
) -> _RunCounts:
    """Count the insertions, or deletions, of the runs that begin at ``heads``."""
    length = runs.length[heads - runs.start]
    seen = np.zeros(heads.size, dtype=np.int64)
    row_of = {position: row for row, position in enumerate(heads.tolist())}
    for indel in indels:
        row = row_of.get(runs.first_at(indel.edit.start))
        if row is not None and indel.is_insertion == (kind == INSERTION):
            seen[row] += sum(item.molecules.size for item in indel.shown)
    assumed = np.array([_assumed_indel_error(run) for run in length.tolist()])
    # A deleted base is no base, so its molecules are not in the depth.
    chances = depth + seen if kind == DELETION else depth
    group = np.array([_run_class(run) for run in length.tolist()], dtype=np.int64)
    return _RunCounts(group, assumed * chances, seen)


def _typical(found: _RunCounts) -> NDArray[np.float64]:
    """Return the median ratio of seen to expected of each run's class, never below one (S).

    Of a class with few runs, that of all.
    """
    if not found.seen.size:
        return np.ones(0)
    ratio = found.seen / found.expected
    median = np.full(_RUN_CLASSES, np.median(ratio))
    for group in range(_RUN_CLASSES):
        own = ratio[found.group == group]
        if own.size >= _FEWEST_RUNS:
            median[group] = np.median(own)
    typical: NDArray[np.float64] = np.maximum(median, 1.0)[found.group]
    return typical


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


def pattern_error(
    view: View, pattern: Pattern, model: ErrorModel, same: Sequence[Pattern] = ()
) -> NDArray[np.float64]:
    """Return the probability of showing ``pattern`` by error alone, by class of qualities (c).

    If the pattern is not in the sample, its molecules are other haplotypes misread: each haplotype
    seen counts by its share, the reference with half a molecule more, so that a sample in which
    every molecule shows the pattern is tested too.

    Args:
        view: Molecules informative on the view's places.
        pattern: What the allele's molecules show.
        model: The sample's error model.
        same: Other patterns that are the same allele.
    """
    parents: dict[Pattern, float] = {
        haplotype: float(count)
        for haplotype, count in view.haplotypes.items()
        if haplotype != pattern and haplotype not in same
    }
    if pattern != view.reference_pattern:
        parents[view.reference_pattern] = parents.get(view.reference_pattern, 0.0) + 0.5
    total = sum(parents.values())
    quality = view.quality_classes.quality
    chance = np.zeros(quality.shape[1])
    for parent, weight in parents.items():
        chance += weight / total * _misread(view, quality, parent, pattern, model)
    return np.clip(chance, 1e-300, _HIGHEST_ERROR)


def fewest_by_error(view: View, pattern: Pattern, model: ErrorModel) -> float:
    """Return how many molecules show ``pattern`` by error of the reference alone, by expectation.

    Quick, and never more than :func:`pattern_error` says: that many are no find.
    """
    classes = view.quality_classes
    known = view.haplotypes.get(view.reference_pattern, 0)
    misread = _misread(view, classes.quality, view.reference_pattern, pattern, model)
    return float(misread @ classes.size) * known / max(1, view.size)


def _misread(
    view: View,
    quality: NDArray[np.uint8],
    parent: Pattern,
    pattern: Pattern,
    model: ErrorModel,
) -> NDArray[np.float64]:
    """Return the probability of showing ``pattern`` if it is ``parent``, by class (c)."""
    chances = []
    for row, (true, shown) in enumerate(zip(parent, pattern, strict=True)):
        if true == shown:
            continue
        if row >= len(view.positions):
            indel = model.indel_of(view.indels[row - len(view.positions)])
            chances.append(np.full(quality.shape[1], indel))
        elif max(true, shown) >= UNKNOWN:
            kind = DELETION if shown >= UNKNOWN else INSERTION
            chances.append(np.full(quality.shape[1], model.indel(kind, 1)))
        else:
            chances.append(model.substitution(quality[row], true, shown))
    # The likeliest error comes by itself; the others come along with it.
    first, along = chances[0], np.ones(quality.shape[1])
    for chance in chances[1:]:
        along *= np.maximum(np.minimum(first, chance), ERROR_BESIDE_ERROR)
        first = np.maximum(first, chance)
    return first * along
