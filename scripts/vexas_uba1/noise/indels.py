"""How often insertions and deletions come by error, by the run of equal bases that they lie in.

Qualities say nothing of them. What is assumed is scaled by what the sample shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alleles.placements import Indel, Runs
from vexas_uba1.noise.counts import PositionCounts
from vexas_uba1.noise.outliers import too_many

INSERTION, DELETION = 0, 1
INDEL_ERROR = 1e-4
"""Probability of an insertion, or deletion, by error at a run of up to three equal bases, at least
(assumed; Illumina reads)."""
INDEL_DOUBT = 0.5
"""Relative standard deviation of the assumed probabilities of insertions and deletions."""
RUN_CLASSES = 6
"""Runs of 1, 2, 3, 4, 5 and of 6 or more equal bases have scales of their own."""
_REPEAT_FACTOR = 3.0
_MOST_ASSUMED_INDEL_ERROR = 0.05
_PRIOR_INDELS = 0.1
"""Pseudo-counts that hold a scale near one where a sample has shown few: so few of them that, where
nanopores err a hundred times as often as is assumed, the scale follows a few dozen molecules
(assumed)."""
_FEWEST_RUNS = 5
"""Runs that a class needs for a scale of its own; with fewer, a variant in one could hide itself.
It then takes the next shorter one's (assumed)."""
_GROWS_FROM = 3
"""Length from which the assumed probability grows with the run; up to it, a scale that is taken
over is taken by the ratio of the lengths, for each base of a run can be lost."""


def assumed_indel_error(run: int) -> float:
    """Return the probability at a run of equal bases before the sample is looked at."""
    return min(_MOST_ASSUMED_INDEL_ERROR, INDEL_ERROR * _REPEAT_FACTOR ** max(0, run - _GROWS_FROM))


def run_class(run: int) -> int:
    """Return the class of a run's length, 0 to 5."""
    return min(max(run, 1), RUN_CLASSES) - 1


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


def fit_indels(
    counted: PositionCounts, usable: NDArray[np.bool_], indels: Sequence[Indel], runs: Runs
) -> NDArray[np.float64]:
    """Return the scales of insertions and deletions by class of run (2, 6).

    The chances to err are the molecules at each run's first base. All insertions of a run count
    together, and all its deletions, so that the scale is rather too large for one of them.
    """
    first = runs.first[counted.positions - runs.start]
    depth = counted.bases.sum(axis=1)
    avoided = np.isin(first, first[~usable])
    heads = np.flatnonzero((first == counted.positions) & ~avoided & (depth > 0))
    scales = np.ones((2, RUN_CLASSES))
    for kind in (INSERTION, DELETION):
        found = _count_runs(counted.positions[heads], depth[heads], indels, runs, kind)
        ordinary = ~too_many(found.seen, found.expected * _typical(found))
        seen, expected, size = (
            np.bincount(found.group, values * ordinary, RUN_CLASSES)
            for values in (found.seen, found.expected, np.ones(heads.size))
        )
        overall = max(1.0, (seen.sum() + _PRIOR_INDELS) / (expected.sum() + _PRIOR_INDELS))
        own = np.maximum((seen + _PRIOR_INDELS * overall) / (expected + _PRIOR_INDELS), 1.0)
        for group in range(RUN_CLASSES):
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
    for indel in indels:
        first = runs.first_at(indel.edit.start)
        row = int(np.searchsorted(heads, first))
        of_kind = indel.is_insertion == (kind == INSERTION)
        if of_kind and row < heads.size and heads[row] == first:
            seen[row] += sum(item.molecules.size for item in indel.shown)
    # There are few lengths.
    lengths, of = np.unique(length, return_inverse=True)
    assumed = np.array([assumed_indel_error(run) for run in lengths.tolist()])
    group = np.array([run_class(run) for run in lengths.tolist()], dtype=np.int64)
    # A deleted base is no base, so its molecules are not in the depth.
    chances = depth + seen if kind == DELETION else depth
    return _RunCounts(group[of], assumed[of] * chances, seen)


def _typical(found: _RunCounts) -> NDArray[np.float64]:
    """Return the median ratio of seen to expected of each run's class, never below one (S).

    Of a class with few runs, that of all.
    """
    if not found.seen.size:
        return np.ones(0)
    ratio = found.seen / found.expected
    median = np.full(RUN_CLASSES, np.median(ratio))
    for group in range(RUN_CLASSES):
        own = ratio[found.group == group]
        if own.size >= _FEWEST_RUNS:
            median[group] = np.median(own)
    typical: NDArray[np.float64] = np.maximum(median, 1.0)[found.group]
    return typical
