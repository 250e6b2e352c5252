"""Reads full of small indels, asked whether they have a listed deletion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Deletions, Insertions, Reads
from vexas_uba1.locus.edits import Edit
from vexas_uba1.realignment.codon import Columns, aligned_anew, solid_anchors
from vexas_uba1.realignment.indels import FEWEST_READS, Candidate
from vexas_uba1.realignment.rewriting import Moves
from vexas_uba1.realignment.tails import LONGEST_GAP, Places
from vexas_uba1.realignment.tracks import NOWHERE, Track
from vexas_uba1.reference import BASES, UNKNOWN

_SHORTEST = 4  # bases of a deletion; errors of a read are as good as shorter ones
_NEAR = 15  # bases from the deletion to an indel that may disturb it
_FREE = 10  # bases at either side of it that are always aligned anew
_FEWEST = 3  # small indels of a read elsewhere, and
_RATE = 0.003  # their share of its bases, that make it one that errs in length (assumed)
_CLEAR = 2  # edits by which one explanation must be better than the other (assumed)
_MOST = 0.3  # edits for each base; what neither explains better is not known (assumed)


@dataclass(frozen=True)
class Answers:
    """What became of the reads.

    Attributes:
        looked: The reads compared.
        moves: Those written as what explains them best.
        holds: Those that have the deletion.
        unclear: Those that neither explains.
    """

    looked: NDArray[np.int64]
    moves: Moves
    holds: NDArray[np.int64]
    unclear: NDArray[np.int64]


def ask_for_deletion(
    reads: Reads,
    track: Track,
    genome: Track,
    candidate: Candidate,
    codon: Sequence[int],
    shown: Mapping[Edit, NDArray[np.int64]],
) -> Answers:
    """Compare reads that err in length with the reference and with a listed deletion.

    Between the nearest solid anchors beyond ``_FREE`` bases the fewer edits (bases changed, put in
    or taken out) win, for these reads lose single bases, not eight at once. A read that has the
    deletion is written so that it shows it, its own errors beside it.

    Args:
        reads: All reads.
        track: What they follow: the genome, or the spliced transcript.
        genome: The window's bases.
        candidate: The deletion.
        codon: 0-based positions, whose bases stay as the molecule reads them.
        shown: Indels of the alignments with their reads; what more reads show there than the
            listed deletion may be another allele, and who fits that best is left alone.
    """
    put = candidate.put
    if put.alt or put.end - put.start < _SHORTEST or not track.holds(put):
        return Answers(_NONE, Moves.joined([]), _NONE, _NONE)
    rows, shows, others = _disturbed(reads, candidate)
    places = Places(reads)
    left, left_base = solid_anchors(places, genome, rows, candidate.low - _FREE, -1)
    right, right_base = solid_anchors(places, genome, rows, candidate.high + _FREE, 1)
    first, last = track.columns_of(left), track.columns_of(right)
    usable = (left >= 0) & (right >= 0) & (first >= 0) & (last > first) & (right_base > left_base)
    edited = track.edited(put)
    rivals = [track.edited(edit) for edit in _rivals(candidate, shown) if track.holds(edit)]
    moves: list[Moves] = []
    holds, unclear = [], rows[~usable & others].tolist()
    for index in np.flatnonzero(usable).tolist():
        read = int(rows[index])
        bases = np.arange(left_base[index] + 1, right_base[index])
        text = reads.code[bases].tobytes()
        ends = np.array([left[index], right[index]])
        plain, changed = (_between(one, ends) for one in (track, edited))
        if bases.size == 0 or UNKNOWN in plain[1]:
            continue
        against, for_it = _edits(plain[1], text), _edits(changed[1], text)
        others_best = min((_edits(_between(one, ends)[1], text) for one in rivals), default=None)
        if others_best is not None and others_best < min(against, for_it):
            continue
        if abs(against - for_it) < _CLEAR or min(against, for_it) > _MOST * len(text):
            unclear.append(read)
            continue
        offset, expected = changed if for_it < against else plain
        followed = edited if for_it < against else track
        if for_it < against:
            holds.append(read)
        elif not shows[index]:
            continue
        beside = frozenset(
            int(one) - offset for one in followed.columns_of(np.array(codon)) if one >= 0
        )
        columns = aligned_anew(expected, text, beside)
        if for_it < against:
            junction = int(edited.columns_of(np.array([put.end]))[0]) - offset
            columns = _flanked(columns, junction)
        placed = np.array(columns, dtype=np.int64)
        to = np.where(placed >= 0, followed.position[placed + offset], NOWHERE)
        every = np.ones((1, bases.size), dtype=np.bool_)
        moves.append(Moves.of_bases(rows[index : index + 1], bases[None], every, to[None]))
    return Answers(
        rows,
        Moves.joined(moves),
        np.array(holds, dtype=np.int64),
        np.array(sorted(unclear), dtype=np.int64),
    )


def forget(reads: Reads, rows: NDArray[np.int64], start: int, end: int) -> Reads:
    """Return the reads, some of them without what they show of ``[start, end)``, 0-based.

    Their bases there are unknown, and their insertions and deletions that touch it are left out.
    """
    if rows.size == 0:
        return reads
    mine = np.zeros(reads.count, dtype=np.bool_)
    mine[rows] = True
    code = reads.code.copy()
    blocks, gone, put = reads.blocks, reads.deletions, reads.insertions
    for block in np.flatnonzero(
        mine[blocks.read] & (blocks.position < end) & (blocks.position + blocks.length > start)
    ):
        low = max(0, start - int(blocks.position[block]))
        high = min(int(blocks.length[block]), end - int(blocks.position[block]))
        code[blocks.base[block] + low : blocks.base[block] + high] = UNKNOWN
    kept = ~(mine[gone.read] & (gone.start <= end) & (gone.end >= start))
    stays = ~(mine[put.read] & (put.position <= end) & (put.position >= start))
    return replace(
        reads,
        code=code,
        deletions=Deletions(gone.read[kept], gone.start[kept], gone.end[kept], gone.base[kept]),
        insertions=Insertions(
            put.read[stays], put.position[stays], put.base[stays], put.length[stays]
        ),
    )


_NONE = np.array([], dtype=np.int64)


def _disturbed(
    reads: Reads, candidate: Candidate
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the reads that err in length and have indels near the deletion.

    Returns:
        The reads, ascending (K); which show the deletion (K); and which show another indel (K).
    """
    low, high = candidate.low - _NEAR, candidate.high + _NEAR
    gone, put = reads.deletions, reads.insertions
    small = gone.end - gone.start <= LONGEST_GAP
    near_gone = (gone.start < high) & (gone.end > low) & small
    near_put = (put.position < high) & (put.position > low)
    own = (gone.start == candidate.put.start) & (gone.end == candidate.put.end)
    elsewhere = np.bincount(gone.read[small & ~near_gone], minlength=reads.count)
    elsewhere += np.bincount(put.read[~near_put], minlength=reads.count)
    size = np.bincount(reads.blocks.read, weights=reads.blocks.length, minlength=reads.count)
    errs = (elsewhere >= _FEWEST) & (elsewhere >= _RATE * size)
    shows, others = np.zeros((2, reads.count), dtype=np.bool_)
    shows[gone.read[own]] = True
    others[gone.read[near_gone & ~own]] = others[put.read[near_put]] = True
    reaches = (reads.start < candidate.low) & (reads.end > candidate.high)
    rows = np.flatnonzero(errs & reaches & (shows | others))
    return rows, shows[rows], others[rows]


