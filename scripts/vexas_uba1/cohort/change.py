"""Whether the VAF of an allele changed from one sample of a patient to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.05
"""Chance of seeing any change in the series of a patient where there is none, at most."""


@dataclass(frozen=True)
class Measured:
    """An allele in one sample.

    Attributes:
        alt_fragments: Fragments that show it.
        depth_fragments: Informative ones, 1 or more.
        vaf: Its VAF less errors.
        vaf_low95: Lower end of the 95 % interval.
        vaf_high95: Upper end.
    """

    alt_fragments: int
    depth_fragments: int
    vaf: float
    vaf_low95: float
    vaf_high95: float


@dataclass(frozen=True)
class Change:
    """A comparison of two samples.

    Attributes:
        difference: Of the VAF, later less earlier.
        difference_low95: Lower end of its 95 % interval.
        difference_high95: Upper end.
        p_value: Of the two counts, two-sided.
        p_adjusted: For all comparisons of the patient.
        direction: ``higher``, ``lower`` or ``none_shown``.
    """

    difference: float
    difference_low95: float
    difference_high95: float
    p_value: float
    p_adjusted: float
    direction: str


def compare(pairs: Sequence[tuple[Measured, Measured]]) -> list[Change]:
    """Compare the earlier and the later of each pair; all pairs are one patient's.

    A change must show twice: in the counts, by Fisher's exact test with p-values adjusted for the
    number of comparisons (Holm 1979, Scand J Stat 6:65-70), and in the interval of the difference,
    which knows of errors as those of the two VAFs do: squares of the distances to their ends are
    added (Newcombe 1998, Stat Med 17:873-890).
    """
    from scipy.stats import fisher_exact

    p_values = []
    for earlier, later in pairs:
        table = [
            [each.alt_fragments, each.depth_fragments - each.alt_fragments]
            for each in (earlier, later)
        ]
        p_values.append(float(fisher_exact(table)[1]))
    made = []
    for (earlier, later), p_value, adjusted in zip(pairs, p_values, holm(p_values), strict=True):
        difference = later.vaf - earlier.vaf
        low = difference - math.hypot(later.vaf - later.vaf_low95, earlier.vaf_high95 - earlier.vaf)
        high = difference + math.hypot(
            later.vaf_high95 - later.vaf, earlier.vaf - earlier.vaf_low95
        )
        direction = "none_shown"
        if adjusted < LEVEL and (low > 0 or high < 0):
            direction = "higher" if low > 0 else "lower"
        made.append(Change(difference, low, high, p_value, adjusted, direction))
    return made


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that all tests together keep a level (n)."""
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = largest
    return adjusted
