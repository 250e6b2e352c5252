"""What molecules show of a few places together: their haplotypes there, not bases one by one.

All changes of one haplotype are in cis and are one allele; changes that no molecule shows together
are in trans and are alleles of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alleles.placements import Indel
from vexas_uba1.fragments import DISCORDANT, UNCERTAIN, Molecules
from vexas_uba1.fragments.qualities import read_right
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.normalise import normalise
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.reference import BASES, UNKNOWN, ReferenceWindow, context_of

_Kind = TypeVar("_Kind", bound=np.generic)
INSERTED = 6
"""Code of a codon's base beside which a molecule has further bases."""
Pattern = tuple[int, ...]
"""What a molecule shows: a code for each position, then 1 or 0 for each insertion and deletion."""
_CODE_BITS, _QUALITY_BITS, _ORIGIN_BITS, _PLACED_BITS = 3, 6, 4, 3
_PLACED_STEP, _BEST_PLACED = 10, 60
"""Mapping qualities are told apart in steps; 255, not known, counts as the best."""
_KEY_BITS = 62
_MOST_BINS = 1 << 20


@dataclass(frozen=True)
class Classes:
    """Molecules that err alike, with equal observations at all positions; c classes.

    Attributes:
        quality: Phred by position (P, c).
        origin: Kind of observation by position (P, c).
        mapping_quality: In steps of ten, rounded down (c).
        size: Molecules (c).
        of: Class of each molecule (n).
    """

    quality: NDArray[np.uint8]
    origin: NDArray[np.uint8]
    mapping_quality: NDArray[np.uint8]
    size: NDArray[np.int64]
    of: NDArray[np.int64]

    @cached_property
    def right(self) -> NDArray[np.float64]:
        """Chance that all places of a molecule are read right (c)."""
        # Sorted, so that no order of positions shows in the last digit.
        chance: NDArray[np.float64] = np.sort(read_right(self.quality), axis=0).prod(axis=0)
        return chance


@dataclass(frozen=True)
class View:
    """The molecules that show all of a few places together; P positions, K indels, n molecules.

    Attributes:
        positions: 0-based, ascending (P).
        reference: Reference base codes (P).
        molecules: Index of each informative molecule (n).
        codes: What each shows, 0 to 3 for A, C, G, T, 5 for a deleted base, ``INSERTED`` (P, n).
        context: Code of the reference bases beside each position (P).
        quality: Phred of each observation (P, n).
        origin: Kind of each observation: strand and part of the read (P, n).
        forward: Seen on a forward-strand read (n).
        reverse: Seen on a reverse-strand read (n).
        read_quality: Best single base quality, of the worst position (n).
        end_distance: Bases to the nearer read end, of the worst position (n).
        mapping_quality: (n).
        fragment_start: 0-based (n).
        fragment_end: Exclusive (n).
        discordant: Molecules left out because their copies contradict each other at one of the
            places.
        indels: Insertions and deletions that are looked at by themselves; the positions show the
            reference where one of them takes bases out (K).
        carried: Which molecules show each of them (K, n).
    """

    positions: tuple[int, ...]
    reference: tuple[int, ...]
    molecules: NDArray[np.int64]
    codes: NDArray[np.uint8]
    context: tuple[int, ...]
    quality: NDArray[np.uint8]
    origin: NDArray[np.uint8]
    forward: NDArray[np.bool_]
    reverse: NDArray[np.bool_]
    read_quality: NDArray[np.uint8]
    end_distance: NDArray[np.int32]
    mapping_quality: NDArray[np.uint8]
    fragment_start: NDArray[np.int64]
    fragment_end: NDArray[np.int64]
    discordant: int
    indels: tuple[Indel, ...] = ()
    carried: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.bool_))

    @property
    def size(self) -> int:
        """Number of informative molecules."""
        return int(self.molecules.size)

    @property
    def reference_pattern(self) -> Pattern:
        """What a molecule without any change shows."""
        return (*self.reference, *(0 for _ in self.indels))

    @cached_property
    def classes(self) -> Classes:
        """The molecules by their observations: what errors are worked out for."""
        placed = np.minimum(self.mapping_quality, _BEST_PLACED) // _PLACED_STEP
        rows = [(row, _QUALITY_BITS) for row in self.quality]
        rows += [(row, _ORIGIN_BITS) for row in self.origin]
        first, size, of = _distinct(_packed([*rows, (placed, _PLACED_BITS)], self.size))
        return Classes(
            self.quality[:, first],
            self.origin[:, first],
            placed[first] * np.uint8(_PLACED_STEP),
            size,
            of,
        )

    @cached_property
    def haplotypes(self) -> dict[Pattern, int]:
        """Molecules by what they show, commonest first."""
        rows = [*self.codes, *self.carried]
        first, counts, _ = _distinct(_packed([(row, _CODE_BITS) for row in rows], self.size))
        shown = np.array([row[first] for row in rows], dtype=np.int64)
        found = zip((tuple(row) for row in shown.T.tolist()), counts.tolist(), strict=True)
        return dict(sorted(found, key=lambda item: (-item[1], item[0])))

    def without(self, molecules: NDArray[np.int64]) -> View:
        """Return the view less the given molecules, which then count as discordant."""
        kept = ~np.isin(self.molecules, molecules)
        if not molecules.size or kept.all():
            return self
        return replace(
            self,
            molecules=self.molecules[kept],
            codes=self.codes[:, kept],
            quality=self.quality[:, kept],
            origin=self.origin[:, kept],
            forward=self.forward[kept],
            reverse=self.reverse[kept],
            read_quality=self.read_quality[kept],
            end_distance=self.end_distance[kept],
            mapping_quality=self.mapping_quality[kept],
            fragment_start=self.fragment_start[kept],
            fragment_end=self.fragment_end[kept],
            discordant=self.discordant + int((~kept).sum()),
            carried=self.carried[:, kept] if self.indels else self.carried,
        )

    def only(self, positions: Iterable[int]) -> View:
        """Return what the same molecules show at some of the positions."""
        wanted = set(positions)
        rows = [row for row, position in enumerate(self.positions) if position in wanted]
        return replace(
            self,
            positions=tuple(self.positions[row] for row in rows),
            reference=tuple(self.reference[row] for row in rows),
            codes=self.codes[rows],
            context=tuple(self.context[row] for row in rows),
            quality=self.quality[rows],
            origin=self.origin[rows],
        )

    def showing(self, pattern: Pattern) -> NDArray[np.bool_]:
        """Return which molecules show exactly ``pattern`` (n)."""
        shown = np.ones(self.size, dtype=np.bool_)
        for row, wanted in zip([*self.codes, *self.carried], pattern, strict=True):
            shown &= row == wanted
        return shown

    def allele(self, pattern: Pattern, reference: ReferenceWindow) -> Allele | None:
        """Return the changes that give ``pattern`` in cis; None if it holds anything else."""
        codes, carried = pattern[: len(self.positions)], pattern[len(self.positions) :]
        if max((*codes, *self.reference), default=0) >= UNKNOWN:
            return None
        edits = [
            Edit(position, position + 1, BASES[shown])
            for position, known, shown in zip(self.positions, self.reference, codes, strict=True)
            if shown != known
        ]
        if not any(carried):
            return Allele(tuple(edits)) if edits else None
        who = self.molecules[self.showing(pattern)]
        edits += [
            indel.mostly(who) for indel, there in zip(self.indels, carried, strict=True) if there
        ]
        try:
            return normalise(edits, reference)
        except ValueError:
            # Two alignments of which no molecule shows both as they are.
            return None

    def pattern(self, allele: Allele) -> Pattern:
        """Return what a molecule with the substitutions of ``allele`` alone shows."""
        changed = {edit.start: BASES.index(edit.alt) for edit in allele.edits}
        codes = (
            changed.get(position, known)
            for position, known in zip(self.positions, self.reference, strict=True)
        )
        return (*codes, *(0 for _ in self.indels))


