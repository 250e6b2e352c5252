"""Samples of one library drawn observation by observation, and the project's answer to each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.observations import Background, Drawing, Library
from benchmarks.optimum import Optimum, blind, optimum
from benchmarks.reads import bundled_genome
from vexas_uba1.alleles.haplotypes import View
from vexas_uba1.caller.evidence import Counting, Evidence, Finding, TestLevels, assess
from vexas_uba1.catalogue import load_catalogue
from vexas_uba1.filters import LOW_BASE_QUALITY, Support
from vexas_uba1.fragments.qualities import base_error
from vexas_uba1.locus.edits import Allele
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import load_locus
from vexas_uba1.noise import ErrorModel, PositionCounts, fit
from vexas_uba1.noise.two_colour import Artefact, artefact_strand, seen_elsewhere
from vexas_uba1.panel.normal import normal_of
from vexas_uba1.panel.rates import site_rates
from vexas_uba1.reference import BASES, ReferenceWindow

EXON3 = (47_199_047, 47_199_106)
"""0-based, GRCh38."""
_LEAST_CHANCE = 1e-9


class Change(NamedTuple):
    """A single-base change of the codon: which of its positions, and the base code it becomes."""

    row: int
    alt: int


@dataclass(frozen=True)
class Gene:
    """The gene that is drawn from.

    Attributes:
        placed: On GRCh38.
        reference: With drawn introns.
        vexas: The catalogue's alleles of class ``vexas``.
        known: All of the catalogue's, and whether each is of that class.
        canonical: Those of that class that are canonical.
        coding: 0-based positions, ascending.
        exon3: Those of exon 3.
    """

    placed: PlacedLocus
    reference: ReferenceWindow
    known: dict[Allele, bool]
    canonical: frozenset[Allele]
    coding: NDArray[np.int64]
    exon3: NDArray[np.int64]

    @property
    def vexas(self) -> set[Allele]:
        """The catalogue's alleles of class ``vexas``."""
        return {allele for allele, is_vexas in self.known.items() if is_vexas}

    @property
    def level(self) -> float:
        """Of the test of one canonical allele."""
        return TestLevels().canonical / len(self.canonical)

    def positions(self, region: str) -> NDArray[np.int64]:
        """Return what the error model is made from: ``coding`` or ``exon 3``."""
        return self.coding if region == "coding" else self.exon3

    def allele(self, change: Change) -> Allele:
        """Return the allele of a change."""
        return Allele.substitution({self.placed.codon_positions[change.row]: BASES[change.alt]})

    def name(self, change: Change) -> str:
        """Return its c. name."""
        at = self.placed.codon_positions[change.row]
        return f"c.{121 + change.row}{self.reference.slice(at, at + 1)}>{BASES[change.alt]}"

    @property
    def changes(self) -> list[Change]:
        """The nine single-base changes of the codon."""
        return [
            Change(row, alt)
            for row, at in enumerate(self.placed.codon_positions)
            for alt in range(4)
            if BASES[alt] != self.reference.slice(at, at + 1)
        ]


@cache
def gene() -> Gene:
    """Return the bundled gene."""
    genome = bundled_genome()
    placed = genome.placed
    reference = ReferenceWindow(placed.window[0], genome.bases, "fasta")
    entries = load_catalogue(load_locus()).place(placed, reference)
    coding = np.array(sorted(placed.coding_positions), dtype=np.int64)
    inside = (coding >= EXON3[0]) & (coding < EXON3[1])
    return Gene(
        placed,
        reference,
        {allele: entry.verdict_class == "vexas" for allele, entry in entries.items()},
        frozenset(allele for allele, entry in entries.items() if entry.is_canonical),
        coding,
        coding[inside],
    )


def artefact_of(change: Change, counted: PositionCounts) -> Artefact | None:
    """Return the fault of two-colour machines that can show a change, as the caller sees it."""
    at = gene().placed.codon_positions[change.row]
    around = gene().reference.slice(at - 1, at + 2)
    strand = artefact_strand(around, BASES[change.alt])
    if strand is None:
        return None
    return Artefact(strand, *seen_elsewhere(counted, frozenset(gene().placed.codon_positions)))


