"""From a panel's counts to the factors of single sites.

Of each site, shown base and strand the ratio of seen to expected errors over all normals, shrunk
like the sample's own levels. How far normals differ from each other at a site adds to its variance:
the number of erring molecules of a further sample is then beta-binomial (for such small rates, a
gamma mixture of Poisson counts).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from vexas_uba1.noise import SiteRates
from vexas_uba1.noise.shrinkage import LARGEST_VARIANCE, Prior, shrink, variance_of
from vexas_uba1.panel.normal import Normal

SITE_PRIOR = Prior(0.1, 10.0)
BETWEEN = 0.1
"""Relative variance of a site's rate between samples, before they are looked at (assumed)."""
_BETWEEN_WEIGHT = 2.0
_OPEN = 100.0
"""The prior of a site that errs often is worth a hundredth of what is expected there."""
NOISY_RATIO, _NOISY_TAIL = 3.0, 1e-4
"""A site is noisy that errs so many times as its kind, and surely so (assumed)."""


def site_rates(normals: Sequence[Normal], positions: NDArray[np.int64]) -> SiteRates | None:
    """Return the factors of the sites; None without a normal.

    Args:
        normals: Of the panel, less the sample itself.
        positions: 0-based position of each site on the sample's build, ascending (P).
    """
    if not normals:
        return None
    kept = np.stack([~normal.left_out for normal in normals])[:, :, None, None]
    seen = np.stack([normal.seen for normal in normals]) * kept
    expected = np.stack([normal.expected for normal in normals]) * kept
    all_seen, all_expected = (values.sum(axis=0).astype(np.float64) for values in (seen, expected))
    # One site that errs a hundred times as often says nothing of how much the others differ.
    errs = _errs_often(all_seen, all_expected)
    usual = variance_of(np.where(errs, 0, all_seen), np.where(errs, 0, all_expected), SITE_PRIOR)
    # Nor does what the others are like say anything of its own rate.
    open_to_all = LARGEST_VARIANCE + _OPEN / np.maximum(all_expected, 1e-12)
    level = shrink(all_seen, all_expected, np.where(errs, open_to_all, usual))
    # Between normals, strands together, for few of them have errors on both.
    explained = (expected * level.ratio).sum(axis=3)
    excess = ((seen.sum(axis=3) - explained) ** 2 - explained).sum(axis=0)
    squared = (explained**2).sum(axis=0)
    between = np.maximum(excess + BETWEEN * _BETWEEN_WEIGHT, 0) / (squared + _BETWEEN_WEIGHT)
    # Of the errors of all strands together, each known by its own counts.
    errors = all_expected * level.ratio + 1e-12
    own = (level.own * errors**2).sum(axis=2) / errors.sum(axis=2) ** 2
    is_noisy = _errs_often(all_seen.sum(axis=2), all_expected.sum(axis=2))
    return SiteRates(positions, level.ratio, own + between, is_noisy)


def _errs_often(seen: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where surely ``NOISY_RATIO`` times as many errors are made as expected."""
    chance = gammainc(np.maximum(seen, 1), NOISY_RATIO * expected + 1e-12)
    often: NDArray[np.bool_] = (seen > 0) & (chance < _NOISY_TAIL)
    return often
