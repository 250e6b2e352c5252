"""How far the error probabilities of one allele are off together: a common factor of mean one.

Two things make it uncertain. How well the error of the allele's kind is known: what was counted
leaves a gamma distribution. And sites of one kind differ: their factors are taken for log-normal,
whose tail is heavier, for what makes a site err (a motif, a fold, a neighbour) multiplies. A narrow
log-normal is as good as a gamma; a wide one is a sum of narrow ones about values half a step apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammainc

NEARLY_CERTAIN = 1e-9
_NARROW = 0.02
"""Relative variance of a log-normal distribution that a gamma distribution stands for."""
_STEP = 1.8
"""Between two values, in standard deviations of what lies about each: their sum has no waves."""
_LOWEST, _HIGHEST = -3.0, 6.5
"""Standard deviations that the values reach; less lies beyond than any test's level."""


@dataclass(frozen=True)
class CommonFactor:
    """Distribution of the factor.

    Attributes:
        variance: Relative variance of the kind's error.
        site_variance: Relative variance of single sites around it.
    """

    variance: float
    site_variance: float = 0.0

    @cached_property
    def _parts(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        if self.site_variance <= _NARROW:
            return np.ones(1), np.ones(1), self.variance + self.site_variance
        about = np.log1p(_NARROW)
        wide = float(np.log1p(self.site_variance) - about) ** 0.5
        step = min(1.0, _STEP * about**0.5 / wide)
        at = np.arange(_LOWEST, _HIGHEST + step, step)
        weight = np.exp(-(at**2) / 2)
        weight /= weight.sum()
        value = np.exp(wide * at)
        return value / (weight @ value), weight, self.variance + _NARROW

    @property
    def values(self) -> NDArray[np.float64]:
        """Means of the gamma distributions that it is made of, ascending (K)."""
        return self._parts[0]

    @property
    def weights(self) -> NDArray[np.float64]:
        """Their shares (K)."""
        return self._parts[1]

    @property
    def spread(self) -> float:
        """Relative variance of each of them."""
        return self._parts[2]

    @property
    def is_certain(self) -> bool:
        """Whether it is one."""
        return self.values.size == 1 and self.spread < NEARLY_CERTAIN

    def moment(self, cumulants: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Return E[exp(factor times cumulant)] of each of n cumulants (n)."""
        total = np.zeros(cumulants.shape, dtype=np.complex128)
        for value, weight in zip(self.values.tolist(), self.weights.tolist(), strict=True):
            total += weight * np.exp(self.mixed(value * cumulants))
        return total

    def count_tail(
        self, count: NDArray[np.int64], mean: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return how likely at least so many are counted where ``mean`` are expected (n).

        Each of them rare, so a Poisson number but for the factor: a mixture of negative binomial
        distributions.

        Args:
            count: At least one (n).
            mean: Above 0 (n).
        """
        total = np.zeros(mean.shape)
        for value, weight in zip(self.values.tolist(), self.weights.tolist(), strict=True):
            if self.spread < NEARLY_CERTAIN:
                total += weight * gammainc(count, value * mean)
            else:
                own = self.spread * value * mean
                total += weight * betainc(count, 1 / self.spread, own / (1 + own))
        return total

    def mixed(self, cumulants: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Return the logarithm of that over one of the gamma distributions, its mean being one."""
        if self.spread < NEARLY_CERTAIN:
            return cumulants
        mixed = -np.log(1 - self.spread * cumulants) / self.spread
        return np.asarray(mixed, dtype=np.complex128)
