"""Collects the records of a window in compact arrays."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from operator import attrgetter, itemgetter
from typing import Any
from zlib import crc32

import numpy as np
import pysam
from numpy.typing import NDArray

from vexas_uba1.alignments.cigars import ALIGNED, DELETION, HARD, INSERTION, MATCH, SKIP, SOFT
from vexas_uba1.alignments.names import FragmentNames, Source
from vexas_uba1.alignments.parts import Part, Span, within
from vexas_uba1.alignments.reads import Blocks, Deletions, Insertions, LeftOut, Reads
from vexas_uba1.alignments.repeats import (
    Records,
    find_repeats,
    five_prime,
    mate_of,
)
from vexas_uba1.reference import UNKNOWN, encode

_UNREPORTED_QUALITY = 20
"""Phred quality assumed where a record carries none; a warning says so."""
_SHORTEST_INTRON = 51  # bases; a shorter gap may be a deletion
_PAIRED, _MATE_UNMAPPED, _REVERSE, _READ2 = 0x1, 0x8, 0x10, 0x80
_MATE = 0xC0
_DUPLICATE, _SUPPLEMENTARY = 0x400, 0x800
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
    "cigar",
)
_OF_SIGNATURE = tuple(
    _COLUMNS.index(name)
    for name in (
        *("start", "end", "left_clip", "right_clip", "left_hard", "right_hard"),
        *("cigar", "mapping_quality"),
    )
)
_CODES = bytes(encode(bytes(range(128)).decode("ascii")).tolist() + [UNKNOWN] * 128)
"""Base code of each character, as a table for ``bytes.translate``."""


class ReadsBuilder:
    """Collects reads in compact arrays, some hundred at a time: so a step costs a fraction."""

    def __init__(self, umi_tags: tuple[str, ...], *, has_lanes: bool) -> None:
        self._umi_tags = umi_tags
        self._names = FragmentNames(has_lanes=has_lanes)
        # One row after the other; _COLUMNS says which values make it.
        self.rows = array("q")
        self.umi: list[str] = []
        self.first_base = array("q", [0])
        self.codes, self.qualities = bytearray(), bytearray()
        self.blocks = array("q")  # read, base, position, length
        self.deletions = array("q")  # read, start, end, base
        self.insertions = array("q")  # read, position, base, length
        self.without_qualities = 0
        self._gone = np.zeros(0, dtype=np.bool_)  # rows that were sorted out
        self._hidden = np.zeros(0, dtype=np.bool_)  # those of them that are no copies
        self._flagged: list[NDArray[np.int64]] = []  # of records left out, as Records has them
        self._fused: NDArray[np.int64] | None = None  # what a fragment's number stands for
        self._hidden_parts: list[tuple[int, int]] = []  # where further parts of such lie
        self._joined: dict[int, Part] = {}
        self._held: dict[int, tuple[int, int]] = {}

    def add(
        self,
        reads: Sequence[pysam.AlignedSegment],
        sources: Sequence[Source],
        flag: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Add n records that have bases.

        Args:
            reads: The records.
            sources: Where each comes from (n).
            flag: Of each (n).

        Returns:
            Their starts and their exclusive ends.
        """
        fragment = self._names.add(reads, sources)
        if self._fused is not None:
            fragment = self._fused[fragment]
        start = values_of(reads, "reference_start")
        first = self._add_bases(reads)
        index = len(self.first_base) - 1 - len(reads) + np.arange(len(reads))
        cigars: list[Sequence[tuple[int, int]]] = [read.cigartuples or () for read in reads]
        # Nearly all lie base by base on the reference from end to end.
        matched = np.array(
            [c[0][1] if len(c) == 1 and c[0][0] == MATCH else 0 for c in cigars], dtype=np.int64
        )
        plain = matched > 0
        blocks = np.column_stack((index, first, start, matched))
        self.blocks.frombytes(blocks[plain].tobytes())
        end = start + matched
        clips, cigar = np.zeros((len(reads), 4), dtype=np.int64), matched.copy()
        for row in np.flatnonzero(~plain).tolist():
            end[row] = reads[row].reference_end or 0
            cigar[row] = -crc32((reads[row].cigarstring or "").encode("ascii"))
            clips[row] = self._add_alignment(
                int(index[row]), cigars[row], int(first[row]), int(start[row])
            )
        mate_is_here = (
            ((flag & (_PAIRED | _MATE_UNMAPPED)) == _PAIRED)
            & (values_of(reads, "next_reference_id") == (reads[0].reference_id if reads else -1))
        )  # fmt: skip
        columns = (
            fragment,
            np.fromiter(map(itemgetter(0), sources), dtype=np.int64, count=len(sources)),
            flag,
            values_of(reads, "mapping_quality"),
            start,
            end,
            np.where(mate_is_here, values_of(reads, "next_reference_start"), -1),
            np.abs(values_of(reads, "template_length")),
            clips,
            cigar,
        )
        self.rows.frombytes(np.column_stack(columns).tobytes())
        if self._umi_tags:
            self._add_umis(reads)
        return start, end

    def add_duplicates(
        self, reads: Sequence[pysam.AlignedSegment], sources: Sequence[Source]
    ) -> None:
        """Note n primary records with flag 0x400, left out: so are the same reads unflagged."""
        if reads:
            flag = values_of(reads, "flag")
            low, high = np.array([_unclipped(read) for read in reads], dtype=np.int64).T
            columns = (self._names.add(reads, sources), mate_of(flag), five_prime(low, high, flag))
            self._flagged.append(np.column_stack(columns))

    def sort_out(self) -> Counter[str]:
        """Mark what is there more than once, of all that was added so far.

        Returns:
            Records that are left out for it, by reason.
        """
        rows = self._columns()
        lane, shared, unnamed = (
            _numpy(values) for values in (self._names.lane, self._names.shared, self._names.unnamed)
        )
        records = Records(
            fragment=rows["fragment"],
            flag=rows["flag"],
            start=rows["start"],
            low=rows["start"] - rows["left_clip"] - rows["left_hard"],
            high=rows["end"] + rows["right_clip"] + rows["right_hard"],
            template_length=rows["template_length"],
            mate_start=rows["mate_start"],
            lane=lane,
            shared=shared,
            flagged=np.concatenate([np.zeros((0, 3), dtype=np.int64), *self._flagged]),
            unnamed=unnamed,
        )
        found = find_repeats(records, self._signature, self._version, self._worth)
        self._hidden = found.ambiguous | found.unnamed
        self._gone = found.again | found.unmarked | self._hidden
        if found.fused is not None:
            self._fused = found.fused
            rows["fragment"][:] = found.fused[rows["fragment"]]
        reasons = {
            "repeated": found.again,
            "conflicting": found.ambiguous,
            "duplicate": found.unmarked,
            "without_name": found.unnamed,
        }
        return +Counter({name: int(np.count_nonzero(rows)) for name, rows in reasons.items()})

    def _signature(self, row: int) -> int:
        """Return a number that only the same read has too, aligned in the same way."""
        bases = slice(self.first_base[row], self.first_base[row + 1])
        return hash((self._version(row), bytes(self.qualities[bases])))

    def _worth(self, row: int) -> tuple[int, bytes]:
        """Return the sum of its qualities, and what tells reads apart that have the same."""
        bases = slice(self.first_base[row], self.first_base[row + 1])
        return sum(self.qualities[bases]), bytes(self.codes[bases])

    def _version(self, row: int) -> int:
        """Return such a number, whatever the qualities."""
        bases = slice(self.first_base[row], self.first_base[row + 1])
        place = self.rows[row * len(_COLUMNS) : (row + 1) * len(_COLUMNS)]
        return hash(
            (
                *(place[at] for at in _OF_SIGNATURE),
                place[_COLUMNS.index("flag")] & (_REVERSE | _MATE),
                bytes(self.codes[bases]),
                self.umi[row] if self._umi_tags else "",
            )
        )

    def _add_bases(self, reads: Sequence[pysam.AlignedSegment]) -> NDArray[np.int64]:
        """Store the records' bases and qualities; return the index of each record's first base."""
        length = values_of(reads, "query_length")
        reported = [read.query_qualities for read in reads]
        if without := reported.count(None):
            self.without_qualities += without
            assumed = array("B", [_UNREPORTED_QUALITY])
            reported = [
                own or assumed * bases for own, bases in zip(reported, length.tolist(), strict=True)
            ]
        bases = "".join([read.query_sequence or "" for read in reads])
        ends = len(self.codes) + np.cumsum(length)
        self.codes += bases.encode("ascii").translate(_CODES)
        self.qualities += b"".join(own for own in reported if own is not None)
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
        clips = {SOFT: [0, 0], HARD: [0, 0]}
        # Bases left out at an end of what is aligned, or beside an intron, are no deletion: nothing
        # says that the molecule has what would follow.
        gaps: list[tuple[int, int, int, int]] = []
        beside = False
        for operation, length in cigar:
            if operation in ALIGNED:
                for gap in gaps:
                    self.deletions.extend(gap)
                gaps.clear()
                self.blocks.extend((index, base, position, length))
                base += length
                position += length
                aligned = beside = True
            elif operation == INSERTION:
                # Bases put in at an end of the alignment are unplaced, not an insertion.
                if aligned and base + length < last:
                    self.insertions.extend((index, position, base, length))
                base += length
            elif operation == DELETION:
                if beside:
                    gaps.append((index, position, position + length, base))
                position += length
            elif operation == SKIP:
                gaps.clear()
                beside = False
                position += length
            elif operation in clips:
                clips[operation][aligned] += length
                base += length if operation == SOFT else 0
        (left, right), (left_hard, right_hard) = clips[SOFT], clips[HARD]
        return left, right, left_hard, right_hard

    def add_parts(self, parts: Sequence[tuple[pysam.AlignedSegment, Source]], *, join: bool) -> int:
        """Add supplementary records with their sources; return how many were left out.

        One counts beside its primary record, not without it, and not where that or another part
        lies already.

        Args:
            parts: The records, each with its source.
            join: Whether parts that lie behind each other, an intron apart, are one read.
        """
        keys = [self._names.find(read, source) for read, source in parts]
        if self._fused is not None:
            keys = [int(self._fused[key]) if key >= 0 else key for key in keys]
        known = self._parts_of(keys)
        hidden = set(self._columns()["fragment"][np.flatnonzero(self._hidden)].tolist())
        left_out = 0
        for key, (read, source) in zip(keys, parts, strict=True):
            mine = known.get((key, read.flag & _MATE), [])
            start, end = read.reference_start, read.reference_end or 0
            if key in hidden:
                self._hidden_parts.append(_unclipped(read))
            if not mine or any(
                end > span.start and start < span.end for part in mine for span in part.spans
            ):
                left_out += 1
            elif not (join and self._join(mine[0], read)):
                self.add([read], [source], np.array([read.flag]))
                mine.append(self._part(len(self.first_base) - 2, self._columns()))
        for mine in known.values():
            for part in mine if len(mine) > 1 else ():
                held = [part.held_by(other) for other in mine if other is not part]
                self._held[part.row] = (max(one[0] for one in held), max(one[1] for one in held))
        return left_out

    def _parts_of(self, fragments: Sequence[int]) -> dict[tuple[int, int], list[Part]]:
        """Return the reads of some fragments, each in a list, by fragment and mate."""
        columns = self._columns()
        found: dict[tuple[int, int], list[Part]] = {}
        wanted = np.isin(columns["fragment"], fragments)
        wanted[: self._gone.size] &= ~self._gone
        for row in np.flatnonzero(wanted).tolist():
            key = int(columns["fragment"][row]), int(columns["flag"][row]) & _MATE
            found[key] = [self._part(row, columns)]
        return found

    def _part(self, row: int, columns: Mapping[str, NDArray[np.int64]]) -> Part:
        flag, start, end, left, right, left_hard, right_hard = (
            int(columns[name][row])
            for name in (
                "flag", "start", "end", "left_clip", "right_clip", "left_hard", "right_hard",
            )
        )  # fmt: skip
        stop = left_hard + self.first_base[row + 1] - self.first_base[row]
        span = Span(left_hard + left, stop - right, start, end)
        return Part(row, bool(flag & _REVERSE), stop + right_hard, (left_hard, stop), [span])

    def _join(self, part: Part, read: pysam.AlignedSegment) -> bool:
        """Join a record to the read that it is a part of; return False where that cannot be.

        Bases that both align stay where the read had them.
        """
        cigar: Sequence[tuple[int, int]] = read.cigartuples or ()
        hard = cigar[0][1] if cigar[0][0] == HARD else 0
        codes = (read.query_sequence or "").encode("ascii").translate(_CODES)
        tail = cigar[-1][1] if cigar[-1][0] == HARD else 0
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
        kept, start, span = within(cigar, read.reference_start, low, high)
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
        """Return all reads, but those that were sorted out.

        Args:
            md_bases: Reference base by position.
            excluded: Records that are left out, by reason.
            flagged_duplicates: Records with flag 0x400, whether added or not.
        """
        # This is where the most memory is needed.
        self._names.forget()
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
        has_reads = np.zeros(self._names.count, dtype=np.bool_)
        has_reads[rows["fragment"]] = True
        held = np.zeros((2, flag.size), dtype=np.int32)
        for row, both in self._held.items():
            held[:, row] = both
        hidden = np.flatnonzero(self._hidden)
        made = Reads(
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
            left_out=LeftOut(
                *np.concatenate(
                    (
                        np.column_stack((own_start[hidden], own_end[hidden])),
                        np.array(self._hidden_parts, dtype=np.int64).reshape(-1, 2),
                    )
                ).T
            ),
        )
        kept = np.ones(flag.size, dtype=np.bool_)
        kept[: self._gone.size] = ~self._gone
        return made if kept.all() else made.only(kept)


def _unclipped(read: pysam.AlignedSegment) -> tuple[int, int]:
    """Return where a record would start and end were nothing clipped."""
    cigar: Sequence[tuple[int, int]] = read.cigartuples or ()
    left, right = (
        sum(length for _, length in takewhile(lambda part: part[0] in (SOFT, HARD), parts))
        for parts in (cigar, reversed(cigar))
    )
    return read.reference_start - left, (read.reference_end or 0) + right


def values_of(reads: Sequence[pysam.AlignedSegment], name: str) -> NDArray[np.int64]:
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
