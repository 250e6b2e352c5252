"""What the records of one read align of it: its spans, its clips, and what may be joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vexas_uba1.alignments.cigars import ALIGNED, DELETION, PAD, SKIP, SOFT


@dataclass(frozen=True)
class Span:
    """What a record aligns: bases of the whole read, hard clips counted, and 0-based positions.

    Bases are numbered along the forward strand.
    """

    first: int
    last: int  # exclusive
    start: int
    end: int  # exclusive


@dataclass
class Part:
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
    spans: list[Span]

    def clips(self) -> tuple[int, int]:
        """Return the stored bases before the first and after the last span."""
        return self.spans[0].first - self.stored[0], self.stored[1] - self.spans[-1].last

    def held_by(self, other: Part) -> tuple[int, int]:
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


def within(
    cigar: Sequence[tuple[int, int]], start: int, low: int, high: int
) -> tuple[list[tuple[int, int]], int, Span | None]:
    """Cut an alignment to the read's bases ``[low, high)``, hard clips counted.

    Returns:
        The CIGAR, all clips soft; where it starts; and what it aligns, None for nothing.
    """
    base, position = 0, start
    kept: list[tuple[int, int]] = []
    first = last = begin = end = -1
    for operation, length in cigar:
        if operation in ALIGNED:
            cut = max(0, min(low - base, length))
            stays = max(0, min(high - base, length) - cut)
            if stays:
                if first < 0:
                    first, begin, kept = base + cut, position + cut, [(SOFT, base + cut)]
                kept.append((operation, stays))
                last, end = base + cut + stays, position + cut + stays
            base, position = base + length, position + length
        elif operation in (DELETION, SKIP):
            kept.append((operation, length))
            position += length
        elif operation != PAD:
            kept.append((operation, length))
            base += length
    if first < 0:
        return [], start, None
    # What follows the last aligned base is clipped.
    while kept[-1][0] not in ALIGNED:
        kept.pop()
    return [*kept, (SOFT, base - last)], begin, Span(first, last, begin, end)
