"""What the molecules show, position by position, as the error model looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.fragments import Molecules
from vexas_uba1.fragments.marks import ORIGINS, STRAND_KINDS, STRAND_OF
from vexas_uba1.fragments.qualities import QUALITY_CLASSES
from vexas_uba1.reference import UNKNOWN, ReferenceWindow, context_of

_KINDS = ORIGINS * QUALITY_CLASSES
_CLASSES = np.tile(np.eye(QUALITY_CLASSES), (ORIGINS, 1))
_STRANDS = np.repeat(np.eye(STRAND_KINDS)[STRAND_OF], QUALITY_CLASSES, axis=0)


@dataclass(frozen=True)
class PositionCounts:
    """Observations by position; P positions.

    Attributes:
        positions: 0-based, ascending (P).
        reference: Reference base codes, 4 where unknown (P).
        context: Code of the two neighbouring reference bases, forward strand (P).
        counts: Molecules by base code A, C, G, T, origin and class of quality (P, 4, 9, 5).
        error: Sum over the molecules of the probability that the base is wrong in any way, by
            origin and class of quality (P, 9, 5).
    """

    positions: NDArray[np.int64]
    reference: NDArray[np.uint8]
    context: NDArray[np.int64]
    counts: NDArray[np.int64]
    error: NDArray[np.float64]

    @cached_property
    def bases(self) -> NDArray[np.int64]:
        """Molecules by base code (P, 4)."""
        counted: NDArray[np.int64] = self.by_class.sum(axis=2)
        return counted

    @cached_property
    def by_class(self) -> NDArray[np.int64]:
        """Molecules by base code and class of quality (P, 4, 5)."""
        return self._grouped[..., :QUALITY_CLASSES]

    @cached_property
    def by_strand(self) -> NDArray[np.int64]:
        """Molecules by base code and strand: forward, reverse, both (P, 4, 3)."""
        return self._grouped[..., QUALITY_CLASSES:]

    @cached_property
    def error_by_strand(self) -> NDArray[np.float64]:
        """Sum of the probabilities of error by strand, likewise (P, 3)."""
        summed: NDArray[np.float64] = self.error.reshape(-1, _KINDS) @ _STRANDS
        return summed

    @cached_property
    def by_origin(self) -> NDArray[np.int64]:
        """Bases of all positions by origin (9)."""
        # Rows first: sums over several axes at once take ten times as long.
        kinds = self.counts.reshape(-1, _KINDS).sum(axis=0)
        counted: NDArray[np.int64] = kinds.reshape(ORIGINS, QUALITY_CLASSES).sum(axis=1)
        return counted

    @cached_property
    def _grouped(self) -> NDArray[np.int64]:
        """Molecules by base code and class of quality, then by strand (P, 4, 8)."""
        # Exact, and much quicker than sums over short axes.
        groups = np.concatenate((_CLASSES, _STRANDS), axis=1)
        summed = self.counts.reshape(-1, _KINDS) @ groups
        counted: NDArray[np.int64] = np.rint(summed).astype(np.int64)
        return counted.reshape(-1, UNKNOWN, groups.shape[1])

    def only(self, chosen: NDArray[Any]) -> PositionCounts:
        """Return some of the positions: a mask, or rows."""
        return PositionCounts(
            self.positions[chosen],
            self.reference[chosen],
            self.context[chosen],
            self.counts[chosen],
            self.error[chosen],
        )


def count_positions(
    molecules: Molecules, reference: ReferenceWindow, positions: NDArray[np.int64]
) -> PositionCounts:
    """Count the molecules' bases at some of the searched positions (0-based, ascending)."""
    seen = molecules.histogram
    rows: NDArray[np.int64] | slice = np.searchsorted(seen.positions, positions)
    if np.array_equal(seen.positions, positions):
        # As they are: a copy would cost as much as what is worked out from it.
        rows = slice(None)
    return PositionCounts(
        positions,
        reference.codes[positions - reference.start],
        context_of(reference, positions),
        seen.counts[rows].reshape(-1, UNKNOWN, ORIGINS, QUALITY_CLASSES),
        seen.error[rows].reshape(-1, ORIGINS, QUALITY_CLASSES),
    )


def median_quality(molecules: Molecules) -> int:
    """Return the median Phred of the molecules' bases at the searched positions; 0 without any."""
    by_quality = molecules.histogram.qualities
    return int(np.searchsorted(np.cumsum(by_quality), by_quality.sum() / 2))
