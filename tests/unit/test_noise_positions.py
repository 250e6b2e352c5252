"""What is seen and expected at each searched position, by cuts on quality."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from builders.calls import CODON, R, molecules_of, record_reference
from builders.counted import PLAIN, drawn_counts, model_with, plain_counts
from vexas_uba1.noise import count_positions, cuts, median_quality, tail_by_position

A, C, G, T = range(4)
MIXED = {(0, 15): 100, (4, 25): 200, (0, 37): 300, (8, 45): 50, (8, 50): 10}


def test_molecules_are_counted_by_position_base_kind_and_quality():
    molecules = molecules_of(
        R("a", CODON, "ATG", quality=20, inside=None),
        R("b", CODON, "ACG", quality=20, inside=None, reverse=True),
        R("c", CODON - 1, "AA-G", quality=30, inside=None),
        R("d", CODON, "AT", quality=37),
        R("d", CODON, "AT", quality=20, reverse=True),
    )
    positions = np.array([CODON, CODON + 1])
    found = count_positions(molecules, record_reference(), positions)
    assert found.bases.tolist() == [[4, 0, 0, 0], [0, 1, 0, 2]]
    assert found.reference.tolist() == [A, T]
    assert found.context.tolist() == [5 * A + T, 5 * A + G]
    assert found.counts.shape == (2, 4, 9, 5)
    # The first of three bases, the third and last of them in reverse, the second of three.
    assert found.counts[0, A, [0, 6, 1], [1, 1, 2]].tolist() == [1, 1, 1]
    assert found.counts[1, T, [1, 8], [1, 4]].tolist() == [1, 0]
    # Copies that agree: 37 + 20, held at 45.
    assert found.counts[:, :, 8].sum(axis=(0, 1)).tolist() == [0, 0, 0, 2, 0]
    # Deleted bases are no base, so they carry no base error.
    agreed = 10**-4.5
    assert found.error.sum(axis=(1, 2)) == pytest.approx([0.021 + agreed, 0.02 + agreed])
    assert found.error[0, 1, 2] == pytest.approx(1e-3)


def test_some_of_the_positions_are_asked():
    sample = drawn_counts("ACGT", MIXED)
    less = sample.only(np.array([False, True, False, True]))
    assert less.positions.tolist() == [1, 3] and less.reference.tolist() == [C, T]
    assert less.context.tolist() == sample.context[[1, 3]].tolist()
    assert (less.counts == sample.counts[[1, 3]]).all()
    assert (less.error == sample.error[[1, 3]]).all()


def test_the_median_quality_is_that_of_the_bases():
    rows = [R(f"g{n}", CODON, "ATG", quality=30) for n in range(5)]
    rows += [R(f"b{n}", CODON, "A-G", quality=10) for n in range(7)]
    assert median_quality(molecules_of(*rows)) == 30
    assert median_quality(molecules_of(*rows, R("c", CODON, "ATG", quality=10))) == 10
    assert median_quality(molecules_of()) == 0


def test_a_cut_keeps_its_class_and_better_ones():
    sample = drawn_counts("ACN", MIXED, lambda *_: 0.0)
    sample.counts[0, C, 0, 2] = 7
    found = cuts(sample, PLAIN)
    assert found.depth[1].tolist() == [660, 560, 360, 60, 10]
    assert found.seen[0, A].tolist() == [660, 560, 360, 60, 10]
    assert found.seen[0, C].tolist() == [7, 7, 7, 0, 0]
    errors = [100 * 10**-1.5, 200 * 10**-2.5, 300 * 10**-3.7, 50 * 10**-4.5, 10 * 1e-5]
    by_cut = [sum(errors[first:]) / 3 for first in range(5)]
    assert found.expected[0, C] == pytest.approx(by_cut)
    assert found.expected[0, A].tolist() == [0] * 5
    assert not found.expected[2].any()


def test_what_is_expected_is_what_the_model_says():
    sample = drawn_counts("ACGT", MIXED, lambda *_: 0.0)
    model = model_with({(A, C): 5})
    model.recalibration.factor[C, sample.context[1], T, 8, 3] = 100
    found, plain = cuts(sample, model), cuts(sample, PLAIN)
    assert found.expected[0, C] == pytest.approx(5 * plain.expected[0, C])
    assert found.expected[0, G] == pytest.approx(plain.expected[0, G])
    more = 99 * 50 * 10**-4.5 / 3
    assert found.expected[1, T] - plain.expected[1, T] == pytest.approx([more] * 4 + [0])


def test_a_position_deserves_a_look_by_its_poisson_tail():
    shown = {0: {"A": 97, "C": 3}, 1: {"A": 100}, 2: {"C": 9}}
    sample = plain_counts("AAN", shown, 100)
    tail = tail_by_position(sample, cuts(sample, PLAIN))
    # Three of 100 at Phred 30, where a thirtieth is expected.
    assert tail[0, C] == pytest.approx(poisson.sf(2, 0.1 / 3))
    assert tail[0, [A, G, T]].tolist() == [1, 1, 1]
    assert (tail[1:] == 1).all()
    noisy = tail_by_position(sample, cuts(sample, model_with({(A, C): 6})))
    assert noisy[0, C] == pytest.approx(poisson.sf(2, 0.2))


def test_three_good_molecules_stand_out_among_many_poor_ones():
    sample = drawn_counts("A", {(0, 10): 1000, (0, 37): 100}, lambda *_: 0.0)
    sample.counts[0, C, 0, 0] = 33
    sample.counts[0, C, 0, 2] = 3
    tail = tail_by_position(sample, cuts(sample, PLAIN))
    assert tail[0, C] == pytest.approx(poisson.sf(2, 100 * 10**-3.7 / 3))
    poor = drawn_counts("A", {(0, 10): 1000, (0, 37): 100}, lambda *_: 0.0)
    poor.counts[0, C, 0, 0] = 36
    assert tail_by_position(poor, cuts(poor, PLAIN))[0, C] > 0.1
