"""Ratios of seen to expected: posteriors against a grid, variances against draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import gamma, poisson

from vexas_uba1.noise.shrinkage import Prior, shrink, variance_of

LEVEL = Prior(0.03, 10.0)


def arrays(*values):
    return [np.array(value, dtype=float) for value in values]


@pytest.mark.parametrize(
    ("seen", "expected", "variance"), [(0, 0.3, 0.5), (3, 1.0, 0.1), (40, 10.0, 2.0), (7, 7.0, 0.3)]
)
def test_a_ratio_is_the_posterior_of_a_gamma_prior(seen, expected, variance):
    ratio = np.linspace(1e-6, 30, 400_001)
    belief = gamma.pdf(ratio, 1 / variance, scale=variance) * poisson.pmf(seen, expected * ratio)
    belief /= belief.sum()
    mean = float(belief @ ratio)
    spread = float(belief @ (ratio - mean) ** 2)
    found = shrink(*arrays([seen], [expected], [variance]))
    assert found.ratio == pytest.approx([mean], rel=1e-3)
    assert found.own == pytest.approx([spread / mean**2], rel=3e-3)


@given(st.integers(0, 1000), st.floats(1e-6, 1e3), st.floats(1e-4, 25))
def test_a_ratio_lies_between_one_and_what_is_seen(seen, expected, variance):
    found = shrink(*arrays([seen], [expected], [variance]))
    low, high = sorted((1.0, seen / expected))
    assert low - 1e-9 <= found.ratio[0] <= high + 1e-9
    assert 0 < found.own[0] <= variance * (1 + 1e-9)
    assert 0 <= found.passed_on[0] <= 1 + 1e-9


def test_where_nothing_is_expected_and_seen_a_ratio_is_one():
    found = shrink(*arrays([0, 0], [0, 0], [0.3, 0.03]))
    assert found.ratio.tolist() == [1, 1]
    assert found.own == pytest.approx([0.3, 0.03])
    # All doubt of what comes before is kept.
    assert found.variance(np.array([0.2, 0.1])) == pytest.approx([0.5, 0.13])


def test_many_counts_leave_no_doubt_of_what_came_before():
    found = shrink(*arrays([1e6], [2e5], [0.1]))
    assert found.ratio == pytest.approx([5], rel=1e-3)
    assert found.variance(np.array([25.0])) == pytest.approx([1e-6], rel=0.01)


def test_the_doubt_that_stays_is_the_priors_share():
    # Prior 1 / 0.1 = 10 counts, 30 seen: a quarter of the ratio, a sixteenth of its variance.
    found = shrink(*arrays([30], [20], [0.1]))
    assert found.ratio == pytest.approx([40 / 30])
    assert found.passed_on == pytest.approx([1 / 16])
    assert found.variance(np.array([0.8])) == pytest.approx([1 / 40 + 0.05])


def test_the_variance_of_a_level_is_that_of_its_moments():
    seen, expected = arrays([12, 3, 9], [5, 5, 5])
    # (49 - 5) + (4 - 5) + (16 - 5) = 54, and the prior's 0.03 * 10.
    assert variance_of(seen, expected, LEVEL) == pytest.approx((54 + 0.3) / (75 + 10))
    assert variance_of(*arrays([], []), LEVEL) == pytest.approx(0.03)


def test_the_variance_of_a_level_stays_within_reason():
    assert variance_of(*arrays([50] * 9, [50] * 9), LEVEL) == 1e-4
    assert variance_of(*arrays([5000], [1]), LEVEL) == 25


@pytest.mark.parametrize("variance", [0.1, 0.4, 2.0])
def test_the_variance_of_draws_is_found(variance):
    random = np.random.default_rng(3)
    expected = random.uniform(5, 50, 3000)
    seen = random.poisson(expected * random.gamma(1 / variance, variance, 3000)).astype(float)
    assert variance_of(seen, expected, LEVEL) == pytest.approx(variance, rel=0.15)


def test_groups_that_err_alike_are_left_alone():
    random = np.random.default_rng(4)
    expected = np.full((40, 5), 20.0)
    found = shrink(random.poisson(expected).astype(float), expected, LEVEL)
    assert found.ratio == pytest.approx(np.ones((40, 5)), abs=0.2)


def test_groups_that_differ_follow_their_own_counts():
    expected = np.full(10, 20.0)
    seen = np.array([20.0] * 9 + [400.0])
    found = shrink(seen, expected, LEVEL)
    assert found.ratio[-1] == pytest.approx(20, rel=0.06)
    assert found.ratio[:-1] == pytest.approx(np.ones(9), abs=1e-9)


def test_a_variance_by_group_is_taken_as_it_is():
    found = shrink(*arrays([9, 9], [3, 3], [1e-4, 10]))
    assert found.ratio == pytest.approx([1 + 6e-4, 9.1 / 3.1], rel=1e-4)


def test_groups_are_taken_by_index():
    found = shrink(*arrays([[1, 20], [7, 3]], [[5, 5], [5, 5]], 0.5))
    assert found.along(np.array([1, 0, 1])).ratio.tolist() == [
        [found.ratio[row, at] for at in (1, 0, 1)] for row in (0, 1)
    ]
    one = found[1]
    for name in ("ratio", "own", "passed_on"):
        assert getattr(one, name).tolist() == getattr(found, name)[1].tolist()
        assert getattr(found.along(np.array([0])), name).shape == (2, 1)
