"""Records that are there more than once, and names that do not tell fragments apart.

A file that was merged with itself holds every record again: one of each is enough. Where a mate is
there again but is another read (of another lane, say, that counts its names anew), names tell
nothing. To leave out only what is seen to differ would leave out the mutants, for reads of the wild
type are alike; so then everything that is there more than once is left out, whatever it shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

_PAIRED, _REVERSE, _READ1, _READ2 = 0x1, 0x10, 0x40, 0x80
_FEW_NAMES = 0.01
"""Share of names that are met again up to which mates need not name each other's place: clipping
leaves that behind (assumed)."""
_NO_MATES = 0.1
"""Share of the names with two unpaired reads that may be no mates; more than that, and none are."""


@dataclass(frozen=True)
class Records:
    """Primary records; R of them.

    Attributes:
        fragment: Number of the name within its read group (R).
        flag: (R).
        start: 0-based (R).
        mate_start: Where its mate should lie, -1 if not on the contig (R).
        lane: Read group by number of the fragment; empty where there is but one.
        shared: Number that fragments of one name have in common, likewise.
    """

    fragment: NDArray[np.int64]
    flag: NDArray[np.int64]
    start: NDArray[np.int64]
    mate_start: NDArray[np.int64]
    lane: NDArray[np.int64]
    shared: NDArray[np.int64]


@dataclass(frozen=True)
class Repeats:
    """What is left out.

    Attributes:
        again: Records that are there before, to the last quality (R).
        ambiguous: Records of fragments whose name is no name of one fragment (R).
    """

    again: NDArray[np.bool_]
    ambiguous: NDArray[np.bool_]


def find_repeats(records: Records, signature: Callable[[int], int]) -> Repeats:
    """Sort out what is there more than once.

    Args:
        records: As read, those of one place in any order.
        signature: Returns a number for the index of a record that only the same read has, aligned
            in the same way.
    """
    again, ambiguous = _within_lanes(records, signature)
    if records.lane.size:
        again |= _copied_lanes(records, ~(again | ambiguous), signature)
    return Repeats(again, ambiguous)


def _within_lanes(
    records: Records, signature: Callable[[int], int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    fragment, mate = records.fragment, _mate(records.flag)
    again, ambiguous = (np.zeros(fragment.size, dtype=np.bool_) for _ in range(2))
    # Of most files one look tells that there is nothing of the kind.
    ordered = np.sort(fragment * 4 + mate)
    if not (np.diff(ordered) == 0).any() and (mate > 0).all():
        return again, ambiguous
    keys, of_record, size = np.unique(fragment * 4 + mate, return_inverse=True, return_counts=True)
    # Both an unpaired read and a mate.
    mixed = np.intersect1d(keys[keys % 4 == 0] // 4, keys[keys % 4 > 0] // 4)
    many = np.flatnonzero(size[of_record] > 1)
    if not many.size and not mixed.size:
        return again, ambiguous
    signed = np.array([signature(row) for row in many.tolist()], dtype=np.int64)
    kinds, first = np.unique(np.stack((of_record[many], signed)), axis=1, return_index=True)
    again[many] = True
    again[many[first]] = False
    distinct = np.bincount(kinds[0], minlength=keys.size)
    reverse = np.bincount(kinds[0], (records.flag[many[first]] & _REVERSE) > 0, minlength=keys.size)
    unpaired = keys % 4 == 0
    # Mates whose flags were lost read the fragment from both its ends.
    two = unpaired & (distinct > 1)
    no_mates = two & ~((distinct == 2) & (reverse == 1))
    clash = (
        bool((~unpaired & (distinct > 1)).any())
        or mixed.size > 0
        or np.count_nonzero(no_mates) > _NO_MATES * np.count_nonzero(two)
    )
    if clash:
        shared = np.concatenate((keys[size > 1] // 4, mixed))
        # Where hardly a name is met again, hardly any two mates of unlike fragments meet in one.
        often = shared.size > _FEW_NAMES * keys.size
        out = np.concatenate((shared, _apart(records, mate))) if often else shared
    else:
        out = keys[no_mates] // 4
    ambiguous = np.isin(fragment, out)
    return again & ~ambiguous, ambiguous


def _mate(flag: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 1 or 2 for a mate, 0 for an unpaired read or one that does not say which (R)."""
    first, second = (flag & _READ1) > 0, (flag & _READ2) > 0
    return np.where(((flag & _PAIRED) > 0) & (first != second), np.where(second, 2, 1), 0)


def _apart(records: Records, mate: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the fragments with mates that do not name each other's place."""
    one, two = np.flatnonzero(mate == 1), np.flatnonzero(mate == 2)
    both, at_one, at_two = np.intersect1d(
        records.fragment[one], records.fragment[two], return_indices=True
    )
    one, two = one[at_one], two[at_two]
    agree = (records.mate_start[one] == records.start[two]) & (
        records.mate_start[two] == records.start[one]
    )
    found: NDArray[np.int64] = both[~agree]
    return found


def _copied_lanes(
    records: Records, kept: NDArray[np.bool_], signature: Callable[[int], int]
) -> NDArray[np.bool_]:
    """Return the records of read groups that hold nothing but what another one holds (R)."""
    copied = np.zeros(kept.size, dtype=np.bool_)
    rows = np.flatnonzero(kept)
    fragments = np.unique(records.fragment[rows])
    names, size = np.unique(records.shared[fragments], return_counts=True)
    several = np.isin(records.shared[records.fragment[rows]], names[size > 1])
    if not several.any():
        return copied
    # The order of records does not matter to a sum.
    shown = Counter[int]()
    for row in rows[several].tolist():
        shown[int(records.fragment[row])] += signature(row)
    holders: dict[tuple[int, int], list[int]] = {}
    for fragment, total in shown.items():
        own = int(records.shared[fragment]), total
        holders.setdefault(own, []).append(int(records.lane[fragment]))
    alike = Counter[tuple[int, int]]()
    for lanes in holders.values():
        alike.update(permutations(lanes, 2))
    held = Counter(records.lane[fragments].tolist())
    copies = {(one, other) for (one, other), count in alike.items() if count == held[one]}
    gone = [one for one, other in copies if (other, one) not in copies or other < one]
    copied[rows] = np.isin(records.lane[records.fragment[rows]], gone)
    return copied
