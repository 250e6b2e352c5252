"""The test of each allele and its VAF, and what this sample could have shown.

Every allele of the codon and of the catalogue is tested in every sample, seen or not: forced. All
other coding bases and splice sites are searched. An allele is found if the chance that errors alone
give as many molecules is below its level; the levels of a family of alleles add up to the family's
stated rate of false positives per sample (Bonferroni).

The two ask different questions. A forced allele is asked for by itself: a molecule counts that
shows its bases, and the whole codon as the allele has it, whatever lies beside. What is searched is
exact: all that a molecule shows of a cluster of places is one allele, with its neighbours in cis.
So c.122T>C beside a silent change of codon 42 counts for the forced c.122T>C, and is found as
c.[122T>C;126C>T].
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alleles.haplotypes import View
from vexas_uba1.alleles.placements import Runs, indel_of, join_placements, spares
from vexas_uba1.alleles.views import Views
from vexas_uba1.caller.evidence import (
    HIGHEST_QUALITY,
    Counting,
    Evidence,
    Finding,
    TestLevels,
    assess,
)
from vexas_uba1.caller.exact import upper_bound
from vexas_uba1.caller.limits import PositionLimits, position_limits
from vexas_uba1.caller.search import Search, outstanding
from vexas_uba1.filters import LOW_BASE_QUALITY
from vexas_uba1.fragments import Molecules
from vexas_uba1.locus.edits import Allele
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.noise import (
    ErrorModel,
    PositionCounts,
    count_positions,
    fewest_by_error,
    fit,
    median_quality,
)
from vexas_uba1.reference import BASES, UNKNOWN, ReferenceWindow

__all__ = ["HIGHEST_QUALITY", "Caller", "Counting", "Finding", "TestLevels"]


class Caller:
    """Tests the alleles of one sample."""

    def __init__(
        self,
        molecules: Molecules,
        placed: PlacedLocus,
        reference: ReferenceWindow,
        known: Mapping[Allele, bool],
        positions: NDArray[np.int64],
        counting: Counting,
        levels: TestLevels,
    ) -> None:
        """Fit the sample's error model and find the places that deserve a closer look.

        Args:
            molecules: The sample's molecules.
            placed: The gene on the input's build.
            reference: What is known of the reference.
            known: The catalogue's alleles on this build, and whether each is of class ``vexas``.
            positions: 0-based, ascending positions that are searched.
            counting: What one observation is worth.
            levels: The test's levels.
        """
        self._placed = placed
        self._reference = reference
        self._known = known
        self._counting = counting
        self._levels = levels
        self._runs = Runs.of(reference)
        self._indels = {
            indel.allele: indel
            for indel in join_placements(molecules.indels, reference, self._runs)
        }
        self._counted = count_positions(molecules, reference, positions)
        coding = np.isin(positions, placed.coding_positions)
        named = {base for allele in known for edit in allele.edits for base in edit.touched}
        self.model: ErrorModel = fit(
            _subset(self._counted, coding),
            frozenset(named.union(placed.codon_positions)),
            list(self._indels.values()),
            self._runs,
        )
        indels = outstanding(list(self._indels.values()), self._counted, self.model, known)
        self._views = Views(molecules, placed, reference, self._indels.values(), indels)
        self._search = Search(
            self._views, placed, reference, self._counted, self.model, indels, known
        )
        self._is_poor_sample = median_quality(molecules) < LOW_BASE_QUALITY
        self._searched = int((self._counted.reference < UNKNOWN).sum())

    @property
    def codon_view(self) -> View:
        """The molecules informative on the whole codon."""
        return self._views.codon

    @property
    def codon_depth(self) -> int:
        """What those molecules are worth: no more than the input holds."""
        return self._counting.most(self.codon_view.size)

    @property
    def vexas_alleles(self) -> set[Allele]:
        """The catalogue's alleles of class ``vexas`` on this build."""
        return {allele for allele, is_vexas in self._known.items() if is_vexas}

    @cached_property
    def codon_alleles(self) -> list[Allele]:
        """The nine single-base changes of the codon, in the transcript's order."""
        alleles = []
        for position in self._placed.codon_positions:
            known = self._reference.slice(position, position + 1)
            alleles += [
                Allele.substitution({position: base}) for base in BASES[:4] if base != known
            ]
        return alleles

    def forced(self) -> list[Finding]:
        """Test every single-base change of the codon and every catalogue allele, seen or not."""
        return [finding for finding, _ in self._forced]

    def searched(self) -> list[Finding]:
        """Return the significant alleles among all that the molecules show.

        A forced allele that is significant by molecules of which no found one tells is among them.
        Of those that show it, but end within a found allele that holds it and more, nobody knows.
        """
        found: list[tuple[Finding, Evidence]] = []
        for shown in self._search.alleles():
            if shown.count <= fewest_by_error(shown.view, shown.patterns[0], self.model):
                continue
            evidence = Evidence.of(shown.allele, shown.view, shown.patterns, self.model)
            finding = self._assess(evidence)
            if finding.significant:
                found.append((finding, evidence))
        alleles = {finding.allele for finding, _ in found}
        for finding, asked in self._forced:
            if asked is None or finding.allele in alleles:
                continue
            told = []
            for other, evidence in found:
                if _meet(other.allele, finding.allele):
                    told.append(evidence.molecules)
                if evidence.holds(finding.allele):
                    told.append(np.setdiff1d(asked.molecules, evidence.view.molecules))
            rest = self._assess(asked.less(told))
            if rest.significant:
                found.append((rest, asked))
        return [finding for finding, _ in found]

    @cached_property
    def position_limits(self) -> PositionLimits:
        """What a search for substitutions can find at each position."""
        return position_limits(
            self._counted, self.model, self._search_level, self._counting.most_molecules
        )

    def limit_at(self, position: int) -> float | None:
        """Return the limit of detection of a substitution at a searched 0-based position."""
        return self._counting.floored(self.position_limits.limit_at(position, self._levels.power))

    def bound(self, alt: int, depth: int) -> float | None:
        """Return the one-sided 95 % upper bound of a VAF; None without molecules."""
        return self._counting.floored(upper_bound(alt, depth))

    @cached_property
    def _forced(self) -> list[tuple[Finding, Evidence | None]]:
        """The forced alleles, with the evidence of the significant ones."""
        tested: list[tuple[Finding, Evidence | None]] = []
        for allele in dict.fromkeys([*self.codon_alleles, *self._known]):
            evidence = self._evidence(allele)
            finding = self._assess(evidence, self._levels.power)
            tested.append((finding, evidence if finding.significant else None))
        return tested

    def _evidence(self, allele: Allele) -> Evidence:
        """Ask for an allele by itself, whatever lies beside it.

        A molecule that shows a listed allele which holds this one and more counts for that alone.
        """
        if not allele.is_substitution:
            return self._indel_evidence(allele)
        own = {edit.start for edit in allele.edits}
        codon = set(self._placed.codon_positions)
        if own & codon:
            own |= codon
        larger = [
            other for other in self._search.listed_in_cis if set(allele.edits) < set(other.edits)
        ]
        asked = own.union(*({edit.start for edit in other.edits} for other in larger))
        wide = self._views.at(asked)
        view = wide.only(own)
        instead = np.zeros(view.size, dtype=np.bool_)
        for other in larger:
            narrow = wide.only(edit.start for edit in other.edits)
            instead |= narrow.showing(narrow.pattern(other))
        return Evidence.of(allele, view, [view.pattern(allele)], self.model, instead)

    def _indel_evidence(self, allele: Allele) -> Evidence:
        if len(allele.edits) > 1 or not allele.edits[0].is_indel:
            # Seen, if at all, as several changes in cis.
            for shown in self._search.alleles():
                if shown.allele == allele:
                    return Evidence.of(allele, shown.view, shown.patterns, self.model)
        indels = [
            self._indels.get(Allele((edit,))) or indel_of(edit, self._reference, self._runs)
            for edit in allele.edits
        ]
        view = self._views.at((), indels)
        return Evidence.of(allele, view, [(1,) * len(indels)], self.model)

    def _assess(self, evidence: Evidence, limit_power: float | None = None) -> Finding:
        return assess(
            evidence,
            self._level(evidence.allele),
            self._counting,
            artefact_strand=self._artefact_strand(evidence.allele),
            is_poor_sample=self._is_poor_sample,
            limit_power=limit_power,
        )

    def _artefact_strand(self, allele: Allele) -> str | None:
        """Return the strand on which two-colour machines show the allele by themselves.

        They read T as G before T or G (doi:10.1101/2025.09.27.678978).
        """
        if len(allele.edits) != 1 or not allele.is_substitution:
            return None
        position, shown = allele.edits[0].start, allele.edits[0].alt
        around = self._reference.slice(position - 1, position + 2)
        if (around[1], shown) == ("T", "G") and around[2] in "TG":
            return "forward"
        return "reverse" if (around[1], shown) == ("A", "C") and around[0] in "AC" else None

    @property
    def _search_level(self) -> float:
        # Three substitutions, insertions and deletions at every position.
        return self._levels.search / max(1, 5 * self._searched)

    def _level(self, allele: Allele) -> float:
        vexas = len(self.vexas_alleles)
        if self._known.get(allele, False):
            return self._levels.vexas / vexas
        codon = self._placed.codon_positions
        if allele in self._known or any(
            not spares(edit, codon, self._reference) for edit in allele.edits
        ):
            # All 63 other haplotypes of the codon, its insertions and deletions, and the
            # catalogue's other alleles.
            return self._levels.other_known / (64 + len(self._known) - vexas)
        return self._search_level


def _meet(one: Allele, other: Allele) -> bool:
    return one.start <= other.end and other.start <= one.end


def _subset(counted: PositionCounts, chosen: NDArray[np.bool_]) -> PositionCounts:
    return PositionCounts(
        counted.positions[chosen],
        counted.reference[chosen],
        counted.counts[chosen],
        counted.error[chosen],
    )
