"""The alignments of a window as flat arrays, so that no later room touches a read object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

DELETED = 5
"""Base code of a reference position that a read's alignment deletes."""
_NOT_BY_READ = frozenset({"first_base", "code", "quality"})


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
class LeftOut:
    """Records in which an allele may hide: left out, though they are copies of nothing; H records.

    Attributes:
        start: 0-based, clipped bases counted (H).
        end: Exclusive, likewise (H).
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]

    @classmethod
    def none(cls) -> LeftOut:
        """Return no records."""
        return cls(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    def molecules_over(self, position: int) -> int:
        """Return how many molecules they can be at most that cover a 0-based position.

        Each may be one of its own: that two are mates only a name could tell.
        """
        return int(np.count_nonzero((self.start <= position) & (position < self.end)))


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
        left_out: Records in which an allele may hide.
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
    left_out: LeftOut = field(default_factory=LeftOut.none)

    @property
    def count(self) -> int:
        """Number of reads, R."""
        return int(self.fragment.size)

    def only(self, kept: NDArray[np.bool_]) -> Reads:
        """Return some of the reads (R); what is said of records and MD tags stays as it is."""
        size = np.diff(self.first_base)
        stored = np.repeat(kept, size)
        base, row = np.cumsum(stored) - 1, np.cumsum(kept) - 1
        there, fragment = np.unique(self.fragment[kept], return_inverse=True)
        blocks, gaps, more = (
            {field.name: getattr(part, field.name)[kept[part.read]] for field in fields(part)}
            for part in (self.blocks, self.deletions, self.insertions)
        )
        for part in (blocks, gaps, more):
            part["read"], part["base"] = row[part["read"]], base[part["base"]]
        by_read: dict[str, Any] = {
            field.name: column[kept]
            for field in fields(self)
            if isinstance(column := getattr(self, field.name), np.ndarray)
            and field.name not in _NOT_BY_READ
        }
        return replace(
            self,
            **by_read
            | {
                "fragments": int(there.size),
                "fragment": fragment,
                "umi": tuple(compress(self.umi, kept)),
                "first_base": np.concatenate(([0], np.cumsum(size[kept]))),
                "code": self.code[stored],
                "quality": self.quality[stored],
                "blocks": Blocks(**blocks),
                "deletions": Deletions(**gaps),
                "insertions": Insertions(**more),
            },
        )
