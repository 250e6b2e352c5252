"""The known artefact of two-colour machines, and what a sample shows of it."""

from __future__ import annotations

import numpy as np
import pytest

from vexas_uba1.fragments.marks import ORIGINS, QUARTERS
from vexas_uba1.fragments.qualities import QUALITY_CLASSES
from vexas_uba1.noise import PositionCounts
from vexas_uba1.noise.two_colour import Artefact, artefact_strand, seen_elsewhere
from vexas_uba1.reference import BASES, UNKNOWN

FORWARD, REVERSE = 0, QUARTERS


def counted(*places):
    """Positions from (around, {(shown, origin): molecules})."""
    counts = np.zeros((len(places), 4, ORIGINS, QUALITY_CLASSES), dtype=np.int64)
    for row, (_, seen) in enumerate(places):
        for (shown, origin), molecules in seen.items():
            counts[row, BASES.index(shown), origin, 0] = molecules
    around = [[BASES.index(base) for base in text] for text, _ in places]
    return PositionCounts(
        np.arange(len(places)) + 100,
        np.array([at[1] for at in around], dtype=np.uint8),
        np.array([at[0] * (UNKNOWN + 1) + at[2] for at in around]),
        counts,
        counts.sum(axis=1) * 3e-4,
    )


@pytest.mark.parametrize(
    ("around", "shown", "strand"),
    [
        ("CAT", "C", "reverse"), ("AAG", "C", "reverse"), ("GAT", "C", None), ("CAT", "G", None),
        ("GTT", "G", "forward"), ("GTG", "G", "forward"), ("GTC", "G", None), ("A", "C", None),
        ("", "G", None), ("NAT", "C", None),
    ],
)  # fmt: skip
def test_the_strand_on_which_the_machine_errs(around, shown, strand):
    assert artefact_strand(around, shown) == strand


def test_only_other_places_of_that_kind_on_that_strand_alone_tell_of_it():
    sample = counted(
        ("CAT", {("A", REVERSE): 90, ("C", REVERSE): 10}),
        ("CAG", {("A", REVERSE): 97, ("C", REVERSE): 3, ("C", FORWARD): 50}),
        ("GTT", {("T", FORWARD): 99, ("G", FORWARD): 1, ("G", REVERSE): 50}),
        ("GAT", {("A", REVERSE): 100, ("C", REVERSE): 50}),
        ("AAN", {("A", ORIGINS - 1): 100}),
    )
    found = Artefact("reverse", *seen_elsewhere(sample, frozenset({100})))
    assert (found.bases, found.seen) == (200, 4)
    assert found.errors == pytest.approx(200 * 1e-4)
    # 10 % would have shown twenty; 2 % is what there is.
    assert found.is_ruled_out(np.array([0.1, 0.02])).tolist() == [True, False]


def test_where_nothing_else_tells_nothing_is_ruled_out():
    other = counted(("GCT", {("C", REVERSE): 100}))
    found = Artefact("reverse", *seen_elsewhere(other, frozenset()))
    assert (found.bases, found.seen, found.errors) == (0, 0, 0.0)
    assert not found.is_ruled_out(np.array([0.01, 1.0])).any()
