"""Molecules drawn with errors, without reads: as long, noisy reads would give them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import DELETED
from vexas_uba1.fragments import UNCERTAIN, Column, Histogram, IndelCount
from vexas_uba1.fragments.marks import ORIGINS
from vexas_uba1.fragments.qualities import QUALITY_CLASSES, base_error, quality_class
from vexas_uba1.reference import BASES, ReferenceWindow

END_DISTANCE = 500


@dataclass(frozen=True)
class Drawn:
    """Molecules that all cover all positions; M molecules, P positions.

    Attributes:
        positions: 0-based, ascending (P).
        codes: 0 to 3 for A, C, G, T, 5 deleted (M, P).
        qualities: Phred (M, P).
        reverse: Read on the reverse strand (M).
        indels: As :class:`vexas_uba1.fragments.Molecules` gives them.
    """

    positions: NDArray[np.int64]
    codes: NDArray[np.uint8]
    qualities: NDArray[np.uint8]
    reverse: NDArray[np.bool_]
    indels: tuple[IndelCount, ...]

    @property
    def count(self) -> int:
        """M."""
        return self.codes.shape[0]

    @property
    def mapping_quality(self) -> NDArray[np.uint8]:
        """All are well placed (M)."""
        return np.full(self.count, 60, dtype=np.uint8)

    @property
    def ends(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each is a fragment of its own place (M)."""
        start = int(self.positions[0]) - END_DISTANCE - np.arange(self.count)
        return start, start + int(np.ptp(self.positions)) + 2 * END_DISTANCE + self.count

    def beside(
        self, molecules: NDArray[np.int64], start: int, end: int, least_quality: int = 0
    ) -> NDArray[np.uint8]:
        """Return what some molecules show over ``[start, end)`` (m, P)."""
        columns = [self.column(position).code[molecules] for position in range(start, end)]
        return np.stack(columns, axis=1)

    @property
    def histogram(self) -> Histogram:
        """Observations by position, code and quality."""
        size = self.positions.size
        origin = np.where(self.reverse, 4, 0)[:, None]
        kind = origin * QUALITY_CLASSES + quality_class(self.qualities)
        cell = (np.arange(size) * 8 + self.codes) * ORIGINS * QUALITY_CLASSES + kind
        shape = (size, 8, ORIGINS, QUALITY_CLASSES)
        counts = np.bincount(cell.ravel(), minlength=np.prod(shape)).reshape(shape)[:, :4]
        error = np.bincount(
            cell.ravel(), base_error(self.qualities).ravel(), minlength=np.prod(shape)
        )
        return Histogram(
            self.positions,
            counts,
            error.reshape(shape)[:, :4].sum(axis=1),
            np.bincount(self.qualities.ravel(), minlength=64),
            0,
            0,
        )

    def column(self, position: int) -> Column:
        """What all molecules show at a position; outside of the drawn ones, nothing."""
        row = int(np.searchsorted(self.positions, position))
        inside = row < self.positions.size and self.positions[row] == position
        nothing = np.full(self.count, UNCERTAIN, dtype=np.uint8)
        code = self.codes[:, row] if inside else nothing
        quality = self.qualities[:, row] if inside else nothing
        return Column(
            code=code,
            quality=quality,
            forward=~self.reverse,
            reverse=self.reverse,
            origin=np.where(self.reverse, 4, 0).astype(np.uint8),
            read_quality=quality,
            end_distance=np.full(self.count, END_DISTANCE, dtype=np.uint16),
        )

    def with_base(self, position: int, base: str, share: float) -> Drawn:
        """Return the molecules with a base put into the first of them."""
        codes = self.codes.copy()
        row = int(np.searchsorted(self.positions, position))
        first = codes[: round(share * self.count), row]
        first[first != DELETED] = BASES.index(base)
        return replace(self, codes=codes)


def draw(
    reference: ReferenceWindow,
    positions: NDArray[np.int64],
    count: int,
    seed: int,
    *,
    substitutions: float,
    indels: float,
    qualities: tuple[int, int],
) -> Drawn:
    """Draw molecules.

    Args:
        reference: Bases at the positions.
        positions: 0-based, ascending.
        count: Molecules.
        seed: Of the random numbers.
        substitutions: Rate by base.
        indels: Rate by base of insertions and deletions together, more of them in runs of equal
            bases; each lies anywhere in its run.
        qualities: Lowest and highest Phred; drawn by itself, so it tells nothing.
    """
    random = np.random.default_rng(seed)
    shape = (count, positions.size)
    known = reference.codes[positions - reference.start]
    codes = np.broadcast_to(known, shape).copy()
    wrong = random.random(shape) < substitutions
    codes[wrong] = (codes[wrong] + random.integers(1, 4, int(wrong.sum()))) % 4
    same = np.concatenate(([False], (known[1:] == known[:-1]) & (np.diff(positions) == 1)))
    rate = np.where(same | np.append(same[1:], False), 1.5, 0.75) * indels
    carriers: dict[tuple[int, int, str], list[int]] = defaultdict(list)
    for molecule, row in np.argwhere(random.random(shape) < rate / 2).tolist():
        length = min(int(random.geometric(0.8)), positions.size - row)
        if positions[row + length - 1] - positions[row] == length - 1:
            codes[molecule, row : row + length] = DELETED
    for molecule, row in np.argwhere(random.random(shape) < rate / 2).tolist():
        own = BASES[int(known[row])]
        bases = own if random.random() < 0.5 else "".join(random.choice(list("ACGT"), 1))
        bases *= int(random.geometric(0.9))
        carriers[int(positions[row]), int(positions[row]), bases].append(molecule)
    for molecule, start, end in _gaps(codes, positions):
        carriers[start, end, ""].append(molecule)
    nobody = np.zeros(0, dtype=np.int64)
    counted = tuple(
        IndelCount(start, end, bases, np.unique(showing), nobody)
        for (start, end, bases), showing in sorted(carriers.items())
    )
    drawn = random.integers(qualities[0], qualities[1] + 1, shape).astype(np.uint8)
    return Drawn(positions, codes, drawn, random.random(count) < 0.5, counted)


def _gaps(codes: NDArray[np.uint8], positions: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Return molecule, start and end of each deletion."""
    gone = np.pad(codes == DELETED, ((0, 0), (1, 1)))
    begins = np.argwhere(gone[:, 1:] & ~gone[:, :-1])
    ends = np.argwhere(~gone[:, 1:] & gone[:, :-1])
    return [
        (int(molecule), int(positions[first]), int(positions[last - 1]) + 1)
        for (molecule, first), (_, last) in zip(begins, ends, strict=True)
    ]
