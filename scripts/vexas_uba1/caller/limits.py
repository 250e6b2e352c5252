"""What a search for substitutions could have shown, position by position.

The test weighs molecules by their quality; here, where thousands of positions are asked, the best
of a few cuts on quality stands for it, which needs a little more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from vexas_uba1.caller.exact import FEWEST_MOLECULES, vaf_for_power
from vexas_uba1.caller.factor import CommonFactor
from vexas_uba1.noise import Cuts
from vexas_uba1.reference import UNKNOWN

_LEAST_EXPECTED = 1e-12
_CLOSE = 1.03
"""Ratio of neighbouring expected numbers for which the needed count is worked out."""


@dataclass(frozen=True)
class PositionLimits:
    """What each searched position allows; P positions, C cuts on quality.

    Attributes:
        positions: 0-based, ascending (P).
        depth: Molecules (P).
        used: Of them those that a cut keeps (P, C).
        needed: Of those, with the allele, that a substitution needs to be found (P, C).
        error: Highest error probability of a substitution there (P, C).
    """

    positions: NDArray[np.int64]
    depth: NDArray[np.int64]
    used: NDArray[np.int64]
    needed: NDArray[np.int64]
    error: NDArray[np.float64]

    def reaches(self, vaf: float, power: float) -> NDArray[np.bool_]:
        """Return where a substitution of this VAF would be found with the given power (P)."""
        chance = bdtrc(self.needed - 1, self.used, vaf + self.error * (1 - vaf))
        reached: NDArray[np.bool_] = np.any((self.needed <= self.used) & (chance >= power), axis=1)
        return reached

    def limits(self, power: float) -> NDArray[np.float64]:
        """Return the lowest VAF found with the given power, NaN where none is (P)."""
        by_cut = vaf_for_power(self.needed, self.used, self.error, power)
        found: NDArray[np.float64] = np.fmin.reduce(by_cut, axis=1)
        return found


def position_limits(
    positions: NDArray[np.int64],
    reference: NDArray[np.uint8],
    cut: Cuts,
    factors: Sequence[CommonFactor],
    level: float,
    most_molecules: int | None,
) -> PositionLimits:
    """Return what the positions allow, by the tail of a count at ``level``.

    Args:
        positions: 0-based, ascending (P).
        reference: Reference base codes, 4 where unknown (P).
        cut: What is seen and expected there.
        factors: How far what is expected may be off, by cut (C).
        level: Of the test of one substitution.
        most_molecules: Copies of the gene in the input; None without a cap.
    """
    used = np.where((reference < UNKNOWN)[:, None], cut.depth, 0)
    error = cut.expected.max(axis=1) / np.maximum(cut.depth, 1)
    if most_molecules is not None:
        # Of each kind as many are kept as the input holds.
        share = np.minimum(1.0, most_molecules / np.maximum(used[:, :1], 1))
        used = np.floor(used * share).astype(np.int64)
    needed = [
        _needed(expected, factor, level)
        for expected, factor in zip((error * used).T, factors, strict=True)
    ]
    return PositionLimits(positions, used[:, 0], used, np.stack(needed, axis=1), error)


def _needed(expected: NDArray[np.float64], factor: CommonFactor, level: float) -> NDArray[np.int64]:
    """Return the smallest count that errors reach with a chance of ``level`` at most (P).

    Asked for a few expected numbers, and taken from the next higher one.
    """
    low = max(float(expected.min(initial=1.0)), _LEAST_EXPECTED)
    high = max(float(expected.max(initial=0.0)), low)
    asked = np.geomspace(low, high, int(np.ceil(np.log(high / low) / np.log(_CLOSE))) + 2)
    # The ends as they are, whatever a logarithm leaves of them.
    asked[0], asked[-1] = low, high
    fails, found = np.zeros(asked.size, dtype=np.int64), np.full(asked.size, FEWEST_MOLECULES)
    while (short := factor.count_tail(found, asked) > level).any():
        fails[short], found[short] = found[short], 2 * found[short]
    while (apart := found - fails > 1).any():
        middle = (fails + found) // 2
        short = apart & (factor.count_tail(np.maximum(middle, 1), asked) > level)
        fails[short] = middle[short]
        found[apart & ~short] = middle[apart & ~short]
    least: NDArray[np.int64] = np.maximum(found, FEWEST_MOLECULES)
    return least[np.minimum(np.searchsorted(asked, expected), asked.size - 1)]
