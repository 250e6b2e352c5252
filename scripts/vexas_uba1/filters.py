"""One table of soft flags.

A flag marks a found allele; it never hides it, and never asks for depth or reference reads.

The strand, read-end and similar flags ask one question: could this share of the allele's molecules
have come about if the allele's molecules were drawn from all informative ones? The chance is
``share ** alt``; below ``UNLIKELY`` the flag is raised. So an assay in which every molecule is
one-sided raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alleles import View

UNLIKELY = 0.001
LOW_BASE_QUALITY = 20
LOW_MAPPING_QUALITY = 20
READ_END = 5

Rule = Callable[[View, NDArray[np.bool_]], str | None]
"""Asks of a view and of the molecules that show the allele; answers with the reason, or None."""


@dataclass(frozen=True)
class Flag:
    """A soft flag.

    Attributes:
        name: As in FILTER, result and report.
        description: One sentence for the VCF header and the documentation.
        value: The threshold, as shown.
        source: Where the threshold comes from.
        rule: What raises it; None for a flag that looks beyond the sample.
    """

    name: str
    description: str
    value: str
    source: str
    rule: Rule | None


def _one_strand(view: View, shows: NDArray[np.bool_]) -> str | None:
    alt = int(shows.sum())
    for name, there, other in (
        ("forward", view.forward, "reverse"),
        ("reverse", view.reverse, "forward"),
    ):
        if (there & shows).any():
            continue
        # Molecules that the silent strand did not read could not have shown the allele on it.
        chance = float((~there).mean()) ** alt
        if chance < UNLIKELY:
            return (
                f"all {alt} supporting fragments show it on the {other} strand only, although "
                f"{int(there.sum())} of {view.size} fragments were read on the {name} strand"
            )
    return None


def _low_base_quality(view: View, shows: NDArray[np.bool_]) -> str | None:
    median = float(np.median(view.read_quality[shows]))
    if median < LOW_BASE_QUALITY:
        return f"the supporting bases have a median quality of {median:g}"
    return None


def _low_mapping_quality(view: View, shows: NDArray[np.bool_]) -> str | None:
    median = float(np.median(view.mapping_quality[shows]))
    if median < LOW_MAPPING_QUALITY:
        return f"the supporting fragments have a median mapping quality of {median:g}"
    return None


def _read_end(view: View, shows: NDArray[np.bool_]) -> str | None:
    near = view.end_distance < READ_END
    if not near[shows].all():
        return None
    alt = int(shows.sum())
    if float(near.mean()) ** alt < UNLIKELY:
        return (
            f"all {alt} supporting fragments show it within {READ_END} bases of a read's end, "
            f"where {int(near.sum())} of {view.size} informative fragments do"
        )
    return None


FLAGS: tuple[Flag, ...] = (
    Flag(
        "one_strand",
        "Support on one strand only, although the other strand had the power to show the allele",
        f"chance below {UNLIKELY:g}",
        "domain: two-colour chemistry reads A[T]T of the minus strand as T>G "
        "(doi:10.1101/2025.09.27.678978); threshold chosen here",
        _one_strand,
    ),
    Flag(
        "low_base_quality",
        "Median base quality of the supporting bases is low",
        f"below {LOW_BASE_QUALITY}",
        "threshold chosen here",
        _low_base_quality,
    ),
    Flag(
        "low_mapping_quality",
        "Median mapping quality of the supporting fragments is low",
        f"below {LOW_MAPPING_QUALITY}",
        "threshold chosen here",
        _low_mapping_quality,
    ),
    Flag(
        "read_end",
        f"All support within {READ_END} bases of a read end, though other fragments reach farther",
        f"chance below {UNLIKELY:g}",
        "threshold chosen here",
        _read_end,
    ),
    Flag(
        "carry_over",
        "Index hopping from other samples of the run explains the support",
        f"Poisson tail above {UNLIKELY:g}",
        "doi:10.1186/s12864-018-4703-0 for the rates",
        None,
    ),
)


def raise_flags(view: View, shows: NDArray[np.bool_]) -> dict[str, str]:
    """Return the raised flags of an allele with support: ``{name: reason}``.

    Args:
        view: The molecules informative on the allele.
        shows: Which of them show it (n).
    """
    raised = {}
    for flag in FLAGS:
        reason = flag.rule(view, shows) if flag.rule is not None else None
        if reason is not None:
            raised[flag.name] = reason
    return raised


def would_flag_any(view: View) -> bool:
    """Return whether an allele shown by every molecule would be flagged: no call can pass then."""
    return view.size > 0 and bool(raise_flags(view, np.ones(view.size, dtype=np.bool_)))
