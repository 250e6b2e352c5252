"""Molecules drawn observation by observation, so that every error probability is known.

Reads are left out: a library is a mix of kinds of observation (quality, strand, part of the read),
each of which errs as it announces, and of errors that qualities do not tell of. So thousands of
samples take minutes, and the best possible test, which knows each probability, can be worked out
beside the project's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alleles.haplotypes import View
from vexas_uba1.fragments.marks import BOTH_STRANDS, ORIGINS, QUARTERS
from vexas_uba1.fragments.qualities import QUALITY_CLASSES, base_error, quality_class
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.noise import PositionCounts
from vexas_uba1.reference import BASES, UNKNOWN, ReferenceWindow, context_of

A, C, G, T = range(4)
ADDED = 0.02
"""Largest share of observations that an artefact may change."""


@dataclass(frozen=True)
class Kinds:
    """Kinds of observation of a library; c kinds.

    Attributes:
        quality: Phred (c).
        origin: As in :class:`vexas_uba1.fragments.molecules.Column` (c).
        share: Of the observations (c).
    """

    quality: NDArray[np.uint8]
    origin: NDArray[np.uint8]
    share: NDArray[np.float64]


@dataclass(frozen=True)
class Library:
    """How a library's observations err.

    Attributes:
        name: In tables.
        kinds: Its mix.
        scale: Factor on what the qualities announce, by true and shown base, forward strand (4, 4).
        added: Further probability by origin, true and shown base, whatever the quality (9, 4, 4).
        motif: Reference bases before and behind that ``added`` asks for; "" for any.
        spread: Standard deviation of the logarithm of a factor that each position and base has of
            its own.
        normals: Further samples of the same machine, with the same factors, that make a panel.
    """

    name: str
    kinds: Kinds
    scale: NDArray[np.float64] = field(default_factory=lambda: np.ones((UNKNOWN, UNKNOWN)))
    added: NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((ORIGINS, UNKNOWN, UNKNOWN))
    )
    before: str = BASES[:4]
    behind: str = BASES[:4]
    spread: float = 0.0
    normals: int = 0

    def chance(
        self, true: int, context: tuple[int, int], factor: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the probability of each shown base by kind, 0 for the true one (c, 4).

        Args:
            true: Base code of what is there.
            context: Base codes before and behind.
            factor: Of the position, by shown base (4).
        """
        announced = base_error(self.kinds.quality)[:, None] / 3 * self.scale[true] * factor
        if BASES[context[0]] in self.before and BASES[context[1]] in self.behind:
            announced = announced + self.added[self.kinds.origin, true]
        announced[:, true] = 0.0
        found: NDArray[np.float64] = np.minimum(announced, 0.3)
        return found


def kinds(
    qualities: Mapping[int, float], overlap: float, *, floor: int = 45, family: int | None = None
) -> Kinds:
    """Return the kinds of a library of pairs.

    Args:
        qualities: Share of each Phred of a read.
        overlap: Share of the places that both mates read.
        floor: Phred that agreeing mates reach at most.
        family: Phred of a family's consensus, whatever its reads; None without UMIs.
    """
    rows: dict[tuple[int, int], float] = {}
    for quality, share in qualities.items():
        one = quality if family is None else family
        for origin in range(BOTH_STRANDS):
            key = (one, origin)
            rows[key] = rows.get(key, 0.0) + share * (1 - overlap) / BOTH_STRANDS
        for other, also in qualities.items():
            both = min(quality + other, floor) if family is None else family
            key = (both, BOTH_STRANDS)
            rows[key] = rows.get(key, 0.0) + share * also * overlap
    keys = sorted(rows)
    return Kinds(
        np.array([quality for quality, _ in keys], dtype=np.uint8),
        np.array([origin for _, origin in keys], dtype=np.uint8),
        np.array([rows[key] for key in keys]),
    )


