"""The test of one allele against what errors alone would show, its VAF and its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum, log

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alleles.haplotypes import Pattern, View
from vexas_uba1.caller.exact import (
    FEWEST_MOLECULES,
    Errors,
    detection_limit,
    mid_p_interval,
    tabulated,
    upper_bound,
)
from vexas_uba1.filters import Support, pass_chance, raise_flags
from vexas_uba1.locus.edits import Allele
from vexas_uba1.noise import INDEL_DOUBT, ErrorModel, base_error, pattern_error
from vexas_uba1.reference import BASES

HIGHEST_QUALITY = 9999.0
_MOST_LOST = 0.5


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

    def most(self, molecules: int) -> int:
        """Return how many of some molecules count."""
        return molecules if self.most_molecules is None else min(molecules, self.most_molecules)

    def floored(self, limit: float | None) -> float | None:
        """Return a limit as far as it may be claimed."""
        if limit is None or self.limit_floor is None:
            return limit
        return max(limit, self.limit_floor)


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
            call, or where it was not asked for.
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
class Evidence:
    """What the molecules say of one allele; n molecules in c classes of equal qualities.

    Attributes:
        allele: The allele.
        view: Molecules informative on it.
        shows: Which of them show it (n).
        chance: Probability that a molecule shows it by error, by class (c).
        doubt: Relative standard deviation of that.
        lost: Share of true molecules that are misread.
    """

    allele: Allele
    view: View
    shows: NDArray[np.bool_]
    chance: NDArray[np.float64]
    doubt: float
    lost: float

    @classmethod
    def of(
        cls,
        allele: Allele,
        view: View,
        patterns: Sequence[Pattern],
        model: ErrorModel,
        without: NDArray[np.bool_] | None = None,
    ) -> Evidence:
        """Ask a view for the molecules that show one of some patterns.

        Args:
            allele: What the patterns stand for.
            view: Molecules informative on it.
            patterns: The commonest first.
            model: The sample's error model.
            without: Molecules that do not count although they show it (n).
        """
        shows = np.zeros(view.size, dtype=np.bool_)
        for pattern in patterns:
            shows |= view.showing(pattern)
        if without is not None:
            shows &= ~without
        classes = view.quality_classes
        # Sorted and summed exactly, so that no order of positions or molecules shows.
        misread = np.sort(base_error(classes.quality), axis=0).sum(axis=0)
        return cls(
            allele,
            view,
            shows,
            pattern_error(view, patterns[0], model, patterns[1:]),
            max(
                INDEL_DOUBT if row >= len(view.positions) else model.doubt(true, shown)
                for row, (true, shown) in enumerate(
                    zip(view.reference_pattern, patterns[0], strict=True)
                )
                if true != shown
            ),
            min(_MOST_LOST, fsum(misread * classes.size) / max(1, view.size)),
        )

    @property
    def molecules(self) -> NDArray[np.int64]:
        """The molecules that show the allele."""
        return self.view.molecules[self.shows]

    def holds(self, allele: Allele) -> bool:
        """Whether the molecules that show the allele show all substitutions of another one too."""
        rows = {position: row for row, position in enumerate(self.view.positions)}
        shown = int(self.shows.sum())
        return all(
            edit.is_substitution
            and edit.start in rows
            and 2
            * int((self.view.codes[rows[edit.start], self.shows] == BASES.index(edit.alt)).sum())
            > shown
            for edit in allele.edits
        )

    def less(self, told: Sequence[NDArray[np.int64]]) -> Evidence:
        """Return the evidence without molecules that other alleles tell of already."""
        known = np.isin(self.view.molecules, np.concatenate([np.zeros(0, dtype=np.int64), *told]))
        return replace(self, shows=self.shows & ~known)


def assess(
    evidence: Evidence,
    level: float,
    counting: Counting,
    *,
    artefact_strand: str | None,
    is_poor_sample: bool,
    limit_power: float | None,
) -> Finding:
    """Test one allele.

    Args:
        evidence: What the molecules say of it.
        level: Probability of so many molecules by error at which it is found.
        counting: What one observation is worth.
        artefact_strand: As in :class:`vexas_uba1.filters.Support`.
        is_poor_sample: Likewise.
        limit_power: Power at which its limit of detection is wanted; None if it is not.
    """
    view, shows = evidence.view, evidence.shows
    seen, covered = int(shows.sum()), view.size
    errors = Errors.of(evidence.chance, view.quality_classes.size)
    depth, alt = counting.most(covered), seen
    if depth < covered:
        # Copies of the same molecules add no evidence: as many of each kind are kept as the
        # input holds.
        alt, errors = int(seen * depth / covered), errors.thinned(depth)
    log_tail = errors.log_tail(alt)
    significant = alt >= FEWEST_MOLECULES and log_tail <= log(level)
    low, high = _interval(alt, depth, errors, evidence.doubt, evidence.lost)
    limit = None
    if depth and limit_power is not None:
        limit = detection_limit(
            errors,
            level,
            limit_power,
            lost=evidence.lost,
            pass_chance=tabulated(
                lambda counts: pass_chance(
                    view, artefact_strand, counts, is_poor_sample=is_poor_sample
                ),
                covered,
            ),
        )
    return Finding(
        allele=evidence.allele,
        alt=alt,
        depth=depth,
        log_tail=log_tail,
        significant=significant,
        vaf_low=low,
        vaf_high=high,
        limit=counting.floored(limit),
        vaf_upper95=counting.floored(upper_bound(alt, depth)),
        flags=_flags(Support(view, shows, artefact_strand, is_poor_sample), counting, alt / depth)
        if significant
        else {},
        strands=(
            int((view.forward & shows).sum()),
            int((view.reverse & shows).sum()),
            int(view.forward.sum()),
            int(view.reverse.sum()),
        ),
    )


def _flags(support: Support, counting: Counting, vaf: float) -> dict[str, str]:
    flags = raise_flags(support)
    floor = counting.limit_floor
    if floor is not None and vaf < floor:
        flags["amplicon_floor"] = (
            f"its share of the reads is below {floor:g}, and these reads are not molecules"
        )
    return flags


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
