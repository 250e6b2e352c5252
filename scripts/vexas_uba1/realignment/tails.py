"""The bases of reads from a well-placed one outwards, compared with the tracks they may follow.

Scores are Phred-scaled log-odds of a base under a track against a random base:
10 log10((1 - e) / 0.25) for the expected base, 10 log10((e / 3) / 0.25) for another, e the base's
error probability. A clipped base, or one that meets an unknown one, scores 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.realignment.tracks import NOWHERE, Track
from vexas_uba1.reference import UNKNOWN

MISMATCHES_ALLOWED = 4
"""One base in so many may differ where an end is carried on without a gap."""
FEWEST_CARRIED = 6
"""An end of fewer bases fits somewhere by chance too often to be carried on (assumed)."""
INDEL_PENALTY = 50
"""Phred that an insertion or deletion costs at most: more than any one mismatch (assumed)."""
PENALTY_ABOVE_QUALITY = 12
"""Phred by which it exceeds the read's mean quality: poor reads err in length too (assumed)."""
LONGEST_GAP = 50
"""Reference bases of an indel; a longer gap of a spliced read is an intron."""
_REACH = 160
"""Bases of a tail that are looked at; beyond them it must lie as before."""
_CHUNK = 8192
_ERROR = np.clip(10 ** (-np.arange(256) / 10), 1e-4, 0.75)
_MATCH = (10 * np.log10((1 - _ERROR) / 0.25)).astype(np.float32)
_MISMATCH = (10 * np.log10(_ERROR / 3 / 0.25)).astype(np.float32)


