"""A stretch of the reference at a time: what each molecule shows there, its copies joined.

Most molecules are a read or a pair of mates. Their joining is a rule for two copies, done in place
on bytes. Families of more copies are voted on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import DELETED, Reads
from vexas_uba1.reference import UNKNOWN

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
QUARTERS = 4
"""A read's cycles are told apart by quarters of the read."""
ORIGINS = 2 * QUARTERS + 1
"""Kinds of observation: forward by quarter, reverse by quarter, and read on both strands."""
BOTH_STRANDS = ORIGINS - 1
UNCERTAIN = 255
"""Code of a molecule that does not show a position: not covered, or N."""
DISCORDANT = 254
"""Code of a molecule whose copies contradict each other at a position."""
FORWARD, REVERSE = 1, 2
_STRANDS, _QUARTER = 3, 2
_QUARTER_BITS = (QUARTERS - 1) << _QUARTER
_N_CODES = 6
ORIGIN_OF = np.array(
    [
        0 if not marks & _STRANDS
        else BOTH_STRANDS if marks & _STRANDS == _STRANDS
        else (marks >> _QUARTER) + (QUARTERS if marks & _STRANDS == REVERSE else 0)
        for marks in range(QUARTERS << _QUARTER)
    ],
    dtype=np.uint8,
)  # fmt: skip
"""Kind of observation, 0 to 8, by a tile's ``marks``."""


@dataclass(frozen=True)
class Copies:
    """What is known of the molecules before their bases are looked at; R reads, M molecules.

    Attributes:
        molecule: Of each read; -1 for a read that is left out (R).
        layer: 0 for the first read of a molecule, 1 for the second of a molecule of no more than
            two, -1 for reads of families (R).
        strand: Which strand of the molecule each read is a copy of, 0 or 1 (R).
        floor: Phred that agreeing copies of one strand are trusted to at most (M).
        share: Share of its copies that are not the same as another, byte for byte (M).
    """

    molecule: NDArray[np.int64]
    layer: NDArray[np.int8]
    strand: NDArray[np.uint8]
    floor: NDArray[np.uint8]
    share: NDArray[np.float64]


@dataclass(frozen=True)
class CycleMarks:
    """The marks of a tile by base of a read, laid out once for reads of one length and strand.

    Attributes:
        of: Marks; of base b of the stored ones, read r's, ``of[b + shift[r]]``.
        shift: By read (R).
    """

    of: NDArray[np.uint8]
    shift: NDArray[np.int64]

    @classmethod
    def from_reads(cls, reads: Reads) -> CycleMarks:
        """Lay them out for all reads."""
        kind, of_read = np.unique(
            np.diff(reads.first_base) * 2 + reads.reverse, return_inverse=True
        )
        size, reverse = kind // 2, kind % 2 > 0
        first = np.cumsum(size) - size
        base = np.arange(size.sum()) - np.repeat(first, size)
        size, reverse = np.repeat(size, size), np.repeat(reverse, size)
        # A reverse read's first cycle is its last base here.
        cycle = np.where(reverse, size - 1 - base, base)
        quarter = cycle * QUARTERS // np.maximum(size, 1)
        marks = np.where(reverse, REVERSE, FORWARD) | quarter << _QUARTER
        return cls(marks.astype(np.uint8), first[of_read] - reads.first_base[:-1])


@dataclass(frozen=True)
class Stretches:
    """Aligned and deleted stretches of reads by position; B of them.

    Attributes:
        read: Index of the read (B).
        base: Index of the first base; of a deletion, of the base behind the gap (B).
        position: 0-based first reference position, ascending (B).
        length: Bases (B).
        deleted: Whether these are deleted bases (B).
        longest: The largest length.
        marks: Of the reads' bases.
        has_families: Whether any read is a copy of a family.
    """

    read: NDArray[np.int64]
    base: NDArray[np.int64]
    position: NDArray[np.int64]
    length: NDArray[np.int64]
    deleted: NDArray[np.bool_]
    longest: int
    marks: CycleMarks
    has_families: bool

    def over(self, start: int, end: int) -> NDArray[np.int64]:
        """Return which of them overlap ``[start, end)``."""
        first = int(np.searchsorted(self.position, start - self.longest, "right"))
        last = int(np.searchsorted(self.position, end, "left"))
        near = np.arange(first, last)
        return near[self.position[near] + self.length[near] > start]


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
class _Bases:
    """Bases of reads within a tile, by cell of the tile; b bases.

    ``marks`` are those of a tile; the last three may be empty where nobody asks for them.
    """

    cell: NDArray[np.int64]
    code: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    marks: NDArray[np.uint8]
    read_quality: NDArray[np.uint8]
    end_distance: NDArray[np.uint16]
    read: NDArray[np.int64]

    def only(self, chosen: NDArray[np.bool_]) -> _Bases:
        columns = (getattr(self, each.name) for each in fields(self))
        return _Bases(*(column[chosen] if column.size else column for column in columns))


