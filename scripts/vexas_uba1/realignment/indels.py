"""Which insertions and deletions reads are compared with, and where each is put."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.inserted import inserted_numbers, inserted_text
from vexas_uba1.alignments.reads import Reads
from vexas_uba1.locus.bases import Bases
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.normalise import left_normalise
from vexas_uba1.realignment.introns import shown_codes
from vexas_uba1.reference import UNKNOWN, encode

FEWEST_READS = 2
"""Reads that must show an indel before others are compared with it."""
SMALLEST_SHARE = 0.001
"""Their share of the reads there, so that the noise of deep data is left alone (assumed)."""
_MOST_LENGTH = 50  # of an indel
_CIS_REACH = 6  # bases from an indel within which further changes belong to its haplotype (assumed)
_MOST_CANDIDATES = 32  # those of most reads; each costs a comparison


@dataclass(frozen=True)
class Candidate:
    """An insertion or deletion that reads may have.

    Attributes:
        edit: As far left as the known reference allows.
        put: Where it is written: the placement furthest left that leaves the codon's bases as the
            molecule reads them, ``edit`` if there is none.
        low: First base of its leftmost placement.
        high: Exclusive end of its rightmost placement.
        compared: Whether reads that do not show it are compared with it; else those that do are
            written alike.
        shared: Whether enough reads show it, so that it is there.
        cis: Substitutions beside it that the reads that show it have as well: 0-based position and
            base code.
        at: Of a haplotype that is more than an insertion or deletion the 0-based position of each
            base put in, -1 for none; else empty.
    """

    edit: Edit
    put: Edit
    low: int
    high: int
    compared: bool
    shared: bool
    cis: tuple[tuple[int, int], ...] = ()
    at: tuple[int, ...] = ()


def placements(edit: Edit, bases: Bases) -> Iterator[Edit]:
    """Yield the equal placements of a left-normalised insertion or deletion, left to right."""
    start, end, alt = edit.start, edit.end, edit.alt
    while True:
        yield Edit(start, end, alt)
        first = alt[0] if alt else bases.slice(start, start + 1)
        after = bases.slice(end, end + 1)
        if after == "N" or after != first:
            return
        start, end = start + 1, end + 1
        alt = alt and alt[1:] + alt[0]


def candidate_of(
    edit: Edit, bases: Bases, codon: Collection[int], *, compared: bool, shared: bool
) -> Candidate:
    """Place one indel; ``codon`` holds the 0-based positions that a shift should spare."""
    everywhere = list(placements(edit, bases))
    spared = (one for one in everywhere if not _breaks(one, codon))
    return Candidate(
        edit,
        next(spared, edit),
        everywhere[0].start,
        everywhere[-1].end,
        compared,
        shared,
    )


def _breaks(edit: Edit, codon: Collection[int]) -> bool:
    if edit.alt:
        return edit.start in codon and edit.start - 1 in codon
    return any(position in codon for position in range(edit.start, edit.end))


def shown_indels(
    reads: Reads, near: NDArray[np.bool_], start: int
) -> dict[Edit, NDArray[np.int64]]:
    """Return the insertions and deletions of the alignments, as placed there, with their reads.

    Args:
        reads: All reads.
        near: Where indels matter, from ``start`` on.
        start: 0-based position of the first of them.
    """

    def matters(position: NDArray[np.int64]) -> NDArray[np.bool_]:
        offset = position - start
        inside = (offset >= 0) & (offset < near.size)
        found: NDArray[np.bool_] = inside & near[np.clip(offset, 0, near.size - 1)]
        return found

    shown: dict[Edit, NDArray[np.int64]] = {}
    gone = reads.deletions
    rows = np.flatnonzero(
        (matters(gone.start) | matters(gone.end - 1)) & (gone.end - gone.start <= _MOST_LENGTH)
    )
    for group in _groups(np.stack([gone.start[rows], gone.end[rows]])):
        first = rows[group[0]]
        edit = Edit(int(gone.start[first]), int(gone.end[first]), "")
        shown[edit] = gone.read[rows[group]]
    put = reads.insertions
    rows = np.flatnonzero(matters(put.position) & (put.length <= _MOST_LENGTH))
    number = inserted_numbers(reads, rows)
    rows, number = rows[number != -1], number[number != -1]
    for group in _groups(np.stack([put.position[rows], number])):
        first = int(rows[group[0]])
        at = int(put.position[first])
        shown[Edit(at, at, inserted_text(reads, first))] = put.read[rows[group]]
    return shown


def _groups(keys: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the columns of equal keys (two rows of them) together."""
    order = np.lexsort(keys)
    sorted_keys = keys[:, order]
    starts = np.flatnonzero((np.diff(sorted_keys, axis=1) != 0).any(axis=0)) + 1
    for group in np.split(order, starts):
        if group.size:
            yield group