class Places:
    """Finds where stored bases lie, and which base of a read lies at a position."""

    def __init__(self, reads: Reads, *, own: bool = False) -> None:
        """Index the blocks, which are in the order of stored bases.

        Args:
            reads: All reads.
            own: Whether a read ends for all purposes where bases begin that another part of it
                holds, so that none of them is placed twice.
        """
        self.reads = reads
        self.first_base, self.end_base = reads.first_base[:-1], reads.first_base[1:]
        if own:
            self.first_base = self.first_base + reads.held_left
            self.end_base = self.end_base - reads.held_right
        blocks = reads.blocks
        self._low = int(blocks.position.min(initial=0))
        self._span = int((blocks.position + blocks.length).max(initial=0)) - self._low + 2
        self._begin = blocks.read * self._span + (blocks.position - self._low)
        self._finish = self._begin + blocks.length
        starts = np.searchsorted(blocks.read, np.arange(reads.count + 1))
        self.first_block, self.end_block = starts[:-1], starts[1:]

    def positions(self, base: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return 0-based positions of stored bases, ``NOWHERE`` where they are not aligned."""
        blocks = self.reads.blocks
        if blocks.base.size == 0:
            return np.full(base.shape, NOWHERE, dtype=np.int64)
        index = np.maximum(np.searchsorted(blocks.base, base, side="right") - 1, 0)
        offset = base - blocks.base[index]
        inside = (offset >= 0) & (offset < blocks.length[index])
        found: NDArray[np.int64] = np.where(inside, blocks.position[index] + offset, NOWHERE)
        return found

    def base_before(
        self, read: NDArray[np.int64], position: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return each read's last aligned base before a position, and its place; -1 for none."""
        blocks = self.reads.blocks
        key = read * self._span + np.clip(position - self._low, 0, self._span - 1)
        index = np.searchsorted(self._begin, key) - 1
        valid = index >= self.first_block[read]
        index = np.where(valid, index, 0)
        step = np.minimum(blocks.length[index], position - blocks.position[index]) - 1
        return (
            np.where(valid, blocks.base[index] + step, -1),
            np.where(valid, blocks.position[index] + step, -1),
        )

    def base_from(
        self, read: NDArray[np.int64], position: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return each read's first aligned base from a position on, and its place; -1 for none."""
        blocks = self.reads.blocks
        key = read * self._span + np.clip(position - self._low, -1, self._span - 1)
        index = np.searchsorted(self._finish, key, side="right")
        valid = index < self.end_block[read]
        index = np.where(valid, index, 0)
        step = np.maximum(0, position - blocks.position[index])
        return (
            np.where(valid, blocks.base[index] + step, -1),
            np.where(valid, blocks.position[index] + step, -1),
        )

    @cached_property
    def aligned(self) -> NDArray[np.bool_]:
        """Whether a read has any aligned base (R)."""
        return self.end_block > self.first_block

    @cached_property
    def first_aligned(self) -> NDArray[np.int64]:
        """First aligned base of each read; its first one if there is none (R)."""
        return self._of_block(self.first_block, self.reads.blocks.base, self.reads.first_base[:-1])

    @cached_property
    def last_aligned(self) -> NDArray[np.int64]:
        """Last aligned base of each read; that before its first one if there is none (R)."""
        last = self.reads.blocks.base + self.reads.blocks.length - 1
        return self._of_block(self.end_block - 1, last, self.reads.first_base[:-1] - 1)

    def loose(self, direction: int) -> NDArray[np.int64]:
        """Return how many bases of each read lie beyond its last aligned one: clips (R)."""
        if direction > 0:
            return self.end_base - 1 - self.last_aligned
        return self.first_aligned - self.first_base

    def stopped(self, genome: Track, direction: int) -> NDArray[np.bool_]:
        """Return which reads an aligner clipped at an end, since it did not fit (R).

        It goes on while bases match. A clip whose first base matches the genome was made by a tool
        on purpose, of a primer for example, and is no place to look for bases. Nor is one that ends
        where most clips were made so, though its first base was misread.
        """
        stopped = self.aligned & (self.loose(direction) > 0)
        rows = np.flatnonzero(stopped)
        if rows.size == 0:
            return stopped
        last = (self.last_aligned if direction > 0 else self.first_aligned)[rows]
        position = self.positions(last)
        expected = genome.codes_at(position + direction)
        fits = (self.reads.code[last + direction] == expected) & (expected < UNKNOWN)
        place = position - position.min()
        purposely = 2 * np.bincount(place, weights=fits) > np.bincount(place)
        stopped[rows] = ~fits & ~purposely[place]
        return stopped

    def _of_block(
        self, block: NDArray[np.int64], values: NDArray[np.int64], without: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        if values.size == 0:
            return without
        found: NDArray[np.int64] = np.where(
            self.aligned, values[np.clip(block, 0, values.size - 1)], without
        )
        return found


@dataclass(frozen=True)
class Tails:
    """Bases of K reads outwards from an anchor, nearest first; n columns.

    Attributes:
        read: Index of the read (K).
        direction: 1 towards higher positions, -1 towards lower ones.
        anchor: 0-based position of the anchor base (K).
        base: Index of the stored base (K, n).
        inside: Whether the read has such a base (K, n).
        complete: Whether all bases up to the read's end are here (K).
        code: Base codes (K, n).
        quality: Phred (K, n).
        now: Where the base is aligned now, or ``NOWHERE`` (K, n).
    """

    read: NDArray[np.int64]
    direction: int
    anchor: NDArray[np.int64]
    base: NDArray[np.int64]
    inside: NDArray[np.bool_]
    complete: NDArray[np.bool_]
    code: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    now: NDArray[np.int64]

    def along(self, track: Track) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return positions and base codes (K, n) of a track followed from the anchor on.

        Beyond the track's ends, and for an anchor that is not on it, codes are unknown.
        """
        first = track.columns_of(self.anchor)
        column = first[:, None] + self.direction * np.arange(1, self.base.shape[1] + 1)
        valid = (first[:, None] >= 0) & (column >= 0) & (column < track.position.size)
        column = np.where(valid, column, 0)
        return (
            np.where(valid, track.position[column], NOWHERE),
            np.where(valid, track.code[column], UNKNOWN).astype(np.uint8),
        )

    def known(self, expected: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which bases are known and meet a known one (K, n)."""
        return self.inside & (self.code < UNKNOWN) & (expected < UNKNOWN)

    def scores(self, expected: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return each base's score against what is expected there (K, n)."""
        agree = np.where(self.code == expected, _MATCH[self.quality], _MISMATCH[self.quality])
        scored: NDArray[np.float32] = np.where(self.known(expected), agree, np.float32(0))
        return scored

    @cached_property
    def penalty(self) -> NDArray[np.float32]:
        """Phred that an insertion or deletion costs (K)."""
        total = np.where(self.inside, self.quality, 0).sum(axis=1, dtype=np.float32)
        mean = total / np.maximum(self.inside.sum(axis=1), 1)
        cost: NDArray[np.float32] = np.minimum(INDEL_PENALTY, mean + PENALTY_ABOVE_QUALITY).astype(
            np.float32
        )
        return cost

    @cached_property
    def clipped(self) -> NDArray[np.bool_]:
        """Which bases lie beyond the last aligned one (K, n)."""
        aligned = self.now >= 0
        later = np.logical_or.accumulate(aligned[:, ::-1], axis=1)[:, ::-1]
        return self.inside & ~later & self.complete[:, None]

    @cached_property
    def end(self) -> NDArray[np.int64]:
        """0-based position of the last aligned base (K)."""
        columns = np.arange(self.now.shape[1])
        last = np.where(self.now >= 0, columns, -1).max(axis=1, initial=-1)
        place: NDArray[np.int64] = np.where(
            last >= 0, self.now[np.arange(last.size), last], self.anchor
        )
        return place

    @cached_property
    def opened(self) -> NDArray[np.int8]:
        """How many insertions and deletions end at each base; long gaps are introns (K, n)."""
        width = self.now.shape[1]
        columns = np.arange(width)
        last = np.maximum.accumulate(np.where(self.now >= 0, columns, -1), axis=1)
        before = np.concatenate([np.full((self.read.size, 1), -1), last[:, :-1]], axis=1)
        rows = np.arange(self.read.size)[:, None]
        place = np.where(before >= 0, self.now[rows, before], self.anchor[:, None])
        step = self.direction * (self.now - place) - 1
        gaps = ((step > 0) & (step <= LONGEST_GAP)).astype(np.int8) + (columns - before > 1)
        return np.where(self.now >= 0, gaps, 0).astype(np.int8)


def tails_of(
    places: Places, read: NDArray[np.int64], anchor_base: NDArray[np.int64], direction: int
) -> Iterator[Tails]:
    """Yield the tails of reads, some thousand reads at a time.

    Args:
        places: Of the reads.
        read: Indices of the reads (K).
        anchor_base: An aligned stored base of each (K).
        direction: Which way the tail goes.
    """
    reads = places.reads
    for at in range(0, read.size, _CHUNK):
        some, anchor = read[at : at + _CHUNK], anchor_base[at : at + _CHUNK]
        last = places.end_base[some] - 1
        length = last - anchor if direction > 0 else anchor - places.first_base[some]
        steps = np.arange(1, int(min(length.max(initial=0), _REACH)) + 1)
        inside = steps <= length[:, None]
        base = np.where(inside, anchor[:, None] + direction * steps, anchor[:, None])
        yield Tails(
            read=some,
            direction=direction,
            anchor=places.positions(anchor),
            base=base,
            inside=inside,
            complete=length <= _REACH,
            code=np.where(inside, reads.code[base], UNKNOWN).astype(np.uint8),
            quality=reads.quality[base],
            now=np.where(inside, places.positions(base), NOWHERE),
        )
