"""Support by poor bases or badly placed fragments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from vexas_uba1.filters.support import Support

LOW_BASE_QUALITY = 20
LOW_MAPPING_QUALITY = 20


def low_base_quality(support: Support) -> str | None:
    """Return why the supporting bases are poor, or None.

    Their median is weighed by what each proves: beside true molecules of good quality lie errors of
    poor ones, and at depth these are the more.
    """
    shows = support.shows
    median = _weighed_median(support.view.read_quality[shows], support.weight[shows])
    if median < LOW_BASE_QUALITY and not support.is_poor_sample:
        return f"the supporting bases have a median quality of {median:g}"
    return None


def low_mapping_quality(support: Support) -> str | None:
    """Return why the supporting fragments may belong elsewhere, or None."""
    median = float(np.median(support.view.mapping_quality[support.shows]))
    if median < LOW_MAPPING_QUALITY:
        return f"the supporting fragments have a median mapping quality of {median:g}"
    return None


def quality_pass_chance(support: Support, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the chance that a true allele's support is not called poor, by its molecules."""
    passes = np.ones(counts.size)
    everything = np.ones(support.view.size, dtype=np.int64)
    asked = [(support.view.mapping_quality, LOW_MAPPING_QUALITY, everything)]
    if not support.is_poor_sample:
        asked.append((support.view.read_quality, LOW_BASE_QUALITY, support.weight))
    for values, lowest, weight in asked:
        is_low = values < lowest
        if not is_low.any() or is_low.all():
            passes *= float(not is_low.any())
            continue
        # The median is low if the low ones of the draws weigh more than the others.
        low, high = float(weight[is_low].mean()), float(weight[~is_low].mean())
        half = counts * high / max(low + high, 1e-300)
        most = np.floor(half).astype(np.int64)
        # Where both weigh the same, the median lies between them.
        if (int(values[is_low].max()) + int(values[~is_low].min())) / 2 < lowest:
            most = np.ceil(half).astype(np.int64) - 1
        passes *= 1 - bdtrc(most, counts, float(is_low.mean()))
    return passes


def _weighed_median(values: NDArray[np.uint8], weight: NDArray[np.int64]) -> float:
    """Return the value that half of the weight reaches; the plain median where nothing weighs."""
    if not weight.sum():
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    total = int(reached[-1])
    above = int(np.searchsorted(2 * reached, total, side="right"))
    at = int(np.searchsorted(2 * reached, total, side="left"))
    return (float(values[order[at]]) + float(values[order[above]])) / 2
