"""What positions allow, asked for with numbers made up by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betainc
from scipy.stats import poisson

from vexas_uba1.caller.factor import CommonFactor
from vexas_uba1.caller.limits import position_limits
from vexas_uba1.noise import Cuts

DEPTH = 10_000


def limits_of(rates, factors, level, most_molecules=None):
    """Return the limits of positions that err so often, by cut."""
    rates = np.array(rates, dtype=float)
    expected = np.zeros((rates.shape[0], 4, rates.shape[1]))
    expected[:, 1] = rates * DEPTH
    depth = np.full(rates.shape, DEPTH)
    return position_limits(
        np.arange(rates.shape[0]),
        np.zeros(rates.shape[0], dtype=np.uint8),
        Cuts(depth, np.zeros_like(expected, dtype=np.int64), expected),
        factors,
        level,
        most_molecules,
    )


def brute(tail, level):
    """Return the smallest count, two at least, whose tail is small enough."""
    return next(count for count in range(2, 10_000) if tail(count) <= level)


@pytest.mark.parametrize("level", [1e-3, 5e-8])
@pytest.mark.parametrize("factor", [CommonFactor(0.0), CommonFactor(0.3), CommonFactor(0.1, 0.63)])
def test_needed_counts_are_those_that_errors_hardly_reach(factor, level):
    rates = np.geomspace(1e-9, 3e-3, 40)[:, None]
    found = limits_of(rates, [factor], level).needed[:, 0]

    def tail(mean):
        def beyond(count):
            each = [
                betainc(count, 1 / factor.spread, (w := factor.spread * value * mean) / (1 + w))
                if factor.spread
                else poisson.sf(count - 1, value * mean)
                for value in factor.values
            ]
            return factor.weights @ np.array(each)

        return beyond

    for rate, needed in zip(rates[:, 0], found.tolist(), strict=True):
        exact = brute(tail(rate * DEPTH), level)
        # From the next expected number that was asked for, so never too few.
        assert exact <= needed <= max(exact + 1, 1.04 * exact)


def test_each_cut_has_a_doubt_of_its_own():
    found = limits_of([[1e-4, 1e-4]], [CommonFactor(0.0), CommonFactor(0.5, 1.0)], 1e-6)
    assert found.needed[0, 1] > 2 * found.needed[0, 0]


def test_no_errors_and_no_molecules():
    found = limits_of([[0.0]], [CommonFactor(0.3, 0.63)], 1e-6)
    assert found.needed.tolist() == [[2]]
    capped = limits_of([[0.0]], [CommonFactor(0.3)], 1e-6, most_molecules=1)
    assert not capped.reaches(1.0, 0.95).any() and np.isnan(capped.limits(0.95)).all()
