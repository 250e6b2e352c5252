"""What realignment did, for the reader of a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RealignmentReport:
    """What was done, in reads.

    Attributes:
        compared: Reads that were compared with more than their own alignment.
        realigned: How many changed, by kind: ``junction`` (carried on along the transcript),
            ``overhang`` (a few bases in an intron clipped), ``haplotype`` (insertion or deletion),
            ``uninformative`` (an end that fits reference and indel clipped), ``clip`` (a clipped
            end aligned), ``listed`` (a read that errs in length, aligned anew with or without a
            listed deletion), ``unclear`` (one that neither explains, unknown there) and ``codon``
            (aligned anew around the codon).
    """

    compared: int
    realigned: Mapping[str, int]
