"""Support by poor bases or badly placed fragments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from vexas_uba1.alleles.haplotypes import View
from vexas_uba1.filters.support import Support

LOW_BASE_QUALITY = 20
LOW_MAPPING_QUALITY = 20


def low_base_quality(support: Support) -> str | None:
    """Return why the supporting bases are poor, or None."""
    median = float(np.median(support.view.read_quality[support.shows]))
    if median < LOW_BASE_QUALITY and not support.is_poor_sample:
        return f"the supporting bases have a median quality of {median:g}"
    return None


def low_mapping_quality(support: Support) -> str | None:
    """Return why the supporting fragments may belong elsewhere, or None."""
    median = float(np.median(support.view.mapping_quality[support.shows]))
    if median < LOW_MAPPING_QUALITY:
        return f"the supporting fragments have a median mapping quality of {median:g}"
    return None


def quality_pass_chance(
    view: View, counts: NDArray[np.int64], *, is_poor_sample: bool
) -> NDArray[np.float64]:
    """Return the chance that a true allele's support is not called poor, by its molecules."""
    passes = np.ones(counts.size)
    asked = [(view.mapping_quality, LOW_MAPPING_QUALITY)]
    if not is_poor_sample:
        asked.append((view.read_quality, LOW_BASE_QUALITY))
    for values, lowest in asked:
        is_low = values < lowest
        if not is_low.any() or is_low.all():
            passes *= float(not is_low.any())
            continue
        # The median is low if more than half of the draws are; with just half it lies between a
        # low and a high one.
        halfway = float(values[is_low].mean() + values[~is_low].mean()) / 2
        most = counts // 2 if halfway >= lowest else (counts - 1) // 2
        passes *= 1 - bdtrc(most, counts, float(is_low.mean()))
    return passes
