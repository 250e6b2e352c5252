"""Counts so far beyond what errors explain that they are taken for variants, not for errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

_VARIANT_EXCESS = 10.0
_VARIANT_TAIL = 1e-6


def too_many(seen: NDArray[np.int64], expected: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where more is seen than ten times what is expected can explain."""
    chance = gammainc(np.maximum(seen, 1), _VARIANT_EXCESS * expected + 1e-12)
    found: NDArray[np.bool_] = (seen > 0) & (chance <= _VARIANT_TAIL)
    return found
