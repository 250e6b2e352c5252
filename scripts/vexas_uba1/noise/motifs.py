"""Positions by their reference base and the bases beside it, which err alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.fragments.marks import ORIGINS
from vexas_uba1.fragments.qualities import QUALITY_CLASSES
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
        own = factor.reshape(UNKNOWN * CONTEXTS, UNKNOWN, ORIGINS, QUALITY_CLASSES)[self.motif]
        # Each base is announced with a third of the error; a class gives nothing to another one.
        shares = np.einsum("mboc,cd->mocbd", own / 3, np.eye(QUALITY_CLASSES))
        shares = shares.reshape(-1, ORIGINS * QUALITY_CLASSES, UNKNOWN * QUALITY_CLASSES)
        error = counted.error.reshape(-1, ORIGINS * QUALITY_CLASSES)[self.rows]
        shown = np.zeros((self.rows.size, UNKNOWN, QUALITY_CLASSES))
        ends = [*self.first.tolist(), self.rows.size]
        for share, (first, end) in zip(shares, pairwise(ends), strict=True):
            shown[first:end] = (error[first:end] @ share).reshape(-1, UNKNOWN, QUALITY_CLASSES)
        shown[np.arange(self.rows.size), counted.reference[self.rows]] = 0
        explained = np.zeros((counted.positions.size, UNKNOWN, QUALITY_CLASSES))
        explained[self.rows] = shown
        return explained
