"""How likely molecules show a pattern by error: other haplotypes misread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.calls import CODON, view_with
from builders.counted import PLAIN, model_with
from vexas_uba1.alleles.placements import Runs, join_placements
from vexas_uba1.fragments import IndelCount
from vexas_uba1.noise import ErrorModel, misreading, reference_misread
from vexas_uba1.noise.indels import DELETION, INDEL_DOUBT, INDEL_ERROR, INSERTION
from vexas_uba1.noise.patterns import ERROR_BESIDE_ERROR
from vexas_uba1.reference import ReferenceWindow

A, C, G, T = range(4)
PLACED = 1e-8
"""What a mapping quality of 60 adds to every chance."""
ONE = 1e-3 / 3
"""A given substitution at Phred 30."""


def near(expected):
    """About as expected: other bases of a pattern are misread themselves once in a thousand."""
    return pytest.approx(expected, rel=5e-3)


def chance(view, pattern, model=PLAIN, same=()):
    return misreading(view, pattern, model, same).chance - PLACED


def test_a_pattern_that_differs_in_one_base_takes_one_error():
    view = view_with(["ATG"] * 9 + ["ACG"])
    assert chance(view, (A, C, G)) == near([ONE])


def test_each_class_of_observations_has_its_own_chance():
    view = view_with(["ATG"] * 3, strands=["+", "-", "-"])
    view.quality[1] = [20, 30, 10]
    found = chance(view, (A, C, G))[view.classes.of]
    assert found == near([0.01 / 3, ONE, 0.1 / 3])
    # The quality of the other positions says nothing of this change.
    view.quality[0] = 2
    assert chance(view, (A, C, G))[view.classes.of] == near(found)


def test_an_error_is_asked_of_its_own_place_and_kind_of_observation():
    model = model_with()
    view = view_with(["ATG"] * 3, strands=["+", "-", "±"])
    model.recalibration.factor[T, view.context[1], C, 4, 2] = 50
    assert chance(view, (A, C, G), model)[view.classes.of] == near([ONE, 50 * ONE, ONE])
    assert chance(view, (C, T, G), model)[view.classes.of] == near([ONE] * 3)
    model.recalibration.factor[C, view.context[1], T, 4, 2] = 7
    assert chance(view_with(["ACG"] * 9, strands=["-"] * 9), (A, C, G), model) == near([50 * ONE])


def test_errors_of_one_molecule_come_together():
    # The first error by its own chance, each further one by 0.01: they are not independent.
    view = view_with(["ATG"] * 10)
    assert chance(view, (G, C, G)) == near([ONE * ERROR_BESIDE_ERROR])
    assert misreading(view, (G, C, A), PLAIN).chance == near([ONE * 1e-4 + PLACED])


def test_a_likelier_second_error_keeps_its_own_chance():
    view = view_with(["ATG"] * 10, quality=10)
    # 0.2 beside 0.033.
    # The third base is read right in nine cases of ten.
    assert chance(view, (G, C, G), model_with({(A, G): 6})) == near([0.2 * 0.1 / 3 * 0.9])
    assert chance(view, (G, C, G), model_with({(T, C): 6})) == near([0.2 * 0.1 / 3 * 0.9])


def test_other_clones_are_parents_by_their_share():
    # GTG needs one error of ATG, one of GCG and two of ACG.
    view = view_with(["ATG"] * 59 + ["GCG"] * 20 + ["ACG"] * 20)
    by_hand = (59.5 * ONE + 20 * ONE + 20 * ONE * 0.01) / 99.5
    assert chance(view, (G, T, G)) == near([by_hand])


def test_patterns_of_the_same_allele_are_no_parents():
    view = view_with(["ATG"] * 59 + ["GCG"] * 20 + ["ACG"] * 20)
    by_hand = (59.5 * ONE + 20 * ONE * 0.01) / 79.5
    assert chance(view, (G, T, G), same=[(G, C, G)]) == near([by_hand])


def test_a_sample_that_shows_nothing_else_is_tested_against_the_reference():
    view = view_with(["ACG"] * 40)
    assert chance(view, (A, C, G)) == near([ONE])


def test_the_reference_is_misread_from_what_else_there_is():
    view = view_with(["ACG"] * 30 + ["ATG"] * 10)
    assert chance(view, (A, T, G), model_with({(C, T): 3})) == near([3 * ONE])


def test_a_deleted_base_is_misread_like_an_indel():
    view = view_with(["A-G"] * 99 + ["ACG"])
    by_hand = (99 * INDEL_ERROR + 0.5 * ONE) / 99.5
    assert chance(view, (A, C, G)) == near([by_hand])
    scale = np.ones((2, 6))
    scale[INSERTION, 0] = 50
    by_hand = (99 * 50 * INDEL_ERROR + 0.5 * ONE) / 99.5
    assert chance(view, (A, C, G), ErrorModel(indel_scale=scale)) == near([by_hand])
    scale[DELETION, 0] = 70
    assert chance(view_with(["ATG"]), (A, 5, G), ErrorModel(indel_scale=scale)) == near(
        [70 * INDEL_ERROR]
    )


def deletion(count=2):
    """Return a deletion in a run of six."""
    window = ReferenceWindow(0, "ACGTTTTTTACG", "fasta")
    shown = [IndelCount(3, 4, "", np.arange(count), np.zeros(0, dtype=np.int64))]
    (indel,) = join_placements(shown, window, Runs.of(window))
    return indel


def test_an_indel_of_a_view_is_one_error_of_its_own():
    view = view_with(["ATG"] * 10)
    carried = np.array([[True] * 2 + [False] * 8])
    both = replace(view, indels=(deletion(),), carried=carried)
    assert both.haplotypes == {(A, T, G, 0): 8, (A, T, G, 1): 2}
    gone = PLAIN.indel(DELETION, 6)
    assert chance(both, (A, T, G, 1)) == near([gone])
    # With a substitution in cis: the likelier error by itself, the other at 0.01 at least. Half a
    # molecule is the reference's in excess, two carry the deletion already, and a few of these are
    # the reference misread.
    really = 8.5 / (1 - 1e-3) ** 3
    cis = (really * max(gone, ONE) * 0.01 + (10.5 - really) * ONE) / 10.5
    assert chance(both, (A, C, G, 1)) == near([cis])


def test_badly_placed_molecules_show_it_for_another_reason():
    view = view_with(["ATG"] * 4, quality=45, mapping_quality=[60, 20, 9, 255])
    found = misreading(view, (A, C, G), PLAIN).chance[view.classes.of]
    read = 10**-4.5 / 3
    assert found == near([read + 1e-8, read + 1e-4, read + 1e-2, read + 1e-8])


def test_the_chance_is_never_beyond_reason():
    view = view_with(["ATG"] * 5, quality=0)
    # The base is wrong in half of the cases at most, and its neighbours are no better than guesses.
    found = misreading(view, (A, C, G), model_with({(T, C): 9})).chance
    assert found == near([0.5 * 0.25**2])
    # Three changes of the best quality: small, but no zero to take a logarithm of.
    best = view_with(["ATG"] * 5, quality=60)
    found = misreading(best, (C, A, T), PLAIN).chance
    assert found == near([1e-6 / 3 * 1e-4 + PLACED])


def test_doubt_is_that_of_the_error_that_must_come_first():
    model = model_with({(A, G): 6}, variance=0.2, site_variance=0.05)
    view = view_with(["ATG"] * 10)
    one = misreading(view, (A, C, G), model)
    assert one.variance == near([0.2 * ONE / (ONE + PLACED)])
    assert one.site_variance == near([0.05 * ONE / (ONE + PLACED)])
    model.recalibration.variance[T, :, C] = 0.7
    # A>G is likelier than T>C: T>C comes along.
    two = misreading(view, (G, C, G), model)
    assert two.variance * two.chance == near([0.2 * (two.chance[0] - PLACED)])
    assert two.site_variance * two.chance == near([0.05 * (two.chance[0] - PLACED)])
    likelier = model_with({(T, C): 6}, variance=0.2)
    likelier.recalibration.variance[T, :, C] = 0.7
    three = misreading(view, (G, C, G), likelier)
    assert three.variance * three.chance == near([0.7 * (three.chance[0] - PLACED)])
    alone = misreading(view, (A, C, G), model)
    assert alone.variance * alone.chance == near([0.7 * ONE])


def test_doubt_of_indels_is_assumed_and_of_parents_shared():
    view = replace(view_with(["ATG"] * 10), indels=(deletion(0),), carried=np.zeros((1, 10), bool))
    found = misreading(view, (A, T, G, 1), model_with(site_variance=0.6))
    assert found.site_variance.tolist() == [0]
    assert found.variance * found.chance == near([INDEL_DOUBT**2 * PLAIN.indel(DELETION, 6)])
    model = model_with(variance=0.4)
    model.recalibration.variance[C] = 0.1
    mixed = view_with(["ATG"] * 59 + ["ACG"] * 40)
    found = misreading(mixed, (A, A, G), model)
    by_hand = (59.5 * ONE * 0.4 + 40 * ONE * 0.1) / 99.5
    assert found.variance * found.chance == near([by_hand])


def test_misplacement_dilutes_the_doubt():
    view = view_with(["ATG"] * 4, mapping_quality=[10] * 4)
    found = misreading(view, (A, C, G), model_with(variance=0.3))
    assert found.variance == near([0.3 * ONE / (ONE + 1e-3)])


def test_the_quick_look_is_the_references_share():
    view = view_with(["ATG"] * 59 + ["GCG"] * 20 + ["ACG"] * 21)
    assert reference_misread(view, (G, T, G), PLAIN) == near([0.59 * ONE])
    assert reference_misread(view_with(["ACG"] * 9), (A, C, G), PLAIN) == near([0])


@given(
    st.lists(
        st.tuples(st.sampled_from(["ATG", "ACG", "GCG", "A-G", "GTA"]), st.integers(2, 45)),
        min_size=1,
    ),
    st.sampled_from(["ACG", "GCG", "GCA", "GTG"]),
)
@settings(max_examples=40, deadline=None)
def test_the_quick_look_never_says_more_than_the_model(rows, pattern):
    view = view_with([shown for shown, _ in rows])
    view.quality[:] = [[quality for _, quality in rows]] * 3
    wanted = tuple("ACGT".index(base) for base in pattern)
    quick = reference_misread(view, wanted, PLAIN)
    assert (quick <= misreading(view, wanted, PLAIN).chance * (1 + 1e-9)).all()


@given(st.permutations(range(12)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_molecules_does_not_matter(order):
    shown = ["ATG"] * 6 + ["ACG"] * 4 + ["GTG"] * 2
    quality = np.array([30, 30, 20, 20, 10, 40] * 2, dtype=np.uint8)

    def by_molecule(rows):
        view = view_with([shown[at] for at in rows])
        view.quality[:] = quality[list(rows)]
        found = misreading(view, (G, C, G), PLAIN)
        return found.chance[view.classes.of]

    assert by_molecule(order) == near(by_molecule(range(12))[list(order)])


def test_a_place_of_the_codon_is_where_the_view_says():
    assert view_with(["ATG"]).positions == (CODON, CODON + 1, CODON + 2)


def test_a_pattern_is_shown_only_if_its_other_bases_are_read_right():
    poor = view_with(["ATG"], quality=2)
    error = 10**-0.2
    expected = error / 3 * (1 - error) ** 2 + PLACED
    assert misreading(poor, (A, C, G), PLAIN).chance == pytest.approx([expected])


@pytest.mark.parametrize("quality", [5, 7, 10, 15])
def test_errors_of_poor_bases_come_from_the_reference_that_they_hide(quality):
    error = 10 ** (-quality / 10)
    generator = np.random.default_rng(3)
    shown = np.array(list("ATG")).repeat(4_000).reshape(3, 4_000)
    wrong = generator.random(shown.shape) < error
    bases = np.array(list("ACGT"))
    codes = np.searchsorted(bases, shown)
    shown = np.where(wrong, bases[(codes + generator.integers(1, 4, shown.shape)) % 4], shown)
    view = view_with(["".join(column) for column in shown.T], quality=quality)
    # A negative: each other base at one place, the two others read right.
    expected = error / 3 * (1 - error) ** 2
    found = float(chance(view, (A, C, G)) @ view.classes.size) / view.size
    assert found == pytest.approx(expected, rel=0.08)
    assert float(view.showing((A, C, G)).mean()) == pytest.approx(expected, rel=0.35)
