"""What errors explain at each searched position, by cuts on quality.

One number a position and base: how many mismatches at least ... of good quality errors would give.
A cut keeps the observations of a class of quality and better; the poor ones bring most errors and
little depth. Used to find what deserves a closer look, and for what a search can find; never to
call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from vexas_uba1.noise.counts import PositionCounts
from vexas_uba1.noise.model import ErrorModel
from vexas_uba1.reference import UNKNOWN

_Number = TypeVar("_Number", np.int64, np.float64)


@dataclass(frozen=True)
class Cuts:
    """Positions under cuts on quality; P positions, 5 cuts, from all observations to the best.

    Attributes:
        depth: Molecules (P, 5).
        seen: Molecules by base shown (P, 4, 5).
        expected: Of them by error; nothing for the reference base (P, 4, 5).
    """

    depth: NDArray[np.int64]
    seen: NDArray[np.int64]
    expected: NDArray[np.float64]


def cuts(counted: PositionCounts, model: ErrorModel) -> Cuts:
    """Return what is seen and expected at each position above each class of quality."""
    shown = counted.by_class
    return Cuts(
        _from_class_on(shown.sum(axis=1)),
        _from_class_on(shown),
        _from_class_on(model.explained(counted)),
    )


def doubts(counted: PositionCounts, model: ErrorModel) -> NDArray[np.float64]:
    """Return the mean relative variance of what is expected under each cut, sites apart (5)."""
    explained, doubted = (
        _from_class_on(values.sum(axis=(0, 1)))
        for values in (model.explained(counted), model.doubted(counted))
    )
    mean: NDArray[np.float64] = doubted / np.maximum(explained, 1e-300)
    return mean


def _from_class_on(values: NDArray[_Number]) -> NDArray[_Number]:
    """Sum over each class of quality and all better ones, along the last axis."""
    return np.cumsum(values[..., ::-1], axis=-1)[..., ::-1]


def tail_by_position(counted: PositionCounts, cut: Cuts) -> NDArray[np.float64]:
    """Return the smallest Poisson tail of each position and shown base over all cuts (P, 4).

    The reference base and unknown positions get 1.
    """
    known = counted.reference < UNKNOWN
    differs = cut.seen > 0
    differs[np.flatnonzero(known), counted.reference[known]] = False
    differs[~known] = False
    tail = np.ones(differs.shape)
    tail[differs] = gammainc(cut.seen[differs], cut.expected[differs] + 1e-300)
    lowest: NDArray[np.float64] = tail.min(axis=2)
    return lowest
