"""The sheet's sex beside the coverage of X and Y.

Records per base of X and of Y are divided by those of all autosomes together. A genome with two X
has an X ratio near 1, one with one X near 0.5; a single Y gives less than 0.5, since much of Y's
length is unknown or repeated. Exons are not spread evenly over chromosomes, so exomes have ranges
of their own. Ranges and evenness are assumed; between them nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from vexas_uba1.alignments.coverage import ContigReads
from vexas_uba1.result import SampleInfo, SexCheck

FEWEST_RECORDS = 100_000
"""Records on the autosomes below which nothing is concluded (assumed)."""
FEWEST_AUTOSOMES = 10
"""Autosomes below which a file is taken for a part of a genome (assumed)."""

OBSERVED = {
    "one_x_with_y": "one X with Y",
    "two_x_without_y": "two X without Y",
    "one_x_without_y": "one X without Y",
    "two_x_with_y": "two X with Y",
    "unclear": "unclear",
    "not_available": "not available",
}
"""What coverage can show, in words."""
_FITTING = {"male": "one_x_with_y", "female": "two_x_without_y"}


@dataclass(frozen=True)
class _Ranges:
    """What a kind of library shows (assumed); all are ratios to the autosomes' coverage.

    ``spread`` is how far an autosome's coverage may lie from their median, as a factor either way.
    """

    one_x: tuple[float, float]
    two_x: tuple[float, float]
    without_y: float
    with_y: float
    spread: float


_RANGES = {
    "wgs": _Ranges((0.35, 0.60), (0.80, 1.25), 0.06, 0.12, 5.0),
    "wes": _Ranges((0.20, 0.48), (0.58, 1.25), 0.02, 0.04, 5.0),
    # Only what is as even as a genome is taken for one: a large panel can look like an exome.
    "unknown": _Ranges((0.35, 0.60), (0.80, 1.25), 0.06, 0.12, 1.5),
}
_UNFIT = {
    "panel": "how deeply a panel covers X and Y depends on its design",
    "amplicon": "amplicons cover no whole chromosomes",
    "rna": "coverage of RNA depends on expression",
}
_CAUSES = {
    ("male", "two_x_without_y"): "a sample swap, or a transplant that the sheet does not name",
    ("male", "one_x_without_y"): "loss of Y in blood cells, or a sample swap",
    ("male", "two_x_with_y"): "a further X, cells of two people, or a sample swap",
    ("female", "one_x_with_y"): "a sample swap, or a transplant that the sheet does not name",
    ("female", "one_x_without_y"): (
        "loss of one X in the clone or in all cells, or a swap with a man who lost Y"
    ),
    ("female", "two_x_with_y"): "cells of two people, or a sample swap",
}


def check_sex(sample: SampleInfo, contigs: Sequence[ContigReads]) -> SexCheck:
    """Compare what the sheet says with the coverage of X and Y.

    After an allogeneic transplant the donor's sex is expected. Only genomes and exomes are judged,
    and samples of unknown assay whose autosomes are as evenly covered as a genome's.

    Args:
        sample: What the sheet says.
        contigs: Of the whole file, as its index states them; empty where it does not.
    """
    transplanted = sample.transplant == "allogeneic"
    expected = sample.donor_sex if transplanted else sample.sex
    unfit = _UNFIT.get(sample.assay) or _why_unfit(contigs, _RANGES[sample.assay])
    if unfit:
        return SexCheck(expected, "not_available", None, None, None, f"not checked: {unfit}")
    x, y = _ratio(contigs, "X"), _ratio(contigs, "Y")
    observed = _observed(x, y, _RANGES[sample.assay])
    agrees = None
    if observed != "unclear" and expected in _FITTING:
        agrees = observed == _FITTING[expected]
    note = ""
    if observed == "unclear":
        note = "a part of the cells may have lost X or Y, or the cells of two people are mixed"
    elif agrees is None:
        note = f"the sheet does not state the {'donor' if transplanted else 'patient'}'s sex"
    elif not agrees:
        note = _conflict(expected, observed, transplanted)
    return SexCheck(expected, observed, agrees, round(x, 4), round(y, 4), note)


def _why_unfit(contigs: Sequence[ContigReads], ranges: _Ranges) -> str:
    """Return why the counts cannot be judged; empty if they can."""
    autosomes = [contig for contig in contigs if contig.name.isdigit()]
    if not contigs:
        return "the file's index holds no counts of its chromosomes"
    if len(autosomes) < FEWEST_AUTOSOMES or not {"X", "Y"} <= {one.name for one in contigs}:
        return "the file does not name all chromosomes"
    if sum(one.mapped for one in autosomes) < FEWEST_RECORDS:
        return "the file holds too few reads of other chromosomes"
    density = [one.mapped / one.length for one in autosomes]
    middle = median(density)
    if min(density) * ranges.spread < middle or max(density) > middle * ranges.spread:
        return "the chromosomes are not covered as in a whole genome or exome"
    return ""


def _ratio(contigs: Sequence[ContigReads], name: str) -> float:
    """Return the coverage of a chromosome, divided by that of the autosomes."""
    autosomes = [contig for contig in contigs if contig.name.isdigit()]
    usual = sum(one.mapped for one in autosomes) / sum(one.length for one in autosomes)
    asked = next(contig for contig in contigs if contig.name == name)
    return asked.mapped / asked.length / usual


def _observed(x_ratio: float, y_ratio: float, ranges: _Ranges) -> str:
    one = ranges.one_x[0] <= x_ratio <= ranges.one_x[1]
    two = ranges.two_x[0] <= x_ratio <= ranges.two_x[1]
    without, with_y = y_ratio <= ranges.without_y, y_ratio >= ranges.with_y
    if not (one or two) or not (without or with_y):
        return "unclear"
    return f"{'one' if one else 'two'}_x_{'with' if with_y else 'without'}_y"


def _conflict(expected: str, observed: str, transplanted: bool) -> str:
    whose = "the donor is" if transplanted else "the sheet says"
    causes, rest = _CAUSES[expected, observed], "variants and their VAF do not depend on it"
    if transplanted:
        causes = causes.replace(
            "a transplant that the sheet does not name", "the patient's own cells have come back"
        )
    else:
        rest = f"{rest}, shares of cells do"
    seen = f"X and Y are covered as by {OBSERVED[observed]}"
    return f"{whose} {expected}, but {seen}: {causes}; {rest}"
