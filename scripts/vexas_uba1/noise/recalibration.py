"""The qualities' error probabilities, corrected by what the sample shows at its own positions.

Sequencers and libraries differ from their qualities: by kind of substitution, by the strand that
was read, by the bases beside, by cycle, and above all where copies agree, for there only errors
made before sequencing are left. Each of these is a level of ratios of seen to expected errors, each
taken against what the levels before it explain, and shrunk by :mod:`vexas_uba1.noise.shrinkage`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.fragments.marks import ORIGINS, QUARTERS, STRAND_KINDS, STRAND_OF
from vexas_uba1.fragments.qualities import QUALITY_CLASSES
from vexas_uba1.noise.counts import PositionCounts
from vexas_uba1.noise.motifs import Motifs
from vexas_uba1.noise.outliers import SOME_TAIL, apart, too_many
from vexas_uba1.noise.shrinkage import Prior, shrink, shrink_apart, variance_of
from vexas_uba1.reference import CONTEXTS, UNKNOWN

LEVEL_PRIOR = Prior(0.02, 10.0, doubted=2.0)
OVERALL_VARIANCE = np.array(0.3)
"""Of what all qualities are off together (assumed)."""
QUALITY_VARIANCES = np.array([0.02, 0.02, 0.02, 0.3, 0.3])
"""Of the quality classes' common ratios: where copies agree the qualities say nothing of damage, so
a few molecules must be able to move it far (assumed)."""
SITE_PRIOR = Prior(0.02, 20.0)
_QUARTER_OF = np.array([*range(QUARTERS), *range(QUARTERS), QUARTERS])
_STRANDS = np.eye(STRAND_KINDS)[STRAND_OF]
_BASES = np.arange(UNKNOWN)
_FEWEST_OF_A_STRAND = 0.1
"""Share of a position's molecules that a strand needs to speak for or against a variant."""
_FEWEST_HOPED = 2.0
"""Molecules with a variant that a strand should have before their lack speaks against it."""
_FEWEST_OF_A_KIND = 5
_QUARTERS = np.eye(QUARTERS + 1)[_QUARTER_OF]


@dataclass(frozen=True)
class Recalibration:
    """Factors on the qualities' error probabilities and how well they are known.

    A kind is a reference base r and a shown base b of the forward strand.

    Attributes:
        factor: By r, context, b, origin and class of quality, at least one (4, 25, 4, 9, 5).
        variance: Relative variance of it, likewise.
        site_variance: Relative variance of single positions around it.
        mismatch_rate: Share of mismatches at the positions it was made from; None without any base
            there.
    """

    factor: NDArray[np.float64]
    variance: NDArray[np.float64]
    site_variance: float
    mismatch_rate: float | None

    @classmethod
    def none(cls) -> Recalibration:
        """Return the qualities as they are."""
        shape = (UNKNOWN, CONTEXTS, UNKNOWN, ORIGINS, QUALITY_CLASSES)
        return cls(np.ones(shape), np.zeros(shape), 0.0, None)

    def at(self, counted: PositionCounts) -> NDArray[np.float64]:
        """Return the factors of each position, 1 where the reference is unknown (P, 4, 9, 5)."""
        known = counted.reference < UNKNOWN
        factors = self.factor[np.where(known, counted.reference, 0), counted.context]
        factors[~known] = 1.0
        return factors

    @cached_property
    def by_kind(self) -> NDArray[np.float64]:
        """Mean factor of each kind over all contexts, origins and classes (4, 4)."""
        means: NDArray[np.float64] = self.factor.mean(axis=(1, 3, 4))
        return means


def usable_positions(counted: PositionCounts, never_used: frozenset[int]) -> NDArray[np.bool_]:
    """Return the positions that tell of errors: known ones where no variant is sought by name."""
    known = counted.reference < UNKNOWN
    return known & ~np.isin(counted.positions, list(never_used))


def recalibrate(counted: PositionCounts, usable: NDArray[np.bool_]) -> Recalibration:
    """Fit the factors.

    Args:
        counted: The sample's coding positions.
        usable: Those of them that tell of errors (P).
    """
    motifs = Motifs.of(counted, usable & ~_looks_variant(counted))
    seen = motifs.sums(counted.counts)
    # Each kind of a base is announced with a third of its error.
    expected = np.repeat(motifs.sums(counted.error)[:, :, None] / 3, UNKNOWN, axis=2)
    total = int(seen.sum())
    for values in (seen, expected):
        values[_BASES, :, _BASES] = 0
    factor, variance = _levels(seen, expected)
    # Around what is seen, be it less than the qualities announce.
    explained = motifs.explained(counted, factor)[motifs.rows].sum(axis=2)
    mismatches = counted.bases[motifs.rows].astype(np.float64)
    mismatches[np.arange(motifs.rows.size), counted.reference[motifs.rows]] = 0
    site = variance_of(mismatches, explained, SITE_PRIOR)
    trusted = np.maximum(factor, 1.0)
    return Recalibration(
        trusted,
        # What lies far below the floor is no doubt above it.
        variance * (factor / trusted) ** 2,
        float(site.item()),
        int(mismatches.sum()) / total if total else None,
    )


