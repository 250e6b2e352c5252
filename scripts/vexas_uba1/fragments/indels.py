"""Insertions and deletions of reads become those of molecules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.inserted import inserted_numbers, inserted_text
from vexas_uba1.alignments.reads import Reads


@dataclass(frozen=True)
class IndelCount:
    """An insertion or deletion as the alignments show it (not normalised), and its molecules.

    ``start``/``end`` are 0-based half-open; ``bases`` is what is put in. ``contradicted`` are the
    molecules whose copies contradict each other on it: they are no evidence.
    """

    start: int
    end: int
    bases: str
    molecules: NDArray[np.int64]
    contradicted: NDArray[np.int64]


def join_indels(
    reads: Reads, molecule_of_read: NDArray[np.int64], positions: NDArray[np.int64]
) -> tuple[IndelCount, ...]:
    """Return each indel beside a searched position, with the molecules that show it.

    A molecule shows it if all of its reads that span the place do, or, of three or more, the
    majority; with the majority against it, the indel is an error of a copy and not there.

    Args:
        reads: All reads.
        molecule_of_read: -1 for a read that is left out (R).
        positions: 0-based, ascending positions that are searched.
    """
    if not positions.size:
        return ()
    events = _events(reads, molecule_of_read, positions)
    if not events.read.size:
        return ()
    group, first = events.groups()
    pairs, shows = _pairs(group, molecule_of_read[events.read])
    against = _against(reads, molecule_of_read, events, group, pairs, first)
    kept = (against == 0) | ((shows + against > 2) & (shows > against))
    contradicted = ~kept & ~((shows + against > 2) & (shows < against))
    # Pairs are ordered by indel, then by molecule.
    bounds = np.searchsorted(pairs[0], np.arange(first.size + 1))
    joined = []
    for number, event in enumerate(first.tolist()):
        part = slice(bounds[number], bounds[number + 1])
        molecules = pairs[1][part]
        counted = molecules[kept[part]], molecules[contradicted[part]]
        if counted[0].size or counted[1].size:
            bases = inserted_text(reads, int(events.row[event])) if events.number[event] else ""
            start, end = int(events.start[event]), int(events.end[event])
            joined.append(IndelCount(start, end, bases, *counted))
    return tuple(sorted(joined, key=lambda one: (one.start, one.end, one.bases)))


@dataclass(frozen=True)
class _Events:
    """Insertions and deletions of reads; E of them.

    Attributes:
        read: Index of the read (E).
        start: 0-based (E).
        end: Exclusive (E).
        number: Of the inserted bases, 0 for a deletion (E).
        row: Index among the reads' insertions or deletions (E).
    """

    read: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    number: NDArray[np.int64]
    row: NDArray[np.int64]

    def groups(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which indel each event is (E), and an event of each indel."""
        keys = np.stack([self.start, self.end, self.number])
        order = np.lexsort(keys)
        begins = np.ones(order.size, dtype=np.bool_)
        begins[1:] = (np.diff(keys[:, order], axis=1) != 0).any(axis=0)
        group = np.empty(order.size, dtype=np.int64)
        group[order] = np.cumsum(begins) - 1
        return group, order[begins]


def _events(
    reads: Reads, molecule_of_read: NDArray[np.int64], positions: NDArray[np.int64]
) -> _Events:
    """Return the insertions of known bases and the deletions beside searched positions."""
    wanted = np.zeros(int(positions[-1] - positions[0]) + 3, dtype=np.bool_)
    offset = int(positions[0]) - 1
    wanted[positions - offset] = True

    def near(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return where the bases to either side of a change are searched."""
        low, high = start - 1 - offset, end - offset
        inside = (low >= 0) & (high < wanted.size)
        found = np.zeros(start.size, dtype=np.bool_)
        found[inside] = wanted[low[inside]] | wanted[high[inside]]
        return found

    gaps, put = reads.deletions, reads.insertions
    gone = np.flatnonzero(near(gaps.start, gaps.end) & (molecule_of_read[gaps.read] >= 0))
    new = np.flatnonzero(near(put.position, put.position) & (molecule_of_read[put.read] >= 0))
    number = inserted_numbers(reads, new)
    new, number = new[number != -1], number[number != -1]
    return _Events(
        np.concatenate([gaps.read[gone], put.read[new]]),
        np.concatenate([gaps.start[gone], put.position[new]]),
        np.concatenate([gaps.end[gone], put.position[new]]),
        np.concatenate([np.zeros(gone.size, dtype=np.int64), number]),
        np.concatenate([gone, new]),
    )


def _pairs(
    one: NDArray[np.int64], other: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct pairs of two columns of numbers, ordered (2, k), and their counts (k)."""
    width = int(other.max(initial=0)) + 1
    key, counts = np.unique(one * width + other, return_counts=True)
    return np.stack([key // width, key % width]), counts


def _against(
    reads: Reads,
    molecule_of_read: NDArray[np.int64],
    events: _Events,
    group: NDArray[np.int64],
    pairs: NDArray[np.int64],
    first: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return how many reads of a molecule span an indel that others of them show (k).

    Args:
        reads: All reads.
        molecule_of_read: -1 for a read that is left out (R).
        events: Insertions and deletions (E).
        group: Which indel each is (E).
        pairs: Indels and molecules that show them, ordered (2, k).
        first: An event of each indel.
    """
    order = np.argsort(molecule_of_read, kind="stable")
    ordered = molecule_of_read[order]
    begin = np.searchsorted(ordered, pairs[1], "left")
    size = np.searchsorted(ordered, pairs[1], "right") - begin
    pair = np.repeat(np.arange(size.size), size)
    read = order[
        np.repeat(begin, size) + np.arange(pair.size) - np.repeat(np.cumsum(size) - size, size)
    ]
    indel = pairs[0][pair]
    spans = (reads.start[read] < events.start[first][indel]) & (
        reads.end[read] > events.end[first][indel]
    )
    showing = np.unique(group * reads.count + events.read)
    spans &= ~np.isin(indel * reads.count + read, showing)
    return np.bincount(pair[spans], minlength=size.size)
