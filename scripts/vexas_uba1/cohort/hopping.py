"""What hopped fragments do to a count: how well they explain it, and what still stands out."""

from __future__ import annotations

import numpy as np

# A call is its own only if hopping and errors together would leave as many fragments in fewer than
# one of a thousand such cases. Strict on purpose: a flag costs a confirmation by another assay, a
# neighbour's clone reported as this patient's own costs more.
EXPLAINED_ABOVE = 0.001
_DEEPEST = 1 << 40
"""Fragments beyond which no depth is asked for."""


def probability(count: int, quality: float, errors: float, foreign: float) -> float:
    """Return the chance that errors and hopped fragments give as many ALT fragments, or more.

    With y the fragments beyond the expected errors, and b the mean of a Poisson number that reaches
    y with the p-value of the sample's own test,

        P(Poisson(b + foreign) >= y)         P(Poisson(b) >= y) = p

    Where nothing hops that is the own test's p. It went by qualities and strands, so b is not the
    number of errors: many on poor bases or one strand hardly count in it.

    Args:
        count: ALT fragments seen, 1 or more.
        quality: Of the sample's own test, Phred.
        errors: ALT fragments expected by error.
        foreign: Hopped ones expected.
    """
    from scipy.special import gammainc, gammaincinv

    # P(Poisson(m) >= k) is the regularised lower incomplete gamma function P(k, m), DLMF 8.4.10.
    beyond = max(count - errors, 1.0)
    background = float(gammaincinv(beyond, 10 ** (-quality / 10)))
    return float(gammainc(beyond, background + foreign)) if np.isfinite(background) else 1.0


def explains(count: int, foreign: float) -> bool:
    """Return whether hopping alone would leave so many fragments often enough."""
    from scipy.special import gammainc

    return bool(gammainc(count, foreign) > EXPLAINED_ABOVE)


def limit_of_detection(
    depth: int, foreign: float, own_limit: float, level: float, power: float
) -> float:
    """Return the lowest VAF whose fragments hopping and errors do not explain.

    The own limit tells the background b that the sample's own test finds alleles in, of
    :func:`background_of`. With k the least count that b + foreign does not explain, the limit is v
    with P(Poisson(depth v + foreign) >= k) = power, or the own limit, where that is higher.

    Args:
        depth: Informative fragments, more than 0.
        foreign: Hopped ones expected.
        own_limit: The limit where nothing hops.
        level: Of the own test.
        power: Of the limit.

    Returns:
        The limit; above 1 where no VAF reaches it.
    """
    background = background_of(depth * own_limit, level, power)
    return max(own_limit, _needed(background, foreign, power) / depth)


def background_of(fragments: float, level: float, power: float) -> float:
    """Return the mean of errors alone in which a test finds so many fragments with a power.

    Such a test passes from y on, P(Poisson(fragments) >= y) = power, and errors reach that with
    the test's level, P(Poisson(b) >= y) = level.
    """
    from scipy.optimize import brentq
    from scipy.special import gammainc, gammaincinv

    passes = brentq(
        lambda count: gammainc(count, fragments) - power, 1e-6, fragments + 10, xtol=1e-9
    )
    return float(gammaincinv(passes, level))


def _needed(background: float, foreign: float, power: float) -> float:
    """Return the own fragments that make a count unexplained."""
    from scipy.special import gammainc, gammaincinv

    total = background + foreign
    # Ten standard deviations and more leave less than a thousandth.
    counts = np.arange(1, int(total + 10 * np.sqrt(total)) + 20)
    least = counts[np.argmax(gammainc(counts, total) <= EXPLAINED_ABOVE)]
    return float(gammaincinv(least, power)) - foreign


def depth_for_limit(
    wanted: float, background_rate: float, foreign_rate: float, power: float
) -> int | None:
    """Return about the fewest fragments in whose background and hopped ones a VAF stands out.

    Args:
        wanted: VAF.
        background_rate: Of :func:`background_of`, per fragment.
        foreign_rate: Hopped fragments expected, likewise: deeper sequencing brings more of them.
        power: Of the limit.

    Returns:
        The depth, None beyond any.
    """

    def is_enough(depth: int) -> bool:
        needed = _needed(background_rate * depth, foreign_rate * depth, power)
        return needed <= wanted * depth

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
