"""Positions by their reference base and the bases beside it, which err alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.noise.counts import PositionCounts
from vexas_uba1.reference import CONTEXTS, UNKNOWN


@dataclass(frozen=True)
class Motifs:
    """Some positions of known reference, by motif; N positions of C motifs.

    Attributes:
        rows: The positions' rows, those of one motif together (N).
        motif: Reference base and context, as one number, ascending (C).
        first: Where in the rows each motif begins (C).
    """

    rows: NDArray[np.int64]
    motif: NDArray[np.int64]
    first: NDArray[np.int64]

    @classmethod
    def of(cls, counted: PositionCounts, chosen: NDArray[np.bool_]) -> Motifs:
        """Sort chosen positions, whose reference is known (P)."""
        rows = np.flatnonzero(chosen)
        motif = counted.reference[rows].astype(np.int64) * CONTEXTS + counted.context[rows]
        order = np.argsort(motif, kind="stable")
        return cls(rows[order], *np.unique(motif[order], return_index=True))

    def __iter__(self) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        """Yield each motif's reference base, context and rows."""
        for motif, rows in zip(
            self.motif.tolist(), np.split(self.rows, self.first[1:]), strict=False
        ):
            yield motif // CONTEXTS, motif % CONTEXTS, rows

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum values of positions by reference base and context (4, 25, ...)."""
        summed = np.zeros((UNKNOWN * CONTEXTS, *values.shape[1:]))
        if self.motif.size:
            summed[self.motif] = np.add.reduceat(values[self.rows], self.first)
        return summed.reshape(UNKNOWN, CONTEXTS, *values.shape[1:])

    def explained(
        self, counted: PositionCounts, factor: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return how many molecules errors show, by position, base and class (P, 4, 5).

        None of the reference base, nor at other positions.

        Args:
            counted: All positions.
            factor: On what the qualities announce, by reference base, context, base, origin and
                class of quality (4, 25, 4, 9, 5).
        """
        explained = np.zeros((counted.positions.size, *factor.shape[2::2]))
        # Each base is announced with a third of the error. By class: origins summed.
        of_class = np.moveaxis(factor / 3, (4, 3), (2, 3))
        for base, context, rows in self:
            shown = np.moveaxis(counted.error[rows], 2, 0) @ of_class[base, context]
            shown[..., base] = 0
            explained[rows] = np.moveaxis(shown, 0, 2)
        return explained
