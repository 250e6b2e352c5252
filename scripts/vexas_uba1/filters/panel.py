"""An allele at a site that is noisy in the panel of normals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.filters.support import Support

PANEL_MARGIN = 2.0
"""Times the VAF of the noisiest normal that an allele must exceed (assumed)."""


def panel_noise(support: Support) -> str | None:
    """Return why the allele may be the site's noise, or None."""
    if _exceeds_noise(support, np.array([support.count]))[0]:
        return None
    return (
        f"its VAF of {support.count / support.view.size:.2%} is of the order of the "
        f"{support.panel_vaf:.2%} that one normal of the panel in a hundred exceeds by noise"
    )


def panel_pass_chance(support: Support, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 where that many molecules exceed the panel's noise, else 0."""
    return _exceeds_noise(support, counts).astype(np.float64)


def _exceeds_noise(support: Support, counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    highest = support.panel_vaf or 0.0
    exceeds: NDArray[np.bool_] = counts / support.view.size >= PANEL_MARGIN * highest
    return exceeds
