"""Shares of cells, under assumptions that are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.results import a_sample, a_sex_check
from vexas_uba1.clones import MAN, WOMAN, WOMAN_LOST_X, clone_fraction, with_doubt


def test_a_man_has_one_x():
    assert clone_fraction(0.75, a_sample(sex="male")) == {MAN: 0.75}


def test_a_woman_has_two_unless_the_clone_lost_one():
    fractions = clone_fraction(0.3, a_sample(sex="female"))
    assert fractions == {WOMAN: 0.6, WOMAN_LOST_X: pytest.approx(0.6 / 1.3)}
    # Beyond a half the clone cannot have kept both.
    assert clone_fraction(0.8, a_sample(sex="female")) == {WOMAN_LOST_X: pytest.approx(1.6 / 1.8)}
    assert clone_fraction(0.5, a_sample(sex="female"))[WOMAN] == 1.0


def test_without_the_sex_every_assumption_is_named():
    assert set(clone_fraction(0.3, a_sample(sex="unknown"))) == {MAN, WOMAN, WOMAN_LOST_X}


@pytest.mark.parametrize("sample", [a_sample(assay="rna"), a_sample(transplant="allogeneic")])
def test_where_the_arithmetic_does_not_hold_nothing_is_said(sample):
    assert clone_fraction(0.3, sample) == {}


@pytest.mark.parametrize("sex", ["male", "female"])
def test_where_coverage_contradicts_the_sheet_every_assumption_is_named(sex):
    sample = a_sample(sex=sex)
    doubted = with_doubt(sample, a_sex_check(agrees=False))
    assert set(clone_fraction(0.3, doubted)) == {MAN, WOMAN, WOMAN_LOST_X}
    for agrees in (True, None):
        assert with_doubt(sample, a_sex_check(agrees=agrees)) == sample
    # The blood stays a mixture, whatever the coverage says.
    transplanted = a_sample(sex=sex, transplant="allogeneic")
    assert clone_fraction(0.3, with_doubt(transplanted, a_sex_check(agrees=False))) == {}


@given(st.floats(0, 1))
def test_the_vaf_of_a_clone_gives_the_clone_back(share):
    """Count copies: a clone of ``share`` of the cells, each with its X chromosomes."""
    kept = share / 2
    assert clone_fraction(kept, a_sample(sex="female"))[WOMAN] == pytest.approx(share)
    lost = share / (2 * (1 - share) + share)
    assert clone_fraction(lost, a_sample(sex="female"))[WOMAN_LOST_X] == pytest.approx(share)


@given(st.floats(0, 1), st.sampled_from(["male", "female", "unknown"]))
def test_a_share_is_a_share(vaf, sex):
    assert all(0 <= f <= 1 for f in clone_fraction(vaf, a_sample(sex=sex)).values())
