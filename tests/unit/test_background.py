"""What errors alone would show: exact sums of weights, brute force and scipy.stats beside them."""

from __future__ import annotations

import math
from functools import cache, reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln, logsumexp
from scipy.stats import binom, nbinom

from vexas_uba1.caller.background import Background, background_of
from vexas_uba1.caller.factor import CommonFactor


def made(weight, chance, trials, variance=0.0, lost=None, site_variance=0.0):
    """Return a background of groups as they are."""
    return Background(
        np.array(weight, dtype=np.int64),
        np.array(chance, dtype=float),
        np.array(trials, dtype=np.int64),
        np.zeros(len(weight)) if lost is None else np.array(lost, dtype=float),
        CommonFactor(variance, site_variance),
    )


def weighed(chance, size, lost=None, variance=None, site_variance=None):
    """Return the background of classes and their weights."""
    nothing = np.zeros(len(chance))
    return background_of(
        np.array(chance, dtype=float),
        np.array(size, dtype=np.int64),
        nothing if lost is None else np.array(lost, dtype=float),
        nothing if variance is None else np.array(variance, dtype=float),
        nothing if site_variance is None else np.array(site_variance, dtype=float),
    )


def masses(background):
    """Return the exact probabilities of all sums, in long double: as small as 1e-4900."""
    mass = np.ones(1, dtype=np.longdouble)
    groups = zip(
        background.weight.tolist(), background.chance, background.trials.tolist(), strict=True
    )
    for weight, chance, trials in groups:
        shown = np.arange(trials + 1)
        ways = gammaln(trials + 1) - gammaln(shown + 1) - gammaln(trials - shown + 1)
        p = np.longdouble(chance)
        log_mass = ways.astype(np.longdouble) + shown * np.log(p) + (trials - shown) * np.log1p(-p)
        spread = np.zeros(max(1, weight * trials + 1), dtype=np.longdouble)
        if weight:
            spread[::weight] = np.exp(log_mass)
        else:
            spread[0] = 1
        mass = np.convolve(mass, spread)
    return mass


def tails(background):
    return np.cumsum(masses(background)[::-1])[::-1]


def log(value):
    return float(np.log(value))


few_groups = st.lists(
    st.tuples(st.integers(0, 48), st.floats(1e-5, 0.5), st.integers(1, 9)),
    min_size=1,
    max_size=5,
    unique_by=lambda group: group[0],
).map(lambda groups: made(*zip(*sorted(groups), strict=True)))


@given(few_groups, st.data())
@settings(max_examples=60, deadline=None)
def test_the_tail_is_that_of_the_weighted_poisson_binomial(background, data):
    exact = tails(background)
    score = data.draw(st.integers(-3, exact.size + 3))
    if score <= 0:
        assert background.log_tail(score) == 0
    elif score >= exact.size:
        assert background.log_tail(score) == -math.inf
    elif exact[score] > 1e-11:
        assert background.log_tail(score) == pytest.approx(log(exact[score]), abs=1e-4)


@pytest.mark.parametrize("count", [1, 2, 5, 9, 30, 120, 499, 500])
@pytest.mark.parametrize("weight", [1, 48])
def test_equal_probabilities_give_the_binomial_tail(count, weight):
    expected = logsumexp(binom.logpmf(np.arange(count, 501), 500, 1e-3))
    background = made([weight], [1e-3], [500])
    # A sum that no number of molecules gives is as unlikely as the next one.
    for score in (weight * count, weight * count - weight + 1):
        found = background.log_tail(score)
        if expected > -2400:
            assert found == pytest.approx(expected, abs=0.02)
        else:
            # Qualities end at 9999, which is a logarithm of -2302.
            assert found == pytest.approx(expected, rel=0.005)


def test_molecules_of_one_kind_are_counted():
    background, weight = weighed([1e-3], [500])
    for count in (1, 3, 7, 11):
        expected = binom.logsf(count - 1, 500, 1e-3)
        assert background.log_tail(count * int(weight[0])) == pytest.approx(expected, rel=1e-6)


KINDS = {
    "two": ([3.3e-4, 6.6e-5], [50, 150]),
    "decades": ([1e-5, 1e-4, 1e-3], [60, 60, 60]),
    "many": ([3e-5, 7e-5, 3.3e-4, 1e-3, 1e-2], [30, 60, 60, 30, 20]),
}


@cache
def exact_tails(kind):
    return tails(weighed(*KINDS[kind])[0])


