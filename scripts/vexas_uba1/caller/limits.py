"""What a search for substitutions could have shown, position by position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, gammainc

from vexas_uba1.caller.exact import FEWEST_MOLECULES, vaf_for_power
from vexas_uba1.noise import ErrorModel, PositionCounts
from vexas_uba1.reference import UNKNOWN


@dataclass(frozen=True)
class PositionLimits:
    """What each searched position allows; P positions.

    Attributes:
        positions: 0-based, ascending (P).
        depth: Molecules (P).
        needed: Molecules that a substitution needs to be found (P).
        error: Highest error probability of a substitution there (P).
    """

    positions: NDArray[np.int64]
    depth: NDArray[np.int64]
    needed: NDArray[np.int64]
    error: NDArray[np.float64]

    def reaches(self, vaf: float, power: float) -> NDArray[np.bool_]:
        """Return where a substitution of this VAF would be found with the given power (P)."""
        chance = bdtrc(self.needed - 1, self.depth, vaf + self.error * (1 - vaf))
        reached: NDArray[np.bool_] = (self.needed <= self.depth) & (chance >= power)
        return reached

    def limit_at(self, position: int, power: float) -> float | None:
        """Return the lowest VAF found with the given power at a 0-based position, or None."""
        row = int(np.searchsorted(self.positions, position))
        return vaf_for_power(
            int(self.needed[row]), int(self.depth[row]), float(self.error[row]), power
        )


def position_limits(
    counted: PositionCounts, model: ErrorModel, level: float, most_molecules: int | None
) -> PositionLimits:
    """Return what the positions allow, by a Poisson tail at ``level``.

    Args:
        counted: The searched positions.
        model: The sample's error model.
        level: Of the test of one substitution.
        most_molecules: Copies of the gene in the input; None without a cap.
    """
    depth = counted.counts.sum(axis=1)
    known = counted.reference < UNKNOWN
    reference = np.where(known, counted.reference, 0)
    expected = (counted.error[:, None] / 3 * model.scale[reference]).max(axis=1)
    error = expected / np.maximum(depth, 1)
    if most_molecules is not None:
        depth = np.minimum(depth, most_molecules)
    depth = np.where(known, depth, 0)
    expected = error * depth + 1e-300
    # No count up to the mean is unlikely, so none is tried.
    needed = np.maximum(FEWEST_MOLECULES, np.floor(expected)).astype(np.int64)
    while (short := gammainc(needed, expected) > level).any():
        needed[short] += 1
    return PositionLimits(counted.positions, depth, needed, error)
