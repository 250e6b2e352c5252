"""Copies of one molecule: those that are the same byte for byte, and the best of them."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.grouping.labels import Label, is_repeated, label_rows

_READS_AT_ONCE = 10_000


def repeated_fragments(reads: Reads, label: Label) -> NDArray[np.int64]:
    """Return the fragments that show what another one of the same label does, bases and qualities.

    Of equal ones the best placed stays, so that the order of the reads does not matter.

    Args:
        reads: Of F fragments.
        label: Fragments of unlike labels are not compared; those of a negative one with none (F).
    """
    compared = np.flatnonzero(label >= 0)
    compared = compared[is_repeated(label[compared])]
    content = _fragment_contents(reads, compared)
    same = label_rows(label[compared], content[compared])
    again: NDArray[np.int64] = compared[_numbered(reads, compared, same) > 0]
    return again


def best_fragments(reads: Reads, label: Label, both: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return one fragment of each label: of those with both ends the one of the best qualities.

    The best has the largest sum of base qualities, as markers of duplicates have it. Of equal sums
    each has the same chance, whatever else is in the file and in whatever order: a checksum of
    bases and qualities decides, drawn anew for every further fragment that shows the same. One draw
    for all of these would let a base that few show, a variant's or a wrong one, win as often as the
    one that most show.

    Args:
        reads: Of F fragments.
        label: (F).
        both: Whether both ends are known (F).
    """
    quality = _fragment_sums(reads, _quality_sums(reads))
    equal = np.flatnonzero(is_repeated(label_rows(label, both, quality)))
    content = _fragment_contents(reads, equal)
    alike = label_rows(label[equal], both[equal], quality[equal], content[equal])
    draw = np.zeros(reads.fragments, dtype=np.uint64)
    draw[equal] = _drawn(content[equal], _numbered(reads, equal, alike))
    order = np.lexsort((draw, -quality, ~both, label))
    best: NDArray[np.int64] = order[np.diff(label[order], prepend=-1) != 0]
    return best


def _numbered(reads: Reads, fragments: NDArray[np.int64], same: Label) -> Label:
    """Return the numbers from 0 on of the fragments that have one label, the best placed first.

    Args:
        reads: Of F fragments.
        fragments: Indices of n of them.
        same: Their labels (n).
    """
    placing = _fragment_sums(reads, reads.mapping_quality.astype(np.int64))[fragments]
    start = _fragment_sums(reads, reads.start)[fragments]
    end = _fragment_sums(reads, reads.end)[fragments]
    order = np.lexsort((end, start, -placing, same))
    first = np.flatnonzero(np.diff(same[order], prepend=-1))
    number = np.empty(same.size, dtype=np.int64)
    number[order] = np.arange(same.size) - np.repeat(first, np.diff(first, append=same.size))
    return number


def _drawn(content: NDArray[np.uint64], number: Label) -> NDArray[np.uint64]:
    """Return numbers that look drawn, by content and by number among those of equal content.

    The mixing of SplitMix64 (doi:10.1145/2660193.2660195).
    """
    mixed = content + (number.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    drawn: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return drawn


def _quality_sums(reads: Reads) -> NDArray[np.int64]:
    """Return the sum of the base qualities of each read."""
    sums = np.zeros(reads.count, dtype=np.int64)
    # numpy widens all it is given before it adds; a few reads at a time stay in the cache.
    for at in range(0, reads.count, _READS_AT_ONCE):
        first = reads.first_base[at : at + _READS_AT_ONCE + 1]
        bases = reads.quality[first[0] : first[-1]]
        sums[at : at + first.size - 1] = np.add.reduceat(
            bases, first[:-1] - first[0], dtype=np.int64
        )
    return sums


def _fragment_sums(reads: Reads, of_read: NDArray[np.int64]) -> NDArray[np.int64]:
    sums = np.zeros(reads.fragments, dtype=np.int64)
    np.add.at(sums, reads.fragment, of_read)
    return sums


def _fragment_contents(reads: Reads, fragments: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a checksum of the bases and qualities of each fragment, 0 for those not asked for."""
    asked = np.zeros(reads.fragments, dtype=np.bool_)
    asked[fragments] = True
    chosen = np.flatnonzero(asked[reads.fragment])
    codes, qualities = reads.code.data, reads.quality.data
    which = reads.number * 4 + reads.reverse * 2 + reads.supplementary
    sums = np.zeros(reads.fragments, dtype=np.uint64)
    digests = bytearray()
    for start, end, part in zip(
        reads.first_base[chosen].tolist(),
        reads.first_base[chosen + 1].tolist(),
        which[chosen].tolist(),
        strict=True,
    ):
        digest = blake2b(codes[start:end], digest_size=8, salt=bytes((part,)))
        digest.update(qualities[start:end])
        digests += digest.digest()
    np.add.at(sums, reads.fragment[chosen], np.frombuffer(digests, dtype="<u8"))
    return sums
