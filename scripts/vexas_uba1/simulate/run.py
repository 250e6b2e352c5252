"""From a spec to files: the whole of a simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vexas_uba1.files import write_json
from vexas_uba1.simulate.genome import SimulatedGenome, open_genome_of
from vexas_uba1.simulate.haplotypes import build_haplotypes, genomic_template, spliced_template
from vexas_uba1.simulate.molecules import draw_molecules
from vexas_uba1.simulate.sequencing import sequence_molecules
from vexas_uba1.simulate.spec import Simulation
from vexas_uba1.simulate.truth import count_truth
from vexas_uba1.simulate.writing import FastqFiles, write_alignments, write_fastq


@dataclass(frozen=True)
class SimulatedSample:
    """What a simulation wrote.

    Attributes:
        sample: Its name.
        fastq: Per lane; empty if not asked for.
        bam: None if not asked for.
        cram: None if not asked for.
        fasta: The genome that the reads lie on.
        truth_file: The counts as JSON.
        truth: The same counts; see ``truth.count_truth``.
    """

    sample: str
    fastq: tuple[FastqFiles, ...]
    bam: Path | None
    cram: Path | None
    fasta: Path
    truth_file: Path
    truth: Mapping[str, Any]


def simulate(
    spec: Simulation,
    out: Path,
    *,
    genome: SimulatedGenome | None = None,
    fasta: Path | None = None,
) -> SimulatedSample:
    """Draw one sample and write its reads, its genome and its truth.

    Args:
        spec: What to draw.
        out: Folder for the files; made if missing.
        genome: The spec's genome, if it is at hand already.
        fasta: The FASTA of that genome with its index, if it is written already.

    Raises:
        UserError: the spec names what the gene record or the FASTA does not hold.
        OSError: the folder cannot be written.
    """
    genome = genome or open_genome_of(spec.genome)
    template = spliced_template if spec.library.molecule == "rna" else genomic_template
    haplotypes = build_haplotypes(genome, template(genome), spec.clones)
    generator = np.random.Generator(np.random.PCG64(spec.seed))
    molecules = draw_molecules(spec, haplotypes, genome.placed, generator)
    copies = sequence_molecules(spec, molecules, haplotypes, generator)
    out.mkdir(parents=True, exist_ok=True)
    fasta = fasta or genome.fasta
    if fasta is None:
        fasta = out / f"synthetic_{genome.placed.build.name}.fa.gz"
        genome.write_fasta(fasta)
    alignments: dict[str, Path] = {}
    for kind in ("bam", "cram"):
        if kind in spec.formats:
            alignments[kind] = out / f"{spec.sample}.{kind}"
            write_alignments(
                alignments[kind], spec, genome, haplotypes, molecules, copies, fasta=fasta
            )
    truth = count_truth(spec, genome, haplotypes, molecules)
    truth_file = out / f"{spec.sample}.truth.json"
    write_json(truth_file, truth)
    return SimulatedSample(
        sample=spec.sample,
        fastq=write_fastq(out, spec, copies) if "fastq" in spec.formats else (),
        bam=alignments.get("bam"),
        cram=alignments.get("cram"),
        fasta=fasta,
        truth_file=truth_file,
        truth=truth,
    )
