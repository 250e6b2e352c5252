"""Figures of repeated draws with their Monte-Carlo errors."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaincinv, gammainc, gammaincinv, gammaln

_NORMAL95 = 1.959963984540054
ONE_SIDED95 = 1.6448536269514722
_POWER = 0.95


def wilson(hits: int, runs: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); 0 to 1 without runs."""
    if not runs:
        return 0.0, 1.0
    share, z = hits / runs, _NORMAL95
    middle = share + z * z / (2 * runs)
    half = z * sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs))
    scale = 1 + z * z / runs
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def upper95(hits: int, runs: int) -> float:
    """Return the one-sided exact 95 % upper bound of a rate (Clopper, Pearson 1934)."""
    if hits >= runs:
        return 1.0
    return float(betaincinv(hits + 1, runs - hits, 0.95))


def mean_of_clusters(sums: NDArray[np.float64], sizes: NDArray[np.float64]) -> tuple[float, float]:
    """Return a mean and its standard error where draws of one cluster go together.

    Args:
        sums: Of the values, by cluster (k).
        sizes: Number of values, by cluster (k).
    """
    mean = float(sums.sum() / sizes.sum())
    k = sums.size
    if k < 2:
        return mean, float("nan")
    left = sums - mean * sizes
    return mean, float(sqrt(k / (k - 1) * float(left @ left)) / float(sizes.sum()))


def molecules_for_power(molecules: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    """Return how many mutant molecules, on average, are found in 95 % of the runs.

    The share found is taken for P(c or more of a Poisson number of s · m molecules), both fitted by
    maximum likelihood and c not held to whole numbers: exact for a test that counts in a library
    without errors, and close to a normal curve where the errors are many.

    Args:
        molecules: Mean number m of mutant molecules, by group of runs (k) or run (k).
        found: Share of the runs or, of one run, 0 or 1 (k).
    """
    levels, at = np.unique(molecules, return_inverse=True)
    runs = np.bincount(at).astype(np.float64)
    hits = np.bincount(at, found)

    def misfit(logs: NDArray[np.float64]) -> float:
        power = np.clip(gammainc(np.exp(logs[0]), levels * np.exp(logs[1])), 1e-9, 1 - 1e-9)
        return float(-(hits @ np.log(power) + (runs - hits) @ np.log1p(-power)))

    reached = levels[hits >= 0.5 * runs]
    middle = float(reached.min()) if reached.size else float(levels.max())
    # A test that counts to five, half of it found at the middle.
    best = minimize(
        misfit,
        (np.log(5.0), np.log(4.7 / middle)),
        method="Nelder-Mead",
        options={"maxiter": 400, "fatol": 1e-5, "xatol": 1e-4},
    ).x
    return float(gammaincinv(np.exp(best[0]), _POWER) / np.exp(best[1]))


def poisson_reaches(mean: float, least: int) -> float:
    """Return P(Poisson(mean) >= least)."""
    ranks = np.arange(least)
    return float(1 - np.exp(ranks * np.log(mean) - mean - gammaln(ranks + 1)).sum())


def percent(value: float, digits: int = 1) -> str:
    """Return a share in per cent."""
    return f"{100 * value:.{digits}f} %"


def share_of(hits: int, runs: int) -> str:
    """Return a share in per cent with its 95 % interval."""
    low, high = wilson(hits, runs)
    return f"{100 * hits / max(runs, 1):.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def rate(value: float) -> str:
    """Return a small probability."""
    return "0" if value == 0 else f"{value:.1e}"
