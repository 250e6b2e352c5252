"""Seeing a contig along the transcript's strand, so that the rules of names are written once."""

from __future__ import annotations

from dataclasses import dataclass

from vexas_uba1.locus.bases import Bases, reverse_complement
from vexas_uba1.locus.edits import Edit
from vexas_uba1.locus.record import Interval


@dataclass(frozen=True)
class Orientation:
    """Turns things between the contig's forward strand and another; each turn is its own inverse.

    Attributes:
        length: Of the contig.
        is_forward: Whether the strand is the forward one, so that nothing changes.
    """

    length: int
    is_forward: bool

    def position(self, position: int) -> int:
        """Turn a 0-based position."""
        return position if self.is_forward else self.length - 1 - position

    def interval(self, interval: Interval) -> Interval:
        """Turn a half-open interval."""
        start, end = interval
        return interval if self.is_forward else (self.length - end, self.length - start)

    def edit(self, edit: Edit) -> Edit:
        """Turn an edit."""
        if self.is_forward:
            return edit
        return Edit(self.length - edit.end, self.length - edit.start, reverse_complement(edit.alt))

    def bases(self, bases: Bases) -> Bases:
        """Turn the contig's bases."""
        return bases if self.is_forward else _Turned(bases, self.length)


@dataclass(frozen=True)
class _Turned:
    forward: Bases
    length: int

    def slice(self, start: int, end: int) -> str:
        return reverse_complement(self.forward.slice(self.length - end, self.length - start))
