"""The error model: base qualities, scaled by what the sample shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.calls import CODON, R, molecules_of, record_reference, view_with
from vexas_uba1.alleles.placements import Runs, join_placements
from vexas_uba1.fragments import IndelCount
from vexas_uba1.noise import (
    DELETION,
    INDEL_ERROR,
    INSERTION,
    LOWEST_ERROR,
    ErrorModel,
    PositionCounts,
    base_error,
    count_positions,
    fewest_by_error,
    fit,
    median_quality,
    pattern_error,
    tail_by_position,
)
from vexas_uba1.reference import ReferenceWindow

A, C, G, T = range(4)
PLAIN = ErrorModel(np.ones((4, 4)), np.zeros((4, 4)), 0.0)


def counted(reference, counts, error):
    positions = np.arange(len(reference))
    return PositionCounts(
        positions,
        np.array(["ACGTN".index(base) for base in reference], dtype=np.uint8),
        np.array(counts),
        np.array(error, dtype=float),
    )


def sample_with(rate_of_a_to_c, positions=400, depth=1000, error=1e-3, seed=5):
    """Positions of every base, all errors at ``error`` / 3 but A>C at ``rate_of_a_to_c`` of it."""
    generator = np.random.default_rng(seed)
    reference = "ACGT" * (positions // 4)
    counts = np.zeros((positions, 4), dtype=int)
    for row, base in enumerate(reference):
        for shown in range(4):
            if "ACGT"[shown] != base:
                times = rate_of_a_to_c if (base, shown) == ("A", C) else 1
                counts[row, shown] = generator.binomial(depth, error / 3 * times)
        counts[row, "ACGT".index(base)] = depth - counts[row].sum()
    return counted(reference, counts, [depth * error] * positions)


def test_phred_is_a_probability_with_a_floor():
    assert base_error(np.array([10, 20, 37], dtype=np.uint8)) == pytest.approx(
        [0.1, 0.01, 10**-3.7]
    )
    assert base_error(np.array([60, 93], dtype=np.uint8)) == pytest.approx([LOWEST_ERROR] * 2)


def test_qualities_that_hold_are_left_alone():
    model = fit(sample_with(1), frozenset())
    assert model.scale == pytest.approx(np.ones((4, 4)), abs=0.35)
    assert model.mismatch_rate == pytest.approx(1e-3, rel=0.1)


def test_one_kind_of_error_is_ten_times_what_the_qualities_say():
    model = fit(sample_with(10, depth=5000), frozenset())
    assert model.scale[A, C] == pytest.approx(10, rel=0.08)
    others = np.delete(model.scale.ravel(), A * 4 + C)
    assert others.max() < 1.5


def test_qualities_are_never_trusted_beyond_their_word():
    silent = counted("ACGT" * 10, [[1000, 0, 0, 0]] * 40, [10.0] * 40)
    silent.counts[:] = 0
    silent.counts[np.arange(40), silent.reference] = 1000
    model = fit(silent, frozenset())
    assert (model.scale == 1).all() and model.mismatch_rate == 0


def test_few_errors_move_a_scale_little():
    one = counted("A", [[99, 1, 0, 0]], [0.03])
    model = fit(one, frozenset())
    # (1 + 2) / (0.01 + 2): the pseudo-counts hold it.
    assert model.scale[A, C] == pytest.approx(3 / 2.01)


def test_a_variant_is_no_error():
    sample = sample_with(1)
    sample.counts[0] = [700, 300, 0, 0]
    with_variant = fit(sample, frozenset())
    assert with_variant.scale[A, C] < 1.5
    assert with_variant.mismatch_rate == pytest.approx(1e-3, rel=0.1)


def test_positions_sought_by_name_and_unknown_ones_say_nothing():
    sample = counted("AAN", [[90, 10, 0, 0], [100, 0, 0, 0], [50, 50, 0, 0]], [30.0, 30.0, 30.0])
    assert fit(sample, frozenset()).mismatch_rate == pytest.approx(10 / 200)
    assert fit(sample, frozenset({0})).mismatch_rate == 0
    assert fit(sample, frozenset({0, 1})).mismatch_rate is None


def test_a_substitution_is_a_third_of_the_error_times_its_scale():
    scale = np.ones((4, 4))
    scale[A, C] = 6
    model = ErrorModel(scale, np.zeros((4, 4)), None)
    quality = np.array([20, 30, 3], dtype=np.uint8)
    assert model.substitution(quality, A, C) == pytest.approx([0.02, 0.002, 0.5])
    assert model.substitution(quality, A, G)[:2] == pytest.approx([0.01 / 3, 0.001 / 3])


def test_repeats_make_indels_likelier():
    for kind in (INSERTION, DELETION):
        chances = [PLAIN.indel(kind, length) for length in (0, 1, 3, 4, 5, 20)]
        assert chances[:3] == [INDEL_ERROR] * 3
        assert chances[3:5] == pytest.approx([3 * INDEL_ERROR, 9 * INDEL_ERROR])
        assert chances[5] == 0.05


def test_molecules_are_counted_by_position_and_base():
    molecules = molecules_of(
        R("a", CODON, "ATG", quality=20),
        R("b", CODON, "ACG", quality=20),
        R("c", CODON - 1, "AA-G", quality=30),
    )
    positions = np.array([CODON, CODON + 1])
    found = count_positions(molecules, record_reference(), positions)
    assert found.counts.tolist() == [[3, 0, 0, 0], [0, 1, 0, 1]]
    assert found.reference.tolist() == [A, T]
    # Deleted bases are no base, so they carry no base error.
    assert found.error == pytest.approx([0.021, 0.02])


def test_a_position_deserves_a_look_by_its_poisson_tail():
    sample = counted("AAN", [[97, 3, 0, 0], [100, 0, 0, 0], [0, 9, 0, 0]], [0.3, 0.3, 0.3])
    tail = tail_by_position(sample, PLAIN)
    expected = 0.1
    by_hand = 1 - np.exp(-expected) * (1 + expected + expected**2 / 2)
    assert tail[0, C] == pytest.approx(by_hand)
    assert tail[0, [A, G, T]].tolist() == [1, 1, 1]
    assert (tail[1:] == 1).all()


def test_a_pattern_that_differs_in_one_base_takes_one_error():
    view = view_with(["ATG"] * 9 + ["ACG"])
    chance = pattern_error(view, (A, C, G), PLAIN)
    assert chance == pytest.approx([1e-3 / 3])


def test_errors_of_one_molecule_come_together():
    # The first error by its own chance, each further one by 0.01: they are not independent.
    view = view_with(["ATG"] * 10)
    assert pattern_error(view, (G, C, G), PLAIN) == pytest.approx([1e-3 / 3 * 0.01])
    assert pattern_error(view, (G, C, A), PLAIN) == pytest.approx([1e-3 / 3 * 1e-4])


def test_a_likelier_second_error_keeps_its_own_chance():
    view = view_with(["ATG"] * 10, quality=10)
    likely = np.ones((4, 4))
    likely[A, G] = 6  # 0.2 beside 0.033
    chance = pattern_error(view, (G, C, G), ErrorModel(likely, np.zeros((4, 4)), None))
    assert chance == pytest.approx([0.2 * 0.1 / 3])


def test_other_clones_are_parents_by_their_share():
    # GTG needs one error of ATG, one of GCG and two of ACG.
    view = view_with(["ATG"] * 59 + ["GCG"] * 20 + ["ACG"] * 20)
    one = 1e-3 / 3
    chance = pattern_error(view, (G, T, G), PLAIN)
    by_hand = (59.5 * one + 20 * one + 20 * one * 0.01) / 99.5
    assert chance == pytest.approx([by_hand])


def test_a_sample_that_shows_nothing_else_is_tested_against_the_reference():
    view = view_with(["ACG"] * 40)
    assert pattern_error(view, (A, C, G), PLAIN) == pytest.approx([1e-3 / 3])


def test_a_deleted_base_is_misread_like_an_indel():
    view = view_with(["A-G"] * 99 + ["ACG"])
    chance = pattern_error(view, (A, C, G), PLAIN)
    by_hand = (99 * INDEL_ERROR + 0.5 * 1e-3 / 3) / 99.5
    assert chance == pytest.approx([by_hand])


def test_the_chance_is_never_beyond_reason():
    view = view_with(["ATG"] * 5, quality=0)
    assert (
        pattern_error(view, (A, C, G), ErrorModel(np.full((4, 4), 9.0), np.zeros((4, 4)), None))
        == 0.5
    ).all()
    # Three changes of the best quality: small, but no zero to take a logarithm of.
    best = view_with(["ATG"] * 5, quality=60)
    smallest = LOWEST_ERROR / 3 * 1e-4
    assert pattern_error(best, (C, A, T), PLAIN) == pytest.approx([smallest])


def test_the_doubt_of_a_scale_is_that_of_what_it_was_made_from():
    seen = np.zeros((4, 4))
    seen[T, C] = 98
    model = ErrorModel(np.ones((4, 4)), seen, None)
    assert model.doubt(T, C) == pytest.approx(0.1)
    assert model.doubt(C, T) == pytest.approx(2**-0.5)


# Runs of one base, of two, three and so on; what stands between them is a run of one.
RUNS = "".join("ACGT"[n % 4] * length for n, length in enumerate([1, 2, 1, 3, 1, 4, 1, 6] * 12))
WINDOW = ReferenceWindow(0, RUNS, "fasta")


def indels_of(events):
    """Return insertions and deletions of ``(start, end, bases, molecules)``."""
    shown = [
        IndelCount(start, end, bases, np.arange(count), np.zeros(0, dtype=np.int64))
        for start, end, bases, count in events
    ]
    return join_placements(shown, WINDOW, Runs.of(WINDOW))


def fitted(events, depth=1000, never_used=frozenset(), positions=None):
    positions = np.arange(len(RUNS)) if positions is None else positions
    reference = WINDOW.codes[positions]
    counts = np.zeros((positions.size, 4), dtype=int)
    counts[np.arange(positions.size), reference] = depth
    sample = PositionCounts(positions, reference, counts, np.full(positions.size, depth * 1e-3))
    return fit(sample, never_used, indels_of(events), Runs.of(WINDOW))


def heads(length):
    """Return where the runs of a length begin."""
    runs = Runs.of(WINDOW)
    return [at for at in np.unique(runs.first).tolist() if runs.length_at(at) == length]


def test_a_sample_without_indels_keeps_what_is_assumed():
    assert (fitted([]).indel_scale == 1).all()


def test_a_stray_insertion_or_deletion_moves_little():
    model = fitted([(heads(2)[1], heads(2)[1] + 1, "", 1), (heads(3)[1], heads(3)[1], "A", 1)])
    assert model.indel_scale.max() < 2


@pytest.mark.parametrize("kind", [INSERTION, DELETION])
def test_indels_are_scaled_by_kind_and_length_of_the_run(kind):
    # 2 % in runs of two, 6 % in runs of three, as nanopores have it.
    rates = {2: 200, 3: 600}
    events = [
        (at, at + kind, "" if kind == DELETION else RUNS[at], seen)
        for length, seen in rates.items()
        for at in heads(length)
    ]
    model = fitted(events, depth=10_000)
    for length, seen in rates.items():
        assert model.indel(kind, length) == pytest.approx(seen / 10_000, rel=0.07)
    assert model.indel(1 - kind, 2) == INDEL_ERROR


def test_a_true_deletion_is_no_error():
    for share in (30, 500, 1000):
        model = fitted([(heads(6)[3], heads(6)[3] + 1, "", share)])
        assert (model.indel_scale == 1).all()
    noisy = [(at, at + 1, "", 20) for at in heads(2)]
    with_variant = fitted([*noisy[1:], (noisy[0][0], noisy[0][1], "", 500)])
    assert with_variant.indel(DELETION, 2) == pytest.approx(0.02, rel=0.12)


def test_runs_sought_by_name_say_nothing_about_indels():
    at = heads(2)
    events = [(start, start + 1, "", 20) for start in at[:3]]
    named = frozenset(start + 1 for start in at[:3])  # the second base of each of the three
    assert (fitted(events, never_used=named).indel_scale == 1).all()


def test_a_class_of_few_runs_takes_the_next_shorter_ones():
    few = np.setdiff1d(np.arange(len(RUNS)), [at + n for at in heads(6)[2:] for n in range(6)])
    events = [(at, at + 1, "", 20) for at in heads(2)]
    events += [(at, at + 1, "", 60) for at in heads(4)]
    model = fitted(events, positions=few)
    assert model.indel_scale[DELETION, 5] == model.indel_scale[DELETION, 4]
    assert model.indel_scale[DELETION, 4] == model.indel_scale[DELETION, 3] > 100
    # Two runs with half of all molecules can be two variants.
    two = [(at, at + 1, "", 500) for at in heads(6)[:2]]
    assert fitted([*events, *two], positions=few).indel_scale[DELETION, 5] < 500


def test_deleted_cells_are_misread_at_the_rate_of_the_sample():
    view = view_with(["A-G"] * 99 + ["ACG"])
    scale = np.ones((2, 6))
    scale[INSERTION, 0] = 50
    model = ErrorModel(np.ones((4, 4)), np.zeros((4, 4)), 0.0, scale)
    by_hand = (99 * 50 * INDEL_ERROR + 0.5 * 1e-3 / 3) / 99.5
    assert pattern_error(view, (A, C, G), model) == pytest.approx([by_hand])


def test_an_indel_of_a_view_is_one_error_of_its_own():
    (indel,) = indels_of([(heads(6)[0], heads(6)[0] + 1, "", 2)])
    view = view_with(["ATG"] * 10)
    carried = np.array([[True] * 2 + [False] * 8])
    both = replace(view, indels=(indel,), carried=carried)
    assert both.haplotypes == {(A, T, G, 0): 8, (A, T, G, 1): 2}
    chance = PLAIN.indel(DELETION, 6)
    assert pattern_error(both, (A, T, G, 1), PLAIN) == pytest.approx([chance])
    # With a substitution in cis: the likelier error by itself, the other at 0.01 at least. Half a
    # molecule is the reference's in excess, two carry the deletion already.
    cis = (8.5 * max(chance, 1e-3 / 3) * 0.01 + 2 * 1e-3 / 3) / 10.5
    assert pattern_error(both, (A, C, G, 1), PLAIN) == pytest.approx([cis])


def test_the_median_quality_is_that_of_the_bases():
    rows = [R(f"g{n}", CODON, "ATG", quality=30) for n in range(5)]
    rows += [R(f"b{n}", CODON, "A-G", quality=10) for n in range(7)]
    assert median_quality(molecules_of(*rows)) == 30
    assert median_quality(molecules_of(*rows, R("c", CODON, "ATG", quality=10))) == 10
    assert median_quality(molecules_of()) == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["ATG", "ACG", "GCG", "A-G", "GTA"]), st.integers(2, 45)),
        min_size=1,
    ),
    st.sampled_from(["ACG", "GCG", "GCA", "GTG"]),
)
@settings(max_examples=60, deadline=None)
def test_the_quick_look_never_says_more_than_the_model(rows, pattern):
    view = view_with([shown for shown, _ in rows])
    view.quality[:] = [[quality for _, quality in rows]] * 3
    wanted = tuple("ACGT".index(base) for base in pattern)
    expected = pattern_error(view, wanted, PLAIN) @ view.quality_classes.size
    assert fewest_by_error(view, wanted, PLAIN) <= expected * (1 + 1e-9)
