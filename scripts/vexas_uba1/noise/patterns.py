"""The chance that molecules show a pattern of several places by error: other haplotypes misread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alleles.haplotypes import Pattern, View
from vexas_uba1.fragments.qualities import read_right
from vexas_uba1.noise.indels import DELETION, INDEL_DOUBT, INSERTION
from vexas_uba1.noise.model import HIGHEST_ERROR, ErrorModel, Place, misplaced
from vexas_uba1.reference import UNKNOWN

ERROR_BESIDE_ERROR = 0.01
"""Probability of a given error in a codon that holds another one, at least: errors of neighbouring
bases are not independent, so one molecule alone must not prove a double change (assumed)."""


@dataclass(frozen=True)
class Misreading:
    """Error probabilities of a pattern by class of equal observations; c classes.

    Attributes:
        chance: Of showing the pattern by error (c).
        variance: Relative variance of that, as far as errors of the kind are known (c).
        site_variance: Relative variance of single sites around it (c).
    """

    chance: NDArray[np.float64]
    variance: NDArray[np.float64]
    site_variance: NDArray[np.float64]


def misreading(
    view: View, pattern: Pattern, model: ErrorModel, same: Sequence[Pattern] = ()
) -> Misreading:
    """Return the probability of showing ``pattern`` by error alone, by class of observations.

    If the pattern is not in the sample, its molecules are other haplotypes misread: each haplotype
    counts by its share, the reference with half a molecule more, so that a sample in which every
    molecule shows the pattern is tested too. Of the reference's molecules some are misread
    themselves, as others that are seen; there are as many of them as its own say, divided by the
    chance that one is read right.

    Args:
        view: Molecules informative on the view's places.
        pattern: What the allele's molecules show.
        model: The sample's error model.
        same: Other patterns that are the same allele.
    """
    parents: dict[Pattern, float] = {
        haplotype: float(count)
        for haplotype, count in view.haplotypes.items()
        if haplotype != pattern and haplotype not in same
    }
    if pattern != view.reference_pattern:
        parents[view.reference_pattern] = parents.get(view.reference_pattern, 0.0) + 0.5
    total = sum(parents.values())
    classes = view.classes
    known = parents.get(view.reference_pattern, 0.0)
    really = min(total, known / _read_whole(view))
    if known < total:
        misread_less = (total - really) / (total - known)
        parents = {parent: misread_less * weight for parent, weight in parents.items()}
    if known:
        parents[view.reference_pattern] = really
    chance = misplaced(classes.mapping_quality)
    variance, site_variance = np.zeros(chance.size), np.zeros(chance.size)
    for parent, weight in parents.items():
        read = _misread(view, parent, pattern, model)
        chance += weight / total * read.chance
        variance += weight / total * read.chance * read.variance
        site_variance += weight / total * read.chance * read.site_variance
    positive = np.maximum(chance, 1e-300)
    return Misreading(
        np.minimum(positive, HIGHEST_ERROR), variance / positive, site_variance / positive
    )


def reference_misread(view: View, pattern: Pattern, model: ErrorModel) -> NDArray[np.float64]:
    """Return the part of :func:`misreading` that is the reference misread alone: quick to know."""
    known = view.haplotypes.get(view.reference_pattern, 0)
    share = min(1.0, known / _read_whole(view) / max(1, view.size))
    return _misread(view, view.reference_pattern, pattern, model).chance * share


def _read_whole(view: View) -> float:
    """Return the share of molecules of which all places are read right."""
    classes = view.classes
    if not view.size:
        return 1.0
    return float(classes.right @ classes.size) / view.size


def _misread(view: View, parent: Pattern, pattern: Pattern, model: ErrorModel) -> Misreading:
    """Return the probability of showing ``pattern`` if it is ``parent``."""
    classes = view.classes
    count = classes.size.size
    errors = []
    kept = np.ones(count)
    for row, (true, shown) in enumerate(zip(parent, pattern, strict=True)):
        if true == shown:
            if row < len(view.positions):
                # The pattern is shown only if the other bases are read right.
                kept *= read_right(classes.quality[row])
            continue
        if row >= len(view.positions):
            chance = model.indel_of(view.indels[row - len(view.positions)])
        elif max(true, shown) >= UNKNOWN:
            chance = model.indel(DELETION if shown >= UNKNOWN else INSERTION, 1)
        else:
            place = Place(view.positions[row], view.context[row])
            asked = (classes.quality[row], classes.origin[row], place, true, shown)
            own = np.full(count, model.site_variance(place))
            errors.append(Misreading(model.substitution(*asked), model.variance(*asked), own))
            continue
        doubt = np.full(count, INDEL_DOUBT**2)
        errors.append(Misreading(np.full(count, chance), doubt, np.zeros(count)))
    # The likeliest error comes by itself; the others come along with it.
    first, along = errors[0].chance, np.ones(count)
    variance, site_variance = errors[0].variance, errors[0].site_variance
    for error in errors[1:]:
        along *= np.maximum(np.minimum(first, error.chance), ERROR_BESIDE_ERROR)
        likelier = error.chance > first
        variance = np.where(likelier, error.variance, variance)
        site_variance = np.where(likelier, error.site_variance, site_variance)
        first = np.maximum(first, error.chance)
    return Misreading(first * along * kept, variance, site_variance)
