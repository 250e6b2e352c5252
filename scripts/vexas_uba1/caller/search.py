"""The search: which places deserve a closer look, and what the molecules show there as alleles.

A substitution deserves it if its position shows more of one mismatch than errors explain, an
insertion or deletion likewise; and so does a change that goes along with such an insertion or
deletion in at least half of its molecules, and each change of a listed allele that two molecules
show whole. What lies within one or neighbouring codons, or touches an insertion or deletion, is one
cluster, and what a molecule shows of a whole cluster is one allele.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammainc

from vexas_uba1.alleles.clusters import CIS_REACH, Cluster, clusters, linked
from vexas_uba1.alleles.haplotypes import Pattern, View
from vexas_uba1.alleles.placements import Indel
from vexas_uba1.alleles.views import Views
from vexas_uba1.caller.exact import FEWEST_MOLECULES
from vexas_uba1.locus.edits import Allele
from vexas_uba1.locus.hgvs import describe, parse_c
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.noise import Cuts, ErrorModel, PositionCounts, tail_by_position
from vexas_uba1.reference import UNKNOWN, ReferenceWindow

_CANDIDATE_TAIL = 2e-4
"""Poisson tail below which a change deserves a closer look; far above every level of a test, for
the position itself is among those that the errors are known from."""


@dataclass(frozen=True)
class Shown:
    """An allele that molecules show.

    Attributes:
        allele: The allele.
        view: Molecules informative on its cluster.
        patterns: How they show it, the commonest first.
    """

    allele: Allele
    view: View
    patterns: tuple[Pattern, ...]

    @property
    def count(self) -> int:
        """Molecules that show it."""
        return sum(self.view.haplotypes[pattern] for pattern in self.patterns)


class Search:
    """Looks through one sample."""

    def __init__(
        self,
        views: Views,
        placed: PlacedLocus,
        reference: ReferenceWindow,
        counted: PositionCounts,
        cut: Cuts,
        indels: Sequence[Indel],
        listed: Collection[Allele],
    ) -> None:
        """Find what deserves a closer look.

        Args:
            views: Of the sample's molecules.
            placed: The gene on the input's build.
            reference: What is known of the reference.
            counted: The searched positions.
            cut: What is seen and expected there.
            indels: Of :func:`outstanding`.
            listed: The catalogue's alleles.
        """
        self._views = views
        self._placed = placed
        self._reference = reference
        self._counted = counted
        self.listed_in_cis = self._shown_in_cis(listed)
        positions = {edit.start for allele in self.listed_in_cis for edit in allele.edits}
        tail = tail_by_position(counted, cut).min(axis=1, initial=1.0)
        positions.update(counted.positions[tail < _CANDIDATE_TAIL].tolist())
        for indel in indels:
            positions.update(self._beside(indel))
        self._clusters = clusters(positions, indels, placed)

    def alleles(self) -> Iterator[Shown]:
        """Yield every allele of a cluster that at least two molecules show."""
        for cluster in self._clusters:
            view = self._views.at(cluster.positions, cluster.indels)
            by_allele: dict[Allele, list[Pattern]] = {}
            for pattern in view.haplotypes:
                allele = view.allele(pattern, self._reference)
                if allele is not None and allele.edits:
                    allele = self._as_named(allele)
                    by_allele.setdefault(allele, []).append(pattern)
            for allele, patterns in self._joined(by_allele, cluster):
                shown = Shown(allele, view, tuple(patterns))
                if shown.count >= FEWEST_MOLECULES:
                    yield shown

    def _as_named(self, allele: Allele) -> Allele:
        """Return the allele that its name stands for: changes that are one delins are one edit."""
        if allele.is_substitution or len(allele.edits) == 1:
            return allele
        name = describe(allele, self._placed, self._reference).hgvs_c
        return parse_c(name, self._placed, self._reference)

    def _joined(
        self, by_allele: Mapping[Allele, list[Pattern]], cluster: Cluster
    ) -> Iterator[tuple[Allele, list[Pattern]]]:
        """Join what spells the same bases in different alignments, under the simplest name."""
        if not cluster.indels or not by_allele:
            yield from by_allele.items()
            return
        spelled: dict[object, tuple[Allele, list[Pattern]]] = {}
        low = min(allele.start for allele in by_allele)
        high = max(allele.end for allele in by_allele)
        for allele, patterns in sorted(by_allele.items(), key=lambda item: len(item[0].edits)):
            bases = allele.spelled(low, high, self._reference)
            same = spelled.setdefault(allele if "N" in bases else bases, (allele, []))
            same[1].extend(patterns)
        yield from spelled.values()

    def _shown_in_cis(self, listed: Collection[Allele]) -> list[Allele]:
        """Return the listed alleles of several substitutions that are shown whole.

        Two changes in one molecule say more than their positions do one by one.
        """
        shown = []
        for allele in listed:
            if allele.is_substitution and len(allele.edits) > 1:
                view = self._views.at(edit.start for edit in allele.edits)
                if view.showing(view.pattern(allele)).sum() >= FEWEST_MOLECULES:
                    shown.append(allele)
        return shown

    def _beside(self, indel: Indel) -> Iterator[int]:
        """Yield positions where most molecules with an insertion or deletion show one mismatch."""
        low, high = indel.flanks
        first, last = np.searchsorted(
            self._counted.positions, (low - CIS_REACH, high + CIS_REACH + 1)
        )
        for row in range(first, last):
            position, known = int(self._counted.positions[row]), self._counted.reference[row]
            if known >= UNKNOWN or not linked(position, indel, self._placed):
                continue
            codes = self._views.codes_at(position)[indel.molecules]
            bases = np.bincount(codes[codes < UNKNOWN], minlength=UNKNOWN)
            most = int(np.delete(bases, known).max())
            if most >= FEWEST_MOLECULES and 2 * most >= bases.sum():
                yield position


def outstanding(
    indels: Sequence[Indel],
    counted: PositionCounts,
    model: ErrorModel,
    listed: Collection[Allele],
) -> list[Indel]:
    """Return the insertions and deletions that are more than errors seem to explain.

    Two molecules at least show them; of a listed one that is enough.
    """
    found = []
    for indel in indels:
        seen = indel.molecules.size
        if seen < FEWEST_MOLECULES:
            continue
        low, high = indel.flanks
        rows = np.searchsorted(counted.positions, (low, high + 1))
        depth = int(counted.bases[slice(*rows)].sum(axis=1).max(initial=0)) + seen
        tail = float(gammainc(seen, depth * model.indel_of(indel)))
        if indel.allele in listed or tail < _CANDIDATE_TAIL:
            found.append(indel)
    return found
