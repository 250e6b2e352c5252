"""Reads near an insertion or deletion, compared with the reference and with that haplotype.

A read that is clipped there, shows a mismatch or another indel is written as what explains it best.
What its bases cannot tell apart is clipped, so that it counts neither for nor against.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.locus.edits import Edit
from vexas_uba1.realignment.indels import Candidate
from vexas_uba1.realignment.rewriting import Moves
from vexas_uba1.realignment.tails import Places, Tails, tails_of
from vexas_uba1.realignment.tracks import NOWHERE, Track
from vexas_uba1.reference import UNKNOWN

CLIP_PENALTY = 27
"""Of a clipped end, where other reads show the indel: five bases are worth it (assumed). So reads
with 8 lacking bases are about as often informative as reads that must show all 8."""
_BESIDE = 12  # bases at either side of an indel within which aligners put it elsewhere or clip
_FEWEST_ANCHORED = 12
_CELLS = 1 << 22
_DECIMALS = 2
_SHORT = 6  # bases of an insertion that score less than one mismatch costs
_FAR = 20  # bases of which two at least disagree when an insertion is longer or shorter
_EPSILON = 0.01  # of a Phred; sums of small floats


@dataclass(frozen=True)
class _Proposals:
    """New places of reads, each with what it gains over the present alignment, in Phred."""

    moves: Moves
    gain: NDArray[np.float64]
    candidate: int


@dataclass(frozen=True)
class Comparison:
    """What comparing with all candidates gave.

    Attributes:
        compared: Which reads were looked at (R).
        moved: Those that another haplotype or placement explains better.
        chosen: Number of the candidate that each of them took.
        hidden: Ends that reference and indel explain alike, or that only seem to show mismatches.
        undecided: Which reads have a clipped end that fits an indel no worse than the reference
            (R).
    """

    compared: NDArray[np.bool_]
    moved: Moves
    chosen: NDArray[np.int64]
    hidden: Moves
    undecided: NDArray[np.bool_]


def compare(
    reads: Reads,
    genome: Track,
    spliced: Track | None,
    candidates: Mapping[Candidate, NDArray[np.int64]],
    shown: Mapping[Edit, NDArray[np.int64]],
    *,
    learnt: Track | None = None,
    among: NDArray[np.bool_] | None = None,
    settled: Mapping[Candidate, NDArray[np.bool_]] | None = None,
) -> Comparison:
    """Compare reads with every candidate near them and choose what explains each best.

    Args:
        reads: All reads.
        genome: The window's bases.
        spliced: Those of the transcript, if reads are of RNA.
        candidates: With the reads that show them.
        shown: Indels of the alignments as they are placed, with their reads.
        learnt: The window's bases with more of them known, to tell haplotypes apart; by default
            they are ``genome``.
        among: Which reads to look at; all by default (R).
        settled: By haplotype, which reads are known to have it (R): they are not compared with
            others that lie there, for these would be given the changes that the read must pay for.
    """
    places = Places(reads)
    learnt = genome if learnt is None else learnt
    stopped = (places.stopped(learnt, -1), places.stopped(learnt, 1))
    unsure = _unsure(places, learnt)
    proposals: list[_Proposals] = []
    hidden: list[Moves] = []
    looked = np.zeros(reads.count, dtype=np.bool_)
    undecided = np.zeros(reads.count, dtype=np.bool_)
    for number, (candidate, readers) in enumerate(candidates.items()):
        track = spliced if spliced is not None and spliced.holds(candidate.put) else learnt
        if not track.holds(candidate.put):
            continue
        wanted = np.zeros(reads.count, dtype=np.bool_)
        wanted[readers] = True
        if candidate.compared:
            _mark_suspects(wanted, places, stopped, unsure, candidate, learnt)
        wanted[shown.get(candidate.put, _NONE)] = False
        for other, known in (settled or {}).items():
            if other is not candidate and _meet(candidate, other):
                wanted &= ~known
        rows = np.flatnonzero(wanted if among is None else wanted & among)
        if rows.size == 0:
            continue
        looked[rows] = True
        shows = np.zeros(reads.count, dtype=np.bool_)
        shows[readers] = True
        for tails in _tails_at(places, rows, candidate, genome):
            weighed = _Weighed.of(tails, candidate, learnt, track)
            proposals.append(weighed.proposals(shows[tails.read], number))
            if candidate.compared:
                hidden.append(weighed.hidden())
                undecided[tails.read[weighed.open_end]] = True
    moved, chosen = _best(proposals)
    return Comparison(
        looked,
        moved,
        chosen,
        _longest(hidden, moved.read),
        undecided,
    )


_NONE = np.array([], dtype=np.int64)


def _meet(one: Candidate, other: Candidate) -> bool:
    return one.low <= other.high + _BESIDE and other.low <= one.high + _BESIDE


def _mark_suspects(
    wanted: NDArray[np.bool_],
    places: Places,
    stopped: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    unsure: NDArray[np.bool_],
    candidate: Candidate,
    genome: Track,
) -> None:
    """Mark the reads that might have the indel though their alignments do not show it so.

    ``stopped`` tells the reads that an aligner clipped at the left, and at the right (R, R);
    ``unsure`` those with a gap that could be explained better (R).
    """
    reads = places.reads
    low, high = candidate.low - _BESIDE, candidate.high + _BESIDE
    left, right = stopped
    wanted |= left & (reads.start >= low) & (reads.start <= high)
    wanted |= right & (reads.end >= low) & (reads.end <= high)
    gone, put = reads.deletions, reads.insertions
    for read in (
        gone.read[(gone.start <= high) & (gone.end >= low)],
        put.read[(put.position <= high) & (put.position >= low)],
    ):
        wanted[read[unsure[read]]] = True
    blocks = reads.blocks
    low, high = candidate.low - 2, candidate.high + 2
    over = np.flatnonzero((blocks.position < high) & (blocks.position + blocks.length > low))
    positions = np.arange(low, high)
    codes = genome.codes_at(positions)
    positions, codes = positions[codes < UNKNOWN], codes[codes < UNKNOWN]
    step = max(1, _CELLS // max(1, positions.size))
    for at in range(0, over.size, step):
        some = over[at : at + step]
        offset = positions - blocks.position[some][:, None]
        inside = (offset >= 0) & (offset < blocks.length[some][:, None])
        code = reads.code[np.where(inside, blocks.base[some][:, None] + offset, 0)]
        differs = (inside & (code < UNKNOWN) & (code != codes)).any(axis=1)
        wanted[blocks.read[some[differs]]] = True


def _unsure(places: Places, genome: Track) -> NDArray[np.bool_]:
    """Return the reads with a gap that another haplotype could explain better (R).

    None can if nothing is clipped, every base agrees with a known one, and there is but one gap: a
    deletion, or a short insertion far from the ends. An insertion's bases have no score of their
    own, so where few bases follow it a longer one can gain by them.
    """
    reads, blocks, put = places.reads, places.reads.blocks, places.reads.insertions
    gaps = np.bincount(reads.deletions.read, minlength=reads.count)
    gaps += np.bincount(put.read, minlength=reads.count)
    unsure = (gaps > 1) | ((gaps > 0) & ((places.loose(1) > 0) | (places.loose(-1) > 0)))
    before = put.base - places.first_aligned[put.read]
    behind = places.last_aligned[put.read] + 1 - put.base - put.length
    unsure[put.read[(put.length > _SHORT) | (np.minimum(before, behind) < _FAR)]] = True
    asked = np.flatnonzero((gaps == 1)[blocks.read] & ~unsure[blocks.read])
    bounds = np.cumsum(blocks.length[asked])
    at = 0
    while at < asked.size:
        done = bounds[at - 1] if at else 0
        upto = max(at + 1, int(np.searchsorted(bounds, done + _CELLS)))
        some = asked[at:upto]
        length = blocks.length[some]
        step = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        shown = reads.code[np.repeat(blocks.base[some], length) + step]
        known = genome.codes_at(np.repeat(blocks.position[some], length) + step)
        differs = (known == UNKNOWN) | ((shown != known) & (shown < UNKNOWN))
        unsure[np.repeat(blocks.read[some], length)[differs]] = True
        at = upto
    return unsure


def _tails_at(
    places: Places, rows: NDArray[np.int64], candidate: Candidate, known: Track
) -> list[Tails]:
    """Return the tails of reads over the indel, from the side on which more bases are anchored.

    ``known`` holds the bases that the aligner knew: others anchor nothing.
    """
    reads = places.reads
    before, _ = places.base_before(rows, candidate.low)
    behind, _ = places.base_from(rows, candidate.high)
    counted = np.append(0, np.cumsum(known.code < UNKNOWN))

    def anchored(bases: NDArray[np.int64], *ends: NDArray[np.int64] | int) -> NDArray[np.int64]:
        first, last = (np.clip(np.asarray(end) - known.start, 0, known.size) for end in ends)
        # Introns that the read skips have known bases too.
        fewest: NDArray[np.int64] = np.minimum(bases, counted[last] - counted[first])
        return fewest

    left = np.where(before >= 0, before - places.first_aligned[rows] + 1, 0)
    left = anchored(left, reads.start[rows], candidate.low)
    right = np.where(behind >= 0, places.last_aligned[rows] - behind + 1, 0)
    right = anchored(right, candidate.high, reads.end[rows])
    # An indel that was placed a little before the anchor would not be seen from it.
    farther, _ = places.base_before(rows, candidate.low - _BESIDE)
    before = np.where(left >= _FEWEST_ANCHORED + _BESIDE, farther, before)
    farther, _ = places.base_from(rows, candidate.high + _BESIDE)
    behind = np.where(right >= _FEWEST_ANCHORED + _BESIDE, farther, behind)
    forward = (left >= right) & (left >= _FEWEST_ANCHORED)
    backward = ~forward & (right >= _FEWEST_ANCHORED)
    return [
        tails
        for chosen, anchor, direction in ((forward, before, 1), (backward, behind, -1))
        for tails in tails_of(
            places, rows[chosen & (anchor >= 0)], anchor[chosen & (anchor >= 0)], direction
        )
        if tails.base.shape[1]
    ]


@dataclass(frozen=True)
class _Path:
    """A track followed by tails up to where it meets the present alignment again.

    Attributes:
        to: Positions (K, n).
        upto: Bases from the anchor to there, or to the read's end (K).
        usable: Whether one of the two is within reach (K).
        rejoins: Whether it is the first (K).
        score: Of the track over these bases, without any penalty (K).
        now: Of the present alignment over them, its indels paid (K).
        paid: What its indels cost (K).
        known: Whether read and track are known (K, n).
    """

    to: NDArray[np.int64]
    upto: NDArray[np.int64]
    usable: NDArray[np.bool_]
    rejoins: NDArray[np.bool_]
    score: NDArray[np.float64]
    now: NDArray[np.float64]
    paid: NDArray[np.float64]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class _Weighed:
    """Tails under the reference and under one indel."""

    tails: Tails
    plain: _Path
    edited: _Path
    gapped: NDArray[np.bool_]
    penalty: NDArray[np.float32]
    shared: bool

    @classmethod
    def of(cls, tails: Tails, candidate: Candidate, genome: Track, track: Track) -> _Weighed:
        penalty = tails.penalty
        paid = penalty[:, None] * tails.opened
        present = tails.scores(genome.codes_at(tails.now)) - paid
        edited = track.edited(candidate.put, candidate.at).changed(candidate.cis)
        return cls(
            tails,
            _path(tails, track, candidate, present, paid),
            _path(tails, edited, candidate, present, paid),
            np.logical_or.reduce(tails.opened > 0, axis=1),
            penalty,
            candidate.shared,
        )

    def proposals(self, shows: NDArray[np.bool_], candidate: int) -> _Proposals:
        """Return the reads that do better with it; ``shows``: which show this very indel (K)."""
        plain, edited = self.plain, self.edited
        penalty = self.penalty
        if self.shared:
            only_clipped = self.tails.clipped.any(axis=1) & ~self.gapped
            penalty = np.where(only_clipped, np.minimum(penalty, CLIP_PENALTY), penalty)
        gain = edited.score - penalty - edited.now
        back = plain.score - plain.now
        moved = edited.to != self.tails.now
        differs = _prefix_any(moved, edited.upto)
        # Where unknown bases are passed, a gap less is no gain: they would let it lie anywhere.
        blind = _prefix_any(moved & ~edited.known, edited.upto)
        gain = np.where(blind, gain - edited.paid, gain)
        # The same indel, elsewhere: one placement for all.
        alike = shows & ~blind & (np.abs(gain) <= _EPSILON) & (back <= _EPSILON)
        takes = edited.usable & differs & (((gain > _EPSILON) & (gain > back)) | alike)
        rows = np.flatnonzero(takes)
        moves = Moves.of_tails(self.tails, rows, edited.upto[rows], edited.to[rows])
        return _Proposals(moves, gain[rows], candidate)

    @property
    def open_end(self) -> NDArray[np.bool_]:
        """Which reads end there, clipped, and fit the indel no worse than the reference (K)."""
        no_worse = self.edited.score >= self.plain.score - _EPSILON
        ends = self.edited.usable & ~self.edited.rejoins
        unlike = (self.tails.inside & (self.edited.to != self.plain.to)).any(axis=1)
        found: NDArray[np.bool_] = ends & unlike & no_worse & self.tails.clipped.any(axis=1)
        return found

    def hidden(self) -> Moves:
        """Return the ends that the indel explains at least as well as their present places."""
        tails, path = self.tails, self.edited
        differs = (tails.now >= 0) & (tails.now != path.to)
        beyond = np.logical_or.accumulate(differs, axis=1)
        ends = path.usable & ~path.rejoins & differs.any(axis=1) & ~self.gapped
        told = ~(beyond & (tails.now >= 0) & ~(path.known & self.plain.known)).any(axis=1)
        as_well = path.score >= path.now - _EPSILON
        rows = np.flatnonzero(ends & told & as_well)
        to = np.where(beyond, NOWHERE, tails.now)
        return Moves.of_tails(tails, rows, path.upto[rows], to[rows])


def _path(
    tails: Tails,
    track: Track,
    candidate: Candidate,
    present: NDArray[np.float32],
    paid: NDArray[np.float32],
) -> _Path:
    to, codes = tails.along(track)
    forward = tails.direction > 0
    past = to >= candidate.high if forward else (to < candidate.low) & (to >= 0)
    meets = past & (to == tails.now)
    rejoins = meets.any(axis=1)
    upto = np.where(rejoins, meets.argmax(axis=1), tails.inside.sum(axis=1))
    on_track = track.columns_of(tails.anchor) >= 0
    # The base at which they meet closes a gap of the present alignment.
    closing = np.where(rejoins, paid[np.arange(upto.size), np.minimum(upto, paid.shape[1] - 1)], 0)
    return _Path(
        to=to,
        upto=upto,
        usable=(rejoins | tails.complete) & (upto > 0) & on_track,
        rejoins=rejoins,
        score=_prefix_sum(tails.scores(codes), upto),
        now=_prefix_sum(present, upto) - closing,
        paid=_prefix_sum(paid, upto) + closing,
        known=tails.known(codes),
    )


def _prefix_sum(values: NDArray[np.float32], upto: NDArray[np.int64]) -> NDArray[np.float64]:
    taken = np.arange(values.shape[1]) < upto[:, None]
    total: NDArray[np.float64] = np.where(taken, values, 0).sum(axis=1, dtype=np.float64)
    return total


def _prefix_any(flags: NDArray[np.bool_], upto: NDArray[np.int64]) -> NDArray[np.bool_]:
    taken = np.arange(flags.shape[1]) < upto[:, None]
    found: NDArray[np.bool_] = np.logical_or.reduce(flags & taken, axis=1)
    return found


def _best(proposals: list[_Proposals]) -> tuple[Moves, NDArray[np.int64]]:
    """Return each read's proposal of the largest gain, and whose it is; of equal ones the first."""
    moves = Moves.joined([one.moves for one in proposals])
    gain = np.concatenate([np.array([]), *(one.gain for one in proposals)])
    whose = np.concatenate([_NONE, *(np.full(one.gain.size, one.candidate) for one in proposals)])
    order = np.lexsort((-np.round(gain, _DECIMALS), moves.read))
    _, first = np.unique(moves.read[order], return_index=True)
    return moves.once(order), whose[order[first]]


def _longest(hidden: list[Moves], moved: NDArray[np.int64]) -> Moves:
    """Return of each read that did not move the longest stretch with a hidden end."""
    moves = Moves.joined(hidden)
    order = np.lexsort((-moves.length, moves.read))
    return moves.once(order[~np.isin(moves.read[order], moved)])
