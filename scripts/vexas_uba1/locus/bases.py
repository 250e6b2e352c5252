"""Reference bases: something that can be sliced, with N for what is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def reverse_complement(bases: str) -> str:
    """Return ``bases`` (A, C, G, T, N in upper case) as read on the other strand."""
    return bases.translate(_COMPLEMENT)[::-1]


class Bases(Protocol):
    """A stretch of one contig's forward strand."""

    def slice(self, start: int, end: int) -> str:
        """Return the bases of the 0-based half-open interval, N where nothing is known."""
        ...


@dataclass(frozen=True)
class Sequence:
    """Bases held in memory.

    Attributes:
        start: 0-based position of the first base.
        bases: Forward strand, A, C, G, T, N.
    """

    start: int
    bases: str

    def slice(self, start: int, end: int) -> str:
        """Return the bases of the 0-based half-open interval, N outside of what is held."""
        if end <= start:
            return ""
        low = max(start, self.start)
        high = max(low, min(end, self.start + len(self.bases)))
        known = self.bases[low - self.start : high - self.start]
        if not known:
            return "N" * (end - start)
        return "N" * (low - start) + known + "N" * (end - high)
