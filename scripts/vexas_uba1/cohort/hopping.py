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


def explains(count: float, background: float) -> bool:
    """Return whether a Poisson background reaches a count often enough."""
    from scipy.special import gammainc

    return bool(gammainc(count, background) > EXPLAINED_ABOVE)


def limit_of_detection(
    depth: int, foreign: float, own_limit: float, level: float, power: float
) -> float:
    """Return the lowest VAF whose fragments hopping and errors do not explain.

    The own limit tells the background b that the sample's own test finds alleles in, of
    :func:`background_of`. With k the least count that b + foreign does not explain, the limit is v
    with P(Binomial(depth, v + foreign / depth) >= k) = power, or the own limit, where that is
    higher.

    Args:
        depth: Informative fragments, more than 0.
        foreign: Hopped ones expected.
        own_limit: The limit where nothing hops.
        level: Of the own test.
        power: Of the limit.

    Returns:
        The limit; above 1 where no VAF reaches it.
    """
    passes = _passes_from(depth, own_limit, power)
    background = background_of(depth, own_limit, level, power)
    if explains(passes, background + foreign):
        return max(own_limit, _lowest_vaf(depth, background, foreign, power))
    return own_limit


def background_of(depth: int, limit: float, level: float, power: float) -> float:
    """Return the mean of errors alone in which a test has a limit.

    Such a test passes from y on, P(Binomial(depth, limit) >= y) = power, and errors reach that with
    the test's level, P(Poisson(b) >= y) = level.
    """
    from scipy.special import gammaincinv

    return float(gammaincinv(_passes_from(depth, limit, power), level))


def _passes_from(depth: int, limit: float, power: float) -> float:
    """Return the count, of real value, from which a test with a limit passes."""
    from scipy.optimize import brentq
    from scipy.special import betainc

    # P(Binomial(n, v) >= k) is the regularised incomplete beta function I_v(k, n - k + 1).
    def misses(count: float) -> float:
        return float(betainc(count, depth - count + 1, min(limit, 1.0))) - power

    highest = depth + 1 - 1e-9
    return float(brentq(misses, 1e-9, highest)) if misses(highest) < 0 else float(depth)


def _lowest_vaf(depth: int, background: float, foreign: float, power: float) -> float:
    """Return the VAF that makes a count unexplained; infinite where none does."""
    from scipy.special import betaincinv, gammainc

    total = background + foreign
    # Ten standard deviations and more leave less than a thousandth.
    counts = np.arange(1, int(total + 10 * np.sqrt(total)) + 20)
    least = int(counts[np.argmax(gammainc(counts, total) <= EXPLAINED_ABOVE)])
    if least > depth:
        return np.inf
    return float(betaincinv(least, depth - least + 1, power)) - foreign / depth


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
        vaf = _lowest_vaf(depth, background_rate * depth, foreign_rate * depth, power)
        return vaf <= wanted

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
