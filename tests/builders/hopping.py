"""Index hopping between the simulated samples of a run: some fragments end up with a neighbour."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pysam


def hopped(run: Mapping[str, Path], rate: float, seed: int, folder: Path) -> dict[str, Path]:
    """Write the samples of a run as a sequencer with hopping indices hands them out.

    Each fragment changes its sample with chance ``rate``, to one of the others by their depths.

    Args:
        run: BAMs by sample.
        rate: Share of fragments that hop.
        seed: Of the draws.
        folder: For the new BAMs.

    Returns:
        The new BAMs by sample, indexed.
    """
    generator = np.random.default_rng(seed)
    names = list(run)
    heads, reads = {}, {}
    for name, path in run.items():
        with pysam.AlignmentFile(str(path)) as file:
            heads[name], reads[name] = file.header, list(file.fetch(until_eof=True))
    depth = np.array([len(reads[name]) for name in names], dtype=np.float64)
    handed: dict[str, list[pysam.AlignedSegment]] = {name: [] for name in names}
    for at, name in enumerate(names):
        others = np.where(np.arange(len(names)) == at, 0.0, depth)
        goes_to: dict[str, int] = {}
        for read in reads[name]:
            fragment = read.query_name or ""
            if fragment not in goes_to:
                goes_to[fragment] = at
                if generator.random() < rate:
                    goes_to[fragment] = int(generator.choice(len(names), p=others / others.sum()))
            # The simulator counts the names of each sample anew; a sequencer does not.
            read.query_name = f"{name}.{fragment}"
            handed[names[goes_to[fragment]]].append(read)
    written = {}
    for name in names:
        group = heads[name].to_dict()["RG"][0]["ID"]
        written[name] = folder / f"{name}.hopped.bam"
        with pysam.AlignmentFile(str(written[name]), "wb", header=heads[name]) as file:
            for read in sorted(handed[name], key=lambda each: each.reference_start):
                read.set_tag("RG", group)
                file.write(read)
        pysam.index(str(written[name]))
    return written
