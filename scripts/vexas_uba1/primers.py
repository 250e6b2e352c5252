"""The primers of an amplicon library: what comes from a primer is no evidence.

A polymerase copies the primer's own bases into the amplicon, whatever the template holds there. So
the bases of fragments that begin or end in a primer become unknown where the primer lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Blocks, Deletions, Insertions, Reads
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.reference import UNKNOWN
from vexas_uba1.result import PrimerUse
from vexas_uba1.samples.primers import Primer, Primers

OUTSIDE = 5
"""Bases before a primer's outer end at which its fragments may begin (assumed): untemplated bases
and what aligners make of them."""

_NOWHERE = -(1 << 62)
_ROWS_AT_ONCE = 1 << 13  # so that their indices stay in the processor's cache


def mask_primers(
    reads: Reads, primers: Primers | None, placed: PlacedLocus
) -> tuple[Reads, PrimerUse | None]:
    """Make the bases that come from a primer unknown, and count what that takes away.

    A fragment that begins in a left primer, or up to :data:`OUTSIDE` bases before it, has that
    primer's bases; so has its mate where it reads back to that end. The same holds for the other
    end and right primers. A fragment that merely passes through a primer's place, as those of a
    neighbouring amplicon do, keeps its bases. The outer ends are the 5' ends of mates and both ends
    of an unpaired read, with their clipped bases or, where no primer lies there (a tail that was
    not cut off), without them.

    Insertions and deletions that touch a primer's bases are taken out: one of their flanks is not
    the template's.

    Args:
        reads: As the alignments room gives them, or realigned.
        primers: Of the library; None leaves all as it is.
        placed: The gene in the reads' coordinates.

    Returns:
        The same reads with code 4 at the primers' bases, and the counts; None without primers.

    Raises:
        UserError: see :meth:`Primers.over`.
    """
    if primers is None:
        return reads, None
    inside = primers.over(placed)
    first, last = _kept(reads, inside)
    return _masked(reads, first, last), _use(reads, first, last, len(inside), placed)


def _kept(reads: Reads, primers: Sequence[Primer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each fragment, first and exclusive last position that no primer of its holds."""
    # 5' ends of mates; both ends of a read alone.
    left = ~reads.supplementary & ~(reads.reverse & reads.both_ends)
    right = ~reads.supplementary & (reads.reverse | ~reads.both_ends)
    first = _behind(
        _outermost(reads, reads.fragment_start, left),
        _outermost(reads, np.where(left, reads.start, reads.fragment_start), left),
        [(one.start, one.end) for one in primers if one.strand != "-"],
    )
    # The right end is a left end in coordinates that run the other way.
    last = -_behind(
        _outermost(reads, -reads.fragment_end, right),
        _outermost(reads, -np.where(right, reads.end, reads.fragment_end), right),
        [(-one.end, -one.start) for one in primers if one.strand != "+"],
    )
    return first, last


def _outermost(reads: Reads, ends: NDArray[np.int64], own: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the lowest of each fragment's ``ends`` (R), told by its ``own`` reads (R) if any (F).

    Otherwise by their mates' records.
    """
    lowest = np.full(reads.fragments, -_NOWHERE)
    for tier in (own, ~reads.supplementary):
        chosen = tier & (lowest[reads.fragment] == -_NOWHERE)
        np.minimum.at(lowest, reads.fragment[chosen], ends[chosen])
    return lowest


def _behind(
    clipped: NDArray[np.int64],
    aligned: NDArray[np.int64],
    primers: Sequence[tuple[int, int]],
) -> NDArray[np.int64]:
    """Return where the primer that each fragment begins in ends; the farthest, if several do (F).

    Args:
        clipped: Where fragments begin, clipped bases included (F).
        aligned: The same without them, for those whose clipped end lies at no primer (F).
        primers: Their intervals.
    """
    if not primers:
        return np.full(clipped.size, _NOWHERE)
    starts, ends = np.array(sorted(primers), dtype=np.int64).T
    farthest = np.maximum.accumulate(ends)

    def end_of(begin: NDArray[np.int64]) -> NDArray[np.int64]:
        begun = np.searchsorted(starts, begin + OUTSIDE, side="right") - 1
        end = np.where(begun >= 0, farthest[np.maximum(begun, 0)], _NOWHERE)
        return np.where(end > begin, end, _NOWHERE)

    end = end_of(clipped)
    return np.where(end == _NOWHERE, end_of(aligned), end)


def _masked(reads: Reads, first: NDArray[np.int64], last: NDArray[np.int64]) -> Reads:
    """Return the reads without what lies before ``first`` or from ``last`` on, by fragment."""
    low, high = first[reads.fragment], last[reads.fragment]  # (R)
    code = reads.code.copy()
    inserted, deleted = reads.insertions, reads.deletions
    for stretch in _stretches(reads):
        begins = stretch.position
        ends = begins + stretch.length
        head = np.clip(low[stretch.read] - begins, 0, stretch.length)
        tail = np.clip(ends - high[stretch.read], 0, stretch.length)
        _forget(code, stretch.base, head)
        _forget(code, stretch.base + stretch.length - tail, tail)
    own = (inserted.position > low[inserted.read]) & (inserted.position < high[inserted.read])
    _forget(code, inserted.base[~own], inserted.length[~own])
    spans = (deleted.start > low[deleted.read]) & (deleted.end < high[deleted.read])
    return replace(
        reads,
        code=code,
        insertions=Insertions(
            inserted.read[own], inserted.position[own], inserted.base[own], inserted.length[own]
        ),
        deletions=Deletions(
            deleted.read[spans], deleted.start[spans], deleted.end[spans], deleted.base[spans]
        ),
    )


def _stretches(reads: Reads) -> Iterator[Blocks]:
    """Give the aligned blocks, then the clipped bases as if they were aligned."""
    yield reads.blocks
    for clip, base, position in (
        (reads.left_clip, reads.first_base[:-1], reads.start - reads.left_clip),
        (reads.right_clip, reads.first_base[1:] - reads.right_clip, reads.end),
    ):
        read = np.flatnonzero(clip)
        yield Blocks(read, base[read], position[read], clip[read].astype(np.int64))


def _forget(code: NDArray[np.uint8], base: NDArray[np.int64], length: NDArray[np.int64]) -> None:
    """Set ``length`` bases from each ``base`` on to unknown."""
    rows = np.flatnonzero(length)
    for at in range(0, rows.size, _ROWS_AT_ONCE):
        chosen = rows[at : at + _ROWS_AT_ONCE]
        lengths = length[chosen]
        before = np.cumsum(lengths) - lengths
        code[np.repeat(base[chosen] - before, lengths) + np.arange(lengths.sum())] = UNKNOWN


def _use(
    reads: Reads,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    primers: int,
    placed: PlacedLocus,
) -> PrimerUse:
    """Count fragments at primers, over the codon, and over it with bases of a primer there."""
    over, under = np.zeros((2, reads.fragments), dtype=np.bool_)
    for position in placed.codon_positions:
        begins = reads.blocks.position
        covers = (begins <= position) & (position < begins + reads.blocks.length)
        fragments = reads.fragment[reads.blocks.read[covers]]
        over[fragments] = True
        under[fragments] |= (position < first[fragments]) | (position >= last[fragments])
    return PrimerUse(
        in_window=primers,
        fragments=int(((first != _NOWHERE) | (last != -_NOWHERE)).sum()),
        codon_fragments=int(over.sum()),
        codon_primer_fragments=int(under.sum()),
    )
