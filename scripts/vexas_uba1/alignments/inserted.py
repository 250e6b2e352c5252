"""The bases that reads put in, compared many at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.reference import BASES, UNKNOWN

_MOST_PACKED = 31  # bases of two bits each, and a leading one for the length


def inserted_numbers(reads: Reads, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number per insertion, equal where bases are; -1 if one of them is unknown (k).

    Args:
        reads: All reads.
        rows: Which of their insertions (k).
    """
    base, length = reads.insertions.base[rows], reads.insertions.length[rows]
    number = np.ones(rows.size, dtype=np.int64)
    unknown = np.zeros(rows.size, dtype=np.bool_)
    for step in range(min(int(length.max(initial=0)), _MOST_PACKED)):
        has = np.flatnonzero((length > step) & (length <= _MOST_PACKED))
        code = reads.code[base[has] + step]
        unknown[has] |= code >= UNKNOWN
        number[has] = number[has] << 2 | (code & 3)
    # Of the few longer ones each text gets a number of its own, which no packed one has.
    texts: dict[bytes, int] = {}
    for row in np.flatnonzero(length > _MOST_PACKED).tolist():
        codes = reads.code[base[row] : base[row] + length[row]]
        unknown[row] = codes.max() >= UNKNOWN
        number[row] = -2 - texts.setdefault(codes.tobytes(), len(texts))
    return np.where(unknown, -1, number)


def inserted_text(reads: Reads, row: int) -> str:
    """Return the bases of one insertion."""
    base, length = int(reads.insertions.base[row]), int(reads.insertions.length[row])
    return "".join(BASES[code] for code in reads.code[base : base + length])
