"""Insertions and deletions by error: assumed by the run of equal bases, scaled by the sample."""

from __future__ import annotations

import numpy as np
import pytest

from builders.counted import PLAIN, plain_counts
from vexas_uba1.alleles.placements import Runs, join_placements
from vexas_uba1.fragments import IndelCount
from vexas_uba1.noise import ErrorModel, fit
from vexas_uba1.noise.indels import (
    DELETION,
    INDEL_ERROR,
    INSERTION,
    RUN_CLASSES,
    assumed_indel_error,
    run_class,
)
from vexas_uba1.reference import ReferenceWindow

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
    sample = plain_counts(RUNS, {}, depth)
    if positions is not None:
        sample = sample.only(np.isin(sample.positions, positions))
    return fit(sample, never_used, indels_of(events), Runs.of(WINDOW))


def heads(length):
    """Return where the runs of a length begin."""
    runs = Runs.of(WINDOW)
    return [at for at in np.unique(runs.first).tolist() if runs.length_at(at) == length]


def test_repeats_make_indels_likelier():
    for kind in (INSERTION, DELETION):
        chances = [PLAIN.indel(kind, length) for length in (0, 1, 3, 4, 5, 20)]
        assert chances[:3] == [INDEL_ERROR] * 3
        assert chances[3:5] == pytest.approx([3 * INDEL_ERROR, 9 * INDEL_ERROR])
        assert chances[5] == 0.05
    assert assumed_indel_error(6) == pytest.approx(27 * INDEL_ERROR)


def test_runs_of_six_and_more_are_one_class():
    assert [run_class(length) for length in (0, 1, 2, 5, 6, 40)] == [0, 0, 1, 4, 5, 5]


def test_a_scale_is_that_of_kind_and_class():
    scale = np.arange(1.0, 2 * RUN_CLASSES + 1).reshape(2, RUN_CLASSES)
    model = ErrorModel(indel_scale=scale)
    assert model.indel(INSERTION, 2) == pytest.approx(2 * INDEL_ERROR)
    assert model.indel(DELETION, 4) == pytest.approx(10 * 3 * INDEL_ERROR)
    assert ErrorModel(indel_scale=scale * 1e6).indel(DELETION, 2) == 0.5


def test_an_indel_asks_by_its_kind_and_run():
    put, gone = indels_of(
        [(heads(6)[0], heads(6)[0], "A", 1), (heads(4)[0], heads(4)[0] + 1, "", 1)]
    )
    if not put.is_insertion:
        put, gone = gone, put
    scale = np.ones((2, RUN_CLASSES))
    scale[DELETION] = 7
    model = ErrorModel(indel_scale=scale)
    assert model.indel_of(gone) == pytest.approx(7 * 3 * INDEL_ERROR)
    assert model.indel_of(put) == model.indel(INSERTION, put.run)


def test_without_runs_what_is_assumed_is_kept():
    assert (fit(plain_counts(RUNS, {}, 9), frozenset()).indel_scale == 1).all()


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


def test_a_deletions_chances_are_the_molecules_without_and_with_it():
    # A fifth of the molecules lack a base of each run of two: depth tells of the others.
    events = [(at, at + 1, "", 2500) for at in heads(2)]
    model = fitted(events, depth=10_000)
    assert model.indel(DELETION, 2) == pytest.approx(0.2, rel=0.05)


def test_a_true_deletion_is_no_error():
    for share in (30, 500, 1000):
        model = fitted([(heads(6)[3], heads(6)[3] + 1, "", share)])
        assert (model.indel_scale == 1).all()
    noisy = [(at, at + 1, "", 20) for at in heads(2)]
    with_variant = fitted([*noisy[1:], (noisy[0][0], noisy[0][1], "", 500)])
    assert with_variant.indel(DELETION, 2) == pytest.approx(0.02, rel=0.12)


def test_runs_sought_by_name_say_nothing_about_indels():
    events = [(start, start + 1, "", 2) for start in heads(2)]
    assert fitted(events).indel_scale[DELETION, 1] > 10
    named = frozenset(start + 1 for start in heads(2))  # the second base of each
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


def test_a_longer_run_of_few_takes_a_scale_by_the_ratio_of_lengths():
    ones = np.array(heads(1))
    model = fitted([(at, at + 1, "", 10) for at in ones.tolist()], positions=ones)
    own = model.indel_scale[DELETION, 0]
    assert own == pytest.approx(100, rel=0.02)
    assert model.indel_scale[DELETION, 1] == pytest.approx(1 + (own - 1) * 2)
    assert model.indel_scale[DELETION, 2] == pytest.approx(1 + (own - 1) * 3)
    assert model.indel_scale[DELETION, 3:] == pytest.approx([1 + (own - 1) * 3] * 3)
    assert (model.indel_scale[INSERTION] == 1).all()
