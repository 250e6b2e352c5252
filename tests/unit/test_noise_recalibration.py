"""What the sample's own positions say of its qualities: of all, of a kind, a strand, a cycle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders.counted import PLAIN, drawn_counts, plain_counts, random_bases
from vexas_uba1.noise import PositionCounts, fit
from vexas_uba1.noise.outliers import apart
from vexas_uba1.noise.recalibration import (
    LEVEL_PRIOR,
    OVERALL_VARIANCE,
    QUALITY_VARIANCES,
    SITE_PRIOR,
    Recalibration,
    recalibrate,
    usable_positions,
)
from vexas_uba1.reference import UNKNOWN

A, C, G, T = range(4)
BOTH = {(origin, 30): 250 for origin in (0, 3, 4, 7)}
BASES = random_bases(1200)


def fitted(factor=lambda *_: 1.0, molecules=None, bases=BASES, seed=5, never_used=frozenset()):
    return fit(drawn_counts(bases, molecules or BOTH, factor, seed), never_used).recalibration


def seen_factors(found, group=2):
    """Return the factors of a class of quality, of kinds that are errors (12, 25, 9)."""
    wrong = ~np.eye(4, dtype=bool)
    return np.moveaxis(found.factor, 1, 2)[wrong][..., group]


def context(before, behind):
    return 5 * "ACGTN".index(before) + "ACGTN".index(behind)


def test_qualities_that_hold_are_left_alone():
    found = fitted()
    assert seen_factors(found).min() >= 1 and seen_factors(found).max() < 1.3
    assert found.mismatch_rate == pytest.approx(1e-3, rel=0.05)


def test_all_qualities_are_off_together():
    found = fitted(lambda *_: 3.0)
    assert seen_factors(found) == pytest.approx(np.full((12, 25, 9), 3.0), rel=0.35)
    assert found.by_kind[A, C] == pytest.approx(3, rel=0.2)
    assert found.mismatch_rate == pytest.approx(3e-3, rel=0.05)


def test_one_kind_of_error_is_ten_times_what_the_qualities_say():
    found = fitted(lambda around, shown, *_: 10.0 if (around[1], shown) == ("A", "C") else 1.0)
    assert np.median(found.factor[A, :, C, :, 2]) == pytest.approx(10, rel=0.1)
    others = np.moveaxis(found.factor[..., 2].copy(), 1, 2)
    others[A, C] = 1
    assert others[~np.eye(4, dtype=bool)].max() < 1.5


@pytest.mark.parametrize("positions", [60, 1200])
def test_damage_to_cytosines_says_nothing_of_other_kinds(positions):
    # A further 0.1 % of C>T and G>A; where copies agree that is a hundred times what they announce.
    molecules = {(0, 37): 1000, (4, 37): 1000, (8, 45): 3000}

    def damaged(around, shown, _, quality):
        return 1 + 3e-3 * 10 ** (quality / 10) * ((around[1], shown) in (("C", "T"), ("G", "A")))

    found = fitted(damaged, molecules, BASES[:positions])
    plain = fitted(lambda *_: 1.0, molecules, BASES[:positions])
    known = [context(before, behind) for before in "ACGT" for behind in "ACGT"]
    for true, shown in ((A, G), (A, C), (T, C), (G, T), (C, A)):
        for origin, quality in ((0, 2), (8, 3)):
            at = (true, known, shown, origin, quality)
            assert found.factor[at].mean() < 1.3
            assert found.variance[at].mean() < plain.variance[at].mean() + 0.1
    if positions == 1200:
        assert found.factor[C, known, T, 8, 3].mean() == pytest.approx(1 + 3e-3 * 10**4.5, rel=0.2)
        assert found.factor[G, known, A, 0, 2].mean() == pytest.approx(1 + 3e-3 * 10**3.7, rel=0.2)


def test_what_all_kinds_share_is_no_cause_of_its_own():
    # Half of the kinds err ten times as often: nobody can tell which half is the rule.
    often = {("A", "C"), ("T", "G"), ("A", "T"), ("T", "A"), ("C", "G"), ("G", "C")}
    expected = np.full((4, 4), 10.0)
    np.fill_diagonal(expected, 0)
    seen = np.array(
        [[100.0 if (true, shown) in often else 10.0 for shown in "ACGT"] for true in "ACGT"]
    )
    np.fill_diagonal(seen, 0)
    assert not apart(expected.copy(), expected).any()
    assert not apart(seen, expected).any()
    assert not apart(np.zeros((4, 4)), expected).any()
    assert not apart(np.zeros((4, 4)), np.zeros((4, 4))).any()


@pytest.mark.parametrize("usual", [0, 1, 10, 1000])
def test_a_pair_of_kinds_is_apart_however_much_it_outweighs_the_others(usual):
    expected = np.full((4, 4), float(max(usual, 1)))
    np.fill_diagonal(expected, 0)
    seen = np.where(expected > 0, float(usual), 0.0)
    seen[C, T], seen[G, A] = 50.0 * max(usual, 1), 40.0 * max(usual, 1)
    found = apart(seen, expected)
    assert found[C, T] and found[G, A] and found.sum() == 2


def test_damage_is_told_though_nothing_else_errs_and_it_shows_on_both_strands():
    # Each of the two would pass for usual beside the other.
    expected = np.full((4, 4), 0.1)
    np.fill_diagonal(expected, 0)
    seen = np.zeros((4, 4))
    seen[C, T] = seen[G, A] = 10
    found = apart(seen, expected)
    assert found[C, T] and found[G, A] and found.sum() == 2


def test_kinds_that_err_alike_are_hardly_ever_apart():
    generator = np.random.default_rng(3)
    expected = np.full((4, 4), 1.0)
    np.fill_diagonal(expected, 0)
    wrong = 0
    for mean in (0.2, 1.0, 5.0, 50.0):
        for _ in range(500):
            wrong += apart(generator.poisson(mean * expected).astype(float), mean * expected).any()
    assert wrong <= 4


def test_an_error_of_a_motif_is_learned_on_its_strand_and_motif_only():
    """T>G before T on reverse reads, as machines of two colours have it."""

    def factor(around, shown, origin, _):
        return 10.0 if (around[1:], shown) == ("TT", "G") and origin in (4, 7) else 1.0

    found = fitted(factor)
    motif = [context(before, "T") for before in "ACGT"]
    reverse = found.factor[T][motif][:, G][:, [4, 5, 6, 7], 2]
    assert reverse.min() > 7 and reverse.max() < 13
    assert reverse.mean() == pytest.approx(10, rel=0.15)
    assert found.factor[T][motif][:, G][:, :4, 2].max() < 1.6
    elsewhere = found.factor[T][[context(before, "A") for before in "ACGT"]][:, G, :, 2]
    assert elsewhere.mean() < 1.5 and elsewhere.max() < 3
    others = np.moveaxis(found.factor[..., 2].copy(), 1, 2)
    others[T, G] = 1
    others = others[~np.eye(4, dtype=bool)]
    assert others.mean() < 1.2 and others.max() < 3


def test_an_error_of_a_strand_is_learned_on_it():
    def factor(around, shown, origin, _):
        return 6.0 if (around[1], shown) == ("C", "T") and origin in (0, 3) else 1.0

    found = fitted(factor)
    known = [context(before, behind) for before in "ACGT" for behind in "ACGT"]
    assert found.factor[C][known][:, T, :4, 2].mean() == pytest.approx(6, rel=0.1)
    assert found.factor[C][known][:, T, 4:8, 2].mean() < 1.2
    # Read on both strands: neither is known to err so.
    assert found.factor[C, :, T, 8, 2].max() < 6


def test_what_only_molecules_read_on_both_strands_show():
    molecules = {(0, 30): 300, (4, 30): 300, (8, 30): 400}
    found = fitted(
        lambda around, shown, origin, _: (
            8.0 if (around[1], shown, origin) == ("G", "T", 8) else 1.0
        ),
        molecules,
    )
    assert found.factor[G, :, T, 8, 2].mean() == pytest.approx(8, rel=0.15)
    assert found.factor[G, :, T, 0, 2].mean() < 1.4


def test_late_cycles_err_more():
    molecules = {(origin, 30): 150 for origin in range(8)}
    found = fitted(lambda _, __, origin, ___: 4.0 if origin in (3, 7) else 1.0, molecules)
    late = seen_factors(found)[..., [3, 7]]
    early = seen_factors(found)[..., [0, 1, 2, 4, 5, 6]]
    assert late == pytest.approx(np.full(late.shape, 4.0), rel=0.35)
    assert early.mean() < 1.15 and early.max() < 1.5


def test_only_where_copies_agree_is_there_more_than_announced():
    molecules = {(0, 30): 500, (4, 37): 500, (8, 45): 3000}
    found = fitted(lambda _, __, ___, quality: 30.0 if quality == 45 else 1.0, molecules)
    agreeing = seen_factors(found, 3)[..., 8]
    assert agreeing.mean() == pytest.approx(30, rel=0.15)
    apart = seen_factors(found, 2)[..., :8]
    assert apart.mean() < 1.15 and apart.max() < 2.5
    # Of one kind alone.
    found = fitted(
        lambda around, shown, _, quality: (
            90.0 if quality == 45 and (around[1], shown) == ("C", "A") else 1.0
        ),
        molecules,
    )
    assert found.factor[C, :, A, 8, 3].mean() == pytest.approx(90, rel=0.15)
    assert found.factor[G, :, T, 8, 3].mean() < 4
    assert found.factor[C, :, A, 0, 2].mean() < 4


def test_a_few_errors_where_copies_agree_tell_of_every_kind_there():
    # Half an error is announced in all, some twenty are seen: kinds without any are doubted too.
    found = fitted(
        lambda _, __, ___, quality: 40.0 if quality == 45 else 1.0,
        {(0, 30): 500, (8, 45): 60},
        BASES[:300],
    )
    known = [context(before, behind) for before in "ACGT" for behind in "ACGT"]
    agreeing = np.moveaxis(found.factor[:, known], 1, 2)[~np.eye(4, dtype=bool)][..., 8, 3]
    assert agreeing.min() > 2 and agreeing.mean() > 4
    assert seen_factors(found, 2)[..., 0].mean() < 1.3


def test_poor_qualities_that_promise_too_much_say_nothing_of_good_ones():
    molecules = {(0, 15): 300, (0, 25): 300, (0, 37): 400}
    found = fitted(lambda _, __, ___, quality: 4.0 if quality == 15 else 1.0, molecules)
    assert seen_factors(found, 0)[..., 0].mean() == pytest.approx(4, rel=0.15)
    assert seen_factors(found, 1)[..., 0].mean() < 1.3
    assert seen_factors(found, 2)[..., 0].mean() < 2


def test_qualities_are_never_trusted_beyond_their_word():
    found = fitted(lambda *_: 0.0)
    assert (found.factor == 1).all() and found.mismatch_rate == 0
    # What lies so far below leaves no doubt of the announced.
    assert found.variance[A, context("C", "G"), T, 0, 2] < 1e-3
    assert fitted(lambda *_: 0.3).factor.min() == 1


def test_without_data_the_qualities_stand_and_are_doubted():
    nothing = drawn_counts("ACGT", {})
    found = fit(nothing, frozenset()).recalibration
    assert (found.factor == 1).all() and found.mismatch_rate is None
    # All together, their class of quality; by kind: all, by class, strand, motif, class there.
    for group, own in enumerate(QUALITY_VARIANCES + OVERALL_VARIANCE + 5 * LEVEL_PRIOR.variance):
        assert found.variance[..., group] == pytest.approx(np.full((4, 25, 4, 9), own))
    assert found.site_variance == pytest.approx(SITE_PRIOR.variance)


def test_few_data_move_the_qualities_little():
    one = plain_counts("A", {0: {"A": 99, "C": 1}}, 100, 40)
    found = recalibrate(one, np.array([True]))
    assert 1.05 < found.factor[A, UNKNOWN * 6, C, 0, 2] < 3
    assert 1.0 < found.factor[G, 0, T, 8, 0] < 1.5
    assert found.variance[A, 24, C, 0, 2] > 0.1


def test_doubt_falls_with_what_is_seen():
    few = fitted(molecules={(0, 30): 10, (4, 30): 10})
    many = fitted(molecules={(0, 30): 3000, (4, 30): 3000})
    at = (A, context("C", "G"), T, 0, 2)
    assert many.variance[at] < 0.02 < few.variance[at]


def test_a_variant_is_no_error():
    for share in (0.03, 0.3, 1.0):
        sample = drawn_counts(BASES, BOTH)
        row = BASES.index("A")
        for origin in (0, 4):
            sample.counts[row, C, origin, 2] += round(share * 1000)
            sample.counts[row, A, origin, 2] = 0
        found = fit(sample, frozenset()).recalibration
        assert found.mismatch_rate == pytest.approx(1e-3, rel=0.05)
        assert found.factor[A, sample.context[row], C, 0, 2] < 1.5
        assert found.site_variance < 0.25


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3])
def test_a_variant_is_no_error_where_a_strand_has_few_molecules(share):
    # Of 59 bases, as exon 3 has, learnt from alone: one error too many would be a third of all.
    for few in (12, 40):
        bases = random_bases(59)
        sample = drawn_counts(bases, {(0, 37): few, (4, 37): 60, (8, 37): 200})
        row = bases.index("A")
        for origin, depth in ((0, few), (4, 60), (8, 200)):
            mutant = round(share * depth)
            sample.counts[row, C, origin, 2] += mutant
            sample.counts[row, A, origin, 2] -= mutant
        plain = drawn_counts(bases, {(0, 37): few, (4, 37): 60, (8, 37): 200})
        found, without = (fit(each, frozenset()).recalibration for each in (sample, plain))
        at = (A, sample.context[row], C)
        # The variant's own position aside, all is as without it.
        assert found.factor[at] == pytest.approx(without.factor[at], rel=0.2)
        assert found.site_variance == pytest.approx(without.site_variance, abs=0.05)


@pytest.mark.parametrize("shown", [5, 7, 12, 40])
def test_what_one_strand_shows_is_no_variant_however_few_it_is(shown):
    # The other strand has a quarter of the molecules: enough to be asked, not always to answer.
    sample = drawn_counts("ACGT" * 15, {(0, 37): 300, (4, 37): 100})
    sample.counts[0, C, 0, 2] += shown
    found = fit(sample, frozenset()).recalibration
    without = fit(drawn_counts("ACGT" * 15, {(0, 37): 300, (4, 37): 100}), frozenset())
    at = (A, sample.context[0], C, 0, 2)
    assert found.factor[at] > 1.3 * without.recalibration.factor[at]


def test_a_motif_that_errs_on_both_strands_is_learnt_though_each_site_looks_like_a_variant():
    bases = random_bases(1500)

    def errs(around, shown, *_):
        return 150.0 if around == "ATG" and shown == "C" else 1.0

    sample = drawn_counts(bases, {(0, 37): 2000, (4, 37): 2000}, errs)
    plain = drawn_counts(bases, {(0, 37): 2000, (4, 37): 2000})
    motif = context("A", "G")
    found, without = (fit(each, frozenset()).recalibration for each in (sample, plain))
    assert found.factor[T, motif, C, 0, 2] == pytest.approx(150, rel=0.15)
    assert found.factor[T, motif, A, 0, 2] == pytest.approx(
        without.factor[T, motif, A, 0, 2], rel=0.3
    )
    # A single such site is a variant, as far as anyone can tell.
    once = drawn_counts(bases, {(0, 37): 2000, (4, 37): 2000})
    row = bases.index("ATG") + 1
    once.counts[row] = sample.counts[row]
    assert fit(once, frozenset()).recalibration.factor[T, motif, C, 0, 2] < 3


def test_what_one_strand_shows_alone_is_learnt_as_an_error():
    sample = drawn_counts(BASES, BOTH)
    row = BASES.index("A")
    sample.counts[row, C, 0, 2] += 100
    found = fit(sample, frozenset()).recalibration
    assert found.factor[A, sample.context[row], C, 0, 2] > 3
    assert found.factor[A, sample.context[row], C, 4, 2] < 2


def test_a_variant_in_a_sample_that_errs_much_is_told_by_its_qualities():
    # A tenth of poor bases is no variant; a tenth of good ones is.
    poor = drawn_counts("ACGT" * 100, {(0, 10): 1000})
    assert fit(poor, frozenset()).mismatch_rate == pytest.approx(0.1, rel=0.05)
    good = drawn_counts("ACGT" * 100, {(0, 30): 1000})
    good.counts[0] = poor.counts[0][..., [2, 1, 0, 3, 4]]
    assert fit(good, frozenset()).mismatch_rate == pytest.approx(1e-3, rel=0.15)


def test_positions_sought_by_name_and_unknown_ones_say_nothing():
    sample = plain_counts(
        "AAN", {0: {"A": 90, "C": 10}, 1: {"A": 100}, 2: {"A": 50, "C": 50}}, 100, 5
    )
    assert usable_positions(sample, frozenset({1})).tolist() == [True, False, False]
    assert fit(sample, frozenset()).mismatch_rate == pytest.approx(10 / 200)
    assert fit(sample, frozenset({0})).mismatch_rate == 0
    assert fit(sample, frozenset({0, 1})).mismatch_rate is None
    assert fit(sample, frozenset({0})).recalibration.by_kind.max() == 1


def test_errors_at_named_positions_do_not_pollute():
    bases = "ACGT" * 100
    sample = drawn_counts(bases, BOTH, lambda around, *_: 9.0 if around[1] == "A" else 1.0)
    named = frozenset(range(0, 400, 4))
    assert fit(sample, frozenset()).recalibration.by_kind[A, C] > 4
    assert fit(sample, named).recalibration.by_kind[A, C] < 1.3


@pytest.mark.parametrize("variance", [0.3, 1.0])
def test_single_positions_that_differ_widen_the_doubt(variance):
    random = np.random.default_rng(8)
    sample = drawn_counts(BASES, {(0, 20): 1000})
    steady = fit(sample, frozenset()).recalibration.site_variance
    expected = sample.error[:, 0, 1] / 3
    sample = replace(sample, counts=sample.counts.copy())
    for row, base in enumerate(BASES):
        for shown in "ACGT".replace(base, ""):
            # Each kind of a position errs by itself.
            times = random.gamma(1 / variance, variance)
            sample.counts[row, "ACGT".index(shown), 0, 1] = random.poisson(expected[row] * times)
    found = fit(sample, frozenset()).recalibration
    assert found.site_variance == pytest.approx(variance, rel=0.3)
    assert steady < 0.03


def test_factors_are_looked_up_by_position():
    sample = drawn_counts("ACN", {(0, 30): 1})
    factor = np.arange(4 * 25 * 4 * 9 * 5, dtype=float).reshape(4, 25, 4, 9, 5) + 1
    known = Recalibration(factor, factor * 0, 0.0, None)
    found = known.at(sample)
    assert found.shape == (3, 4, 9, 5)
    assert (found[0] == factor[A, context("N", "C")]).all()
    assert (found[1] == factor[C, context("A", "N")]).all()
    assert (found[2] == 1).all()
    assert known.by_kind[A, C] == pytest.approx(factor[A, :, C].mean())


def test_the_order_of_positions_does_not_matter():
    sample = drawn_counts(BASES[:300], BOTH, lambda around, *_: 5.0 if around[1] == "G" else 1.0)
    back = PositionCounts(
        sample.positions,
        sample.reference[::-1],
        sample.context[::-1],
        sample.counts[::-1],
        sample.error[::-1],
    )
    one, other = (recalibrate(each, np.ones(300, dtype=bool)) for each in (sample, back))
    assert one.factor == pytest.approx(other.factor)
    assert one.variance == pytest.approx(other.variance)
    assert one.site_variance == pytest.approx(other.site_variance)


def test_a_model_without_a_sample_takes_the_qualities_as_they_are():
    assert (PLAIN.recalibration.factor == 1).all() and (PLAIN.recalibration.variance == 0).all()
    assert PLAIN.mismatch_rate is None
