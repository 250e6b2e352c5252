"""Which molecules are in the tube: where each is cut, and which clone it stems from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.errors import UserError
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import Interval
from vexas_uba1.simulate.haplotypes import Haplotype, Indices, Template
from vexas_uba1.simulate.spec import LibrarySpec, Simulation

Flags = NDArray[np.bool_]

MIN_INSERT = 30
"""Shorter molecules would be lost in the clean-up of a library."""

_STRETCH = re.compile(r"c\.([^_]+)_([^_]+)")


@dataclass(frozen=True, eq=False)
class Molecules:
    """Double-stranded molecules of a library, in the order drawn.

    Attributes:
        start: Index of the first base on the template.
        end: Exclusive index of the last.
        read1_reverse: Whether the first read starts at the right end.
        clone: Index into the haplotypes; 0 is the reference.
    """

    start: Indices
    end: Indices
    read1_reverse: Flags
    clone: Indices

    def cut(self, haplotypes: Sequence[Haplotype]) -> tuple[Indices, Indices]:
        """Return start and exclusive end of each molecule on its own haplotype."""
        start, end = self.start.copy(), self.end.copy()
        for number, haplotype in enumerate(haplotypes):
            own = self.clone == number
            start[own] = haplotype.index_from(self.start[own])
            end[own] = haplotype.index_from(self.end[own])
        return start, end

    def reading(
        self, haplotype: Haplotype, sites: Sequence[Interval], library: LibrarySpec
    ) -> Flags:
        """Return which molecules' reads cover all of ``sites``, were they of this haplotype.

        Args:
            haplotype: Whose bases are meant.
            sites: Genomic intervals.
            library: Read length, and whether both ends are read.
        """
        start, end = haplotype.index_from(self.start), haplotype.index_from(self.end)
        size = np.minimum(library.read_length, end - start)
        left, right = start + size, end - size
        if not library.paired:
            left = np.where(self.read1_reverse, start, left)
            right = np.where(self.read1_reverse, right, end)
        covered = np.ones(self.start.size, dtype=np.bool_)
        for site in sites:
            for base in haplotype.bases_over(*site):
                covered &= ((start <= base) & (base < left)) | ((right <= base) & (base < end))
        return covered


def allele_sites(allele: Allele) -> list[Interval]:
    """Return the intervals that a read must cover to show an allele or its absence.

    The changed base of a substitution; both neighbours of an insertion or deletion.
    """

    def site(edit: Edit) -> Interval:
        flank = 0 if edit.is_substitution else 1
        return edit.start - flank, edit.end + flank

    return [site(edit) for edit in allele.edits]


def region_intervals(names: Sequence[str], placed: PlacedLocus) -> list[Interval]:
    """Return the genomic intervals that region names stand for.

    Raises:
        UserError: a name that means nothing on this gene.
    """
    found: list[Interval] = []
    for name in names:
        found += _named_region(name, placed)
    return found


def draw_molecules(
    spec: Simulation,
    haplotypes: Sequence[Haplotype],
    placed: PlacedLocus,
    generator: np.random.Generator,
) -> Molecules:
    """Draw the molecules over a spec's regions and deal them out to the clones.

    Random ends: starts are even over all places from which a molecule can reach a region, as many
    as give ``depth_fragments`` on average; those that no read of which touches a region are
    dropped, as by capture. Fixed ends: ``depth_fragments`` molecules over each region, from its
    first to its last base.

    Raises:
        UserError: a region that means nothing on this gene or lies off the molecules.
    """
    template = haplotypes[0].template
    intervals = [
        (
            int(np.searchsorted(template.positions, start)),
            int(np.searchsorted(template.positions, end)),
        )
        for start, end in region_intervals(spec.regions, placed)
    ]
    if any(start == end for start, end in intervals):
        raise UserError(
            "a region holds none of the molecules' bases",
            remedy="Take regions within the gene's window; of RNA only exons",
            column="regions",
            value=", ".join(spec.regions),
        )
    draw = _draw_fixed if spec.library.ends == "fixed" else _draw_random
    start, end = draw(spec, intervals, template, generator)
    molecules = Molecules(start, end, generator.random(start.size) < 0.5, np.zeros_like(start))
    if spec.library.ends == "random":
        molecules = _touching(molecules, intervals, template, spec.library)
    deal = _deal_evenly if spec.exact else _deal_by_chance
    return replace(molecules, clone=deal(spec, molecules, haplotypes, generator))


def _named_region(name: str, placed: PlacedLocus) -> list[Interval]:
    exons = dict(placed.exon_intervals)
    if name == "window":
        return [placed.window]
    if name == "codon":
        return [(min(placed.codon_positions), max(placed.codon_positions) + 1)]
    if name == "coding" and exons:
        low, high = min(placed.coding_positions), max(placed.coding_positions) + 1
        clipped = [(max(start, low), min(end, high)) for start, end in exons.values()]
        return [(start, end) for start, end in clipped if start < end]
    kind, _, number = name.partition(" ")
    if kind == "exon" and number.isdecimal() and int(number) in exons:
        return [exons[int(number)]]
    stretch = _STRETCH.fullmatch(name)
    try:
        ends = sorted(placed.genomic(part) for part in stretch.groups()) if stretch else []
    except ValueError:
        ends = []
    if not ends:
        raise UserError(
            "no region of the gene has this name",
            remedy="Use codon, coding, window, exon 3 (any number) or c.118-60_176+40",
            column="regions",
            value=name,
        )
    return [(ends[0], ends[1] + 1)]


def _draw_fixed(
    spec: Simulation, intervals: list[Interval], template: Template, generator: np.random.Generator
) -> tuple[Indices, Indices]:
    starts, ends = np.array(intervals, dtype=np.int64).T
    order = generator.permutation(np.repeat(np.arange(starts.size), round(spec.depth_fragments)))
    return starts[order], ends[order]


def _draw_random(
    spec: Simulation, intervals: list[Interval], template: Template, generator: np.random.Generator
) -> tuple[Indices, Indices]:
    library = spec.library
    lengths, weights = _insert_lengths(library)
    read = np.minimum(lengths, library.read_length * (2 if library.paired else 1))
    reachable = np.zeros(template.bases.size, dtype=np.bool_)
    for first, last in intervals:
        reachable[max(0, first - int(lengths[-1]) + 1) : last] = True
    places = np.flatnonzero(reachable)
    count = round(spec.depth_fragments * places.size / float(np.sum(read * weights)))
    start = generator.choice(places, size=count)
    end = start + generator.choice(lengths, size=count, p=weights)
    inside = end <= template.bases.size
    return start[inside], end[inside]


def _insert_lengths(library: LibrarySpec) -> tuple[Indices, NDArray[np.float64]]:
    """Return insert lengths (within four standard deviations) and their normal probabilities."""
    reach = 4 * library.insert_sd
    low = max(MIN_INSERT, round(library.insert_mean - reach))
    lengths = np.arange(low, max(low, round(library.insert_mean + reach)) + 1)
    if library.insert_sd == 0:
        return lengths, np.ones(lengths.size) / lengths.size
    weights = np.exp(-0.5 * ((lengths - library.insert_mean) / library.insert_sd) ** 2)
    return lengths, weights / weights.sum()


def _touching(
    molecules: Molecules, intervals: list[Interval], template: Template, library: LibrarySpec
) -> Molecules:
    """Return the molecules of which some read covers a base of the intervals."""
    wanted = np.zeros(template.bases.size, dtype=np.int64)
    for start, end in intervals:
        wanted[start:end] = 1
    before = np.concatenate([[0], np.cumsum(wanted)])
    size = np.minimum(library.read_length, molecules.end - molecules.start)
    left = before[molecules.start + size] > before[molecules.start]
    right = before[molecules.end] > before[molecules.end - size]
    if not library.paired:
        left, right = left & ~molecules.read1_reverse, right & molecules.read1_reverse
    kept = left | right
    return Molecules(
        molecules.start[kept],
        molecules.end[kept],
        molecules.read1_reverse[kept],
        molecules.clone[kept],
    )


def _deal_by_chance(
    spec: Simulation,
    molecules: Molecules,
    haplotypes: Sequence[Haplotype],
    generator: np.random.Generator,
) -> Indices:
    """Give each molecule a clone by itself, with the clones' VAFs as probabilities."""
    limits = np.cumsum([clone.vaf for clone in spec.clones])
    numbers = np.searchsorted(limits, generator.random(molecules.start.size), side="right")
    return np.where(numbers < len(spec.clones), numbers + 1, 0)


def _deal_evenly(
    spec: Simulation,
    molecules: Molecules,
    haplotypes: Sequence[Haplotype],
    generator: np.random.Generator,
) -> Indices:
    """Give each clone round(VAF x depth) of the molecules over its first allele.

    Depth counts the molecules that would cover the place if they were reference; the few at a long
    deletion's borders that would cover it on one of the two haplotypes only stay reference, so
    that the counts hold.
    """
    dealt = np.zeros(molecules.start.size, dtype=np.int64)
    for number, clone in enumerate(spec.clones, start=1):
        sites = allele_sites(haplotypes[number].alleles[0])
        on_reference = molecules.reading(haplotypes[0], sites, spec.library)
        on_clone = molecules.reading(haplotypes[number], sites, spec.library)
        for pool, total in (
            (on_reference & on_clone, on_reference.sum()),
            (~on_reference & ~on_clone, (~on_reference).sum()),
        ):
            free = np.flatnonzero(pool & (dealt == 0))
            count = min(int(clone.vaf * total + 0.5), free.size)
            dealt[generator.permutation(free)[:count]] = number
    return dealt
