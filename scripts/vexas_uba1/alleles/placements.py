"""Insertions and deletions with all their equal placements.

In a run of equal bases, or in any repeat, an aligner may put the same change in several places. It
is one allele; every placement of it asks for the same molecules, and what a molecule shows of a
codon is what it shows in the placement that leaves the codon whole, if there is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.fragments import IndelCount
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.normalise import left_normalise
from vexas_uba1.reference import UNKNOWN, ReferenceWindow


@dataclass(frozen=True)
class Runs:
    """The runs of equal bases of a reference window; W bases.

    Attributes:
        start: 0-based first position of the window.
        first: First position of the run that each base lies in (W).
        length: Length of that run, 0 for an unknown base (W).
    """

    start: int
    first: NDArray[np.int64]
    length: NDArray[np.int64]

    @classmethod
    def of(cls, reference: ReferenceWindow) -> Runs:
        """Find the runs of a window."""
        codes = reference.codes
        begins = np.concatenate(([True], (codes[1:] != codes[:-1]) | (codes[1:] == UNKNOWN)))
        number = np.cumsum(begins) - 1
        firsts = np.flatnonzero(begins)
        lengths = np.diff(np.append(firsts, codes.size))
        length = np.where(codes < UNKNOWN, lengths[number], 0)
        return cls(reference.start, firsts[number] + reference.start, length)

    def length_at(self, position: int) -> int:
        """Return the length of the run at a 0-based position; 0 where nothing is known."""
        at = position - self.start
        return int(self.length[at]) if 0 <= at < self.length.size else 0

    def first_at(self, position: int) -> int:
        """Return where the run at a 0-based position begins."""
        at = position - self.start
        return int(self.first[at]) if 0 <= at < self.first.size else position


@dataclass(frozen=True)
class Indel:
    """An insertion or deletion, however the alignments place it.

    Attributes:
        edit: Placed as far left as the known reference allows.
        last: Its start when placed as far right.
        run: Length of the run of equal bases that it lies in, the longer one of a deletion's first
            and last base, of an insertion's next base; 0 where none is known.
        shown: As the alignments show it, by placement.
    """

    edit: Edit
    last: int
    run: int
    shown: tuple[IndelCount, ...] = ()

    @property
    def allele(self) -> Allele:
        """The left-normalised allele."""
        return Allele((self.edit,))

    @property
    def is_insertion(self) -> bool:
        """Whether bases are put in; else they are taken out."""
        return self.edit.start == self.edit.end

    @property
    def size(self) -> int:
        """Reference bases taken out; 0 for an insertion."""
        return self.edit.end - self.edit.start

    @cached_property
    def flanks(self) -> tuple[int, int]:
        """0-based bases to either side of all placements: who shows both was asked."""
        low = min([self.edit.start, *(item.start for item in self.shown)]) - 1
        high = max([self.last + self.size, *(item.end for item in self.shown)])
        return low, high

    @cached_property
    def molecules(self) -> NDArray[np.int64]:
        """The molecules that show it, ascending."""
        return _united(item.molecules for item in self.shown)

    @cached_property
    def contradicted(self) -> NDArray[np.int64]:
        """The molecules whose copies contradict each other on it, ascending."""
        return _united(item.contradicted for item in self.shown)

    def mostly(self, molecules: NDArray[np.int64]) -> Edit:
        """Return the placement in which most of the molecules show it."""
        commonest = max(
            self.shown,
            key=lambda item: (np.isin(molecules, item.molecules).sum(), -item.start),
        )
        return Edit(commonest.start, commonest.end, commonest.bases)

    def breaks(self, start: int, codon: Collection[int]) -> bool:
        """Return whether it breaks a codon if placed at ``start``: beside it, it does not."""
        if self.is_insertion:
            return min(codon) < start <= max(codon)
        return not set(codon).isdisjoint(range(start, start + self.size))

    def aside(self, start: int, codon: Collection[int]) -> int | None:
        """Return the placement next to ``start`` that leaves a codon whole; None without one."""
        places = [at for at in range(self.edit.start, self.last + 1) if not self.breaks(at, codon)]
        return min(places, key=lambda at: (abs(at - start), at), default=None)


def spares(edit: Edit, codon: Collection[int], reference: ReferenceWindow) -> bool:
    """Return whether an edit leaves a codon as it is, in one of its equal placements at least."""
    if not edit.is_indel:
        return set(codon).isdisjoint(range(edit.start, edit.end))
    indel = indel_of(edit, reference, Runs.of(reference))
    return indel.aside(indel.edit.start, codon) is not None


def indel_of(
    edit: Edit, reference: ReferenceWindow, runs: Runs, shown: tuple[IndelCount, ...] = ()
) -> Indel:
    """Return the insertion or deletion of a left-normalised edit; a delins has but one place."""
    ends = (edit.start, max(edit.start, edit.end - 1))
    run = max(map(runs.length_at, ends))
    return Indel(edit, _last(edit, reference, runs), run, shown)


def join_placements(
    shown: Iterable[IndelCount], reference: ReferenceWindow, runs: Runs
) -> list[Indel]:
    """Join the alignments' insertions and deletions that are one allele, ordered by place.

    Where the reference is not known, placements stay apart.
    """
    joined: dict[Edit, list[IndelCount]] = {}
    for item in shown:
        edit = _leftmost(Edit(item.start, item.end, item.bases), reference, runs)
        joined.setdefault(edit, []).append(item)
    return [indel_of(edit, reference, runs, tuple(items)) for edit, items in sorted(joined.items())]


def _leftmost(edit: Edit, reference: ReferenceWindow, runs: Runs) -> Edit:
    # What nearly all errors are is looked up; only repeats of several bases need a search.
    if edit.end - edit.start == 1:
        first = runs.first_at(edit.start)
        return Edit(first, first + 1, "")
    if len(set(edit.alt)) == 1:
        grows = reference.slice(edit.start - 1, edit.start) == edit.alt[0]
        first = runs.first_at(edit.start - 1) if grows else edit.start
        return Edit(first, first, edit.alt)
    return left_normalise(edit, reference)


def _last(edit: Edit, reference: ReferenceWindow, runs: Runs) -> int:
    """Return the start of the placement farthest right."""
    start, end, alt = edit.start, edit.end, edit.alt
    if not edit.is_indel:
        return start
    if end - start == 1:
        return start + max(0, runs.length_at(start) - 1)
    if len(set(alt)) == 1:
        grows = reference.slice(start, start + 1) == alt[0]
        return start + runs.length_at(start) if grows else start
    while True:
        leaving = alt[0] if alt else reference.slice(start, start + 1)
        if leaving == "N" or reference.slice(end, end + 1) != leaving:
            return start
        start, end, alt = start + 1, end + 1, alt and alt[1:] + leaving


def _united(parts: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    united: NDArray[np.int64] = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *parts]))
    return united
