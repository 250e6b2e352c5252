"""Where an observation was read, in a byte: on which strands, and how early in its reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads

QUARTERS = 4
"""A read's cycles are told apart by quarters of the read."""
ORIGINS = 2 * QUARTERS + 1
"""Kinds of observation: forward by quarter, reverse by quarter, and read on both strands."""
BOTH_STRANDS = ORIGINS - 1
STRAND_KINDS = 3
"""Read forward, read reverse, read on both strands."""
STRAND_OF = np.array([0] * QUARTERS + [1] * QUARTERS + [2])
"""Strand of each kind of observation: forward, reverse, both."""
FORWARD, REVERSE = 1, 2
STRANDS, QUARTER_SHIFT = 3, 2
QUARTER_BITS = (QUARTERS - 1) << QUARTER_SHIFT
ORIGIN_OF = np.array(
    [
        0 if not marks & STRANDS
        else BOTH_STRANDS if marks & STRANDS == STRANDS
        else (marks >> QUARTER_SHIFT) + (QUARTERS if marks & STRANDS == REVERSE else 0)
        for marks in range(QUARTERS << QUARTER_SHIFT)
    ],
    dtype=np.uint8,
)  # fmt: skip
"""Kind of observation, 0 to 8, by a tile's ``marks``."""
_MARGIN = 1000


@dataclass(frozen=True)
class CycleMarks:
    """The marks of a tile by base of a read, laid out once for reads of one length and strand.

    Attributes:
        of: Marks; of base b of the stored ones, read r's, ``of[b + shift[r]]``.
        shift: By read (R).
    """

    of: NDArray[np.uint8]
    shift: NDArray[np.int64]

    @classmethod
    def from_reads(cls, reads: Reads) -> CycleMarks:
        """Lay them out for all reads."""
        kind, of_read = np.unique(
            np.diff(reads.first_base) * 2 + reads.reverse, return_inverse=True
        )
        size, reverse = kind // 2, kind % 2 > 0
        first = np.cumsum(size) - size
        base = np.arange(size.sum()) - np.repeat(first, size)
        size, reverse = np.repeat(size, size), np.repeat(reverse, size)
        # A reverse read's first cycle is its last base here.
        cycle = np.where(reverse, size - 1 - base, base)
        quarter = cycle * QUARTERS // np.maximum(size, 1)
        marks = np.where(reverse, REVERSE, FORWARD) | quarter << QUARTER_SHIFT
        # A row of a tile begins before its read and ends behind it.
        laid_out = np.pad(marks.astype(np.uint8), _MARGIN)
        return cls(laid_out, first[of_read] - reads.first_base[:-1] + _MARGIN)