@pytest.mark.parametrize("level", [1e-2, 1e-5, 1e-8, 1e-11, 1e-14, 1e-30, 1e-100, 1e-300])
@pytest.mark.parametrize("kind", KINDS)
def test_tails_of_any_depth_are_exact(kind, level):
    background, _ = weighed(*KINDS[kind])
    exact = exact_tails(kind)
    score = int(np.searchsorted(-exact, -np.longdouble(level)))
    for asked in (score - 3, score, score + 4):
        assert background.log_tail(asked) == pytest.approx(log(exact[asked]), abs=0.02)


def test_the_tail_does_not_underflow():
    # 2,000 of 10,000 at an error of one in a million lies at about 10^-9830.
    background = made([1], [1e-6], [10_000])
    log_mass = (
        math.lgamma(10_001) - math.lgamma(2_001) - math.lgamma(8_001)
        + 2_000 * math.log(1e-6) + 8_000 * math.log1p(-1e-6)
    )  # fmt: skip
    assert background.log_tail(2_000) == pytest.approx(log_mass, rel=1e-6)
    assert background.log_tail(10_000) == pytest.approx(10_000 * math.log(1e-6))
    assert background.log_tail(10_001) == -math.inf


def test_no_depth_costs_precision():
    # A million molecules: what rounds each by 1e-16 must not show in a tail of 1e-11.
    background = made([1], [1e-6], [1_000_000])
    for count in (5, 10, 14, 17):
        expected = logsumexp(binom.logpmf(np.arange(count, 200), 1_000_000, 1e-6))
        assert background.log_tail(count) == pytest.approx(expected, abs=0.02)


def test_a_tail_below_the_mean_is_near_one():
    background = made([1], [0.1], [1000])
    for count in (1, 60, 100):
        expected = binom.logsf(count - 1, 1000, 0.1)
        assert background.log_tail(count) == pytest.approx(expected, abs=1e-9)
    assert background.log_tail(0) == background.log_tail(-3) == 0.0


@pytest.mark.parametrize("variance", [0.0, 1e-3, 0.1])
def test_tails_fall_and_stay_probabilities(variance):
    background, _ = weighed([1e-4, 3e-3], [400, 100], variance=[variance] * 2)
    last = int(background.weight @ background.trials)
    found = [
        background.log_tail(score) for score in [*range(0, 600, 7), *range(600, last + 3, 397)]
    ]
    assert found[0] == 0 and max(found) == 0
    # Where the two ways of asking meet, 2 % may show.
    assert all(after <= before + 0.02 for before, after in pairwise(found))
    assert background.log_tail(last + 1) == -math.inf


def log_nbinom_tail(count, mean, variance):
    """P(N >= count) of a Poisson number whose mean has a gamma distribution."""
    shown = np.arange(count, count + 20_000)
    return logsumexp(nbinom.logpmf(shown, 1 / variance, 1 / (1 + mean * variance)))


@pytest.mark.parametrize(
    ("mean", "variance"), [(0.3, 0.3), (1, 0.02), (1, 0.3), (3, 0.05), (5, 0.3), (1, 1.0)]
)
def test_a_common_doubt_of_all_errors_gives_the_negative_binomial(mean, variance):
    trials = 100_000
    background = made([1], [mean / trials], [trials], variance)
    # Half of the molecules in each of two groups have the same factor, not one each.
    halves = made([1, 2], [mean / trials] * 2, [trials // 2] * 2, variance)
    for count in range(1, 200):
        expected = log_nbinom_tail(count, mean, variance)
        if expected < math.log(1e-7):
            break
        assert background.log_tail(count) == pytest.approx(expected, abs=2e-2)
        if expected > math.log(1e-3):
            assert background.log_tail(count) == pytest.approx(expected, abs=1e-3)
        # At least so many molecules give at least the sum.
        assert halves.log_tail(count) >= background.log_tail(count) - 1e-3


@pytest.mark.parametrize(("mean", "variance"), [(30, 0.003), (30, 0.3), (300, 0.003), (300, 0.03)])
@pytest.mark.parametrize("level", [1e-2, 1e-4, 1e-6])
def test_many_errors_of_a_common_doubt(mean, variance, level):
    trials = 100_000
    background = made([1], [mean / trials], [trials], variance)
    count = int(nbinom.isf(level, 1 / variance, 1 / (1 + mean * variance))) + 1
    expected = log_nbinom_tail(count, mean, variance)
    assert background.log_tail(count) == pytest.approx(expected, abs=0.02)


@given(few_groups, st.sampled_from([0.05, 1e-3, 1e-6, 1e-9]))
@settings(max_examples=40, deadline=None)
def test_the_critical_score_is_the_first_that_is_significant(background, level):
    score = background.critical_score(level)
    exact = tails(background)
    significant = np.flatnonzero(exact <= level * (1 + 1e-4))
    if score is None:
        assert not significant.size or exact[significant[0]] > level * (1 - 1e-4)
    else:
        assert exact[score] <= level * (1 + 1e-4)
        assert exact[score - 1] > level * (1 - 1e-4)


def test_no_score_is_critical_where_all_molecules_are_too_few():
    assert made([10], [0.4], [3]).critical_score(1e-5) is None
    assert made([10], [0.4], [3]).critical_score(0.1) == 21
    assert made([10], [1e-3], [300]).critical_score(1e-5) == 51


def brute_reach(background, score, most):
    """Add a molecule at a time to the errors' sum."""
    erring = masses(background).astype(float)
    share = background.trials * (1 - background.lost)
    one = np.zeros(int(background.weight.max()) + 1)
    np.add.at(one, background.weight, share / share.sum())
    reached = []
    for _ in range(most + 1):
        reached.append(erring[score:].sum())
        erring = np.convolve(erring, one)
    return reached


@pytest.mark.parametrize("variance", [0.0, 0.2])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.7])
def test_true_molecules_and_errors_reach_a_score_together(share, variance):
    background = made([3, 7, 20], [0.02, 1e-3, 1e-5], [60, 50, 40], variance, [0.1, 0.01, 0.3])
    score = int(share * (background.weight @ background.trials))
    found = background.reach(score, 110)
    assert found.shape == (111,)
    assert found == pytest.approx(brute_reach(background, score, 110), abs=1e-8)


