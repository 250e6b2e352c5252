"""How likely a molecule without an allele shows it all the same.

The base qualities give an error probability for each observation. It is corrected by what the
sample shows at its own coding positions that carry no variant, and by what a panel of normals shows
at the site; a badly placed read adds its own. Insertions and deletions, of which qualities say
nothing, have an assumed probability by the run of equal bases that they lie in, scaled likewise. No
error is taken for rarer than the qualities announce.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alleles.placements import Indel, Runs
from vexas_uba1.fragments.marks import STRAND_OF
from vexas_uba1.fragments.qualities import base_error, quality_class
from vexas_uba1.noise.counts import PositionCounts
from vexas_uba1.noise.indels import (
    DELETION,
    INSERTION,
    RUN_CLASSES,
    assumed_indel_error,
    fit_indels,
    run_class,
)
from vexas_uba1.noise.motifs import Motifs
from vexas_uba1.noise.recalibration import (
    Recalibration,
    recalibrate,
    usable_positions,
)
from vexas_uba1.noise.sites import SiteRates
from vexas_uba1.reference import UNKNOWN

NAME = (
    "base and mapping qualities, recalibrated by kind of substitution, quality, neighbouring "
    "bases, strand and cycle on the sample's own non-variant positions; indels likewise, by kind "
    "and length of the run"
)
HIGHEST_ERROR = 0.5
MISPLACED_SHOWS_ALLELE = 0.01
"""Chance that a read of another place shows just this base here: it differs in some per cent
(assumed)."""


@dataclass(frozen=True)
class Place:
    """A 0-based position with the code of the reference bases beside it."""

    position: int
    context: int


@dataclass(frozen=True)
class ErrorModel:
    """Error probabilities of this sample.

    Attributes:
        recalibration: Of the qualities.
        indel_scale: Factor on the assumed probability of insertions and deletions, by the length of
            the run (2, 6).
        sites: Of a panel of normals; None without one.
    """

    recalibration: Recalibration = field(default_factory=Recalibration.none)
    indel_scale: NDArray[np.float64] = field(default_factory=lambda: np.ones((2, RUN_CLASSES)))
    sites: SiteRates | None = None

    @property
    def mismatch_rate(self) -> float | None:
        """Share of mismatches at the positions that it was made from; None without any."""
        return self.recalibration.mismatch_rate

    def substitution(
        self,
        quality: NDArray[np.uint8],
        origin: NDArray[np.uint8],
        place: Place,
        true: int,
        shown: int,
    ) -> NDArray[np.float64]:
        """Return the probability that each base is read as ``shown`` though it is ``true``.

        Args:
            quality: Phred of each observation (n).
            origin: Kind of each observation, 0 to 8 (n).
            place: Where.
            true: Base code 0 to 3 of what is really there.
            shown: Base code 0 to 3.
        """
        factor = self.recalibration.factor[true, place.context, shown][
            origin, quality_class(quality)
        ]
        row = None if self.sites is None else self.sites.row(place.position)
        if self.sites is not None and row is not None:
            factor = np.maximum(factor * self.sites.ratio[row, shown][STRAND_OF[origin]], 1.0)
        error: NDArray[np.float64] = base_error(quality) / 3 * factor
        return np.minimum(error, HIGHEST_ERROR)

    def variance(
        self,
        quality: NDArray[np.uint8],
        origin: NDArray[np.uint8],
        place: Place,
        true: int,
        shown: int,
    ) -> NDArray[np.float64]:
        """Return the relative variance of each, as far as the kind and a panel tell it (n)."""
        known: NDArray[np.float64] = self.recalibration.variance[true, place.context, shown][
            origin, quality_class(quality)
        ]
        row = None if self.sites is None else self.sites.row(place.position)
        if self.sites is not None and row is not None:
            known = known + float(self.sites.variance[row, shown])
        return known

    def site_variance(self, place: Place) -> float:
        """Return the relative variance of single sites; none where a panel knows the site."""
        known = self.sites is not None and self.sites.row(place.position) is not None
        return 0.0 if known else self.recalibration.site_variance

    def factors(self, counted: PositionCounts) -> NDArray[np.float64]:
        """Return the factors on what the qualities announce of each position (P, 4, 9, 5)."""
        factors: NDArray[np.float64] = self.recalibration.at(counted)
        if self.sites is not None:
            known, rows = self.sites.rows(counted.positions)
            own = self.sites.ratio[rows][:, :, STRAND_OF, None]
            factors[known] = np.maximum(factors[known] * own, 1.0)
        return factors

    def variances(self, counted: PositionCounts) -> NDArray[np.float64]:
        """Return :meth:`variance` of each kind of observation of each position (P, 4, 9, 5)."""
        reference = np.minimum(counted.reference, UNKNOWN - 1)
        variances: NDArray[np.float64] = self.recalibration.variance[reference, counted.context]
        if self.sites is not None:
            known, rows = self.sites.rows(counted.positions)
            variances[known] += self.sites.variance[rows][:, :, None, None]
        return variances

    def explained(self, counted: PositionCounts) -> NDArray[np.float64]:
        """Return how many molecules errors show, by position, base and class (P, 4, 5).

        None of the reference base, nor where that is unknown.
        """
        return self._explained(counted, doubted=False)

    def doubted(self, counted: PositionCounts) -> NDArray[np.float64]:
        """Return :meth:`explained`, each kind of observation times its relative variance."""
        return self._explained(counted, doubted=True)

    def _explained(self, counted: PositionCounts, *, doubted: bool) -> NDArray[np.float64]:
        own = self.recalibration
        motifs = Motifs.of(counted, counted.reference < UNKNOWN)
        explained = motifs.explained(counted, own.factor * own.variance if doubted else own.factor)
        if self.sites is not None:
            known, _ = self.sites.rows(counted.positions)
            some = counted.only(known[counted.reference[known] < UNKNOWN])
            factors = self.factors(some) * (self.variances(some) if doubted else 1)
            shown = np.einsum("poq,pboq->pbq", some.error / 3, factors)
            shown[np.arange(some.positions.size), some.reference] = 0
            explained[np.searchsorted(counted.positions, some.positions)] = shown
        return explained

    def indel(self, kind: int, run: int) -> float:
        """Return the probability of an insertion or deletion by error.

        Args:
            kind: ``INSERTION`` or ``DELETION``.
            run: Length of the run of equal bases that it lies in.
        """
        scale = self.indel_scale[kind, run_class(run)]
        return min(HIGHEST_ERROR, float(assumed_indel_error(run) * scale))

    def indel_of(self, indel: Indel) -> float:
        """Return the probability of this insertion or deletion by error."""
        return self.indel(INSERTION if indel.is_insertion else DELETION, indel.run)


def fit(
    counted: PositionCounts,
    never_used: frozenset[int],
    indels: Sequence[Indel] = (),
    runs: Runs | None = None,
    sites: SiteRates | None = None,
) -> ErrorModel:
    """Correct the qualities' and the assumed error probabilities by what the sample shows.

    Args:
        counted: The sample's coding positions.
        never_used: 0-based positions where variants are sought; they say nothing about error.
        indels: All insertions and deletions that the molecules show.
        runs: Of the reference; without them insertions and deletions keep what is assumed.
        sites: Of a panel of normals; None without one.
    """
    usable = usable_positions(counted, never_used)
    indel_scale = np.ones((2, RUN_CLASSES))
    if runs is not None:
        indel_scale = fit_indels(counted, usable, indels, runs)
    return ErrorModel(recalibrate(counted, usable), indel_scale, sites)


def misplaced(mapping_quality: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the chance that a molecule shows an allele because it belongs elsewhere (n).

    Phred of the mapping times ``MISPLACED_SHOWS_ALLELE``; 255, which some aligners write, says
    that it is not known, and counts as 60.
    """
    known = np.where(mapping_quality == 255, 60.0, mapping_quality)
    chance: NDArray[np.float64] = 10.0 ** (-known / 10) * MISPLACED_SHOWS_ALLELE
    return chance