def choose_candidates(
    alleles: Iterable[Allele],
    shown: dict[Edit, NDArray[np.int64]],
    reads: Reads,
    bases: Bases,
    codon: Collection[int],
) -> dict[Candidate, NDArray[np.int64]]:
    """Return the indels to compare with, each with the reads that show it, in whatever placement.

    They are the catalogue's, and those shown by enough reads. Of the rest those that touch the
    codon are there too, so that all reads have them in one placement.
    """
    listed = {
        left_normalise(edit, bases)
        for allele in alleles
        for edit in allele.edits
        if (edit.start == edit.end) != (not edit.alt)
    }
    readers: dict[Edit, list[NDArray[np.int64]]] = {edit: [] for edit in listed}
    for edit, by in shown.items():
        readers.setdefault(left_normalise(edit, bases), []).append(by)
    support = {edit: sum(by.size for by in parts) for edit, parts in readers.items()}
    depth = depths(reads)
    found: dict[Candidate, NDArray[np.int64]] = {}
    chosen = 0
    low, high = min(codon) - _MOST_LENGTH, max(codon) + _MOST_LENGTH
    for edit in sorted(readers, key=lambda one: (-support[one], one)):
        near = low <= edit.start <= high
        if support[edit] < FEWEST_READS and edit not in listed and not near:
            continue
        shared = support[edit] >= FEWEST_READS
        shared = shared and support[edit] >= SMALLEST_SHARE * depth(edit.start)
        # Beside unknown bases nothing could tell it from another.
        sought = shared and "N" not in bases.slice(edit.start - 1, edit.end + 1)
        compared = edit in listed or (sought and chosen < _MOST_CANDIDATES)
        chosen += compared
        if not compared and not (near and _to_rewrite(edit, shown, support[edit], bases, codon)):
            continue
        candidate = candidate_of(edit, bases, codon, compared=compared, shared=shared)
        by = np.concatenate([*readers[edit], _NONE])
        found[replace(candidate, cis=_in_cis(candidate, by, reads, bases))] = by
    return dict(sorted(found.items(), key=lambda item: item[0].edit))


_NONE = np.array([], dtype=np.int64)


def _to_rewrite(
    edit: Edit,
    shown: Mapping[Edit, NDArray[np.int64]],
    support: int,
    bases: Bases,
    codon: Collection[int],
) -> bool:
    """Return whether an indel can touch the codon, and some reads have it in another placement."""
    everywhere = list(placements(edit, bases))
    clear = [one for one in everywhere if not _breaks(one, codon)]
    if len(clear) == len(everywhere):
        return False
    put = shown.get(clear[0] if clear else edit)
    return put is None or put.size < support


def _in_cis(
    candidate: Candidate, readers: NDArray[np.int64], reads: Reads, bases: Bases
) -> tuple[tuple[int, int], ...]:
    """Return the substitutions near an indel that most of the reads with it show."""
    low, high = candidate.low - _CIS_REACH, candidate.high + _CIS_REACH
    known = encode(bases.slice(low, high))
    positions = np.arange(low, high)
    beside = (known < UNKNOWN) & ((positions < candidate.low) | (positions >= candidate.high))
    carrier = np.zeros(reads.count, dtype=np.bool_)
    carrier[readers] = True
    blocks = reads.blocks
    over = (blocks.position < high) & (blocks.position + blocks.length > low)
    codes = shown_codes(reads, np.flatnonzero(over & carrier[blocks.read]), positions)
    found = []
    for position, reference, column in zip(
        positions[beside], known[beside], codes.T[beside], strict=True
    ):
        votes = np.bincount(column[column < UNKNOWN], minlength=UNKNOWN)
        top = int(votes.argmax())
        if top != reference and votes[top] >= max(FEWEST_READS, votes.sum() / 2):
            found.append((int(position), top))
    return tuple(found)


def depths(reads: Reads) -> Callable[[int], int]:
    """Return what tells how many blocks cover a 0-based position."""
    begin = np.sort(reads.blocks.position)
    end = np.sort(reads.blocks.position + reads.blocks.length)

    def depth(position: int) -> int:
        return int(
            np.searchsorted(begin, position, "right") - np.searchsorted(end, position, "right")
        )

    return depth
