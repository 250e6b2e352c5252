"""What was put in: molecules counted before any error of the sequencing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vexas_uba1.locus.bases import reverse_complement
from vexas_uba1.locus.hgvs import describe
from vexas_uba1.simulate.genome import SimulatedGenome
from vexas_uba1.simulate.haplotypes import Haplotype
from vexas_uba1.simulate.molecules import Molecules, allele_sites
from vexas_uba1.simulate.spec import Simulation

INDEL = "indel"
"""Stands for the codon's bases where some are missing or others lie between them."""


def count_truth(
    spec: Simulation,
    genome: SimulatedGenome,
    haplotypes: Sequence[Haplotype],
    molecules: Molecules,
) -> dict[str, Any]:
    """Return the counts of a simulation as plain JSON values.

    ``codon``: molecules whose reads cover all three bases, by those bases on the transcript's
    strand. ``alleles``: for each allele, molecules whose reads cover all it changes (both
    neighbours of an indel), and those that carry it. ``vaf_drawn`` is their ratio, null without
    depth; ``vaf`` what the spec asked for.
    """
    return {
        "schema_version": 1,
        "synthetic": True,
        "sample": spec.sample,
        "seed": spec.seed,
        "build": genome.placed.build.name,
        "contig": genome.placed.contig,
        "codon": _count_codon(spec, genome, haplotypes, molecules),
        "alleles": _count_alleles(spec, genome, haplotypes, molecules),
        "molecules": int(molecules.start.size),
        "molecules_of_clones": [
            int(np.sum(molecules.clone == number)) for number in range(1, len(haplotypes))
        ],
        "spec": spec.to_json(),
    }


def _count_codon(
    spec: Simulation,
    genome: SimulatedGenome,
    haplotypes: Sequence[Haplotype],
    molecules: Molecules,
) -> dict[str, Any]:
    positions = genome.placed.codon_positions
    sites = [(position, position + 1) for position in positions]
    counts: dict[str, int] = {genome.placed.locus.codon_reference: 0}
    for number, haplotype in enumerate(haplotypes):
        covered = molecules.reading(haplotype, sites, spec.library) & (molecules.clone == number)
        bases = _codon_of(haplotype, sorted(positions))
        if not genome.placed.is_forward and bases != INDEL:
            bases = reverse_complement(bases)
        counts[bases] = counts.get(bases, 0) + int(covered.sum())
    return {"depth_molecules": sum(counts.values()), "haplotypes": counts}


def _codon_of(haplotype: Haplotype, positions: list[int]) -> str:
    at = [
        np.flatnonzero(haplotype.origins == haplotype.template.index_of(position))
        for position in positions
    ]
    if any(found.size == 0 for found in at):
        return INDEL
    indices = np.concatenate(at)
    span = haplotype.origins[indices[-1]] - haplotype.origins[indices[0]]
    if indices[-1] - indices[0] != span:
        return INDEL
    return haplotype.bases[indices].tobytes().decode("ascii")


def _count_alleles(
    spec: Simulation,
    genome: SimulatedGenome,
    haplotypes: Sequence[Haplotype],
    molecules: Molecules,
) -> list[dict[str, Any]]:
    found = []
    listed = dict.fromkeys(allele for haplotype in haplotypes for allele in haplotype.alleles)
    for allele in listed:
        sites = allele_sites(allele)
        depth = alt = 0
        vaf = 0.0
        for number, haplotype in enumerate(haplotypes):
            own = molecules.clone == number
            covered = molecules.reading(haplotype, sites, spec.library) & own
            depth += int(covered.sum())
            if allele in haplotype.alleles:
                alt += int(covered.sum())
                vaf += spec.clones[number - 1].vaf
        found.append(
            {
                "hgvs_c": describe(allele, genome.placed, genome.sequence).hgvs_c,
                "vaf": round(vaf, 12),
                "depth_molecules": depth,
                "alt_molecules": alt,
                "vaf_drawn": alt / depth if depth else None,
            }
        )
    return found
