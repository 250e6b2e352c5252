"""One table of soft flags.

A flag marks a found allele; it never hides it, and never asks for depth or reference reads.

The strand and read-end flags ask one question: could this share of the allele's molecules have come
about if they were drawn from all informative ones? If that is unlikely, the flag is raised. So an
assay in which every molecule is one-sided raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc

from vexas_uba1.alleles.haplotypes import View

UNLIKELY = 0.001
UNLIKELY_SILENCE = 0.01
"""Chance below which a strand that shows nothing at all is not taken for chance."""
UNLIKELY_SILENCE_OF_ARTEFACT = 0.2
"""The same where the other strand is the one that a known artefact of the machine lies on."""
FAINT = 0.2
"""Share of its due that a strand shows at most to count as all but silent (assumed)."""
LOW_BASE_QUALITY = 20
LOW_MAPPING_QUALITY = 20
READ_END = 5


@dataclass(frozen=True)
class Support:
    """The molecules that show an allele, among those informative on it; n molecules.

    Attributes:
        view: The informative molecules.
        shows: Which of them show the allele (n).
        artefact_strand: ``forward`` or ``reverse`` where reads of that strand are known to show the
            allele by a fault of the machine; None elsewhere.
    """

    view: View
    shows: NDArray[np.bool_]
    artefact_strand: str | None = None
    is_poor_sample: bool = False


Rule = Callable[[Support], str | None]
"""Asks of an allele's support; answers with the reason for the flag, or None."""


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


def _strands(view: View) -> tuple[tuple[str, NDArray[np.bool_], str], ...]:
    return (("forward", view.forward, "reverse"), ("reverse", view.reverse, "forward"))


def _silence_limit(artefact_strand: str | None, loud: str) -> float:
    return UNLIKELY_SILENCE_OF_ARTEFACT if artefact_strand == loud else UNLIKELY_SILENCE


def _one_strand(support: Support) -> str | None:
    view, shows = support.view, support.shows
    alt = int(shows.sum())
    for name, there, loud in _strands(view):
        seen = int((there & shows).sum())
        # Molecules that a strand did not read could not have shown the allele on it.
        chance = float(bdtr(seen, alt, there.mean()))
        silent = seen == 0 and chance < _silence_limit(support.artefact_strand, loud)
        # Deep data make any small imbalance unlikely; a flag asks for a large one as well.
        faint = chance < UNLIKELY and seen < FAINT * alt * float(there.mean())
        if silent or faint:
            return (
                f"{alt - seen} of {alt} supporting fragments show it on the {loud} strand only, "
                f"although {int(there.sum())} of {view.size} fragments were read on the {name} "
                "strand"
            )
    return None


def _low_base_quality(support: Support) -> str | None:
    median = float(np.median(support.view.read_quality[support.shows]))
    if median < LOW_BASE_QUALITY and not support.is_poor_sample:
        return f"the supporting bases have a median quality of {median:g}"
    return None


def _low_mapping_quality(support: Support) -> str | None:
    median = float(np.median(support.view.mapping_quality[support.shows]))
    if median < LOW_MAPPING_QUALITY:
        return f"the supporting fragments have a median mapping quality of {median:g}"
    return None


def _read_end(support: Support) -> str | None:
    view, shows = support.view, support.shows
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
        f"chance below {UNLIKELY:g} and under {FAINT:g} of its due; with nothing on the other "
        f"strand below {UNLIKELY_SILENCE:g}, "
        f"or {UNLIKELY_SILENCE_OF_ARTEFACT:g} for T>G before T or G",
        "two-colour chemistry reads A[T]T of the minus strand as T>G "
        "(doi:10.1101/2025.09.27.678978); threshold chosen here",
        _one_strand,
    ),
    Flag(
        "low_base_quality",
        "Median base quality of the supporting bases is low, that of the sample is not",
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
        "cis_neighbour",
        "In cis with a protein change of a neighbouring codon, whose effect on it is not known",
        "any",
        "PMID:35793467: c.119G>C in cis changes what c.121A>T does",
        None,
    ),
    Flag(
        "amplicon_floor",
        "Amplicon reads without UMIs and input: too few to tell from polymerase errors",
        "below amplicon_limit_floor_vaf",
        "threshold chosen by the laboratory",
        None,
    ),
    Flag(
        "carry_over",
        "Index hopping from other samples of the run explains the support",
        f"Poisson tail above {UNLIKELY:g}",
        "doi:10.1186/s12864-018-4703-0 for the rates",
        None,
    ),
)


def raise_flags(support: Support) -> dict[str, str]:
    """Return the raised flags of an allele that at least one molecule shows: ``{name: reason}``."""
    raised = {}
    for flag in FLAGS:
        reason = flag.rule(support) if flag.rule is not None else None
        if reason is not None:
            raised[flag.name] = reason
    return raised


def pass_chance(
    view: View,
    artefact_strand: str | None,
    counts: NDArray[np.int64],
    *,
    is_poor_sample: bool = False,
) -> NDArray[np.float64]:
    """Return the chance that a true allele raises no flag, by the molecules that show it.

    They are drawn from the informative ones. The strand's, base quality's and mapping quality's
    flags count; that of the read end is raised by chance in less than one draw of a thousand.

    Args:
        view: The informative molecules, at least one.
        artefact_strand: As in :class:`Support`.
        counts: Numbers of molecules, from 1 on.
        is_poor_sample: As in :class:`Support`.
    """
    passes = np.ones(counts.size)
    for _, there, loud in _strands(view):
        silence = (1 - there.mean()) ** counts
        passes *= np.where(silence < _silence_limit(artefact_strand, loud), 1 - silence, 1.0)
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
