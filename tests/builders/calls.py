"""Reads, molecules and views made directly, for tests of the rooms between BAM and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from vexas_uba1.alignments.reads import DELETED, Blocks, Deletions, Insertions, Reads
from vexas_uba1.alleles.haplotypes import View
from vexas_uba1.fragments import Molecules, join_molecules
from vexas_uba1.fragments.marks import BOTH_STRANDS, QUARTERS
from vexas_uba1.grouping.grouping import Grouping
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import load_locus
from vexas_uba1.reference import ReferenceWindow, context_of

CODON = 47_199_050
"""0-based position of c.121 on GRCh38."""
AROUND_CODON = set(range(CODON - 100, CODON + 100))
NO_REPORT: Any = None
"""What the duplicates' report is where no test asks for it."""
ORIGIN = {"+": 0, "-": QUARTERS, "±": BOTH_STRANDS}
"""Kind of an observation by its strand, in the first quarter of its read."""
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
        inside: Further bases of the read to either side; None for none.
        number: 1 or 2 of a pair, 0 of a single read.
        both_ends: Whether both of ``ends`` are known to be ends of the fragment.
        insertions: (position, bases).
        duplicate: Flagged as one.
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
    duplicate: bool = False
    number: int = 0
    both_ends: bool = True


def reads_of(*rows: R) -> Reads:
    """Return reads as the alignments room would give them."""
    code, quality, first_base = bytearray(), bytearray(), [0]
    blocks: list[tuple[int, ...]] = []
    deletions: list[tuple[int, ...]] = []
    insertions: list[tuple[int, ...]] = []
    for number, row in enumerate(rows):
        padding = bytes([CODES["N"]]) * (row.inside or 0)
        code += padding
        put = dict(row.insertions)
        gap = -1
        for at, base in enumerate(row.bases + " "):
            position = row.start + at
            if position in put:
                inserted = put[position]
                insertions.append((number, position, len(code), len(inserted)))
                code += bytes(CODES[letter] for letter in inserted)
            if base == "-":
                gap = position if gap < 0 else gap
                continue
            if gap >= 0:
                deletions.append((number, gap, position, len(code)))
                gap = -1
            if base != " ":
                blocks.append((number, len(code), position, 1))
                code.append(CODES[base])
        code += padding
        quality += bytes([row.quality]) * (len(code) - len(quality))
        first_base.append(len(code))
    names = {key: at for at, key in enumerate(dict.fromkeys((r.library, r.name) for r in rows))}
    size = [len(row.bases.rstrip()) for row in rows]
    return Reads(
        fragments=len(names),
        fragment=np.array([names[row.library, row.name] for row in rows], dtype=np.int64),
        library=np.array([row.library for row in rows], dtype=np.int32),
        number=np.array([row.number for row in rows], dtype=np.uint8),
        reverse=np.array([row.reverse for row in rows], dtype=np.bool_),
        supplementary=np.zeros(len(rows), dtype=np.bool_),
        duplicate=np.array([row.duplicate for row in rows], dtype=np.bool_),
        mapping_quality=np.array([row.mapping_quality for row in rows], dtype=np.uint8),
        start=np.array([row.start for row in rows], dtype=np.int64),
        end=np.array([r.start + n for r, n in zip(rows, size, strict=True)], dtype=np.int64),
        left_clip=np.array([row.inside or 0 for row in rows], dtype=np.int32),
        right_clip=np.array([row.inside or 0 for row in rows], dtype=np.int32),
        held_left=np.zeros(len(rows), dtype=np.int32),
        held_right=np.zeros(len(rows), dtype=np.int32),
        fragment_start=np.array([row.ends[0] for row in rows], dtype=np.int64),
        fragment_end=np.array([row.ends[1] for row in rows], dtype=np.int64),
        both_ends=np.array([row.both_ends for row in rows], dtype=np.bool_),
        umi=tuple(row.umi for row in rows) if any(row.umi for row in rows) else (),
        first_base=np.array(first_base, dtype=np.int64),
        code=np.frombuffer(bytes(code), dtype=np.uint8),
        quality=np.frombuffer(bytes(quality), dtype=np.uint8),
        blocks=Blocks(*_columns(blocks)),
        deletions=Deletions(*_columns(deletions)),
        insertions=Insertions(*_columns(insertions)),
        md_bases={},
        excluded={},
        flagged_duplicates=sum(row.duplicate for row in rows),
        without_qualities=0,
    )


def _columns(rows: Sequence[tuple[int, ...]]) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, 4).T


def grouping_of(
    reads: Reads, molecule: Sequence[int] | None = None, strand: Sequence[int] | None = None
) -> Grouping:
    """Return a grouping: ``molecule`` of each read, by default its fragment."""
    of_read = reads.fragment if molecule is None else np.array(molecule, dtype=np.int64)
    count = int(of_read.max(initial=-1)) + 1
    strands = np.zeros(reads.count) if strand is None else np.array(strand)
    pairs = {(m, int(f)) for m, f in zip(of_read.tolist(), reads.fragment, strict=True) if m >= 0}
    sides = {(m, int(s)) for m, s in zip(of_read.tolist(), strands, strict=True)}
    return Grouping(
        count=count,
        molecule=of_read,
        copies=np.array([sum(m == at for m, _ in pairs) for at in range(count)], dtype=np.int32),
        repeats=np.zeros(count, dtype=np.int32),
        strand=strands.astype(np.uint8),
        duplex=np.array([sum(m == at for m, _ in sides) > 1 for at in range(count)], dtype=bool),
        report=NO_REPORT,
    )


def molecules_of(
    *rows: R, molecule: Sequence[int] | None = None, strand: Sequence[int] | None = None
) -> Molecules:
    """Return the molecules of the rows; their positions and the codon's exon are searched."""
    reads = reads_of(*rows)
    covered = {row.start + at for row in rows for at in range(len(row.bases))}
    positions = np.array(sorted(covered | AROUND_CODON), dtype=np.int64)
    return join_molecules(reads, grouping_of(reads, molecule, strand), positions)


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
    ends: Sequence[tuple[int, int]] | None = None,
) -> View:
    """Return a view of molecules that show ``codes``, on strands ``+``, ``-`` or both (``±``).

    Without ``ends`` each is a fragment of its own place.
    """
    n = len(codes)
    places = tuple(positions or range(CODON, CODON + len(reference)))
    beside = context_of(record_reference(), np.array(places, dtype=np.int64))
    starts = [CODON - 200 - at for at in range(n)]
    lows, highs = zip(*(ends or [(at, at + 400) for at in starts]), strict=True)
    strands = strands or ["±"] * n
    shown = np.array([[CODES[base] for base in code] for code in codes], dtype=np.uint8)
    return View(
        positions=places,
        reference=tuple(CODES[base] for base in reference),
        molecules=np.arange(n),
        codes=shown.reshape(n, len(reference)).T,
        context=tuple(beside.tolist()),
        quality=np.full((len(reference), n), quality, dtype=np.uint8),
        origin=np.array([[ORIGIN[strand] for strand in strands]] * len(reference), dtype=np.uint8),
        forward=np.array([strand in "+±" for strand in strands], dtype=np.bool_),
        reverse=np.array([strand in "-±" for strand in strands], dtype=np.bool_),
        read_quality=np.array(read_quality or [quality] * n, dtype=np.uint8),
        end_distance=np.array(end_distance or [50] * n, dtype=np.int32),
        mapping_quality=np.array(mapping_quality or [60] * n, dtype=np.uint8),
        fragment_start=np.array(lows, dtype=np.int64),
        fragment_end=np.array(highs, dtype=np.int64),
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
