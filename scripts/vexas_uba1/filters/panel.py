"""An allele at a site that is noisy in the panel of normals."""

from __future__ import annotations

from vexas_uba1.filters.support import Support

PANEL_MARGIN = 2.0
"""Times the VAF of the noisiest normal that an allele must exceed (assumed)."""


def panel_noise(support: Support) -> str | None:
    """Return why the allele may be the site's noise, or None."""
    highest = support.panel_vaf
    if highest is None or not highest:
        return None
    vaf = support.count / support.view.size
    if vaf < PANEL_MARGIN * highest:
        return (
            f"its VAF of {vaf:.2%} is of the order of the {highest:.2%} that one normal of the "
            "panel in a hundred exceeds by noise"
        )
    return None
