"""Molecules of one library over all searched positions, drawn without reads.

What each position shows is drawn as numbers, and spread over the molecules only where the caller
asks for them, so that a sample of the whole gene takes no longer than its calling. All molecules
cover all positions; there are no insertions or deletions, and nothing lies beside.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.observations import Library
from benchmarks.spiked import Gene
from vexas_uba1.fragments import UNCERTAIN, Column, Histogram, IndelCount
from vexas_uba1.fragments.marks import ORIGINS, QUARTERS
from vexas_uba1.fragments.qualities import QUALITY_CLASSES, base_error, quality_class
from vexas_uba1.reference import UNKNOWN

_FLANK = 10
_READ_QUALITY = 41
_END_DISTANCE = 50
_QUALITIES = 64


def searched(gene: Gene) -> NDArray[np.int64]:
    """Return the 0-based positions that a sample is searched at: coding bases, introns' ends."""
    ends = [np.arange(*interval) for interval in gene.placed.splice_intervals(_FLANK)]
    return np.unique(np.concatenate([gene.coding, *ends]))


class DrawnMolecules:
    """As :class:`vexas_uba1.fragments.Molecules` shows itself to the caller; M molecules."""

    indels: tuple[IndelCount, ...] = ()

    def __init__(
        self, library: Library, gene: Gene, depth: int, generator: np.random.Generator
    ) -> None:
        """Draw the molecules.

        Args:
            library: How its observations err.
            gene: Without a variant.
            depth: Molecules over each position.
            generator: Of the random numbers.
        """
        self.count = depth
        self.positions = searched(gene)
        self._generator = generator
        self._kinds = library.kinds
        # 0 forward, 1 reverse, 2 both.
        strand = np.minimum(library.kinds.origin // QUARTERS, 2).astype(np.int64)
        shares = np.bincount(strand, library.kinds.share, 3)
        self._strands = generator.multinomial(depth, shares / shares.sum())
        self._of_strand = [np.flatnonzero(strand == each) for each in range(3)]
        size = self.positions.size
        trials = np.zeros((size, strand.size), dtype=np.int64)
        for molecules, own in zip(self._strands, self._of_strand, strict=True):
            if molecules:
                share = library.kinds.share[own]
                trials[:, own] = generator.multinomial(molecules, share / share.sum(), size)
        self._trials = trials
        chance = self._chances(library, gene)
        shown = np.zeros((size, UNKNOWN, strand.size), dtype=np.int64)
        left, rest = trials.copy(), np.ones(trials.shape)
        for code in range(UNKNOWN):
            # Each of those that show none of the codes before.
            shown[:, code] = generator.binomial(left, np.clip(chance[:, code] / rest, 0, 1))
            left -= shown[:, code]
            rest -= chance[:, code]
        shown[np.arange(size), self._true] += left
        self._shown = shown
        self._columns: dict[int, Column] = {}
        codon = gene.placed.codon_positions[0]
        self._start = codon - generator.integers(10, 140, depth)
        self._end = codon + generator.integers(10, 140, depth)

    def _chances(self, library: Library, gene: Gene) -> NDArray[np.float64]:
        """Return the probability of each wrong base by position and kind (P, 4, c)."""
        codes = gene.reference.codes
        at = self.positions - gene.reference.start
        self._true = codes[at].astype(np.int64)
        plain = np.ones(UNKNOWN)
        known: dict[tuple[int, int, int], NDArray[np.float64]] = {}
        rows = []
        for before, true, behind in zip(
            codes[at - 1].tolist(), self._true.tolist(), codes[at + 1].tolist(), strict=True
        ):
            if library.spread:
                drawn = self._generator.normal(0.0, library.spread, UNKNOWN)
                factor = np.exp(drawn - library.spread**2 / 2)
                rows.append(library.chance(true, (before, behind), factor).T)
                continue
            key = (before, true, behind)
            if key not in known:
                known[key] = library.chance(true, (before, behind), plain).T
            rows.append(known[key])
        return np.stack(rows)

    @property
    def mapping_quality(self) -> NDArray[np.uint8]:
        """All are well placed (M)."""
        return np.full(self.count, 60, dtype=np.uint8)

    @property
    def ends(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where a fragment about the codon would begin and end (M)."""
        return self._start, self._end

    def beside(
        self, molecules: NDArray[np.int64], start: int, end: int, least_quality: int = 0
    ) -> NDArray[np.uint8]:
        """Return that nothing is seen beside an allele (m, P)."""
        return np.full((molecules.size, end - start), UNCERTAIN, dtype=np.uint8)

    @cached_property
    def histogram(self) -> Histogram:
        """What all molecules show at the searched positions."""
        own = self._kinds
        cell = own.origin.astype(np.int64) * QUALITY_CLASSES + quality_class(own.quality)
        into = np.zeros((cell.size, ORIGINS * QUALITY_CLASSES), dtype=np.int64)
        into[np.arange(cell.size), cell] = 1
        size = self.positions.size
        shape = (ORIGINS, QUALITY_CLASSES)
        announced = self._trials * base_error(own.quality)
        return Histogram(
            self.positions,
            (self._shown @ into).reshape(size, UNKNOWN, *shape),
            (announced @ into).reshape(size, *shape),
            np.bincount(own.quality, self._trials.sum(axis=0), _QUALITIES).astype(np.int64),
            0,
            0,
        )

    def column(self, position: int) -> Column:
        """What all molecules show at a position; outside of the searched ones, nothing."""
        if position not in self._columns:
            self._columns[position] = self._spread_out(position)
        return self._columns[position]

    def _spread_out(self, position: int) -> Column:
        row = int(np.searchsorted(self.positions, position))
        forward = np.repeat([True, False, True], self._strands)
        reverse = np.repeat([False, True, True], self._strands)
        if row == self.positions.size or self.positions[row] != position:
            nothing = np.full(self.count, UNCERTAIN, dtype=np.uint8)
            zero = np.zeros(self.count, dtype=np.uint8)
            none = np.zeros(self.count, dtype=np.bool_)
            return Column(nothing, zero, none, none, zero, zero, np.zeros(self.count, np.int32))
        codes, kinds = [], []
        for own in self._of_strand:
            shown = self._shown[row][:, own]
            code = np.repeat(np.tile(np.arange(UNKNOWN), own.size), shown.T.ravel())
            kind = np.repeat(own, shown.sum(axis=0))
            order = self._generator.permutation(kind.size)
            codes.append(code[order])
            kinds.append(kind[order])
        kind = np.concatenate(kinds)
        quality = self._kinds.quality[kind]
        return Column(
            code=np.concatenate(codes).astype(np.uint8),
            quality=quality,
            forward=forward,
            reverse=reverse,
            origin=self._kinds.origin[kind],
            read_quality=np.minimum(quality, _READ_QUALITY),
            end_distance=np.full(self.count, _END_DISTANCE, dtype=np.int32),
        )
