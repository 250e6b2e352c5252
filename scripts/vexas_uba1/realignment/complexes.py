"""Changes beside an insertion or deletion that reads show with it: they are one haplotype.

Aligners write such a haplotype in several ways, and differently in each read that ends in it. Here
it is told by the bases it spells, and written in one way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.locus.edits import Edit
from vexas_uba1.locus.normalise import trimmed
from vexas_uba1.realignment.codon import best_columns
from vexas_uba1.realignment.indels import (
    FEWEST_READS,
    SMALLEST_SHARE,
    Candidate,
    depths,
)
from vexas_uba1.realignment.tails import Places
from vexas_uba1.realignment.tracks import NOWHERE, Track
from vexas_uba1.reference import BASES, UNKNOWN, ReferenceWindow, encode

_WINDOW = 30  # stored bases at either side of the indel that are looked at
_SOLID = 7  # neighbouring bases that agree end the haplotype (assumed)
_LONGEST = 50  # bases that it puts in
_BESIDE = 16  # bases of the reference at either side, between which it is aligned
_SHARE_OF_INDEL = 0.05  # of the reads with one of its indels, so that errors are none (assumed)
_MOST = 16  # those of most reads; each costs a comparison


def complex_candidates(
    reads: Reads,
    track: Track,
    shown: Mapping[Edit, NDArray[np.int64]],
    reference: ReferenceWindow,
    codon: Collection[int],
) -> dict[Candidate, NDArray[np.int64]]:
    """Return haplotypes of an indel with further changes, each with the reads that show all of it.

    Args:
        reads: All reads.
        track: What they follow: the genome, or the spliced transcript.
        shown: Indels of the alignments as they are placed, with their reads.
        reference: What is known of the window's bases.
        codon: 0-based positions of the codon, which gaps should spare.
    """
    places, depth = Places(reads), depths(reads)
    readers: dict[Edit, list[NDArray[np.int64]]] = {}
    enough: set[Edit] = set()
    for indel, by in shown.items():
        fewest = max(FEWEST_READS, SMALLEST_SHARE * depth(indel.start))
        if by.size < fewest:
            continue
        fewest = max(fewest, _SHARE_OF_INDEL * by.size)
        for edit, rows in _spelled(places, by, indel, track, reference):
            readers.setdefault(edit, []).append(rows)
            if rows.size >= fewest:
                enough.add(edit)
    united = {edit: np.unique(np.concatenate(readers[edit])) for edit in enough}
    found = {}
    for edit in sorted(united, key=lambda one: (-united[one].size, one))[:_MOST]:
        candidate = _candidate(edit, track, codon)
        if candidate is not None:
            found[candidate] = united[edit]
    return found


def _spelled(
    places: Places,
    read: NDArray[np.int64],
    indel: Edit,
    track: Track,
    reference: ReferenceWindow,
) -> Iterator[tuple[Edit, NDArray[np.int64]]]:
    """Yield what reads with an indel spell around it, where that is more than the indel."""
    reads = places.reads
    before, _ = places.base_before(read, indel.start)
    read, before = read[before >= 0], before[before >= 0]
    width = 2 * _WINDOW + len(indel.alt)
    base = before[:, None] + np.arange(1 - _WINDOW, 1 - _WINDOW + width)
    inside = (base >= places.first_aligned[read][:, None]) & (
        base <= places.last_aligned[read][:, None]
    )
    base = np.where(inside, base, 0)
    now = np.where(inside, places.positions(base), NOWHERE)
    column = np.where(now >= 0, track.columns_of(now), -1)
    code = np.where(inside, reads.code[base], UNKNOWN).astype(np.int64)
    expected = np.where(column >= 0, track.code[column], UNKNOWN)
    agrees = (column >= 0) & (code == expected) & (code < UNKNOWN)
    left, right = _solid_ends(agrees, column)
    rows = np.flatnonzero((left >= 0) & (right >= 0))
    if rows.size == 0:
        return
    first, last = left[rows], right[rows]
    # The stretch between two bases that agree, both of them included.
    within = (np.arange(width) >= first[:, None]) & (np.arange(width) <= last[:, None])
    span = column[rows, last] - column[rows, first]
    key = np.concatenate(
        [np.where(within, code[rows], -1), column[rows, first][:, None], span[:, None]], axis=1
    )
    distinct, group = np.unique(key, axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    found: dict[Edit, list[NDArray[np.int64]]] = {}
    for row, members in zip(
        distinct, np.split(order, np.cumsum(np.bincount(group.ravel()))[:-1]), strict=True
    ):
        edit = _edit(row[:-2], int(row[-2]), int(row[-1]), track, reference)
        if edit is not None:
            found.setdefault(edit, []).append(read[rows[members]])
    for edit, parts in found.items():
        yield edit, np.concatenate(parts)


def _solid_ends(
    agrees: NDArray[np.bool_], column: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the nearest base of a solid stretch to either side of the indel, -1 without (K, K).

    Args:
        agrees: Which bases equal the track (K, n).
        column: Where they lie on it (K, n).
    """
    pairs = agrees[:, :-1] & agrees[:, 1:] & (np.diff(column, axis=1) == 1)
    broken = np.cumsum(~pairs, axis=1, dtype=np.int64)
    broken = np.concatenate([np.zeros((broken.shape[0], 1), dtype=np.int64), broken], axis=1)
    solid = broken[:, _SOLID - 1 :] == broken[:, : 1 - _SOLID]
    width = column.shape[1]
    before, behind = solid[:, : _WINDOW - _SOLID + 1], solid[:, width - _WINDOW :]
    left = _WINDOW - 1 - before[:, ::-1].argmax(axis=1)
    right = width - _WINDOW + behind.argmax(axis=1)
    return np.where(before.any(axis=1), left, -1), np.where(behind.any(axis=1), right, -1)


