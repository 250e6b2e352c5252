"""Reads become one observation per DNA molecule and position.

The mates of a fragment, and with UMIs all copies of a molecule, are one witness. Where they agree,
their evidence adds up to a floor: errors made before sequencing are in every copy. Where they
contradict each other they are no evidence, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.reference import UNKNOWN

AGREEMENT_QUALITY_CAP = 45
"""Phred of agreeing copies at most: polymerase and damage errors precede reading (assumed)."""
CONSENSUS_MARGIN = 20
"""Phred by which the best base of a family must lead the sum of all others to be its consensus."""
UNCERTAIN = 255
"""Code of a molecule that does not show a position: not covered, or N."""
DISCORDANT = 254
"""Code of a molecule whose copies contradict each other at a position."""
_Kind = TypeVar("_Kind", bound=np.generic)
_N_CODES = 6
_MAX_READ_QUALITY = 60


@dataclass(frozen=True)
class Column:
    """All molecules at one position; M molecules.

    Attributes:
        code: 0 to 3 for A, C, G, T; 5 deleted; ``UNCERTAIN`` not covered (or N); ``DISCORDANT``
            contradicted (M).
        quality: Phred of the observation, 0 where there is none (M).
        forward: Seen on a forward-strand read (M).
        reverse: Seen on a reverse-strand read (M).
        read_quality: Best single base quality of the observation (M).
        end_distance: Bases to the nearer read end, of the copy deepest inside its read (M).
    """

    code: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    forward: NDArray[np.bool_]
    reverse: NDArray[np.bool_]
    read_quality: NDArray[np.uint8]
    end_distance: NDArray[np.int32]


@dataclass(frozen=True)
class IndelCount:
    """An insertion or deletion as the alignments show it (not normalised), and its molecules.

    ``start``/``end`` are 0-based half-open; ``bases`` is what is put in. ``contradicted`` are the
    molecules of which only some copies show it: they are no evidence.
    """

    start: int
    end: int
    bases: str
    molecules: NDArray[np.int64]
    contradicted: NDArray[np.int64]


@dataclass(frozen=True)
class Molecules:
    """Observations of M molecules, one row per molecule and covered position (O rows).

    Attributes:
        count: M.
        molecule: Index of the molecule (O).
        position: 0-based genomic position (O).
        code: As in :class:`Column`, with ``DISCORDANT`` rows kept (O).
        quality: Phred (O).
        forward: (O).
        reverse: (O).
        read_quality: (O).
        end_distance: (O).
        mapping_quality: Best mapping quality of the molecule's reads (M).
        indels: Insertions and deletions with their molecules.
        disagreement_rate: Contradicted share of the positions that a molecule covers more than
            once; None without any.
    """

    count: int
    molecule: NDArray[np.int32]
    position: NDArray[np.int32]
    code: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    forward: NDArray[np.bool_]
    reverse: NDArray[np.bool_]
    read_quality: NDArray[np.uint8]
    end_distance: NDArray[np.int32]
    mapping_quality: NDArray[np.uint8]
    indels: tuple[IndelCount, ...]
    disagreement_rate: float | None

    @cached_property
    def _by_position(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        order = np.argsort(self.position, kind="stable")
        return order, self.position[order]

    def column(self, position: int) -> Column:
        """Return what every molecule shows at a 0-based genomic position."""
        order, positions = self._by_position
        rows = order[
            np.searchsorted(positions, position) : np.searchsorted(positions, position, "right")
        ]
        molecules = self.molecule[rows]

        def scatter(values: NDArray[_Kind], empty: int) -> NDArray[_Kind]:
            full = np.full(self.count, empty, dtype=values.dtype)
            full[molecules] = values[rows]
            return full

        return Column(
            code=scatter(self.code, UNCERTAIN),
            quality=scatter(self.quality, 0),
            forward=scatter(self.forward, 0),
            reverse=scatter(self.reverse, 0),
            read_quality=scatter(self.read_quality, 0),
            end_distance=scatter(self.end_distance, 0),
        )


def join_molecules(reads: Reads) -> Molecules:
    """Join the reads of each molecule into one observation per position."""
    molecule_of_read = _molecules(reads)
    count = int(molecule_of_read.max()) + 1 if molecule_of_read.size else 0
    wanted = reads.base_code != UNKNOWN
    base_read = reads.base_read[wanted]
    molecule = molecule_of_read[base_read] if base_read.size else base_read
    position = reads.base_position[wanted]
    low = int(position.min(initial=np.iinfo(np.int32).max))
    span = int(position.max(initial=low)) - low + 1
    key = molecule.astype(np.int64) * span + (position - low)
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1]))) if key.size else key
    group = np.cumsum(np.concatenate(([0], key[1:] != key[:-1]))) if key.size else key
    copies = np.diff(np.append(first, key.size))

    code = reads.base_code[wanted][order]
    quality = np.minimum(reads.base_quality[wanted][order], _MAX_READ_QUALITY)
    reverse = reads.reverse[base_read[order]]
    joined_code = code[first].astype(np.uint8)
    joined_quality = quality[first].astype(np.uint8)
    contradicted = _join_copies(code, quality, group, copies, joined_code, joined_quality)
    # A copy outvoted within its family gives no support to a strand.
    agrees = code == joined_code[group]
    kept = agrees | (joined_code[group] == DISCORDANT)

    def any_of(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.bincount(group, weights=flags & kept, minlength=first.size) > 0

    several = int((copies > 1).sum())
    best_quality = np.zeros(first.size, dtype=np.uint8)
    np.maximum.at(best_quality, group, np.where(kept, quality, 0).astype(np.uint8))
    deepest = np.zeros(first.size, dtype=np.int32)
    np.maximum.at(deepest, group, reads.base_end_distance[wanted][order])
    mapping = np.zeros(count, dtype=np.uint8)
    np.maximum.at(mapping, molecule_of_read, reads.mapping_quality)
    return Molecules(
        count=count,
        molecule=(key[first] // span).astype(np.int32),
        position=(key[first] % span + low).astype(np.int32),
        code=joined_code,
        quality=joined_quality,
        forward=any_of(~reverse),
        reverse=any_of(reverse),
        read_quality=best_quality,
        end_distance=deepest,
        mapping_quality=mapping,
        indels=_join_indels(reads, molecule_of_read),
        disagreement_rate=contradicted / several if several else None,
    )


def _molecules(reads: Reads) -> NDArray[np.int64]:
    """Return the molecule of each read (R): by library and name, or by library, ends and UMI."""
    by_name: dict[tuple[int, str], int] = {}
    fragment = np.array(
        [
            by_name.setdefault((library, name), len(by_name))
            for library, name in zip(reads.library.tolist(), reads.names, strict=True)
        ],
        dtype=np.int64,
    )
    if not any(reads.umi):
        return fragment
    starts = np.full(len(by_name), np.iinfo(np.int64).max)
    ends = np.full(len(by_name), -1)
    np.minimum.at(starts, fragment, [start for start, _ in reads.fragment_ends])
    np.maximum.at(ends, fragment, [end for _, end in reads.fragment_ends])
    umi_of: dict[int, str] = {}
    for index, umi in zip(fragment.tolist(), reads.umi, strict=True):
        umi_of[index] = max(umi_of.get(index, ""), umi)
    by_family: dict[tuple[object, ...], int] = {}
    family = np.empty(len(by_name), dtype=np.int64)
    for (library, name), index in by_name.items():
        # A fragment without its UMI is a molecule of its own rather than a copy of every other one.
        umi = umi_of[index] or f"\0{name}"
        identity = (library, int(starts[index]), int(ends[index]), umi)
        family[index] = by_family.setdefault(identity, len(by_family))
    return family[fragment]


def _join_copies(
    code: NDArray[np.uint8],
    quality: NDArray[np.uint8],
    group: NDArray[np.int64],
    copies: NDArray[np.int64],
    joined_code: NDArray[np.uint8],
    joined_quality: NDArray[np.uint8],
) -> int:
    """Write the consensus of the groups that hold several copies; return how many are contradicted.

    The consensus is the code with the largest sum of qualities. Two copies must agree; of more,
    the winner must lead the sum of all others by ``CONSENSUS_MARGIN`` and be the majority.
    """
    several = np.flatnonzero(copies > 1)
    if several.size == 0:
        return 0
    rank = np.full(copies.size, -1, dtype=np.int64)
    rank[several] = np.arange(several.size)
    rows = np.flatnonzero(copies[group] > 1)
    cell = rank[group[rows]] * _N_CODES + code[rows]
    shape = (several.size, _N_CODES)
    sums = np.bincount(cell, weights=quality[rows], minlength=several.size * _N_CODES).reshape(
        shape
    )
    votes = np.bincount(cell, minlength=several.size * _N_CODES).reshape(shape)
    # Quality 0 still is a vote: rank by quality, then by votes.
    winner = np.argmax(sums * 1000 + votes, axis=1)
    picked = np.arange(several.size)
    lead = 2 * sums[picked, winner] - sums.sum(axis=1)
    unanimous = votes[picked, winner] == copies[several]
    majority = (copies[several] > 2) & (2 * votes[picked, winner] > copies[several])
    agreed = unanimous | (majority & (lead >= CONSENSUS_MARGIN))
    joined_code[several] = np.where(agreed, winner, DISCORDANT)
    joined_quality[several] = np.where(agreed, np.minimum(lead, AGREEMENT_QUALITY_CAP), 0)
    return int((~agreed).sum())


def _join_indels(reads: Reads, molecule_of_read: NDArray[np.int64]) -> tuple[IndelCount, ...]:
    """Return each indel with the molecules whose reads all show it where they span it."""
    readers: dict[tuple[int, int, str], set[int]] = {}
    events = [(gap.read, gap.start, gap.end, "") for gap in reads.deletions]
    events += [(put.read, put.start, put.start, put.bases) for put in reads.insertions]
    for read, start, end, bases in events:
        if not set(bases) - set("ACGT"):
            readers.setdefault((start, end, bases), set()).add(read)
    if not readers:
        return ()
    span_of_read = _spans(reads)
    reads_of: dict[int, list[int]] = {}
    concerned = {int(molecule_of_read[read]) for shown_by in readers.values() for read in shown_by}
    for read, molecule in enumerate(molecule_of_read.tolist()):
        if molecule in concerned:
            reads_of.setdefault(molecule, []).append(read)
    joined = []
    for (start, end, bases), shown_by in sorted(readers.items()):
        showing = {int(molecule_of_read[read]) for read in shown_by}
        kept = {
            molecule
            for molecule in showing
            if all(
                read in shown_by
                for read in reads_of[molecule]
                if span_of_read[0][read] < start and span_of_read[1][read] > end
            )
        }
        if kept:
            joined.append(
                IndelCount(
                    start,
                    end,
                    bases,
                    np.array(sorted(kept), dtype=np.int64),
                    np.array(sorted(showing - kept), dtype=np.int64),
                )
            )
    return tuple(joined)


def _spans(reads: Reads) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first position and exclusive end of each read's bases in the window (R, R)."""
    total = len(reads.names)
    first = np.full(total, np.iinfo(np.int64).max)
    last = np.full(total, -1)
    np.minimum.at(first, reads.base_read, reads.base_position)
    np.maximum.at(last, reads.base_read, reads.base_position)
    return first, last + 1
