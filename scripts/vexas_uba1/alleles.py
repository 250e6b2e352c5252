"""Codon haplotypes and candidate alleles: what the molecules show, as alleles and not as bases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.fragments import DISCORDANT, UNCERTAIN, IndelCount, Molecules
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.normalise import normalise
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.reference import BASES, UNKNOWN, ReferenceWindow

_Kind = TypeVar("_Kind", bound=np.generic)
_CIS_REACH = 5
"""Bases between changes of neighbouring codons at most; beyond it an intron lies between them."""


@dataclass(frozen=True)
class View:
    """The molecules that show all of a few positions together; P positions, n molecules.

    Attributes:
        positions: 0-based, ascending (P).
        reference: Reference base codes (P).
        molecules: Index of each informative molecule (n).
        codes: What each shows, 0 to 3 for A, C, G, T and 5 for a deleted base (P, n).
        quality: Phred of each observation (P, n).
        forward: Seen on a forward-strand read (n).
        reverse: Seen on a reverse-strand read (n).
        read_quality: Best single base quality, of the worst position (n).
        end_distance: Bases to the nearer read end, of the worst position (n).
        mapping_quality: (n).
        discordant: Molecules left out because their copies contradict each other at one of the
            positions.
    """

    positions: tuple[int, ...]
    reference: tuple[int, ...]
    molecules: NDArray[np.int64]
    codes: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    forward: NDArray[np.bool_]
    reverse: NDArray[np.bool_]
    read_quality: NDArray[np.uint8]
    end_distance: NDArray[np.int32]
    mapping_quality: NDArray[np.uint8]
    discordant: int

    @property
    def size(self) -> int:
        """Number of informative molecules."""
        return int(self.molecules.size)

    @cached_property
    def haplotypes(self) -> dict[tuple[int, ...], int]:
        """Molecules by what they show, commonest first."""
        distinct, counts = np.unique(self.codes.T, axis=0, return_counts=True)
        found = zip((tuple(row) for row in distinct.tolist()), counts.tolist(), strict=True)
        return dict(sorted(found, key=lambda item: (-item[1], item[0])))

    def without(self, molecules: NDArray[np.int64]) -> View:
        """Return the view less the given molecules, which then count as discordant."""
        kept = ~np.isin(self.molecules, molecules)
        return replace(
            self,
            molecules=self.molecules[kept],
            codes=self.codes[:, kept],
            quality=self.quality[:, kept],
            forward=self.forward[kept],
            reverse=self.reverse[kept],
            read_quality=self.read_quality[kept],
            end_distance=self.end_distance[kept],
            mapping_quality=self.mapping_quality[kept],
            discordant=self.discordant + int((~kept).sum()),
        )

    def showing(self, pattern: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return which molecules show exactly ``pattern`` (n)."""
        wanted = np.array(pattern, dtype=np.uint8)[:, None]
        shown: NDArray[np.bool_] = (self.codes == wanted).all(axis=0)
        return shown

    def allele(self, pattern: tuple[int, ...]) -> Allele | None:
        """Return the substitutions that give ``pattern``; None if it holds anything else."""
        if max(pattern) >= UNKNOWN or max(self.reference) >= UNKNOWN:
            return None
        changes = {
            position: BASES[shown]
            for position, known, shown in zip(self.positions, self.reference, pattern, strict=True)
            if shown != known
        }
        return Allele.substitution(changes) if changes else None

    def pattern(self, allele: Allele) -> tuple[int, ...]:
        """Return the base codes that a molecule with the substitutions of ``allele`` shows."""
        changed = {edit.start: BASES.index(edit.alt) for edit in allele.edits}
        return tuple(
            changed.get(position, known)
            for position, known in zip(self.positions, self.reference, strict=True)
        )


@dataclass(frozen=True)
class IndelView:
    """The molecules that span an insertion or deletion, and those that show it.

    Attributes:
        allele: The left-normalised allele.
        view: Molecules informative on the bases to either side.
        shows: Which of them show the allele (n).
    """

    allele: Allele
    view: View
    shows: NDArray[np.bool_]


