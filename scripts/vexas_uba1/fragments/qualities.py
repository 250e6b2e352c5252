"""What a Phred quality announces, and the classes in which qualities are judged."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOWEST_ERROR = 1e-6
"""No single base of a molecule is trusted beyond this: errors made before sequencing (assumed)."""
CLASS_STARTS = (0, 20, 30, 42, 46)
"""Lowest Phred of each class: poor, middling and good bases of one read, bases on which copies
agree, and those of families."""
QUALITY_CLASSES = len(CLASS_STARTS)
_BASE_ERROR = np.maximum(10.0 ** (-np.arange(256) / 10), LOWEST_ERROR)


def base_error(quality: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the chance that a base of this Phred is wrong (Ewing, Green 1998), at least 1e-6."""
    error: NDArray[np.float64] = _BASE_ERROR[quality]
    return error


def read_right(quality: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the chance that a base of this Phred is right, a quarter at least: that of a guess."""
    return np.maximum(1 - base_error(quality), 0.25)


def quality_class(quality: ArrayLike) -> NDArray[np.int64]:
    """Return the class of each Phred, 0 to 4."""
    return np.searchsorted(CLASS_STARTS, np.asarray(quality), side="right") - 1
