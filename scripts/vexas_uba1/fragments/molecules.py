"""The molecules of a sample, asked position by position or all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.fragments.indels import IndelCount, join_indels
from vexas_uba1.fragments.joining import (
    FAMILY_COPIES,
    FAMILY_FLOOR,
    FRAGMENT_FLOOR,
    Tile,
    join_tile,
)
from vexas_uba1.fragments.marks import FORWARD, ORIGIN_OF, ORIGINS, REVERSE
from vexas_uba1.fragments.qualities import QUALITY_CLASSES, base_error, quality_class
from vexas_uba1.fragments.stretches import UNCERTAIN, Copies, stretches_of
from vexas_uba1.grouping.grouping import Grouping
from vexas_uba1.reference import UNKNOWN

_Kind = TypeVar("_Kind", bound=np.generic)
_CELLS = 500_000
"""Cells joined at a time, at most about: what a processor's cache holds is quicker."""
_BESIDE, _RECENT = 16, 4
"""Positions that are joined together with one that is asked for, and such tiles that are kept."""
_CODES, _QUALITIES = 8, 64
BASE_CODES = 4


@dataclass(frozen=True)
class Column:
    """All molecules at one position; M molecules.

    Attributes:
        code: 0 to 3 for A, C, G, T; 5 deleted; ``UNCERTAIN`` not covered (or N); ``DISCORDANT``
            contradicted (M).
        quality: Phred of the observation, 0 where there is none (M).
        forward: Seen on a forward-strand read (M).
        reverse: Seen on a reverse-strand read (M).
        origin: Kind of observation, 0 to 8: forward by quarter of the read, reverse by quarter,
            both strands (M).
        read_quality: Best single base quality of the observation (M).
        end_distance: Bases to the nearer read end, of the copy deepest inside its read (M).
    """

    code: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    forward: NDArray[np.bool_]
    reverse: NDArray[np.bool_]
    origin: NDArray[np.uint8]
    read_quality: NDArray[np.uint8]
    end_distance: NDArray[np.int32]


@dataclass(frozen=True)
class Stretch:
    """Some molecules over neighbouring positions; m molecules, P positions.

    Attributes:
        code: As of a column (m, P).
        quality: Phred of the observation, 0 where there is none (m, P).
        forward: Seen on a forward-strand read (m, P).
        reverse: Seen on a reverse-strand read (m, P).
    """

    code: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    forward: NDArray[np.bool_]
    reverse: NDArray[np.bool_]


@dataclass(frozen=True)
class Histogram:
    """Observations of bases by position, base, origin and class of quality; P positions.

    Attributes:
        positions: 0-based, ascending (P).
        counts: Molecules by base code A, C, G, T, origin and class of quality (P, 4, 9, 5).
        error: Sum of the qualities' error probabilities, likewise but for the base (P, 9, 5).
        qualities: Molecules by Phred (64).
        several: Observations that were read more than once.
        contradicted: Those of them whose copies contradict each other.
    """

    positions: NDArray[np.int64]
    counts: NDArray[np.int64]
    error: NDArray[np.float64]
    qualities: NDArray[np.int64]
    several: int
    contradicted: int


