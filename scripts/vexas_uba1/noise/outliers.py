"""Counts so far beyond what errors explain that they are taken for variants, not for errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

_VARIANT_EXCESS = 10.0
VARIANT_TAIL, SOME_TAIL = 1e-6, 0.05
"""Chance of what is surely a variant, and of what may be one (assumed)."""
_LAST_BASE = 3  # codes of a base and its complement add up to it
_APART_RATIO, _APART_TAIL = 3.0, 1e-4
"""A group is apart that errs so many times as the others together, and surely so (assumed)."""


def too_many(
    seen: NDArray[np.int64], expected: NDArray[np.float64], tail: float = VARIANT_TAIL
) -> NDArray[np.bool_]:
    """Return where ten times what is expected explains what is seen with a chance of ``tail``."""
    found: NDArray[np.bool_] = seen > 0
    found[found] = gammainc(seen[found], _VARIANT_EXCESS * expected[found] + 1e-12) <= tail
    return found


def apart(seen: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which groups of a level err by a cause of their own.

    The one that errs most is compared with all others, then the next one with those that are left:
    damage to cytosines says nothing of how adenines are read. The same kind on the other strand of
    the molecule is not among the others, for damage shows as both.

    Args:
        seen: Counts of the groups: by true base, shown base and whatever else.
        expected: Of the same shape.
    """
    found = np.zeros(seen.shape, dtype=np.bool_)
    ratio = seen / np.maximum(expected, 1e-300)
    for flat in np.argsort(-ratio, axis=None, kind="stable").tolist():
        group = np.unravel_index(flat, seen.shape)
        true, shown = group[:2]
        others = ~found
        others[true, shown] = others[_LAST_BASE - true, _LAST_BASE - shown] = False
        should = max(float(expected[others].sum()), 1e-300)
        # None of the others need have erred yet.
        usual = max(float(seen[others].sum()), 1.0) / should
        if (
            seen[group] < 1
            or gammainc(seen[group], _APART_RATIO * usual * expected[group]) >= _APART_TAIL
        ):
            break
        found[group] = True
    return found
