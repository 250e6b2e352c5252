"""Which build the reads are on, and which of the user's FASTAs is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vexas_uba1.alignments.fasta import Genome
from vexas_uba1.errors import UserError
from vexas_uba1.locus.builds import Contig, DetectedBuild, detect_build
from vexas_uba1.locus.placed import PlacedLocus, place
from vexas_uba1.locus.placement import place_in_sequence
from vexas_uba1.locus.record import Locus

_SHOWN = 5


@dataclass(frozen=True)
class Reference:
    """The FASTA of some reads.

    Attributes:
        genome: The FASTA.
        contig: Name of the gene's contig in it, which may differ from the reads' (``X``, ``chrX``).
    """

    genome: Genome
    contig: str


def place_reads(
    contigs: Sequence[Contig],
    locus: Locus,
    genomes: Sequence[Genome],
    *,
    file: str,
    wanted: str | None = None,
) -> DetectedBuild:
    """Find where the gene lies in a file's coordinates.

    A build that the gene record does not know is found by placing the gene's exons in the FASTA of
    the reads, which is one that has a contig of the same name and length.

    Args:
        contigs: As the file's header states them.
        locus: The gene record.
        genomes: The user's FASTAs.
        file: The file as the user named it.
        wanted: The build that the configuration asks for; None or ``auto`` if it leaves that open.

    Raises:
        UserError: the build is unknown or in conflict with itself or with ``wanted``.
    """
    try:
        return detect_build(contigs, locus, file=file, wanted=wanted)
    except UserError as error:
        known_lengths = {build.length for build in locus.builds}
        if wanted not in (None, "auto") or any(found.length in known_lengths for found in contigs):
            raise
        return _place_in_genomes(contigs, locus, genomes, error)


def _place_in_genomes(
    contigs: Sequence[Contig], locus: Locus, genomes: Sequence[Genome], unknown: UserError
) -> DetectedBuild:
    """Place the gene in a FASTA of the reads, first in contigs named like the gene's.

    Raises:
        UserError: why the gene's own contig does not hold it; ``unknown`` if there is no such
            contig, or the record has no exons to place.
    """
    if not locus.exons:
        raise unknown
    names = {name for build in locus.builds for name in build.contigs}
    names |= {name for assembly in locus.other_assemblies for name in assembly.contigs}
    reason = unknown
    for contig in sorted(contigs, key=lambda contig: contig.name not in names):
        for genome in genomes:
            if genome.length(contig.name) != contig.length:
                continue
            bases = genome.fetch(contig.name, 0, contig.length)
            try:
                build = place_in_sequence(locus, contig.name, bases)
            except UserError as error:
                if contig.name in names:
                    reason = UserError.of(
                        replace(problem, file=genome.path_shown) for problem in error.problems
                    )
                continue
            return DetectedBuild(place(locus, build, contig.name))
    raise reason


def choose_reference(
    genomes: Sequence[Genome], placed: PlacedLocus, *, m5: str | None, file: str
) -> Reference | None:
    """Return the FASTA that the reads are aligned to, or None if the user gave none at all.

    It has the gene's contig, under any of its names, in the build's length; among several the one
    with the header's checksum, else the first that calls the contig as the reads do.

    Args:
        genomes: The user's FASTAs.
        placed: The gene in the reads' coordinates.
        m5: Checksum of the contig as the reads' header states it, or None.
        file: The reads' file as the user named it.

    Raises:
        UserError: none is of the reads' build, or none has the bases that the header's checksum
            stands for.
    """
    if not genomes:
        return None
    names = (placed.contig, *placed.build.contigs)
    fitting = [
        Reference(genome, name)
        for genome in genomes
        for name in dict.fromkeys(names)
        if genome.length(name) == placed.build.length
    ]
    if not fitting:
        found = "; ".join(f"{genome.path_shown} has {_like(genome, names)}" for genome in genomes)
        raise UserError(
            f"the reads are on {placed.build.name} ({placed.contig}, {placed.build.length} bases), "
            f"which is in conflict with the FASTA: {found}",
            remedy="Give the FASTA that the reads were aligned to, or none (a BAM needs none)",
            file=file,
        )
    fitting.sort(key=lambda reference: reference.contig != placed.contig)
    if m5 is None:
        return fitting[0]
    for reference in fitting:
        if reference.genome.md5(reference.contig) == m5:
            return reference
    fitting[0].genome.require_m5(fitting[0].contig, m5, file=file)
    return None


def _like(genome: Genome, names: Sequence[str]) -> str:
    """Name the contigs that carry the gene's names, or else the first few of all."""
    like = [contig for contig in genome.contigs if contig.name in names] or genome.contigs[:_SHOWN]
    return ", ".join(f"{contig.name} ({contig.length})" for contig in like) or "no contigs"
