"""Which records belong to one fragment, told by their names."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

_PAIRED, _READ2, _SUPPLEMENTARY = 0x1, 0x80, 0x800
_LANELESS = 2  # parts of a name's key that leave its read group open


class Source(NamedTuple):
    """Where a record comes from: library and read group, by number."""

    library: int
    lane: int


class FragmentNames:
    """Numbers fragments by the first record of each name, so numbers are left out."""

    def __init__(self, *, has_lanes: bool) -> None:
        """Take whether there are several read groups."""
        self._has_lanes = has_lanes
        self._fragment_of: dict[object, int] = {}
        self._lane_of: dict[object, int] = {}  # where a name was first seen
        self._shape = array("q")  # by fragment's number, of its first record
        self._seen = bytearray()  # by fragment's number, a bit for each mate

    @property
    def count(self) -> int:
        """How many numbers there are, whether a fragment has them or not."""
        return len(self._seen)

    def add(
        self,
        reads: Sequence[pysam.AlignedSegment],
        sources: Sequence[Source],
        flag: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the fragment of each of n records, and whether it is there already (n).

        That is a mate's number that its fragment has, or the same unpaired read once more.
        """
        keys: list[object] = [read.query_name for read in reads]
        # Without a name nothing says which records belong together.
        if "*" in keys:
            keys = [object() if name == "*" else name for name in keys]
        if self._has_lanes:
            keys = list(map(self._key, sources, keys))
        own = len(self._seen) + np.arange(len(keys))
        fragment = np.fromiter(
            map(self._fragment_of.setdefault, keys, own.tolist()), dtype=np.int64, count=len(keys)
        )
        self._seen += bytes(len(keys))
        is_single = (flag & (_PAIRED | _SUPPLEMENTARY)) == 0
        # Pairs of one read group need no more than their names.
        asked = is_single | self._has_lanes
        self._shape.frombytes(bytes(own.nbytes))
        for row in np.flatnonzero(asked).tolist():
            self._shape[int(own[row])] = _shape(reads[row])
        mate = mate_of(flag)
        seen = np.frombuffer(self._seen, dtype=np.uint8)
        shape = np.frombuffer(self._shape, dtype=np.int64)
        new = np.zeros(fragment.size, dtype=np.bool_)
        new[np.unique(fragment << 2 | mate, return_index=True)[1]] = True
        repeated = (mate > 0) & (~new | ((seen[fragment] & mate) > 0))
        repeated |= is_single & (fragment != own) & (shape[own] == shape[fragment])
        for row, key in enumerate(keys if self._has_lanes else ()):
            if isinstance(key, tuple) and len(key) > _LANELESS:
                # Another read group has the name: the same read, if its first record is the same.
                other = self._fragment_of[key[:_LANELESS]]
                repeated[row] |= shape[fragment[row]] == shape[other]
        np.bitwise_or.at(seen, fragment, mate.astype(np.uint8))
        return fragment, repeated

    def find(self, read: pysam.AlignedSegment, source: Source) -> int:
        """Return the number of a record's fragment, -1 if no record of it was added."""
        name = read.query_name
        return self._fragment_of.get(self._key(source, name) if self._has_lanes else name, -1)

    def forget(self) -> None:
        """Drop the names: those of a million fragments are large."""
        self._fragment_of.clear()
        self._lane_of.clear()

    def _key(self, source: Source, name: object) -> object:
        """Return what the records of one fragment share; its lane if another one has the name."""
        key = source.library, name
        first = self._lane_of.setdefault(key, source.lane)
        return key if first == source.lane else (*key, source.lane)


def mate_of(flag: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 1 or 2 for a primary record of a mate, 0 for all others (n)."""
    is_mate = (flag & (_PAIRED | _SUPPLEMENTARY)) == _PAIRED
    return np.where(is_mate, np.where(flag & _READ2, 2, 1), 0)


def _shape(read: pysam.AlignedSegment) -> int:
    """Return a number that the same read once more has too, in this process."""
    return hash((read.reference_start, read.is_reverse, read.cigarstring, read.query_sequence))
