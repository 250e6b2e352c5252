"""Reads with scattered indels beside the codon, aligned anew between solid anchors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.realignment.rewriting import Moves
from vexas_uba1.realignment.tails import Places, tails_of
from vexas_uba1.realignment.tracks import NOWHERE, Track
from vexas_uba1.reference import BASES, UNKNOWN

_NEAR = 15  # bases from the codon to an indel that may disturb it
_FREE = 10  # bases at either side of the codon that are always aligned anew
_SOLID = 8  # neighbouring bases that agree make an anchor
_LONGEST = 60  # bases from the codon to an anchor at most
# Scores of the alignment between anchors (assumed).
_MATCH, _MISMATCH, _OPEN, _EXTEND = 2, -4, -5, -1

_NONE = np.array([], dtype=np.int64)

Columns = tuple[int, ...]
"""Column of the track for each base, -1 for a base put in."""


def realign_codon(
    reads: Reads,
    track: Track,
    genome: Track,
    codon: Sequence[int],
    left_alone: NDArray[np.int64] = _NONE,
) -> tuple[NDArray[np.int64], Moves]:
    """Align reads anew that have two indels near the codon, or one in it.

    Between the nearest solid anchors beyond ``_FREE`` bases the whole is aligned globally with
    affine gaps; of equally good alignments the present one stays. Gaps lie as far left as the
    codon's bases allow to stay as the molecule reads them.

    Args:
        reads: All reads.
        track: What they follow: the genome, or the spliced transcript.
        genome: The window's bases.
        codon: 0-based positions.
        left_alone: Reads that have been aligned anew already.

    Returns:
        The reads looked at, and those aligned anew.
    """
    low, high = min(codon), max(codon) + 1
    rows = np.setdiff1d(_disturbed(reads, low, high), left_alone)
    places = Places(reads)
    left, left_base = solid_anchors(places, genome, rows, low - _FREE, -1)
    right, right_base = solid_anchors(places, genome, rows, high + _FREE, 1)
    first, last = track.columns_of(left), track.columns_of(right)
    codon_columns = frozenset(track.columns_of(np.array(codon)).tolist())
    usable = (left >= 0) & (right >= 0) & (first >= 0) & (last > first) & (right_base > left_base)
    found = []
    for index in np.flatnonzero(usable).tolist():
        bases = np.arange(left_base[index] + 1, right_base[index])
        now = places.positions(bases)
        column = np.where(now >= 0, track.columns_of(now), -1)
        offset = int(first[index]) + 1
        expected = track.code[offset : int(last[index])]
        # Unknown bases would let a gap lie anywhere.
        if ((now >= 0) & (column < 0)).any() or (expected == UNKNOWN).any():
            continue
        better = _best(
            expected.tobytes(),
            reads.code[bases].tobytes(),
            tuple(np.where(column >= 0, column - offset, -1).tolist()),
            frozenset(one - offset for one in codon_columns),
        )
        if better is not None:
            placed = np.array(better, dtype=np.int64)
            position = np.where(placed >= 0, track.position[placed + offset], NOWHERE)
            every = np.ones((1, bases.size), dtype=np.bool_)
            found.append(
                Moves.of_bases(rows[index : index + 1], bases[None], every, position[None])
            )
    return rows, Moves.joined(found)


def _disturbed(reads: Reads, low: int, high: int) -> NDArray[np.int64]:
    """Return the reads with two indels near ``[low, high)`` or one in it, ascending."""
    gone, put = reads.deletions, reads.insertions
    near = np.concatenate(
        [
            gone.read[(gone.start < high + _NEAR) & (gone.end > low - _NEAR)],
            put.read[(put.position < high + _NEAR) & (put.position > low - _NEAR)],
        ]
    )
    inside = np.concatenate(
        [
            gone.read[(gone.start < high) & (gone.end > low)],
            put.read[(put.position < high) & (put.position > low)],
        ]
    )
    read, count = np.unique(near, return_counts=True)
    return np.union1d(read[count > 1], inside)


def solid_anchors(
    places: Places, genome: Track, rows: NDArray[np.int64], edge: int, direction: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the nearest solid anchor of each read, one of some neighbouring bases that agree.

    Args:
        places: Of the reads.
        genome: The window's bases.
        rows: The reads (K).
        edge: 0-based position that the anchor lies before, or at or behind.
        direction: -1 or 1.

    Returns:
        Its 0-based position and its stored base, -1 without one (K, K).
    """
    position = np.full(rows.size, -1, dtype=np.int64)
    base = np.full(rows.size, -1, dtype=np.int64)
    start, _ = places.base_before(rows, edge) if direction < 0 else places.base_from(rows, edge)
    reached = np.flatnonzero(start >= 0)
    at = 0
    for tails in tails_of(places, rows[reached], start[reached], direction):
        mine = reached[at : at + tails.read.size]
        at += tails.read.size
        now = tails.now[:, :_LONGEST]
        if now.shape[1] < _SOLID:
            continue
        code, expected = tails.code[:, :_LONGEST], genome.codes_at(now)
        agrees = (code < UNKNOWN) & (code == expected)
        follows = np.diff(now, axis=1, prepend=tails.anchor[:, None]) == direction
        # Length of the run of such bases that ends at each column.
        breaks = np.where((now >= 0) & agrees & follows, -1, np.arange(now.shape[1]))
        run = np.arange(now.shape[1]) - np.maximum.accumulate(breaks, axis=1)
        windows = run[:, _SOLID - 1 :] >= _SOLID
        solid = windows.any(axis=1)
        middle = windows.argmax(axis=1) + _SOLID // 2
        inner = np.arange(mine.size)
        position[mine] = np.where(solid, now[inner, middle], -1)
        base[mine] = np.where(solid, tails.base[inner, middle], -1)
    return position, base


