"""Molecules that a program named before: each is in one place, its copies have its ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.grouping.ends import Ends, fragment_ends
from vexas_uba1.grouping.labels import Label, label_rows

REACH = 3
"""Bases by which the ends of copies may differ: those that were aligned or trimmed once more after
they were grouped (assumed)."""


def split_by_ends(reads: Reads, family: Label) -> Label:
    """Return a number for each fragment, equal where it has one name and the same ends.

    A program that groups reads gives one name to copies with the same ends (fgbio: both 5' ends,
    clipped bases counted, those of the two strands of a duplex alike). Files that were grouped one
    by one, each from number 0 on, and then merged use a name for several molecules.

    Of a pair both ends have to lie within ``REACH`` bases of those of another copy; of a fragment
    that is known by one end this one does. What a mate tells of the other is not compared: it does
    not know of its clipped bases.

    Args:
        reads: Of F fragments.
        family: By name; negative without one, and then any number is returned (F).
    """
    ends = fragment_ends(replace(reads, both_ends=np.zeros_like(reads.both_ends)))
    pairs, lone = np.flatnonzero(ends.both), np.flatnonzero(~ends.both)
    part = np.empty(family.size, dtype=np.int64)
    part[pairs] = _near_pairs(ends.chosen(pairs), family[pairs])
    count = int(part[pairs].max(initial=-1)) + 1
    part[lone] = _beside_pairs(ends, family, pairs, part[pairs], lone, count)
    return label_rows(family, part)


def _near_pairs(ends: Ends, family: Label) -> Label:
    part = label_rows(family, ends.first_reverse, ends.second_reverse)
    before = -1
    # What one end tells apart can tell more of the other end apart.
    while (count := int(part.max(initial=-1)) + 1) != before:
        before = count
        part = _runs(_runs(part, ends.first), ends.second)
    return part


def _beside_pairs(
    ends: Ends,
    family: Label,
    pairs: NDArray[np.int64],
    part: Label,
    lone: NDArray[np.int64],
    count: int,
) -> Label:
    """Return the part of each lone fragment: of a pair that has its end, or of others like it."""
    fragment = np.concatenate((pairs, pairs, lone))
    position = np.concatenate((ends.first[pairs], ends.second[pairs], ends.first[lone]))
    reverse = np.concatenate(
        (ends.first_reverse[pairs], ends.second_reverse[pairs], ends.first_reverse[lone])
    )
    run = _runs(label_rows(family[fragment], reverse), position)
    of_run = count + np.arange(int(run.max(initial=-1)) + 1)
    np.minimum.at(of_run, run[: 2 * pairs.size], np.concatenate((part, part)))
    return of_run[run[2 * pairs.size :]]


def _runs(label: Label, position: NDArray[np.int64]) -> Label:
    """Return a number for each row, equal for rows of one label without a wider gap between."""
    order = np.lexsort((position, label))
    begins = np.diff(label[order], prepend=-1) != 0
    begins |= np.diff(position[order], prepend=0) > REACH
    run = np.empty(label.size, dtype=np.int64)
    run[order] = np.cumsum(begins) - 1
    return run