def stretches_of(reads: Reads, copies: Copies) -> Stretches:
    """Return the aligned and deleted stretches of all reads that belong to a molecule."""
    molecule = copies.molecule
    blocks, gaps = reads.blocks, reads.deletions
    read = np.concatenate((blocks.read, gaps.read))
    position = np.concatenate((blocks.position, gaps.start))
    length = np.concatenate((blocks.length, gaps.end - gaps.start))
    base = np.concatenate((blocks.base, gaps.base))
    deleted = np.repeat([False, True], [blocks.read.size, gaps.read.size])
    kept = np.flatnonzero(molecule[read] >= 0) if read.size else read
    order = kept[np.argsort(position[kept], kind="stable")]
    return Stretches(
        read[order],
        base[order],
        position[order],
        length[order],
        deleted[order],
        int(length.max(initial=0)),
        CycleMarks.from_reads(reads),
        bool((copies.layer < 0)[molecule >= 0].any()),
    )


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
    row_of = (np.cumsum(there) - 1)[copies.molecule]
    canvas = _Canvas(molecules.size, end - start, detail=detail)
    layer = copies.layer[stretches.read[chosen]]
    first, second, family = (
        _bases(reads, stretches, chosen[layer == number], row_of, start, end, detail)
        for number in (0, 1, -1)
    )
    canvas.put(first)
    canvas.add(second, np.uint8(FRAGMENT_FLOOR))
    if family.cell.size:
        floor = np.repeat(copies.floor[molecules], end - start)
        share = np.repeat(copies.share[molecules], end - start)
        canvas.add_families(family, copies.strand[family.read], floor, share)
    return canvas.tile(start, molecules)


class _Canvas:
    """The cells of a tile while copies are put on them; flat, molecule by molecule."""

    def __init__(self, molecules: int, width: int, *, detail: bool) -> None:
        cells = molecules * width
        self.width, self.detail = width, detail
        self.code = np.full(cells, UNCERTAIN, dtype=np.uint8)
        self.quality = np.zeros(cells, dtype=np.uint8)
        self.marks = np.zeros(cells, dtype=np.uint8)
        more = cells if detail else 0
        self.read_quality = np.zeros(more, dtype=np.uint8)
        self.end_distance = np.zeros(more, dtype=np.uint16)
        self.several = self.contradicted = 0

    def put(self, bases: _Bases) -> None:
        """Put one copy of each cell, at most, where nothing is yet."""
        self.code[bases.cell] = bases.code
        self.quality[bases.cell] = bases.quality
        self.marks[bases.cell] = bases.marks
        if self.detail:
            self.read_quality[bases.cell] = bases.read_quality
            self.end_distance[bases.cell] = bases.end_distance

    def add(self, bases: _Bases, floor: NDArray[np.uint8] | np.uint8) -> None:
        """Put one copy of each cell on top of what is there.

        Args:
            bases: At most one a cell.
            floor: Phred that agreement reaches at most (b, or one for all).
        """
        cell = bases.cell
        there, held = self.code[cell], self.quality[cell]
        is_new = there == UNCERTAIN
        agrees = there == bases.code
        clashes = ~(is_new | agrees)
        both = np.where(agrees, held + bases.quality, bases.quality)
        self.code[cell] = np.where(clashes, DISCORDANT, bases.code)
        self.quality[cell] = np.where(clashes, 0, np.minimum(both, floor))
        self.several += cell.size - int(is_new.sum())
        self.contradicted += int(clashes.sum())
        marks = self.marks[cell]
        self.marks[cell] = np.where(is_new, bases.marks, _joined_marks(marks, bases.marks))
        if self.detail:
            self.read_quality[cell] = np.maximum(self.read_quality[cell], bases.read_quality)
            self.end_distance[cell] = np.maximum(self.end_distance[cell], bases.end_distance)

    def add_families(
        self,
        bases: _Bases,
        strand: NDArray[np.uint8],
        floor: NDArray[np.uint8],
        share: NDArray[np.float64],
    ) -> None:
        """Put the consensus of each family on its cells, one strand of the molecule at a time.

        Args:
            bases: Any number a cell.
            strand: Which strand of the molecule each is a copy of (b).
            floor: Phred that agreement within a strand reaches at most, by cell.
            share: Share of the molecule's copies that say anything new, by cell.
        """
        before = self.several, self.contradicted
        for number in (0, 1):
            part = bases.only(strand == number)
            if part.cell.size:
                self.add(_consensus(part, floor, share, detail=self.detail), np.uint8(DUPLEX_FLOOR))
        depth = np.bincount(bases.cell, minlength=self.code.size)
        self.several = before[0] + int((depth > 1).sum())
        clashes = (depth > 0) & (self.code == DISCORDANT)
        self.contradicted = before[1] + int(clashes.sum())

    def tile(self, start: int, molecules: NDArray[np.int64]) -> Tile:
        """Return what has been put together."""
        shape = (molecules.size, self.width)
        more = shape if self.detail else (0, self.width)
        return Tile(
            start,
            molecules,
            self.code.reshape(shape),
            self.quality.reshape(shape),
            self.marks.reshape(shape),
            self.read_quality.reshape(more),
            self.end_distance.reshape(more),
            self.several,
            self.contradicted,
        )


