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

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alleles.clusters import CIS_REACH
from vexas_uba1.alleles.haplotypes import Pattern, View
from vexas_uba1.alleles.placements import Runs, indel_of, join_placements, spares
from vexas_uba1.alleles.views import Views
from vexas_uba1.caller.evidence import (
    HIGHEST_QUALITY,
    Counting,
    Evidence,
    Finding,
    TestLevels,
    assess,
    depth_for_limit,
)
from vexas_uba1.caller.exact import upper_bound
from vexas_uba1.caller.factor import CommonFactor
from vexas_uba1.caller.limits import PositionLimits, position_limits
from vexas_uba1.caller.search import Search, Shown, outstanding
from vexas_uba1.filters import LOW_BASE_QUALITY, ONE_SIDED, Support, Surroundings
from vexas_uba1.filters.places import PRIMER_REACH
from vexas_uba1.fragments import Molecules
from vexas_uba1.fragments.marks import BOTH_STRANDS, QUARTERS
from vexas_uba1.locus.edits import Allele
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.noise import (
    ErrorModel,
    SiteRates,
    count_positions,
    cuts,
    doubts,
    fit,
    median_quality,
    reference_misread,
)
from vexas_uba1.noise.two_colour import Artefact, artefact_strand, seen_elsewhere
from vexas_uba1.reference import BASES, UNKNOWN, ReferenceWindow
from vexas_uba1.samples.primers import Primer

_BESIDE = 150
"""Bases to either side of an allele that its molecules are compared on."""
_ROUNDS, _MOST_VARIANTS = 3, 20
"""How often the search is repeated beside what it found; so many are no variants of a patient."""
_MOST_BESIDE = 500
"""Molecules that are compared there, of those that show it and of the others."""
__all__ = ["HIGHEST_QUALITY", "Caller", "Counting", "Finding", "TestLevels"]


