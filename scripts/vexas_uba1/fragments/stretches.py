"""Where reads lie on the reference, and what they tell over a tile of it, row by row.

A row of a tile is copied whole from the read's stored bases: what is no base of the read there is
struck out behind. That costs a fraction of looking bases up one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import DELETED, Reads
from vexas_uba1.fragments.marks import CycleMarks
from vexas_uba1.reference import UNKNOWN

UNCERTAIN = 255
"""Code where a position is not told a position: not covered, or N."""
DISCORDANT = 254
"""Code of a molecule whose copies contradict each other at a position."""


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
class Rows:
    """What some stretches tell over a tile; s stretches, P positions.

    Attributes:
        read: Index of each one's read (s).
        code: 0 to 3 for A, C, G, T; 5 deleted; ``UNCERTAIN`` (s, P).
        quality: Phred, 0 where nothing is told (s, P).
        marks: Of a tile, likewise (s, P).
        end_distance: Bases to the nearer end of the read, likewise; (0, P) if nobody asks for it.
    """

    read: NDArray[np.int64]
    code: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    marks: NDArray[np.uint8]
    end_distance: NDArray[np.uint16]

    def only(self, chosen: NDArray[np.int64]) -> Rows:
        """Return some of the stretches."""
        columns = (getattr(self, each.name) for each in fields(self))
        return Rows(*(column[chosen] if len(column) else column for column in columns))


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


def rows_of(
    reads: Reads,
    stretches: Stretches,
    chosen: NDArray[np.int64],
    start: int,
    end: int,
    *,
    most: int,
    detail: bool,
) -> Rows:
    """Lay out some stretches over the positions ``[start, end)``.

    Args:
        reads: All reads.
        stretches: Their stretches.
        chosen: Which of these.
        start: 0-based.
        end: Exclusive.
        most: Phred that a base of one read is trusted to at most.
        detail: Whether distances are wanted.
    """
    width = end - start
    position, read, base = (
        column[chosen] for column in (stretches.position, stretches.read, stretches.base)
    )
    first = base - (position - start)
    code = _windows(reads.code, first, width)
    quality = np.minimum(_windows(reads.quality, first, width), np.uint8(most))
    shift = stretches.marks.shift[read]
    marks = _windows(stretches.marks.of, first + shift, width)
    gap = np.flatnonzero(stretches.deleted[chosen])
    if gap.size:
        # The bases of a gap share one place in the read, and are as good as the worse one beside.
        code[gap] = DELETED
        beside = np.minimum(reads.quality[base[gap]], reads.quality[base[gap] - 1])
        quality[gap] = np.minimum(beside, np.uint8(most))[:, None]
        marks[gap] = stretches.marks.of[base[gap] + shift[gap]][:, None]
    at = np.arange(width, dtype=np.int32)
    low = (position - start).astype(np.int32)
    high = low + stretches.length[chosen].astype(np.int32)
    there = (at >= low[:, None]) & (at < high[:, None])
    there &= code != UNKNOWN
    code[~there] = UNCERTAIN
    quality *= there
    marks *= there
    end_distance = np.zeros((0, width), dtype=np.uint16)
    if detail:
        own = (first - reads.first_base[read])[:, None] + np.arange(width)
        to_end = np.minimum(own, np.diff(reads.first_base)[read][:, None] - 1 - own)
        # A deleted base lies inside the read by definition: never an end.
        farthest = np.iinfo(np.uint16).max
        to_end[gap] = farthest
        end_distance = np.where(there, np.minimum(to_end, farthest), 0).astype(np.uint16)
    return Rows(read, code, quality, marks, end_distance)


def _windows(values: NDArray[np.uint8], first: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """Return ``width`` values from each of some indices (s, width); any beyond the ends."""
    # What ``sliding_window_view`` gives, without its checks: they cost more than the copying.
    starts = max(0, values.size - width + 1)
    windows: NDArray[np.uint8] = np.ndarray((starts, width), np.uint8, values, strides=(1, 1))
    inside = (first >= 0) & (first < starts)
    if inside.all():
        return windows[first]
    found = np.zeros((first.size, width), dtype=np.uint8)
    found[inside] = windows[first[inside]]
    index = first[~inside][:, None] + np.arange(width)
    found[~inside] = values.take(index, mode="clip")
    return found
