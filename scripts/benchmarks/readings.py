"""Parts made of reads: ``tables`` beside other callers, and the negatives of ``false``."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import rate, share_of, upper95
from benchmarks.merit import DEPTHS, seed_of
from benchmarks.others import LEAST_VAF, OURS, TOOLS, Called, Cost, Tool, call, call_ours, spells
from benchmarks.pages import head, row
from benchmarks.samples import (
    ART,
    DWGSIM,
    OWN,
    Made,
    allele_of,
    artefact_sample,
    call_bam,
    haplotype,
    missing,
    samples,
    stretch_fasta,
)
from benchmarks.spiked import gene

Tell = Callable[[str], object]
ALLELES = ("c.121A>G", "c.121A>C", "c.122T>C", "c.118-9_118-2del")
SIMULATORS = (OWN, ART, DWGSIM)
NAMES = (OURS, *(tool.name for tool in TOOLS))
CALLS_HEAD = head(("Reads", "Allele", "VAF", "Depth", "Runs", *NAMES), 2)
COST_HEAD = head(("Depth", *NAMES), 0)
NEGATIVE_HEAD = head(
    (
        "Reads",
        "Depth",
        "Samples",
        "Class vexas, passing",
        "Any false verdict",
        "Upper 95 % bound, vexas",
        "Upper 95 % bound, any",
        "Verdicts",
    ),
    1,
)
ARTEFACT_HEAD = head(
    (
        "T>G at NT[TG], share of reverse reads",
        "Depth",
        "Samples",
        "Detected or low level",
        "Upper 95 % bound",
        "Verdicts",
    ),
    1,
)
_FEWEST, _MOST = 0.5, 200
"""Mean numbers of mutant molecules outside of which the answer is no question."""
_FALSE = ("detected", "low_level", "other_variant")
_CHUNK = 50
"""Samples that are simulated in one go."""


@dataclass(frozen=True)
class Effort:
    """How much is drawn.

    Attributes:
        depths: Fragments over the codon.
        vafs: Of the tables.
        alleles: Likewise.
        runs: Samples by cell.
        negatives: Samples by independent simulator.
        negative_depth: Their depth.
        artefacts: Samples of the own simulator by share of reads.
        artefact_depths: Their depths.
        shares: Of the reverse reads that show the artefact.
    """

    depths: Sequence[int]
    vafs: Sequence[float]
    alleles: Sequence[str]
    runs: int
    negatives: int
    negative_depth: int
    artefacts: int
    artefact_depths: Sequence[int]
    shares: Sequence[float]


SMALL = Effort((1_000,), (0.005,), ("c.122T>C", ALLELES[3]), 2, 10, 1_000, 12, (1_000,), (0.05,))
FULL = Effort(
    DEPTHS,
    (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05),
    ALLELES,
    2,
    500,
    1_200,
    40,
    DEPTHS[1:3],
    (0.01, 0.02, 0.05, 0.1),
)


@dataclass
class Tally:
    """What one caller did in a cell."""

    right: int = 0
    flagged: int = 0
    false_calls: int = 0
    runs: int = 0


Spent = dict[tuple[str, int], list[Cost]]


def calls_tables(effort: Effort, tell: Tell) -> tuple[str, str]:
    """Return the tables of calls and of costs; ``tell`` gets each row of calls when made."""
    rows = []
    spent: Spent = defaultdict(list)
    for simulator in SIMULATORS:
        if missing(simulator):
            rows.append(_untried(simulator, 5 + len(NAMES)))
            tell(rows[-1])
            continue
        for depth in effort.depths:
            cells = [(None, 0.0)] + [
                (name, vaf)
                for name in effort.alleles
                for vaf in effort.vafs
                if _FEWEST <= vaf * depth <= _MOST
            ]
            for name, vaf in cells:
                tallies = cell(simulator, name, vaf, depth, effort.runs, spent)
                rows.append(_cell_row(simulator, name, vaf, depth, effort.runs, tallies))
                tell(rows[-1])
    return CALLS_HEAD + "".join(rows), _cost_table(spent)


def cell(
    simulator: str, name: str | None, vaf: float, depth: int, runs: int, spent: Spent
) -> Mapping[str, Tally]:
    """Make and call the samples of one cell; what each caller costs is added to ``spent``."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    window = gene().placed.window
    truth = "" if name is None else haplotype(allele_of(name), *window)
    with _folder() as folder:
        fasta = stretch_fasta(folder)
        seed = seed_of(simulator, name, vaf, depth)
        for made in samples(simulator, folder, name, vaf, depth, runs, seed, stretch=True):
            assert made.stretch_bam is not None
            file, cost = call_ours(made.bam, folder)
            spent[OURS, depth].append(cost)
            _count_ours(tallies[OURS], file, name)
            for tool in TOOLS:
                if not tool.missing:
                    found, cost = _called(tool, made.stretch_bam, fasta, folder)
                    spent[tool.name, depth].append(cost)
                    _count(tallies[tool.name], found, truth)
            _remove(made)
    return tallies


def _called(tool: Tool, bam: Path, fasta: Path, folder: Path) -> tuple[list[Called], Cost]:
    try:
        return call(tool, bam, fasta, folder)
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{tool.name} failed on {bam.name}") from error