def test_beyond_many_molecules_the_reach_is_nearly_exact():
    background = made([3, 7, 20], [0.02, 1e-3, 1e-5], [600, 500, 400])
    score = 2000
    found = background.reach(score, 300)
    exact = np.array(brute_reach(background, score, 300))
    assert found == pytest.approx(exact, abs=0.01)
    assert exact[129] < 0.5 < exact[290]


def test_true_molecules_that_are_misread_are_not_among_those_that_reach():
    # All good molecules are lost: only the poor ones can show it.
    background = made([1, 10], [1e-9, 1e-9], [50, 50], lost=[0.0, 1.0])
    assert background.reach(10, 20)[[9, 10]] == pytest.approx([0, 1], abs=1e-6)


def test_thinning_keeps_each_kind_by_its_share():
    background = made([2, 5, 9], [1e-2, 1e-3, 1e-4], [100, 300, 600])
    thinned = background.thinned(100)
    assert thinned.total == 100
    assert abs(thinned.trials - [10, 30, 60]).max() <= 1
    assert thinned.weight.tolist() == [2, 5, 9]
    assert background.thinned(1000).trials.tolist() == background.trials.tolist()


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(sum), st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_thinning_keeps_the_total(trials, share):
    background = made(range(len(trials)), [1e-3] * len(trials), trials)
    total = round(share * sum(trials))
    thinned = background.thinned(total)
    assert thinned.total == total
    assert (thinned.trials >= 0).all()
    assert abs(thinned.trials - np.array(trials) * total / sum(trials)).max() <= 1


def test_growing_is_having_more_of_the_same_kinds():
    chance, size, lost, variance = (
        [1e-4, 1e-3, 1e-2],
        [600, 300, 100],
        [0.01, 0.02, 0.1],
        [0.04] * 3,
    )
    background, _ = weighed(chance, size, lost, variance, [0.6] * 3)
    grown = background.grown(7)
    straight, _ = weighed(chance, np.array(size) * 7, lost, variance, [0.6] * 3)
    assert grown.total == straight.total == 7000
    assert grown.weight.tolist() == straight.weight.tolist()
    assert grown.trials.tolist() == straight.trials.tolist()
    assert grown.chance == pytest.approx(straight.chance)
    assert grown.mean_lost == pytest.approx(straight.mean_lost) == pytest.approx(0.022)
    assert grown.factor.variance == pytest.approx(0.04)
    assert grown.factor.site_variance == pytest.approx(0.6)
    assert background.grown(0.5).total == 500


def test_totals_and_means():
    background, _ = weighed([1e-4, 1e-3, 0.1], [600, 300, 100], lost=[0.0, 0.1, 0.5])
    assert background.total == 1000
    assert background.mean == pytest.approx(0.06 + 0.3 + 10)
    assert background.mean_lost == pytest.approx((30 + 50) / 1000)
    empty, _ = weighed([], [])
    assert (empty.total, empty.mean, empty.mean_lost) == (0, 0, 0)
    assert empty.log_tail(0) == 0 and empty.critical_score(1e-3) is None


