"""Which records belong to one fragment, told by their names."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

_MATE_SUFFIXES = ("/1", "/2")


class Source(NamedTuple):
    """Where a record comes from: library and read group, by number."""

    library: int
    lane: int


class FragmentNames:
    """Numbers fragments by the first record of each name, so numbers are left out.

    Names of another read group are others: sequencers count anew in each run.

    Attributes:
        lane: Read group, by number of the fragment; empty where there is but one.
        shared: Number that fragments of one name have in common, likewise.
        unnamed: Numbers of records that have no name.
    """

    def __init__(self, *, has_lanes: bool) -> None:
        """Take whether there are several read groups."""
        self.lane = array("q")
        self.shared = array("q")
        self.unnamed = array("q")
        self._has_lanes = has_lanes
        self._fragment_of: dict[object, int] = {}
        self._shared_of: dict[object, int] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """How many numbers there are, whether a fragment has them or not."""
        return self._count

    def add(
        self, reads: Sequence[pysam.AlignedSegment], sources: Sequence[Source]
    ) -> NDArray[np.int64]:
        """Return the fragment of each of n records."""
        names: list[object] = _names(reads)
        own = range(self._count, self._count + len(names))
        self._count += len(names)
        # Without a name nothing says which records belong together.
        if "*" in names:
            self.unnamed.extend(
                number for number, name in zip(own, names, strict=True) if name == "*"
            )
            names = [object() if name == "*" else name for name in names]
        if self._has_lanes:
            self.lane.extend(source.lane for source in sources)
            self.shared.extend(map(self._shared_of.setdefault, names, own))
            names = list(zip(sources, names, strict=True))
        numbers = map(self._fragment_of.setdefault, names, own)
        return np.fromiter(numbers, dtype=np.int64, count=len(names))

    def find(self, read: pysam.AlignedSegment, source: Source) -> int:
        """Return the number of a record's fragment, -1 if no record of it was added."""
        (name,) = _names([read])
        return self._fragment_of.get((source, name) if self._has_lanes else name, -1)

    def forget(self) -> None:
        """Drop the names: those of a million fragments are large."""
        self._fragment_of.clear()
        self._shared_of.clear()


def _names(reads: Sequence[pysam.AlignedSegment]) -> list[object]:
    """Return the names without the number of a mate, which some old programs leave there."""
    names = [read.query_name or "*" for read in reads]
    # Rare, and told sooner of all names at once.
    together = "\n".join((*names, ""))
    if any(f"{suffix}\n" in together for suffix in _MATE_SUFFIXES):
        names = [name[:-2] if name.endswith(_MATE_SUFFIXES) else name for name in names]
    return [*names]
