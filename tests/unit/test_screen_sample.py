"""What a screen takes for a negative of which there is nothing more to tell."""

from __future__ import annotations

import pytest

from builders.results import a_forced_allele, a_negative, a_result, a_variant, a_verdict
from vexas_uba1.screen.sample import is_clean_negative


def shown_by(fragments, verdict_class="vexas"):
    allele = a_forced_allele(
        alt_fragments=fragments, verdict_class=verdict_class, significant=False
    )
    return a_negative(forced_alleles=(allele,))


@pytest.mark.parametrize(("fragments", "clean"), [(0, True), (1, True), (2, False), (9, False)])
def test_a_negative_of_which_two_fragments_show_the_variant_is_no_clean_one(fragments, clean):
    assert is_clean_negative(shown_by(fragments)) == clean


def test_what_is_benign_makes_no_negative_unclean():
    assert is_clean_negative(shown_by(9, "benign"))


def test_a_variant_or_another_verdict_does():
    assert not is_clean_negative(a_negative(variants=(a_variant(),)))
    assert not is_clean_negative(a_result())
    assert not is_clean_negative(a_negative(verdict=a_verdict(code="not_assessable")))
