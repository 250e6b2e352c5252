"""Records that are there more than once, and names that do not tell fragments apart.

A file that was merged with itself holds every record again: one of each is enough. Where a mate is
there again but is another read (of another lane, say, that counts its names anew), names tell
nothing. To leave out only what is seen to differ would leave out the mutants, for reads of the wild
type are alike; so then everything that is there more than once is left out, whatever it shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

_MATES = 4  # numbers of a mate are 0 to 2; one is to spare
_PAIRED, _REVERSE, _READ1, _READ2 = 0x1, 0x10, 0x40, 0x80
_OTHER_VERSION = 0.01
"""Share of the reads that two read groups both have a name for which may differ between them, where
one is another version of the other (assumed)."""
_FEW_NAMES = 0.01
"""Share of names that are met again up to which mates need not name each other's place: clipping
leaves that behind (assumed)."""
_NO__MATES = 0.1
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
        flagged: Fragment and mate, as one number, of primary records that are left out since they
            carry flag 0x400 (F).
    """

    fragment: NDArray[np.int64]
    flag: NDArray[np.int64]
    start: NDArray[np.int64]
    mate_start: NDArray[np.int64]
    lane: NDArray[np.int64]
    shared: NDArray[np.int64]
    flagged: NDArray[np.int64]


@dataclass(frozen=True)
class Repeats:
    """What is left out.

    Attributes:
        again: Records that are there before, to the last quality (R).
        ambiguous: Records of fragments whose name is no name of one fragment (R).
        unmarked: Records whose flagged twin is left out: another version of the file, in which
            copies were not marked (R).
        fused: What number each number of a fragment stands for, as some read groups are one; None
            where each stands for its own.
    """

    again: NDArray[np.bool_]
    ambiguous: NDArray[np.bool_]
    unmarked: NDArray[np.bool_]
    fused: NDArray[np.int64] | None


def find_repeats(
    records: Records, signature: Callable[[int], int], version: Callable[[int], int]
) -> Repeats:
    """Sort out what is there more than once.

    Args:
        records: As read, those of one place in any order.
        signature: Returns a number for the index of a record that only the same read has, aligned
            in the same way.
        version: The same, whatever its qualities.
    """
    fused = _fused(records, version) if records.lane.size else None
    if fused is not None:
        fragment, mate = np.divmod(records.flagged, _MATES)
        records = replace(
            records,
            fragment=fused[records.fragment],
            flagged=fragment_and_mate(fused[fragment], mate),
        )
    again, ambiguous = _sorted_out(records, signature)
    twin = np.isin(fragment_and_mate(records.fragment, mate_of(records.flag)), records.flagged)
    return Repeats(again, ambiguous, twin & ~(again | ambiguous), fused)


def _sorted_out(
    records: Records, signature: Callable[[int], int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    fragment, mate = records.fragment, mate_of(records.flag)
    again, ambiguous = (np.zeros(fragment.size, dtype=np.bool_) for _ in range(2))
    # Of most files one look tells that there is nothing of the kind.
    ordered = np.sort(fragment * _MATES + mate)
    if not (np.diff(ordered) == 0).any() and (mate > 0).all():
        return again, ambiguous
    keys, of_record, size = np.unique(
        fragment * _MATES + mate, return_inverse=True, return_counts=True
    )
    # Both an unpaired read and a mate.
    mixed = np.intersect1d(keys[keys % _MATES == 0] // _MATES, keys[keys % _MATES > 0] // _MATES)
    many = np.flatnonzero(size[of_record] > 1)
    if not many.size and not mixed.size:
        return again, ambiguous
    signed = np.array([signature(row) for row in many.tolist()], dtype=np.int64)
    kinds, first = np.unique(np.stack((of_record[many], signed)), axis=1, return_index=True)
    again[many] = True
    again[many[first]] = False
    distinct = np.bincount(kinds[0], minlength=keys.size)
    reverse = np.bincount(kinds[0], (records.flag[many[first]] & _REVERSE) > 0, minlength=keys.size)
    unpaired = keys % _MATES == 0
    # Mates whose flags were lost read the fragment from both its ends.
    two = unpaired & (distinct > 1)
    no_mates = two & ~((distinct == 2) & (reverse == 1))
    clash = (
        bool((~unpaired & (distinct > 1)).any())
        or mixed.size > 0
        or np.count_nonzero(no_mates) > _NO__MATES * np.count_nonzero(two)
    )
    if clash:
        shared = np.concatenate((keys[size > 1] // _MATES, mixed))
        # Where hardly a name is met again, hardly any two mates of unlike fragments meet in one.
        often = shared.size > _FEW_NAMES * keys.size
        out = np.concatenate((shared, _apart(records, mate))) if often else shared
    else:
        out = keys[no_mates] // _MATES
    ambiguous = np.isin(fragment, out)
    return again & ~ambiguous, ambiguous


def fragment_and_mate(fragment: NDArray[np.int64], mate: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return both as one number (R)."""
    return fragment * _MATES + mate


def mate_of(flag: NDArray[np.int64]) -> NDArray[np.int64]:
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


def _fused(records: Records, version: Callable[[int], int]) -> NDArray[np.int64] | None:
    """Return the fragment that each number stands for; None where each stands for its own.

    Read groups that show the same read, but for its qualities, under (nearly) all names that both
    have are one: `samtools merge` renames the groups of files that it does not know to be one.
    """
    lane, shared = records.lane[records.fragment], records.shared[records.fragment]
    lanes = int(records.lane.max()) + 1
    held = np.unique(shared * lanes + lane)
    names, size = np.unique(held // lanes, return_counts=True)
    rows = np.flatnonzero(np.isin(shared, names[size > 1]))
    if not rows.size:
        return None
    signed = np.array([version(row) for row in rows.tolist()], dtype=np.int64)
    mates = shared[rows] * _MATES + mate_of(records.flag[rows])
    _, mate = np.unique(mates, return_inverse=True)
    _, read = np.unique(np.stack((mate, signed)), axis=1, return_inverse=True)
    both, same = (_held_by_both(of.ravel(), lane[rows], lanes) for of in (mate, read))
    alike = (same > 0) & (same >= (1 - _OTHER_VERSION) * both)
    count, group = connected_components(alike, directed=False)
    if count == lanes:
        return None
    _, first, fused = np.unique(
        records.shared * lanes + group[records.lane], return_index=True, return_inverse=True
    )
    found: NDArray[np.int64] = first[fused]
    return found


def _held_by_both(of: NDArray[np.int64], lane: NDArray[np.int64], lanes: int) -> NDArray[np.int64]:
    """Return how many of some things each two read groups have both (lanes, lanes)."""
    held = np.unique(of * lanes + lane)
    shape = (int(of.max()) + 1, lanes)
    table = csr_array((np.ones(held.size, dtype=np.int64), (held // lanes, held % lanes)), shape)
    counts: NDArray[np.int64] = (table.T @ table).toarray()
    return counts
