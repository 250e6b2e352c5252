"""From VAF to the share of cells, under assumptions that are named and never printed as fact.

With a hemizygous X a cell of the clone has only ALT copies: f = V. With two X, one of them ALT: V
= f / 2. If the clone lost its wild-type X: V = f / (2 - f), so f = 2 V / (1 + V). (Derived; copies
counted per cell.)
"""

from __future__ import annotations

from dataclasses import replace

from vexas_uba1.result import SampleInfo, SexCheck

MAN = "man, one X"
WOMAN = "woman, two X"
WOMAN_LOST_X = "woman, wild-type X lost in the clone"


def clone_fraction(vaf: float, sample: SampleInfo) -> dict[str, float]:
    """Return the share of cells that carry an allele, by assumption.

    Empty where the arithmetic does not hold: RNA, since the alleles need not be expressed alike,
    and after an allogeneic transplant, since the blood is a mixture of two people's.

    Args:
        vaf: Observed VAF in [0, 1].
        sample: What the sheet says of sex, assay and transplant.
    """
    if sample.assay == "rna" or sample.transplant == "allogeneic":
        return {}
    fractions: dict[str, float] = {}
    if sample.sex != "female":
        fractions[MAN] = vaf
    if sample.sex != "male":
        # Beyond a half, not every X of the clone can have its wild-type partner.
        if vaf <= 0.5:
            fractions[WOMAN] = 2 * vaf
        fractions[WOMAN_LOST_X] = 2 * vaf / (1 + vaf)
    return fractions


def with_doubt(sample: SampleInfo, check: SexCheck) -> SampleInfo:
    """Return the sample as :func:`clone_fraction` should see it.

    Where coverage contradicts the sheet, each sex's formula is as doubtful as the other's: all
    assumptions are named then, as for a sample of unknown sex.
    """
    return replace(sample, sex="unknown") if check.agrees is False else sample
