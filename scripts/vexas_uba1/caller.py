"""The test of each allele, its VAF with interval, and what this sample could have shown.

Every allele of the codon and of the catalogue is tested in every sample; all other coding bases
and splice sites are searched. An allele is found if the chance that errors alone give as many
molecules is below its level; the levels of a family of alleles add up to the family's stated rate
of false positives per sample (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, gammainc

from vexas_uba1.alleles import (
    IndelView,
    View,
    clusters,
    indel_views,
    repeat_length,
    view_of,
)
from vexas_uba1.exact import (
    FEWEST_MOLECULES,
    Errors,
    detection_limit,
    mid_p_interval,
    upper_bound,
    vaf_for_power,
)
from vexas_uba1.filters import Support, pass_chance, raise_flags
from vexas_uba1.fragments import Molecules
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.noise import (
    INDEL_DOUBT,
    ErrorModel,
    PositionCounts,
    base_error,
    count_positions,
    fit,
    pattern_error,
    tail_by_position,
)
from vexas_uba1.reference import BASES, UNKNOWN, ReferenceWindow

HIGHEST_QUALITY = 9999.0
_CANDIDATE_TAIL = 1e-5
"""Poisson tail below which a position joins a haplotype; far above every level of a test."""


@dataclass(frozen=True)
class TestLevels:
    """Rates of false positives per sample, each shared evenly by its family of alleles."""

    vexas: float = 1e-4
    other_known: float = 1e-4
    search: float = 5e-4
    power: float = 0.95

    __test__ = False  # not a test case, whatever its name begins with


@dataclass(frozen=True)
class Counting:
    """What one observation is worth.

    Attributes:
        most_molecules: Copies of the gene in the input; observations beyond them are no evidence.
            None without a cap.
        limit_floor: VAF below which no limit of detection is claimed; None without a floor.
    """

    most_molecules: int | None = None
    limit_floor: float | None = None


@dataclass(frozen=True)
class Finding:
    """One tested allele.

    Attributes:
        allele: The allele, left-normalised.
        alt: Molecules that show it.
        depth: Molecules informative on it.
        log_tail: Natural logarithm of the probability of at least ``alt`` by error.
        significant: Whether that is below the allele's level.
        vaf_low: Lower end of the 95 % interval.
        vaf_high: Upper end.
        limit: Limit of detection of this allele in this sample; None where no VAF gives a passing
            call.
        vaf_upper95: One-sided upper bound from the observed count; None at depth 0.
        flags: Raised flags with reasons; empty for an allele that is not significant.
        strands: ALT forward, ALT reverse, all forward, all reverse.
    """

    allele: Allele
    alt: int
    depth: int
    log_tail: float
    significant: bool
    vaf_low: float
    vaf_high: float
    limit: float | None
    vaf_upper95: float | None
    flags: dict[str, str]
    strands: tuple[int, int, int, int]

    @property
    def quality(self) -> float:
        """Phred of the tail probability, at most 9999."""
        return min(HIGHEST_QUALITY, -10 * self.log_tail / log(10)) + 0.0


@dataclass(frozen=True)
class PositionLimits:
    """What each searched position allows; P positions.

    Attributes:
        positions: 0-based, ascending (P).
        depth: Molecules (P).
        needed: Molecules that a substitution needs to be found (P).
        error: Highest error probability of a substitution there (P).
    """

    positions: NDArray[np.int64]
    depth: NDArray[np.int64]
    needed: NDArray[np.int64]
    error: NDArray[np.float64]

    def reaches(self, vaf: float, power: float) -> NDArray[np.bool_]:
        """Return where a substitution of this VAF would be found with the given power (P)."""
        chance = bdtrc(self.needed - 1, self.depth, vaf + self.error * (1 - vaf))
        reached: NDArray[np.bool_] = (self.needed <= self.depth) & (chance >= power)
        return reached


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
        """Fit the sample's error model and find the positions that deserve a closer look.

        Args:
            molecules: The sample's molecules.
            placed: The gene on the input's build.
            reference: What is known of the reference.
            known: The catalogue's alleles on this build, and whether each is of class ``vexas``.
            positions: 0-based, ascending positions that are searched.
            counting: What one observation is worth.
            levels: The test's levels.
        """
        self._molecules = molecules
        self._placed = placed
        self._reference = reference
        self._known = known
        self._counting = counting
        self._levels = levels
        self._views: dict[tuple[int, ...], View] = {}
        codon = placed.codon_positions
        named = {edit.start for allele in known for edit in allele.edits} | set(codon)
        self._counted = count_positions(molecules, reference, positions)
        coding = np.isin(positions, placed.coding_positions)
        self.model: ErrorModel = fit(_subset(self._counted, coding), frozenset(named))
        tail = tail_by_position(self._counted, self.model).min(axis=1, initial=1.0)
        candidates = positions[tail < _CANDIDATE_TAIL].tolist()
        # Two changes in one molecule say more than their positions do one by one.
        for allele in known:
            if allele.is_substitution and len(allele.edits) > 1:
                view = self._view(edit.start for edit in allele.edits)
                if view.showing(view.pattern(allele)).any():
                    candidates += view.positions
        self._clusters = clusters(candidates, placed)
        self._searched = int((self._counted.reference < UNKNOWN).sum())

    @cached_property
    def codon_view(self) -> View:
        """The molecules informative on the whole codon."""
        return self._view(self._placed.codon_positions)

    @property
    def codon_depth(self) -> int:
        """What those molecules are worth: no more than the input holds."""
        return self._most(self.codon_view.size)

    @cached_property
    def codon_inserted(self) -> NDArray[np.bool_]:
        """Which of them have bases put in between the codon's (n)."""
        low, high = min(self._placed.codon_positions), max(self._placed.codon_positions)
        carriers = [
            item.molecules
            for item in self._molecules.indels
            if item.bases and low < item.start <= high
        ]
        if not carriers:
            return np.zeros(self.codon_view.size, dtype=np.bool_)
        return np.isin(self.codon_view.molecules, np.concatenate(carriers))

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
        alleles = list(dict.fromkeys([*self.codon_alleles, *self._known]))
        return [self._find(allele) for allele in alleles]

    def searched(self) -> list[Finding]:
        """Return the significant alleles among all that the molecules show."""
        shown: dict[Allele, None] = {}
        for cluster in self._clusters:
            view = self._view(cluster)
            for pattern in view.haplotypes:
                allele = view.allele(pattern)
                if allele is not None:
                    shown[allele] = None
        for indel in self._indels:
            shown[indel] = None
        findings = (self._find(allele) for allele in shown)
        return [finding for finding in findings if finding.significant]

    @cached_property
    def position_limits(self) -> PositionLimits:
        """What a search for substitutions can find at each position."""
        depth = self._counted.counts.sum(axis=1)
        known = self._counted.reference < UNKNOWN
        reference = np.where(known, self._counted.reference, 0)
        expected = (self._counted.error[:, None] / 3 * self.model.scale[reference]).max(axis=1)
        error = expected / np.maximum(depth, 1)
        depth = np.where(known, np.minimum(depth, self._most(int(depth.max(initial=0)))), 0)
        expected = error * depth
        needed = np.full(depth.size, FEWEST_MOLECULES, dtype=np.int64)
        level = self._levels.search / max(1, 5 * self._searched)
        while (short := gammainc(needed, expected + 1e-300) > level).any():
            needed[short] += 1
        return PositionLimits(self._counted.positions, depth, needed, error)

    def limit_at(self, position: int) -> float | None:
        """Return the limit of detection of a substitution at a searched 0-based position."""
        limits = self.position_limits
        row = int(np.searchsorted(limits.positions, position))
        limit = vaf_for_power(
            int(limits.needed[row]),
            int(limits.depth[row]),
            float(limits.error[row]),
            self._levels.power,
        )
        return self._floored(limit)

    def bound(self, alt: int, depth: int) -> float | None:
        """Return the one-sided 95 % upper bound of a VAF; None without molecules."""
        return self._floored(upper_bound(alt, depth))

    def _most(self, depth: int) -> int:
        cap = self._counting.most_molecules
        return depth if cap is None else min(depth, cap)

    def _floored(self, limit: float | None) -> float | None:
        floor = self._counting.limit_floor
        return limit if limit is None or floor is None else max(limit, floor)

    def _view(self, positions: Iterable[int]) -> View:
        key = tuple(sorted(positions))
        if key not in self._views:
            self._views[key] = view_of(self._molecules, key, self._reference)
        return self._views[key]

    @cached_property
    def _indels(self) -> dict[Allele, IndelView]:
        return {indel.allele: indel for indel in indel_views(self._molecules, self._reference)}

    def _find(self, allele: Allele) -> Finding:
        if allele.is_substitution:
            view = self._view(self._joint_positions(allele))
            pattern = view.pattern(allele)
            shows = view.showing(pattern)
            errors = pattern_error(view, pattern, self.model)
            lost = float(base_error(view.quality).sum(axis=0).mean()) if view.size else 0.0
            doubt = max(
                self.model.doubt(true, shown)
                for true, shown in zip(view.reference, pattern, strict=True)
                if true != shown
            )
        else:
            view, shows = self._indel_view(allele)
            repeat = repeat_length(allele, self._reference)
            errors = np.full(view.size, self.model.indel(repeat))
            doubt, lost = INDEL_DOUBT, 0.0
        support = Support(view, shows, self._artefact_strand(allele))
        return self._test(allele, support, errors, doubt, min(lost, 0.5))

    def _joint_positions(self, allele: Allele) -> set[int]:
        """Return the positions that a molecule must show to be informative on substitutions."""
        own = {edit.start for edit in allele.edits}
        for cluster in self._clusters:
            if own & set(cluster):
                own |= set(cluster)
        return own

    def _indel_view(self, allele: Allele) -> tuple[View, NDArray[np.bool_]]:
        if allele in self._indels:
            found = self._indels[allele]
            return found.view, found.shows
        view = self._view((allele.start - 1, allele.end))
        return view, np.zeros(view.size, dtype=np.bool_)

    def _test(
        self,
        allele: Allele,
        support: Support,
        errors: NDArray[np.float64],
        doubt: float,
        lost: float,
    ) -> Finding:
        view, shows = support.view, support.shows
        seen, covered = int(shows.sum()), view.size
        depth = self._most(covered)
        alt = seen
        if depth < covered:
            # Copies of the same molecules add no evidence: as many of each kind are kept as the
            # input holds.
            alt = int(seen * depth / covered)
            errors = np.sort(errors)[np.linspace(0, covered - 1, depth).astype(np.int64)]
        grouped = Errors.of(errors)
        level = self._level(allele)
        log_tail = grouped.log_tail(alt)
        significant = alt >= FEWEST_MOLECULES and log_tail <= log(level)
        low, high = _interval(alt, depth, grouped, doubt, lost)
        limit = None
        if depth:
            limit = detection_limit(
                grouped,
                level,
                self._levels.power,
                lost=lost,
                pass_chance=lambda counts: pass_chance(view, support.artefact_strand, counts),
            )
        return Finding(
            allele=allele,
            alt=alt,
            depth=depth,
            log_tail=log_tail,
            significant=significant,
            vaf_low=low,
            vaf_high=high,
            limit=self._floored(limit),
            vaf_upper95=self.bound(alt, depth),
            flags=self._flags(support, alt / depth) if significant else {},
            strands=(
                int((view.forward & shows).sum()),
                int((view.reverse & shows).sum()),
                int(view.forward.sum()),
                int(view.reverse.sum()),
            ),
        )

    def _flags(self, support: Support, vaf: float) -> dict[str, str]:
        flags = raise_flags(support)
        floor = self._counting.limit_floor
        if floor is not None and vaf < floor:
            flags["amplicon_floor"] = (
                f"its share of the reads is below {floor:g}, and these reads are not molecules"
            )
        return flags

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

    def _level(self, allele: Allele) -> float:
        vexas = len(self.vexas_alleles)
        if self._known.get(allele, False):
            return self._levels.vexas / vexas
        codon = set(self._placed.codon_positions)
        at_codon = any(codon & _touched(edit) for edit in allele.edits)
        if allele in self._known or at_codon:
            # All 63 other haplotypes of the codon, its insertions and deletions, and the
            # catalogue's other alleles.
            return self._levels.other_known / (64 + len(self._known) - vexas)
        # Three substitutions, insertions and deletions at every position.
        return self._levels.search / max(1, 5 * self._searched)


