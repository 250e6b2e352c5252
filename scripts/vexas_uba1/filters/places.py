"""Support from one place only: the ends of reads, one fragment's ends, a primer's neighbourhood."""

from __future__ import annotations

import numpy as np

from vexas_uba1.filters.strands import UNLIKELY
from vexas_uba1.filters.support import Support

READ_END = 5
PRIMER_REACH = 15
"""Bases between a fragment's end and a primer's within which the primer may have made the base:
primers are synthesised with errors, and cut short (assumed)."""


def read_end(support: Support) -> str | None:
    """Return why all support lies at the ends of reads, or None."""
    view, shows, alt = support.view, support.shows, support.count
    near = view.end_distance < READ_END
    if not near[shows].all():
        return None
    if float(near.mean()) ** alt < UNLIKELY:
        return (
            f"all {alt} supporting fragments show it within {READ_END} bases of a read's end, "
            f"where {int(near.sum())} of {view.size} informative fragments do"
        )
    return None


def one_start(support: Support) -> str | None:
    """Return why all support may be copies of one molecule, or None.

    All supporting fragments share an end, though others vary: P = sum over ends of share^k.
    """
    view, shows, alt = support.view, support.shows, support.count
    if alt < 2:
        return None
    for ends in (view.fragment_start, view.fragment_end):
        own = ends[shows]
        if (own != own[0]).any():
            continue
        _, sizes = np.unique(ends, return_counts=True)
        if float(((sizes / view.size) ** alt).sum()) < UNLIKELY:
            return (
                f"all {alt} supporting fragments have one end in common, where "
                f"{int((ends == own[0]).sum())} of {view.size} informative fragments have it; they "
                "may be copies of one molecule"
            )
    return None


def primer_bases(support: Support) -> str | None:
    """Return why a primer may have made the allele, or None."""
    near = support.near_primer
    if near is None or not near[support.shows].all():
        return None
    alt = support.count
    if float(near.mean()) ** alt < UNLIKELY:
        return (
            f"all {alt} supporting fragments end within {PRIMER_REACH} bases of a primer under it, "
            f"where {int(near.sum())} of {support.view.size} informative fragments do"
        )
    return None