def _edit(
    codes: NDArray[np.int64], column: int, span: int, track: Track, reference: ReferenceWindow
) -> Edit | None:
    """Return the one edit that a stretch spells; None for less than a delins, or beside N.

    Args:
        codes: Of the stretch, both ends equal to the track; -1 outside of it.
        column: Column of its first base.
        span: Columns from there to its last base.
        track: The track.
        reference: The window's bases.
    """
    inner = codes[codes >= 0][1:-1]
    start, end = int(track.position[column]) + 1, int(track.position[column + span])
    if inner.max(initial=0) >= UNKNOWN or span != end - start + 1 or inner.size > _LONGEST:
        return None
    edit = trimmed(Edit(start, end, "".join(BASES[code] for code in inner)), reference)
    plain = not edit.alt or edit.start == edit.end or (edit.end - edit.start == len(edit.alt) == 1)
    unknown = "N" in reference.slice(edit.start - 1, edit.end + 1)
    return None if plain or unknown or not track.holds(edit) else edit


def _candidate(edit: Edit, track: Track, codon: Collection[int]) -> Candidate | None:
    """Place a haplotype as reads around the codon are aligned anew, so that those stay as they are.

    None where too little is known beside it.
    """
    first = int(track.column[edit.start - track.start])
    last = first + edit.end - edit.start
    low, high = first - _BESIDE, last + _BESIDE
    if low < 0 or high > track.code.size or (track.code[low:high] == UNKNOWN).any():
        return None
    put = encode(edit.alt)
    bases = np.concatenate([track.code[low:first], put, track.code[last:high]])
    paired = min(last - first, put.size)
    now = np.full(bases.size, -1, dtype=np.int64)
    now[: _BESIDE + paired] = np.arange(_BESIDE + paired)
    now[-_BESIDE:] = np.arange(high - low)[-_BESIDE:]
    spared = frozenset((track.columns_of(np.array(sorted(codon))) - low).tolist())
    column = np.array(
        best_columns(track.code[low:high].tobytes(), bases.tobytes(), tuple(now.tolist()), spared)
    )
    # The bases beside it lie where they were, but for those that the gap passes.
    ends = np.arange(bases.size), np.arange(bases.size) + high - low - bases.size
    before = min(_BESIDE, int((column != ends[0]).argmax()) if (column != ends[0]).any() else 99)
    after = (column != ends[1])[::-1]
    behind = min(_BESIDE, int(after.argmax()) if after.any() else 99)
    if not before or not behind:
        return None
    inner = slice(before, bases.size - behind)
    wide = Edit(
        int(track.position[low + before]),
        int(track.position[high - behind - 1]) + 1,
        "".join(BASES[code] for code in bases[inner]),
    )
    at = np.where(column[inner] >= 0, track.position[low + column[inner]], NOWHERE)
    if not track.holds(wide):
        return None
    return Candidate(
        edit, wide, wide.start, wide.end, compared=True, shared=True, at=tuple(at.tolist())
    )