def _touched(edit: Edit) -> set[int]:
    return (
        set(range(edit.start, edit.end)) if edit.end > edit.start else {edit.start - 1, edit.start}
    )


def _interval(
    alt: int, depth: int, errors: Errors, doubt: float, lost: float
) -> tuple[float, float]:
    """Return the 95 % interval of the true VAF.

    The mid-P interval of the observed share, moved down by the share that shows the allele by
    error: its lower end by as much as the error model allows, its upper end by as little, at two
    standard deviations of the model's scale. The upper end never falls below the observed share.

    Args:
        alt: Molecules that show the allele.
        depth: Informative molecules.
        errors: Their error probabilities.
        doubt: Relative standard deviation of these.
        lost: Share of true molecules that are misread; the upper end makes room for them.
    """
    if depth == 0:
        return 0.0, 1.0
    low, high = mid_p_interval(alt, depth)
    error = errors.mean / depth
    lowered = low - error * (1 + 2 * doubt)
    raised = (high - error * max(0.0, 1 - 2 * doubt)) / (1 - lost)
    return max(0.0, lowered), min(1.0, max(alt / depth, raised))


def _subset(counted: PositionCounts, chosen: NDArray[np.bool_]) -> PositionCounts:
    return PositionCounts(
        counted.positions[chosen],
        counted.reference[chosen],
        counted.counts[chosen],
        counted.error[chosen],
    )
