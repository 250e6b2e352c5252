"""What a search for substitutions could have shown, position by position.

The test weighs molecules by their quality; here, where thousands of positions are asked, the best
of a few cuts on quality stands for it, which needs a little more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, gammainc

from vexas_uba1.caller.exact import FEWEST_MOLECULES, vaf_for_power
from vexas_uba1.noise import Cuts
from vexas_uba1.reference import UNKNOWN


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

    def limit_at(self, position: int, power: float) -> float | None:
        """Return the lowest VAF found with the given power at a 0-based position, or None."""
        row = int(np.searchsorted(self.positions, position))
        columns = zip(self.needed[row], self.used[row], self.error[row], strict=True)
        limits = [
            vaf_for_power(int(needed), int(used), float(error), power)
            for needed, used, error in columns
        ]
        return min((limit for limit in limits if limit is not None), default=None)


def position_limits(
    positions: NDArray[np.int64],
    reference: NDArray[np.uint8],
    cut: Cuts,
    level: float,
    most_molecules: int | None,
) -> PositionLimits:
    """Return what the positions allow, by a Poisson tail at ``level``.

    Args:
        positions: 0-based, ascending (P).
        reference: Reference base codes, 4 where unknown (P).
        cut: What is seen and expected there.
        level: Of the test of one substitution.
        most_molecules: Copies of the gene in the input; None without a cap.
    """
    used = np.where((reference < UNKNOWN)[:, None], cut.depth, 0)
    error = cut.expected.max(axis=1) / np.maximum(cut.depth, 1)
    if most_molecules is not None:
        # Of each kind as many are kept as the input holds.
        share = np.minimum(1.0, most_molecules / np.maximum(used[:, :1], 1))
        used = np.floor(used * share).astype(np.int64)
    expected = error * used + 1e-300
    # No count up to the mean is unlikely, so none is tried.
    needed = np.maximum(FEWEST_MOLECULES, np.floor(expected)).astype(np.int64)
    while (short := gammainc(needed, expected) > level).any():
        needed[short] += 1
    return PositionLimits(positions, used[:, 0], used, needed, error)
