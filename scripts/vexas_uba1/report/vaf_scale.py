"""A logarithmic axis of VAFs, as the figures have it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class VafScale:
    """Whole decades from 100 % down, across or upright.

    Attributes:
        one: Where 100 % lies, in the figure's units.
        smallest: Where the other end lies.
        decades: Between them.
    """

    one: float
    smallest: float
    decades: int

    def at(self, vaf: float) -> float:
        """Return where a VAF lies; what is smaller than the axis tells lies at its end."""
        exponent = math.log10(max(vaf, 10.0**-self.decades))
        return round(self.one + (self.one - self.smallest) * exponent / self.decades, 1)

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Place and label of each decade, 100 % first."""
        return tuple(
            (self.at(10.0**-power), f"{100 / 10**power:g} %") for power in range(self.decades + 1)
        )
