"""Ends of reads carried on: over junctions of the transcript, and over clips before a target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.locus.record import Interval
from vexas_uba1.realignment.indels import FEWEST_READS, SMALLEST_SHARE
from vexas_uba1.realignment.rewriting import Moves
from vexas_uba1.realignment.tails import (
    FEWEST_CARRIED,
    MISMATCHES_ALLOWED,
    Places,
    Tails,
    tails_of,
)
from vexas_uba1.realignment.tracks import NOWHERE, Track
from vexas_uba1.reference import UNKNOWN

_BEFORE_JUNCTION = 15  # bases before a junction within which an alignment that ends may cross it
_FEWEST_ANCHORED = 12
_MOST_CLIPPED = 30  # bases; a longer clip is another molecule's, or an adapter
_REACH = 20  # bases from a clip to the target it may hide

_NONE = np.array([], dtype=np.int64)


def follow_transcript(
    reads: Reads,
    genome: Track,
    spliced: Track,
    exons: Sequence[Interval],
    targets: NDArray[np.int64],
    direction: int,
    among: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], Moves, Moves]:
    """Compare what lies beyond each junction with the next exon.

    A base that differs there as other reads show it at a target is no mismatch: few bases of a
    variant must not fit an intron better than the exon.

    Args:
        reads: Of RNA.
        genome: The window's bases.
        spliced: Those of the transcript.
        exons: Ascending.
        targets: 0-based, ascending.
        direction: 1 for right ends, -1 for left ends.
        among: Which reads to look at (R).

    Returns:
        The reads looked at; those carried on along the exons; and those whose few bases in an
        intron fit the next exon no worse, and are clipped.
    """
    places = Places(reads, own=True)
    on_purpose = (places.loose(direction) > 0) & ~places.stopped(genome, direction)
    starts = np.array([start for start, _ in exons])
    ends = np.array([end for _, end in exons])
    looked: list[NDArray[np.int64]] = [_NONE]
    carried: list[Moves] = []
    hidden: list[Moves] = []
    for index in range(len(exons) - 1) if direction > 0 else range(1, len(exons)):
        rows, anchor = _at_junction(
            places, (starts, ends), int(ends[index] if direction > 0 else starts[index]), direction
        )
        rows, anchor = rows[among[rows]], anchor[among[rows]]
        looked.append(rows)
        for tails in tails_of(places, rows, anchor, direction):
            boundary = int(ends[index] - 1 if direction > 0 else starts[index])
            # A clip at the very boundary is the aligner's, though the intron's first base may fit.
            free = ~on_purpose[tails.read] | (tails.end == boundary)
            to, codes = tails.along(spliced)
            differs = tails.known(codes) & (tails.code != codes) & (to >= 0)
            shared = _shared(reads, targets, to, tails.code, differs)
            codes = np.where(shared, tails.code, codes)
            onto_exons, off_intron = _decide(tails, genome, (to, codes), boundary, free)
            carried.append(onto_exons)
            hidden.append(off_intron)
    # A short exon's both junctions may be those of one end; the first one leads over both.
    onward, back = Moves.joined(carried[::direction]), Moves.joined(hidden)
    return (
        np.unique(np.concatenate(looked)),
        onward.once(np.arange(onward.read.size)),
        back.once(np.arange(back.read.size)),
    )


def _at_junction(
    places: Places,
    exons: tuple[NDArray[np.int64], NDArray[np.int64]],
    edge: int,
    direction: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the reads that do not pass an exon's edge as the exons do, and their anchors.

    ``edge`` is the exon's exclusive end, or its start. The anchor is the last aligned base before
    it.
    """
    blocks = places.reads.blocks
    starts, ends = exons
    begin, finish = blocks.position, blocks.position + blocks.length
    if direction > 0:
        near = np.flatnonzero((begin < edge) & (finish > edge - _BEFORE_JUNCTION))
        step = np.minimum(finish[near], edge) - 1 - begin[near]
        other, at_edge = near + 1, finish[near] == edge
    else:
        near = np.flatnonzero((finish > edge) & (begin < edge + _BEFORE_JUNCTION))
        step = np.maximum(begin[near], edge) - begin[near]
        other, at_edge = near - 1, begin[near] == edge
    read, anchor = blocks.read[near], blocks.base[near] + step
    kept = np.clip(other, 0, blocks.read.size - 1)
    has_other = (other == kept) & (blocks.read[kept] == read)
    far = begin[kept] if direction > 0 else finish[kept]
    outside = far >= edge if direction > 0 else far <= edge
    proper = has_other & at_edge & np.isin(far, starts if direction > 0 else ends)
    if direction > 0:
        beyond = places.end_base[read] - 1 - anchor
        anchored = anchor - places.first_aligned[read] + 1
    else:
        beyond = anchor - places.first_base[read]
        anchored = places.last_aligned[read] - anchor + 1
    wanted = ~proper & (~has_other | outside) & (beyond > 0) & (anchored >= _FEWEST_ANCHORED)
    return read[wanted], anchor[wanted]