def _packed(rows: Sequence[tuple[NDArray[np.generic], int]], size: int) -> NDArray[np.int64]:
    """Return one number per column, equal where all rows are (size).

    Args:
        rows: Of numbers, with how many bits each number needs at most.
        size: Columns.
    """
    key = np.zeros(size, dtype=np.int64)
    used = 0
    for row, bits in rows:
        if used + bits > _KEY_BITS:
            _, key = np.unique(key, return_inverse=True)
            used = int(key.max(initial=0)).bit_length()
        key = key << bits | row.astype(np.int64)
        used += bits
    return key


def _distinct(
    key: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return where each distinct number stands first, how often it does, and which each one is."""
    highest = int(key.max(initial=0))
    if highest >= _MOST_BINS:
        _, first, of, counts = np.unique(
            key, return_index=True, return_inverse=True, return_counts=True
        )
        return first, counts, of
    counts = np.bincount(key, minlength=highest + 1)
    first = np.zeros(highest + 1, dtype=np.int64)
    first[key[::-1]] = np.arange(key.size - 1, -1, -1)
    there = counts > 0
    return first[there], counts[there], (np.cumsum(there) - 1)[key]


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
        context=tuple(context_of(reference, np.array(ordered, dtype=np.int64)).tolist()),
        quality=np.stack([column.quality[rows] for column in columns]),
        origin=np.stack([column.origin[rows] for column in columns]),
        # A molecule counts for a strand only if that strand shows all of the positions.
        forward=np.logical_and.reduce([column.forward[rows] for column in columns]),
        reverse=np.logical_and.reduce([column.reverse[rows] for column in columns]),
        read_quality=worst([column.read_quality for column in columns]),
        end_distance=worst([column.end_distance for column in columns]),
        mapping_quality=molecules.mapping_quality[rows],
        fragment_start=molecules.ends[0][rows],
        fragment_end=molecules.ends[1][rows],
        discordant=int((contradicted & covered).sum()),
    )


def codon_haplotypes(view: View, placed: PlacedLocus) -> dict[str, int]:
    """Return molecules by the codon's bases on the transcript's strand, commonest first.

    ``del`` and ``ins`` are codons that lack bases or have bases put in between, wherever that is
    placed.

    Args:
        view: Molecules informative on the codon.
        placed: The gene on the input's build.
    """
    named: dict[str, int] = {}
    for pattern, count in view.only(placed.codon_positions).haplotypes.items():
        name = codon_name(pattern, placed)
        named[name] = named.get(name, 0) + count
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))


def codon_name(codes: Pattern, placed: PlacedLocus) -> str:
    """Return what :func:`codon_haplotypes` calls the codes of a codon's three bases."""
    if INSERTED in codes:
        return "ins"
    if max(codes) >= UNKNOWN:
        return "del"
    ordered = codes if placed.is_forward else [3 - code for code in reversed(codes)]
    return "".join(BASES[code] for code in ordered)
