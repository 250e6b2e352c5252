"""A stretch of the reference at a time: what each molecule shows there, its copies joined.

Most molecules are a read or a pair of mates. Their joining is a rule for two copies, done in place
on bytes. Families of more copies are voted on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.fragments.marks import FORWARD, QUARTER_BITS, REVERSE, STRANDS
from vexas_uba1.fragments.stretches import UNCERTAIN, Copies, Rows, Stretches, rows_of

FRAGMENT_FLOOR = 45
"""Phred of one fragment at most, read once or by both mates: damage and the polymerase's errors of
the library precede reading (assumed)."""
FAMILY_FLOOR = 50
"""The same for a family of three copies or more: an error must have come before them all
(assumed)."""
DUPLEX_FLOOR = 60
"""The same where both strands of the molecule show a base: damage of one strand is not on the other
(assumed)."""
FAMILY_COPIES = 3
CONSENSUS_MARGIN = 20
"""Phred by which the best base of a family must lead the sum of all others to be its consensus
(assumed)."""
DISCORDANT = 254
"""Code of a molecule whose copies contradict each other at a position."""
_N_CODES = 6


@dataclass(frozen=True)
class Tile:
    """What molecules show over ``[start, start + P)``; m molecules of which any read lies there.

    Attributes:
        start: 0-based.
        molecules: Their indices, ascending (m).
        code: 0 to 3 for A, C, G, T; 5 deleted; ``UNCERTAIN``; ``DISCORDANT`` (m, P).
        quality: Phred, 0 where there is no observation (m, P).
        marks: Bits ``FORWARD`` and ``REVERSE``: where the observation was read; above them the
            quarter of the read, counted from its first cycle, the earliest of the copies (m, P).
        read_quality: Best single base quality of the observation (m, P).
        end_distance: Bases to the nearer read end, of the copy deepest inside its read (m, P).
        several: Cells that were read more than once.
        contradicted: Those of them whose copies contradict each other.
    """

    start: int
    molecules: NDArray[np.int64]
    code: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    marks: NDArray[np.uint8]
    read_quality: NDArray[np.uint8]
    end_distance: NDArray[np.uint16]
    several: int
    contradicted: int


@dataclass(frozen=True)
class _Families:
    """Bases of the copies of families within a tile, by cell of the tile; b bases.

    ``marks`` are those of a tile; the last may be empty where nobody asks for it.
    """

    cell: NDArray[np.int64]
    strand: NDArray[np.uint8]
    code: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    marks: NDArray[np.uint8]
    end_distance: NDArray[np.uint16]

    @classmethod
    def from_rows(cls, row: NDArray[np.int64], rows: Rows, strand: NDArray[np.uint8]) -> _Families:
        """Take the rows' bases.

        Args:
            row: Of each in the tile (s).
            rows: What they tell (s, P).
            strand: Which strand of its molecule each is a copy of (s).
        """
        told = rows.code != UNCERTAIN
        width = told.shape[1]
        return cls(
            (row[:, None] * width + np.arange(width))[told],
            np.repeat(strand, told.sum(axis=1)),
            rows.code[told],
            rows.quality[told],
            rows.marks[told],
            rows.end_distance[told] if len(rows.end_distance) else rows.end_distance.ravel(),
        )

    def only(self, chosen: NDArray[np.bool_]) -> _Families:
        """Return some of the bases."""
        columns = (getattr(self, each.name) for each in fields(self))
        return _Families(*(column[chosen] if column.size else column for column in columns))


def join_tile(
    reads: Reads,
    copies: Copies,
    stretches: Stretches,
    start: int,
    end: int,
    *,
    detail: bool,
    only: NDArray[np.bool_] | None = None,
) -> Tile:
    """Join the copies of each molecule over the positions ``[start, end)``.

    Two copies must agree. Of more, the base with the largest sum of qualities is the consensus if
    it has the majority and leads the sum of all others by ``CONSENSUS_MARGIN``. Of a duplex
    molecule each strand is joined by itself, and then the two must agree.

    Args:
        reads: All reads.
        copies: Their molecules.
        stretches: Of :func:`stretches_of`.
        start: 0-based.
        end: Exclusive.
        detail: Whether single qualities and distances are wanted; else they are empty.
        only: Which molecules are wanted (M); all without.
    """
    chosen = stretches.over(start, end)
    if only is not None:
        chosen = chosen[only[copies.molecule[stretches.read[chosen]]]]
    molecule = copies.molecule[stretches.read[chosen]]
    there = np.zeros(copies.floor.size, dtype=np.bool_)
    there[molecule] = True
    molecules = np.flatnonzero(there)
    row = (np.cumsum(there) - 1)[molecule]
    layer = copies.layer[stretches.read[chosen]]
    shape = molecules.size, end - start
    canvas = _Canvas(shape, detail=detail)

    def lay_out(some: NDArray[np.int64]) -> Rows:
        return rows_of(reads, stretches, some, start, end, most=FRAGMENT_FLOOR, detail=detail)

    for number in (0, 1):
        mine = np.flatnonzero(layer == number)
        rows = lay_out(chosen[mine])
        if number == 0:
            canvas.put(row[mine], rows)
        elif mine.size:
            second = _Canvas(shape, detail=detail)
            second.put(row[mine], rows)
            canvas.add(second, FRAGMENT_FLOOR)
    mine = np.flatnonzero(layer < 0)
    if mine.size:
        rows = lay_out(chosen[mine])
        bases = _Families.from_rows(row[mine], rows, copies.strand[rows.read])
        floor = np.repeat(copies.floor[molecules], end - start)
        share = np.repeat(copies.share[molecules], end - start)
        canvas.add_families(bases, floor, share)
    return canvas.tile(start, molecules)


class _Canvas:
    """The cells of a tile while copies are put on them; m molecules, P positions."""

    def __init__(self, shape: tuple[int, int], *, detail: bool) -> None:
        self.shape, self.detail = shape, detail
        self.code = np.full(shape, UNCERTAIN, dtype=np.uint8)
        self.quality = np.zeros(shape, dtype=np.uint8)
        self.marks = np.zeros(shape, dtype=np.uint8)
        more = shape if detail else (0, shape[1])
        self.read_quality = np.zeros(more, dtype=np.uint8)
        self.end_distance = np.zeros(more, dtype=np.uint16)
        self.several = self.contradicted = 0

    def put(self, row: NDArray[np.int64], rows: Rows) -> None:
        """Put stretches on the empty canvas: of each molecule one read, in pieces or whole.

        Args:
            row: Of each stretch (s).
            rows: What they tell (s, P).
        """
        if _is_once(row, self.shape[0]):
            self.code[row], self.quality[row], self.marks[row] = rows.code, rows.quality, rows.marks
            if self.detail:
                self.read_quality[row], self.end_distance[row] = rows.quality, rows.end_distance
            return
        for piece in _by_turns(row):
            at, part = row[piece], rows.only(piece)
            # No two pieces tell one position: where one does, the other's bits change nothing.
            self.code[at] &= part.code
            self.quality[at] |= part.quality
            self.marks[at] |= part.marks
            if self.detail:
                self.read_quality[at] |= part.quality
                self.end_distance[at] |= part.end_distance

    def add(self, other: _Canvas, floor: int) -> None:
        """Put one copy of each cell, at most, on top of what is there.

        Args:
            other: The copies.
            floor: Phred that agreement reaches at most.
        """
        told = other.code != UNCERTAIN
        several = told & (self.code != UNCERTAIN)
        clashes = several & (self.code != other.code)
        # The code of a cell that tells nothing has all bits.
        self.code &= other.code
        self.code[clashes] = DISCORDANT
        self.quality += other.quality
        np.minimum(self.quality, floor, out=self.quality)
        self.quality[clashes] = 0
        self.several += int(np.count_nonzero(several))
        self.contradicted += int(np.count_nonzero(clashes))
        # A cell that one of them alone tells has that one's marks, for the other's are zero.
        joined = _joined_marks(self.marks, other.marks)
        self.marks = np.where(several, joined, self.marks | other.marks)
        if self.detail:
            np.maximum(self.read_quality, other.read_quality, out=self.read_quality)
            np.maximum(self.end_distance, other.end_distance, out=self.end_distance)

    def add_families(
        self, bases: _Families, floor: NDArray[np.uint8], share: NDArray[np.float64]
    ) -> None:
        """Put the consensus of each family on its cells, one strand of the molecule at a time.

        Args:
            bases: Any number a cell.
            floor: Phred that agreement within a strand reaches at most, by cell.
            share: Share of the molecule's copies that say anything new, by cell.
        """
        before = self.several, self.contradicted
        for number in (0, 1):
            part = bases.only(bases.strand == number)
            if part.cell.size:
                strand = _Canvas(self.shape, detail=self.detail)
                strand.vote(part, floor, share)
                self.add(strand, DUPLEX_FLOOR)
        depth = np.bincount(bases.cell, minlength=self.code.size).reshape(self.shape)
        self.several = before[0] + int(np.count_nonzero(depth > 1))
        clashes = (depth > 0) & (self.code == DISCORDANT)
        self.contradicted = before[1] + int(np.count_nonzero(clashes))

    def vote(self, bases: _Families, floor: NDArray[np.uint8], share: NDArray[np.float64]) -> None:
        """Put one base a cell on the empty canvas, ``DISCORDANT`` where the copies contradict.

        All copies vote, but those that repeat another one byte for byte add no quality.
        """
        covered = np.zeros(floor.size, dtype=np.bool_)
        covered[bases.cell] = True
        cells = np.flatnonzero(covered)
        group = (np.cumsum(covered) - 1)[bases.cell]
        at = group * _N_CODES + bases.code
        shape = (cells.size, _N_CODES)
        sums = np.bincount(at, bases.quality, cells.size * _N_CODES).reshape(shape)
        votes = np.bincount(at, minlength=cells.size * _N_CODES).reshape(shape)
        # Quality 0 still is a vote: rank by quality, then by votes.
        winner = np.argmax(sums * 1e6 + votes, axis=1)
        rows = np.arange(cells.size)
        lead = np.rint((2 * sums[rows, winner] - sums.sum(axis=1)) * share[cells])
        cast, most = votes.sum(axis=1), votes[rows, winner]
        majority = (cast > 2) & (2 * most > cast) & (lead >= CONSENSUS_MARGIN)
        agreed = (most == cast) | majority
        # Where few copies of a large family lie they say no more than few copies.
        trusted = np.where(most >= FAMILY_COPIES, floor[cells], FRAGMENT_FLOOR)
        code = np.where(agreed, winner, DISCORDANT).astype(np.uint8)
        quality = np.where(agreed, np.minimum(lead, trusted), 0).astype(np.uint8)
        # A copy outvoted within its family gives no support to a strand.
        kept = bases.code == code[group]
        voters, voted = group[kept], bases.marks[kept]
        marks = np.full(cells.size, QUARTER_BITS, dtype=np.uint8)
        np.minimum.at(marks, voters, voted & QUARTER_BITS)
        for strand in (FORWARD, REVERSE):
            marks[voters[(voted & strand) > 0]] |= strand
        for column, told in ((self.code, code), (self.quality, quality), (self.marks, marks)):
            column.flat[cells] = told
        if self.detail:
            best = np.zeros(cells.size, dtype=np.uint8)
            deepest = np.zeros(cells.size, dtype=np.uint16)
            np.maximum.at(best, voters, bases.quality[kept])
            np.maximum.at(deepest, voters, bases.end_distance[kept])
            self.read_quality.flat[cells], self.end_distance.flat[cells] = best, deepest

    def tile(self, start: int, molecules: NDArray[np.int64]) -> Tile:
        """Return what has been put together."""
        return Tile(
            start,
            molecules,
            self.code,
            self.quality,
            self.marks,
            self.read_quality,
            self.end_distance,
            self.several,
            self.contradicted,
        )


def _is_once(row: NDArray[np.int64], rows: int) -> bool:
    there = np.zeros(rows, dtype=np.bool_)
    there[row] = True
    return int(np.count_nonzero(there)) == row.size


def _by_turns(row: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield which of some stretches come first, second, ... on their row; each of the rows once."""
    left = np.arange(row.size)
    while left.size:
        first = np.unique(row[left], return_index=True)[1]
        yield left[first]
        left = np.delete(left, first)


def _joined_marks(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    quarter = np.minimum(one & QUARTER_BITS, other & QUARTER_BITS)
    marks: NDArray[np.uint8] = (one | other) & STRANDS | quarter
    return marks
