"""The test of one allele, its corrected VAF and interval, and what its molecules could show."""

from __future__ import annotations

import math

import numpy as np
import pytest

from builders.calls import CODON, view_with
from builders.counted import PLAIN, model_with
from vexas_uba1.caller.evidence import (
    Counting,
    Evidence,
    TestLevels,
    assess,
    depth_for_limit,
    limit_of,
)
from vexas_uba1.caller.exact import proportion_interval, upper_bound
from vexas_uba1.filters import Support
from vexas_uba1.locus.edits import Allele
from vexas_uba1.noise import Misreading

A, C, G, T = range(4)
M41T = Allele.substitution({CODON + 1: "C"})
LEVEL = 2e-6


def codon_view(alt, rest, qualities=(30,), **columns):
    """Return molecules with and without c.122T>C; qualities of the base in turn."""
    view = view_with(["ACG"] * alt + ["ATG"] * rest, **columns)
    view.quality[1] = np.resize(np.array(qualities, dtype=np.uint8), alt + rest)
    return view


def evidence_of(view, model=PLAIN, **keys):
    return Evidence.of(M41T, view, [(A, C, G)], model, **keys)


def judged(evidence, counting=None, *, level=LEVEL, power=None):
    support = Support(evidence.view, evidence.shows, evidence.chance, evidence.weight)
    return assess(evidence, level, counting or Counting(), support=support, limit_power=power)


def showing(evidence, count):
    """Return the same molecules, of which the first ``count`` show it."""
    shows = np.arange(evidence.view.size) < count
    return Evidence(evidence.allele, evidence.view, shows, evidence.errors, evidence.lost)


def test_the_molecules_of_an_allele():
    view = codon_view(3, 5)
    evidence = evidence_of(view)
    assert evidence.molecules.tolist() == [0, 1, 2]
    assert evidence.less([np.array([1, 7])]).molecules.tolist() == [0, 2]
    assert evidence.less([]).molecules.tolist() == [0, 1, 2]
    without = np.zeros(8, dtype=bool)
    without[2] = True
    assert evidence_of(view, without=without).molecules.tolist() == [0, 1]
    both = Evidence.of(M41T, view, [(A, C, G), (A, T, G)], PLAIN)
    assert both.molecules.size == 8


def test_chances_and_losses_are_those_of_each_molecule():
    evidence = evidence_of(codon_view(1, 5, qualities=(30, 20)))
    assert evidence.chance == pytest.approx([1e-3 / 3 + 1e-8, 0.01 / 3 + 1e-8] * 3, rel=3e-3)
    # A true molecule is misread if any of its three bases is.
    lost = [1 - 0.999**3, 1 - 0.999**2 * 0.99]
    assert evidence.lost[evidence.view.classes.of] == pytest.approx(lost * 3)
    hopeless = evidence_of(view_with(["ATG"] * 4, quality=2))
    assert hopeless.lost == pytest.approx([1 - (1 - 10**-0.2) ** 3])


def test_the_score_is_the_sum_of_weights_of_what_is_shown():
    evidence = evidence_of(codon_view(3, 997, qualities=(40, 10)))
    background, score = evidence.weighed
    good, poor = background.weight.max(), background.weight.min()
    assert good == 48 > 3 * poor
    assert score == 2 * good + poor
    assert background.total == 1000
    assert background.mean == pytest.approx(evidence.chance.sum())


def test_good_molecules_prove_more_than_poor_ones():
    # Three of a thousand, by the quality of the base that shows it.
    tails = {}
    for kind in ("good", "poor"):
        view = view_with(["ACG"] * 3 + ["ATG"] * 997)
        view.quality[1] = [37 if kind == "good" else 15] * 3 + [37, 15] * 498 + [37]
        tails[kind] = judged(evidence_of(view)).log_tail
    assert tails["good"] < math.log(1e-3)
    assert tails["poor"] > math.log(0.5)


def test_one_molecule_alone_is_never_found():
    sure = evidence_of(codon_view(1, 40, qualities=(45,)))
    assert judged(sure, level=1e-2).log_tail < math.log(1e-2)
    assert not judged(sure, level=1e-2).significant
    assert judged(evidence_of(codon_view(2, 40, qualities=(45,))), level=1e-2).significant


def test_it_is_found_if_its_tail_is_at_its_level():
    evidence = evidence_of(codon_view(4, 300))
    tail = judged(evidence).log_tail
    assert judged(evidence, level=math.exp(tail) * 1.001).significant
    assert not judged(evidence, level=math.exp(tail) * 0.999).significant


