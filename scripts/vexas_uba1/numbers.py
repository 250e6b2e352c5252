"""How numbers are written for readers."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal


def percent(fraction: float | None) -> str:
    """Write a fraction as a percentage with three digits; ``unknown`` if there is none."""
    if fraction is None:
        return "unknown"
    value = 100 * fraction
    if value == 0:
        return "0 %"
    if value < 0.001:
        return "below 0.001 %"
    return f"{value:.1f} %" if value >= 10 else f"{value:#.3g} %"


def limit(fraction: float | None) -> str:
    """Write a limit as a percentage of three digits at most, rounded up: never better than it is.

    ``not reached`` if there is none.
    """
    if fraction is None:
        return "not reached"
    value = Decimal(repr(100 * fraction)).quantize(Decimal("1e-9"))
    if value == 0:
        return "0 %"
    digit = Decimal(1).scaleb(max(value.adjusted() - 2, -4))
    rounded = value.quantize(digit, rounding=ROUND_CEILING).normalize()
    return f"{rounded:f} %"


def interval(low: float, high: float) -> str:
    """Write the ends of an interval of fractions as percentages."""
    return f"{percent(low).removesuffix(' %')}–{percent(high)}"


def points(difference: float) -> str:
    """Write a difference of fractions in percentage points, with its sign and two digits."""
    value = 100 * difference
    sign = "\u2212" if value < 0 else "+"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{sign}{abs(value):.{digits}f}"


def quality(phred: float) -> str:
    """Write a Phred-scaled quality (at most 9999)."""
    return f"{phred:.0f}" if phred >= 100 else f"{phred:.1f}"


def count(number: int) -> str:
    """Write a count with its thousands apart."""
    return f"{number:,}"


def about(number: int) -> int:
    """Round a count up to two digits: a plan, not a measurement."""
    step: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // step) * step
