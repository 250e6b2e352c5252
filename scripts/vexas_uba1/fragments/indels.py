"""Insertions and deletions of reads become those of molecules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.reference import BASES, UNKNOWN


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
    shown_by: dict[tuple[int, int, str], list[int]] = {}
    for read, start, end, bases in _events(reads, molecule_of_read, positions):
        shown_by.setdefault((start, end, bases), []).append(read)
    if not shown_by:
        return ()
    family = _Family(molecule_of_read)
    joined = []
    for (start, end, bases), showing in sorted(shown_by.items()):
        counted = _count(reads, molecule_of_read, family, start, end, np.array(showing))
        if counted[0].size or counted[1].size:
            joined.append(IndelCount(start, end, bases, *counted))
    return tuple(joined)


def _events(
    reads: Reads, molecule_of_read: NDArray[np.int64], positions: NDArray[np.int64]
) -> Iterator[tuple[int, int, int, str]]:
    """Yield read, 0-based start and end, and inserted bases."""
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

    gaps = reads.deletions
    kept = near(gaps.start, gaps.end) & (molecule_of_read[gaps.read] >= 0)
    columns = (gaps.read[kept], gaps.start[kept], gaps.end[kept])
    for read, start, end in zip(*(column.tolist() for column in columns), strict=True):
        yield read, start, end, ""
    put = reads.insertions
    kept = near(put.position, put.position) & (molecule_of_read[put.read] >= 0)
    places = (put.read[kept], put.position[kept], put.base[kept], put.length[kept])
    for read, at, base, length in zip(*(column.tolist() for column in places), strict=True):
        codes = reads.code[base : base + length]
        if codes.max() < UNKNOWN:
            yield read, at, at, "".join(BASES[code] for code in codes)


class _Family:
    """The reads of each molecule, found by its index."""

    def __init__(self, molecule_of_read: NDArray[np.int64]) -> None:
        self._order = np.argsort(molecule_of_read, kind="stable")
        self._sorted = molecule_of_read[self._order]

    def reads_of(self, molecules: NDArray[np.int64]) -> NDArray[np.int64]:
        first = np.searchsorted(self._sorted, molecules, "left")
        size = np.searchsorted(self._sorted, molecules, "right") - first
        step = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        found: NDArray[np.int64] = self._order[np.repeat(first, size) + step]
        return found


def _count(
    reads: Reads,
    molecule_of_read: NDArray[np.int64],
    family: _Family,
    start: int,
    end: int,
    showing: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the molecules that show an indel and those that contradict themselves on it."""
    molecules, shows = np.unique(molecule_of_read[showing], return_counts=True)
    all_reads = family.reads_of(molecules)
    spans = (reads.start[all_reads] < start) & (reads.end[all_reads] > end)
    spanning = np.setdiff1d(all_reads[spans], showing)
    against = np.bincount(
        np.searchsorted(molecules, molecule_of_read[spanning]), minlength=molecules.size
    )
    kept = (against == 0) | ((shows + against > 2) & (shows > against))
    outvoted = (shows + against > 2) & (shows < against)
    return molecules[kept], molecules[~kept & ~outvoted]