def _consensus(
    bases: _Bases, floor: NDArray[np.uint8], share: NDArray[np.float64], *, detail: bool
) -> _Bases:
    """Return one base a cell, ``DISCORDANT`` where the copies contradict each other.

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
    marks = np.full(cells.size, _QUARTER_BITS, dtype=np.uint8)
    np.minimum.at(marks, voters, voted & _QUARTER_BITS)
    for strand in (FORWARD, REVERSE):
        marks[voters[(voted & strand) > 0]] |= strand
    more = cells.size if detail else 0
    read_quality = np.zeros(more, dtype=np.uint8)
    end_distance = np.zeros(more, dtype=np.uint16)
    if detail:
        np.maximum.at(read_quality, voters, bases.read_quality[kept])
        np.maximum.at(end_distance, voters, bases.end_distance[kept])
    return _Bases(cells, code, quality, marks, read_quality, end_distance, cells[:0])


def _joined_marks(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    quarter = np.minimum(one & _QUARTER_BITS, other & _QUARTER_BITS)
    marks: NDArray[np.uint8] = (one | other) & _STRANDS | quarter
    return marks


def _bases(
    reads: Reads,
    stretches: Stretches,
    chosen: NDArray[np.int64],
    row_of: NDArray[np.int64],
    start: int,
    end: int,
    detail: bool,
) -> _Bases:
    """Return the known bases of some stretches within ``[start, end)``.

    Args:
        reads: All reads.
        stretches: Their stretches.
        chosen: Which of these.
        row_of: Row of each read's molecule in the tile (R).
        start: 0-based.
        end: Exclusive.
        detail: Whether single qualities and distances are wanted.
    """
    position, read = stretches.position[chosen], stretches.read[chosen]
    low = np.maximum(position, start)
    length = np.minimum(position + stretches.length[chosen], end) - low
    gap = stretches.deleted[chosen]
    # The bases of a gap share one place in the read.
    first = stretches.base[chosen] + np.where(gap, 0, low - position)
    before = np.cumsum(length) - length
    step = np.arange(length.sum())
    cell = np.repeat(row_of[read] * (end - start) + low - start - before, length) + step
    base = np.repeat(first - before, length) + step
    has_gaps = bool(gap.any())
    is_gap = np.repeat(gap, length) if has_gaps else np.zeros(0, dtype=np.bool_)
    if has_gaps:
        base[is_gap] = np.repeat(first[gap], length[gap])
    code = reads.code[base]
    quality = np.minimum(reads.quality[base], FRAGMENT_FLOOR)
    if has_gaps:
        code[is_gap] = DELETED
        # A gap is as good as the worse of the bases beside it.
        quality[is_gap] = np.minimum(quality, reads.quality[base - 1])[is_gap]
    of_read = np.repeat(read, length) if detail or stretches.has_families else read[:0]
    read_quality, end_distance = quality[:0], np.zeros(0, dtype=np.uint16)
    if detail:
        read_quality = quality
        own = base - reads.first_base[of_read]
        to_end = np.minimum(own, np.diff(reads.first_base)[of_read] - 1 - own)
        # A deleted base lies inside the read by definition: never an end.
        farthest = np.iinfo(np.uint16).max
        to_end = np.where(is_gap, farthest, to_end) if has_gaps else to_end
        end_distance = np.minimum(to_end, farthest).astype(np.uint16)
    marks = stretches.marks.of[base + np.repeat(stretches.marks.shift[read], length)]
    found = _Bases(cell, code, quality, marks, read_quality, end_distance, of_read)
    unknown = code == UNKNOWN
    return found.only(~unknown) if unknown.any() else found
