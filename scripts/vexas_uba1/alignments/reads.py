"""The alignments of a window as flat arrays, so that no later room touches a read object."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pysam
from numpy.typing import NDArray

from vexas_uba1.alignments.md import MdVotes
from vexas_uba1.reference import UNKNOWN, encode

DELETED = 5
"""Base code of a reference position that a read's alignment deletes."""

_UNREPORTED_QUALITY = 20
"""Phred quality assumed where a record carries none; a warning says so."""
_PAIRED, _UNMAPPED, _MATE_UNMAPPED, _REVERSE, _READ2 = 0x1, 0x4, 0x8, 0x10, 0x80
_MATE = 0xC0
_SECONDARY, _QC_FAILED, _DUPLICATE, _SUPPLEMENTARY = 0x100, 0x200, 0x400, 0x800
_MATCH, _INSERTION, _DELETION, _SKIP, _SOFT, _HARD, _PAD, _EQUAL, _DIFF = range(9)
_ALIGNED = frozenset({_MATCH, _EQUAL, _DIFF})
_COLUMNS = (
    "fragment",
    "library",
    "flag",
    "mapping_quality",
    "start",
    "end",
    "mate_start",
    "template_length",
    "left_clip",
    "right_clip",
    "left_hard",
    "right_hard",
)
_CODES = bytes(encode(bytes(range(128)).decode("ascii")).tolist() + [UNKNOWN] * 128)
"""Base code of each character, as a table for ``bytes.translate``."""


@dataclass(frozen=True)
class Blocks:
    """Stretches of reads that lie base by base on the reference; B blocks.

    Attributes:
        read: Index of the read (B).
        base: Index of the first base among all stored bases (B).
        position: 0-based reference position of that base (B).
        length: Bases (B).
    """

    read: NDArray[np.int64]
    base: NDArray[np.int64]
    position: NDArray[np.int64]
    length: NDArray[np.int64]


@dataclass(frozen=True)
class Deletions:
    """Reference bases ``[start, end)`` that reads lack; D of them.

    ``base`` is the index of the first stored base behind the gap.
    """

    read: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    base: NDArray[np.int64]


@dataclass(frozen=True)
class Insertions:
    """Bases that reads put in before reference position ``position``; I of them.

    ``base`` is the index of the first of ``length`` stored bases.
    """

    read: NDArray[np.int64]
    position: NDArray[np.int64]
    base: NDArray[np.int64]
    length: NDArray[np.int64]


@dataclass(frozen=True)
class Reads:
    """Alignments over a window; R reads of F fragments, S stored bases.

    A fragment is what carries one name within one library. Its reads are its mates and their
    supplementary parts.

    Attributes:
        fragments: F.
        fragment: Fragment of each read (R).
        library: Library index (R).
        number: 1 or 2 for a mate, 0 for an unpaired read (R).
        reverse: Whether the read is aligned to the reverse strand (R).
        supplementary: Whether it is a further part of a read whose primary record lies elsewhere
            (R).
        duplicate: Whether flag 0x400 is set (R).
        mapping_quality: Phred (R).
        start: 0-based first aligned reference position (R).
        end: Exclusive (R).
        left_clip: Stored bases before the first aligned one, soft-clipped (R).
        right_clip: Stored bases after the last aligned one (R).
        fragment_start: Where the fragment begins as far as this record tells, clips counted (R).
        fragment_end: Exclusive end, likewise (R).
        both_ends: Whether both of these are ends of the fragment; of an unpaired read or one whose
            mate is not placed here, only its own 5' end is (R).
        umi: Values of the UMI's tags of each read, tabs between them, empty where one is missing;
            an empty tuple without UMIs (R).
        first_base: The stored bases of read i are ``first_base[i]`` to ``first_base[i + 1]``
            (R + 1).
        code: 0 to 3 for A, C, G, T; 4 for anything else, on the forward strand (S).
        quality: Phred (S).
        blocks: What is aligned, by read, then by position.
        deletions: Every deletion of the alignments, likewise.
        insertions: Every insertion with aligned bases to either side, likewise.
        md_bases: Reference base by position, where the MD tags agree.
        excluded: Records left out, by reason.
        flagged_duplicates: Records with flag 0x400, whether left out or not.
        without_qualities: Records that carry no base qualities.
    """

    fragments: int
    fragment: NDArray[np.int64]
    library: NDArray[np.int32]
    number: NDArray[np.uint8]
    reverse: NDArray[np.bool_]
    supplementary: NDArray[np.bool_]
    duplicate: NDArray[np.bool_]
    mapping_quality: NDArray[np.uint8]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    left_clip: NDArray[np.int32]
    right_clip: NDArray[np.int32]
    fragment_start: NDArray[np.int64]
    fragment_end: NDArray[np.int64]
    both_ends: NDArray[np.bool_]
    umi: tuple[str, ...]
    first_base: NDArray[np.int64]
    code: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    blocks: Blocks
    deletions: Deletions
    insertions: Insertions
    md_bases: Mapping[int, str]
    excluded: Mapping[str, int]
    flagged_duplicates: int
    without_qualities: int

    @property
    def count(self) -> int:
        """Number of reads, R."""
        return int(self.fragment.size)


