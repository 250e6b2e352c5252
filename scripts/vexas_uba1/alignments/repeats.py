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
from scipy.special import gammainc

_MATES = 4  # numbers of a mate are 0 to 2; one is to spare
_PLACE_BITS = 32
_PAIRED, _REVERSE, _READ1, _READ2 = 0x1, 0x10, 0x40, 0x80
_ALIKE_BEYOND_CHANCE = 0.2
"""Share of the names that two read groups both have which lie at one place, beyond what chance puts
there, from which these name the same molecules (assumed)."""
_BY_CHANCE = 0.01
_OTHER_VERSION = 0.01
"""Share of the reads that two read groups both have a name for which may differ between them, where
one is another version of the other (assumed)."""
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
        low: Where the read would start were nothing clipped (R).
        high: Where it would end, exclusive (R).
        template_length: Without a sign (R).
        mate_start: Where its mate should lie, -1 if not on the contig (R).
        lane: Read group by number of the fragment; empty where there is but one.
        shared: Number that fragments of one name have in common, likewise.
        flagged: Of each primary record that is left out since it carries flag 0x400: fragment, mate
            and :func:`five_prime` (F, 3).
        unnamed: Fragments of records that have no name.
    """

    fragment: NDArray[np.int64]
    flag: NDArray[np.int64]
    start: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    template_length: NDArray[np.int64]
    mate_start: NDArray[np.int64]
    lane: NDArray[np.int64]
    shared: NDArray[np.int64]
    flagged: NDArray[np.int64]
    unnamed: NDArray[np.int64]


@dataclass(frozen=True)
class Repeats:
    """What is left out.

    Attributes:
        again: Records that are there before, to the last quality (R).
        ambiguous: Records of fragments whose name is no name of one fragment (R).
        unmarked: Records whose flagged twin is left out, and a copy of it stays: another version of
            the file, in which copies were not marked (R).
        unnamed: Records of mates without a name: nothing says which belong together (R).
        fused: What number each number of a fragment stands for, as some read groups are one; None
            where each stands for its own.
    """

    again: NDArray[np.bool_]
    ambiguous: NDArray[np.bool_]
    unmarked: NDArray[np.bool_]
    unnamed: NDArray[np.bool_]
    fused: NDArray[np.int64] | None


def find_repeats(
    records: Records,
    signature: Callable[[int], int],
    version: Callable[[int], int],
    worth: Callable[[int], tuple[int, bytes]],
) -> Repeats:
    """Sort out what is there more than once.

    Args:
        records: As read, those of one place in any order.
        signature: Returns a number for the index of a record that only the same read has, aligned
            in the same way.
        version: The same, whatever its qualities.
        worth: Returns what copies are compared by, the best being kept.
    """
    fused = _fused(records, version) if records.lane.size else None
    if fused is not None:
        flagged = records.flagged.copy()
        flagged[:, 0] = fused[flagged[:, 0]]
        records = replace(records, fragment=fused[records.fragment], flagged=flagged)
    unnamed = np.isin(records.fragment, records.unnamed) & ((records.flag & _PAIRED) > 0)
    again, ambiguous = _sorted_out(records, signature)
    gone = again | ambiguous | unnamed
    return Repeats(again, ambiguous, _unmarked(records, ~gone, worth), unnamed, fused)


def _unmarked(
    records: Records, there: NDArray[np.bool_], worth: Callable[[int], tuple[int, bytes]]
) -> NDArray[np.bool_]:
    """Return the records whose flagged twin is left out while a copy of it stays.

    The twin is the same read at the same place. Where all copies have a flagged twin, as in a file
    that was merged with itself and then marked, the best of them stays.
    """
    fragment, mate, end = records.flagged.T
    flagged = _joined(fragment_and_mate(fragment, mate), end)
    end = five_prime(records.low, records.high, records.flag)
    own = _joined(fragment_and_mate(records.fragment, mate_of(records.flag)), end)
    twin = there & np.isin(own, flagged)
    if not twin.any():
        return twin
    is_candidate = np.isin(records.fragment, records.fragment[twin])
    _, copy = np.unique(_joined(end, records.template_length), return_inverse=True)
    taken = np.zeros(int(copy.max()) + 1, dtype=np.bool_)
    taken[copy[there & ~is_candidate]] = True
    rows_of: dict[int, list[int]] = {}
    for row in np.flatnonzero(there & is_candidate).tolist():
        rows_of.setdefault(int(records.fragment[row]), []).append(row)

    def rank(fragment: int) -> tuple[int, list[bytes]]:
        each = [worth(row) for row in rows_of[fragment]]
        return -sum(quality for quality, _ in each), sorted(bases for _, bases in each)

    left_out = []
    for fragment in sorted(rows_of, key=rank):
        copies = copy[rows_of[fragment]]
        if taken[copies].any():
            left_out.append(fragment)
        else:
            taken[copies] = True
    return there & np.isin(records.fragment, left_out)


def _joined(high: NDArray[np.int64], low: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return two numbers as one; places on a contig have room below."""
    return (high << _PLACE_BITS) + low


