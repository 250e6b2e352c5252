"""What single fragments show about the codon, for a reader who wants to see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import DELETED, Reads
from vexas_uba1.alleles.haplotypes import codon_name
from vexas_uba1.caller.caller import Finding
from vexas_uba1.fragments import DISCORDANT, IndelCount, Stretch
from vexas_uba1.observing import Observed
from vexas_uba1.reference import BASES, UNKNOWN
from vexas_uba1.result import InsertedBases, ReadsView, ReadsViewRow

REACH = 30
"""Positions to either side of the codon."""
_AT_ONCE = 8_192
MOST_ALT, MOST_REFERENCE = 30, 10
"""Rows that are shown, unless told otherwise."""


def reads_view(
    seen: Observed, found: Sequence[Finding], *, most: tuple[int, int] = (MOST_ALT, MOST_REFERENCE)
) -> ReadsView:
    """Return some fragments about the codon: all that differ up to a cap, and a few others.

    Where there are more they are chosen evenly along their starts.

    Args:
        seen: The sample.
        found: Its found alleles.
        most: Rows of fragments with another codon or a found allele, and of others.
    """
    placed, view = seen.placed, seen.caller.codon_view
    codon = sorted(placed.codon_positions)
    start = max(codon[0] - REACH, seen.reference.start)
    end = min(codon[-1] + 1 + REACH, seen.reference.end)
    rows = [view.positions.index(at) for at in codon]
    codes = view.codes[rows]
    differs = (codes != np.array(view.reference)[rows][:, None]).any(axis=0)
    indels = [one for one in seen.molecules.indels if one.start <= end and start <= one.end]
    by_indel = _carriers(indels, found, start, end)
    alt = np.union1d(view.molecules[differs], by_indel)
    others = np.setdiff1d(view.molecules, alt)
    # Whatever the order of the reads, the same fragments are chosen.
    window = _Window(seen, [one for one in indels if one.bases], start, end)
    shown_alt, shown_others = (
        _chosen(molecules, rows, window)
        for molecules, rows in zip((alt, others), most, strict=True)
    )
    chosen = np.union1d(shown_alt, shown_others)
    stretch = seen.molecules.stretch(chosen, start, end)
    reference = seen.reference.codes[start - seen.reference.start : end - seen.reference.start]
    pattern_of = dict(zip(view.molecules.tolist(), codes.T.tolist(), strict=True))

    def row(molecule: int) -> ReadsViewRow:
        at = int(np.searchsorted(chosen, molecule))
        pattern = pattern_of.get(molecule)
        return ReadsViewRow(
            haplotype="" if pattern is None else codon_name(tuple(pattern), placed),
            bases=_bases(stretch.code[at], reference),
            quality=_tens(stretch.code[at], stretch.quality[at]),
            strand=_strand(stretch, at),
            copies=int(seen.grouping.copies[molecule]),
            inserted=tuple(
                InsertedBases(one.start - start, one.bases)
                for one in indels
                if one.bases and start <= one.start < end and molecule in one.molecules
            ),
        )

    alt_rows = [row(molecule) for molecule in shown_alt.tolist()]
    # What is alike stands together, the commonest first.
    size = Counter(each.haplotype for each in alt_rows)
    alt_rows.sort(key=lambda each: (-size[each.haplotype], each.haplotype))
    return ReadsView(
        start=start + 1,
        end=end,
        codon=tuple(at + 1 for at in codon),
        exons=tuple(
            (max(first, start) + 1, min(last, end))
            for _, (first, last) in placed.exon_intervals
            if first < end and start < last
        ),
        reference="".join((BASES[:UNKNOWN] + "N")[code] for code in reference.tolist()),
        alt_rows=tuple(alt_rows),
        reference_rows=tuple(row(molecule) for molecule in shown_others.tolist()),
        alt_fragments=int(alt.size),
        reference_fragments=int(others.size),
        reads_by_base=tuple(_by_base(seen.reads, at) for at in codon),
    )


def _carriers(
    indels: Sequence[IndelCount], found: Sequence[Finding], start: int, end: int
) -> NDArray[np.int64]:
    """Return the molecules with an insertion or deletion like one that was found there."""
    wanted = {
        (edit.end - edit.start, len(edit.alt))
        for finding in found
        for edit in finding.allele.edits
        if not edit.is_substitution and edit.start < end and start < edit.end + 1
    }
    carriers = [one.molecules for one in indels if (one.end - one.start, len(one.bases)) in wanted]
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *carriers]))


@dataclass(frozen=True)
class _Window:
    """Where fragments are compared by all that is shown of them."""

    seen: Observed
    insertions: Sequence[IndelCount]
    start: int
    end: int

    def by_content(self, molecules: NDArray[np.int64], most: int) -> list[int]:
        """Return the ``most`` of some ascending molecules that come first by what they show."""
        first: list[tuple[bytes, int]] = []
        for part in np.array_split(molecules, -(-molecules.size // _AT_ONCE)):
            stretch = self.seen.molecules.stretch(part, self.start, self.end)
            carried = [np.isin(part, one.molecules) for one in self.insertions]
            rows = np.column_stack(
                (
                    *(stretch.code, stretch.quality, stretch.forward, stretch.reverse),
                    np.minimum(self.seen.grouping.copies[part], 255).astype(np.uint8),
                    *carried,
                )
            ).astype(np.uint8)
            first += [(row.tobytes(), one) for row, one in zip(rows, part.tolist(), strict=True)]
            first = sorted(first)[:most]
        return [molecule for _, molecule in first]


def _chosen(molecules: NDArray[np.int64], most: int, window: _Window) -> NDArray[np.int64]:
    """Return as many evenly chosen molecules, by start, end and what they show."""
    if not molecules.size or not most:
        return molecules[:0]
    start, end = (each[molecules] for each in window.seen.molecules.ends)
    order = np.lexsort((end, start))
    at = np.linspace(0, molecules.size - 1, min(molecules.size, most)).astype(np.int64)
    _, place = np.unique(np.stack((start, end)), axis=1, return_inverse=True)
    place = place.ravel()
    places, count = np.unique(place[order][at], return_counts=True)
    chosen: list[int] = []
    for one, wanted in zip(places.tolist(), count.tolist(), strict=True):
        chosen += window.by_content(molecules[place == one], wanted)
    return np.array(chosen, dtype=np.int64)


def _bases(codes: NDArray[np.uint8], reference: NDArray[np.uint8]) -> str:
    letters = {DELETED: "-", DISCORDANT: "?"} | dict(enumerate(BASES[:UNKNOWN]))
    return "".join(
        "." if code == known and known < UNKNOWN else letters.get(code, " ")
        for code, known in zip(codes.tolist(), reference.tolist(), strict=True)
    )


def _tens(codes: NDArray[np.uint8], qualities: NDArray[np.uint8]) -> str:
    return "".join(
        str(min(9, quality // 10)) if code < UNKNOWN else " "
        for code, quality in zip(codes.tolist(), qualities.tolist(), strict=True)
    )


def _strand(stretch: Stretch, row: int) -> str:
    forward, reverse = stretch.forward[row].any(), stretch.reverse[row].any()
    return "both" if forward and reverse else "forward" if forward else "reverse"


def _by_base(reads: Reads, position: int) -> dict[str, int]:
    """Return how many reads show each base at a 0-based position, before they are joined."""
    blocks = reads.blocks
    over = (blocks.position <= position) & (position < blocks.position + blocks.length)
    codes = reads.code[blocks.base[over] + position - blocks.position[over]]
    count = np.bincount(codes, minlength=UNKNOWN + 1)
    gone = int(((reads.deletions.start <= position) & (position < reads.deletions.end)).sum())
    named = dict(zip(BASES[:UNKNOWN], count[:UNKNOWN].tolist(), strict=True))
    return named | {"del": gone} if gone else named