def test_the_molecules_are_counted_by_strand():
    finding = judged(evidence_of(codon_view(3, 4, strands=["+", "±", "-", "+", "-", "-", "±"])))
    assert finding.strands == (2, 2, 4, 5)
    assert (finding.alt, finding.depth) == (3, 7)


def test_flags_are_raised_on_what_is_found_alone():
    view = codon_view(12, 100, strands=["+"] * 12 + ["+", "-"] * 50)
    assert set(judged(evidence_of(view)).flags) == {"one_strand"}
    assert judged(evidence_of(view), level=1e-300).flags == {}


def test_shares_of_reads_below_their_floor_are_flagged():
    reads = Counting(limit_floor=0.05)
    assert set(judged(evidence_of(codon_view(12, 988)), reads).flags) == {"amplicon_floor"}
    assert judged(evidence_of(codon_view(60, 940)), reads).flags == {}
    assert judged(evidence_of(codon_view(12, 988)), reads).vaf_upper95 == 0.05
    assert judged(evidence_of(codon_view(12, 988))).vaf_upper95 == upper_bound(12, 1000)


@pytest.mark.parametrize(("alt", "kept"), [(34, 4), (60, 7), (67, 8), (500, 60)])
def test_beyond_the_inputs_copies_molecules_prove_nothing_more(alt, kept):
    """As if that many had been seen, rounded down: of 120 copies of 1,000 observations."""
    finding = judged(evidence_of(codon_view(alt, 1000 - alt)), Counting(most_molecules=120))
    same = judged(evidence_of(codon_view(kept, 120 - kept)))
    assert (finding.alt, finding.depth) == (kept, 120)
    assert finding.log_tail == pytest.approx(same.log_tail, rel=0.02)
    assert finding.vaf_corrected == pytest.approx(same.vaf_corrected, rel=1e-3)
    assert finding.expected_errors == pytest.approx(same.expected_errors)


def test_without_molecules_nothing_is_known():
    finding = judged(evidence_of(view_with(["ATG"]).without(np.array([0]))), power=0.95)
    assert (finding.alt, finding.depth, finding.log_tail) == (0, 0, 0)
    assert (finding.vaf_corrected, finding.vaf_low, finding.vaf_high) == (0, 0, 1)
    assert finding.limit is None and finding.vaf_upper95 is None and not finding.significant


def test_the_corrected_share_solves_for_the_true_one():
    evidence = evidence_of(codon_view(60, 440, qualities=(20, 10)), model_with({(T, C): 2}))
    finding = judged(evidence)
    error, lost = evidence.chance.mean(), evidence.lost[evidence.view.classes.of].mean()
    vaf = finding.vaf_corrected
    assert vaf * (1 - lost) + (1 - vaf) * error == pytest.approx(60 / 500, rel=1e-6)
    assert finding.expected_errors == pytest.approx(500 * error)


def test_the_interval_is_that_of_the_count_if_there_are_no_errors():
    finding = judged(evidence_of(view_with(["ACG"] * 30 + ["ATG"] * 270, quality=60)))
    assert (finding.vaf_low, finding.vaf_high) == pytest.approx(
        proportion_interval(30, 300), rel=1e-4
    )


def test_shares_stay_within_zero_and_one():
    for alt, rest in ((0, 50), (1, 49), (50, 0)):
        for quality in (3, 10, 30):
            finding = judged(evidence_of(codon_view(alt, rest, qualities=(quality,))))
            assert 0 <= finding.vaf_low <= finding.vaf_corrected + 1e-9
            assert finding.vaf_corrected <= finding.vaf_high + 1e-9 <= 1 + 1e-9
            assert finding.vaf_low <= alt / 50 <= finding.vaf_high


def test_doubt_of_the_errors_widens_the_interval():
    view = codon_view(25, 475, qualities=(15,))
    sure, unsure = (
        judged(evidence_of(view, model_with(variance=variance))) for variance in (0.0, 0.3)
    )
    assert unsure.vaf_low < sure.vaf_low and unsure.vaf_high > sure.vaf_high
    assert unsure.vaf_corrected == sure.vaf_corrected
    assert unsure.log_tail > sure.log_tail + 0.5