def _looks_variant(counted: PositionCounts) -> NDArray[np.bool_]:
    """Return where far more of one mismatch is seen than ten times the errors explain (P).

    And than more than half of the positions of its kind show. A variant is on both strands, and
    what is not is the error that is to be learnt: so each strand that holds a tenth of the
    position's molecules, and enough to show a variant of this share, must show more than chance
    explains; and two of them must, if there are two. Nor is it at two positions with the same
    bases beside: that is a motif.
    """
    known = counted.reference < UNKNOWN
    reference = np.where(known, counted.reference, 0)
    rows = np.arange(reference.size)
    shown = counted.by_strand.copy()
    depth = shown.sum(axis=1)
    shown[rows, reference] = 0
    announced = counted.error_by_strand[:, None] / 3
    usual = _usual(shown.sum(axis=2), announced.sum(axis=2), reference)[reference]
    explained = announced * usual[..., None]
    total = np.maximum(depth.sum(axis=1), 1)[:, None]
    in_all = shown.sum(axis=2)
    asked = (depth >= _FEWEST_OF_A_STRAND * total)[:, None]
    hoped = depth[:, None] * (in_all / total)[..., None]
    some = too_many(shown, explained, SOME_TAIL)
    wherever_asked = (some | ~asked | (hoped < _FEWEST_HOPED)).all(axis=2)
    on_two = (some & asked).sum(axis=2) >= np.minimum(asked.sum(axis=2), 2)
    looks = too_many(in_all, explained.sum(axis=2)) & wherever_asked & on_two & known[:, None]
    found: NDArray[np.bool_] = (looks & ~_in_a_motif(looks, reference, counted.context)).any(axis=1)
    return found


def _in_a_motif(
    looks: NDArray[np.bool_], reference: NDArray[Any], context: NDArray[Any]
) -> NDArray[np.bool_]:
    """Return where the same change between the same bases is found at two positions (P, 4).

    A machine or damage that errs there does so on both strands, and at many sites; of variants a
    gene has few.
    """
    motif = reference.astype(np.int64) * CONTEXTS + context
    sites = np.zeros((UNKNOWN * CONTEXTS, UNKNOWN), dtype=np.int64)
    np.add.at(sites, motif, looks)
    found: NDArray[np.bool_] = sites[motif] > 1
    return found


def _usual(
    shown: NDArray[np.int64], announced: NDArray[np.float64], reference: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return the median ratio of seen to announced of each kind, one at least (4, 4)."""
    usual = np.ones((UNKNOWN, UNKNOWN))
    for base in range(UNKNOWN):
        own = reference == base
        if own.sum() >= _FEWEST_OF_A_KIND:
            ratio = shown[own] / np.maximum(announced[own], 1e-300)
            usual[base] = np.maximum(np.median(ratio, axis=0), 1.0)
    return usual


def _levels(
    seen: NDArray[np.float64], expected: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return factor and relative variance of each cell; r, context, b, origin, class of quality."""
    factor = np.ones(seen.shape)

    def left(*axes: int) -> NDArray[np.float64]:
        """Return what the levels so far expect, summed over axes."""
        summed: NDArray[np.float64] = (expected * factor).sum(axis=axes)
        return summed

    by_class, by_kind = seen.sum(axis=(1, 3)), seen.sum(axis=(1, 3, 4))
    # Kinds that err by a cause of their own say nothing of the others. What comes before the
    # reading of a base shows best where qualities are good.
    unlike = apart(by_kind, left(1, 3, 4))
    for each in range(QUALITY_CLASSES):
        unlike |= apart(by_class[..., each], left(1, 3)[..., each])
    alike = ~unlike
    # All together.
    overall = shrink(by_kind[alike].sum(), left(1, 3, 4)[alike].sum(), OVERALL_VARIANCE)
    factor *= overall.ratio
    # By kind.
    kind = shrink_apart(by_kind, left(1, 3, 4), unlike, LEVEL_PRIOR)
    factor *= kind.ratio[:, None, :, None, None]
    # By class of quality, of all kinds together, then of each kind.
    common = shrink(by_class[alike].sum(axis=0), left(1, 3)[alike].sum(axis=0), QUALITY_VARIANCES)
    factor *= common.ratio
    variance = kind.variance(overall.own)[..., None] + common.own
    announced = left(1, 3)
    for quality in range(QUALITY_CLASSES):
        own = shrink_apart(by_class[..., quality], announced[..., quality], unlike, LEVEL_PRIOR)
        factor[..., quality] *= own.ratio[:, None, :, None]
        variance[..., quality] = own.variance(variance[..., quality])
    # By cycle, of all kinds together.
    cycle = shrink(
        seen.sum(axis=(0, 1, 2, 4)) @ _QUARTERS, left(0, 1, 2, 4) @ _QUARTERS, LEVEL_PRIOR
    )
    factor *= cycle.ratio[_QUARTER_OF][:, None]
    # By strand and kind.
    by_strand, announced = seen.sum(axis=(1, 4)) @ _STRANDS, left(1, 4) @ _STRANDS
    of_a_strand = unlike[..., None] | apart(by_strand, announced)
    strand = shrink_apart(by_strand, announced, of_a_strand, LEVEL_PRIOR)
    own = strand.along(STRAND_OF)[:, None, :, :, None]
    factor *= own.ratio
    variance = own.variance(variance[:, None, :, None, :])
    # By the bases beside, strand and kind, of which each kind and strand has a variance of its own:
    # a motif that errs on one strand must not make all others doubtful.
    beside = shrink(seen.sum(axis=4) @ _STRANDS, left(4) @ _STRANDS, LEVEL_PRIOR, (1,))
    own = beside.along(STRAND_OF)[..., None]
    factor *= own.ratio
    variance = own.variance(variance)
    # And by quality there: what comes before the reading of a base does not ask for its quality.
    by_strand, announced = (_by_strand(values) for values in (seen, expected * factor))
    own = shrink(by_strand, announced, LEVEL_PRIOR, (1, 4))[:, :, :, STRAND_OF]
    factor *= own.ratio
    return factor, own.variance(variance)


def _by_strand(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum kinds of observation by strand (4, 25, 4, 3, 5)."""
    return np.moveaxis(np.moveaxis(values, 3, 4) @ _STRANDS, 4, 3)
