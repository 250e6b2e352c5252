"""What a clone's molecules are made of, and where each of their bases lies on the reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.errors import UserError
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.hgvs import parse_c
from vexas_uba1.simulate.genome import SimulatedGenome
from vexas_uba1.simulate.spec import Clone

CigarOps = tuple[tuple[str, int], ...]
"""Operations M, I, D, N, S and their lengths."""

Bases = NDArray[np.uint8]
Indices = NDArray[np.int64]

_INSERTED = -1


@dataclass(frozen=True)
class Template:
    """The reference bases that molecules are cut from, ascending along the genome.

    Attributes:
        positions: 0-based genomic position of each base; consecutive but across introns of a
            spliced template.
        bases: ASCII codes.
    """

    positions: Indices
    bases: Bases

    def index_of(self, position: int) -> int | None:
        """Return where a genomic position lies on the template, or None if it does not."""
        index = int(np.searchsorted(self.positions, position))
        if index < self.positions.size and self.positions[index] == position:
            return index
        return None


@dataclass(frozen=True)
class Alignment:
    """Where a read lies: the truth, not an aligner's opinion.

    Attributes:
        position: 0-based position of the first aligned base.
        cigar: With inserted bases at a read's end as S.
    """

    position: int
    cigar: CigarOps


@dataclass(frozen=True, eq=False)
class Haplotype:
    """The template with a clone's alleles applied.

    Attributes:
        template: What it was made from.
        alleles: In cis; empty for the reference.
        bases: ASCII codes.
        origins: Index of each base on the template, -1 where it was inserted.
    """

    template: Template
    alleles: tuple[Allele, ...]
    bases: Bases
    origins: Indices

    @cached_property
    def _reached(self) -> Indices:
        """Template bases used up to and including each base, minus one; never descending."""
        return np.maximum.accumulate(self.origins)

    def index_from(self, template_index: Indices) -> Indices:
        """Return the first base that stems from a template base or one after it."""
        return np.searchsorted(self._reached, template_index)

    def bases_over(self, start: int, end: int) -> Indices:
        """Return the indices of all bases over a genomic interval, inserted ones too."""
        template = self.template
        first = self.index_from(np.searchsorted(template.positions, np.array([start])))[0]
        last = np.searchsorted(self._reached, np.searchsorted(template.positions, end) - 1)
        return np.arange(first, min(int(last) + 1, self.bases.size))

    @cached_property
    def breaks(self) -> Indices:
        """Ascending indices of bases that do not follow the base before them on the genome."""
        placed = np.where(self.origins == _INSERTED, -2, self.template.positions[self.origins])
        return np.flatnonzero(np.diff(placed) != 1) + 1

    def align(self, start: int, end: int) -> Alignment:
        """Return the true alignment of the bases ``[start, end)``, not all of them inserted.

        Deleted template bases are D, introns of a spliced template N, inserted bases I (S at an
        end).
        """
        breaks = self.breaks
        inner = breaks[np.searchsorted(breaks, start, side="right") : np.searchsorted(breaks, end)]
        borders = [start, *inner.tolist(), end]
        operations: list[tuple[str, int]] = []
        previous: int | None = None
        first = 0
        for low, high in pairwise(borders):
            origin = int(self.origins[low])
            if origin == _INSERTED:
                _add(operations, "S" if previous is None else "I", high - low)
                continue
            if previous is None:
                first = int(self.template.positions[origin])
            else:
                self._cross(operations, previous, origin)
            _add(operations, "M", high - low)
            previous = origin + high - low - 1
        if operations[-1][0] == "I":
            operations[-1] = ("S", operations[-1][1])
        return Alignment(first, tuple(operations))

    def _cross(self, operations: list[tuple[str, int]], previous: int, origin: int) -> None:
        """Add what lies between two template bases that are neighbours in the haplotype."""
        gaps = np.diff(self.template.positions[previous : origin + 1]) - 1
        for index, gap in enumerate(gaps.tolist()):
            if index > 0:
                _add(operations, "D", 1)
            if gap:
                _add(operations, "N", gap)


def genomic_template(genome: SimulatedGenome) -> Template:
    """Return the whole window as a template."""
    start, end = genome.placed.window
    return Template(
        np.arange(start, end), np.frombuffer(genome.bases.encode("ascii"), dtype=np.uint8)
    )


def spliced_template(genome: SimulatedGenome) -> Template:
    """Return the transcript as a template, forward strand.

    Raises:
        UserError: the gene record has no exons.
    """
    if not genome.placed.build.exons:
        raise UserError(
            "RNA cannot be drawn from a gene record without exons",
            remedy="Set library.molecule: dna",
            column="library.molecule",
            value="rna",
        )
    positions = np.array(sorted(genome.placed.transcript_positions), dtype=np.int64)
    whole = genomic_template(genome)
    return Template(positions, whole.bases[positions - whole.positions[0]])


def build_haplotypes(
    genome: SimulatedGenome, template: Template, clones: tuple[Clone, ...]
) -> tuple[Haplotype, ...]:
    """Return the reference haplotype and after it one per clone, in their order.

    Raises:
        UserError: an allele is no c. name, lies off the template, or overlaps another of its clone.
    """
    reference = Haplotype(template, (), template.bases, np.arange(template.bases.size))
    found = [reference]
    for number, clone in enumerate(clones, start=1):
        alleles = tuple(_parse(text, genome, number) for text in clone.alleles)
        found.append(_apply(template, alleles, number))
    return tuple(found)


def _parse(text: str, genome: SimulatedGenome, number: int) -> Allele:
    try:
        return parse_c(text, genome.placed, genome.sequence)
    except (ValueError, UserError) as error:
        raise UserError(
            f"clone {number}: the allele cannot be placed: {error}",
            remedy="Write it as in 'c.122T>C', 'c.118-9_118-2del' or 'c.[119G>C;121A>T]'",
            column="clones",
            value=text,
        ) from error


def _apply(template: Template, alleles: tuple[Allele, ...], number: int) -> Haplotype:
    edits = sorted(edit for allele in alleles for edit in allele.edits)
    for left, right in pairwise(edits):
        if right.start < left.end or right.start == left.start:
            raise _wrong(number, right, "changes a base that another allele of the clone changes")
    bases: list[Bases] = []
    origins: list[Indices] = []
    done = 0
    for edit in edits:
        start, end = _on_template(template, edit, number)
        put = np.frombuffer(edit.alt.encode("ascii"), dtype=np.uint8)
        bases += [template.bases[done:start], put]
        origins += [np.arange(done, start), np.full(put.size, _INSERTED)]
        if edit.is_substitution:
            origins[-1] = np.arange(start, end)
        done = end
    bases.append(template.bases[done:])
    origins.append(np.arange(done, template.bases.size))
    return Haplotype(template, alleles, np.concatenate(bases), np.concatenate(origins))


def _on_template(template: Template, edit: Edit, number: int) -> tuple[int, int]:
    """Return the template interval that an edit replaces; its neighbours must be there."""
    before, after = template.index_of(edit.start - 1), template.index_of(edit.end)
    if edit.is_substitution:
        before = template.index_of(edit.start)
        before = None if before is None else before - 1
        after = None if before is None else before + 1 + len(edit.alt)
    if before is None or after is None:
        raise _wrong(number, edit, "lies off the molecules (RNA has no introns)")
    return before + 1, after


def _wrong(number: int, edit: Edit, message: str) -> UserError:
    return UserError(
        f"clone {number}: the allele at {edit.start + 1} {message}",
        remedy="Take it out, or give it a clone of its own",
        column="clones",
    )


def _add(operations: list[tuple[str, int]], operation: str, length: int) -> None:
    if operations and operations[-1][0] == operation:
        length += operations.pop()[1]
    operations.append((operation, length))