def _rivals(candidate: Candidate, shown: Mapping[Edit, NDArray[np.int64]]) -> list[Edit]:
    """Return the larger indels near a listed one that more reads show than show that one."""
    size = candidate.put.end - candidate.put.start
    own = {
        edit
        for edit in shown
        if edit.end - edit.start == size
        and candidate.low <= edit.start <= edit.end <= candidate.high
    }
    fewest = max(FEWEST_READS, 1 + sum(shown[edit].size for edit in own))
    return sorted(
        edit
        for edit in shown.keys() - own
        if shown[edit].size >= fewest
        and max(edit.end - edit.start, len(edit.alt)) >= _SHORTEST
        and edit.start < candidate.high + _NEAR
        and edit.end > candidate.low - _NEAR
    )


def _between(track: Track, ends: NDArray[np.int64]) -> tuple[int, bytes]:
    """Return the first column behind the one end, and the codes up to the other."""
    first, last = track.columns_of(ends).tolist()
    return first + 1, track.code[first + 1 : last].tobytes()


@lru_cache(maxsize=4096)
def _edits(reference: bytes, bases: bytes) -> int:
    """Return the fewest single-base edits between codes; unknown ones cost nothing."""
    texts = ["".join(BASES[code] for code in codes) for codes in (reference, bases)]
    return -int(_counter().score(*texts))


@cache
def _counter() -> Any:
    from Bio.Align import PairwiseAligner

    counter = PairwiseAligner(mode="global", wildcard="N")
    counter.match_score = 0
    counter.mismatch_score = counter.open_gap_score = counter.extend_gap_score = -1
    return counter


def _flanked(columns: Columns, junction: int) -> Columns:
    """Put bases on both sides of the deletion, before column ``junction``, and nothing in it.

    Gaps of the read that touch it move one base away, for else they would make another deletion
    of it.
    """
    placed = list(columns)
    behind = next((at for at, one in enumerate(placed) if one >= junction), len(placed))
    before = [at for at in range(behind) if placed[at] >= 0]
    if behind == 0 or behind == len(placed):
        return columns
    if before and placed[before[-1]] == junction - 1:
        placed[before[-1]] = -1
    placed[behind - 1] = junction - 1
    placed[behind] = junction
    return tuple(placed)
