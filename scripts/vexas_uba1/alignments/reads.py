"""The alignments of a window as flat arrays, so that no later room touches a read object."""

from __future__ import annotations

import gc
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress, islice
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

from vexas_uba1.alignments.md import MdVotes
from vexas_uba1.reference import UNKNOWN, encode

DELETED = 5
"""Base code of a reference position that a read's alignment deletes."""

_UNREPORTED_QUALITY = 20
"""Phred quality assumed where a record carries none; a warning says so."""
_BATCH = 512
"""Records held at a time; with more of them, a processor's cache is left for memory."""
_SHORTEST_INTRON = 51  # bases; a shorter gap may be a deletion
_PAIRED, _UNMAPPED, _MATE_UNMAPPED, _REVERSE, _READ2 = 0x1, 0x4, 0x8, 0x10, 0x80
_MATE = 0xC0
_SECONDARY, _QC_FAILED, _DUPLICATE, _SUPPLEMENTARY = 0x100, 0x200, 0x400, 0x800
_TO_SORT_OUT = _UNMAPPED | _SECONDARY | _QC_FAILED | _DUPLICATE | _SUPPLEMENTARY
_MATCH, _INSERTION, _DELETION, _SKIP, _SOFT, _HARD, _PAD, _EQUAL, _DIFF = range(9)
_ALIGNED = frozenset({_MATCH, _EQUAL, _DIFF})
_LANELESS = 2  # parts of a name's key that leave its read group open
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

    A fragment is what carries one name within one library, and within one read group where several
    have the name. Its reads are its mates and their supplementary parts, but for those that were
    joined to their read.

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
        held_left: How many of the left clip's outer bases other parts of the read hold (R).
        held_right: The same of the right clip (R).
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
    held_left: NDArray[np.int32]
    held_right: NDArray[np.int32]
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


class _Source(NamedTuple):
    """Where a record comes from: library and read group, by number."""

    library: int
    lane: int


@dataclass(frozen=True)
class _Span:
    """What a record aligns: bases of the whole read, hard clips counted, and 0-based positions.

    Bases are numbered along the forward strand.
    """

    first: int
    last: int  # exclusive
    start: int
    end: int  # exclusive


@dataclass
class _Part:
    """One read as far as the records that were joined in it tell.

    Attributes:
        row: Index of the read.
        reverse: Whether it is aligned to the reverse strand.
        bases: Of the whole read, hard clips counted.
        stored: First and exclusive last of them that the record holds.
        spans: Ascending.
    """

    row: int
    reverse: bool
    bases: int
    stored: tuple[int, int]
    spans: list[_Span]

    def clips(self) -> tuple[int, int]:
        """Return the stored bases before the first and after the last span."""
        return self.spans[0].first - self.stored[0], self.stored[1] - self.spans[-1].last

    def held_by(self, other: _Part) -> tuple[int, int]:
        """Return how many bases of the left and of the right clip the other part may hold."""
        left, right = self.clips()
        if self.bases != other.bases:
            # Not known which bases these are.
            return left, right
        first, last = other.spans[0].first, other.spans[-1].last
        if self.reverse != other.reverse:
            first, last = self.bases - last, self.bases - first
        held_left = last - self.stored[0] if first < self.spans[0].first else 0
        held_right = self.stored[1] - first if last > self.spans[-1].last else 0
        return min(max(held_left, 0), left), min(max(held_right, 0), right)