BINNED = {37: 0.952, 23: 0.040, 12: 0.008}
"""As a two-colour instrument bins them; shares assumed."""
GRADED = {
    38: 0.30, 37: 0.22, 36: 0.12, 35: 0.09, 33: 0.07, 30: 0.06, 27: 0.04, 22: 0.03, 17: 0.03,
    12: 0.02, 7: 0.01, 2: 0.01,
}  # fmt: skip
"""As an older four-colour instrument grades them; shares assumed."""


def _added(true: int, shown: int, rate: float, origins: range) -> NDArray[np.float64]:
    added = np.zeros((ORIGINS, UNKNOWN, UNKNOWN))
    added[list(origins), true, shown] = rate
    return added


_REVERSE = range(QUARTERS, 2 * QUARTERS)
_ALL = range(ORIGINS)
PLAIN = Library("Illumina, qualities binned", kinds(BINNED, 0.6))
OLD = Library("Illumina, qualities graded", kinds(GRADED, 0.6))
POOR = Library("all Q20, mates apart", kinds({20: 1.0}, 0.0))
GOOD = Library("all Q37", kinds({37: 1.0}, 0.6))
# T>G before T or G on reads of the reverse strand is A>C behind A or C on the forward strand.
TWO_COLOUR = replace(
    PLAIN,
    name="two colours, T>G at NT[TG] on 5 % of reverse reads",
    added=_added(A, C, 0.05, _REVERSE),
    before="AC",
)
DEAMINATED = replace(
    PLAIN,
    name="deaminated, C>T and G>A at 0.1 %",
    added=_added(C, T, 1e-3, _ALL) + _added(G, A, 1e-3, _ALL),
)
FAMILIES = Library("UMI families of three and more", kinds(BINNED, 0.6, family=50))
UNEVEN = replace(PLAIN, name="sites unlike (log sd 0.7)", spread=0.7)
KNOWN = replace(UNEVEN, name="sites unlike, panel of 20 normals", normals=20)


@dataclass(frozen=True)
class Background:
    """The positions of one drawn sample without a variant, and what is true of the codon's.

    Attributes:
        counted: As the caller counts them.
        factors: Of each codon position by shown base (3, 4).
        normals: Samples with the same factors, counted likewise.
    """

    counted: PositionCounts
    factors: NDArray[np.float64]
    normals: tuple[PositionCounts, ...]


