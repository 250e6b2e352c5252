"""Ratios of seen to expected counts, shrunk towards one where few were expected.

A group's ratio is taken for a draw from a gamma distribution of mean one, whose variance is that of
all groups of a level; the counts are Poisson. So the posterior is a gamma distribution too
(Clayton, Kaldor 1987, doi:10.2307/2532003), and a level in which all groups err alike costs
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST_VARIANCE, _LARGEST_VARIANCE = 1e-4, 25.0
_OPEN = 100.0
"""The prior of a group apart is worth a hundredth of what is expected there (assumed)."""


@dataclass(frozen=True)
class Prior:
    """What is believed of a level's variance before it is looked at (assumed).

    Attributes:
        variance: Of the groups' true ratios.
        weight: How many squared expected counts it is worth.
        doubted: Standard deviations of chance that are taken off what is seen: so many that groups
            which err alike are not told apart by accident.
    """

    variance: float
    weight: float
    doubted: float = 0.0


@dataclass(frozen=True)
class Shrunk:
    """Ratios of a level's groups.

    Attributes:
        ratio: Posterior mean of each group's ratio, in the shape of the counts.
        own: Relative variance of it that the group's own counts leave.
        passed_on: Share of the relative variance of what was expected that stays with the ratio:
            none where many were seen.
    """

    ratio: NDArray[np.float64]
    own: NDArray[np.float64]
    passed_on: NDArray[np.float64]

    def variance(self, before: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the relative variance of expected times ratio."""
        return self.own + self.passed_on * before

    def along(self, index: NDArray[np.int64]) -> Shrunk:
        """Return the groups of the last axis that ``index`` names."""
        return Shrunk(self.ratio[..., index], self.own[..., index], self.passed_on[..., index])

    def __getitem__(self, index: Any) -> Shrunk:
        """Return the groups that an index of numpy's kind takes."""
        return Shrunk(self.ratio[index], self.own[index], self.passed_on[index])


def variance_of(
    seen: NDArray[np.float64],
    expected: NDArray[np.float64],
    prior: Prior,
    axes: tuple[int, ...] | None = None,
) -> NDArray[np.float64]:
    """Return the variance of the groups' true ratios, by moments.

    E[(seen - expected)^2] = expected + variance * expected^2.

    Args:
        seen: Counts of the groups.
        expected: Of the same shape.
        prior: Of the variance.
        axes: Over which groups share one; all without. They are kept, of length one.
    """
    excess = ((seen - expected) ** 2 - expected).sum(axis=axes, keepdims=True)
    squared = (expected**2).sum(axis=axes, keepdims=True)
    if prior.doubted:
        # The variance of (seen - expected)^2 where groups err alike, Poisson.
        chance = (2 * squared + expected.sum(axis=axes, keepdims=True)) ** 0.5
        excess = np.maximum(excess - prior.doubted * chance, 0.0)
    variance = (excess + prior.variance * prior.weight) / (squared + prior.weight)
    bounded: NDArray[np.float64] = np.clip(variance, _LEAST_VARIANCE, _LARGEST_VARIANCE)
    return bounded


def shrink(
    seen: NDArray[np.float64],
    expected: NDArray[np.float64],
    prior: Prior | NDArray[np.float64],
    axes: tuple[int, ...] | None = None,
) -> Shrunk:
    """Return the ratio of each group.

    Args:
        seen: Counts of the groups, of any shape.
        expected: Of the same shape.
        prior: Of the variance of the level; or that variance itself, by group.
        axes: Over which groups share one variance; all without.
    """
    variance = variance_of(seen, expected, prior, axes) if isinstance(prior, Prior) else prior
    strength = 1 / variance
    posterior = seen + strength
    return Shrunk(posterior / (expected + strength), 1 / posterior, (strength / posterior) ** 2)


def shrink_apart(
    seen: NDArray[np.float64],
    expected: NDArray[np.float64],
    apart: NDArray[np.bool_],
    prior: Prior,
) -> Shrunk:
    """Return the ratio of each group, where some err by a cause of their own.

    These say nothing of how far the others differ, nor the others of them.

    Args:
        seen: Counts of the groups, of any shape.
        expected: Of the same shape.
        apart: Which groups these are, likewise.
        prior: Of the variance of the level.
    """
    usual = variance_of(np.where(apart, 0, seen), np.where(apart, 0, expected), prior)
    open_to_all = _LARGEST_VARIANCE + _OPEN / np.maximum(expected, 1e-12)
    return shrink(seen, expected, np.where(apart, open_to_all, usual))
