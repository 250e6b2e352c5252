"""`make benchmark-molecules`: what extraction and calling cost, from 100 to 1,000,000 fragments.

    python -m benchmarks.molecules [--quick] [--page docs/performance.md]

Each step runs in a process of its own through the functions that the workflow uses. The table is
printed, or put between its two marks in a page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.pages import put_into, row
from benchmarks.reads import (
    Library,
    amplicon,
    bundled_genome,
    panel,
    umi_families,
    write_bam,
)
from vexas_uba1.simulate.genome import SimulatedGenome

VAF = 0.01
_SEED = 41
SECTION = "benchmark-molecules"
_HEAD = """\
| Library | Fragments | Reads | Extraction, CPU s (wall) | MB | Calling, CPU s (wall) | MB | \
of it to haplotypes, CPU s | VAF drawn | VAF found |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""


@dataclass(frozen=True)
class Case:
    """A library to measure; ``umi_tag`` is empty where it has no UMIs."""

    name: str
    assay: str
    make: Callable[[SimulatedGenome], Library]
    umi_tag: str = ""


def _amplicon_case(fragments: int) -> Case:
    return Case(
        f"amplicon, {fragments:,}×",
        "amplicon",
        lambda genome: amplicon(genome, fragments, VAF),
    )


QUICK = tuple(_amplicon_case(fragments) for fragments in (100, 1_000, 10_000))
ALL = (
    *QUICK,
    _amplicon_case(100_000),
    _amplicon_case(1_000_000),
    Case(
        "panel, all coding bases, 5,000×",
        "panel",
        lambda genome: panel(genome, 5_000, VAF, _SEED),
    ),
    Case(
        "panel with UMIs, 20,000 molecules",
        "panel",
        lambda genome: umi_families(genome, 20_000, 4.0, VAF, _SEED),
        "RX",
    ),
)


def table(cases: Sequence[Case], folder: Path, tell: Callable[[str], object]) -> str:
    """Measure each case in ``folder`` and return the table; ``tell`` gets each row when made."""
    genome = bundled_genome()
    rows = []
    for case in cases:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            rows.append(_row(case, genome, Path(own)))
        tell(rows[-1])
    return _HEAD + "".join(rows)


def _row(case: Case, genome: SimulatedGenome, folder: Path) -> str:
    bam = folder / "reads.bam"
    library = case.make(genome)
    write_bam(bam, genome, library, _SEED)
    extraction, calling, counting = (
        _measured(step, bam, folder, case) for step in ("extract", "call", "observe")
    )
    notes = [f"{calling['alt']:,} of {calling['depth']:,}"]
    if calling["flags"] is None:
        notes.append("below the test")
    elif calling["flags"]:
        notes.append("flagged " + " ".join(calling["flags"]))
    if calling["others"]:
        notes.append("also " + " ".join(calling["others"]))
    drawn, found = library.mutant.mean(), calling["alt"] / calling["depth"]
    cells = (
        case.name,
        f"{library.starts.size:,}",
        f"{extraction['records']:,}",
        *_cost(extraction),
        *_cost(calling),
        f"{counting['cpu_s']:.2f}",
        f"{drawn:.2%}",
        f"{found:.2%} ({'; '.join(notes)})",
    )
    return row(cells)


def _measured(step: str, bam: Path, folder: Path, case: Case) -> dict[str, Any]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", measure.__name__),
            *(step, str(bam), str(folder), case.assay, case.umi_tag),
        ],
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _cost(found: dict[str, Any]) -> tuple[str, str]:
    return f"{found['cpu_s']:.2f} ({found['wall_s']:.2f})", f"{found['peak_mb']:,.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, then print the table or put it into a page."""
    parser = argparse.ArgumentParser(prog="benchmarks.molecules", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no more than 10,000 fragments")
    parser.add_argument("--page", type=Path, help="put the table between this page's marks")
    given = parser.parse_args(arguments)
    sys.stdout.write(_HEAD)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        made = table(QUICK if given.quick else ALL, Path(folder), sys.stdout.write)
    if given.page is not None:
        put_into(given.page, SECTION, made)


if __name__ == "__main__":
    main()
