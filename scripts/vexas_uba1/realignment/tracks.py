"""Sequences that a read may follow: the genome, the spliced transcript, either with one indel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.locus.edits import Edit
from vexas_uba1.locus.record import Interval
from vexas_uba1.reference import encode

NOWHERE = -1
"""Position of a base that lies on no reference base: put in, or clipped."""


@dataclass(frozen=True)
class Track:
    """Bases in the order in which a molecule has them, ascending on the genome; C columns.

    Attributes:
        start: 0-based position of the window's first base.
        size: Bases of the window.
        position: 0-based position of each column, ``NOWHERE`` for a base put in (C).
        code: Base codes, 4 where nothing is known (C).
    """

    start: int
    size: int
    position: NDArray[np.int64]
    code: NDArray[np.uint8]

    @cached_property
    def column(self) -> NDArray[np.int64]:
        """Column of each base of the window, -1 for those that the molecule lacks (size)."""
        columns = np.full(self.size, -1, dtype=np.int64)
        placed = np.flatnonzero(self.position >= 0)
        columns[self.position[placed] - self.start] = placed
        return columns

    def columns_of(self, position: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the columns of 0-based positions, -1 outside of the track."""
        offset = position - self.start
        inside = (offset >= 0) & (offset < self.size)
        found: NDArray[np.int64] = np.where(
            inside, self.column[np.clip(offset, 0, self.size - 1)], -1
        )
        return found

    def codes_at(self, position: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the base codes at 0-based positions, 4 outside of the track."""
        columns = self.columns_of(position)
        codes: NDArray[np.uint8] = np.where(columns >= 0, self.code[columns], 4).astype(np.uint8)
        return codes

    def holds(self, edit: Edit) -> bool:
        """Whether the edit lies in bases that follow each other here, the ones beside it too."""
        around = self.columns_of(np.arange(edit.start - 1, edit.end + 1))
        return bool((around >= 0).all() and (np.diff(around) == 1).all())

    def edited(self, edit: Edit, at: Sequence[int] = ()) -> Track:
        """Return the track of a molecule with an edit that the track holds.

        Args:
            edit: What is replaced, and by what.
            at: 0-based position of each base put in; by default none of them has one.
        """
        first = int(self.column[edit.start - self.start])
        last = first + edit.end - edit.start
        put_in = encode(edit.alt)
        places = np.array(at or [NOWHERE] * put_in.size, dtype=np.int64)
        return Track(
            self.start,
            self.size,
            np.concatenate([self.position[:first], places, self.position[last:]]),
            np.concatenate([self.code[:first], put_in, self.code[last:]]),
        )

    def changed(self, changes: Sequence[tuple[int, int]]) -> Track:
        """Return the track with other codes at some 0-based positions, where it has them."""
        code = self.code.copy()
        for position, shown in changes:
            column = int(self.columns_of(np.array([position]))[0])
            if column >= 0:
                code[column] = shown
        return replace(self, code=code)


def genome_track(start: int, codes: NDArray[np.uint8]) -> Track:
    """Return the window's own sequence."""
    return Track(start, codes.size, np.arange(start, start + codes.size), codes)


def spliced_track(genome: Track, introns: Sequence[Interval]) -> Track:
    """Return the sequence without its introns."""
    kept = np.ones(genome.size, dtype=np.bool_)
    for first, last in introns:
        kept[first - genome.start : last - genome.start] = False
    return Track(genome.start, genome.size, genome.position[kept], genome.code[kept])
