"""One normal: what it shows at each site, and what its own error model expected."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.fragments.marks import STRAND_KINDS, STRAND_OF
from vexas_uba1.noise import ErrorModel, PositionCounts
from vexas_uba1.reference import UNKNOWN

_STRANDS = np.eye(STRAND_KINDS)[STRAND_OF]


@dataclass(frozen=True)
class Normal:
    """A sample of the panel; P sites.

    Attributes:
        sample: Its id.
        files: SHA-256 of each file that its reads came from.
        digest: Of its counts: the same reads under another name, order or compression have the
            same.
        seen: Molecules by shown base and strand, none for the reference base (P, 4, 3).
        expected: Of them by its own error model, likewise (P, 4, 3).
        left_out: Sites that carry a variant of its own: they say nothing about error (P).
    """

    sample: str
    files: tuple[str, ...]
    digest: str
    seen: NDArray[np.int64]
    expected: NDArray[np.float64]
    left_out: NDArray[np.bool_]

    def is_of(self, sample: str, files: Sequence[str], digest: str) -> bool:
        """Return whether this is the same sample, by name, by file or by what it shows."""
        return (
            sample == self.sample or digest == self.digest or not set(files).isdisjoint(self.files)
        )


def normal_of(
    sample: str,
    files: Sequence[str],
    counted: PositionCounts,
    model: ErrorModel,
    variant_positions: frozenset[int],
) -> Normal:
    """Return what a sample adds to a panel.

    Args:
        sample: Its id.
        files: SHA-256 of each file.
        counted: Its searched positions.
        model: Its own error model, made without any panel.
        variant_positions: 0-based positions of its own variants.
    """
    shown = _by_strand(counted.counts.sum(axis=3))
    announced = counted.error[:, None] / 3 * model.factors(counted)
    expected = _by_strand(announced.sum(axis=3))
    known = counted.reference < UNKNOWN
    rows = np.flatnonzero(known)
    for values in (shown, expected):
        values[rows, counted.reference[rows]] = 0
        values[~known] = 0
    return Normal(
        sample,
        tuple(files),
        digest_of(counted),
        np.rint(shown).astype(np.int64),
        expected.astype(np.float32).astype(np.float64),
        np.isin(counted.positions, list(variant_positions)),
    )


def digest_of(counted: PositionCounts) -> str:
    """Return the SHA-256 of a sample's counts; of a sample without any, of its nothing."""
    return hashlib.sha256(np.ascontiguousarray(counted.bases, dtype="<i8").tobytes()).hexdigest()


def _by_strand(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Sum the last axis, kinds of observation, by strand."""
    summed: NDArray[np.float64] = values @ _STRANDS
    return summed
