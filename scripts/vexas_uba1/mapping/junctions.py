"""Spliced reads carried on across the gene's known junctions, where the aligner stopped.

Without a list of junctions an aligner must see some 25 matching bases beyond an intron to pay for
it, and more of them if one differs. Codon 41 begins three bases beyond a junction, so that reads
that carry a variant would be clipped there more often than the others and its VAF would come out
too low. Here the rest of a read follows the gene's own exons, by a rule that a single changed base
hardly touches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from vexas_uba1.locus.record import Interval
from vexas_uba1.mapping.sam import MATCH, SKIP, Cigar, Hit, Reference

_LARGEST_OVERRUN = 15  # bases of an intron that may resemble the next exon's
_BASES_PER_MISMATCH = 4


def complete(hit: Hit, bases: str, exons: Sequence[Interval], reference: Reference) -> Hit:
    """Return ``hit`` with its clipped ends aligned along the exons, as far as they fit.

    An end fits as a whole or not at all: at most one base in four may differ.

    Args:
        hit: On the gene's contig.
        bases: The whole read as the hit's strand reads it.
        exons: Of the gene, ascending.
        reference: The genome.
    """
    if hit.clip_right:
        hit = _complete_right(hit, bases, exons, lambda a, b: reference(hit.contig, a, b))
    if hit.clip_left:
        # The same, seen in a mirror: positions negated, bases backwards.
        contig = hit.contig
        mirrored = _complete_right(
            _mirror(hit),
            bases[::-1],
            [(-end, -start) for start, end in reversed(exons)],
            lambda a, b: reference(contig, -b, -a)[::-1],
        )
        hit = _mirror(mirrored)
    return hit


def _mirror(hit: Hit) -> Hit:
    return replace(
        hit,
        start=-hit.end,
        end=-hit.start,
        cigar=hit.cigar[::-1],
        clip_left=hit.clip_right,
        clip_right=hit.clip_left,
    )


def _complete_right(
    hit: Hit, bases: str, exons: Sequence[Interval], slice_of: Callable[[int, int], str]
) -> Hit:
    exon = _last_exon(hit, exons)
    length, operation = hit.cigar[-1]
    overrun = max(0, hit.end - exons[exon][1]) if exon is not None else 0
    if exon is None or operation != MATCH or overrun >= length:
        return hit
    at, rest = hit.end - overrun, hit.clip_right + overrun
    added: list[tuple[int, int]] = []
    expected = ""
    while len(expected) < rest:
        taken = min(exons[exon][1] - at, rest - len(expected))
        if taken:
            expected += slice_of(at, at + taken)
            added.append((taken, MATCH))
            at += taken
        if len(expected) < rest:
            exon += 1
            if exon == len(exons):
                return hit
            added.append((exons[exon][0] - at, SKIP))
            at = exons[exon][0]
    seen = bases[len(bases) - rest :]
    mismatches = sum(a != b for a, b in zip(seen, expected, strict=True))
    if mismatches > rest // _BASES_PER_MISMATCH:
        return hit
    cigar = _joined((*hit.cigar[:-1], (length - overrun, MATCH), *added))
    return replace(hit, end=at, cigar=cigar, clip_right=0)


def _last_exon(hit: Hit, exons: Sequence[Interval]) -> int | None:
    """Return the index of the exon in which the alignment ends, or that it overruns a little."""
    for index, (start, end) in enumerate(exons):
        if start < hit.end <= end + _LARGEST_OVERRUN:
            return index
    return None


def _joined(cigar: Cigar) -> Cigar:
    """Merge neighbouring operations of one kind."""
    merged: list[tuple[int, int]] = []
    for length, operation in cigar:
        if merged and merged[-1][1] == operation:
            merged[-1] = (merged[-1][0] + length, operation)
        else:
            merged.append((length, operation))
    return tuple(merged)
