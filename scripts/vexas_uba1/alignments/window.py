"""The alignments over some positions, read from the project's own extracted BAM."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import compress, islice
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from vexas_uba1.alignments.building import ReadsBuilder, values_of
from vexas_uba1.alignments.md import MdVotes
from vexas_uba1.alignments.names import Source
from vexas_uba1.alignments.reads import Reads

_BATCH = 512
"""Records held at a time; with more of them, a processor's cache is left for memory."""
_UNMAPPED, _SECONDARY, _QC_FAILED = 0x4, 0x100, 0x200
_DUPLICATE, _SUPPLEMENTARY = 0x400, 0x800
_TO_SORT_OUT = _UNMAPPED | _SECONDARY | _QC_FAILED | _DUPLICATE | _SUPPLEMENTARY


def read_window(
    bam: Path,
    contig: str,
    positions: NDArray[np.int64],
    *,
    umi_tags: tuple[str, ...],
    keep_duplicates: bool,
    join_parts: bool = False,
    ask_md: bool = True,
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
        ask_md: Whether the reference bases of MD tags are wanted.
    """
    votes = MdVotes(positions)
    excluded: Counter[str] = Counter()
    duplicates = 0
    parts: list[tuple[pysam.AlignedSegment, Source]] = []

    with _without_collection(), pysam.AlignmentFile(str(bam), "rb") as alignment:
        groups = alignment.header.to_dict().get("RG", [])
        sources_of = _source_reader(groups)
        builder = ReadsBuilder(umi_tags, has_lanes=len(groups) > 1)
        records = alignment.fetch(contig, int(positions[0]), int(positions[-1]) + 1)
        while batch := list(islice(records, _BATCH)):
            flag = values_of(batch, "flag")
            duplicates += int(np.count_nonzero(flag & _DUPLICATE))
            chosen = ((flag & _TO_SORT_OUT) == 0) & (values_of(batch, "query_length") > 0)
            copies: list[pysam.AlignedSegment] = []
            for row in np.flatnonzero(~chosen).tolist():
                read = batch[row]
                reason = _reason_to_exclude(read, keep_duplicates)
                if reason is not None:
                    excluded[reason] += 1
                    if reason == "duplicate" and not read.flag & _SUPPLEMENTARY:
                        copies.append(read)
                elif read.flag & _SUPPLEMENTARY:
                    parts.append((read, sources_of([read])[0]))
                else:
                    chosen[row] = True
            builder.add_duplicates(copies, sources_of(copies))
            reads = list(compress(batch, chosen.tolist()))
            start, end = builder.add(reads, sources_of(reads), flag[chosen])
            if ask_md:
                votes.add(reads, start, end)
    excluded.update(builder.sort_out())
    # Records of one place may come in any order.
    parts.sort(key=lambda part: _in_any_order(part[0]))
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


def _in_any_order(read: pysam.AlignedSegment) -> tuple[int, int, str, str]:
    return (
        *(read.reference_start, read.flag),
        *(read.cigarstring or "", read.query_sequence or ""),
    )


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
) -> Callable[[Sequence[pysam.AlignedSegment]], list[Source]]:
    """Return what tells the records' sources: numbers that mean no more than themselves."""
    libraries: dict[str, int] = {}
    source_of = {
        group["ID"]: Source(libraries.setdefault(group.get("LB", ""), len(libraries)), lane)
        for lane, group in enumerate(groups)
    }
    only = Source(0, 0)
    if len(groups) < 2:
        return lambda reads: [only] * len(reads)
    # A record of no read group belongs to no known library, if there are several.
    unknown = Source(len(libraries) if len(libraries) > 1 else 0, len(groups))

    def told(read: pysam.AlignedSegment) -> Source:
        return source_of.get(str(read.get_tag("RG")), unknown) if read.has_tag("RG") else unknown

    return lambda reads: list(map(told, reads))
