"""The aligned bases of a window as flat arrays, so that no later room touches a read object."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from vexas_uba1.reference import BASES, encode

DELETED = 5
"""Base code of a reference position that a read's alignment deletes."""

_UNREPORTED_QUALITY = 20
"""Phred quality assumed where a record carries none; a warning says so."""
_MD_READS_PER_BASE = 3
"""Reads asked for the reference base of a position; they all saw the same reference."""
_MD_FORM = re.compile(r"\d+(?:(?:[A-Z]|\^[A-Z]+)\d+)*")  # SAM optional fields specification
_MD_PART = re.compile(r"(\d+)|\^([A-Z]+)|([A-Z])")
_MATCH, _INSERTION, _DELETION, _SKIP, _SOFT, _HARD, _PAD, _EQUAL, _DIFF = range(9)


@dataclass(frozen=True)
class Insertion:
    """Bases that a read puts in before reference position ``start``."""

    read: int
    start: int
    bases: str


@dataclass(frozen=True)
class Deletion:
    """Reference bases ``[start, end)`` that a read lacks."""

    read: int
    start: int
    end: int
    quality: int


@dataclass(frozen=True)
class Reads:
    """Primary alignments over a window; R reads, B aligned bases.

    Attributes:
        names: Fragment name of each read (R).
        library: Library index of each read (R).
        reverse: Whether the read is aligned to the reverse strand (R).
        mapping_quality: Phred (R).
        fragment_ends: Unclipped 5' end of the read and of its mate where known, for grouping
            copies (R pairs).
        umi: UMI of each read, empty where none (R).
        base_read: Index of the read of each aligned base (B).
        base_position: 0-based genomic position (B).
        base_code: 0 to 3 for A, C, G, T; 4 for N; 5 for a deleted reference base (B).
        base_quality: Phred (B).
        base_end_distance: Bases to the nearer end of the sequenced read, 0 for an end base (B).
        insertions: Every insertion of the alignments.
        deletions: Every deletion of the alignments.
        md_bases: Reference base by position, where the MD tags agree.
        excluded: Records left out, by reason.
        flagged_duplicates: Records with flag 0x400, whether left out or not.
        without_qualities: Records that carry no base qualities.
    """

    names: tuple[str, ...]
    library: NDArray[np.int32]
    reverse: NDArray[np.bool_]
    mapping_quality: NDArray[np.uint8]
    fragment_ends: tuple[tuple[int, int], ...]
    umi: tuple[str, ...]
    base_read: NDArray[np.int32]
    base_position: NDArray[np.int32]
    base_code: NDArray[np.uint8]
    base_quality: NDArray[np.uint8]
    base_end_distance: NDArray[np.int32]
    insertions: tuple[Insertion, ...]
    deletions: tuple[Deletion, ...]
    md_bases: dict[int, str]
    excluded: dict[str, int]
    flagged_duplicates: int
    without_qualities: int


