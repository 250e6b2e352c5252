"""Where fragments begin and end: the 5' ends of their reads, clipped bases counted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.grouping.labels import Label, label_rows

NO_END = -(2**20)
"""Left of every contig, and near enough to them for positions to stay small numbers."""


@dataclass(frozen=True)
class Ends:
    """The ends of F fragments, each where a read begins: position, and strand of that read.

    Attributes:
        library: Index (F).
        first: 0-based position of the leftmost end's outermost base; for an end that is read on the
            reverse strand the position behind it (F).
        first_reverse: Whether the read of that end is on the reverse strand (F).
        second: The other end, or ``NO_END`` (F).
        second_reverse: (F).
        swapped: Whether read 2 begins at the first end (F2R1); of a fragment known by one end,
            whether it would, were the mate on the other strand (F).
    """

    library: NDArray[np.int32]
    first: NDArray[np.int64]
    first_reverse: NDArray[np.bool_]
    second: NDArray[np.int64]
    second_reverse: NDArray[np.bool_]
    swapped: NDArray[np.bool_]

    @property
    def both(self) -> NDArray[np.bool_]:
        """Whether both ends are known (F)."""
        known: NDArray[np.bool_] = self.second != NO_END
        return known

    def labels(self, *apart: Label) -> Label:
        """Return a number for each fragment (F), equal for equal ends in one library.

        Args:
            apart: What else has to be equal.
        """
        return label_rows(
            *apart,
            self.library,
            self.first,
            self.first_reverse,
            self.second,
            self.second_reverse,
        )

    def chosen(self, fragments: NDArray[np.integer] | NDArray[np.bool_]) -> Ends:
        """Return the ends of some fragments."""
        return Ends(
            self.library[fragments],
            self.first[fragments],
            self.first_reverse[fragments],
            self.second[fragments],
            self.second_reverse[fragments],
            self.swapped[fragments],
        )


def fragment_ends(reads: Reads) -> Ends:
    """Return the ends of each fragment.

    An end is the 5' end of a mate. Of a mate that is not among the reads its other mate tells the
    place, if not its clipped bases. Supplementary records tell only of fragments without others.
    """
    primary = ~reads.supplementary
    has_primary = np.zeros(reads.fragments, dtype=np.bool_)
    has_primary[reads.fragment[primary]] = True
    used = np.flatnonzero(primary | ~has_primary[reads.fragment])
    begins = np.where(reads.reverse, reads.fragment_end, reads.fragment_start)
    order = used[np.lexsort((reads.reverse[used], begins[used], reads.fragment[used]))]
    fragment = reads.fragment[order]
    leftmost = order[np.flatnonzero(np.diff(fragment, prepend=-1))]
    last = order[np.flatnonzero(np.diff(fragment, append=reads.fragments))]
    return _of_reads(reads, begins, leftmost, last)


def _of_reads(
    reads: Reads,
    begins: NDArray[np.int64],
    one: NDArray[np.int64],
    other: NDArray[np.int64],
) -> Ends:
    """Return the ends of fragments whose leftmost read is ``one`` and whose last is ``other``."""
    alone = one == other
    told = alone & reads.both_ends[one]
    reverse = reads.reverse[one]
    told_end = np.where(reverse, reads.fragment_start[one], reads.fragment_end[one])
    first, second = begins[one], begins[other].copy()
    first_reverse, second_reverse = reverse.copy(), reads.reverse[other].copy()
    # The mate of a lone read on the reverse strand lies to its left.
    turned = told & reverse
    second[told] = np.where(turned, first, told_end)[told]
    first = np.where(turned, told_end, first)
    first_reverse[turned] = False
    second_reverse[told] = True
    second[alone & ~told] = NO_END
    second_reverse[alone & ~told] = False
    is_second = reads.number[one] == 2
    return Ends(
        library=reads.library[one],
        first=first,
        first_reverse=first_reverse,
        second=second,
        second_reverse=second_reverse,
        swapped=np.where(alone, is_second != reverse, is_second),
    )


def complete_ends(ends: Ends, apart: Label) -> Ends:
    """Give fragments known by one end the other end of a pair that has theirs, if there is one.

    Of several pairs the one that ends first; so do markers of duplicates treat a read whose mate
    is not placed (seen with samtools markdup 1.16 and 1.24).

    Args:
        ends: Of all fragments.
        apart: What else has to be equal (F).
    """
    pairs, lone = np.flatnonzero(ends.both), np.flatnonzero(~ends.both)
    if not pairs.size or not lone.size:
        return ends
    source = np.concatenate((pairs, pairs, lone))
    position = np.concatenate((ends.first[pairs], ends.second[pairs], ends.first[lone]))
    reverse = np.concatenate(
        (ends.first_reverse[pairs], ends.second_reverse[pairs], ends.first_reverse[lone])
    )
    label = label_rows(apart[source], ends.library[source], position, reverse)
    at_pairs = label[: 2 * pairs.size]
    order = np.lexsort(
        (ends.second[source[: at_pairs.size]], ends.first[source[: at_pairs.size]], at_pairs)
    )
    held, where = np.unique(at_pairs[order], return_index=True)
    pair_of = np.full(int(label.max()) + 1, -1, dtype=np.int64)
    pair_of[held] = source[order[where]]
    like = np.arange(ends.first.size)
    found = pair_of[label[2 * pairs.size :]]
    like[lone[found >= 0]] = found[found >= 0]
    return replace(ends.chosen(like), swapped=ends.swapped)
