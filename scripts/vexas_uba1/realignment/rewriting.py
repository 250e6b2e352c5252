"""Alignments of some reads replaced by others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Blocks, Deletions, Insertions, Reads
from vexas_uba1.locus.record import Interval
from vexas_uba1.realignment.tails import Tails

_POSITION_BITS = 34  # more than the longest contig has bases


@dataclass(frozen=True)
class Moves:
    """New places of stretches of stored bases; K reads, B blocks.

    Attributes:
        read: Index of each read (K).
        first: First stored base that is placed anew (K).
        length: How many are (K).
        parts: Blocks of each read (K).
        base: First stored base of each block, ascending, read by read; what lies in no block is
            not aligned (B).
        position: 0-based position of that base (B).
        size: Bases of the block (B).
    """

    read: NDArray[np.int64]
    first: NDArray[np.int64]
    length: NDArray[np.int64]
    parts: NDArray[np.int64]
    base: NDArray[np.int64]
    position: NDArray[np.int64]
    size: NDArray[np.int64]

    @classmethod
    def of_bases(
        cls,
        read: NDArray[np.int64],
        base: NDArray[np.int64],
        taken: NDArray[np.bool_],
        to: NDArray[np.int64],
    ) -> Moves:
        """Place neighbouring bases of some reads.

        Args:
            read: Their indices (K).
            base: Stored bases, ascending by 1 (K, n).
            taken: Which of them are placed anew: some neighbours in each row (K, n).
            to: Their positions, or ``NOWHERE`` (K, n).
        """
        aligned = taken & (to >= 0)
        row, column = np.nonzero(aligned)
        at, position = base[row, column], to[row, column]
        starts = np.ones(row.size, dtype=np.bool_)
        starts[1:] = (np.diff(row) != 0) | (np.diff(column) != 1) | (np.diff(position) != 1)
        first = np.flatnonzero(starts)
        return cls(
            read=read,
            first=base[np.arange(read.size), taken.argmax(axis=1)],
            length=taken.sum(axis=1),
            parts=np.bincount(row[first], minlength=read.size),
            base=at[first],
            position=position[first],
            size=np.diff(first, append=row.size),
        )

    @classmethod
    def of_tails(
        cls, tails: Tails, rows: NDArray[np.int64], upto: NDArray[np.int64], to: NDArray[np.int64]
    ) -> Moves:
        """Place the first ``upto`` bases (k) of some tails (k of K) at ``to`` (k, n)."""
        if rows.size == 0:
            return cls.joined([])
        taken = np.arange(tails.base.shape[1]) < upto[:, None]
        ascending = slice(None, None, tails.direction)
        base = tails.base[rows][:, ascending]
        return cls.of_bases(tails.read[rows], base, taken[:, ascending], to[:, ascending])

    @classmethod
    def joined(cls, parts: Sequence[Moves]) -> Moves:
        """Put moves together."""
        none = np.array([], dtype=np.int64)
        return cls(
            *(
                np.concatenate([none, *(getattr(part, field.name) for part in parts)])
                for field in fields(cls)
            )
        )

    def taken(self, rows: NDArray[np.int64]) -> Moves:
        """Return the moves of some of the reads, in the order given."""
        count = self.parts[rows]
        starts = (np.cumsum(self.parts) - self.parts)[rows]
        within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        block = np.repeat(starts, count) + within
        return Moves(
            self.read[rows],
            self.first[rows],
            self.length[rows],
            count,
            self.base[block],
            self.position[block],
            self.size[block],
        )

    def once(self, order: NDArray[np.int64]) -> Moves:
        """Return each read's first move in ``order``, by read."""
        _, first = np.unique(self.read[order], return_index=True)
        return self.taken(order[first])


def rewrite(reads: Reads, moves: Moves, introns: Sequence[Interval] = ()) -> Reads:
    """Return the reads with some bases placed anew.

    Between neighbouring bases of a moved read, stored bases in between are an insertion, reference
    bases in between a deletion, or an intron if they were one before or are one of ``introns``.
    """
    if moves.read.size == 0:
        return reads
    row = np.full(reads.count, -1, dtype=np.int64)
    row[moves.read] = np.arange(moves.read.size)
    blocks = reads.blocks
    touched = row[blocks.read] >= 0
    old = _taken(blocks, touched)
    new = _merged(_concatenated([*_cut(old, moves, row), _placed(moves)]))
    every = _concatenated([_taken(blocks, ~touched), new])
    deletions, insertions = _gaps(reads, old, new, row >= 0, introns)
    first = np.flatnonzero(np.diff(new.read, prepend=-1))
    last = np.append(first[1:], new.read.size) - 1
    changed = new.read[first]
    start, end = reads.start.copy(), reads.end.copy()
    left_clip, right_clip = reads.left_clip.copy(), reads.right_clip.copy()
    start[changed] = new.position[first]
    end[changed] = new.position[last] + new.length[last]
    left_clip[changed] = new.base[first] - reads.first_base[changed]
    right_clip[changed] = reads.first_base[changed + 1] - new.base[last] - new.length[last]
    return replace(
        reads,
        start=start,
        end=end,
        left_clip=left_clip,
        right_clip=right_clip,
        blocks=_taken(every, np.argsort(every.base, kind="stable")),
        deletions=deletions,
        insertions=insertions,
    )


def _taken(blocks: Blocks, which: NDArray[np.bool_] | NDArray[np.int64]) -> Blocks:
    return Blocks(
        blocks.read[which], blocks.base[which], blocks.position[which], blocks.length[which]
    )