@dataclass(frozen=True)
class _Asked:
    """Where a forced allele is looked for; n molecules.

    Attributes:
        view: Molecules informative on it.
        patterns: How they show it.
        instead: Which of them count for another allele; None without such.
    """

    view: View
    patterns: tuple[Pattern, ...]
    instead: NDArray[np.bool_] | None = None

    @cached_property
    def is_shown(self) -> bool:
        """Whether any molecule shows it."""
        return any(self.view.showing(pattern).any() for pattern in self.patterns)


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
        canonical: Set[Allele] = frozenset(),
        primers: Sequence[Primer] = (),
        sites: SiteRates | None = None,
        *,
        is_amplicon: bool = False,
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
            canonical: Those of class ``vexas`` that are canonical.
            primers: Of the library, over the gene's window.
            sites: Of a panel of normals; None without one.
            is_amplicon: Whether the primers' places decide which strands are read where.
        """
        self._is_amplicon = is_amplicon
        self._findings: dict[tuple[Allele, bool], Finding] = {}
        self._questions: dict[Allele, _Asked] = {}
        self._evidences: dict[Allele, Evidence] = {}
        self._molecules = molecules
        self._placed = placed
        self._reference = reference
        self._known = known
        self._canonical = canonical
        self._primers = primers
        self._sites = sites
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
        self._coding = self._counted.only(coding)
        self._never_used = frozenset(named.union(placed.codon_positions))
        self._first_model = self._fitted(frozenset())
        indels = outstanding(list(self._indels.values()), self._counted, self._first_model, known)
        self._views = Views(molecules, placed, reference, self._indels.values(), indels)
        first_cuts = cuts(self._counted, self._first_model)
        self._search = Search(
            self._views, placed, reference, self._counted, first_cuts, indels, known
        )
        self._is_poor_sample = median_quality(molecules) < LOW_BASE_QUALITY
        self._searched = int((self._counted.reference < UNKNOWN).sum())

    @cached_property
    def model(self) -> ErrorModel:
        """The sample's error model, made beside all alleles that the search finds."""
        return self._fitted(self._beside)

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

    def forced(self, *, brief: bool = False) -> list[Finding]:
        """Test every single-base change of the codon and every catalogue allele, seen or not.

        In brief, those of class ``vexas`` alone, if there are any.
        """
        # Without a catalogue each change of the codon is as decisive as the other.
        wanted = set(self._forced)
        codon = set(self._placed.codon_positions)
        at_codon = {one for one in wanted if any(edit.start in codon for edit in one.edits)}
        if brief and self.vexas_alleles:
            # Without a canonical allele all of the codon's decide.
            wanted = self.vexas_alleles | (set() if at_codon & self._canonical else at_codon)
        return [
            self._tested(allele, with_limit=True) for allele in self._forced if allele in wanted
        ]

    def searched(self) -> list[Finding]:
        """Return the significant alleles among all that the molecules show.

        A forced allele that is significant by molecules of which no found one tells is among them.
        Of those that show it, but end within a found allele that holds it and more, nobody knows.
        """
        found = list(self._found)
        alleles = {finding.allele for finding, _ in found}
        for allele in self._forced:
            if allele in alleles or not self._asked(allele).is_shown:
                continue
            finding = self._findings.get((allele, True)) or self._tested(allele, with_limit=False)
            if not finding.significant:
                continue
            asked = self._evidence(allele)
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
    def _shown(self) -> list[Shown]:
        """What is not plainly misread reference among all that the molecules show."""
        return [shown for shown in self._search.alleles() if not self._is_plain_error(shown)]

    def _found_beside(self, left_out: frozenset[int]) -> list[tuple[Finding, Evidence]]:
        """Return the significant alleles, by errors that are known from all other positions."""
        found = []
        for shown in self._shown:
            # What is tested is no witness of the errors that it is tested against.
            beside = (left_out | frozenset(shown.view.positions)) - self._never_used
            evidence = Evidence.of(shown.allele, shown.view, shown.patterns, self._fitted(beside))
            finding = self._assess(evidence)
            if finding.significant:
                found.append((finding, evidence))
        return found

    @cached_property
    def _found_and_beside(self) -> tuple[list[tuple[Finding, Evidence]], frozenset[int]]:
        """The search's significant alleles, and what positions they leave to tell of errors not.

        A variant makes errors look unlike from site to site until it is known as one; so where some
        are found, others are asked once more beside them.
        """
        left_out: frozenset[int] = frozenset()
        found: list[tuple[Finding, Evidence]] = []
        for _ in range(_ROUNDS):
            found = self._found_beside(left_out)
            beside = {
                edit.start
                for finding, _ in found
                for edit in finding.allele.edits
                if edit.is_substitution
            }
            further = left_out | (beside - self._never_used)
            if further == left_out or len(found) > _MOST_VARIANTS:
                break
            left_out = further
        return found, left_out

    @property
    def _found(self) -> list[tuple[Finding, Evidence]]:
        return self._found_and_beside[0]

    @property
    def _beside(self) -> frozenset[int]:
        return self._found_and_beside[1]

    def depth_for_limit(self, allele: Allele, wanted: float) -> int | None:
        """Return how many molecules would bring a forced allele's limit to a VAF, or None."""
        evidence = self._evidence(allele)
        return depth_for_limit(
            evidence,
            self._level(allele),
            self._counting,
            wanted,
            support=self._support(evidence),
            power=self._levels.power,
        )

    @cached_property
    def position_limits(self) -> PositionLimits:
        """What a search for substitutions can find at each position."""
        return self.limits_among(self._counted.positions)

    def limits_among(self, positions: Collection[int] | NDArray[np.int64]) -> PositionLimits:
        """Return what a search for substitutions can find at some searched 0-based positions."""
        asked = self._counted.only(np.isin(self._counted.positions, list(positions)))
        # A panel tells most sites' own rates.
        site_variance = 0.0 if self._sites else self.model.recalibration.site_variance
        return position_limits(
            asked.positions,
            asked.reference,
            cuts(asked, self.model),
            [
                CommonFactor(variance, site_variance)
                for variance in doubts(self._counted, self.model).tolist()
            ],
            self._search_level,
            self._counting.most_molecules,
        )

    @cached_property
    def limits(self) -> NDArray[np.float64]:
        """Limit of detection of a substitution at each searched position, NaN without one (P)."""
        limits = self.position_limits.limits(self._levels.power)
        floor = self._counting.limit_floor
        return limits if floor is None else np.maximum(limits, floor)

    def limit_at(self, position: int) -> float | None:
        """Return the limit of detection of a substitution at a searched 0-based position."""
        limit = float(self.limits[np.searchsorted(self.position_limits.positions, position)])
        return None if np.isnan(limit) else limit

    def bound(self, alt: int, depth: int) -> float | None:
        """Return the one-sided 95 % upper bound of a VAF; None without molecules."""
        return self._counting.floored(upper_bound(alt, depth))

    @cached_property
    def _forced(self) -> list[Allele]:
        """The alleles that are tested whether they are seen or not."""
        return list(dict.fromkeys([*self.codon_alleles, *self._known]))

    def _tested(self, allele: Allele, *, with_limit: bool) -> Finding:
        """Test a forced allele, once."""
        asked = (allele, with_limit)
        if asked not in self._findings:
            power = self._levels.power if with_limit else None
            self._findings[asked] = self._assess(self._evidence(allele), power)
        return self._findings[asked]

    def _fitted(self, tested: frozenset[int]) -> ErrorModel:
        """Return the error model as the sample shows it beside what is tested."""
        if not tested and hasattr(self, "_first_model"):
            return self._first_model
        return fit(
            self._coding,
            self._never_used | tested,
            list(self._indels.values()),
            self._runs,
            self._sites,
        )

    def _is_plain_error(self, shown: Shown) -> bool:
        """Return whether misreading the reference explains what molecules show; quick to tell."""
        view = shown.view
        chance = np.maximum(reference_misread(view, shown.patterns[0], self._first_model), 1e-12)
        # Weighed as in the test, but roughly.
        worth = np.log1p(8 / max(1, view.size) / chance)
        shows = np.zeros(view.size, dtype=np.bool_)
        for pattern in shown.patterns:
            shows |= view.showing(pattern)
        expected = chance * view.classes.size
        spread = float(expected @ worth**2) ** 0.5
        seen = float(worth[view.classes.of[shows]].sum())
        return bool(seen <= float(expected @ worth) + 3 * spread)

    def _evidence(self, allele: Allele) -> Evidence:
        """Return what the molecules say of a forced allele."""
        if allele not in self._evidences:
            asked = self._asked(allele)
            self._evidences[allele] = Evidence.of(
                allele, asked.view, asked.patterns, self.model, asked.instead
            )
        return self._evidences[allele]

    def _asked(self, allele: Allele) -> _Asked:
        """Ask for an allele by itself, once, whatever lies beside it.

        A molecule that shows a listed allele which holds this one and more counts for that alone.
        """
        if allele not in self._questions:
            ask = self._ask if allele.is_substitution else self._ask_for_indel
            self._questions[allele] = ask(allele)
        return self._questions[allele]

    def _ask(self, allele: Allele) -> _Asked:
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
        return _Asked(view, (view.pattern(allele),), instead)

    def _ask_for_indel(self, allele: Allele) -> _Asked:
        if len(allele.edits) > 1 or not allele.edits[0].is_indel:
            # Seen, if at all, as several changes in cis.
            for shown in self._search.alleles():
                if shown.allele == allele:
                    return _Asked(shown.view, shown.patterns)
        indels = [
            self._indels.get(Allele((edit,))) or indel_of(edit, self._reference, self._runs)
            for edit in allele.edits
        ]
        view = self._views.at((), indels)
        return _Asked(view, ((1,) * len(indels),))

    def _assess(self, evidence: Evidence, limit_power: float | None = None) -> Finding:
        return assess(
            evidence,
            self._level(evidence.allele),
            self._counting,
            support=self._support(evidence),
            limit_power=limit_power,
        )

    def _support(self, evidence: Evidence) -> Support:
        allele = evidence.allele
        fault = self._artefact(allele)
        return Support(
            evidence.view,
            evidence.shows,
            evidence.chance,
            evidence.weight,
            artefact=fault,
            may_be_one_sided=self._is_amplicon
            or (fault is not None and fault.strand in self._only_strands),
            is_poor_sample=self._is_poor_sample,
            look_beside=lambda: self._surroundings(evidence),
            near_primer=self._near_primer(evidence),
            panel_vaf=self._panel_vaf(evidence),
        )

    def _surroundings(self, evidence: Evidence) -> Surroundings | None:
        """Return what an allele's molecules, and some others, show beside it."""
        allele, shows = evidence.allele, evidence.shows
        start = max(allele.start - _BESIDE, self._reference.start)
        end = min(allele.end + _BESIDE, self._reference.end)
        reference = self._reference.codes[
            start - self._reference.start : end - self._reference.start
        ].copy()
        # What is or may be one with the allele is no further difference.
        reference[max(0, allele.start - CIS_REACH - start) : allele.end + CIS_REACH - start] = (
            UNKNOWN
        )
        molecules = evidence.view.molecules
        # Poor bases differ by themselves; a few poor reads say nothing of the others.
        least = 0 if self._is_poor_sample else LOW_BASE_QUALITY
        return Surroundings(
            reference,
            self._molecules.beside(_some(molecules[shows]), start, end, least),
            self._molecules.beside(_some(molecules[~shows]), start, end, least),
        )

    @cached_property
    def _only_strands(self) -> frozenset[str]:
        """The strand, if there is one, that nearly all of the sample's bases were read on alone."""
        by_origin = self._counted.by_origin
        alone = {"forward": by_origin[:QUARTERS], "reverse": by_origin[QUARTERS:BOTH_STRANDS]}
        total = int(by_origin.sum())
        return frozenset(name for name, own in alone.items() if own.sum() > (1 - ONE_SIDED) * total)

    def _panel_vaf(self, evidence: Evidence) -> float | None:
        """Return the VAF that noise exceeds in one normal of a hundred, at a site that is noisy."""
        sites, allele = self._sites, evidence.allele
        if sites is None or not allele.is_substitution or len(allele.edits) != 1:
            return None
        if not evidence.view.size:
            return None
        edit = allele.edits[0]
        return sites.noisy_vaf(edit.start, BASES.index(edit.alt), float(evidence.chance.mean()))

    def _near_primer(self, evidence: Evidence) -> NDArray[np.bool_] | None:
        """Return which molecules end close to a primer that lies under an allele (n)."""
        allele, view = evidence.allele, evidence.view
        under = [
            primer
            for primer in self._primers
            if primer.start <= allele.end and allele.start <= primer.end
        ]
        if not under:
            return None
        near = np.zeros(view.size, dtype=np.bool_)
        for primer in under:
            low, high = primer.start - PRIMER_REACH, primer.end + PRIMER_REACH
            if primer.strand != "-":
                near |= (low <= view.fragment_start) & (view.fragment_start < high)
            if primer.strand != "+":
                near |= (low < view.fragment_end) & (view.fragment_end <= high)
        return near

    def _artefact(self, allele: Allele) -> Artefact | None:
        """Return the fault of two-colour machines that can show the allele."""
        if len(allele.edits) != 1 or not allele.is_substitution:
            return None
        position, shown = allele.edits[0].start, allele.edits[0].alt
        around = self._reference.slice(position - 1, position + 2)
        strand = artefact_strand(around, shown)
        return None if strand is None else Artefact(strand, *self._artefacts_beside(position))

    def _artefacts_beside(self, position: int) -> tuple[int, int, float]:
        """Return what is seen of that fault at all places but one."""
        if position in self._never_used:
            return self._artefacts
        return seen_elsewhere(self._counted, self._never_used | {position})

    @cached_property
    def _artefacts(self) -> tuple[int, int, float]:
        return seen_elsewhere(self._counted, self._never_used)

    @property
    def _search_level(self) -> float:
        # Three substitutions, insertions and deletions at every position.
        return self._levels.search / max(1, 5 * self._searched)

    def _level(self, allele: Allele) -> float:
        if allele in self._canonical:
            return self._levels.canonical / len(self._canonical)
        vexas = self.vexas_alleles
        if allele in vexas:
            return self._levels.other_vexas / len(vexas - self._canonical)
        codon = self._placed.codon_positions
        if allele in self._known or any(
            not spares(edit, codon, self._reference) for edit in allele.edits
        ):
            # All 63 other haplotypes of the codon, its insertions and deletions, and the
            # catalogue's other alleles.
            return self._levels.other_known / (64 + len(self._known) - len(vexas))
        return self._search_level


def _some(molecules: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return molecules, evenly chosen where they are many."""
    chosen = np.linspace(0, molecules.size - 1, min(molecules.size, _MOST_BESIDE)).astype(np.int64)
    return molecules[chosen]


def _meet(one: Allele, other: Allele) -> bool:
    return one.start <= other.end and other.start <= one.end
