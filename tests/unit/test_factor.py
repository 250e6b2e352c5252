"""What error probabilities have in common: closed forms, and sums over it by brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gdtr
from scipy.stats import lognorm, nbinom, norm, poisson

from vexas_uba1.caller.background import Background
from vexas_uba1.caller.factor import CommonFactor

NARROW = 0.02


def made(trials, mean, variance=0.0, site_variance=0.0):
    """Return a background of molecules that are all alike."""
    return Background(
        np.array([1]),
        np.array([mean / trials]),
        np.array([trials]),
        np.zeros(1),
        CommonFactor(variance, site_variance),
    )


def moments(factor):
    """Return mean and relative variance."""
    mean = factor.weights @ factor.values
    square = factor.weights @ factor.values**2 * (1 + factor.spread)
    return mean, square / mean**2 - 1


@pytest.mark.parametrize("variance", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("site_variance", [0.0, 0.02, 0.06, 0.3, 0.63, 2.0, 8.0])
def test_mean_and_variance_are_those_asked_for(variance, site_variance):
    factor = CommonFactor(variance, site_variance)
    mean, found = moments(factor)
    assert factor.weights.sum() == pytest.approx(1)
    assert mean == pytest.approx(1)
    # The product of two factors; of narrow ones nearly the sum.
    both = (1 + variance) * (1 + site_variance) - 1
    assert found == pytest.approx(both, rel=0.06, abs=0.002)


@pytest.mark.parametrize("site_variance", [0.06, 0.2, 0.63, 2.0])
def test_sites_are_log_normal(site_variance):
    factor = CommonFactor(0.0, site_variance)
    deviation = np.log1p(site_variance) ** 0.5
    plain = lognorm(deviation, scale=np.exp(-(deviation**2) / 2))
    for tail in (0.5, 0.1, 1e-2, 1e-4, 1e-6, 1e-8):
        value = plain.isf(tail)
        shape = 1 / factor.spread
        beyond = 1 - gdtr(shape / factor.values, shape, value)
        # A tail that is a little off moves the value by far less.
        assert factor.weights @ beyond == pytest.approx(tail, rel=0.5)


def test_what_hardly_differs_is_one_gamma_distribution():
    factor = CommonFactor(0.3, NARROW)
    assert factor.values.tolist() == factor.weights.tolist() == [1]
    assert factor.spread == pytest.approx(0.3 + NARROW)
    assert CommonFactor(0.0).is_certain
    assert not CommonFactor(0.0, 0.01).is_certain
    assert not CommonFactor(0.0, 0.5).is_certain


def poisson_tail_over_sites(count, mean, site_variance):
    """P(N >= count) of a Poisson number whose mean has a log-normal factor, by quadrature."""
    deviation = np.log1p(site_variance) ** 0.5

    def at(z):
        rate = mean * np.exp(deviation * z - deviation**2 / 2)
        return norm.pdf(z) * poisson.sf(count - 1, rate)

    return quad(at, -6, 9, limit=500, epsabs=1e-15, points=[0, 2, 4, 6])[0]


@pytest.mark.parametrize("mean", [0.3, 3.0, 30.0])
@pytest.mark.parametrize("site_variance", [0.1, 0.63, 1.5])
def test_tails_are_those_of_a_poisson_mixture_over_sites(mean, site_variance):
    trials = 1_000_000
    background = made(trials, mean, site_variance=site_variance)
    for level in (1e-2, 1e-4, 1e-6, 1e-8):
        score = background.critical_score(level)
        assert score is not None
        exact = poisson_tail_over_sites(score, mean, site_variance)
        assert np.exp(background.log_tail(score)) == pytest.approx(exact, rel=0.35)
        # At most a molecule or a few per cent off.
        slack = max(1, round(0.03 * score))
        assert poisson_tail_over_sites(score + slack, mean, site_variance) < level
        assert poisson_tail_over_sites(score - 1 - slack, mean, site_variance) > level


def test_a_tail_too_small_for_the_table_is_summed_over_the_values():
    mean, trials, site_variance = 0.5, 100_000, 0.63
    background = made(trials, mean, site_variance=site_variance)
    factor = background.factor
    for count in (30, 60, 120):
        by_hand = sum(
            weight * nbinom.sf(count - 1, 1 / NARROW, 1 / (1 + NARROW * mean * value))
            for value, weight in zip(factor.values, factor.weights, strict=True)
        )
        assert np.exp(background.log_tail(count)) == pytest.approx(by_hand, rel=1e-3)
    tails = [background.log_tail(count) for count in range(1, 400)]
    assert all(later <= one + 1e-9 for one, later in pairwise(tails))
    assert background.log_tail(trials) > -np.inf


def test_a_heavier_tail_asks_for_more():
    plain, wide, narrow = (
        made(1_000_000, 3.0, variance, site)
        for variance, site in ((0.0, 0.0), (0.0, 0.63), (0.63, 0.0))
    )
    needed = [each.critical_score(1e-7) for each in (plain, narrow, wide)]
    assert needed == sorted(needed)
    assert needed[0] < needed[1] < needed[2]
