"""What the reads' MD tags say of the reference that they were aligned to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pysam
from numpy.typing import NDArray

from vexas_uba1.reference import BASES, encode

_READS_PER_BASE = 3
"""Reads asked for the reference base of a position; they all saw the same reference."""
_BUCKET = 3  # places are told apart by 2 ** 3 bases, so that a deep pile is asked a few times only
_FORM = re.compile(r"\d+(?:(?:[A-Z]|\^[A-Z]+)\d+)*")  # SAM optional fields specification
_PART = re.compile(r"(\d+)|\^([A-Z]+)|([A-Z])")
_MATCH, _INSERTION, _DELETION, _SKIP, _SOFT, _HARD, _PAD, _EQUAL, _DIFF = range(9)
_COLUMNS = frozenset({_MATCH, _EQUAL, _DIFF, _DELETION})  # a column of the tag a base
_BASE_OF = {1 << code: base for code, base in enumerate(BASES[:4])}


class MdVotes:
    """Asks a few reads of each place for the reference bases of the wanted positions."""

    def __init__(self, positions: NDArray[np.int64]) -> None:
        """Take the 0-based, ascending positions that are wanted; at least one."""
        self._start, self._end = int(positions[0]), int(positions[-1]) + 1
        # Where no base is wanted there is nothing to ask for.
        self._votes = np.full(self._end - self._start, _READS_PER_BASE)
        self._votes[positions - self._start] = 0
        self._wanted = self._votes == 0
        # A bit for each base that was told, and one for all other letters.
        self._told = np.zeros(self._wanted.size, dtype=np.uint8)
        self._asked: dict[int, int] = {}

    def add(
        self,
        reads: Sequence[pysam.AlignedSegment],
        start: NDArray[np.int64],
        end: NDArray[np.int64],
    ) -> None:
        """Take what n reads say, each if its place has not been asked often enough.

        Args:
            reads: In the order in which they are asked.
            start: 0-based first reference position of each (n).
            end: Exclusive (n).
        """
        place = (end >> _BUCKET << 32) + (start >> _BUCKET)
        rows = self._first_few(place)
        if not all(reads[row].has_tag("MD") for row in rows):
            # Those that tell nothing take nobody's turn.
            tell = np.array([read.has_tag("MD") for read in reads])
            place = np.where(tell, place, -1 - np.arange(len(reads)))
            rows = [row for row in self._first_few(place) if tell[row]]
        may_tell = np.array(sorted(rows), dtype=np.int64)
        for row in self._sweep(start[may_tell], end[may_tell]):
            read = int(may_tell[row])
            at = int(place[read])
            asked = self._asked.get(at, 0)
            if asked < _READS_PER_BASE:
                self._asked[at] = asked + 1
                self._ask(reads[read])

    def _sweep(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> Iterator[int]:
        """Yield reads as long as they may tell of a base that was not told often enough.

        Of those over the first such base the one that reaches furthest, so that few are asked.

        Args:
            start: 0-based first reference position of each read, ascending (n).
            end: Exclusive (n).
        """
        reach = np.minimum(end, self._end)
        at = self._start
        last = int(reach.max(initial=at))
        while at < last:
            short = self._votes[at - self._start : last - self._start] < _READS_PER_BASE
            first = int(short.argmax())
            if not short[first]:
                break
            at += first
            begun = int(np.searchsorted(start, at, side="right"))
            row = int(reach[:begun].argmax()) if begun else 0
            if begun and reach[row] > at:
                reach[row] = 0
                yield row
            elif begun < start.size:
                # No read of these tells more of it.
                at = max(at + 1, int(start[begun]))
            else:
                break

    @staticmethod
    def _first_few(place: NDArray[np.int64]) -> list[int]:
        """Return the reads that may have to be asked: no more than enough of each place (n)."""
        # Those that reach furthest first: what they tell, the others need not be asked for.
        order = np.argsort(-place, kind="stable")
        late = order[_READS_PER_BASE:]
        is_late = np.zeros(place.size, dtype=np.bool_)
        is_late[late] = place[late] == place[order[:-_READS_PER_BASE]]
        rows: list[int] = order[~is_late[order]].tolist()
        return rows

    def _ask(self, read: pysam.AlignedSegment) -> None:
        for position, letters in _told_by_md(read):
            first, last = max(position, self._start), min(position + len(letters), self._end)
            if first < last:
                told = encode(letters[first - position : last - position])
                self._votes[first - self._start : last - self._start] += 1
                self._told[first - self._start : last - self._start] |= np.uint8(1) << told

    def bases(self) -> dict[int, str]:
        """Return the reference base by 0-based position, where the reads agree on one."""
        told = self._told.tolist()
        return {
            self._start + at: _BASE_OF[told[at]]
            for at in np.flatnonzero(self._wanted).tolist()
            if told[at] in _BASE_OF
        }


def _told_by_md(read: pysam.AlignedSegment) -> list[tuple[int, str]]:
    """Return 0-based position and reference letters of each stretch that is aligned or deleted.

    Nothing is taken from a tag that does not fit its alignment; tools that clip reads leave such
    tags behind, and htslib's bindings read them beyond their end.
    """
    tag, sequence = str(read.get_tag("MD")).upper(), (read.query_sequence or "").upper()
    cigar: Sequence[tuple[int, int]] = read.cigartuples or ()
    if _FORM.fullmatch(tag) is None:
        return []
    # A column a reference base: "=" if as in the read, else which; small letters are deleted.
    columns = ""
    for same, gone, other in _PART.findall(tag):
        if same and int(same) > len(sequence):
            return []
        columns += "=" * int(same or 0) + gone.lower() + other
    if sum(length for operation, length in cigar if operation in _COLUMNS) != len(columns):
        return []
    told: list[tuple[int, str]] = []
    column, offset, position = 0, 0, read.reference_start
    for operation, length in cigar:
        if operation in _COLUMNS:
            part = columns[column : column + length]
            if operation == _DELETION:
                if part != part.lower() or "=" in part:
                    return []
                told.append((position, part.upper()))
            elif part != part.upper():
                return []
            else:
                told.append((position, _filled_in(part, sequence[offset : offset + length])))
                offset += length
            column += length
            position += length
        elif operation == _SKIP:
            position += length
        elif operation in (_INSERTION, _SOFT):
            offset += length
    return told


def _filled_in(told: str, own: str) -> str:
    # Most reads are as the reference from end to end.
    if told == "=" * len(own):
        return own
    return "".join(mine if base == "=" else base for base, mine in zip(told, own, strict=True))
