"""Equal rows get equal numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Label = NDArray[np.int64]
_LARGEST = 2**62


def label_rows(*columns: NDArray[np.integer] | NDArray[np.bool_]) -> Label:
    """Return a number from 0 on for each row of the columns; equal for equal rows, in their order.

    Args:
        columns: Of one length, the first the most significant.
    """
    labels, spread = np.zeros(columns[0].size, dtype=np.int64), 1
    for column in columns:
        values = column.astype(np.int64)
        low = int(values.min(initial=0))
        wide = int(values.max(initial=0)) - low + 1
        if spread * wide > _LARGEST:
            # Numbers without gaps in between leave room for more.
            labels = np.unique(labels, return_inverse=True)[1]
            values = np.unique(values, return_inverse=True)[1]
            low, wide, spread = 0, values.size, labels.size
        labels = labels * wide + (values - low)
        spread *= wide
    return np.unique(labels, return_inverse=True)[1]


def group_sizes(labels: Label) -> Label:
    """Return how many rows there are of each label."""
    return np.bincount(labels).astype(np.int64)


def is_repeated(labels: Label) -> NDArray[np.bool_]:
    """Return for each row whether another one has its label."""
    repeated: NDArray[np.bool_] = group_sizes(labels)[labels] > 1
    return repeated