def _decide(
    tails: Tails,
    genome: Track,
    spliced: tuple[NDArray[np.int64], NDArray[np.uint8]],
    boundary: int,
    free: NDArray[np.bool_],
) -> tuple[Moves, Moves]:
    """Return which tails go on along the exons, and which bases beyond the boundary are hidden.

    ``spliced`` is where their bases lie along the exons, and what is expected there; ``boundary``
    is the exon's last base; ends that ``free`` does not mark are not carried on (K).
    """
    to, codes = spliced
    _, unspliced = tails.along(genome)
    meets = (to >= 0) & (to == tails.now) & (tails.direction * (to - boundary) > 0)
    rejoins = meets.any(axis=1)
    upto = np.where(rejoins, meets.argmax(axis=1), tails.inside.sum(axis=1))
    counted = np.arange(to.shape[1]) < upto[:, None]
    changed = counted & (to != tails.now)
    known = tails.known(codes) & changed
    compared = known.sum(axis=1)
    different = (known & (tails.code != codes)).sum(axis=1)
    # What is clipped is weighed as if the intron went on there.
    present = np.where(tails.clipped, unspliced, genome.codes_at(tails.now))
    along = np.where(counted, tails.scores(codes), 0).sum(axis=1)
    now = np.where(counted, tails.scores(present.astype(np.uint8)), 0).sum(axis=1)
    # Bases left out between parts that lie as far apart as the exons have it: as many put in as
    # are lacking, two changes of length.
    left_out = (counted & (tails.now < 0) & ~tails.clipped).any(axis=1)
    now -= np.where(rejoins & left_out, 2 * tails.penalty, 0)
    fits = (compared >= FEWEST_CARRIED) & (different <= compared // MISMATCHES_ALLOWED)
    usable = (rejoins | (free & tails.complete)) & changed.any(axis=1)
    onward = usable & ((fits & (along > now)) | (rejoins & (along >= now)))
    rows = np.flatnonzero(onward)
    carried = Moves.of_tails(tails, rows, upto[rows], to[rows])
    overhang = (tails.now >= 0) & (tails.direction * (tails.now - boundary) > 0)
    beyond = np.logical_or.accumulate(overhang, axis=1)
    aligned = np.where(overhang, tails.scores(genome.codes_at(tails.now)), 0).sum(axis=1)
    spliced_there = np.where(overhang, tails.scores(codes), 0).sum(axis=1)
    rows = np.flatnonzero(
        tails.complete
        & ~rejoins
        & ~onward
        & overhang.any(axis=1)
        & (spliced_there >= aligned)
        & (tails.known(codes) & overhang).any(axis=1)
    )
    back = Moves.of_tails(tails, rows, upto[rows], np.where(beyond, NOWHERE, tails.now)[rows])
    return carried, back


def extend_clips(
    reads: Reads,
    genome: Track,
    spliced: Track | None,
    targets: NDArray[np.int64],
    left_alone: NDArray[np.bool_],
    direction: int,
) -> tuple[NDArray[np.int64], Moves]:
    """Carry clipped ends on without a gap where they hide a target and fit as a whole.

    Few bases fit only if all that differ are changes that other reads show at targets: a read that
    ends in a variant must not be lost where one that ends in the reference is kept.

    Args:
        reads: All reads.
        genome: The window's bases.
        spliced: Those of the transcript, if reads are of RNA.
        targets: 0-based, ascending.
        left_alone: Which reads fit an indel no worse (R).
        direction: 1 for right ends, -1 for left ends.

    Returns:
        The reads looked at, and those carried on.
    """
    places = Places(reads, own=True)
    clip = places.loose(direction)
    reach = np.minimum(clip, _REACH)
    low = reads.end if direction > 0 else reads.start - reach
    hides = np.searchsorted(targets, low + reach) > np.searchsorted(targets, low)
    wanted = hides & (clip <= _MOST_CLIPPED) & places.stopped(genome, direction)
    wanted &= ~left_alone
    rows = np.flatnonzero(wanted)
    anchor = places.last_aligned[rows] if direction > 0 else places.first_aligned[rows]
    carried = []
    for tails in tails_of(places, rows, anchor, direction):
        to, codes = tails.along(genome)
        if spliced is not None:
            on_exon = (spliced.columns_of(tails.anchor) >= 0)[:, None]
            along, exon_codes = tails.along(spliced)
            to, codes = np.where(on_exon, along, to), np.where(on_exon, exon_codes, codes)
        known = tails.known(codes)
        compared = known.sum(axis=1)
        differs = known & (tails.code != codes)
        few = compared < FEWEST_CARRIED
        shared = _shared(reads, targets, to, tails.code, differs & few[:, None])
        told = differs.any(axis=1) & (known | ~tails.inside).all(axis=1)
        fits = np.where(
            few,
            told & (shared | ~differs).all(axis=1),
            differs.sum(axis=1) <= compared // MISMATCHES_ALLOWED,
        )
        taken = np.flatnonzero(fits & (to[:, 0] >= 0))
        carried.append(Moves.of_tails(tails, taken, tails.inside[taken].sum(axis=1), to[taken]))
    return rows, Moves.joined(carried)


def _shared(
    reads: Reads,
    targets: NDArray[np.int64],
    position: NDArray[np.int64],
    code: NDArray[np.uint8],
    asked: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return which of the bases asked for other reads show at the same target (K, n)."""
    shared = np.zeros(asked.shape, dtype=np.bool_)
    blocks = reads.blocks
    for place in np.intersect1d(position[asked], targets).tolist():
        offset = place - blocks.position
        over = (offset >= 0) & (offset < blocks.length)
        shown = np.bincount(reads.code[(blocks.base + offset)[over]], minlength=UNKNOWN + 1)
        enough = shown >= max(FEWEST_READS, SMALLEST_SHARE * int(over.sum()))
        here = asked & (position == place)
        shared[here] = enough[code[here]]
    return shared
