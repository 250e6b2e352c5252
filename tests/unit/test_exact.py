"""Intervals and limits of counts, against closed forms and against scipy.stats."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from vexas_uba1.caller.exact import (
    detection_limit,
    proportion_interval,
    tabulated,
    upper_bound,
    vaf_for_power,
)


@pytest.mark.parametrize(("count", "total"), [(5, 10), (5, 300), (151, 502), (8995, 9000)])
def test_the_intervals_ends_leave_half_of_the_doubt_on_each_side(count, total):
    low, high = proportion_interval(count, total)
    above = binom.sf(count, total, low) + binom.pmf(count, total, low) / 2
    below = binom.cdf(count - 1, total, high) + binom.pmf(count, total, high) / 2
    assert (above, below) == pytest.approx((0.025, 0.025))
    exact = binomtest(count, total).proportion_ci(0.95, "exact")
    assert exact.low < low < count / total < high < exact.high


@pytest.mark.parametrize(
    ("count", "total"), [(0, 10), (1, 10), (10, 10), (4, 300), (2, 9000), (8996, 9000), (2, 3)]
)
def test_of_few_molecules_the_interval_is_clopper_and_pearsons(count, total):
    exact = binomtest(count, total).proportion_ci(0.95, "exact")
    assert proportion_interval(count, total) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize("total", [12, 100, 1000])
def test_the_interval_never_covers_less_than_it_may(total):
    counts = np.arange(total + 1)
    low, high = np.array([proportion_interval(int(count), total) for count in counts]).T
    assert (np.diff(low) > 0).all() and (np.diff(high) > 0).all()
    for share in np.geomspace(1e-5, 0.5, 400):
        holds = (low <= share) & (share <= high)
        assert binom.pmf(counts, total, share)[holds].sum() >= 0.93


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3, 0.74])
def test_the_interval_covers_what_it_says(share):
    counts = np.arange(1001)
    ends = np.array([proportion_interval(int(count), 1000) for count in counts if count < 900])
    holds = (ends[:, 0] <= share) & (share <= ends[:, 1])
    assert 0.93 <= binom.pmf(counts[:900], 1000, share)[holds].sum() <= 0.97


def test_without_trials_nothing_is_known():
    assert proportion_interval(0, 0) == (0.0, 1.0)
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


def lowest_vaf(needed, total, error, power=0.95):
    return float(vaf_for_power(np.array([needed]), np.array([total]), np.array([error]), power)[0])


@pytest.mark.parametrize(("vaf", "depth"), [(0.05, 181), (0.02, 456), (0.01, 913)])
def test_the_depth_for_five_is_the_table_of_the_domain(vaf, depth):
    assert lowest_vaf(5, depth, 0.0) <= vaf
    assert lowest_vaf(5, depth - 1, 0.0) > vaf


def test_a_tenth_of_a_per_cent_needs_nine_thousand():
    assert lowest_vaf(5, 9150, 0.0) == pytest.approx(0.001, rel=2e-3)


@pytest.mark.parametrize("needed", [1, 3, 10])
@pytest.mark.parametrize("error", [0.0, 1e-3])
def test_the_vaf_for_power_has_that_power(needed, error):
    vaf = lowest_vaf(needed, 200, error, power=0.9)
    shown = vaf + error * (1 - vaf)
    assert binom.sf(needed - 1, 200, shown) == pytest.approx(0.9, abs=1e-5)


def test_no_vaf_reaches_more_than_there_is():
    assert np.isnan(lowest_vaf(11, 10, 0.0))
    assert lowest_vaf(10, 10, 0.0) == pytest.approx(0.95 ** (1 / 10))
    assert lowest_vaf(1, 1000, 0.1) == 0.0


@pytest.mark.parametrize(
    ("total", "needed", "lost"), [(300, 4, 0.0), (60, 2, 0.1), (20_000, 9, 0.003)]
)
@pytest.mark.parametrize("power", [0.5, 0.95])
def test_the_limit_of_a_needed_count_is_the_binomial_one(total, needed, lost, power):
    limit = detection_limit(total, lost, lambda counts: (counts >= needed).astype(float), power)
    assert binom.sf(needed - 1, total, limit * (1 - lost)) == pytest.approx(power, abs=1e-5)


def test_the_limit_weighs_each_count_by_its_chance_to_pass():
    # Half of all calls are flagged: no VAF is found and passes in more than half of the runs.
    def half(counts):
        return np.where(counts >= 3, 0.5, 0.0)

    assert detection_limit(100, 0.0, half, 0.6) is None
    limit = detection_limit(100, 0.0, half, 0.4)
    assert binom.sf(2, 100, limit) == pytest.approx(0.8, abs=1e-5)


def test_a_limit_is_none_or_nothing_where_all_or_none_pass():
    assert detection_limit(50, 0.0, lambda counts: np.zeros(counts.size)) is None
    assert detection_limit(50, 0.0, lambda counts: np.ones(counts.size)) == 0
    # All molecules must show it: the highest VAF is asked too.
    every = detection_limit(50, 0.0, lambda counts: (counts == 50).astype(float))
    assert every == pytest.approx(0.95 ** (1 / 50), abs=1e-6)
    # If a tenth are misread, all fifty never do.
    assert detection_limit(50, 0.1, lambda counts: (counts == 50).astype(float)) is None


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