@pytest.mark.parametrize("variance", [0.04, 0.2, 1.0])
def test_the_parts_of_the_interval_are_joined_as_independent_ones(variance):
    # Zou and Donner's rule; there cannot be fewer errors than none.
    evidence = evidence_of(codon_view(30, 470, qualities=(17,)), model_with(variance=variance))
    finding = judged(evidence)
    error, share = float(evidence.chance.mean()), 30 / 500
    low, high = proportion_interval(30, 500)
    slack = 2 * variance**0.5 * error
    kept = 1 - float(evidence.lost.mean()) - error
    below = share - error - math.hypot(share - low, slack)
    above = share - error + math.hypot(high - share, min(slack, error))
    assert finding.vaf_low == pytest.approx(below / kept, rel=1e-4)
    assert finding.vaf_high == pytest.approx(above / kept, rel=1e-4)


def test_the_doubt_is_of_the_expected_number_of_errors():
    evidence = evidence_of(codon_view(0, 4, qualities=(30, 10)), model_with(variance=0.09))
    assert evidence.doubt == pytest.approx(0.3, rel=1e-3)
    mixed = Evidence(
        M41T,
        evidence.view,
        evidence.shows,
        Misreading(np.array([0.01, 0.03]), np.array([0.3, 0.1]), np.array([0.1, 0.0])),
        evidence.lost,
    )
    size = evidence.view.classes.size
    assert size.tolist() == [2, 2]
    assert mixed.doubt == pytest.approx(((0.4 * 0.02 + 0.1 * 0.06) / 0.08) ** 0.5)


@pytest.mark.parametrize(
    ("vaf", "depth", "qualities", "variance"),
    [
        (0.03, 1000, (30,), 0.0),
        (0.02, 2000, (37, 20), 0.1),
        (0.05, 1000, (12,), 0.02),
        (0.3, 200, (30, 15), 0.3),
    ],
)
def test_corrected_shares_are_unbiased_and_intervals_hold_the_truth(
    vaf, depth, qualities, variance
):
    """The number of errors is drawn with the doubt that the model announces."""
    evidence = evidence_of(codon_view(0, depth, qualities), model_with(variance=variance))
    random = np.random.default_rng(11)
    runs = 4000
    factor = random.gamma(1 / variance, variance, runs) if variance else np.ones(runs)
    lost = evidence.lost[evidence.view.classes.of].mean()
    share = vaf * (1 - lost) + (1 - vaf) * evidence.chance.mean() * factor
    counts, times = np.unique(random.binomial(depth, share), return_counts=True)
    found = [judged(showing(evidence, int(count))) for count in counts]
    mean = times @ np.array([finding.vaf_corrected for finding in found]) / runs
    assert mean == pytest.approx(vaf, rel=0.02)
    holds = np.array([finding.vaf_low <= vaf <= finding.vaf_high for finding in found])
    assert 0.93 <= times @ holds / runs <= 0.97


def limit_at(view, *, level=LEVEL, model=PLAIN, counting=None):
    return judged(evidence_of(view, model), counting, level=level, power=0.95).limit


def drawn_scores(evidence, vaf, runs, seed):
    """Return alt and score of runs in which each molecule shows the allele or errs."""
    random = np.random.default_rng(seed)
    _, weight = weights(evidence)
    of = evidence.view.classes.of
    mutant = random.random((runs, of.size)) < vaf
    shows = random.random((runs, of.size)) < np.where(
        mutant, 1 - evidence.lost[of], evidence.chance
    )
    return shows.sum(axis=1), shows @ weight[of]


def weights(evidence):
    """Return the background and the weight of each class, as the scores of one molecule."""
    background, _ = evidence.weighed
    of = evidence.view.classes.of
    one = [
        Evidence(
            evidence.allele,
            evidence.view,
            np.arange(of.size) == int(np.flatnonzero(of == group)[0]),
            evidence.errors,
            evidence.lost,
        ).weighed[1]
        for group in range(evidence.view.classes.size.size)
    ]
    return background, np.array(one)


@pytest.mark.parametrize(
    ("depth", "qualities"), [(600, (30,)), (600, (40, 25)), (1500, (37, 37, 12))]
)
def test_what_is_spiked_at_the_limit_is_found_at_its_power(depth, qualities):
    evidence = evidence_of(codon_view(0, depth, qualities))
    limit = judged(evidence, power=0.95).limit
    background, _ = evidence.weighed
    alt, score = drawn_scores(evidence, limit, 2000, 7)
    found = (alt >= 2) & (score >= background.critical_score(LEVEL))
    assert 0.92 <= found.mean() <= 0.98
    alt, score = drawn_scores(evidence, limit / 2, 1000, 8)
    assert ((alt >= 2) & (score >= background.critical_score(LEVEL))).mean() < 0.75