class Drawing:
    """Draws samples of one library over some positions of the gene."""

    def __init__(
        self,
        library: Library,
        placed: PlacedLocus,
        reference: ReferenceWindow,
        positions: NDArray[np.int64],
        generator: np.random.Generator,
    ) -> None:
        """Take the library and the places.

        Args:
            library: How its observations err.
            placed: The gene.
            reference: Its bases.
            positions: 0-based positions whose errors the model is made from, ascending, the codon's
                among them.
            generator: Of the random numbers.
        """
        self.library = library
        self.placed = placed
        self._reference = reference
        self._positions = positions
        self._generator = generator
        self._around = {int(at): self._context(int(at)) for at in positions}
        self._codon = np.searchsorted(positions, placed.codon_positions)

    def _context(self, position: int) -> tuple[int, int, int]:
        around = self._reference.slice(position - 1, position + 2)
        before, true, behind = (BASES.index(base) for base in around)
        return before, true, behind

    def background(self, depth: int) -> Background:
        """Draw a sample, each position ``depth`` molecules deep, and its panel's normals."""
        shape = (self._positions.size, UNKNOWN)
        factors = np.ones(shape)
        if self.library.spread:
            drawn = self._generator.normal(0.0, self.library.spread, shape)
            factors = np.exp(drawn - self.library.spread**2 / 2)
        return Background(
            self._counted(depth, factors),
            factors[self._codon],
            tuple(self._counted(depth, factors) for _ in range(self.library.normals)),
        )

    def _counted(self, depth: int, factors: NDArray[np.float64]) -> PositionCounts:
        own = self.library.kinds
        cell = own.origin.astype(np.int64) * QUALITY_CLASSES + quality_class(own.quality)
        size = ORIGINS * QUALITY_CLASSES
        counts = np.zeros((self._positions.size, UNKNOWN, size), dtype=np.int64)
        error = np.zeros((self._positions.size, size))
        announced = base_error(own.quality)
        trials = self._generator.multinomial(depth, own.share, self._positions.size)
        for row, position in enumerate(self._positions.tolist()):
            before, true, behind = self._around[position]
            chance = self.library.chance(true, (before, behind), factors[row])
            wrong = self._generator.poisson(trials[row][:, None] * chance)
            wrong[:, true] = trials[row] - wrong.sum(axis=1)
            for shown in range(UNKNOWN):
                counts[row, shown] = np.bincount(cell, wrong[:, shown], size)
            error[row] = np.bincount(cell, trials[row] * announced, size)
        shape = (ORIGINS, QUALITY_CLASSES)
        return PositionCounts(
            self._positions,
            self._reference.codes[self._positions - self._reference.start],
            context_of(self._reference, self._positions),
            np.maximum(counts, 0).reshape(-1, UNKNOWN, *shape),
            error.reshape(-1, *shape),
        )

    def truth(self, row: int, factors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the true probability of each shown base at a position of the codon (c, 4)."""
        before, true, behind = self._around[self.placed.codon_positions[row]]
        return self.library.chance(true, (before, behind), factors[row])

    def codon(
        self,
        depth: int,
        factors: NDArray[np.float64],
        row: int,
        alt: int,
        vaf: float,
        boost: float | NDArray[np.float64] = 1.0,
    ) -> tuple[View, NDArray[np.int64]]:
        """Draw the codon of a sample.

        Args:
            depth: Informative molecules.
            factors: Of the codon's positions (3, 4).
            row: Position of the codon that a true allele changes.
            alt: What it changes it to.
            vaf: Its share of the molecules.
            boost: Factor on the probability of the error that looks like the allele, for all kinds
                or by kind (c).

        Returns:
            The view, and the kind of observation of each molecule at ``row`` (n).
        """
        own = self.library.kinds
        generator = self._generator
        codes = np.zeros((3, depth), dtype=np.uint8)
        # Neighbouring bases are read by the same mates, and about as well.
        kind = np.tile(generator.choice(own.share.size, depth, p=own.share), (3, 1))
        true = np.array([self._around[at][1] for at in self.placed.codon_positions])
        mutant = generator.random(depth) < vaf
        for at in range(3):
            chance = self.truth(at, factors)
            if at == row:
                chance[:, alt] *= boost
            edges = np.cumsum(chance, axis=1)[kind[at]]
            codes[at] = (generator.random(depth)[:, None] >= edges).sum(axis=1)
            codes[at][codes[at] == UNKNOWN] = true[at]
            if at == row:
                codes[at][mutant] = self._read_of_mutant(alt, kind[at][mutant])
        origin, quality = own.origin[kind], own.quality[kind]
        # The strand of a molecule is that of the tested position.
        both = origin[row] == BOTH_STRANDS
        positions = np.array(self.placed.codon_positions)
        view = View(
            positions=tuple(self.placed.codon_positions),
            reference=tuple(true.tolist()),
            molecules=np.arange(depth),
            codes=codes,
            context=tuple(context_of(self._reference, positions).tolist()),
            quality=quality,
            origin=origin,
            forward=both | (origin[row] < QUARTERS),
            reverse=both | (origin[row] >= QUARTERS),
            read_quality=np.minimum(quality, 41).min(axis=0),
            end_distance=np.full(depth, 50, dtype=np.int32),
            mapping_quality=np.full(depth, 60, dtype=np.uint8),
            fragment_start=self._generator.integers(-140, 0, depth) + positions[0],
            fragment_end=self._generator.integers(10, 140, depth) + positions[2],
            discordant=0,
        )
        return view, kind[row]

    def _read_of_mutant(self, alt: int, kind: NDArray[np.int64]) -> NDArray[np.uint8]:
        lost = self._generator.random(kind.size) < base_error(self.library.kinds.quality[kind])
        read = np.full(kind.size, alt, dtype=np.uint8)
        read[lost] = (alt + self._generator.integers(1, 4, int(lost.sum()))) % 4
        return read