class Molecules:
    """M molecules over the searched positions."""

    def __init__(self, reads: Reads, grouping: Grouping, positions: NDArray[np.int64]) -> None:
        """Sort the reads by molecule and place; nothing is joined before it is asked for.

        Args:
            reads: All reads.
            grouping: Their molecules.
            positions: 0-based, ascending positions that are searched.
        """
        self.count = grouping.count
        self.positions = positions
        self._reads = reads
        self._copies = _copies(grouping)
        self._stretches = stretches_of(reads, self._copies)
        self._recent: list[Tile] = []

    @cached_property
    def mapping_quality(self) -> NDArray[np.uint8]:
        """Best mapping quality of each molecule's reads (M)."""
        best = np.zeros(self.count, dtype=np.uint8)
        kept = self._copies.molecule >= 0
        np.maximum.at(best, self._copies.molecule[kept], self._reads.mapping_quality[kept])
        return best

    @cached_property
    def ends(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """0-based start and exclusive end of each molecule, clipped bases counted (M)."""
        kept = self._copies.molecule >= 0
        molecule = self._copies.molecule[kept]
        start = np.full(self.count, np.iinfo(np.int64).max)
        end = np.full(self.count, np.iinfo(np.int64).min)
        np.minimum.at(start, molecule, self._reads.fragment_start[kept])
        np.maximum.at(end, molecule, self._reads.fragment_end[kept])
        return start, end

    def beside(
        self, molecules: NDArray[np.int64], start: int, end: int, least_quality: int = 0
    ) -> NDArray[np.uint8]:
        """Return what some molecules show over ``[start, end)``, coded as in a column (m, P).

        Bases of a lower Phred than ``least_quality`` are N.
        """
        shown = self.stretch(molecules, start, end)
        poor = (shown.quality < least_quality) & (shown.code < UNKNOWN)
        return np.where(poor, np.uint8(UNKNOWN), shown.code)

    def stretch(self, molecules: NDArray[np.int64], start: int, end: int) -> Stretch:
        """Return the observations of m molecules, ascending, over ``[start, end)``."""
        wanted = np.zeros(self.count, dtype=np.bool_)
        wanted[molecules] = True
        tile = join_tile(
            self._reads, self._copies, self._stretches, start, end, detail=False, only=wanted
        )
        shape, rows = (molecules.size, end - start), np.searchsorted(molecules, tile.molecules)
        code = np.full(shape, UNCERTAIN, dtype=np.uint8)
        quality, marks = (np.zeros(shape, dtype=np.uint8) for _ in range(2))
        code[rows], quality[rows], marks[rows] = tile.code, tile.quality, tile.marks
        return Stretch(code, quality, (marks & FORWARD) > 0, (marks & REVERSE) > 0)

    @cached_property
    def indels(self) -> tuple[IndelCount, ...]:
        """Insertions and deletions beside searched positions with their molecules."""
        return join_indels(self._reads, self._copies.molecule, self.positions)

    @cached_property
    def histogram(self) -> Histogram:
        """What all molecules show at the searched positions."""
        size = self.positions.size
        counts = np.zeros((size, BASE_CODES, ORIGINS, QUALITY_CLASSES), dtype=np.int64)
        error = np.zeros((size, ORIGINS, QUALITY_CLASSES))
        qualities = np.zeros(_QUALITIES, dtype=np.int64)
        class_of = quality_class(np.arange(_QUALITIES)).astype(np.uint16)
        announced = np.eye(QUALITY_CLASSES)[class_of]
        announced *= base_error(np.arange(_QUALITIES, dtype=np.uint8))[:, None]
        code_of = np.arange(UNCERTAIN + 1, dtype=np.uint16) % _CODES
        origin_of = ORIGIN_OF.astype(np.uint16)
        several = contradicted = 0
        row = 0
        for tile in self._tiles():
            width = tile.code.shape[1]
            rows = slice(row, row := row + width)
            if not tile.code.size:
                continue
            at, origin = np.arange(width), origin_of.take(tile.marks)
            # No observation and contradicted ones fall into the two last codes.
            kind = (code_of * (ORIGINS * QUALITY_CLASSES)).take(tile.code)
            kind += origin * QUALITY_CLASSES + class_of.take(tile.quality)
            kinds = _CODES * ORIGINS * QUALITY_CLASSES
            seen = np.bincount((at * kinds + kind).ravel(), minlength=width * kinds)
            counts[rows] = seen.reshape(width, _CODES, ORIGINS, QUALITY_CLASSES)[:, :BASE_CODES]
            # A sample has few of all qualities.
            present = np.flatnonzero(np.bincount(tile.quality.ravel(), minlength=_QUALITIES))
            place = np.zeros(_QUALITIES, dtype=np.uint16)
            place[present] = np.arange(present.size)
            kinds = ORIGINS * present.size
            kind = at * kinds + (origin * present.size + place.take(tile.quality))
            by_quality = np.bincount(
                kind.ravel(), (tile.code < BASE_CODES).ravel(), width * kinds
            ).reshape(-1, present.size)
            error[rows] = (by_quality @ announced[present]).reshape(error[rows].shape)
            qualities[present] += by_quality.sum(axis=0).astype(np.int64)
            several += tile.several
            contradicted += tile.contradicted
        return Histogram(self.positions, counts, error, qualities, several, contradicted)

    @property
    def disagreement_rate(self) -> float | None:
        """Contradicted share of the observations that were read more than once; None without."""
        seen = self.histogram
        return seen.contradicted / seen.several if seen.several else None

    def column(self, position: int) -> Column:
        """Return what every molecule shows at a 0-based genomic position."""
        tile = self._tile_at(position)

        def scatter(values: NDArray[_Kind], empty: int) -> NDArray[_Kind]:
            full = np.full(self.count, empty, dtype=values.dtype)
            full[tile.molecules] = values[:, position - tile.start]
            return full

        marks = scatter(tile.marks, 0)
        return Column(
            code=scatter(tile.code, UNCERTAIN),
            quality=scatter(tile.quality, 0),
            forward=(marks & FORWARD) > 0,
            reverse=(marks & REVERSE) > 0,
            origin=ORIGIN_OF[marks],
            read_quality=scatter(tile.read_quality, 0),
            end_distance=scatter(tile.end_distance, 0).astype(np.int32),
        )

    def _tile_at(self, position: int) -> Tile:
        """Return a position with some beside it, for who asks for one often asks for those too."""
        for tile in self._recent:
            if 0 <= position - tile.start < tile.code.shape[1]:
                return tile
        there = self._stretches.over(position, position + 1).size
        width = min(_BESIDE, max(1, _CELLS // max(1, there)))
        start = position - position % width
        tile = join_tile(
            self._reads, self._copies, self._stretches, start, start + width, detail=True
        )
        self._recent = [tile, *self._recent[: _RECENT - 1]]
        return tile

    def _tiles(self) -> Iterator[Tile]:
        """Yield the searched positions in stretches that are joined at once."""
        breaks = np.flatnonzero(np.diff(self.positions) != 1) + 1
        for run in np.split(self.positions, breaks):
            there = self._stretches.over(int(run[0]), int(run[-1]) + 1).size
            widest = max(1, _CELLS // max(1, there))
            for first in range(0, run.size, widest):
                part = run[first : first + widest]
                yield join_tile(
                    self._reads,
                    self._copies,
                    self._stretches,
                    int(part[0]),
                    int(part[-1]) + 1,
                    detail=False,
                )


def join_molecules(reads: Reads, grouping: Grouping, positions: NDArray[np.int64]) -> Molecules:
    """Return the molecules of the reads, their copies joined; ``positions`` are searched."""
    return Molecules(reads, grouping, positions)


def _copies(grouping: Grouping) -> Copies:
    molecule = grouping.molecule
    belongs = np.flatnonzero(molecule >= 0)
    size = np.bincount(molecule[belongs], minlength=grouping.count)
    first = np.full(grouping.count, molecule.size)
    np.minimum.at(first, molecule[belongs], belongs)
    layer = np.full(molecule.size, -1, dtype=np.int8)
    is_simple = (size <= 2) & ~grouping.duplex & (grouping.repeats == 0)
    simple = belongs[is_simple[molecule[belongs]]]
    layer[simple] = first[molecule[simple]] != simple
    floor = np.where(grouping.copies >= FAMILY_COPIES, FAMILY_FLOOR, FRAGMENT_FLOOR)
    share = grouping.copies / np.maximum(grouping.copies + grouping.repeats, 1)
    return Copies(molecule, layer, grouping.strand, floor.astype(np.uint8), share)
