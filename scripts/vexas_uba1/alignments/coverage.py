"""How many records lie on each chromosome, as the index of a BAM states it."""

from __future__ import annotations

from dataclasses import dataclass

import pysam


@dataclass(frozen=True)
class ContigReads:
    """One chromosome's share of a file.

    Attributes:
        name: Without its prefix: ``1``, ``2``, … , ``X``, ``Y``.
        length: In bases.
        mapped: Mapped records on it, duplicates and secondary ones too.
    """

    name: str
    length: int
    mapped: int


def contig_reads(file: pysam.AlignmentFile) -> tuple[ContigReads, ...]:
    """Return the counts of autosomes, X and Y; no record of the file is read.

    Empty where nothing is known: for a CRAM, whose index holds no counts, and for an index without
    them.

    Args:
        file: A BAM or CRAM opened with its index.
    """
    try:
        statistics = file.get_index_statistics()
    except (ValueError, AttributeError):
        return ()
    counts = tuple(
        ContigReads(name, file.get_reference_length(entry.contig), entry.mapped)
        for entry in statistics
        if (name := _plain(entry.contig)) in ("X", "Y") or name.isdigit()
    )
    return counts if any(entry.mapped for entry in counts) else ()


def _plain(contig: str) -> str:
    return contig[3:] if contig[:3].lower() == "chr" else contig
