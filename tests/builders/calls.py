"""Reads, molecules and views made directly, for tests of the rooms between BAM and verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from vexas_uba1.alignments.reads import DELETED, Deletion, Insertion, Reads
from vexas_uba1.alleles import View
from vexas_uba1.fragments import Molecules, join_molecules
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import load_locus
from vexas_uba1.reference import ReferenceWindow

CODON = 47_199_050
"""0-based position of c.121 on GRCh38."""
CODES = {**{base: code for code, base in enumerate("ACGTN")}, "-": DELETED}


@dataclass(frozen=True)
class R:
    """One read.

    Attributes:
        name: Of its fragment.
        start: 0-based position of the first character of ``bases``.
        bases: A, C, G, T, N, ``-`` for a deleted base, a blank where it shows nothing.
        quality: Phred of all its bases.
        reverse: On the reverse strand.
        umi: Empty without.
        ends: Of its fragment.
        library: Index.
        mapping_quality: Phred.
        inside: Bases to the nearer read end; None for where the bases lie in ``bases``.
        insertions: (position, bases).
    """

    name: str
    start: int
    bases: str
    quality: int = 30
    reverse: bool = False
    umi: str = ""
    ends: tuple[int, int] = (0, 0)
    library: int = 0
    mapping_quality: int = 60
    inside: int | None = 50
    insertions: tuple[tuple[int, str], ...] = ()


def reads_of(*rows: R) -> Reads:
    """Return reads as the alignments room would give them."""
    cells = [
        (number, row.start + at, CODES[base], row.quality, _inside(row, at))
        for number, row in enumerate(rows)
        for at, base in enumerate(row.bases)
        if base != " "
    ]
    table = np.array(cells, dtype=np.int64).reshape(-1, 5).T
    return Reads(
        names=tuple(row.name for row in rows),
        library=np.array([row.library for row in rows], dtype=np.int32),
        reverse=np.array([row.reverse for row in rows], dtype=np.bool_),
        mapping_quality=np.array([row.mapping_quality for row in rows], dtype=np.uint8),
        fragment_ends=tuple(row.ends for row in rows),
        umi=tuple(row.umi for row in rows),
        base_read=table[0].astype(np.int32),
        base_position=table[1].astype(np.int32),
        base_code=table[2].astype(np.uint8),
        base_quality=table[3].astype(np.uint8),
        base_end_distance=table[4].astype(np.int32),
        insertions=tuple(
            Insertion(number, at, bases)
            for number, row in enumerate(rows)
            for at, bases in row.insertions
        ),
        deletions=tuple(
            Deletion(number, start, end, row.quality)
            for number, row in enumerate(rows)
            for start, end in _gaps(row)
        ),
        md_bases={},
        excluded={},
        flagged_duplicates=0,
        without_qualities=0,
    )


def molecules_of(*rows: R) -> Molecules:
    """Return the molecules of the rows."""
    return join_molecules(reads_of(*rows))


def _inside(row: R, at: int) -> int:
    return min(at, len(row.bases) - 1 - at) if row.inside is None else row.inside


def _gaps(row: R) -> Iterable[tuple[int, int]]:
    start = None
    for at, base in enumerate(row.bases + " "):
        if base == "-" and start is None:
            start = at
        elif base != "-" and start is not None:
            yield row.start + start, row.start + at
            start = None


def view_with(
    codes: Sequence[str],
    *,
    reference: str = "ATG",
    positions: Sequence[int] | None = None,
    quality: int = 30,
    strands: Sequence[str] | None = None,
    read_quality: Sequence[int] | None = None,
    end_distance: Sequence[int] | None = None,
    mapping_quality: Sequence[int] | None = None,
) -> View:
    """Return a view of molecules that show ``codes``, on strands ``+``, ``-`` or both (``±``)."""
    n = len(codes)
    strands = strands or ["±"] * n
    shown = np.array([[CODES[base] for base in code] for code in codes], dtype=np.uint8)
    return View(
        positions=tuple(positions or range(CODON, CODON + len(reference))),
        reference=tuple(CODES[base] for base in reference),
        molecules=np.arange(n),
        codes=shown.reshape(n, len(reference)).T,
        quality=np.full((len(reference), n), quality, dtype=np.uint8),
        forward=np.array([strand in "+±" for strand in strands], dtype=np.bool_),
        reverse=np.array([strand in "-±" for strand in strands], dtype=np.bool_),
        read_quality=np.array(read_quality or [quality] * n, dtype=np.uint8),
        end_distance=np.array(end_distance or [50] * n, dtype=np.int32),
        mapping_quality=np.array(mapping_quality or [60] * n, dtype=np.uint8),
        discordant=0,
    )


@cache
def grch38() -> PlacedLocus:
    """Return the bundled gene on GRCh38."""
    return load_locus().placed("GRCh38")


@cache
def record_reference() -> ReferenceWindow:
    """Return what the gene record knows, introns unknown."""
    placed = grch38()
    return ReferenceWindow(placed.window[0], placed.reference_bases(), "record")
