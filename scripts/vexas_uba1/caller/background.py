"""What errors alone would show of an allele, weighed by how much each molecule proves.

A molecule that shows the allele on good bases proves more than one on poor bases. The likelihood
ratio of "present at a small VAF v" against "absent" weighs each molecule that shows it by log(1 + v
/ p), p its error probability (Neyman, Pearson 1933): the most powerful test of that v. Here these
weights are rounded to whole numbers, so that their sum lies on a lattice and its distribution under
errors alone is computed without further approximation, by a discrete Fourier transform of its
characteristic function (Hong 2013, doi:10.1016/j.csda.2012.10.006, for equal weights).

How far the error probabilities are off together is not known exactly: a common factor of mean one
has a gamma distribution with the error model's relative variance. With equal p and small p the
number of erring molecules is then beta-binomial (here: its limit, negative binomial).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import log_ndtr, logsumexp, ndtr, roots_genlaguerre, roots_hermitenorm

MOST_ERROR = 0.5
_MOST_WEIGHT = 48
_LARGEST_MEAN = 20_000
"""Of the weights' sum; beyond it weights are made coarser, to keep the lattice small."""
_DETECTABLE, _DETECTABLE_SDS = 8.0, 3.0
"""Molecules that a weak but detectable allele has about, where there are no errors; and beyond
them, in standard deviations of the number of errors."""
_NODES = 12
_NEARLY_NORMAL, _NEARLY_CERTAIN = 1 / 150, 1e-9
_LOWEST_FACTOR = 1e-3
_TAIL_SDS = 14.0
_MOST_EXACT = 128
_AS_GOOD_AS_SURE = 1 - 1e-10
_SMALLEST_TABLED = 1e-12
"""Tails below it are asked of a saddlepoint, for the transform is exact to some 1e-15."""


