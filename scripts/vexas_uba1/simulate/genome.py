"""The bases that simulated molecules are cut from, and the contigs that their files name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from vexas_uba1.errors import UserError
from vexas_uba1.locus.bases import Sequence
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import Locus, load_locus
from vexas_uba1.simulate.padded_fasta import padded_md5, write_padded_fasta
from vexas_uba1.simulate.spec import GenomeSpec

# Lengths of chromosomes 1 to 22, Y and MT as the assemblies give them (GRCh37 with the revised
# Cambridge MT). With X they add up to the known 3,088,286,401 and 3,095,693,981 bases, which a
# test checks.
_LENGTHS = {
    "GRCh38": """
        248956422 242193529 198295559 190214555 181538259 170805979 159345973 145138636 138394717
        133797422 135086622 133275309 114364328 107043718 101991189 90338345 83257441 80373285
        58617616 64444167 46709983 50818468 57227415 16569
    """,
    "GRCh37": """
        249250621 243199373 198022430 191154276 180915260 171115067 159138663 146364022 141213431
        135534747 135006516 133851895 115169878 107349540 102531392 90354753 81195210 78077248
        59128983 63025520 48129895 51304566 59373566 16569
    """,
}
OTHER_CHROMOSOMES: dict[str, dict[str, int]] = {
    build: dict(zip([*map(str, range(1, 23)), "Y", "MT"], map(int, text.split()), strict=True))
    for build, text in _LENGTHS.items()
}


@dataclass(frozen=True)
class SimulatedGenome:
    """The gene's window in full, and the contigs around it.

    Attributes:
        placed: The gene on its build, with the contig's name as the files will give it.
        bases: Forward strand over ``placed.window``: A, C, G, T.
        contigs: Names and lengths in the order of header and FASTA.
        fasta: The user's FASTA that the bases come from, or None if they were drawn.
        known_m5: M5 by contig where the FASTA told it.
    """

    placed: PlacedLocus
    bases: str
    contigs: tuple[tuple[str, int], ...]
    fasta: Path | None = None
    known_m5: tuple[tuple[str, str], ...] = ()

    @cached_property
    def sequence(self) -> Sequence:
        """The window's bases by genomic position."""
        return Sequence(self.placed.window[0], self.bases)

    @cached_property
    def m5(self) -> str:
        """M5 of the gene's contig."""
        known = dict(self.known_m5)
        return known.get(self.placed.contig) or padded_md5(
            self.placed.build.length, self.sequence.start, self.bases
        )

    def all_m5(self) -> dict[str, str]:
        """Return M5 of every contig; some seconds for all chromosomes (CRAM alone needs them)."""
        known = dict(self.known_m5)
        return {
            name: self.m5
            if name == self.placed.contig
            else known.get(name) or padded_md5(length, 0, "")
            for name, length in self.contigs
        }

    def write_fasta(self, path: Path) -> None:
        """Write the genome, N outside the window, as a FASTA with its index."""
        start = self.sequence.start
        write_padded_fasta(path, self.contigs, self.placed.contig, start, self.bases)


def open_genome_of(spec: GenomeSpec) -> SimulatedGenome:
    """Return the genome that a spec asks for.

    Raises:
        UserError: unknown build or contig, a FASTA that does not fit, all chromosomes of a build
            without a list.
    """
    locus = load_locus(None if spec.locus is None else Path(spec.locus))
    if spec.fasta is not None:
        return _from_fasta(spec, locus, Path(spec.fasta))
    placed = locus.placed(spec.build)
    if spec.contig is not None:
        placed = placed.with_contig(spec.contig)
    return SimulatedGenome(placed, draw_bases(placed, spec.intron_seed), _contigs(spec, placed))


def draw_bases(placed: PlacedLocus, seed: int) -> str:
    """Return the window's bases with every unknown one drawn evenly from A, C, G, T.

    The same seed gives the same introns on every build, since these differ by a shift.
    """
    known = np.frombuffer(placed.reference_bases().encode("ascii"), dtype=np.uint8)
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = np.frombuffer(b"ACGT", dtype=np.uint8)[generator.integers(0, 4, size=known.size)]
    return np.where(known == ord("N"), drawn, known).tobytes().decode("ascii")


def _contigs(spec: GenomeSpec, placed: PlacedLocus) -> tuple[tuple[str, int], ...]:
    own = (placed.contig, placed.build.length)
    if spec.header == "target":
        return (own,)
    others = OTHER_CHROMOSOMES.get(placed.build.name)
    if others is None or placed.contig not in ("chrX", "X"):
        raise UserError(
            "all chromosomes can be listed only for GRCh38 and GRCh37 with contig chrX or X",
            remedy="Set header: target, or change build or contig",
            column="genome.header",
            value=f"{placed.build.name}, {placed.contig}",
        )
    if placed.contig == "X":
        named = list(others.items())
    else:
        named = [(f"chr{name}".replace("chrMT", "chrM"), length) for name, length in others.items()]
    return (*named[:22], own, *named[22:])


def _from_fasta(spec: GenomeSpec, locus: Locus, path: Path) -> SimulatedGenome:
    from vexas_uba1.alignments.fasta import open_genome
    from vexas_uba1.locus.builds import detect_build

    with TemporaryDirectory() as index_dir:
        genome = open_genome(path, index_dir=Path(index_dir))
        placed = detect_build(genome.contigs, locus, file=str(path), wanted=spec.build).placed
        bases = genome.fetch(placed.contig, *placed.window)
        listed = [c for c in genome.contigs if spec.header == "all" or c.name == placed.contig]
        m5 = tuple((contig.name, genome.md5(contig.name)) for contig in listed)
    if set(bases) - set("ACGT"):
        raise UserError(
            "the FASTA has unknown bases in the gene's window, from which no reads can be drawn",
            remedy="Leave the FASTA out to draw the introns from the seed",
            file=str(path),
        )
    return SimulatedGenome(
        placed, bases, tuple((contig.name, contig.length) for contig in listed), path, m5
    )
