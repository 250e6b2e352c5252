"""Exact intervals and limits of counts; no approximation but where a docstring says so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import bdtrc, betaincinv, gammaln

FEWEST_MOLECULES = 2
"""Molecules that a call needs, however unlikely an error is: one can be anything."""
_FEW = 5
_TAIL_SDS = 12.0
_DENSE_COUNTS = 4096


def proportion_interval(count: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval of a proportion; (0, 1) for no trials.

    Mid-P: its ends are the proportions at which P(K > count) + P(K = count) / 2, and the same
    below, are half of what the confidence leaves (Lancaster 1961). Exact tails, but counted half
    where they meet: so it covers about what it says. With fewer than five, or all but fewer
    than five, where it can cover less than 93 %, Clopper and Pearson's, which covers more.
    """
    if total == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    if min(count, total - count) < _FEW:
        low = float(betaincinv(count, total - count + 1, tail)) if count else 0.0
        high = float(betaincinv(count + 1, total - count, 1 - tail)) if count < total else 1.0
        return low, high

    def beyond(proportion: float) -> float:
        above = float(bdtrc(count, total, proportion))
        return (above + float(bdtrc(count - 1, total, proportion))) / 2

    low = brentq(lambda p: beyond(p) - tail, 0.0, 1.0, xtol=1e-12)
    high = brentq(lambda p: 1 - beyond(p) - tail, 0.0, 1.0, xtol=1e-12)
    return float(low), float(high)


def upper_bound(count: int, total: int, confidence: float = 0.95) -> float | None:
    """Return the one-sided exact upper bound of a binomial proportion; None for no trials.

    With a count of 0 it is ``1 - (1 - confidence) ** (1 / total)``.
    """
    if total == 0:
        return None
    return 1.0 if count == total else float(betaincinv(count + 1, total - count, confidence))


def detection_limit(
    total: int,
    lost: float,
    pass_chance: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    power: float = 0.95,
) -> float | None:
    """Return the lowest VAF that gives a passing call with ``power``; None if none does.

    Args:
        total: Informative molecules, at least one.
        lost: Share of true molecules that are misread.
        pass_chance: Chance that a count of molecules with the allele gives a passing call.
        power: Wanted probability.
    """

    def reached(vaf: float) -> float:
        chance = min(1.0, vaf * (1 - lost))
        if chance in (0.0, 1.0):
            return float(pass_chance(np.array([round(total * chance)]))[0])
        spread = _TAIL_SDS * np.sqrt(total * chance * (1 - chance)) + _TAIL_SDS
        first = max(0, int(total * chance - spread))
        counts = np.arange(first, min(total, int(total * chance + spread)) + 1)
        mass = np.exp(
            gammaln(total + 1)
            - gammaln(counts + 1)
            - gammaln(total - counts + 1)
            + counts * np.log(chance)
            + (total - counts) * np.log1p(-chance)
        )
        return float(mass @ pass_chance(counts))

    return _lowest(reached, power)


def tabulated(
    function: Callable[[NDArray[np.int64]], NDArray[np.float64]], most: int
) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """Return a function of counts from 0 to ``most`` that costs little to ask again.

    Exact up to 4,096; beyond it, where a chance that depends on a count hardly moves any more, it
    is drawn straight between counts 1 % apart.
    """
    dense = np.arange(min(most, _DENSE_COUNTS) + 1)
    sparse = np.empty(0)
    if most > _DENSE_COUNTS:
        steps = int(np.ceil(np.log(most / _DENSE_COUNTS) / np.log(1.01))) + 1
        sparse = np.geomspace(_DENSE_COUNTS, most, steps)[1:]
    counts = np.concatenate((dense, np.unique(np.round(sparse).astype(np.int64))))
    values = function(counts)
    return lambda asked: np.interp(asked, counts, values)


def vaf_for_power(
    needed: NDArray[np.int64],
    total: NDArray[np.int64],
    error: NDArray[np.float64],
    power: float = 0.95,
) -> NDArray[np.float64]:
    """Return the lowest VAF that shows so many with ``power``; NaN where none does.

    The proportion with which a binomial count reaches k is a quantile of Beta(k, n - k + 1).

    Args:
        needed: Molecules that must show the allele, at least one, of any shape.
        total: Of how many, likewise.
        error: Chance that one without the allele shows it, likewise.
        power: Wanted probability.
    """
    possible = needed <= total
    shown = betaincinv(needed, np.where(possible, total - needed, 0) + 1, power)
    vaf = np.maximum(shown - error, 0.0) / (1 - error)
    return np.where(possible, vaf, np.nan)


def _lowest(reached: Callable[[float], float], power: float) -> float | None:
    if reached(0.0) >= power:
        return 0.0
    if reached(1.0) < power:
        return None
    return float(brentq(lambda vaf: reached(vaf) - power, 0.0, 1.0, xtol=1e-9))
