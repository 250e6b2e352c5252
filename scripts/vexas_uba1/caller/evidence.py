"""The test of one allele against what errors alone would show, its VAF and its limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alleles.haplotypes import Pattern, View
from vexas_uba1.caller.background import Background, background_of
from vexas_uba1.caller.exact import (
    FEWEST_MOLECULES,
    detection_limit,
    proportion_interval,
    tabulated,
    upper_bound,
)
from vexas_uba1.filters import Support, pass_chance, raise_flags
from vexas_uba1.locus.edits import Allele
from vexas_uba1.noise import ErrorModel, Misreading, misreading
from vexas_uba1.reference import BASES

HIGHEST_QUALITY = 9999.0
_MOST_DEPTH, _DEPTH_STEP, _HELPS = 1e6, 1.02, 0.95
_MOST_LOST = 0.99


@dataclass(frozen=True)
class TestLevels:
    """Rates of false positives per sample, each shared evenly by its family of alleles.

    Attributes:
        canonical: Of the catalogue's canonical alleles, which nearly all patients have.
        other_vexas: Of its other alleles of class ``vexas``.
        other_known: Of its other alleles and all else at codon 41.
        search: Of all other places.
        power: At which limits of detection are given; no rate.
    """

    canonical: float = 4e-5
    other_vexas: float = 2e-5
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
        log_tail: Natural logarithm of the probability of so much evidence by error.
        significant: Whether that is below the allele's level.
        vaf_corrected: VAF less the share that shows the allele by error, 0 at least.
        vaf_low: Lower end of the 95 % interval.
        vaf_high: Upper end.
        expected_errors: Molecules that show the allele by error, as expected.
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
    vaf_corrected: float
    vaf_low: float
    vaf_high: float
    expected_errors: float
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
    """What the molecules say of one allele; n molecules in c classes of equal observations.

    Attributes:
        allele: The allele.
        view: Molecules informative on it.
        shows: Which of them show it (n).
        errors: How likely a molecule shows it by error, by class (c).
        lost: Share of true molecules that are misread, by class (c).
    """

    allele: Allele
    view: View
    shows: NDArray[np.bool_]
    errors: Misreading
    lost: NDArray[np.float64]

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
        return cls(
            allele,
            view,
            shows,
            misreading(view, patterns[0], model, patterns[1:]),
            np.minimum(1 - view.classes.right, _MOST_LOST),
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

    @cached_property
    def _test(self) -> tuple[Background, NDArray[np.int64]]:
        """What errors alone would show, and the weight of each class (c)."""
        return background_of(
            self.errors.chance,
            self.view.classes.size,
            self.lost,
            self.errors.variance,
            self.errors.site_variance,
        )

    @property
    def _weights(self) -> NDArray[np.int64]:
        return self._test[1]

    @property
    def weighed(self) -> tuple[Background, int]:
        """What errors alone would show, and the sum of weights that is shown."""
        return self._test[0], int(self.weight[self.shows].sum())

    @property
    def chance(self) -> NDArray[np.float64]:
        """Probability that each molecule shows the allele by error (n)."""
        each: NDArray[np.float64] = self.errors.chance[self.view.classes.of]
        return each

    @property
    def weight(self) -> NDArray[np.int64]:
        """What each molecule adds to the test if it shows the allele (n)."""
        return self._weights[self.view.classes.of]

    @property
    def doubt(self) -> float:
        """Relative standard deviation of the expected number of errors."""
        expected = self.errors.chance * self.view.classes.size
        each = self.errors.variance + self.errors.site_variance
        variance = float(expected @ each) / max(float(expected.sum()), 1e-300)
        return float(variance**0.5)


def assess(
    evidence: Evidence,
    level: float,
    counting: Counting,
    *,
    support: Support,
    limit_power: float | None,
) -> Finding:
    """Test one allele.

    Args:
        evidence: What the molecules say of it.
        level: Probability of so much evidence by error at which it is found.
        counting: What one observation is worth.
        support: The same molecules, as the flags look at them.
        limit_power: Power at which its limit of detection is wanted; None if it is not.
    """
    view, shows = evidence.view, evidence.shows
    alt, covered = int(shows.sum()), view.size
    background, score = evidence.weighed
    depth = counting.most(covered)
    if depth < covered:
        # Copies of the same molecules add no evidence: as many of each kind are kept as the
        # input holds.
        kept = alt * depth // covered
        # By the molecules kept, so that no part of one counts.
        alt, score = kept, score * kept // max(1, alt)
        background = background.thinned(depth)
    log_tail = background.log_tail(score)
    significant = alt >= FEWEST_MOLECULES and log_tail <= log(level)
    corrected, low, high = _estimate(alt, depth, background, evidence.doubt)
    limit = None
    if depth and limit_power is not None:
        flagless = _flagless(support)
        limit = limit_of(background, level, limit_power, flagless)
    return Finding(
        allele=evidence.allele,
        alt=alt,
        depth=depth,
        log_tail=_settled(log_tail),
        significant=significant,
        vaf_corrected=corrected,
        vaf_low=low,
        vaf_high=high,
        expected_errors=_settled(background.mean),
        limit=None if limit is None else counting.floored(_settled(limit)),
        vaf_upper95=counting.floored(upper_bound(alt, depth)),
        flags=_flags(support, counting, alt / depth) if significant else {},
        strands=(
            int((view.forward & shows).sum()),
            int((view.reverse & shows).sum()),
            int(view.forward.sum()),
            int(view.reverse.sum()),
        ),
    )


def _settled(value: float) -> float:
    """Return nine digits: beyond them the order shows in which the same numbers were added."""
    return float(f"{value:.9g}")


def depth_for_limit(
    evidence: Evidence,
    level: float,
    counting: Counting,
    wanted: float,
    *,
    support: Support,
    power: float,
) -> int | None:
    """Return how many molecules of these kinds would bring an allele's limit to ``wanted``.

    Within 2 %, rounded up. None where no number up to a million would, where the input holds fewer,
    where twice as many hardly help, or where no molecule tells of which kind they are.

    Args:
        evidence: What the molecules say of the allele.
        level: Of its test.
        counting: What one observation is worth.
        wanted: VAF, above 0.
        support: The same molecules, as the flags look at them.
        power: At which the limit is wanted.
    """
    total = evidence.view.size
    if not total or (counting.limit_floor is not None and counting.limit_floor > wanted):
        return None
    background, _ = evidence.weighed
    flagless = _flagless(support)

    def limit_at(depth: float) -> float:
        limit = limit_of(background.grown(depth / total), level, power, flagless)
        return 1.0 if limit is None else limit

    # A limit needs two molecules, and so many to see one of them at all.
    low, high = 1.0, max(2.0, 3 / wanted)
    limit = limit_at(high)
    while limit > wanted:
        low, high, before = high, 2 * high, limit
        limit = limit_at(high)
        # Where the errors' own doubt is the limit, no depth helps.
        if high > _MOST_DEPTH or (before < 1 and limit > _HELPS * before):
            return None
    while high / low > _DEPTH_STEP:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if limit_at(middle) <= wanted else (middle, high)
    depth = ceil(high)
    most = counting.most_molecules
    return None if most is not None and depth > most else depth


def _flagless(support: Support) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    return lambda counts: pass_chance(support, counts)


def limit_of(
    background: Background,
    level: float,
    power: float,
    flagless: Callable[[NDArray[np.int64]], NDArray[np.float64]],
) -> float | None:
    """Return the lowest VAF at which an allele is found and passes; None if none is.

    Args:
        background: Of the allele.
        level: Of its test.
        power: Wanted probability.
        flagless: Chance that a count of molecules, one at least, raises no flag.
    """
    score = background.critical_score(level)
    total = background.total
    if score is None or total < FEWEST_MOLECULES:
        return None

    def passes(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        found = background.reach(score, int(counts[-1]))[counts]
        return np.where(counts < FEWEST_MOLECULES, 0.0, found * flagless(np.maximum(counts, 1)))

    return detection_limit(total, background.mean_lost, tabulated(passes, total), power)


def _flags(support: Support, counting: Counting, vaf: float) -> dict[str, str]:
    flags = raise_flags(support)
    floor = counting.limit_floor
    if floor is not None and vaf < floor:
        flags["amplicon_floor"] = (
            f"its share of the reads is below {floor:g}, and these reads are not molecules"
        )
    return flags


def _estimate(
    alt: int, depth: int, background: Background, doubt: float
) -> tuple[float, float, float]:
    """Return the VAF corrected for errors and the 95 % interval of the true VAF.

    The share of molecules that show the allele is V (1 - lost) + (1 - V) error. Its interval
    and the interval of the error, two standard deviations to either side, are joined by the rule
    for a difference of two independent estimates (Zou, Donner 2008, doi:10.1002/sim.3095).

    Args:
        alt: Molecules that show the allele.
        depth: Informative molecules.
        background: Their error probabilities.
        doubt: Relative standard deviation of these.
    """
    if depth == 0:
        return 0.0, 0.0, 1.0
    share, error = alt / depth, background.mean / depth
    low, high = proportion_interval(alt, depth)
    slack = 2 * doubt * error
    lowered = share - error - ((share - low) ** 2 + slack**2) ** 0.5
    raised = share - error + ((high - share) ** 2 + min(slack, error) ** 2) ** 0.5
    kept = max(1 - background.mean_lost - error, 1 - _MOST_LOST)
    corrected, lowered, raised = (
        _settled(max(0.0, end) / kept) for end in (share - error, lowered, raised)
    )
    # The observed share lies within, whatever the correction says.
    return min(1.0, corrected), min(lowered, share), min(1.0, max(raised, share))