def view_of(molecules: Molecules, positions: Iterable[int], reference: ReferenceWindow) -> View:
    """Return the molecules that show all of ``positions`` (0-based) without contradiction."""
    ordered = tuple(sorted(positions))
    columns = [molecules.column(position) for position in ordered]
    shown = np.ones(molecules.count, dtype=np.bool_)
    contradicted = np.zeros(molecules.count, dtype=np.bool_)
    covered = np.ones(molecules.count, dtype=np.bool_)
    for column in columns:
        shown &= column.code < DISCORDANT
        contradicted |= column.code == DISCORDANT
        covered &= column.code != UNCERTAIN
    rows = np.flatnonzero(shown)

    def worst(values: list[NDArray[_Kind]]) -> NDArray[_Kind]:
        lowest: NDArray[_Kind] = np.min(np.stack([value[rows] for value in values]), axis=0)
        return lowest

    return View(
        positions=ordered,
        reference=tuple(int(reference.codes[position - reference.start]) for position in ordered),
        molecules=rows,
        codes=np.stack([column.code[rows] for column in columns]),
        quality=np.stack([column.quality[rows] for column in columns]),
        # A molecule counts for a strand only if that strand shows all of the positions.
        forward=np.logical_and.reduce([column.forward[rows] for column in columns]),
        reverse=np.logical_and.reduce([column.reverse[rows] for column in columns]),
        read_quality=worst([column.read_quality for column in columns]),
        end_distance=worst([column.end_distance for column in columns]),
        mapping_quality=molecules.mapping_quality[rows],
        discordant=int((contradicted & covered).sum()),
    )


def codon_haplotypes(
    view: View, placed: PlacedLocus, inserted: NDArray[np.bool_]
) -> dict[str, int]:
    """Return molecules by the codon's bases on the transcript's strand, commonest first.

    Args:
        view: Molecules informative on the codon.
        placed: The gene on the input's build.
        inserted: Which of them have bases put in between the codon's (n); they are named ``ins``.
    """
    rows = [view.positions.index(position) for position in placed.codon_positions]
    distinct, counts = np.unique(view.codes[rows][:, ~inserted].T, axis=0, return_counts=True)
    named: dict[str, int] = {"ins": int(inserted.sum())} if inserted.any() else {}
    for codes, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        if max(codes) >= UNKNOWN:
            name = "del"
        else:
            name = "".join(BASES[code if placed.is_forward else 3 - code] for code in codes)
        named[name] = named.get(name, 0) + count
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))


def clusters(candidates: Iterable[int], placed: PlacedLocus) -> list[tuple[int, ...]]:
    """Group 0-based positions whose changes could be one allele: of one or of neighbouring codons.

    The codon of interest is always looked at whole.
    """
    codon = set(placed.codon_positions)
    groups: list[set[int]] = []
    for position in sorted({*candidates, *codon}):
        last = groups[-1] if groups else set()
        if last and _linked(max(last), position, placed):
            last.add(position)
        else:
            groups.append({position})
    return [tuple(sorted(group | codon if group & codon else group)) for group in groups]


def _linked(one: int, other: int, placed: PlacedLocus) -> bool:
    index = placed.coding_index
    if one not in index or other not in index or abs(one - other) > _CIS_REACH:
        return False
    return abs(index[one] // 3 - index[other] // 3) <= 1


def indel_views(molecules: Molecules, reference: ReferenceWindow) -> list[IndelView]:
    """Return every insertion and deletion that is shown, with the molecules that span it.

    Alignments that place the same change differently are joined where the reference is known.
    """
    joined: dict[Allele, list[IndelCount]] = {}
    for shown in molecules.indels:
        allele = normalise([Edit(shown.start, shown.end, shown.bases)], reference)
        joined.setdefault(allele, []).append(shown)
    views = []
    for allele, shown_as in sorted(joined.items()):
        # Every placement's flanks must be seen, so that all molecules are asked the same question.
        low = min([allele.start, *(item.start for item in shown_as)]) - 1
        high = max([allele.end, *(item.end for item in shown_as)])
        contradicted = np.concatenate([item.contradicted for item in shown_as])
        view = view_of(molecules, (low, high), reference).without(contradicted)
        carriers = np.concatenate([item.molecules for item in shown_as])
        views.append(IndelView(allele, view, np.isin(view.molecules, carriers)))
    return views


def repeat_length(allele: Allele, reference: ReferenceWindow) -> int:
    """Return the length of the run of equal known bases at an insertion or deletion."""
    edit = allele.edits[0]
    longest = 0
    for first in (edit.start, edit.end):
        base = reference.slice(first, first + 1)
        if base == "N":
            continue
        low, high = first, first + 1
        while reference.slice(low - 1, low) == base:
            low -= 1
        while reference.slice(high, high + 1) == base:
            high += 1
        longest = max(longest, high - low)
    return longest
