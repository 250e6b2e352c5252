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
from vexas_uba1.fragments.joining import BOTH_STRANDS, ORIGINS, QUARTERS
from vexas_uba1.fragments.qualities import QUALITY_CLASSES, base_error, quality_class
from vexas_uba1.reference import BASES, UNKNOWN

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
        strand = np.minimum(library.kinds.origin // QUARTERS, 2)
        shares = np.bincount(strand, library.kinds.share, 3)
        self._strands = generator.multinomial(depth, shares / shares.sum())
        self._of_strand = [np.flatnonzero(strand == each) for each in range(3)]
        size = self.positions.size
        trials = np.zeros((size, strand.size), dtype=np.int64)
        for molecules, own in zip(self._strands, self._of_strand, strict=True):
            if own.size:
                share = library.kinds.share[own]
                trials[:, own] = generator.multinomial(molecules, share / share.sum(), size)
        codes = gene.reference.codes[
            self.positions[0] - 1 - gene.reference.start : self.positions[-1]
            + 2
            - gene.reference.start
        ]
        at = self.positions - self.positions[0] + 1
        self._true = codes[at]
        self._shown = np.zeros((size, UNKNOWN, strand.size), dtype=np.int64)
        plain = np.ones(UNKNOWN)
        known: dict[tuple[int, int, int], NDArray[np.float64]] = {}
        for row, place in enumerate(at.tolist()):
            before, true, behind = (int(code) for code in codes[place - 1 : place + 2])
            key = (before, true, behind)
            if library.spread:
                drawn = generator.normal(0.0, library.spread, UNKNOWN)
                chance = library.chance(
                    true, (before, behind), np.exp(drawn - library.spread**2 / 2)
                )
            elif key in known:
                chance = known[key]
            else:
                chance = known[key] = library.chance(true, (before, behind), plain)
            self._shown[row] = chance.T
        chances = self._shown_chances = None
        del chances
