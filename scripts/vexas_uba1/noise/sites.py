"""What is known of single sites beyond their kind: the rates of a panel of normals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

_NORMALS_BELOW = 0.99


@dataclass(frozen=True)
class SiteRates:
    """Factors of single sites on the sample's own error probabilities; P positions.

    Attributes:
        positions: 0-based, ascending (P).
        ratio: By shown base and strand (P, 4, 3).
        variance: Relative variance of the ratio in a further sample, by shown base (P, 4).
        is_noisy: Whether the site errs clearly more than its kind, by shown base (P, 4).
    """

    positions: NDArray[np.int64]
    ratio: NDArray[np.float64]
    variance: NDArray[np.float64]
    is_noisy: NDArray[np.bool_]

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {position: row for row, position in enumerate(self.positions.tolist())}

    def row(self, position: int) -> int | None:
        """Return the row of a 0-based position; None for one that the panel does not know."""
        return self._row_of.get(position)

    def noisy_vaf(self, position: int, shown: int, mean: float) -> float | None:
        """Return the VAF that noise exceeds in one normal of a hundred; None if it is not noisy.

        Args:
            position: 0-based.
            shown: Base code.
            mean: Expected share of the sample's molecules that show the base by error.
        """
        row = self.row(position)
        if row is None or not self.is_noisy[row, shown]:
            return None
        shape = 1 / float(self.variance[row, shown])
        return mean * float(gammaincinv(shape, _NORMALS_BELOW)) / shape

    def rows(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which of some ascending positions are known, and their rows."""
        _, known, rows = np.intersect1d(
            positions, self.positions, assume_unique=True, return_indices=True
        )
        return known, rows
