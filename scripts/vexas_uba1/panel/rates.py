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
from vexas_uba1.noise.shrinkage import Prior, shrink_apart
from vexas_uba1.panel.normal import Normal

SITE_PRIOR = Prior(0.1, 10.0)
BETWEEN, BETWEEN_SD = 0.1, 0.1
"""Relative variance of a site's rate between samples, before they are looked at; and how far that
of one panel is from it, and that of one site from its panel's (standard deviation; assumed)."""
_ANY = 1e-9  # of what one normal alone tells, this is left by rounding
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
    level = shrink_apart(all_seen, all_expected, errs, SITE_PRIOR)
    # Between normals, strands together, for few of them have errors on both.
    between = _between(
        seen.sum(axis=3),
        (expected * level.ratio).sum(axis=3),
        np.asarray(errs.any(axis=2)),
    )
    # Of the errors of all strands together, each known by its own counts.
    errors = all_expected * level.ratio + 1e-12
    own = (level.own * errors**2).sum(axis=2) / errors.sum(axis=2) ** 2
    is_noisy = _errs_often(all_seen.sum(axis=2), all_expected.sum(axis=2))
    return SiteRates(positions, level.ratio, own + between, is_noisy)


def _between(
    seen: NDArray[np.int64],
    explained: NDArray[np.float64],
    errs: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return how far normals differ from each other at each site: a relative variance (P, 4).

    By the method of moments: the squares of a Poisson number's deviations have its mean, and
    whatever they have beyond that is the normals' own. Where few errors are expected this says
    little, so it is taken with what all sites say, and that with what is assumed. How far the
    site's rate, which is that of these normals, may be off for the same reason comes on top.

    Args:
        seen: Errors by normal, site and shown base (N, P, 4).
        explained: By the site's own rate, likewise.
        errs: Sites that err so often that they say nothing of the others (P, 4).
    """
    total = np.maximum(explained.sum(axis=0), 1e-300)
    # What a normal adds to the site's rate it cannot deviate from.
    free = 1 - explained / total
    squared = (explained**2).sum(axis=0)
    # Deviations are from the normals' own mean, not from the shrunk one.
    mean = explained * (seen.sum(axis=0) / total)
    excess = ((seen - mean) ** 2 - free * mean).sum(axis=0)
    told = squared - 2 * (explained**3).sum(axis=0) / total + (squared / total) ** 2
    # As if they differed as is assumed: the fewer normals, the less a small spread says.
    spread = explained + BETWEEN * explained**2
    noise = (free * (2 * spread**2 + explained)).sum(axis=0)
    others = ~errs
    panels = _moved(np.array(BETWEEN), *(values[others].sum() for values in (excess, told, noise)))
    # The rate itself is that of few normals, of one if it is much deeper than the others.
    found: NDArray[np.float64] = _moved(panels, excess, told, noise) * (1 + squared / total / total)
    return found


def _moved(
    before: NDArray[np.float64],
    excess: NDArray[np.float64],
    told: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return a variance that was thought to be ``before``, as excess / told moves it.

    The two are weighed by their own variances, ``BETWEEN_SD`` squared and noise / told ** 2.
    """
    weight = told**2 * BETWEEN_SD**2 + noise
    moved: NDArray[np.float64] = (excess * told * BETWEEN_SD**2 + before * noise) / np.maximum(
        weight, 1e-300
    )
    return np.where(weight > _ANY, np.maximum(moved, 0.0), before)


def _errs_often(seen: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where surely ``NOISY_RATIO`` times as many errors are made as expected."""
    chance = gammainc(np.maximum(seen, 1), NOISY_RATIO * expected + 1e-12)
    often: NDArray[np.bool_] = (seen > 0) & (chance < _NOISY_TAIL)
    return often
