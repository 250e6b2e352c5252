"""Tails, intervals and limits against closed forms and against scipy.stats."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import binom, binomtest

from vexas_uba1.caller.exact import (
    Errors,
    detection_limit,
    mid_p_interval,
    tabulated,
    upper_bound,
    vaf_for_power,
)


def tail_by_convolution(probabilities, count):
    """P(K >= count) by adding one trial at a time, in long double."""
    mass = np.ones(1, dtype=np.longdouble)
    for p in probabilities:
        mass = np.convolve(mass, np.array([1 - p, p], dtype=np.longdouble))
    return float(np.sum(mass[count:][::-1]))


few_probabilities = st.lists(st.floats(1e-5, 0.5), min_size=1, max_size=40)


@given(few_probabilities, st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_the_tail_is_the_poisson_binomial_one(probabilities, count):
    errors = Errors.of(np.array(probabilities))
    brute = tail_by_convolution(probabilities, count)
    if count > len(probabilities):
        assert errors.log_tail(count) == -math.inf
    else:
        assert errors.log_tail(count) == pytest.approx(math.log(brute), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("count", [1, 2, 5, 30, 120, 499, 500])
def test_equal_probabilities_give_the_binomial_tail(count):
    errors = Errors.of(np.full(500, 1e-3))
    expected = logsumexp(binom.logpmf(np.arange(count, 501), 500, 1e-3))
    assert errors.log_tail(count) == pytest.approx(expected, rel=1e-9)


def test_the_tail_does_not_underflow():
    # 2,000 of 10,000 at an error of one in a million lies at about 10^-9830.
    errors = Errors.of(np.full(10_000, 1e-6))
    log_mass = (
        math.lgamma(10_001) - math.lgamma(2_001) - math.lgamma(8_001)
        + 2_000 * math.log(1e-6) + 8_000 * math.log1p(-1e-6)
    )  # fmt: skip
    assert errors.log_tail(2_000) == pytest.approx(log_mass, rel=1e-6)
    assert errors.log_tail(10_000) == pytest.approx(10_000 * math.log(1e-6))


def test_a_tail_below_the_mean_is_near_one():
    errors = Errors.of(np.full(1000, 0.1))
    for count in (0, 1, 60, 100):
        expected = binom.logsf(count - 1, 1000, 0.1)
        assert errors.log_tail(count) == pytest.approx(expected, abs=1e-9)
    assert errors.log_tail(-3) == 0.0


@given(few_probabilities)
@settings(max_examples=40, deadline=None)
def test_the_tail_falls_and_stays_a_probability(probabilities):
    errors = Errors.of(np.array(probabilities))
    tails = [errors.log_tail(count) for count in range(len(probabilities) + 2)]
    assert tails[0] == 0.0 and tails[-1] == -math.inf
    assert all(after <= before + 1e-12 for before, after in pairwise(tails))


@given(few_probabilities, st.sampled_from([0.05, 1e-3, 1e-6, 1e-9]))
@settings(max_examples=40, deadline=None)
def test_the_critical_count_is_the_first_that_is_significant(probabilities, alpha):
    errors = Errors.of(np.array(probabilities))
    count = errors.critical_count(alpha)
    assert 2 <= count <= len(probabilities) + 1
    assert errors.log_tail(count) <= math.log(alpha)
    assert count == 2 or errors.log_tail(count - 1) > math.log(alpha)


def test_many_distinct_errors_are_grouped_and_only_rounded_up():
    generator = np.random.default_rng(3)
    probabilities = 10 ** generator.uniform(-5, -2, 400)
    errors = Errors.of(probabilities)
    assert errors.total == 400
    assert probabilities.sum() <= errors.mean <= 1.012 * probabilities.sum()
    for count in (1, 5, 12):
        exact = tail_by_convolution(probabilities, count)
        assert exact <= math.exp(errors.log_tail(count)) <= exact * 1.012**count * 1.001


def test_a_few_distinct_errors_are_kept_as_they_are():
    errors = Errors.of(np.array([0.1, 0.001, 0.1]))
    assert errors.probability.tolist() == [0.001, 0.1]
    assert errors.trials.tolist() == [1, 2]
    assert errors.mean == pytest.approx(0.201)


@pytest.mark.parametrize(
    ("count", "total"), [(0, 10), (1, 10), (10, 10), (3, 300), (151, 502), (2, 9000), (8999, 9000)]
)
def test_the_intervals_ends_leave_half_of_the_doubt_on_each_side(count, total):
    low, high = mid_p_interval(count, total)
    if count > 0:
        assert binom.sf(count, total, low) + binom.pmf(count, total, low) / 2 == pytest.approx(
            0.025
        )
    if count < total:
        below = binom.cdf(count - 1, total, high) + binom.pmf(count, total, high) / 2
        assert below == pytest.approx(0.025)
    exact = binomtest(count, total).proportion_ci(0.95, "exact")
    assert exact.low <= low <= count / total <= high <= exact.high


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3, 0.74])
def test_the_interval_covers_what_it_says(share):
    counts = np.arange(1001)
    ends = np.array([mid_p_interval(int(count), 1000) for count in counts if count < 900])
    holds = (ends[:, 0] <= share) & (share <= ends[:, 1])
    assert 0.93 <= binom.pmf(counts[:900], 1000, share)[holds].sum() <= 0.97


def test_without_trials_nothing_is_known():
    assert mid_p_interval(0, 0) == (0.0, 1.0)
    assert upper_bound(0, 0) is None


@pytest.mark.parametrize(
    ("total", "bound"),
    [(15, 0.181), (30, 0.095), (100, 0.0295), (300, 0.010), (1000, 0.0030), (2995, 0.0010)],
)
def test_the_bound_of_zero_is_the_table_of_the_domain(total, bound):
    assert upper_bound(0, total) == pytest.approx(bound, rel=0.01)
    assert upper_bound(0, total) == pytest.approx(1 - 0.05 ** (1 / total), rel=1e-9)


@pytest.mark.parametrize(("count", "total"), [(0, 50), (1, 50), (7, 50), (50, 50)])
def test_the_upper_bound_is_one_sided(count, total):
    expected = binomtest(count, total, alternative="less").proportion_ci(0.95, "exact").high
    assert upper_bound(count, total) == pytest.approx(expected)


@pytest.mark.parametrize(("vaf", "depth"), [(0.05, 181), (0.02, 456), (0.01, 913)])
def test_the_depth_for_five_is_the_table_of_the_domain(vaf, depth):
    assert vaf_for_power(5, depth, 0.0) <= vaf
    assert vaf_for_power(5, depth - 1, 0.0) > vaf


def test_a_tenth_of_a_per_cent_needs_nine_thousand():
    assert vaf_for_power(5, 9150, 0.0) == pytest.approx(0.001, rel=2e-3)


@pytest.mark.parametrize("needed", [1, 3, 10])
@pytest.mark.parametrize("error", [0.0, 1e-3])
def test_the_vaf_for_power_has_that_power(needed, error):
    vaf = vaf_for_power(needed, 200, error, power=0.9)
    shown = vaf + error * (1 - vaf)
    assert binom.sf(needed - 1, 200, shown) == pytest.approx(0.9, abs=1e-5)


def test_no_vaf_reaches_more_than_there_is():
    assert vaf_for_power(11, 10, 0.0) is None
    assert vaf_for_power(10, 10, 0.0) == pytest.approx(0.95 ** (1 / 10))
    assert vaf_for_power(1, 1000, 0.1) == 0.0


@pytest.mark.parametrize("depth", [60, 300])
def test_the_limit_of_detection_is_the_lowest_vaf_that_is_found(depth):
    probabilities = np.where(np.arange(depth) % 3 == 0, 1e-3, 2e-4)
    errors = Errors.of(probabilities)
    alpha = 1e-5
    limit = detection_limit(errors, alpha)
    needed = next(k for k in range(1, depth) if tail_by_convolution(probabilities, k) <= alpha)

    def power(vaf):
        # The exact chance: each molecule shows the allele by presence or by its own error.
        return tail_by_convolution(vaf + probabilities * (1 - vaf), needed)

    assert power(limit * 1.01) >= 0.95
    assert power(limit * 0.97) < 0.95


def test_a_sample_too_poor_for_any_call_has_no_limit():
    assert detection_limit(Errors.of(np.full(3, 0.4)), 1e-5) is None
    assert detection_limit(Errors.of(np.full(300, 1e-3)), 1e-5) is not None


@given(few_probabilities, st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_trials_may_be_given_together(probabilities, times):
    together = Errors.of(np.array(probabilities), np.full(len(probabilities), times))
    apart = Errors.of(np.repeat(probabilities, times))
    assert together.trials.tolist() == apart.trials.tolist()
    assert together.probability.tolist() == apart.probability.tolist()


def test_thinning_keeps_each_kind_by_its_share():
    errors = Errors.of(np.array([1e-4, 1e-2, 1e-3]), np.array([600, 300, 100]))
    thinned = errors.thinned(100)
    assert thinned.total == 100
    assert thinned.probability.tolist() == [1e-4, 1e-3, 1e-2]
    assert abs(thinned.trials - [60, 10, 30]).max() <= 1
    assert errors.thinned(1000).trials.tolist() == errors.trials.tolist()


def test_a_table_says_what_its_function_says():
    asked = []

    def function(counts):
        asked.append(counts.size)
        return 1 - 0.99**counts

    table = tabulated(function, 1_000_000)
    for counts in (np.arange(1, 5000, 7), np.array([10_000, 77_777, 1_000_000])):
        assert table(counts) == pytest.approx(1 - 0.99**counts, abs=1e-12)
    assert len(asked) == 1 and asked[0] < 5000
    assert tabulated(function, 3)(np.array([1, 2, 3])) == pytest.approx([0.01, 0.0199, 0.029701])
