"""Views of a sample's molecules, read as alleles: where an aligner put a change does not matter."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import DELETED
from vexas_uba1.alleles.haplotypes import INSERTED, View, view_of
from vexas_uba1.alleles.placements import Indel
from vexas_uba1.fragments import IndelCount, Molecules
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.reference import UNKNOWN, ReferenceWindow


class Views:
    """Reads views off the molecules.

    An insertion or deletion that a view looks at by itself is no part of what its positions show.
    Any other one that an alignment puts into the codon is moved out of it, if it can lie beside it
    as well; the molecule then shows the codon's bases. If it cannot, the codon is broken; and so it
    is if an insertion or deletion that is more than an error can touch a change of the codon, for
    the two are one delins.
    """

    def __init__(
        self,
        molecules: Molecules,
        placed: PlacedLocus,
        reference: ReferenceWindow,
        indels: Iterable[Indel],
        alleles: Collection[Indel],
    ) -> None:
        """Note the insertions and deletions that concern the codon.

        Args:
            molecules: The sample's molecules.
            placed: The gene on the input's build.
            reference: What is known of the reference.
            indels: All that the molecules show.
            alleles: Those of them that are more than errors.
        """
        self._molecules = molecules
        self._reference = reference
        self._codon = placed.codon_positions
        self._in_codon = [
            indel
            for indel in indels
            if any(indel.breaks(item.start, self._codon) for item in indel.shown)
        ]
        self._touching = [
            indel
            for indel in sorted(alleles, key=lambda each: each.edit)
            if any(indel.flanks[0] <= at <= indel.flanks[1] for at in self._codon)
        ]
        self._codes: dict[int, NDArray[np.uint8]] = {}
        self._latest: tuple[set[int], View] | None = None

    @cached_property
    def codon(self) -> View:
        """The molecules informative on the whole codon."""
        return self._read(set(self._codon), ())

    def at(self, positions: Iterable[int], indels: Sequence[Indel] = ()) -> View:
        """Return the molecules informative on all positions and insertions and deletions.

        They show each position and the bases to either side of every placement of each insertion
        or deletion, without contradiction.

        Args:
            positions: 0-based.
            indels: Looked at by themselves.
        """
        wanted = set(positions)
        if wanted == set(self._codon) and not indels:
            return self.codon
        if indels:
            return self._read(wanted, indels)
        # Alleles of one place are asked for one after the other.
        if self._latest is None or self._latest[0] != wanted:
            self._latest = wanted, self._read(wanted, ())
        return self._latest[1]

    def _read(self, wanted: set[int], indels: Sequence[Indel]) -> View:
        asked = wanted.union(*(indel.flanks for indel in indels))
        view = view_of(self._molecules, asked, self._reference)
        contradicted = [indel.contradicted for indel in indels]
        view = view.only(wanted)
        codes = view.codes.copy() if indels or self._in_codon or self._touching else view.codes
        for indel in indels:
            for item in indel.shown:
                rows = _rows(view, range(item.start, item.end))
                carriers = _among(view, item.molecules)
                _restore(codes, rows, carriers, view.reference)
        if wanted.issuperset(self._codon):
            for indel in self._in_codon:
                if indel in indels:
                    continue
                if indel.is_insertion:
                    contradicted.append(self._breaking(indel))
                for item in indel.shown:
                    self._set_aside(view, codes, indel, item)
            for indel in self._touching:
                if indel not in indels:
                    self._join_change(view, codes, indel)
        carried = np.zeros((len(indels), view.size), dtype=np.bool_)
        for row, indel in enumerate(indels):
            carried[row, _among(view, indel.molecules)] = True
        view = replace(view, codes=codes, indels=tuple(indels), carried=carried)
        return view.without(np.concatenate([np.zeros(0, dtype=np.int64), *contradicted]))

    def codes_at(self, position: int) -> NDArray[np.uint8]:
        """Return what each molecule shows at a 0-based position, as in a column (M)."""
        if position not in self._codes:
            self._codes[position] = self._molecules.column(position).code
        return self._codes[position]

    def _breaking(self, indel: Indel) -> NDArray[np.int64]:
        """Return the molecules that cannot tell whether the codon is broken."""
        if indel.aside(indel.edit.start, self._codon) is not None:
            return np.zeros(0, dtype=np.int64)
        return indel.contradicted

    def _set_aside(
        self, view: View, codes: NDArray[np.uint8], indel: Indel, item: IndelCount
    ) -> None:
        """Move one placement out of the codon where that says the same, or mark the codon."""
        if not indel.breaks(item.start, self._codon):
            return
        carriers = _among(view, item.molecules)
        beside = indel.aside(item.start, self._codon)
        if beside is not None:
            same = self._shows_reference(view.molecules[carriers], item, beside)
            moved, carriers = carriers[same], carriers[~same]
            old, new = (range(at, at + indel.size) for at in (item.start, beside))
            _restore(codes, _rows(view, set(old) - set(new)), moved, view.reference)
            for row in _rows(view, set(new) - set(old)):
                codes[row, moved] = DELETED
        if indel.is_insertion:
            before = max(at for at in self._codon if at < item.start)
            behind = min(at for at in self._codon if at >= item.start)
            for row in _rows(view, (before, behind)):
                codes[row, carriers] = INSERTED

    def _join_change(self, view: View, codes: NDArray[np.uint8], indel: Indel) -> None:
        """Mark the codon where a change of it can touch a carried insertion or deletion."""
        carriers = _among(view, indel.molecules)
        low, high = indel.flanks
        for row in _rows(view, [at for at in self._codon if low <= at <= high]):
            shown = codes[row, carriers]
            changed = carriers[(shown != view.reference[row]) & (shown < UNKNOWN)]
            codes[row, changed] = INSERTED if indel.is_insertion else DELETED

    def _shows_reference(
        self, molecules: NDArray[np.int64], item: IndelCount, beside: int
    ) -> NDArray[np.bool_]:
        """Return which of k molecules show the reference at the bases that a move passes (k)."""
        passed = range(item.end, item.end + beside - item.start)
        if beside < item.start:
            passed = range(beside, item.start)
        same = np.ones(molecules.size, dtype=np.bool_)
        for position in passed:
            known = self._reference.codes[position - self._reference.start]
            same &= self.codes_at(position)[molecules] == known
        return same


def _among(view: View, molecules: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where some ascending molecules stand in a view, those that are there."""
    at = np.searchsorted(view.molecules, molecules)
    at, molecules = at[at < view.size], molecules[at < view.size]
    found: NDArray[np.int64] = at[view.molecules[at] == molecules]
    return found


def _rows(view: View, positions: Collection[int]) -> list[int]:
    return [row for row, position in enumerate(view.positions) if position in positions]


def _restore(
    codes: NDArray[np.uint8],
    rows: Sequence[int],
    carriers: NDArray[np.int64],
    reference: Sequence[int],
) -> None:
    """Write the reference where a carried deletion leaves no base."""
    for row in rows:
        codes[row, carriers[codes[row, carriers] == DELETED]] = reference[row]