def _count_ours(tally: Tally, file: Path, name: str | None) -> None:
    found = json.loads(file.read_text(encoding="utf-8"))["variants"]
    flags = {variant["hgvs_c"]: variant["filters"] for variant in found}
    tally.runs += 1
    if name in flags:
        tally.flagged += bool(flags[name])
        tally.right += not flags[name]
    tally.false_calls += sum(not raised for other, raised in flags.items() if other != name)


def _count(tally: Tally, found: Sequence[Called], truth: str) -> None:
    right = [each for each in found if spells(each, truth)]
    passing = any(each.passes for each in right)
    tally.runs += 1
    tally.right += passing
    tally.flagged += bool(right) and not passing
    tally.false_calls += sum(each.passes and each not in right for each in found)


def _cell_row(
    simulator: str,
    name: str | None,
    vaf: float,
    depth: int,
    runs: int,
    tallies: Mapping[str, Tally],
) -> str:
    texts = []
    for caller in NAMES:
        if caller not in tallies:
            texts.append("not installed")
            continue
        tally = tallies[caller]
        parts = []
        if name is not None:
            parts.append(share_of(tally.right, tally.runs))
            if tally.flagged:
                parts.append(f"{tally.flagged} flagged")
        if tally.false_calls or name is None:
            parts.append(f"{tally.false_calls} false")
        texts.append("; ".join(parts))
    shown = "–" if name is None else f"{100 * vaf:g} %"
    return row((simulator, name or "none", shown, f"{depth:,}", f"{runs}", *texts))


def _cost_table(spent: Spent) -> str:
    rows = []
    for depth in sorted({depth for _, depth in spent}):
        texts = []
        for caller in NAMES:
            costs = spent.get((caller, depth))
            if not costs:
                texts.append("not installed")
                continue
            cpu = sum(each.cpu_s for each in costs) / len(costs)
            peak = max(each.peak_mb for each in costs)
            texts.append(f"{cpu:.1f} s, {peak:,.0f} MB")
        rows.append(row((f"{depth:,}", *texts)))
    return COST_HEAD + "".join(rows)


def negative_table(effort: Effort, tell: Tell) -> str:
    """Return the verdicts of negatives of the independent simulators."""
    rows = []
    total, any_total, vexas_total = 0, 0, 0
    for simulator in (ART, DWGSIM):
        if missing(simulator):
            rows.append(_untried(simulator, 8))
            tell(rows[-1])
            continue
        codes: Counter[str] = Counter()
        for chunk in range(0, effort.negatives, _CHUNK):
            runs = min(_CHUNK, effort.negatives - chunk)
            seed = seed_of(simulator, "negatives", chunk)
            with _folder() as folder:
                for made in samples(
                    simulator, folder, None, 0.0, effort.negative_depth, runs, seed
                ):
                    codes[call_bam(made.bam, folder)[1].code] += 1
                    _remove(made)
        runs = codes.total()
        vexas = codes["detected"] + codes["low_level"]
        wrong = sum(codes[code] for code in _FALSE)
        total, any_total, vexas_total = total + runs, any_total + wrong, vexas_total + vexas
        rows.append(
            _negative_row(simulator, effort.negative_depth, runs, vexas, wrong, _listed(codes))
        )
        tell(rows[-1])
    rows.append(_negative_row("both", effort.negative_depth, total, vexas_total, any_total, ""))
    tell(rows[-1])
    return NEGATIVE_HEAD + "".join(rows)


def _negative_row(name: str, depth: int, runs: int, vexas: int, wrong: int, verdicts: str) -> str:
    return row(
        (
            *(name, f"{depth:,}", f"{runs:,}", f"{vexas:,}", f"{wrong:,}"),
            *(rate(upper95(vexas, runs)), rate(upper95(wrong, runs)), verdicts),
        )
    )


def artefact_table(effort: Effort, tell: Tell) -> str:
    """Return the verdicts of the own simulator's negatives with the two-colour artefact."""
    rows = []
    for share in effort.shares:
        for depth in effort.artefact_depths:
            codes: Counter[str] = Counter()
            with _folder() as folder:
                for run in range(effort.artefacts):
                    bam = artefact_sample(folder, share, depth, seed_of("artefact", share, run))
                    codes[call_bam(bam, folder)[1].code] += 1
            runs, wrong = codes.total(), codes["detected"] + codes["low_level"]
            rows.append(
                row(
                    (
                        f"{100 * share:g} %",
                        *(f"{depth:,}", f"{runs:,}", f"{wrong:,}", rate(upper95(wrong, runs))),
                        _listed(codes),
                    )
                )
            )
            tell(rows[-1])
    return ARTEFACT_HEAD + "".join(rows)


def _listed(codes: Counter[str]) -> str:
    return ", ".join(f"{count} {code}" for code, count in codes.most_common())


def _untried(simulator: str, columns: int) -> str:
    absent = f"not installed: {', '.join(missing(simulator))}"
    return row((simulator, absent, *[""] * (columns - 2)))


def _remove(made: Made) -> None:
    for bam in (made.bam, made.stretch_bam):
        if bam is not None:
            for file in (bam, bam.with_name(f"{bam.name}.bai")):
                file.unlink(missing_ok=True)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        yield Path(folder)


assert LEAST_VAF > 0
