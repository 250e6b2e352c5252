"""Part ``real``: real reads, every codon treated like codon 41.

At a codon without a variant whatever passes at the level of class ``vexas`` is false.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.figures import rate, upper95
from benchmarks.pages import head, row
from benchmarks.samples import options_of
from benchmarks.spiked import gene
from vexas_uba1.alignments.extraction import extract_region
from vexas_uba1.alleles.haplotypes import view_of
from vexas_uba1.caller.evidence import Counting, Evidence, assess
from vexas_uba1.catalogue import load_catalogue
from vexas_uba1.filters import Support
from vexas_uba1.locus.edits import Allele
from vexas_uba1.locus.record import load_locus
from vexas_uba1.noise import count_positions, fit
from vexas_uba1.observing import Observed, observe_sample
from vexas_uba1.reference import BASES

Tell = Callable[[str], object]
HEAD = head(
    (
        "Sample",
        "Codons with reads",
        "Left out for a variant",
        "Fragments, median (range)",
        "Tests",
        "Passing",
        "Flagged",
        "Upper 95 % bound by codon",
    ),
    1,
)
UNTRIED = "No folder of real reads was given (`--real FOLDER`).\n"
_VARIANT_VAF = 0.15
"""Share of another base from which a codon is taken to carry a variant of the person's."""
_FASTQ_ENDS = ("_1.fastq.gz", "_1.fq.gz", "_R1.fastq.gz")


@dataclass(frozen=True)
class Tested:
    """What one sample's codons show.

    Attributes:
        depths: Informative fragments of each codon that was tested.
        left_out: Codons that carry a variant.
        tests: Number of alleles tested.
        passing: Names of what passes.
        flagged: Names of what is significant and flagged.
    """

    depths: tuple[int, ...]
    left_out: int
    tests: int
    passing: tuple[str, ...]
    flagged: tuple[str, ...]


def table(folder: Path | None, tell: Tell) -> str:
    """Return the table of all samples in a folder; ``tell`` gets each row when made."""
    if folder is None:
        tell(UNTRIED)
        return UNTRIED
    rows = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as work:
        for name, bam in bams(folder, Path(work)):
            found = tested(observed(bam, Path(work)))
            rows.append(_row(name, found))
            tell(rows[-1])
    return HEAD + "".join(rows)


def bams(folder: Path, work: Path) -> Iterator[tuple[str, Path]]:
    """Give names and alignments; FASTQ files are aligned by the workflow, as RNA."""
    for bam in sorted(folder.glob("*.bam")):
        yield bam.stem, bam
    pairs = [
        (file, file.name.removesuffix(end), file.with_name(file.name.replace("1.f", "2.f")))
        for end in _FASTQ_ENDS
        for file in sorted(folder.glob(f"*{end}"))
    ]
    if not pairs:
        return
    lines = ["sample\tfq1\tfq2\tassay"]
    lines += [
        f"{name}\t{first.absolute()}\t{second.absolute()}\trna" for first, name, second in pairs
    ]
    (work / "samples.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (work / "config.yaml").write_text(
        "samples: samples.tsv\noutdir: results\nallow_bundled_locus: true\n", encoding="utf-8"
    )
    subprocess.run(
        [
            *(sys.executable, "-m", "vexas_uba1", "run", "--cores", "1"),
            *("--config", str(work / "config.yaml")),
        ],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    for _, name, _ in pairs:
        (bam,) = work.rglob(f"{name}.uba1.bam")
        yield name, bam


def observed(bam: Path, work: Path) -> Observed:
    """Read a BAM of RNA as the workflow does."""
    locus = load_locus()
    with tempfile.TemporaryDirectory(dir=work) as own:
        extracted = Path(own) / "extracted.bam"
        extraction = extract_region(
            bam,
            locus=locus,
            genomes=(),
            sample_id="benchmark",
            out_bam=extracted,
            scratch=Path(own) / "scratch",
            umi_tags=(),
        )
        return observe_sample(
            extracted,
            extraction,
            locus=locus,
            catalogue=load_catalogue(locus),
            genomes=(),
            options=options_of("rna"),
        )


def tested(seen: Observed) -> Tested:
    """Test the nine single-base changes of every codon as those of codon 41 are tested."""
    placed, reference = seen.placed, seen.reference
    by_index = sorted(placed.coding_positions, reverse=not placed.is_forward)
    counted = count_positions(seen.molecules, reference, np.array(sorted(by_index)))
    row_of = {int(at): number for number, at in enumerate(counted.positions)}
    bases = counted.bases
    depths, left_out, tests = [], 0, 0
    passing: list[str] = []
    flagged: list[str] = []
    for first in range(0, len(by_index) - 2, 3):
        codon = sorted(by_index[first : first + 3])
        rows = [row_of[at] for at in codon]
        known = [int(counted.reference[each]) for each in rows]
        view = view_of(seen.molecules, codon, reference)
        if not view.size or max(known) >= len(BASES[:4]):
            continue
        shares = [
            1 - bases[each, own] / max(1, bases[each].sum())
            for each, own in zip(rows, known, strict=True)
        ]
        if max(shares) >= _VARIANT_VAF:
            left_out += 1
            continue
        depths.append(view.size)
        tests += 9
        if view.haplotypes.keys() == {view.reference_pattern}:
            # Where nothing is shown, nothing is found.
            continue
        model = fit(counted, frozenset(codon))
        for at, own in zip(codon, known, strict=True):
            for alt in {*range(4)} - {own}:
                allele = Allele.substitution({at: BASES[alt]})
                evidence = Evidence.of(allele, view, [view.pattern(allele)], model)
                support = Support(view, evidence.shows, evidence.chance, evidence.weight)
                found = assess(
                    evidence, gene().level, Counting(), support=support, limit_power=None
                )
                if found.significant:
                    (flagged if found.flags else passing).append(
                        f"{placed.c_name(at)}{BASES[own]}>{BASES[alt]}"
                    )
    return Tested(tuple(depths), left_out, tests, tuple(passing), tuple(flagged))


def _row(name: str, found: Tested) -> str:
    depths = np.array(found.depths or (0,))
    return row(
        (
            name,
            f"{len(found.depths):,}",
            f"{found.left_out}",
            f"{np.median(depths):.0f} ({depths.min()}–{depths.max()})",
            f"{found.tests:,}",
            _named(found.passing),
            _named(found.flagged),
            rate(upper95(len(found.passing), len(found.depths))),
        )
    )


def _named(names: tuple[str, ...]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "0"
