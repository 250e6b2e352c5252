"""The best test there can be: the likelihood ratio of one VAF, every error probability known.

Written apart from the caller, so that the two cannot share a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

_STEPS = 64
"""Steps of the lattice per unit of the natural logarithm of the likelihood ratio."""


_SITE_STEP = 0.2
"""Standard deviations between the sites' factors that stand for all."""
_SETTLED = 0.02
"""Relative change of the VAF at which its weights are as good as the final one's."""


@dataclass(frozen=True)
class Optimum:
    """The test of a library's molecules at a level; c kinds of observation.

    Attributes:
        weight: Of a molecule that shows the allele, in steps, by kind (c).
        critical: Smallest sum of weights that is found.
        needed: Mean number of true molecules at which 95 % are found.
    """

    weight: NDArray[np.int64]
    critical: int
    needed: float


def optimum(
    chance: NDArray[np.float64],
    trials: NDArray[np.float64],
    lost: NDArray[np.float64],
    level: float,
) -> Optimum:
    """Find the test that is best at the VAF which it just detects.

    Args:
        chance: True probability of showing the allele by error, by kind (c).
        trials: Molecules by kind (c).
        lost: Share of true molecules that are misread, by kind (c).
        level: Of the test.
    """
    # Kinds that differ in nothing that counts are one.
    pairs, group = np.unique(np.stack((chance, lost)), axis=1, return_inverse=True)
    trials = np.bincount(group, trials, pairs.shape[1]).astype(np.float64)
    chance, lost = pairs
    total, vaf = float(trials.sum()), 8 / float(trials.sum())
    for _ in range(5):
        weight = np.rint(_STEPS * np.log1p(vaf * (1 - lost) / chance)).astype(np.int64)
        critical = _critical(weight, chance, trials, level)
        before, vaf = vaf, _reaching(weight, chance, trials, lost, critical)
        if abs(vaf / before - 1) < _SETTLED:
            break
    return Optimum(weight[group], critical, vaf * total)


def blind(
    chance: NDArray[np.float64],
    trials: NDArray[np.float64],
    lost: NDArray[np.float64],
    level: float,
    spread: float,
) -> tuple[NDArray[np.int64], int]:
    """Return weights and critical value of a test that knows how sites differ, not how this one.

    The weights are those of a site like the mean. Over all sites, errors reach the critical value
    as often as the level says.

    Args:
        chance: True probability of showing the allele by error at such a site, by kind (c).
        trials: Molecules by kind (c).
        lost: Share of true molecules that are misread, by kind (c).
        level: Of the test.
        spread: Standard deviation of the logarithm of a site's factor, whose mean is one.
    """
    weight = optimum(chance, trials, lost, level).weight
    at = np.arange(-5.0, 6.5, _SITE_STEP)
    share = np.exp(-(at**2) / 2)
    tails = [
        _tail(_distribution(weight, np.minimum(chance * factor, 0.5), trials))
        for factor in np.exp(spread * at - spread**2 / 2)
    ]
    mixed = np.zeros(max(tail.size for tail in tails))
    for tail, each in zip(tails, share / share.sum(), strict=True):
        mixed[: tail.size] += each * tail
    return weight, int(np.argmax(mixed <= level))


def _tail(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    tail: NDArray[np.float64] = np.cumsum(mass[::-1])[::-1]
    return tail


def _distribution(
    weight: NDArray[np.int64], chance: NDArray[np.float64], trials: NDArray[np.float64]
) -> NDArray[np.float64]:
    mean = float((trials * chance) @ weight)
    spread = float((trials * chance) @ weight**2) ** 0.5
    size = 1 << int(np.ceil(np.log2(mean + 14 * spread + 16 * int(weight.max()) + 64)))
    turned = np.exp(-2j * np.pi * np.outer(weight, np.arange(size // 2 + 1)) / size) - 1
    return np.fft.irfft(np.exp(trials @ np.log1p(chance[:, None] * turned)), size)


def _critical(
    weight: NDArray[np.int64],
    chance: NDArray[np.float64],
    trials: NDArray[np.float64],
    level: float,
) -> int:
    return int(np.argmax(_tail(_distribution(weight, chance, trials)) <= level))


def _reaching(
    weight: NDArray[np.int64],
    chance: NDArray[np.float64],
    trials: NDArray[np.float64],
    lost: NDArray[np.float64],
    critical: int,
) -> float:
    def missed(vaf: float) -> float:
        shown = vaf * (1 - lost) + (1 - vaf) * chance
        return float(_distribution(weight, shown, trials)[:critical].sum()) - 0.05

    low, high = 0.0, 4 / float(trials.sum())
    while high < 1 and missed(high) > 0:
        low, high = high, min(1.0, 1.6 * high)
    return float(brentq(missed, low, high, rtol=1e-3))
