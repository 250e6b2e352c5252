"""One step on one BAM in a process of its own: seconds beyond imports and peak memory, as JSON."""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from vexas_uba1.alignments.extraction import Extraction, extract_region
from vexas_uba1.calling import CallOptions, call_sample
from vexas_uba1.catalogue import load_catalogue
from vexas_uba1.locus.record import load_locus
from vexas_uba1.observing import observe_sample
from vexas_uba1.result import SampleInfo
from vexas_uba1.samples.config import read_config

Made = TypeVar("Made")

ALLELE = "c.122T>C"
_EXTRACTED = "extracted.bam"
_EXTRACTION = "extraction.json"


def extract(bam: Path, folder: Path, umi_tags: tuple[str, ...]) -> dict[str, Any]:
    """Extract ``bam`` into ``folder`` and return what it cost."""
    extraction, cost = _measured(
        lambda: extract_region(
            bam,
            locus=load_locus(),
            genomes=(),
            sample_id="benchmark",
            out_bam=folder / _EXTRACTED,
            scratch=folder / "scratch",
            umi_tags=umi_tags,
        )
    )
    (folder / _EXTRACTION).write_text(json.dumps(extraction.to_json()), encoding="utf-8")
    return {**cost, "records": extraction.records}


def observe(folder: Path, assay: str, umi_tags: tuple[str, ...]) -> dict[str, Any]:
    """Count haplotypes in what :func:`extract` left in ``folder``; return what it cost."""
    return _measured(lambda: _from_extracted(observe_sample, folder, assay, umi_tags))[1]


def call(folder: Path, assay: str, umi_tags: tuple[str, ...]) -> dict[str, Any]:
    """Call what :func:`extract` left in ``folder`` and return what it cost and found."""
    made, cost = _measured(lambda: _from_extracted(call_sample, folder, assay, umi_tags))
    (forced,) = (allele for allele in made.forced_alleles if allele.hgvs_c == ALLELE)
    flags = {variant.hgvs_c: variant.filters for variant in made.variants}
    return {
        **cost,
        "alt": forced.alt_fragments,
        "depth": forced.depth_fragments,
        # None where the test finds nothing; empty where the allele passes.
        "flags": flags.pop(ALLELE, None),
        "others": sorted(flags),
    }


def _from_extracted(
    step: Callable[..., Made], folder: Path, assay: str, umi_tags: tuple[str, ...]
) -> Made:
    values = json.loads((folder / _EXTRACTION).read_text(encoding="utf-8"))
    extraction = Extraction.from_json(values)
    config = read_config({}).config
    options = CallOptions(
        sample=SampleInfo("benchmark", sex="male", assay=assay),
        reporting_limit_vaf=config.reporting_limit_vaf[assay],
        required_limit_vaf=config.required_limit_vaf[assay],
        amplicon_limit_floor_vaf=config.amplicon_limit_floor_vaf,
        umi_tags=umi_tags,
    )
    locus = load_locus()
    return step(
        folder / _EXTRACTED,
        extraction,
        locus=locus,
        catalogue=load_catalogue(locus),
        genomes=(),
        options=options,
    )


def _measured(make: Callable[[], Made]) -> tuple[Made, dict[str, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    made = make()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return made, {"wall_s": wall, "cpu_s": cpu, "peak_mb": _peak_bytes() / (1 << 20)}


def _peak_bytes() -> int:
    # Linux hands a parent's peak in getrusage on to its children; its own is in status (proc(5)).
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(encoding="ascii"), re.MULTILINE)
        assert found is not None
        return int(found[1]) << 10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def main(step: str, bam: str, folder: str, assay: str, umi_tag: str = "") -> None:
    """Print the measurement of ``step``: extract, observe or call."""
    tags = (umi_tag,) if umi_tag else ()
    if step == "extract":
        found = extract(Path(bam), Path(folder), tags)
    else:
        found = {"observe": observe, "call": call}[step](Path(folder), assay, tags)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