def _concatenated(parts: Sequence[Blocks]) -> Blocks:
    return Blocks(
        np.concatenate([part.read for part in parts]),
        np.concatenate([part.base for part in parts]),
        np.concatenate([part.position for part in parts]),
        np.concatenate([part.length for part in parts]),
    )


def _cut(blocks: Blocks, moves: Moves, row: NDArray[np.int64]) -> list[Blocks]:
    """Return what of the blocks lies before and behind the moved stretches."""
    mine = row[blocks.read]
    low, high = moves.first[mine], moves.first[mine] + moves.length[mine]
    before = np.clip(low - blocks.base, 0, blocks.length)
    skipped = np.clip(high - blocks.base, 0, blocks.length)
    return [
        Blocks(blocks.read, blocks.base, blocks.position, before),
        Blocks(
            blocks.read,
            blocks.base + skipped,
            blocks.position + skipped,
            blocks.length - skipped,
        ),
    ]


def _placed(moves: Moves) -> Blocks:
    """Return the moved bases as blocks."""
    return Blocks(np.repeat(moves.read, moves.parts), moves.base, moves.position, moves.size)


def _merged(blocks: Blocks) -> Blocks:
    """Order blocks, leave empty ones out, and join those that continue each other."""
    blocks = _taken(blocks, blocks.length > 0)
    blocks = _taken(blocks, np.argsort(blocks.base, kind="stable"))
    starts = np.ones(blocks.read.size, dtype=np.bool_)
    ends = slice(None, -1)
    starts[1:] = (
        (blocks.read[1:] != blocks.read[ends])
        | (blocks.base[1:] != blocks.base[ends] + blocks.length[ends])
        | (blocks.position[1:] != blocks.position[ends] + blocks.length[ends])
    )
    first = np.flatnonzero(starts)
    length = np.add.reduceat(blocks.length, first) if first.size else blocks.length
    return Blocks(blocks.read[first], blocks.base[first], blocks.position[first], length)


def _gaps(
    reads: Reads, old: Blocks, new: Blocks, touched: NDArray[np.bool_], introns: Sequence[Interval]
) -> tuple[Deletions, Insertions]:
    """Return all deletions and insertions, those of touched reads by their new blocks."""
    left = np.flatnonzero(new.read[1:] == new.read[:-1])
    right = left + 1
    read = new.read[left]
    base, position = new.base[left] + new.length[left], new.position[left] + new.length[left]
    put_in, lacking = new.base[right] - base, new.position[right] - position

    kept = ~touched[reads.insertions.read]
    own = put_in > 0
    # Bases between two parts of a read belong to neither: they were no insertion before.
    between = np.flatnonzero(old.read[1:] == old.read[:-1])
    first = old.base[between] + old.length[between]
    size = old.base[between + 1] - first
    apart = (size > 0) & ~np.isin(first, reads.insertions.base)
    at, there = _found(base, first[apart])
    own[there] &= size[apart][at[there]] != put_in[there]
    insertions = _ordered_insertions(
        np.concatenate([reads.insertions.read[kept], read[own]]),
        np.concatenate([reads.insertions.position[kept], position[own]]),
        np.concatenate([reads.insertions.base[kept], base[own]]),
        np.concatenate([reads.insertions.length[kept], put_in[own]]),
    )

    old_left = np.flatnonzero(old.read[1:] == old.read[:-1])
    old_start = old.position[old_left] + old.length[old_left]
    old_key = (old.read[old_left] << _POSITION_BITS) | old_start
    old_end = old.position[old_left + 1]
    key = (read << _POSITION_BITS) | position
    at, there = _found(key, old_key)
    as_before = there & (lacking > 0)
    as_before[as_before] &= old_end[at[as_before]] == position[as_before] + lacking[as_before]
    remains = np.zeros(old_key.size, dtype=np.bool_)
    remains[at[as_before]] = True

    gone = reads.deletions
    kept = ~touched[gone.read]
    within = np.searchsorted(old_key, (gone.read << _POSITION_BITS) | gone.start, "right") - 1
    if old_key.size:
        kept |= touched[gone.read] & (within >= 0) & remains[np.maximum(within, 0)]
    known = {(int(first), int(last)) for first, last in introns}
    own = (lacking > 0) & ~as_before
    for index in np.flatnonzero(own) if known else ():
        own[index] = (int(position[index]), int(position[index] + lacking[index])) not in known
    deletions = _ordered_deletions(
        np.concatenate([gone.read[kept], read[own]]),
        np.concatenate([gone.start[kept], position[own]]),
        np.concatenate([gone.end[kept], (position + lacking)[own]]),
        np.concatenate([gone.base[kept], new.base[right][own]]),
    )
    return deletions, insertions


def _found(
    wanted: NDArray[np.int64], among: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each wanted value is among ascending ones, and whether it is."""
    if among.size == 0:
        return np.zeros(wanted.size, dtype=np.int64), np.zeros(wanted.size, dtype=np.bool_)
    at = np.minimum(np.searchsorted(among, wanted), among.size - 1)
    return at, among[at] == wanted


def _ordered_deletions(
    read: NDArray[np.int64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    base: NDArray[np.int64],
) -> Deletions:
    order = np.lexsort((start, read))
    return Deletions(read[order], start[order], end[order], base[order])


def _ordered_insertions(
    read: NDArray[np.int64],
    position: NDArray[np.int64],
    base: NDArray[np.int64],
    length: NDArray[np.int64],
) -> Insertions:
    order = np.lexsort((base, position, read))
    return Insertions(read[order], position[order], base[order], length[order])