class _Builder:
    """Collects reads one by one; the arrays are made once at the end."""

    def __init__(self, positions: NDArray[np.int64]) -> None:
        self.start, self.end = int(positions[0]), int(positions[-1]) + 1
        self.wanted = np.zeros(self.end - self.start, dtype=np.bool_)
        self.wanted[positions - self.start] = True
        self.names: list[str] = []
        self.library: list[int] = []
        self.reverse: list[bool] = []
        self.mapping_quality: list[int] = []
        self.fragment_ends: list[tuple[int, int]] = []
        self.umi: list[str] = []
        self.sequences: list[str] = []
        self.qualities: list[bytes] = []
        self.lengths: list[int] = []
        # One row a block: read, first base in the read, first position in the reference, length.
        self.blocks: list[tuple[int, int, int, int]] = []
        self.insertions: list[Insertion] = []
        self.deletions: list[Deletion] = []
        self.without_qualities = 0
        self._libraries: dict[str, int] = {}
        # Where no base is wanted there is nothing to ask for.
        self._md_votes = np.where(self.wanted, 0, _MD_READS_PER_BASE)
        self._md_bases: dict[int, set[str]] = {}

    def add(self, read: pysam.AlignedSegment, library: str, umi: str) -> None:
        sequence = read.query_sequence or ""
        qualities = read.query_qualities
        if qualities is None:
            self.without_qualities += 1
            packed = bytes([_UNREPORTED_QUALITY]) * len(sequence)
        else:
            packed = qualities.tobytes()
        index = len(self.names)
        self.names.append(read.query_name or "")
        self.library.append(self._libraries.setdefault(library, len(self._libraries)))
        self.reverse.append(read.is_reverse)
        self.mapping_quality.append(read.mapping_quality)
        self.fragment_ends.append(_fragment_ends(read))
        self.umi.append(umi)
        self.sequences.append(sequence)
        self.qualities.append(packed)
        self.lengths.append(len(sequence))
        self._add_blocks(index, read, sequence, packed)
        self._add_reference(read)

    def _add_blocks(
        self, index: int, read: pysam.AlignedSegment, sequence: str, qualities: bytes
    ) -> None:
        offset, position = 0, read.reference_start
        for operation, length in read.cigartuples or ():
            if operation in (_MATCH, _EQUAL, _DIFF):
                self.blocks.append((index, offset, position, length))
                offset += length
                position += length
            elif operation == _INSERTION:
                # Bases put in at an end of the alignment are unplaced, not an insertion.
                if (
                    offset > 0
                    and offset + length < len(sequence)
                    and position > read.reference_start
                    and self._sees_beside(position, position)
                ):
                    inserted = sequence[offset : offset + length].upper()
                    self.insertions.append(Insertion(index, position, inserted))
                offset += length
            elif operation == _DELETION:
                if self._sees_beside(position, position + length):
                    quality = min(qualities[max(0, offset - 1) : offset + 1], default=0)
                    gone = Deletion(index, position, position + length, quality)
                    self.deletions.append(gone)
                position += length
            elif operation == _SKIP:
                position += length
            elif operation == _SOFT:
                offset += length

    def _sees_beside(self, start: int, end: int) -> bool:
        """Return whether the bases to either side of a change lie where bases are read."""
        return self.start < start and end < self.end

    def _add_reference(self, read: pysam.AlignedSegment) -> None:
        first = max(read.reference_start, self.start) - self.start
        last = min(read.reference_end or 0, self.end) - self.start
        votes = self._md_votes[first:last]
        if votes.size == 0 or votes.min() >= _MD_READS_PER_BASE or not read.has_tag("MD"):
            return
        for position, base in _told_by_md(read):
            if self.start <= position < self.end and self.wanted[position - self.start]:
                self._md_votes[position - self.start] += 1
                self._md_bases.setdefault(position, set()).add(base)

    def build(self, excluded: Counter[str], flagged_duplicates: int) -> Reads:
        blocks = np.array(self.blocks, dtype=np.int64).reshape(-1, 4)
        read, offset, position, length = blocks.T
        starts = np.concatenate(([0], np.cumsum(self.lengths)))[:-1].astype(np.int64)
        # Step k of a block lies k bases on, in the read and in the reference.
        step = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        base_read = np.repeat(read, length)
        in_read = np.repeat(offset, length) + step
        base_position = np.repeat(position, length) + step
        source = np.repeat(starts[read] if read.size else read, length) + in_read
        inside = (base_position >= self.start) & (base_position < self.end)
        inside[inside] = self.wanted[base_position[inside] - self.start]
        base_read, in_read, base_position, source = (
            column[inside] for column in (base_read, in_read, base_position, source)
        )
        codes = encode("".join(self.sequences))[source]
        quality = np.frombuffer(b"".join(self.qualities), dtype=np.uint8)[source]
        read_length = np.array(self.lengths, dtype=np.int64)
        to_end = (read_length[base_read] if base_read.size else base_read) - 1 - in_read
        gone = [
            (gap.read, at, gap.quality)
            for gap in self.deletions
            for at in range(max(gap.start, self.start), min(gap.end, self.end))
            if self.wanted[at - self.start]
        ]
        gap_read, gap_position, gap_quality = np.array(gone, dtype=np.int64).reshape(-1, 3).T
        return Reads(
            names=tuple(self.names),
            library=np.array(self.library, dtype=np.int32),
            reverse=np.array(self.reverse, dtype=np.bool_),
            mapping_quality=np.array(self.mapping_quality, dtype=np.uint8),
            fragment_ends=tuple(self.fragment_ends),
            umi=tuple(self.umi),
            base_read=np.concatenate((base_read, gap_read)).astype(np.int32),
            base_position=np.concatenate((base_position, gap_position)).astype(np.int32),
            base_code=np.concatenate((codes, np.full(len(gone), DELETED))).astype(np.uint8),
            base_quality=np.concatenate((quality, gap_quality)).astype(np.uint8),
            # A deleted base lies inside the read by definition: never an end.
            base_end_distance=np.concatenate(
                (np.minimum(in_read, to_end), np.full(len(gone), 1 << 20))
            ).astype(np.int32),
            insertions=tuple(self.insertions),
            deletions=tuple(self.deletions),
            md_bases={
                at: min(bases)
                for at, bases in self._md_bases.items()
                if len(bases) == 1 and bases <= set(BASES[:4])
            },
            excluded=dict(sorted(excluded.items())),
            flagged_duplicates=flagged_duplicates,
            without_qualities=self.without_qualities,
        )