@dataclass(frozen=True)
class Background:
    """Molecules informative on an allele, by weight; G groups.

    Attributes:
        weight: Whole number that a molecule adds if it shows the allele, ascending (G).
        chance: Probability that it does so by error, mean of the group (G).
        trials: Molecules (G).
        lost: Share of true molecules that are misread (G).
        variance: Relative variance of the factor common to all chances.
    """

    weight: NDArray[np.int64]
    chance: NDArray[np.float64]
    trials: NDArray[np.int64]
    lost: NDArray[np.float64]
    variance: float

    @property
    def total(self) -> int:
        """Number of molecules."""
        return int(self.trials.sum())

    @cached_property
    def mean(self) -> float:
        """Expected number of molecules that show the allele by error."""
        return float(self.chance @ self.trials)

    @property
    def mean_lost(self) -> float:
        """Share of true molecules that are misread."""
        return float(self.lost @ self.trials) / max(1, self.total)

    def thinned(self, total: int) -> Background:
        """Return about the same molecules, ``total`` of them."""
        edges = np.rint(np.cumsum(self.trials) * (total / self.total)).astype(np.int64)
        return replace(self, trials=np.diff(edges, prepend=0))

    def grown(self, factor: float) -> Background:
        """Return ``factor`` times as many molecules of the same kinds, weighed for so many."""
        background, _ = background_of(
            self.chance,
            np.rint(self.trials * factor).astype(np.int64),
            self.lost,
            np.full(self.chance.size, self.variance),
        )
        return background

    @cached_property
    def _factors(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Nodes and shares of the common factor's distribution."""
        return _gamma_nodes(self.variance)

    @cached_property
    def _highest(self) -> float:
        """A sum that errors alone never reach."""
        erring = self.trials * self.chance
        mean = float(erring @ self.weight)
        spread = float(erring @ self.weight**2) + self.variance * mean**2
        return float(mean + _TAIL_SDS * spread**0.5 + 16 * _MOST_WEIGHT)

    @cached_property
    def _tails(self) -> NDArray[np.float64]:
        """P(sum >= s) for s = 0, 1, 2 and so on."""
        size = _lattice(self._highest)
        mass = np.fft.irfft(self._moments(size, *self._factors), size)
        return np.cumsum(mass[::-1])[::-1]

    def _moments(
        self, size: int, factors: NDArray[np.float64], shares: NDArray[np.float64]
    ) -> NDArray[np.complex128]:
        """Return the sum's characteristic function at the frequencies of a lattice."""
        angle = 2 * np.pi * np.arange(size // 2 + 1) / size
        turned = np.expm1(-1j * np.outer(self.weight, angle))
        moments = np.zeros(angle.size, dtype=np.complex128)
        for factor, share in zip(factors, shares, strict=True):
            chance = np.minimum(self.chance * factor, MOST_ERROR)
            moments += share * np.exp(self.trials @ np.log1p(chance[:, None] * turned))
        return moments

    def log_tail(self, score: int) -> float:
        """Return the natural logarithm of P(sum of weights >= score) by errors alone."""
        if score <= 0:
            return 0.0
        if score < self._tails.size and self._tails[score] > _SMALLEST_TABLED:
            return min(0.0, float(np.log(self._tails[score])))
        factors, shares = self._factors
        each = [self._log_tail_at(score, factor) for factor in factors]
        return min(0.0, float(logsumexp(each, b=shares)))

    def _log_tail_at(self, score: int, factor: float) -> float:
        """Return the same for one factor, by Lugannani and Rice's formula (doi:10.2307/1426607)."""
        used = (self.weight > 0) & (self.trials > 0)
        weight, trials = self.weight[used], self.trials[used]
        chance = np.minimum(self.chance[used] * factor, MOST_ERROR)
        highest = int(weight @ trials)
        if score > highest:
            return float("-inf")
        if score == highest:
            return float(trials @ np.log(chance))
        odds = np.log(chance) - np.log1p(-chance)

        def slope(tilt: float) -> float:
            return float((trials * weight) @ _expit(odds + tilt * weight)) - score

        if slope(0.0) >= 0:
            return 0.0
        high = 1.0
        while slope(high) < 0 and high < 1e4:
            high *= 2
        tilt = float(brentq(slope, 0.0, high, xtol=1e-12))
        shown = _expit(odds + tilt * weight)
        cumulant = float(trials @ (np.logaddexp(np.log1p(-chance), np.log(chance) + tilt * weight)))
        second = float((trials * weight**2) @ (shown * (1 - shown)))
        root = np.sqrt(max(2 * (tilt * score - cumulant), 1e-300))
        step = -np.expm1(-tilt) * np.sqrt(max(second, 1e-300))
        normal = float(log_ndtr(-root))
        density = -0.5 * root**2 - 0.5 * np.log(2 * np.pi)
        more = 1 / step - 1 / root
        if more <= 0:
            return normal
        return float(np.logaddexp(normal, density + np.log(more)))

    def critical_score(self, level: float) -> int | None:
        """Return the smallest sum whose tail is at most ``level``; None if no sum is."""
        score = int(np.searchsorted(-self._tails, -level))
        if score < self._tails.size:
            return score if score <= int(self.weight @ self.trials) else None
        return None

    def reach(self, score: int, most: int) -> NDArray[np.float64]:
        """Return how likely k true molecules and the errors of the others reach a score.

        Each is drawn from the informative ones. Exact up to 128 molecules, then normal.

        Args:
            score: To be reached.
            most: Largest k, n or less.

        Returns:
            Probabilities for k = 0 … ``most``.
        """
        share = self.trials * (1 - self.lost)
        share = share / share.sum()
        mean, square = float(share @ self.weight), float(share @ self.weight**2)
        erring = self.trials * self.chance
        counts = np.arange(most + 1)
        spread = counts * (square - mean**2) + float(erring @ self.weight**2)
        surplus = counts * mean + float(erring @ self.weight) - score + 0.5
        reached = ndtr(surplus / np.sqrt(np.maximum(spread, 1e-12)))
        exact = min(most, _MOST_EXACT, int(2 * score / max(mean, 1e-300)) + 16)
        size = _lattice(self._highest + exact * int(self.weight.max(initial=1)))
        moment = np.fft.rfft(np.bincount(self.weight, share, minlength=size))
        power = self._moments(size, np.ones(1), np.ones(1))
        for count in range(exact + 1):
            reached[count] = np.fft.irfft(power, size)[score:].sum()
            if reached[count] > _AS_GOOD_AS_SURE:
                reached[count:] = 1.0
                break
            power = power * moment
        clipped: NDArray[np.float64] = np.clip(reached, 0.0, 1.0)
        return clipped


def background_of(
    chance: NDArray[np.float64],
    size: NDArray[np.int64],
    lost: NDArray[np.float64],
    variance: NDArray[np.float64],
) -> tuple[Background, NDArray[np.int64]]:
    """Weigh the molecules of an allele.

    Args:
        chance: Probability that a molecule shows it by error, by class of molecules (c).
        size: Molecules of each class (c).
        lost: Share of true molecules that are misread (c).
        variance: Relative variance of the chance (c).

    Returns:
        The background and the weight of each class (c).
    """
    total = max(1, int(size.sum()))
    # Of the molecules' typical chance, so that a few poor ones do not count.
    expected = float(np.exp(np.log(chance) @ size / total)) * total
    vaf = (_DETECTABLE + _DETECTABLE_SDS * expected**0.5) / total
    worth = np.log1p(vaf / chance)
    coarse = _MOST_WEIGHT / max(float(worth.max(initial=1e-300)), 1e-300)
    mean = float((chance * size) @ worth) * coarse
    coarse *= min(1.0, _LARGEST_MEAN / max(mean, 1.0))
    weight = np.rint(worth * coarse).astype(np.int64)
    weights, group = np.unique(weight, return_inverse=True)
    trials = np.bincount(group, size, weights.size)
    per = np.maximum(trials, 1)
    decisive = chance * size * weight
    return (
        Background(
            weights,
            np.bincount(group, chance * size, weights.size) / per,
            np.rint(trials).astype(np.int64),
            np.bincount(group, lost * size, weights.size) / per,
            float(decisive @ variance / max(decisive.sum(), 1e-300)),
        ),
        weight,
    )


def _lattice(highest: float) -> int:
    """Return a power of two above ``highest``: sums that large do not turn up at small ones."""
    return 1 << int(np.ceil(np.log2(highest + 2)))


def _gamma_nodes(variance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and shares that stand for a gamma distribution of mean one.

    Generalised Gauss-Laguerre; of small variances it is nearly normal, and Gauss-Hermite serves.
    """
    if variance < _NEARLY_CERTAIN:
        return np.ones(1), np.ones(1)
    if variance < _NEARLY_NORMAL:
        nodes, shares = roots_hermitenorm(_NODES)
        factors = np.maximum(1 + nodes * variance**0.5, _LOWEST_FACTOR)
        return factors, shares / shares.sum()
    shape = 1 / variance
    nodes, shares = roots_genlaguerre(_NODES, shape - 1)
    return nodes / shape, shares / shares.sum()


def _expit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-values))