@pytest.mark.parametrize("times", [1, 30])
def test_a_weight_is_the_logarithm_of_the_likelihood_ratio(times):
    chance, size = times * np.array([1e-5, 3e-4, 1e-2]), times * np.array([700, 200, 100])
    _, weight = weighed(chance, size)
    # Eight molecules and three standard deviations of the typical number of errors.
    total = times * 1000
    typical = total * math.exp((np.log(chance) @ size) / total)
    vaf = (8 + 3 * typical**0.5) / total
    worth = np.log1p(vaf / chance)
    assert weight.max() == weight[0] == 48
    assert weight / 48 == pytest.approx(worth / worth[0], abs=0.51 / 48)


@given(st.lists(st.floats(1e-7, 0.4), min_size=2, max_size=6), st.integers(1, 500))
@settings(max_examples=60, deadline=None)
def test_a_better_molecule_never_weighs_less(chance, size):
    _, weight = weighed(chance, [size] * len(chance))
    order = np.argsort(chance)
    assert (np.diff(weight[order]) <= 0).all()
    assert weight.max() <= 48
    if max(chance) > 10 * min(chance):
        assert weight.min() < weight.max()


@given(
    st.lists(
        st.tuples(st.floats(1e-6, 0.3), st.integers(1, 50), st.floats(0, 0.4), st.floats(0, 1)),
        min_size=2,
        max_size=7,
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=25, deadline=None)
def test_the_order_of_classes_does_not_matter(classes, random):
    shuffled = random.sample(range(len(classes)), len(classes))
    one, of_one = weighed(*zip(*classes, strict=True))
    other, of_other = weighed(*zip(*(classes[at] for at in shuffled), strict=True))
    assert of_one[shuffled].tolist() == of_other.tolist()
    assert one.weight.tolist() == other.weight.tolist()
    assert one.trials.tolist() == other.trials.tolist()
    for name in ("chance", "lost"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))
    assert one.factor.variance == pytest.approx(other.factor.variance)
    score = int(one.mean * 48) + 100
    assert one.log_tail(score) == pytest.approx(other.log_tail(score), rel=1e-6, abs=1e-9)


def test_classes_of_equal_weight_are_one_group():
    background, weight = weighed(
        [1e-4, 1.001e-4, 0.1], [10, 30, 5], lost=[0.0, 0.4, 0.1], variance=[0.1, 0.1, 0.1]
    )
    assert weight[0] == weight[1] > weight[2]
    assert background.weight.tolist() == [weight[2], weight[0]]
    assert background.trials.tolist() == [5, 40]
    assert background.chance == pytest.approx([0.1, (10e-4 + 30.03e-4) / 40])
    assert background.lost == pytest.approx([0.1, 0.3])


def test_the_doubt_is_that_of_the_molecules_that_decide():
    # By chance times size times weight.
    chance, size, variance = np.array([1e-4, 1e-2]), np.array([900, 100]), np.array([0.5, 0.02])
    background, weight = weighed(chance, size, variance=variance)
    decisive = chance * size * weight
    expected = reduce(float.__add__, (decisive * variance).tolist()) / decisive.sum()
    assert background.factor.variance == pytest.approx(expected)
    of_sites = weighed(chance, size, site_variance=variance)[0].factor
    assert (of_sites.variance, of_sites.site_variance) == pytest.approx((0.0, expected))
    assert weighed(chance, size, variance=[0.3, 0.3])[0].factor.variance == pytest.approx(0.3)


def test_a_few_poor_molecules_do_not_change_what_good_ones_prove():
    good, _ = weighed([1e-4], [1000])
    mixed, weight = weighed([1e-4, 0.3], [1000, 10])
    three_good = mixed.log_tail(3 * int(weight[0]))
    assert three_good == pytest.approx(good.log_tail(3 * 48), abs=0.2)


def test_a_lattice_stays_small_however_many_errors():
    # A million molecules of 1 %: 10,000 errors, whose weights are made coarser.
    background, weight = weighed([1e-2, 1e-3], [500_000, 500_000])
    assert background.mean == pytest.approx(5500)
    assert (background.chance * background.trials) @ background.weight < 25_000
    assert weight[1] > weight[0] > 0
    expected = float((background.chance * background.trials) @ background.weight)
    assert background.log_tail(int(expected)) == pytest.approx(math.log(0.5), abs=0.03)