def read_window(
    bam: Path,
    contig: str,
    positions: NDArray[np.int64],
    *,
    umi_tags: tuple[str, ...],
    keep_duplicates: bool,
) -> Reads:
    """Read the primary alignments over ``positions`` of the project's own extracted BAM.

    Secondary, supplementary, unmapped and QC-failed records are left out and counted; flagged
    duplicates too, unless they are to be kept.

    Args:
        bam: The extracted, indexed BAM.
        contig: Contig name in that BAM.
        positions: 0-based, ascending, at least one; bases elsewhere are dropped.
        umi_tags: Tags that together name the molecule; empty without UMIs.
        keep_duplicates: With UMIs they are copies of a molecule, which the fragments room joins.
    """
    builder = _Builder(positions)
    excluded: Counter[str] = Counter()
    duplicates = 0
    with pysam.AlignmentFile(str(bam), "rb") as alignment:
        groups = {group["ID"]: group for group in alignment.header.to_dict().get("RG", [])}
        for read in alignment.fetch(contig, builder.start, builder.end):
            duplicates += read.is_duplicate
            reason = next(_reasons_to_exclude(read, keep_duplicates), None)
            if reason is not None:
                excluded[reason] += 1
                continue
            group = str(read.get_tag("RG")) if read.has_tag("RG") else ""
            library = groups.get(group, {}).get("LB", "")
            umi = "-".join(str(read.get_tag(tag)) for tag in umi_tags if read.has_tag(tag))
            builder.add(read, library, umi)
    return builder.build(excluded, duplicates)


def _reasons_to_exclude(read: pysam.AlignedSegment, keep_duplicates: bool) -> Iterator[str]:
    if read.is_unmapped:
        yield "unmapped"
    if read.is_secondary:
        yield "secondary"
    if read.is_supplementary:
        yield "supplementary"
    if read.is_qcfail:
        yield "qc_failed"
    if read.is_duplicate and not keep_duplicates:
        yield "duplicate"
    if not read.query_sequence:
        yield "without_bases"


def _fragment_ends(read: pysam.AlignedSegment) -> tuple[int, int]:
    """Return where the fragment begins and ends, clips counted, as far as this record tells."""
    cigar = read.cigartuples or []
    own_start = read.reference_start - _clipped(cigar)
    own_end = (read.reference_end or 0) + _clipped(reversed(cigar))
    if not read.is_paired or read.mate_is_unmapped:
        return (own_start, own_end)
    if read.is_reverse:
        return (min(own_start, read.next_reference_start), own_end)
    return (own_start, max(own_end, read.reference_start + abs(read.template_length)))


def _told_by_md(read: pysam.AlignedSegment) -> list[tuple[int, str]]:
    """Return 0-based position and reference base of each base that is aligned or deleted.

    Nothing is taken from a tag that does not fit its alignment; tools that clip reads leave such
    tags behind, and htslib's bindings read them beyond their end.
    """
    tag, sequence = str(read.get_tag("MD")).upper(), (read.query_sequence or "").upper()
    if _MD_FORM.fullmatch(tag) is None:
        return []
    # A column a reference base: which, empty if as in the read; and whether it is deleted.
    columns: list[tuple[str, bool]] = []
    for same, gone, other in _MD_PART.findall(tag):
        if same and int(same) > len(sequence):
            return []
        columns += [("", False)] * int(same or 0)
        columns += [(base, True) for base in gone] + [(base, False) for base in other]
    told: list[tuple[int, str]] = []
    offset, position = 0, read.reference_start
    for operation, length in read.cigartuples or ():
        if operation in (_MATCH, _EQUAL, _DIFF, _DELETION):
            is_gap = operation == _DELETION
            part = columns[len(told) : len(told) + length]
            if len(part) < length or any(gap is not is_gap for _, gap in part):
                return []
            for step, (base, _) in enumerate(part):
                told.append((position + step, base or sequence[offset + step]))
            position += length
            offset += 0 if is_gap else length
        elif operation == _SKIP:
            position += length
        elif operation in (_INSERTION, _SOFT):
            offset += length
    return told if len(told) == len(columns) else []


def _clipped(operations: Iterable[tuple[int, int]]) -> int:
    """Return how many bases are clipped before the first operation that is no clip."""
    clips = takewhile(lambda step: step[0] in (_SOFT, _HARD), operations)
    return sum(length for _, length in clips)