class _Builder:
    """Collects reads one by one in compact arrays."""

    def __init__(self, umi_tags: tuple[str, ...]) -> None:
        self._umi_tags = umi_tags
        self._fragment_of: dict[object, int] = {}
        self._seen = bytearray()  # by fragment, a bit for each mate
        # One row after the other; _COLUMNS says which values make it.
        self.rows = array("q")
        self.umi: list[str] = []
        self.first_base = array("q", [0])
        self.codes, self.qualities = bytearray(), bytearray()
        self.blocks = array("q")  # read, base, position, length
        self.deletions = array("q")  # read, start, end, base
        self.insertions = array("q")  # read, position, base, length
        self.without_qualities = 0

    def add(self, read: pysam.AlignedSegment, library: int) -> bool:
        """Add one record; return False, and add nothing, if its mate number was there already."""
        flag, name = read.flag, read.query_name or "*"
        # Without a name nothing says which records belong together.
        key = _key(library, name) if name != "*" else len(self._seen)
        fragment = self._fragment_of.setdefault(key, len(self._seen))
        if fragment == len(self._seen):
            self._seen.append(0)
        if flag & _PAIRED and not flag & _SUPPLEMENTARY:
            mate = 2 if flag & _READ2 else 1
            if self._seen[fragment] & mate:
                return False
            self._seen[fragment] |= mate
        sequence = read.query_sequence or ""
        qualities = read.query_qualities
        if qualities is None:
            self.without_qualities += 1
            self.qualities += bytes([_UNREPORTED_QUALITY]) * len(sequence)
        else:
            self.qualities += qualities.tobytes()
        first = len(self.codes)
        self.codes += sequence.encode("ascii").translate(_CODES)
        self.first_base.append(len(self.codes))
        start, end = read.reference_start, read.reference_end or 0
        clips = self._add_alignment(read.cigartuples or (), first, start)
        mate_is_here = (
            flag & _PAIRED
            and not flag & _MATE_UNMAPPED
            and read.next_reference_id == read.reference_id
        )
        mate_start = read.next_reference_start if mate_is_here else -1
        numbers = (fragment, library, flag, read.mapping_quality, start, end)
        self.rows.extend((*numbers, mate_start, abs(read.template_length), *clips))
        if self._umi_tags:
            tags = [str(read.get_tag(t)) if read.has_tag(t) else "" for t in self._umi_tags]
            # The tags name a molecule together; "-" is how some programs write none.
            self.umi.append("" if {"", "-"} & set(tags) else "\t".join(tags))
        return True

    def _add_alignment(
        self, cigar: Sequence[tuple[int, int]], base: int, position: int
    ) -> tuple[int, int, int, int]:
        """Note what a record aligns; return its left and right clips, soft ones, then hard ones."""
        index = len(self.first_base) - 2
        if len(cigar) == 1 and cigar[0][0] == _MATCH:
            self.blocks.extend((index, base, position, cigar[0][1]))
            return (0, 0, 0, 0)
        last, aligned = len(self.codes), False
        clips = {_SOFT: [0, 0], _HARD: [0, 0]}
        for operation, length in cigar:
            if operation in _ALIGNED:
                self.blocks.extend((index, base, position, length))
                base += length
                position += length
                aligned = True
            elif operation == _INSERTION:
                # Bases put in at an end of the alignment are unplaced, not an insertion.
                if aligned and base + length < last:
                    self.insertions.extend((index, position, base, length))
                base += length
            elif operation == _DELETION:
                self.deletions.extend((index, position, position + length, base))
                position += length
            elif operation == _SKIP:
                position += length
            elif operation in clips:
                clips[operation][aligned] += length
                base += length if operation == _SOFT else 0
        (left, right), (left_hard, right_hard) = clips[_SOFT], clips[_HARD]
        return left, right, left_hard, right_hard

    def add_parts(self, parts: Sequence[tuple[pysam.AlignedSegment, int]]) -> int:
        """Add supplementary records with their libraries; return how many were left out.

        One counts beside its primary record, not without it, and not where that or another part
        lies already.
        """
        keys = [self._fragment_of.get(_key(lib, read.query_name or ""), -1) for read, lib in parts]
        rows = self._columns()
        taken: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for at in np.flatnonzero(np.isin(rows["fragment"], keys)):
            fragment, flag, start, end = (
                int(rows[name][at]) for name in ("fragment", "flag", "start", "end")
            )
            taken[fragment, flag & _MATE] = [(start, end)]
        # The rows cannot grow while they are looked at.
        del rows
        left_out = 0
        for key, (read, library) in zip(keys, parts, strict=True):
            places = taken.get((key, read.flag & _MATE), [])
            start, end = read.reference_start, read.reference_end or 0
            if places and all(end <= first or last <= start for first, last in places):
                self.add(read, library)
                places.append((start, end))
            else:
                left_out += 1
        return left_out

    def _columns(self) -> dict[str, NDArray[np.int64]]:
        columns = _numpy(self.rows).reshape(-1, len(_COLUMNS)).T
        return dict(zip(_COLUMNS, columns, strict=True))

    def build(
        self, md_bases: Mapping[int, str], excluded: Counter[str], flagged_duplicates: int
    ) -> Reads:
        rows = self._columns()
        flag, start, end, mate_start = (rows[k] for k in ("flag", "start", "end", "mate_start"))
        own_start = start - rows["left_clip"] - rows["left_hard"]
        own_end = end + rows["right_clip"] + rows["right_hard"]
        reverse = (flag & _REVERSE) > 0
        mate = mate_start >= 0
        paired = (flag & _PAIRED) > 0
        return Reads(
            fragments=len(self._seen),
            fragment=rows["fragment"].copy(),
            library=rows["library"].astype(np.int32),
            number=np.where(paired, np.where(flag & _READ2, 2, 1), 0).astype(np.uint8),
            reverse=reverse,
            supplementary=(flag & _SUPPLEMENTARY) > 0,
            duplicate=(flag & _DUPLICATE) > 0,
            mapping_quality=rows["mapping_quality"].astype(np.uint8),
            start=start.copy(),
            end=end.copy(),
            left_clip=rows["left_clip"].astype(np.int32),
            right_clip=rows["right_clip"].astype(np.int32),
            # A mate's own clips are not told here.
            fragment_start=np.where(mate & reverse, np.minimum(own_start, mate_start), own_start),
            fragment_end=np.where(
                mate & ~reverse, np.maximum(own_end, start + rows["template_length"]), own_end
            ),
            both_ends=mate,
            umi=tuple(self.umi),
            first_base=_numpy(self.first_base),
            code=np.frombuffer(self.codes, dtype=np.uint8),
            quality=np.frombuffer(self.qualities, dtype=np.uint8),
            blocks=Blocks(*_columns(self.blocks)),
            deletions=Deletions(*_columns(self.deletions)),
            insertions=Insertions(*_columns(self.insertions)),
            md_bases=md_bases,
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
    """Read the alignments over ``positions`` of the project's own extracted BAM.

    Secondary, unmapped and QC-failed records are left out and counted; flagged duplicates too,
    unless they are to be kept. A supplementary record is a further part of its read, unless it lies
    where its primary record already does: then it is the same bases once more.

    Args:
        bam: The extracted, indexed BAM.
        contig: Contig name in that BAM.
        positions: 0-based, ascending, at least one; MD tags are asked for these only.
        umi_tags: Tags that together name the molecule; empty without UMIs.
        keep_duplicates: With UMIs they are copies of a molecule, which the fragments room joins.
    """
    builder = _Builder(umi_tags)
    votes = MdVotes(positions)
    excluded: Counter[str] = Counter()
    duplicates = 0
    parts: list[tuple[pysam.AlignedSegment, int]] = []

    with pysam.AlignmentFile(str(bam), "rb") as alignment:
        library_of = _library_reader(alignment.header)
        for read in alignment.fetch(contig, int(positions[0]), int(positions[-1]) + 1):
            duplicates += (read.flag & _DUPLICATE) > 0
            reason = _reason_to_exclude(read, keep_duplicates)
            if reason is not None:
                excluded[reason] += 1
            elif read.flag & _SUPPLEMENTARY:
                parts.append((read, library_of(read)))
            elif builder.add(read, library_of(read)):
                votes.add(read)
            else:
                excluded["repeated"] += 1
    # Records of one place may come in any order.
    parts.sort(key=lambda part: (part[0].reference_start, part[0].flag, part[0].cigarstring or ""))
    if left_out := builder.add_parts(parts):
        excluded["supplementary"] = left_out
    return builder.build(votes.bases(), excluded, duplicates)


def _reason_to_exclude(read: pysam.AlignedSegment, keep_duplicates: bool) -> str | None:
    flag = read.flag
    if flag & _UNMAPPED:
        return "unmapped"
    if flag & _SECONDARY:
        return "secondary"
    if flag & _QC_FAILED:
        return "qc_failed"
    if flag & _DUPLICATE and not keep_duplicates:
        return "duplicate"
    return None if read.query_length else "without_bases"


def _library_reader(header: pysam.AlignmentHeader) -> Callable[[pysam.AlignedSegment], int]:
    """Return what tells a record's library: an index that means no more than itself."""
    groups = header.to_dict().get("RG", [])
    indices: dict[str, int] = {}
    index_of = {
        group["ID"]: indices.setdefault(group.get("LB", ""), len(indices)) for group in groups
    }
    if len(indices) < 2:
        return lambda read: 0
    # A record of no read group belongs to no known library.
    unknown = len(indices)
    return lambda read: index_of.get(read.get_tag("RG"), unknown) if read.has_tag("RG") else unknown


def _key(library: int, name: str) -> object:
    """Return what the records of one fragment share."""
    return (library, name) if library else name


def _numpy(values: array[int]) -> NDArray[Any]:
    """Return the array's memory, seen by numpy."""
    return (
        np.frombuffer(values, dtype=values.typecode)
        if values
        else np.array([], dtype=values.typecode)
    )


def _columns(values: array[int]) -> Iterator[NDArray[np.int64]]:
    """Return the columns of rows of four."""
    return iter(np.ascontiguousarray(_numpy(values).reshape(-1, 4).T))