def test_what_is_not_there_is_found_no_more_often_than_the_level_says():
    evidence = evidence_of(codon_view(0, 800, (30, 15)))
    background, _ = evidence.weighed
    alt, score = drawn_scores(evidence, 0.0, 4000, 9)
    found = (alt >= 2) & (score >= background.critical_score(0.01))
    assert found.mean() < 0.01 + 3 * (0.01 / 4000) ** 0.5


def test_poorer_qualities_raise_the_limit():
    good = codon_view(0, 600, (40, 30))
    half = codon_view(0, 600, (20, 15))
    assert limit_at(half) > 1.5 * limit_at(good)
    # A few poor molecules beside the good ones hardly do.
    some = codon_view(0, 660, (*[40, 30] * 5, 8))
    assert limit_at(some) == pytest.approx(limit_at(good), rel=0.1)


def test_doubt_and_stricter_levels_raise_the_limit():
    view = codon_view(0, 800, (20,))
    assert limit_at(view, model=model_with(variance=0.5)) > 1.05 * limit_at(view)
    assert limit_at(view, level=1e-9) > 1.2 * limit_at(view)


def test_a_limit_asks_for_two_molecules_at_least():
    # No errors to speak of: two molecules, of which one in fifty is missed: 4.74 are expected.
    view = view_with(["ATG"] * 500, quality=60)
    limit = limit_at(view, level=0.5)
    assert limit * 500 == pytest.approx(4.73, rel=0.01)
    assert limit_at(view_with(["ATG"]), level=0.5) is None
    assert limit_at(view, counting=Counting(limit_floor=0.05), level=0.5) == 0.05


def test_where_calls_are_flagged_there_is_no_limit():
    assert limit_at(codon_view(0, 300, mapping_quality=[0] * 300)) is None
    assert limit_at(codon_view(0, 3, (2,))) is None


def test_a_limit_is_as_high_as_its_flags_make_it():
    background, _ = evidence_of(codon_view(0, 500)).weighed
    free = limit_of(background, LEVEL, 0.95, lambda counts: np.ones(counts.size))
    late = limit_of(background, LEVEL, 0.95, lambda counts: (counts >= 20).astype(float))
    never = limit_of(background, LEVEL, 0.95, lambda counts: np.full(counts.size, 0.9))
    assert free < late and late * 500 == pytest.approx(27.6, rel=0.03)
    assert never is None


def asked_depth(evidence, wanted, counting=None, power=0.95):
    support = Support(evidence.view, evidence.shows, evidence.chance, evidence.weight)
    return depth_for_limit(
        evidence, LEVEL, counting or Counting(), wanted, support=support, power=power
    )


@pytest.mark.parametrize(
    ("wanted", "qualities"), [(0.02, (30,)), (0.005, (37, 20)), (0.1, (30, 10))]
)
def test_with_so_many_molecules_the_limit_is_the_wanted_one(wanted, qualities):
    evidence = evidence_of(codon_view(0, 200, qualities))
    depth = asked_depth(evidence, wanted)
    background, _ = evidence.weighed

    def limit(molecules):
        grown = background.grown(molecules / 200)
        return limit_of(grown, LEVEL, 0.95, lambda counts: np.ones(counts.size))

    assert limit(depth) <= wanted * 1.001
    assert limit(0.95 * depth) > wanted
    # A sample of so many molecules says the same.
    real = limit_at(codon_view(0, depth, qualities))
    assert real == pytest.approx(wanted, rel=0.06)


def test_no_depth_is_told_where_none_would_do():
    evidence = evidence_of(codon_view(0, 200))
    depth = asked_depth(evidence, 0.02)
    assert asked_depth(evidence, 0.02, Counting(most_molecules=depth)) == depth
    assert asked_depth(evidence, 0.02, Counting(most_molecules=depth - 1)) is None
    assert asked_depth(evidence, 0.02, Counting(limit_floor=0.03)) is None
    assert asked_depth(evidence, 0.02, Counting(limit_floor=0.02)) == depth
    nothing = evidence_of(view_with(["ATG"]).without(np.array([0])))
    assert asked_depth(nothing, 0.02) is None
    flagged = evidence_of(codon_view(0, 50, mapping_quality=[0] * 50))
    assert asked_depth(flagged, 0.02) is None


def test_levels_are_shared_rates_of_a_sample():
    levels = TestLevels()
    assert (levels.canonical, levels.other_vexas, levels.power) == (4e-5, 2e-5, 0.95)
    # At most one false finding of class vexas in ten thousand samples, and one verdict in a
    # thousand in all.
    vexas = levels.canonical + levels.other_vexas
    assert vexas <= 1e-4
    assert vexas + levels.other_known + levels.search <= 1e-3
