"""An error probability per observation: quality, recalibration, a panel's sites, the mapping."""

from __future__ import annotations

import numpy as np
import pytest

from builders.counted import PLAIN, drawn_counts, model_with
from vexas_uba1.fragments.qualities import LOWEST_ERROR, base_error, quality_class
from vexas_uba1.noise import ErrorModel, Place, SiteRates, fit
from vexas_uba1.noise.model import HIGHEST_ERROR, misplaced
from vexas_uba1.noise.outliers import too_many
from vexas_uba1.noise.recalibration import Recalibration

A, C, G, T = range(4)
HERE = Place(10, 7)


def bytes_of(*values):
    return np.array(values, dtype=np.uint8)


def test_phred_is_a_probability_with_a_floor():
    assert base_error(bytes_of(0, 10, 20, 37)) == pytest.approx([1, 0.1, 0.01, 10**-3.7])
    assert base_error(bytes_of(60, 93)) == pytest.approx([LOWEST_ERROR] * 2)


def test_classes_of_quality():
    shown = [0, 19, 20, 29, 30, 41, 42, 45, 46, 60]
    assert quality_class(shown).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_substitution_is_a_third_of_the_error_times_its_factor():
    model = model_with({(A, C): 6})
    quality, origin = bytes_of(20, 30, 3), bytes_of(0, 4, 8)
    assert model.substitution(quality, origin, HERE, A, C) == pytest.approx([0.02, 0.002, 0.5])
    assert model.substitution(quality, origin, HERE, A, G)[:2] == pytest.approx(
        [0.01 / 3, 0.001 / 3]
    )
    assert HIGHEST_ERROR == 0.5


def test_factor_and_doubt_are_those_of_the_observations_kind():
    none = Recalibration.none()
    factor, variance = none.factor.copy(), none.variance.copy()
    factor[A, 7, C, 4, 2], variance[A, 7, C, 4, 2] = 10, 0.3
    model = ErrorModel(Recalibration(factor, variance, 0.05, 0.001))
    quality, origin = bytes_of(30, 30, 20, 37), bytes_of(4, 0, 4, 4)
    one = 1e-3 / 3
    assert model.substitution(quality, origin, HERE, A, C) == pytest.approx(
        [10 * one, one, 10 * one, 10 * 10**-3.7 / 3]
    )
    assert model.variance(quality, origin, HERE, A, C) == pytest.approx([0.3, 0, 0, 0.3])
    elsewhere = model.substitution(quality, origin, Place(10, 8), A, C)
    assert elsewhere[0] == pytest.approx(one)
    assert model.variance(quality, origin, Place(10, 8), A, C) == pytest.approx([0] * 4)
    assert model.site_variance(HERE) == model.site_variance(Place(10, 8)) == 0.05
    assert model.mismatch_rate == 0.001


def sites(ratio=None, variance=0.4):
    """Return what a panel knows of positions 5 and 10."""
    ratios = np.ones((2, 4, 3))
    for (row, shown, strand), times in (ratio or {}).items():
        ratios[row, shown, strand] = times
    return SiteRates(
        np.array([5, 10]), ratios, np.full((2, 4), variance), np.zeros((2, 4), dtype=bool)
    )


def test_a_panel_knows_its_sites_by_base_and_strand():
    model = ErrorModel(sites=sites({(1, C, 1): 20.0}))
    quality, origin = bytes_of(30, 30, 30), bytes_of(3, 5, 8)
    one = 1e-3 / 3
    assert model.substitution(quality, origin, HERE, A, C) == pytest.approx([one, 20 * one, one])
    for place in (Place(5, 7), Place(11, 7)):
        assert model.substitution(quality, origin, place, A, C) == pytest.approx([one] * 3)
    assert model.substitution(quality, origin, HERE, A, G) == pytest.approx([one] * 3)


def test_a_quiet_site_takes_away_no_more_than_the_samples_own_excess():
    model = ErrorModel(model_with({(A, C): 4}).recalibration, sites=sites({(1, C, 0): 0.1}))
    one = 1e-3 / 3
    assert model.substitution(bytes_of(30), bytes_of(0), HERE, A, C) == pytest.approx([one])
    half = ErrorModel(model_with({(A, C): 4}).recalibration, sites=sites({(1, C, 0): 0.5}))
    assert half.substitution(bytes_of(30), bytes_of(0), HERE, A, C) == pytest.approx([2 * one])


def test_a_sites_own_doubt_stands_for_that_of_unknown_sites():
    model = ErrorModel(
        model_with(variance=0.1, site_variance=0.7).recalibration, sites=sites(variance=0.4)
    )
    assert model.variance(bytes_of(30), bytes_of(0), HERE, A, C) == pytest.approx([0.5])
    assert model.site_variance(HERE) == 0
    assert model.variance(bytes_of(30), bytes_of(0), Place(6, 7), A, C) == pytest.approx([0.1])
    assert model.site_variance(Place(6, 7)) == 0.7


def test_factors_of_positions_are_those_of_their_observations():
    sample = drawn_counts("ACGTACGTACGT", {(0, 30): 1})
    rates = sites({(1, C, 1): 20.0, (0, T, 2): 0.2})
    model = ErrorModel(model_with({(G, C): 3}).recalibration, sites=rates)
    found = model.factors(sample)
    assert found.shape == (12, 4, 9, 5)
    for row in range(12):
        place = Place(row, int(sample.context[row]))
        for shown in set(range(4)) - {int(sample.reference[row])}:
            for origin in (0, 5, 8):
                asked = bytes_of(30), bytes_of(origin), place, int(sample.reference[row]), shown
                assert found[row, shown, origin, 2] == pytest.approx(
                    float(model.substitution(*asked)[0]) / (1e-3 / 3)
                )


def test_a_fitted_model_keeps_its_panel():
    rates = sites()
    assert fit(drawn_counts("ACGT", {}), frozenset(), sites=rates).sites is rates
    assert fit(drawn_counts("ACGT", {}), frozenset()).sites is None


@pytest.mark.parametrize(
    ("quality", "chance"), [(60, 1e-8), (20, 1e-4), (0, 1e-2), (3, 10**-2.3), (255, 1e-8)]
)
def test_a_badly_placed_molecule_may_belong_elsewhere(quality, chance):
    assert misplaced(bytes_of(quality)) == pytest.approx([chance])


def test_far_more_than_errors_explain_is_a_variant():
    # Ten times what is expected, and still less likely than one in a million.
    seen, expected = np.array([0, 1, 2, 11, 26, 30]), np.array([0.0, 1e-9, 1e-3, 1.0, 1.0, 1.0])
    assert too_many(seen, expected).tolist() == [False, True, False, False, False, True]


def test_a_plain_model_announces_no_doubt():
    assert PLAIN.variance(bytes_of(30), bytes_of(0), HERE, A, C).tolist() == [0]