def five_prime(
    low: NDArray[np.int64], high: NDArray[np.int64], flag: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return where a read begins, with its strand, as one number (R)."""
    reverse = (flag & _REVERSE) > 0
    return 2 * np.where(reverse, high, low) + reverse


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
        or np.count_nonzero(no_mates) > _NO_MATES * np.count_nonzero(two)
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
    have are one: `samtools merge` renames the groups of files that it does not know to be one. So
    are those in which a name tells where its fragment begins and ends, as in another alignment of
    one file: names that count from one in each lane tell nothing, be it in the order of places.
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
    alike |= _name_tells(*_outer_ends(shared, lane, records), lanes)
    count, group = connected_components(alike, directed=False)
    if count == lanes:
        return None
    _, first, fused = np.unique(
        records.shared * lanes + group[records.lane], return_index=True, return_inverse=True
    )
    found: NDArray[np.int64] = first[fused]
    return found


def _outer_ends(
    shared: NDArray[np.int64], lane: NDArray[np.int64], records: Records
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return name, read group and a number for both outer ends of each fragment."""
    lanes = int(lane.max()) + 1
    held, of = np.unique(shared * lanes + lane, return_inverse=True)
    low = np.full(held.size, np.iinfo(np.int64).max)
    high = np.zeros(held.size, dtype=np.int64)
    np.minimum.at(low, of.ravel(), records.low)
    np.maximum.at(high, of.ravel(), records.high)
    return held // lanes, held % lanes, _joined(low, high)


def _name_tells(
    name: NDArray[np.int64], lane: NDArray[np.int64], end: NDArray[np.int64], lanes: int
) -> NDArray[np.bool_]:
    """Return for which read groups fragments of one name have the same ends, more than by chance.

    By chance, any fragment of the one has the ends of any of the other (lanes, lanes).
    """
    _, ends, size = np.unique(end, return_inverse=True, return_counts=True)
    ends = ends.ravel()
    _, pairs = np.unique(np.stack((name, ends)), axis=1, return_inverse=True)
    both, same = (_held_by_both(of.ravel(), lane, lanes) for of in (name, pairs))
    placed = csr_array((np.ones(lane.size), (ends, lane)), (size.size, lanes))
    of_lane = np.maximum(np.bincount(lane, minlength=lanes), 1)
    expected = both * (placed.T @ placed).toarray() / np.outer(of_lane, of_lane)
    surely = gammainc(np.maximum(same, 1), np.maximum(expected, 1e-12)) <= _BY_CHANCE
    tells: NDArray[np.bool_] = surely & (same - expected >= _ALIKE_BEYOND_CHANCE * both)
    return tells & (same > 0)


def _held_by_both(of: NDArray[np.int64], lane: NDArray[np.int64], lanes: int) -> NDArray[np.int64]:
    """Return how many of some things each two read groups have both (lanes, lanes)."""
    held = np.unique(of * lanes + lane)
    shape = (int(of.max()) + 1, lanes)
    table = csr_array((np.ones(held.size, dtype=np.int64), (held // lanes, held % lanes)), shape)
    counts: NDArray[np.int64] = (table.T @ table).toarray()
    return counts
