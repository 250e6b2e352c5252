"""What hopped fragments do to a count: how well they explain it, and what still stands out."""

from __future__ import annotations

import numpy as np

# A call is its own only if hopping and errors together would leave as many fragments in fewer than
# one of a thousand such cases. Strict on purpose: a flag costs a confirmation by another assay, a
# neighbour's clone reported as this patient's own costs more.
EXPLAINED_ABOVE = 0.001
_DEEPEST = 1 << 40
"""Fragments beyond which no depth is asked for."""


def probability(count: int, errors: float, at_least: float, foreign: float) -> float:
    """Return the chance that errors and hopped fragments give as many ALT fragments, or more.

        P(Poisson(errors + foreign) >= count)

    Where errors alone would give the count that often, the sample's own test went by what the
    count does not tell, such as the strand of an artefact. Then what the interval leaves at least
    must come from hopping alone: P(Poisson(foreign) >= at_least).

    Args:
        count: ALT fragments seen, 1 or more.
        errors: ALT fragments expected by error.
        at_least: Those that are no errors, by the lower end of the interval of the VAF.
        foreign: Hopped ones expected.
    """
    from scipy.special import gammainc

    # P(Poisson(m) >= k) is the regularised lower incomplete gamma function P(k, m), DLMF 8.4.10.
    if _count_tells(count, errors):
        return float(gammainc(count, errors + foreign))
    return float(gammainc(at_least, foreign)) if at_least > 0 else 1.0


def _count_tells(count: float, errors: float) -> bool:
    from scipy.special import gammainc

    return bool(gammainc(count, errors) <= EXPLAINED_ABOVE)


def least_unexplained(expected: float) -> int:
    """Return the least count that a Poisson background of this mean does not explain."""
    from scipy.special import gammainc

    # Ten standard deviations and more leave less than a thousandth.
    counts = np.arange(1, int(expected + 10 * np.sqrt(expected)) + 20)
    return int(counts[np.argmax(gammainc(counts, expected) <= EXPLAINED_ABOVE)])


def limit_of_detection(
    depth: int, errors: float, foreign: float, own_limit: float, power: float
) -> float:
    """Return the lowest VAF whose count is not explained by errors and hopped fragments.

    With k the least count that a mean of ``errors + foreign`` does not explain, the VAF v with
    P(Poisson(depth v + errors + foreign) >= k) = power; ``own_limit`` where that is higher. Where
    the count does not tell (see :func:`probability`), the own limit and what hopping alone asks
    for beyond a single fragment.

    Args:
        depth: Informative fragments, more than 0.
        errors: ALT fragments expected by error.
        foreign: Hopped ones expected.
        own_limit: The limit where nothing hops.
        power: With which the count is to be reached.

    Returns:
        The limit; above 1 where no VAF reaches it.
    """
    if _needed(errors, power) <= own_limit * depth:
        return max(own_limit, _needed(errors + foreign, power) / depth)
    return own_limit + (_needed(foreign, power) + foreign - _needed(0.0, power)) / depth


def _needed(background: float, power: float) -> float:
    """Return the own fragments that make a count of these and a background unexplained."""
    from scipy.special import gammaincinv

    return float(gammaincinv(least_unexplained(background), power)) - background


def depth_for_limit(
    wanted: float, error_rate: float, foreign_rate: float, power: float
) -> int | None:
    """Return about the fewest fragments in whose errors and hopped ones a VAF stands out.

    Args:
        wanted: VAF.
        error_rate: Errors expected, per fragment.
        foreign_rate: Hopped fragments expected, likewise: deeper sequencing brings more of them.
        power: Of the limit.

    Returns:
        The depth, None beyond any.
    """

    def is_enough(depth: int) -> bool:
        return _needed((error_rate + foreign_rate) * depth, power) <= wanted * depth

    high = 1
    while not is_enough(high):
        high *= 2
        if high > _DEEPEST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
