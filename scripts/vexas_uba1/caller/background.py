"""What errors alone would show of an allele, weighed by how much each molecule proves.

A molecule that shows the allele on good bases proves more than one on poor bases. The likelihood
ratio of "present at a small VAF v" against "absent" weighs each molecule that shows it by log(1 + v
/ p), p its error probability (Neyman, Pearson 1933): the most powerful test of that v. Here these
weights are rounded to whole numbers, so that their sum lies on a lattice and its distribution under
errors alone is computed without further approximation, by a discrete Fourier transform of its
characteristic function (Hong 2013, doi:10.1016/j.csda.2012.10.006, for equal weights).

How far the error probabilities are off together is not known exactly: :mod:`caller.factor` says
how a common factor of mean one is distributed. Over a gamma distribution of relative variance v, a
sum with the cumulants C becomes a Poisson mixture with -log(1 - v C) / v. With equal and small p
the number of erring molecules is then beta-binomial (here: its limit, negative binomial).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp, ndtr

from vexas_uba1.caller.factor import NEARLY_CERTAIN, CommonFactor

_MOST_WEIGHT = 48
_LARGEST_MEAN = 20_000
"""Of the weights' sum; beyond it weights are made coarser, to keep the lattice small."""
_DETECTABLE, _DETECTABLE_SDS = 8.0, 3.0
"""Molecules that a weak but detectable allele has about, where there are no errors; and beyond
them, in standard deviations of the number of errors."""
_TAIL_SDS, _TILTED_SDS = 14.0, 30.0
_STEEPEST = 700.0
_LEAST_LOGARITHM = -745.0
"""Of a moment: what is smaller is zero."""
_BEYOND_TELLING = -2400.0
"""Logarithm of a tail below which only its order is told: qualities end at 9999."""
_TOO_LITTLE = 40.0
"""In logarithms: what adds no digit to a tail."""
_BEYOND_DECIDING = -80.0
"""The same where a tail is a sum of many: a thousandth of it is no digit that is printed."""
_MOST_EXACT = 128
_MOST_POINTS = 1 << 21
"""Points of all lattices of one question: where errors are many, sums of few are nearly normal."""
_AS_GOOD_AS_SURE = 1 - 1e-10
_SMALLEST_TABLED = 1e-10
"""Tails below it are summed where they are likely, for the transform is exact to some 1e-15."""