def best_columns(reference: bytes, bases: bytes, now: Columns, codon: frozenset[int]) -> Columns:
    """Return where the bases lie in the best alignment; arguments as of ``_best``."""
    return _best(reference, bases, now, codon) or now


@lru_cache(maxsize=4096)
def _best(reference: bytes, bases: bytes, now: Columns, codon: frozenset[int]) -> Columns | None:
    """Return where the bases lie in the best alignment; None if that is where they are.

    Args:
        reference: Codes between the anchors.
        bases: Codes of the read between them.
        now: Columns of the bases at present.
        codon: Columns of the codon.
    """
    columns = now
    if reference and bases:
        texts = ["".join(BASES[code] for code in codes) for codes in (reference, bases)]
        alignment = _aligner().align(*texts)[0]
        if alignment.score > _score(reference, bases, now):
            columns = _columns_of(alignment.coordinates, len(bases))
    settled = _settled(columns, reference, bases, codon)
    return None if settled == now else settled


def aligned_anew(reference: bytes, bases: bytes, codon: frozenset[int]) -> Columns:
    """Return where bases lie in their best alignment between two anchors.

    Args:
        reference: Codes between the anchors, of any haplotype.
        bases: Codes of the read between them.
        codon: Columns of the codon.
    """
    texts = ["".join(BASES[code] for code in codes) for codes in (reference, bases)]
    alignment = _aligner().align(*texts)[0]
    return _settled(_columns_of(alignment.coordinates, len(bases)), reference, bases, codon)


@cache
def _aligner() -> Any:
    from Bio.Align import PairwiseAligner

    aligner = PairwiseAligner(mode="global", wildcard="N")
    aligner.match_score, aligner.mismatch_score = _MATCH, _MISMATCH
    aligner.open_gap_score, aligner.extend_gap_score = _OPEN, _EXTEND
    return aligner


def _columns_of(coordinates: Any, length: int) -> Columns:
    """Return the columns of an alignment given by its corners (2, corners)."""
    columns = [-1] * length
    corners = np.asarray(coordinates).T.tolist()
    for (column, base), (next_column, next_base) in pairwise(corners):
        if next_column > column and next_base > base:
            columns[base:next_base] = range(column, next_column)
    return tuple(columns)


def _score(reference: bytes, bases: bytes, columns: Columns) -> int:
    """Return the score of an alignment between two anchors, as the aligner counts."""
    score, expected, inserted = 0, 0, 0
    for base, column in zip(bases, columns, strict=True):
        if column < 0:
            inserted += 1
            continue
        score += _gap(inserted) + _gap(column - expected)
        if base < UNKNOWN:
            score += _MATCH if base == reference[column] else _MISMATCH
        expected, inserted = column + 1, 0
    return score + _gap(inserted) + _gap(len(reference) - expected)


def _gap(length: int) -> int:
    return _OPEN + _EXTEND * (length - 1) if length else 0


def _settled(columns: Columns, reference: bytes, bases: bytes, codon: frozenset[int]) -> Columns:
    """Put deletions where the codon's bases stay as the molecule reads them, and leftmost.

    A gap moves by one base where the reference bases on its two sides are equal. If all these
    placements touch the codon, the nearest that fits the read's bases no worse is taken; if there
    is none, the gap lies as far left as possible.
    """
    placed = list(columns)
    for index in range(1, len(placed)):
        start, end = placed[index - 1] + 1, placed[index]
        if start == 0 or end <= start:
            continue
        gap = _Gap(start, end, index, reference, bases)
        equal = gap.starts(placed, gap.same)
        as_good = gap.starts(placed, gap.as_good)
        clear = [one for one in equal if not codon & set(range(one, one + end - start))]
        others = [one for one in as_good if not codon & set(range(one, one + end - start))]
        if clear:
            gap.move(placed, min(clear))
        elif others:
            gap.move(placed, min(others, key=lambda one: (abs(one - start), one)))
        else:
            gap.move(placed, min(equal))
    return tuple(placed)


@dataclass(frozen=True)
class _Gap:
    """A deletion of the columns ``[start, end)`` before base ``index``."""

    start: int
    end: int
    index: int
    reference: bytes
    bases: bytes

    def same(self, base: int, one: int, other: int) -> bool:
        """Whether two columns hold the same known base."""
        return self.reference[one] == self.reference[other] < UNKNOWN

    def as_good(self, base: int, one: int, other: int) -> bool:
        """Whether a base of the read fits two columns alike."""
        fits = [self.reference[column] == self.bases[base] for column in (one, other)]
        return fits[0] == fits[1]

    def starts(self, placed: list[int], may_move: Callable[[int, int, int], bool]) -> list[int]:
        """Return the starts that the gap can have; ``may_move`` takes a base and two columns."""
        found = [self.start]
        size = self.end - self.start
        at, base = self.start, self.index - 1
        while base > 0 and placed[base - 1] == at - 2 and may_move(base, at - 1, at - 1 + size):
            at, base = at - 1, base - 1
            found.append(at)
        at, base = self.start, self.index
        while (
            base + 1 < len(placed)
            and placed[base + 1] == at + size + 1
            and may_move(base, at + size, at)
        ):
            at, base = at + 1, base + 1
            found.append(at)
        return found

    def move(self, placed: list[int], start: int) -> None:
        """Move the bases between the gap and its new start to the gap's other side."""
        size = self.end - self.start
        for base in range(self.index - (self.start - start), self.index):
            placed[base] += size
        for base in range(self.index, self.index + start - self.start):
            placed[base] -= size