def is_poor(library: Library) -> bool:
    """Return whether the median quality of a library is low."""
    order = np.argsort(library.kinds.quality)
    half = np.searchsorted(np.cumsum(library.kinds.share[order]), 0.5)
    return bool(library.kinds.quality[order][half] < LOW_BASE_QUALITY)


@dataclass(frozen=True)
class Sample:
    """One drawn sample: its background and the error model made from it.

    Attributes:
        drawing: Of its library.
        depth: Informative molecules.
        background: As drawn.
        model: As the caller makes it from that.
    """

    drawing: Drawing
    depth: int
    background: Background
    model: ErrorModel

    @classmethod
    def draw(cls, drawing: Drawing, depth: int) -> Sample:
        """Draw a background and make the model from it."""
        background = drawing.background(depth)
        used = frozenset(drawing.placed.codon_positions)
        normals = [
            normal_of(f"normal{number}", (), counted, fit(counted, used), frozenset())
            for number, counted in enumerate(background.normals)
        ]
        sites = site_rates(normals, background.counted.positions)
        return cls(drawing, depth, background, fit(background.counted, used, sites=sites))

    def optimum(self, change: Change, level: float) -> Optimum:
        """Return the best possible test of a change in this sample."""
        return optimum(*self.truth(change), level)

    def blind(self, change: Change, level: float) -> tuple[NDArray[np.int64], int] | None:
        """Return weights and critical value of a test that knows no site's own rate.

        None where sites have none.
        """
        spread = self.drawing.library.spread
        if not spread:
            return None
        usual = replace(self.background, factors=np.ones_like(self.background.factors))
        return blind(*replace(self, background=usual).truth(change), level, spread)

    def truth(
        self, change: Change
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return true chances of an error, molecules and share of misread ones, by kind (c)."""
        own = self.drawing.library.kinds
        chance = self.drawing.truth(change.row, self.background.factors)[:, change.alt]
        return (
            np.clip(chance, _LEAST_CHANCE, 0.5),
            own.share * self.depth,
            # A true molecule is lost if any of the codon's three bases is misread.
            np.minimum(3 * base_error(own.quality), 0.5),
        )

    def codon(
        self, change: Change, vaf: float, boost: float | NDArray[np.float64] = 1.0
    ) -> tuple[View, NDArray[np.int64]]:
        """Draw the codon's molecules; see :meth:`benchmarks.observations.Drawing.codon`."""
        return self.drawing.codon(
            self.depth, self.background.factors, change.row, change.alt, vaf, boost
        )

    def asked(
        self,
        change: Change,
        view: View,
        level: float,
        limit_power: float | None = None,
        *,
        judges_quality: bool = True,
    ) -> tuple[Finding, NDArray[np.bool_]]:
        """Test a change as the caller does; return the finding and which molecules show it.

        Without ``judges_quality`` no allele is flagged for poor bases.
        """
        allele = gene().allele(change)
        evidence = Evidence.of(allele, view, [view.pattern(allele)], self.model)
        support = Support(
            view,
            evidence.shows,
            evidence.chance,
            evidence.weight,
            artefact=artefact_of(change, self.background.counted),
            panel_vaf=self._panel_vaf(change, evidence),
            is_poor_sample=not judges_quality or is_poor(self.drawing.library),
        )
        found = assess(evidence, level, Counting(), support=support, limit_power=limit_power)
        return found, evidence.shows

    def _panel_vaf(self, change: Change, evidence: Evidence) -> float | None:
        if self.model.sites is None:
            return None
        position = gene().placed.codon_positions[change.row]
        return self.model.sites.noisy_vaf(position, change.alt, float(evidence.chance.mean()))


def drawing_of(library: Library, region: str, seed: int) -> Drawing:
    """Return a drawing of a library whose error model is made from a region."""
    own = gene()
    return Drawing(
        library,
        own.placed,
        own.reference,
        own.positions(region),
        np.random.default_rng(seed),
    )


def passes(found: Finding) -> bool:
    """Return whether a finding is significant and unflagged."""
    return found.significant and not found.flags