class _Builder:
    """Collects reads in compact arrays, some hundred at a time: so a step costs a fraction."""

    def __init__(self, umi_tags: tuple[str, ...], *, has_lanes: bool) -> None:
        self._umi_tags = umi_tags
        self._has_lanes = has_lanes  # whether there are several read groups
        self._fragment_of: dict[object, int] = {}
        self._lane_of: dict[object, int] = {}  # where a name was first seen
        self._shape = array("q")  # by fragment's number, of its first record
        self._seen = bytearray()  # by fragment's number, a bit for each mate
        # One row after the other; _COLUMNS says which values make it.
        self.rows = array("q")
        self.umi: list[str] = []
        self.first_base = array("q", [0])
        self.codes, self.qualities = bytearray(), bytearray()
        self.blocks = array("q")  # read, base, position, length
        self.deletions = array("q")  # read, start, end, base
        self.insertions = array("q")  # read, position, base, length
        self.without_qualities = 0
        self._joined: dict[int, _Part] = {}
        self._held: dict[int, tuple[int, int]] = {}

    def add(
        self, reads: Sequence[pysam.AlignedSegment], sources: Sequence[_Source]
    ) -> tuple[Sequence[pysam.AlignedSegment], NDArray[np.int64], NDArray[np.int64]]:
        """Add n records that have bases, but for those whose mate number was there already.

        Args:
            reads: The records.
            sources: Where each comes from (n).

        Returns:
            The records that were added, their starts and their exclusive ends.
        """
        flag = _values(reads, "flag")
        fragment = self._fragments(reads, sources, flag)
        is_new = fragment >= 0
        if not is_new.all():
            reads, sources = list(compress(reads, is_new)), list(compress(sources, is_new))
            fragment, flag = fragment[is_new], flag[is_new]
        start = _values(reads, "reference_start")
        first = self._add_bases(reads)
        index = len(self.first_base) - 1 - len(reads) + np.arange(len(reads))
        cigars: list[Sequence[tuple[int, int]]] = [read.cigartuples or () for read in reads]
        # Nearly all lie base by base on the reference from end to end.
        matched = np.array(
            [c[0][1] if len(c) == 1 and c[0][0] == _MATCH else 0 for c in cigars], dtype=np.int64
        )
        plain = matched > 0
        blocks = np.column_stack((index, first, start, matched))
        self.blocks.frombytes(blocks[plain].tobytes())
        end = start + matched
        clips = np.zeros((len(reads), 4), dtype=np.int64)
        for row in np.flatnonzero(~plain).tolist():
            end[row] = reads[row].reference_end or 0
            clips[row] = self._add_alignment(
                int(index[row]), cigars[row], int(first[row]), int(start[row])
            )
        mate_is_here = (
            ((flag & (_PAIRED | _MATE_UNMAPPED)) == _PAIRED)
            & (_values(reads, "next_reference_id") == _values(reads, "reference_id"))
        )  # fmt: skip
        columns = (
            fragment,
            np.array([source.library for source in sources], dtype=np.int64),
            flag,
            _values(reads, "mapping_quality"),
            start,
            end,
            np.where(mate_is_here, _values(reads, "next_reference_start"), -1),
            np.abs(_values(reads, "template_length")),
            clips,
        )
        self.rows.frombytes(np.column_stack(columns).tobytes())
        if self._umi_tags:
            self._add_umis(reads)
        return reads, start, end

    def _fragments(
        self,
        reads: Sequence[pysam.AlignedSegment],
        sources: Sequence[_Source],
        flag: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Return the fragment of each record, -1 if it is there already.

        That is a mate's number that its fragment has, or the same unpaired read once more. A
        fragment is numbered by the first record of its name, so numbers are left out.
        """
        keys: list[object] = [read.query_name for read in reads]
        # Without a name nothing says which records belong together.
        if "*" in keys:
            keys = [object() if name == "*" else name for name in keys]
        if self._has_lanes:
            keys = list(map(self._key, sources, keys))
        own = len(self._seen) + np.arange(len(keys))
        fragment = np.fromiter(
            map(self._fragment_of.setdefault, keys, own.tolist()), dtype=np.int64, count=len(keys)
        )
        self._seen += bytes(len(keys))
        is_single = (flag & (_PAIRED | _SUPPLEMENTARY)) == 0
        # Pairs of one read group need no more than their names.
        asked = is_single | self._has_lanes
        self._shape.frombytes(bytes(own.nbytes))
        for row in np.flatnonzero(asked).tolist():
            self._shape[int(own[row])] = _shape(reads[row])
        is_mate = (flag & (_PAIRED | _SUPPLEMENTARY)) == _PAIRED
        mate = np.where(is_mate, np.where(flag & _READ2, 2, 1), 0)
        seen, shape = np.frombuffer(self._seen, dtype=np.uint8), _numpy(self._shape)
        new = np.zeros(fragment.size, dtype=np.bool_)
        new[np.unique(fragment << 2 | mate, return_index=True)[1]] = True
        repeated = is_mate & (~new | ((seen[fragment] & mate) > 0))
        repeated |= is_single & (fragment != own) & (shape[own] == shape[fragment])
        for row, key in enumerate(keys if self._has_lanes else ()):
            if isinstance(key, tuple) and len(key) > _LANELESS:
                # Another read group has the name: the same read, if its first record is the same.
                other = self._fragment_of[key[:_LANELESS]]
                repeated[row] |= shape[fragment[row]] == shape[other]
        np.bitwise_or.at(seen, fragment, mate.astype(np.uint8))
        return np.where(repeated, -1, fragment)

    def _key(self, source: _Source, name: object) -> object:
        """Return what the records of one fragment share; its lane if another one has the name."""
        key = source.library, name
        first = self._lane_of.setdefault(key, source.lane)
        return key if first == source.lane else (*key, source.lane)

    def _add_bases(self, reads: Sequence[pysam.AlignedSegment]) -> NDArray[np.int64]:
        """Store the records' bases and qualities; return the index of each record's first base."""
        length = _values(reads, "query_length")
        reported = [read.query_qualities for read in reads]
        self.without_qualities += reported.count(None)
        assumed = array("B", [_UNREPORTED_QUALITY])
        qualities = [
            assumed * bases if own is None else own
            for own, bases in zip(reported, length.tolist(), strict=True)
        ]
        bases = "".join([read.query_sequence or "" for read in reads])
        ends = len(self.codes) + np.cumsum(length)
        self.codes += bases.encode("ascii").translate(_CODES)
        self.qualities += b"".join(qualities)
        self.first_base.frombytes(ends.tobytes())
        return ends - length

    def _add_umis(self, reads: Sequence[pysam.AlignedSegment]) -> None:
        columns = [
            [str(read.get_tag(tag)) if read.has_tag(tag) else "" for read in reads]
            for tag in self._umi_tags
        ]
        # The tags name a molecule together; "-" is how some programs write none.
        self.umi += [
            "" if "" in tags or "-" in tags else "\t".join(tags)
            for tags in zip(*columns, strict=True)
        ]

    def _add_alignment(
        self, index: int, cigar: Sequence[tuple[int, int]], base: int, position: int
    ) -> tuple[int, int, int, int]:
        """Note what a record aligns; return its left and right clips, soft ones, then hard ones."""
        last, aligned = self.first_base[index + 1], False
        clips = {_SOFT: [0, 0], _HARD: [0, 0]}
        # Bases left out at an end of what is aligned, or beside an intron, are no deletion: nothing
        # says that the molecule has what would follow.
        gaps: list[tuple[int, int, int, int]] = []
        beside = False
        for operation, length in cigar:
            if operation in _ALIGNED:
                for gap in gaps:
                    self.deletions.extend(gap)
                gaps.clear()
                self.blocks.extend((index, base, position, length))
                base += length
                position += length
                aligned = beside = True
            elif operation == _INSERTION:
                # Bases put in at an end of the alignment are unplaced, not an insertion.
                if aligned and base + length < last:
                    self.insertions.extend((index, position, base, length))
                base += length
            elif operation == _DELETION:
                if beside:
                    gaps.append((index, position, position + length, base))
                position += length
            elif operation == _SKIP:
                gaps.clear()
                beside = False
                position += length
            elif operation in clips:
                clips[operation][aligned] += length
                base += length if operation == _SOFT else 0
        (left, right), (left_hard, right_hard) = clips[_SOFT], clips[_HARD]
        return left, right, left_hard, right_hard

    def add_parts(
        self, parts: Sequence[tuple[pysam.AlignedSegment, _Source]], *, join: bool
    ) -> int:
        """Add supplementary records with their sources; return how many were left out.

        One counts beside its primary record, not without it, and not where that or another part
        lies already.

        Args:
            parts: The records, each with its source.
            join: Whether parts that lie behind each other, an intron apart, are one read.
        """
        keys = [
            self._fragment_of.get(self._key(source, name) if self._has_lanes else name, -1)
            for source, name in ((source, read.query_name) for read, source in parts)
        ]
        known = self._parts_of(keys)
        left_out = 0
        for key, (read, source) in zip(keys, parts, strict=True):
            mine = known.get((key, read.flag & _MATE), [])
            start, end = read.reference_start, read.reference_end or 0
            if not mine or any(
                end > span.start and start < span.end for part in mine for span in part.spans
            ):
                left_out += 1
            elif not (join and self._join(mine[0], read)):
                self.add([read], [source])
                mine.append(self._part(len(self.first_base) - 2, self._columns()))
        for mine in known.values():
            for part in mine if len(mine) > 1 else ():
                held = [part.held_by(other) for other in mine if other is not part]
                self._held[part.row] = (max(one[0] for one in held), max(one[1] for one in held))
        return left_out

    def _parts_of(self, fragments: Sequence[int]) -> dict[tuple[int, int], list[_Part]]:
        """Return the reads of some fragments, each in a list, by fragment and mate."""
        columns = self._columns()
        found: dict[tuple[int, int], list[_Part]] = {}
        for row in np.flatnonzero(np.isin(columns["fragment"], fragments)).tolist():
            key = int(columns["fragment"][row]), int(columns["flag"][row]) & _MATE
            found[key] = [self._part(row, columns)]
        return found

    def _part(self, row: int, columns: Mapping[str, NDArray[np.int64]]) -> _Part:
        flag, start, end, left, right, left_hard, right_hard = (
            int(columns[name][row])
            for name in (
                "flag", "start", "end", "left_clip", "right_clip", "left_hard", "right_hard",
            )
        )  # fmt: skip
        stop = left_hard + self.first_base[row + 1] - self.first_base[row]
        span = _Span(left_hard + left, stop - right, start, end)
        return _Part(row, bool(flag & _REVERSE), stop + right_hard, (left_hard, stop), [span])

    def _join(self, part: _Part, read: pysam.AlignedSegment) -> bool:
        """Join a record to the read that it is a part of; return False where that cannot be.

        Bases that both align stay where the read had them.
        """
        cigar: Sequence[tuple[int, int]] = read.cigartuples or ()
        hard = cigar[0][1] if cigar[0][0] == _HARD else 0
        codes = (read.query_sequence or "").encode("ascii").translate(_CODES)
        tail = cigar[-1][1] if cigar[-1][0] == _HARD else 0
        first = self.first_base[part.row] - part.stored[0]
        if (
            read.is_reverse != part.reverse
            or hard + len(codes) + tail != part.bases
            or not part.stored[0] <= hard <= hard + len(codes) <= part.stored[1]
            or self.codes[first + hard : first + hard + len(codes)] != codes
        ):
            return False
        at = sum(span.start < read.reference_start for span in part.spans)
        before = part.spans[at - 1] if at else None
        behind = part.spans[at] if at < len(part.spans) else None
        low = before.last if before else 0
        high = behind.first if behind else part.bases
        kept, start, span = _within(cigar, read.reference_start, low, high)
        if (
            span is None
            or (before and span.start - before.end < _SHORTEST_INTRON)
            or (behind and behind.start - span.end < _SHORTEST_INTRON)
        ):
            return False
        self._add_alignment(part.row, kept, first, start)
        part.spans.insert(at, span)
        self._joined[part.row] = part
        return True

    def _columns(self) -> dict[str, NDArray[np.int64]]:
        columns = _numpy(self.rows).reshape(-1, len(_COLUMNS)).T
        return dict(zip(_COLUMNS, columns, strict=True))

    def build(
        self, md_bases: Mapping[int, str], excluded: Counter[str], flagged_duplicates: int
    ) -> Reads:
        # Names of a million fragments are large, and this is where the most memory is needed.
        self._fragment_of.clear()
        self._lane_of.clear()
        rows = self._columns()
        flag, start, end, mate_start = (rows[k] for k in ("flag", "start", "end", "mate_start"))
        own_start = start - rows["left_clip"] - rows["left_hard"]
        own_end = end + rows["right_clip"] + rows["right_hard"]
        reverse = (flag & _REVERSE) > 0
        mate = mate_start >= 0
        paired = (flag & _PAIRED) > 0
        left_clip, right_clip = rows["left_clip"].copy(), rows["right_clip"].copy()
        start, end = start.copy(), end.copy()
        fragment_start = np.where(mate & reverse, np.minimum(own_start, mate_start), own_start)
        # A mate's own clips are not told here.
        fragment_end = np.where(
            mate & ~reverse, np.maximum(own_end, start + rows["template_length"]), own_end
        )
        # The ends of fragments are those of the primary records, as marking programs take them.
        for row, part in self._joined.items():
            start[row], end[row] = part.spans[0].start, part.spans[-1].end
            left_clip[row], right_clip[row] = part.clips()
        has_reads = np.zeros(len(self._seen), dtype=np.bool_)
        has_reads[rows["fragment"]] = True
        held = np.zeros((2, flag.size), dtype=np.int32)
        for row, both in self._held.items():
            held[:, row] = both
        return Reads(
            fragments=int(np.count_nonzero(has_reads)),
            fragment=(np.cumsum(has_reads) - 1)[rows["fragment"]],
            library=rows["library"].astype(np.int32),
            number=np.where(paired, np.where(flag & _READ2, 2, 1), 0).astype(np.uint8),
            reverse=reverse,
            supplementary=(flag & _SUPPLEMENTARY) > 0,
            duplicate=(flag & _DUPLICATE) > 0,
            mapping_quality=rows["mapping_quality"].astype(np.uint8),
            start=start,
            end=end,
            left_clip=left_clip.astype(np.int32),
            right_clip=right_clip.astype(np.int32),
            held_left=held[0],
            held_right=held[1],
            fragment_start=fragment_start,
            fragment_end=fragment_end,
            both_ends=mate,
            umi=tuple(self.umi),
            first_base=_numpy(self.first_base),
            code=np.frombuffer(self.codes, dtype=np.uint8),
            quality=np.frombuffer(self.qualities, dtype=np.uint8),
            blocks=Blocks(*_columns(self.blocks, 1)),
            deletions=Deletions(*_columns(self.deletions, 3)),
            insertions=Insertions(*_columns(self.insertions, 2)),
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
    join_parts: bool = False,
) -> Reads:
    """Read the alignments over ``positions`` of the project's own extracted BAM.

    Secondary, unmapped and QC-failed records are left out and counted; flagged duplicates too,
    unless they are to be kept. A supplementary record is a further part of its read, unless it lies
    where its primary record already does: then it is the same bases once more. Parts of a spliced
    read, as aligners write them that know no introns, are joined, so that what lies between them is
    compared as it is in a read that was aligned across the intron.

    Args:
        bam: The extracted, indexed BAM.
        contig: Contig name in that BAM.
        positions: 0-based, ascending, at least one; MD tags are asked for these only.
        umi_tags: Tags that together name the molecule; empty without UMIs.
        keep_duplicates: With UMIs they are copies of a molecule, which the fragments room joins.
        join_parts: Whether parts of one read that lie behind each other, at least
            ``_SHORTEST_INTRON`` bases apart, are one spliced read.
    """
    votes = MdVotes(positions)
    excluded: Counter[str] = Counter()
    duplicates = 0
    parts: list[tuple[pysam.AlignedSegment, _Source]] = []

    with _without_collection(), pysam.AlignmentFile(str(bam), "rb") as alignment:
        groups = alignment.header.to_dict().get("RG", [])
        source_of = _source_reader(groups)
        builder = _Builder(umi_tags, has_lanes=len(groups) > 1)
        records = alignment.fetch(contig, int(positions[0]), int(positions[-1]) + 1)
        while batch := list(islice(records, _BATCH)):
            flag = _values(batch, "flag")
            duplicates += int(np.count_nonzero(flag & _DUPLICATE))
            plain = ((flag & _TO_SORT_OUT) == 0) & (_values(batch, "query_length") > 0)
            chosen = batch if plain.all() else []
            for read, is_plain in () if chosen else zip(batch, plain.tolist(), strict=True):
                reason = None if is_plain else _reason_to_exclude(read, keep_duplicates)
                if reason is not None:
                    excluded[reason] += 1
                elif not is_plain and read.flag & _SUPPLEMENTARY:
                    parts.append((read, source_of(read)))
                else:
                    chosen.append(read)
            added, start, end = builder.add(chosen, [source_of(read) for read in chosen])
            votes.add(added, start, end)
            if repeated := len(chosen) - len(added):
                excluded["repeated"] += repeated
    # Records of one place may come in any order.
    parts.sort(key=lambda part: (part[0].reference_start, part[0].flag, part[0].cigarstring or ""))
    if left_out := builder.add_parts(parts, join=join_parts):
        excluded["supplementary"] = left_out
    return builder.build(votes.bases(), excluded, duplicates)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Suspend the search for cycles: there are none, and a million names take long to look at."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


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


def _source_reader(
    groups: Sequence[Mapping[str, str]],
) -> Callable[[pysam.AlignedSegment], _Source]:
    """Return what tells a record's source: numbers that mean no more than themselves."""
    libraries: dict[str, int] = {}
    source_of = {
        group["ID"]: _Source(libraries.setdefault(group.get("LB", ""), len(libraries)), lane)
        for lane, group in enumerate(groups)
    }
    only = _Source(0, 0)
    if len(groups) < 2:
        return lambda read: only
    # A record of no read group belongs to no known library, if there are several.
    unknown = _Source(len(libraries) if len(libraries) > 1 else 0, len(groups))

    def told(read: pysam.AlignedSegment) -> _Source:
        return source_of.get(str(read.get_tag("RG")), unknown) if read.has_tag("RG") else unknown

    return told


def _shape(read: pysam.AlignedSegment) -> int:
    """Return a number that the same read once more has too, in this process."""
    return hash((read.reference_start, read.is_reverse, read.cigarstring, read.query_sequence))


def _values(reads: Sequence[pysam.AlignedSegment], name: str) -> NDArray[np.int64]:
    """Return a number that each record has."""
    return np.fromiter(map(attrgetter(name), reads), dtype=np.int64, count=len(reads))


def _numpy(values: array[int]) -> NDArray[Any]:
    """Return the array's memory, seen by numpy."""
    return (
        np.frombuffer(values, dtype=values.typecode)
        if values
        else np.array([], dtype=values.typecode)
    )


def _columns(values: array[int], base: int) -> Iterator[NDArray[np.int64]]:
    """Return the columns of rows of four, by the stored base that column ``base`` holds.

    Of blocks, a batch of reads without gaps comes in one piece, and a joined part of a read late.
    """
    columns = np.ascontiguousarray(_numpy(values).reshape(-1, 4).T)
    if (np.diff(columns[base]) < 0).any():
        columns = columns[:, np.argsort(columns[base], kind="stable")]
    return iter(columns)


def _within(
    cigar: Sequence[tuple[int, int]], start: int, low: int, high: int
) -> tuple[list[tuple[int, int]], int, _Span | None]:
    """Cut an alignment to the read's bases ``[low, high)``, hard clips counted.

    Returns:
        The CIGAR, all clips soft; where it starts; and what it aligns, None for nothing.
    """
    base, position = 0, start
    kept: list[tuple[int, int]] = []
    first = last = begin = end = -1
    for operation, length in cigar:
        if operation in _ALIGNED:
            cut = max(0, min(low - base, length))
            stays = max(0, min(high - base, length) - cut)
            if stays:
                if first < 0:
                    first, begin, kept = base + cut, position + cut, [(_SOFT, base + cut)]
                kept.append((operation, stays))
                last, end = base + cut + stays, position + cut + stays
            base, position = base + length, position + length
        elif operation in (_DELETION, _SKIP):
            kept.append((operation, length))
            position += length
        elif operation != _PAD:
            kept.append((operation, length))
            base += length
    if first < 0:
        return [], start, None
    # What follows the last aligned base is clipped.
    while kept[-1][0] not in _ALIGNED:
        kept.pop()
    return [*kept, (_SOFT, base - last)], begin, _Span(first, last, begin, end)
