"""The gene on one build: coordinates, c. positions, regions."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from vexas_uba1.locus.bases import reverse_complement
from vexas_uba1.locus.record import BuildRecord, Interval, Locus

MINIMAL_WINDOW_FLANK = 1000
"""Bases on either side of the codon that make the window of a record without exons."""

_C_POSITION = re.compile(r"([-*]?)([1-9]\d*)(?:([+-])([1-9]\d*))?")


@lru_cache(maxsize=16)
def place(locus: Locus, build: BuildRecord, contig: str) -> PlacedLocus:
    """Return the gene on a build; the same object again, with all that it has derived so far."""
    return PlacedLocus(locus, build, contig)


@dataclass(frozen=True)
class PlacedLocus:
    """A gene record seen on one build, under the contig name of the user's file.

    Attributes:
        locus: The record.
        build: Its entry for the build.
        contig: Name of the contig in the user's file.
    """

    locus: Locus
    build: BuildRecord
    contig: str

    def with_contig(self, name: str) -> PlacedLocus:
        """Return the same gene on a contig of another name."""
        return place(self.locus, self.build, name)

    @property
    def is_forward(self) -> bool:
        """Whether the transcript reads along the genome's forward strand."""
        return self.locus.strand == "+"

    @property
    def codon_positions(self) -> tuple[int, int, int]:
        """0-based positions of the codon of interest, in the transcript's order."""
        return self.build.codon_positions

    @cached_property
    def window(self) -> Interval:
        """The gene (without exons the codon) and its flanks, clipped to the contig."""
        flank = self.locus.window_flank
        start, end = min(self.codon_positions), max(self.codon_positions) + 1
        if self.build.exons:
            start = min(first for first, _ in self.build.exons)
            end = max(last for _, last in self.build.exons)
        else:
            flank = max(flank, MINIMAL_WINDOW_FLANK)
        return max(0, start - flank), min(self.build.length, end + flank)

    @cached_property
    def exon_intervals(self) -> tuple[tuple[int, Interval], ...]:
        """Number and interval of each exon, in the transcript's order."""
        numbers = (exon.number for exon in self.locus.exons)
        return tuple(zip(numbers, self.build.exons, strict=True))

    @cached_property
    def transcript_positions(self) -> list[int]:
        """0-based positions of the spliced transcript; without exons the codon's three."""
        if not self.build.exons:
            return list(self.codon_positions)
        positions: list[int] = []
        for start, end in self.build.exons:
            positions.extend(
                range(start, end) if self.is_forward else range(end - 1, start - 1, -1)
            )
        return positions

    @cached_property
    def transcript_bases(self) -> str:
        """The record's bases of the spliced transcript; without exons the codon's three."""
        if not self.locus.exons:
            return self.locus.codon_reference
        return "".join(exon.bases for exon in self.locus.exons)

    @cached_property
    def coding_positions(self) -> list[int]:
        """0-based positions of c.1, c.2, ... to the last; without exons the codon's three."""
        if self.locus.cds is None:
            return list(self.codon_positions)
        first = self.locus.coding_start
        return self.transcript_positions[first : first + self.locus.cds.length]

    @property
    def first_coding_number(self) -> int | None:
        """The c. number of ``coding_positions[0]``: 1, or the codon's own; None if unknown."""
        if self.locus.cds is not None:
            return 1
        number = self.locus.codon_number
        return None if number is None else 3 * (number - 1) + 1

    @cached_property
    def coding_index(self) -> dict[int, int]:
        """Index into ``coding_positions`` of each coding position."""
        return {position: index for index, position in enumerate(self.coding_positions)}

    @cached_property
    def transcript_index(self) -> dict[int, int]:
        """Index into ``transcript_positions`` of each position of an exon."""
        return {position: index for index, position in enumerate(self.transcript_positions)}

    def reference_bases(self) -> str:
        """Return what the record knows of ``window``, forward strand.

        Exon bases and the introns' first and last two bases; N elsewhere.
        """
        return self._reference_bases

    @cached_property
    def _reference_bases(self) -> str:
        start, end = self.window
        known = ["N"] * (end - start)

        def put(first: int, bases: str) -> None:
            known[first - start : first - start + len(bases)] = (
                bases if self.is_forward else reverse_complement(bases)
            )

        if self.locus.splice is not None:
            for upstream, downstream in self._introns():
                low, high = (
                    (upstream[1], downstream[0])
                    if self.is_forward
                    else (downstream[1], upstream[0])
                )
                if high - low >= 4:
                    donor, acceptor = self.locus.splice.donor, self.locus.splice.acceptor
                    put(low if self.is_forward else high - 2, donor)
                    put(high - 2 if self.is_forward else low, acceptor)
        for exon, (first, _) in zip(self.locus.exons, self.build.exons, strict=True):
            put(first, exon.bases)
        if not self.locus.exons:
            bases = self.locus.codon_reference
            for position, base in zip(self.codon_positions, bases, strict=True):
                put(position, base)
        return "".join(known)

    def has_c_name(self, position: int) -> bool:
        """Return whether :meth:`c_name` knows a name for a 0-based position."""
        return bool(self.build.exons) or self.c_name(position) is not None

    def c_name(self, position: int) -> str | None:
        """Return the c. position of a 0-based one, such as ``121``, ``118-9``, ``-5``, ``*12``.

        An intron's base is counted from the nearer exon, the middle one from the exon before it.
        Before the first and after the last exon the count of the untranslated bases goes on, since
        nothing is spliced there. Without exons only the numbered codon's own bases have a name;
        None stands for a position without one.
        """
        if not self.build.exons:
            first = self.first_coding_number
            index = self.coding_index.get(position)
            return None if first is None or index is None else str(first + index)
        oriented = self._oriented(position)
        starts, ends, offsets = self._oriented_exons
        index = max(bisect_right(starts, oriented) - 1, 0)
        last = len(starts) - 1
        if oriented < ends[index] or index == last:
            return self._transcript_name(offsets[index] + oriented - starts[index])
        after = oriented - ends[index] + 1
        before = starts[index + 1] - oriented
        if after <= before:
            return f"{self._transcript_name(offsets[index + 1] - 1)}+{after}"
        return f"{self._transcript_name(offsets[index + 1])}-{before}"

    def genomic(self, c_name: str) -> int:
        """Return the 0-based position of a c. position (the inverse of :meth:`c_name`).

        Raises:
            ValueError: not a c. position, or not one of this transcript's window.
        """
        match = _C_POSITION.fullmatch(c_name)
        if match is None:
            raise ValueError(f"{c_name!r} is not a c. position")
        mark, digits, sign, offset = match.groups()
        if not self.build.exons:
            first = self.first_coding_number
            index = -1 if first is None else int(digits) - first
            if mark or sign or not 0 <= index < len(self.coding_positions):
                raise ValueError(f"the gene record does not know where c.{c_name} lies")
            return self.coding_positions[index]
        transcript = self._index_of(mark, int(digits))
        oriented = self._oriented_base(transcript)
        if sign:
            oriented = self._oriented_intronic(transcript, sign, int(offset), c_name)
        position = self._oriented(oriented)
        if not self.window[0] <= position < self.window[1]:
            raise ValueError(f"c.{c_name} lies outside of the gene's window")
        return position

    def intron_distance(self, position: int) -> int | None:
        """Return an intron base's distance from the nearer exon (1: beside it), else None."""
        oriented = self._oriented(position)
        starts, ends, _ = self._oriented_exons
        index = bisect_right(starts, oriented) - 1
        if index < 0 or index + 1 >= len(starts) or oriented < ends[index]:
            return None
        return min(oriented - ends[index] + 1, starts[index + 1] - oriented)

    def splice_intervals(self, flank: int) -> list[Interval]:
        """Return ``flank`` bases at each end of each intron, ascending and not overlapping."""
        found: list[Interval] = []
        for upstream, downstream in self._introns():
            low, high = sorted((upstream, downstream))
            start, end = low[1], high[0]
            if end - start <= 2 * flank:
                found.append((start, end))
            else:
                found += [(start, start + flank), (end - flank, end)]
        return sorted(found)

    def splice_sites(self) -> dict[str, tuple[int, ...]]:
        """Return the 0-based positions of the introns' first and last two bases, by name."""
        found: dict[str, tuple[int, ...]] = {}
        numbers = [exon.number for exon in self.locus.exons]
        for index, (upstream, downstream) in enumerate(self._introns()):
            donor, acceptor = (upstream[1], upstream[1] + 1), (downstream[0] - 2, downstream[0] - 1)
            if not self.is_forward:
                donor, acceptor = (
                    (upstream[0] - 2, upstream[0] - 1),
                    (downstream[1], downstream[1] + 1),
                )
            found[f"exon {numbers[index]} splice donor"] = donor
            found[f"exon {numbers[index + 1]} splice acceptor"] = acceptor
        return found

    def _introns(self) -> list[tuple[Interval, Interval]]:
        """Return the exons before and after each intron, in the transcript's order."""
        return list(pairwise(self.build.exons))

    def _oriented(self, position: int) -> int:
        """Return the position counted along the transcript's strand; its own inverse."""
        return position if self.is_forward else self.build.length - 1 - position

    @cached_property
    def _oriented_exons(self) -> tuple[list[int], list[int], list[int]]:
        """The exons' starts, ends and first transcript indices along the transcript's strand."""
        starts: list[int] = []
        ends: list[int] = []
        offsets: list[int] = []
        length = 0
        for start, end in self.build.exons:
            starts.append(start if self.is_forward else self.build.length - end)
            ends.append(end if self.is_forward else self.build.length - start)
            offsets.append(length)
            length += end - start
        return starts, ends, offsets

    def _transcript_name(self, index: int) -> str:
        """Return the c. name of a spliced base (0-based; may lie beyond the transcript)."""
        assert self.locus.cds is not None
        number = index - self.locus.coding_start
        if number < 0:
            return str(number)
        if number < self.locus.cds.length:
            return str(number + 1)
        return f"*{number - self.locus.cds.length + 1}"

    def _index_of(self, mark: str, number: int) -> int:
        assert self.locus.cds is not None
        first = self.locus.coding_start
        if mark == "-":
            return first - number
        if mark == "*":
            return first + self.locus.cds.length + number - 1
        if number > self.locus.cds.length:
            raise ValueError(
                f"the coding sequence ends at c.{self.locus.cds.length}, before c.{number}"
            )
        return first + number - 1

    def _oriented_base(self, transcript: int) -> int:
        starts, _, offsets = self._oriented_exons
        index = max(bisect_right(offsets, transcript) - 1, 0)
        return starts[index] + transcript - offsets[index]

    def _oriented_intronic(self, transcript: int, sign: str, offset: int, c_name: str) -> int:
        starts, ends, _ = self._oriented_exons
        base = self._oriented_base(transcript)
        if sign == "+" and base + 1 in ends[:-1]:
            index = ends.index(base + 1)
            oriented = base + offset
        elif sign == "-" and base in starts[1:]:
            index = starts.index(base) - 1
            oriented = base - offset
        else:
            raise ValueError(f"c.{c_name} is counted from a base that is at no exon's border")
        if not ends[index] <= oriented < starts[index + 1]:
            raise ValueError(f"the intron of c.{c_name} is shorter than that")
        return oriented
