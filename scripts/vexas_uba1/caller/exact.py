"""Exact tails, intervals and limits of counts; no approximation but where a docstring says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import bdtrc, betaincinv, gammaln

FEWEST_MOLECULES = 2
"""Molecules that a call needs, however unlikely an error is: one can be anything."""
_GRID_PER_DECADE = 200
"""Error probabilities kept per factor of ten when there are many: rounded up by 1.2 % at most."""
_MOST_GROUPS = 64
_TAIL_SDS = 12.0
_DENSE_COUNTS = 4096


@dataclass(frozen=True)
class Errors:
    """Independent trials with unequal probabilities, grouped by probability.

    Attributes:
        probability: Distinct probabilities in (0, 1), ascending (G).
        trials: Number of trials with each (G).
    """

    probability: NDArray[np.float64]
    trials: NDArray[np.int64]

    @classmethod
    def of(
        cls, probabilities: NDArray[np.float64], trials: NDArray[np.int64] | None = None
    ) -> Errors:
        """Group equal probabilities; beyond 64 distinct ones they are rounded up a little.

        Args:
            probabilities: In (0, 1) (c).
            trials: Number of trials with each (c); one each without.
        """
        if trials is None:
            trials = np.ones(probabilities.size, dtype=np.int64)
        distinct, group = np.unique(probabilities, return_inverse=True)
        if distinct.size > _MOST_GROUPS:
            grid = np.ceil(np.log10(probabilities) * _GRID_PER_DECADE) / _GRID_PER_DECADE
            distinct, group = np.unique(np.minimum(10.0**grid, 1 - 1e-9), return_inverse=True)
        summed = np.bincount(group, weights=trials, minlength=distinct.size)
        return cls(distinct.astype(np.float64), summed.astype(np.int64))

    def thinned(self, total: int) -> Errors:
        """Return ``total`` of the trials, evenly over the sorted probabilities."""
        chosen = np.linspace(0, self.total - 1, total).astype(np.int64)
        group = np.searchsorted(np.cumsum(self.trials), chosen, side="right")
        kept = np.bincount(group, minlength=self.trials.size)
        return Errors(self.probability[kept > 0], kept[kept > 0])

    @property
    def total(self) -> int:
        """Number of trials."""
        return int(self.trials.sum())

    @cached_property
    def mean(self) -> float:
        """Expected number of successes."""
        return float(self.probability @ self.trials)

    def log_tail(self, count: int) -> float:
        """Return the natural logarithm of P(K >= count), K Poisson-binomial.

        The distribution is tilted exponentially until its mean is ``count``; the tail is summed
        there and tilted back, so that no term underflows and none cancels (the identity behind
        Cramér's theorem; the sum is exact but for terms beyond 12 standard deviations).

        Args:
            count: Successes at least; 0 or less gives 0.0, more than there are trials gives minus
                infinity.
        """
        if count <= 0:
            return 0.0
        if count > self.total:
            return float("-inf")
        if count == self.total:
            return float(self.trials @ np.log(self.probability))
        tilt = self._tilt(count) if count > self.mean else 0.0
        odds = np.log(self.probability) - np.log1p(-self.probability) + tilt
        tilted = np.clip(1.0 / (1.0 + np.exp(-odds)), 1e-300, 1 - 1e-15)
        # log E[exp(tilt K)]
        log_moment = float(
            self.trials @ np.logaddexp(np.log1p(-self.probability), np.log(self.probability) + tilt)
        )
        low, mass = self._sum_distribution(tilted)
        successes = low + np.arange(mass.size)
        above = successes >= count
        if not above.any():
            return float("-inf")
        series = float(np.sum(mass[above] * np.exp(-tilt * (successes[above] - count))))
        if series <= 0.0:
            return float("-inf")
        return min(0.0, log_moment - tilt * count + float(np.log(series)))

    def critical_count(self, alpha: float) -> int:
        """Return the smallest count with a tail of at most ``alpha`` (total + 1 if none has).

        Never below ``FEWEST_MOLECULES``.
        """
        wanted = float(np.log(alpha))
        # The tail falls with the count: stride beyond the answer, then halve the way back.
        low = max(FEWEST_MOLECULES, int(np.ceil(self.mean))) - 1
        stride = 1
        while low + stride <= self.total and self.log_tail(low + stride) > wanted:
            low, stride = low + stride, 2 * stride
        high = min(low + stride, self.total + 1)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.log_tail(middle) > wanted else (low, middle)
        return high

    def _tilt(self, count: int) -> float:
        logit = np.log(self.probability) - np.log1p(-self.probability)

        def excess(tilt: float) -> float:
            return float(self.trials @ (1.0 / (1.0 + np.exp(-(logit + tilt))))) - count

        return float(brentq(excess, 0.0, 100.0 - float(logit.min()), xtol=1e-10))

    def _sum_distribution(
        self, probability: NDArray[np.float64]
    ) -> tuple[int, NDArray[np.float64]]:
        """Return lowest count and probabilities of the sum of binomials, each cut at 12 SD."""
        low, mass = 0, np.ones(1)
        for p, n in zip(probability.tolist(), self.trials.tolist(), strict=True):
            spread = _TAIL_SDS * np.sqrt(n * p * (1 - p)) + _TAIL_SDS
            first, last = max(0, int(n * p - spread)), min(n, int(n * p + spread) + 1)
            k = np.arange(first, last + 1)
            log_mass = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
            log_mass = log_mass + k * np.log(p) + (n - k) * np.log1p(-p)
            low, mass = low + first, np.convolve(mass, np.exp(log_mass))
        return low, mass


def mid_p_interval(count: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the mid-P interval of a proportion; (0, 1) for no trials.

    Its ends are the proportions at which P(K > count) + P(K = count) / 2, and the same below, are
    half of what the confidence leaves (Lancaster 1961). Exact tails, but counted half where
    they meet: it covers about what it says, where the Clopper-Pearson interval covers more.
    """
    if total == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2

    def beyond(proportion: float) -> float:
        above = float(bdtrc(count, total, proportion))
        at_least = 1.0 if count == 0 else float(bdtrc(count - 1, total, proportion))
        return (above + at_least) / 2

    low = 0.0 if count == 0 else float(brentq(lambda p: beyond(p) - tail, 0.0, 1.0, xtol=1e-12))
    high = 1.0
    if count < total:
        high = float(brentq(lambda p: 1 - beyond(p) - tail, 0.0, 1.0, xtol=1e-12))
    return low, high


def upper_bound(count: int, total: int, confidence: float = 0.95) -> float | None:
    """Return the one-sided exact upper bound of a binomial proportion; None for no trials.

    With a count of 0 it is ``1 - (1 - confidence) ** (1 / total)``.
    """
    if total == 0:
        return None
    return 1.0 if count == total else float(betaincinv(count + 1, total - count, confidence))


def detection_limit(
    errors: Errors,
    alpha: float,
    power: float = 0.95,
    *,
    lost: float = 0.0,
    pass_chance: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None = None,
) -> float | None:
    """Return the lowest VAF that passes a test at ``alpha`` with ``power``; None if none does.

    The critical count is exact. The power is that of a binomial count with the mean probability of
    showing the allele, by true presence or by error.

    Args:
        errors: Of the informative molecules.
        alpha: Level of the test.
        power: Wanted probability of a passing call.
        lost: Share of true molecules that are misread.
        pass_chance: Chance that a count passes all else that is asked; 1 without it.
    """
    needed, total = errors.critical_count(alpha), errors.total
    error = errors.mean / max(total, 1)

    def reached(vaf: float) -> float:
        chance = min(1.0, vaf * (1 - lost) + error * (1 - vaf))
        if pass_chance is None or chance in (0.0, 1.0):
            share = 1.0 if pass_chance is None else float(pass_chance(np.array([total]))[0])
            return float(bdtrc(needed - 1, total, chance)) * share
        spread = _TAIL_SDS * np.sqrt(total * chance * (1 - chance)) + _TAIL_SDS
        first = max(needed, int(total * chance - spread))
        counts = np.arange(first, min(total, int(total * chance + spread)) + 1)
        if counts.size == 0:
            return 0.0
        mass = np.exp(
            gammaln(total + 1)
            - gammaln(counts + 1)
            - gammaln(total - counts + 1)
            + counts * np.log(chance)
            + (total - counts) * np.log1p(-chance)
        )
        return float(mass @ pass_chance(counts))

    return _lowest(reached, power) if needed <= total else None


def tabulated(
    function: Callable[[NDArray[np.int64]], NDArray[np.float64]], most: int
) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """Return a function of counts from 1 to ``most`` that costs little to ask again.

    Exact up to 4,096; beyond it, where a chance that depends on a count hardly moves any more, it
    is drawn straight between counts 1 % apart.
    """
    dense = np.arange(1, min(most, _DENSE_COUNTS) + 1)
    sparse = np.empty(0)
    if most > _DENSE_COUNTS:
        steps = int(np.ceil(np.log(most / _DENSE_COUNTS) / np.log(1.01))) + 1
        sparse = np.geomspace(_DENSE_COUNTS, most, steps)[1:]
    counts = np.concatenate((dense, np.unique(np.round(sparse).astype(np.int64))))
    values = function(counts)
    return lambda asked: np.interp(asked, counts, values)


def vaf_for_power(needed: int, total: int, error: float, power: float = 0.95) -> float | None:
    """Return the lowest VAF showing ``needed`` of ``total`` with ``power``; None if none does."""
    if needed > total:
        return None
    return _lowest(
        lambda vaf: float(bdtrc(needed - 1, total, min(1.0, vaf + error * (1 - vaf)))), power
    )


def _lowest(reached: Callable[[float], float], power: float) -> float | None:
    if reached(0.0) >= power:
        return 0.0
    if reached(1.0) < power:
        return None
    return float(brentq(lambda vaf: reached(vaf) - power, 0.0, 1.0, xtol=1e-9))
