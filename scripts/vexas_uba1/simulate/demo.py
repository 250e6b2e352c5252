"""The bundled samples: drawn into a folder from which the workflow can run."""

from __future__ import annotations

import shutil
from pathlib import Path

from vexas_uba1 import paths
from vexas_uba1.files import replacing
from vexas_uba1.simulate.genome import SimulatedGenome, open_genome_of
from vexas_uba1.simulate.run import SimulatedSample, simulate
from vexas_uba1.simulate.spec import load_spec


def write_demo(folder: Path) -> tuple[SimulatedSample, ...]:
    """Write the demo: config.yaml, samples.tsv, reads with their truth, and the references.

    Raises:
        OSError: the folder cannot be written.
    """
    source = paths.resources() / "demo"
    genomes: dict[str, tuple[SimulatedGenome, Path]] = {}
    samples = []
    for path in sorted((source / "specs").glob("*.yaml")):
        spec = load_spec(path)
        build = spec.genome.build
        if build not in genomes:
            genome = open_genome_of(spec.genome)
            fasta = folder / "reference" / f"demo_{build}.fa.gz"
            genome.write_fasta(fasta)
            genomes[build] = genome, fasta
        genome, fasta = genomes[build]
        samples.append(simulate(spec, folder / "reads", genome=genome, fasta=fasta))
    for name in ("config.yaml", "samples.tsv", "README.md"):
        with replacing(folder / name) as temporary:
            shutil.copyfile(source / name, temporary)
    return tuple(samples)
