"""What the reads' MD tags say of the reference that they were aligned to."""

from __future__ import annotations

import re

import numpy as np
import pysam
from numpy.typing import NDArray

from vexas_uba1.reference import BASES

_READS_PER_BASE = 3
"""Reads asked for the reference base of a position; they all saw the same reference."""
_BUCKET = 3  # places are told apart by 2 ** 3 bases, so that a deep pile is asked a few times only
_FORM = re.compile(r"\d+(?:(?:[A-Z]|\^[A-Z]+)\d+)*")  # SAM optional fields specification
_PART = re.compile(r"(\d+)|\^([A-Z]+)|([A-Z])")
_MATCH, _INSERTION, _DELETION, _SKIP, _SOFT, _HARD, _PAD, _EQUAL, _DIFF = range(9)


class MdVotes:
    """Asks a few reads of each place for the reference bases of the wanted positions."""

    def __init__(self, positions: NDArray[np.int64]) -> None:
        """Take the 0-based, ascending positions that are wanted; at least one."""
        self._start, self._end = int(positions[0]), int(positions[-1]) + 1
        # Where no base is wanted there is nothing to ask for.
        self._votes = np.full(self._end - self._start, _READS_PER_BASE)
        self._votes[positions - self._start] = 0
        self._wanted = self._votes == 0
        self._bases: dict[int, set[str]] = {}
        self._asked: dict[tuple[int, int], int] = {}

    def add(self, read: pysam.AlignedSegment) -> None:
        """Take what a read says, if its place has not been asked often enough."""
        start, end = read.reference_start, read.reference_end or 0
        place = (start >> _BUCKET, end >> _BUCKET)
        asked = self._asked.get(place, 0)
        if asked >= _READS_PER_BASE:
            return
        self._asked[place] = asked + 1
        first, last = max(start, self._start), min(end, self._end)
        votes = self._votes[first - self._start : last - self._start]
        if votes.size == 0 or votes.min() >= _READS_PER_BASE or not read.has_tag("MD"):
            return
        for position, base in _told_by_md(read):
            if self._start <= position < self._end and self._wanted[position - self._start]:
                self._votes[position - self._start] += 1
                self._bases.setdefault(position, set()).add(base)

    def bases(self) -> dict[int, str]:
        """Return the reference base by 0-based position, where the reads agree on one."""
        return {
            at: min(bases)
            for at, bases in sorted(self._bases.items())
            if len(bases) == 1 and bases <= set(BASES[:4])
        }


def _told_by_md(read: pysam.AlignedSegment) -> list[tuple[int, str]]:
    """Return 0-based position and reference base of each base that is aligned or deleted.

    Nothing is taken from a tag that does not fit its alignment; tools that clip reads leave such
    tags behind, and htslib's bindings read them beyond their end.
    """
    tag, sequence = str(read.get_tag("MD")).upper(), (read.query_sequence or "").upper()
    if _FORM.fullmatch(tag) is None:
        return []
    # A column a reference base: which, empty if as in the read; and whether it is deleted.
    columns: list[tuple[str, bool]] = []
    for same, gone, other in _PART.findall(tag):
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