@dataclass(frozen=True)
class Background:
    """Molecules informative on an allele, by weight; G groups.

    Attributes:
        weight: Whole number that a molecule adds if it shows the allele, ascending (G).
        chance: Probability that it does so by error, mean of the group (G).
        trials: Molecules (G).
        lost: Share of true molecules that are misread (G).
        factor: Common to all chances.
    """

    weight: NDArray[np.int64]
    chance: NDArray[np.float64]
    trials: NDArray[np.int64]
    lost: NDArray[np.float64]
    factor: CommonFactor

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

    @cached_property
    def _unit(self) -> int:
        """Largest step that all sums keep."""
        return max(1, int(np.gcd.reduce(self.weight, initial=0)))

    @cached_property
    def _steps(self) -> NDArray[np.int64]:
        """Weights in such steps (G)."""
        return self.weight // self._unit

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
            np.full(self.chance.size, self.factor.variance),
            np.full(self.chance.size, self.factor.site_variance),
        )
        return background

    def _highest(self, value: float) -> float:
        """Return a sum that errors alone never reach, the factor lying about ``value``."""
        erring = self.trials * self.chance * value
        mean = float(erring @ self._steps)
        spread = float(erring @ self._steps**2) + self.factor.spread * mean**2
        return float(mean + _TAIL_SDS * spread**0.5 + 16 * int(self._steps.max(initial=1)))

    @cached_property
    def _tails(self) -> NDArray[np.float64]:
        """P(sum >= s) for s = 0, 1, 2 and so on."""
        size = _lattice(self._highest(float(self.factor.values[-1])))
        mass = np.fft.irfft(self.factor.moment(self._cumulants(size)), size)
        return np.cumsum(mass[::-1])[::-1]

    def _cumulants(self, size: int, tilt: float = 0.0) -> NDArray[np.complex128]:
        """Return log E[exp((tilt - i angle) sum)] at the frequencies of a lattice, factor one."""
        at = np.arange(size // 2 + 1)
        if tilt:
            turned = np.expm1(np.outer(self._steps, tilt - 2j * np.pi * at / size))
        else:
            # All are roots of one, of which there are few.
            roots = np.expm1(-2j * np.pi * np.arange(size) / size)
            turned = roots[np.outer(self._steps, at) % size]
        # Not by a product of matrices: its library takes all cores for it, and more time.
        each: NDArray[np.complex128] = np.einsum(
            "g,gk->k", self.trials.astype(np.float64), _log1p(self.chance[:, None] * turned)
        )
        return each

    def log_tail(self, score: int) -> float:
        """Return the natural logarithm of P(sum of weights >= score) by errors alone."""
        if score <= 0:
            return 0.0
        # No sum lies between two steps.
        score = -(-score // self._unit)
        highest = int(self._steps @ self.trials)
        if score > highest:
            return float("-inf")
        if score == highest and self.factor.is_certain:
            used = self._steps > 0
            return float(self.trials[used] @ np.log(self.chance[used]))
        if score < self._tails.size and self._tails[score] > _SMALLEST_TABLED:
            return min(0.0, float(np.log(self._tails[score])))
        parts: list[float] = []
        weights = np.log(self.factor.weights).tolist()
        # From the highest on: what the factor lends to the tail rises once and falls once.
        for value, weight in zip(self.factor.values.tolist()[::-1], weights[::-1], strict=True):
            parts.append(weight + self._remote(score, value))
            if parts[-1] < max(parts) - _TOO_LITTLE:
                break
        return min(0.0, float(logsumexp(parts)))

    def _remote(self, score: int, value: float) -> float:
        """Return the logarithm of a small tail, the factor lying about ``value``.

        The distribution is tilted until its mean is the score and summed there, so that nothing
        underflows.
        """
        tilt, cumulant, spread = self._tilted(score, value)
        if tilt <= 0:
            return 0.0
        one_of_many = self.factor.values.size > 1
        if cumulant - tilt * score < (_BEYOND_DECIDING if one_of_many else _BEYOND_TELLING):
            # Daniels 1987, doi:10.2307/1403269: first order, on a lattice.
            step = -np.expm1(-tilt) * spread * (2 * np.pi) ** 0.5
            return cumulant - tilt * score - float(np.log(max(step, 1.0)))
        size = _lattice(score + _TILTED_SDS * spread)
        moments: NDArray[np.complex128] = np.exp(
            self.factor.mixed(value * self._cumulants(size, tilt)) - cumulant
        )
        mass = np.fft.irfft(moments, size)[score:]
        series = float(np.exp(-tilt * np.arange(mass.size)) @ mass)
        return min(0.0, cumulant - tilt * score + float(np.log(max(series, 1e-300))))

    def _tilted(self, score: int, value: float) -> tuple[float, float, float]:
        """Return the tilt that makes ``score`` the mean, the cumulant there and the deviation.

        No tilt where the mean is the score or more without one.
        """
        variance = self.factor.spread

        def cumulant(tilt: float) -> float:
            each = np.log1p(self.chance * np.expm1(self._steps * tilt))
            return value * float(self.trials @ each)

        def moments(tilt: float) -> tuple[float, float]:
            grown = self.chance * np.exp(self._steps * tilt)
            shown = grown / (1 - self.chance + grown)
            mean = value * float((self.trials * self._steps) @ shown)
            square = value * float((self.trials * self._steps**2) @ (shown * (1 - shown)))
            kept = max(1 - variance * cumulant(tilt), 1e-12)
            return mean / kept, square / kept + variance * (mean / kept) ** 2

        if moments(0.0)[0] >= score:
            return 0.0, 0.0, moments(0.0)[1] ** 0.5
        steepest = _STEEPEST / int(self._steps.max())
        low, high = 0.0, 1e-3
        while high < steepest and variance * cumulant(2 * high) < 1:
            if moments(high)[0] >= score:
                break
            low, high = high, 2 * high
        if moments(high)[0] < score and variance * cumulant(2 * high) >= 1:
            # The factor's own tail ends here; the mean grows without bound before it.
            end = brentq(lambda tilt: variance * cumulant(tilt) - 1, high, 2 * high)
            low, high = high, float(end) * (1 - 1e-13)
        tilt = high
        if moments(high)[0] > score:
            tilt = float(brentq(lambda tilt: moments(tilt)[0] - score, low, high, xtol=1e-14))
        mixed = cumulant(tilt)
        if variance >= NEARLY_CERTAIN:
            mixed = -float(np.log(max(1 - variance * mixed, 1e-300))) / variance
        return tilt, mixed, moments(tilt)[1] ** 0.5

    def critical_score(self, level: float) -> int | None:
        """Return the smallest sum whose tail is at most ``level``; None if no sum is."""
        score = int(np.searchsorted(-self._tails, -level))
        if score < self._tails.size and score <= int(self._steps @ self.trials):
            return (score - 1) * self._unit + 1
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
        score = -(-score // self._unit)
        share = self.trials * (1 - self.lost)
        share = share / share.sum()
        mean, square = float(share @ self._steps), float(share @ self._steps**2)
        erring = self.trials * self.chance
        counts = np.arange(most + 1)
        spread = counts * (square - mean**2) + float(erring @ self._steps**2)
        surplus = counts * mean + float(erring @ self._steps) - score + 0.5
        reached = ndtr(surplus / np.sqrt(np.maximum(spread, 1e-12)))
        exact = min(most, _MOST_EXACT, int(2 * score / max(mean, 1e-300)) + 16)
        highest = max(self._highest(1.0), float(score))
        exact = min(exact, _MOST_POINTS // _lattice(highest))
        size = _lattice(highest + exact * int(self._steps.max(initial=1)))
        moment: NDArray[np.complex128] = np.fft.rfft(np.bincount(self._steps, share, size))
        power: NDArray[np.complex128] = np.exp(self._cumulants(size))
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
    site_variance: NDArray[np.float64],
) -> tuple[Background, NDArray[np.int64]]:
    """Weigh the molecules of an allele.

    Args:
        chance: Probability that a molecule shows it by error, by class of molecules (c).
        size: Molecules of each class (c).
        lost: Share of true molecules that are misread (c).
        variance: Relative variance of the chance's kind (c).
        site_variance: Relative variance of single sites around it (c).

    Returns:
        The background and the weight of each class (c).
    """
    total = max(1, int(size.sum()))
    # Of the molecules' typical chance, so that a few poor ones do not count.
    expected = float(np.exp(np.log(chance) @ size / total)) * total
    vaf = (_DETECTABLE + _DETECTABLE_SDS * expected**0.5) / total
    worth = np.log1p(vaf / chance)
    coarse = _MOST_WEIGHT / max(float(worth.max(initial=1e-300)), 1e-300)
    # The site's own factor may make it many times as large.
    reach = CommonFactor(0.0, float(site_variance.max(initial=0.0))).values[-1]
    mean = float((chance * size) @ worth) * coarse * reach
    coarse *= min(1.0, _LARGEST_MEAN / max(mean, 1.0))
    weight = np.maximum(np.rint(worth * coarse), worth >= worth.max(initial=0)).astype(np.int64)
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
            CommonFactor(
                *(
                    float(decisive @ each / max(decisive.sum(), 1e-300))
                    for each in (variance, site_variance)
                )
            ),
        ),
        weight,
    )


def _lattice(highest: float) -> int:
    """Return a power of two above ``highest``: sums that large do not turn up at small ones."""
    return 1 << int(np.ceil(np.log2(highest + 2)))


def _log1p(values: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return log(1 + z); numpy's own loses digits of small complex numbers."""
    real, imaginary = values.real, values.imag
    with np.errstate(divide="ignore"):
        size = 0.5 * np.log1p(2 * real + real**2 + imaginary**2)
    size = np.maximum(size, _LEAST_LOGARITHM)
    found: NDArray[np.complex128] = size + 1j * np.arctan2(imaginary, 1 + real)
    return found
