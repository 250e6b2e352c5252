"""Simulated samples for tests: the product's simulator with small, quick defaults."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from vexas_uba1.simulate.genome import SimulatedGenome, open_genome_of
from vexas_uba1.simulate.padded_fasta import write_padded_fasta
from vexas_uba1.simulate.run import SimulatedSample, simulate
from vexas_uba1.simulate.spec import GenomeSpec, Simulation, changed

__all__ = ["clone", "genome_of", "sample_of", "spec_with", "write_padded_fasta"]

SMALL: dict[str, Any] = {
    "regions": ["exon 3"],
    "depth_fragments": 200,
    "library.read_length": 100,
    "library.insert_mean": 170,
    "library.insert_sd": 30,
}


def clone(vaf: float, *alleles: str) -> dict[str, Any]:
    """Return a clone whose alleles lie in cis."""
    return {"alleles": list(alleles), "vaf": vaf}


def spec_with(**changes: Any) -> Simulation:
    """Return a small simulation; keys with a dot are written with two underscores."""
    given = {key.replace("__", "."): value for key, value in changes.items()}
    return changed(Simulation(), {**SMALL, **given})


@cache
def genome_of(spec: GenomeSpec) -> SimulatedGenome:
    """Return a spec's genome, the same object each time, so that its checksum is made once."""
    return open_genome_of(spec)


def sample_of(out: Path, **changes: Any) -> SimulatedSample:
    """Draw a small sample into ``out``; see ``spec_with``."""
    spec = spec_with(**changes)
    return simulate(spec, out, genome=genome_of(spec.genome))
