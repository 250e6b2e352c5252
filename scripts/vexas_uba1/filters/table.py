"""One table of soft flags.

A flag marks a found allele; it never hides it, and never asks for depth or reference reads, nor of
intron bases that are not known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.filters.beside import (
    FEWEST_MISMATCHES,
    FOREIGN_POSITIONS,
    UNLIKELY_EXCESS,
    excess_mismatches,
    foreign_reads,
)
from vexas_uba1.filters.panel import PANEL_MARGIN, panel_noise, panel_pass_chance
from vexas_uba1.filters.places import PRIMER_REACH, READ_END, one_start, primer_bases, read_end
from vexas_uba1.filters.qualities import (
    LOW_BASE_QUALITY,
    LOW_MAPPING_QUALITY,
    low_base_quality,
    low_mapping_quality,
    quality_pass_chance,
)
from vexas_uba1.filters.strands import (
    EXPLAINED,
    FAINT,
    LIKELIER,
    LIKELIER_WITHOUT,
    UNLIKELY,
    UNLIKELY_SILENCE,
    one_strand,
    strand_pass_chance,
)
from vexas_uba1.filters.support import Support

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


FLAGS: tuple[Flag, ...] = (
    Flag(
        "one_strand",
        "Support on one strand only, although the other strand had the power to show the allele",
        f"chance below {UNLIKELY:g} and under {FAINT:g} of its due; with nothing on the other "
        f"strand below {UNLIKELY_SILENCE:g}; for T>G before T or G, nothing on the other strand, "
        f"or what errors explain with a chance above {EXPLAINED:g} and a true allele not with "
        f"{LIKELIER:g} times as much ({LIKELIER_WITHOUT:g} where other such places rule the "
        "artefact out)",
        "two-colour chemistry reads A[T]T of the minus strand as T>G "
        "(doi:10.1101/2025.09.27.678978); threshold chosen here",
        one_strand,
    ),
    Flag(
        "low_base_quality",
        "Median base quality of the support, weighed by proof, is low, that of the sample is not",
        f"below {LOW_BASE_QUALITY}",
        "threshold chosen here",
        low_base_quality,
    ),
    Flag(
        "low_mapping_quality",
        "Median mapping quality of the supporting fragments is low",
        f"below {LOW_MAPPING_QUALITY}",
        "threshold chosen here",
        low_mapping_quality,
    ),
    Flag(
        "read_end",
        f"All support within {READ_END} bases of a read end, though other fragments reach farther",
        f"chance below {UNLIKELY:g}",
        "threshold chosen here",
        read_end,
    ),
    Flag(
        "one_start",
        "All supporting fragments share one end, though others vary: copies of one molecule",
        f"chance below {UNLIKELY:g}",
        "threshold chosen here",
        one_start,
    ),
    Flag(
        "excess_mismatches",
        "The supporting fragments differ from the reference beside the allele more than others do",
        f"{FEWEST_MISMATCHES:g} or more each on average, chance below {UNLIKELY_EXCESS:g}; bases "
        f"below {LOW_BASE_QUALITY} are not compared",
        "threshold chosen here",
        excess_mismatches,
    ),
    Flag(
        "foreign_reads",
        "The supporting fragments share differences that others do not show: another sequence",
        f"{FOREIGN_POSITIONS} positions or more",
        "threshold chosen here",
        foreign_reads,
    ),
    Flag(
        "primer_bases",
        "All support comes from fragments that end at a primer which lies on the allele",
        f"within {PRIMER_REACH} bases, chance below {UNLIKELY:g}",
        "threshold chosen here",
        primer_bases,
    ),
    Flag(
        "panel_noise",
        "Normals of the panel show the allele by noise at a VAF of this order",
        f"below {PANEL_MARGIN:g} times what one normal in a hundred exceeds",
        "threshold chosen here",
        panel_noise,
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


def pass_chance(support: Support, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the chance that a true allele raises no flag, by the molecules that show it.

    They are drawn from the informative ones. The strand's, base quality's, mapping quality's and
    panel's flags count; each of the others is raised by chance in less than one draw of a thousand.

    Args:
        support: The informative molecules, at least one; which show the allele does not matter.
        counts: Numbers of molecules, from 1 on.
    """
    passes: NDArray[np.float64] = strand_pass_chance(support, counts)
    return passes * quality_pass_chance(support, counts) * panel_pass_chance(support, counts)
