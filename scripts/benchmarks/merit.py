"""Part ``merit``: mutant molecules needed, beside the best possible test; VAF and its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import mean_of_clusters, molecules_for_power, percent, share_of
from benchmarks.observations import (
    DEAMINATED,
    FAMILIES,
    GOOD,
    KNOWN,
    OLD,
    PLAIN,
    POOR,
    TWO_COLOUR,
    UNEVEN,
    C,
    G,
    Library,
)
from benchmarks.pages import head, row
from benchmarks.spiked import Change, Sample, drawing_of, gene, passes

Tell = Callable[[str], object]
LIBRARIES = (GOOD, PLAIN, OLD, POOR, TWO_COLOUR, DEAMINATED, FAMILIES, UNEVEN)
WITH_PANEL = (*LIBRARIES, KNOWN)
DEPTHS = (200, 1_000, 5_000, 20_000)
CANONICAL = (Change(0, G), Change(0, C), Change(1, C))
NEED_HEAD = head(
    (
        "Library",
        "Model from",
        "Depth",
        "Allele",
        "Optimum, theory",
        "Optimum, drawn",
        "Ours",
        "Ours / optimum drawn",
        "Without flags / optimum drawn",
        "Ours / best that knows no site's own rate",
    ),
    2,
)
VAF_HEAD = head(
    (
        "Library",
        "Depth",
        "Mutant molecules expected",
        "Runs",
        "Corrected VAF / true VAF",
        "Interval holds the truth",
        "Worst cell",
    ),
    1,
)
_MULTIPLES = (0.55, 0.75, 0.9, 1.0, 1.15, 1.4)
"""VAFs that are tried, as multiples of what the optimum needs."""
_MORE, _MOST, _ENOUGH = 1.5, 40.0, 0.97
"""If so many are not found at the highest of them, higher ones are tried, by steps up to a most."""
_VAFS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_MANY = 20
"""Expected mutant molecules from which a cell counts as one of many."""


@dataclass(frozen=True)
class Effort:
    """How much is drawn.

    Attributes:
        depths: Informative molecules.
        regions: What the error model is made from.
        backgrounds: Samples of a cell, each with a model of its own.
        codons: Draws of the codon in each, at each VAF.
        vaf_runs: Runs at each VAF of the second table.
    """

    depths: Sequence[int]
    regions: Sequence[str]
    backgrounds: int
    codons: int
    vaf_runs: int


SMALL = Effort((1_000,), ("coding",), 8, 12, 25)
FULL = Effort(DEPTHS, ("coding", "exon 3"), 10, 12, 60)


@dataclass(frozen=True)
class Need:
    """Mutant molecules for 95 % detection in one cell.

    Attributes:
        theory: By the optimum, worked out.
        drawn: By the optimum, on the draws.
        ours: By the project, found and passing.
        ratio: Ours by the optimum's, both drawn.
        ratio_error: Its standard error.
        unflagged: The same ratio if flags did not count; meaningless where errors alone are found.
        blind: Ratio of ours to a test that knows how sites differ, but not how this one does, and
            its standard error; None where they do not differ.
    """

    theory: float
    drawn: float
    ours: float
    ratio: float
    ratio_error: float
    unflagged: float
    blind: tuple[float, float] | None


def need(
    library: Library, region: str, depth: int, change: Change, backgrounds: int, codons: int
) -> Need | None:
    """Find what one cell needs; None where even all molecules would not do."""
    drawing = drawing_of(library, region, seed_of(library.name, region, depth, change))
    level = gene().level
    samples = [Sample.draw(drawing, depth) for _ in range(backgrounds)]
    # Where no position has an error rate of its own, the best test is the same in each.
    best = [sample.optimum(change, level) for sample in samples[: None if library.spread else 1]]
    best = best if library.spread else best * backgrounds
    theory = float(np.mean([each.needed for each in best]))
    unknowing = samples[0].blind(change, level)
    runs: list[tuple[int, float, bool, bool, bool, bool]] = []
    multiples = list(_MULTIPLES)
    for multiple in multiples:
        for cluster, (sample, optimal) in enumerate(zip(samples, best, strict=True)):
            vaf = multiple * optimal.needed / depth
            for _ in range(codons if vaf < 1 else 0):
                view, kind = sample.codon(change, vaf)
                found, shows = sample.asked(change, view, level)
                best_finds = int(optimal.weight[kind[shows]].sum()) >= optimal.critical
                unknowing_finds = best_finds
                if unknowing is not None:
                    unknowing_finds = int(unknowing[0][kind[shows]].sum()) >= unknowing[1]
                runs.append(
                    (
                        *(cluster, multiple, found.significant, passes(found)),
                        *(best_finds, unknowing_finds),
                    )
                )
        last = [run[3] for run in runs if run[1] == multiple]
        if multiple == multiples[-1] and last and np.mean(last) < _ENOUGH and multiple < _MOST:
            multiples.append(multiple * _MORE)
    table = np.array(runs, dtype=np.float64).reshape(-1, 6)
    if not table.size or table[table[:, 1] == multiples[-1]][:, 3].mean() < 0.5:
        return None
    needs = _needs(table)
    significant, passing, optimum, untold = needs
    left = np.array(
        [np.log(_needs(table[table[:, 0] != cluster])) for cluster in range(backgrounds)]
    )

    def error(ours: int, other: int) -> float:
        """Return the standard error of a ratio of two of the needs, by jackknife."""
        ratio = left[:, ours] - left[:, other]
        spread = ratio - ratio.mean()
        size = sqrt((backgrounds - 1) / backgrounds * float(spread @ spread))
        return float(needs[ours] / needs[other]) * size

    # A multiple is of each sample's own optimum; on average that is the theory's number.
    return Need(
        theory,
        optimum * theory,
        passing * theory,
        passing / optimum,
        error(1, 2),
        significant / optimum,
        None if unknowing is None else (passing / untold, error(1, 3)),
    )


def _needs(table: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return the multiples at which 95 % are significant, pass, and are found by either test."""
    significant, passing, best, untold = (
        molecules_for_power(table[:, 1], table[:, column]) for column in (2, 3, 4, 5)
    )
    return significant, passing, best, untold


def need_table(effort: Effort, tell: Tell, libraries: Sequence[Library] = WITH_PANEL) -> str:
    """Return the table of needs; ``tell`` gets each row when made."""
    rows = []
    for library in libraries:
        for region in effort.regions:
            for depth in effort.depths:
                for change in CANONICAL:
                    found = need(library, region, depth, change, effort.backgrounds, effort.codons)
                    rows.append(_need_row(library, region, depth, change, found))
                    tell(rows[-1])
    return NEED_HEAD + "".join(rows)


def _need_row(library: Library, region: str, depth: int, change: Change, found: Need | None) -> str:
    start = (library.name, region, f"{depth:,}", gene().name(change))
    if found is None:
        return row((*start, *["more than there are"] * 2, *["–"] * 4))
    return row(
        (
            *start,
            f"{found.theory:.1f}",
            f"{found.drawn:.1f}",
            f"{found.ours:.1f}",
            f"{found.ratio:.2f} ± {found.ratio_error:.2f}",
            f"{found.unflagged:.2f}" if found.unflagged > 0.5 else "found without any",
            "–" if found.blind is None else f"{found.blind[0]:.2f} ± {found.blind[1]:.2f}",
        )
    )


@dataclass(frozen=True)
class Estimates:
    """Estimates in the cells of one library and depth; k samples.

    Attributes:
        many: Whether 20 or more mutant molecules are expected.
        runs: Number of runs.
        bias: Mean of the corrected VAF divided by the true one.
        bias_error: Its standard error.
        held: Runs whose interval holds the truth.
        worst: The lowest share of them among the cells, and the cell's VAF.
    """

    many: bool
    runs: int
    bias: float
    bias_error: float
    held: int
    worst: tuple[float, float]


def estimates(
    library: Library,
    depth: int,
    runs: int,
    changes: Sequence[Change] = CANONICAL,
    vafs: Sequence[float] = _VAFS,
) -> list[Estimates]:
    """Estimate VAFs, every run with a background of its own, called or not."""
    drawing = drawing_of(library, "coding", seed_of(library.name, "vaf", depth, changes[0]))
    level = gene().level
    # By VAF: relative estimates, and whether the interval holds the truth.
    cells: dict[float, list[tuple[float, bool]]] = {vaf: [] for vaf in vafs}
    clusters: dict[bool, list[tuple[float, int]]] = {True: [], False: []}
    for _ in range(runs):
        sample = Sample.draw(drawing, depth)
        sums = {True: [0.0, 0.0], False: [0.0, 0.0]}
        for vaf in vafs:
            for change in changes:
                view, _ = sample.codon(change, vaf)
                found, _ = sample.asked(change, view, level)
                ratio = found.vaf_corrected / vaf
                cells[vaf].append((ratio, found.vaf_low <= vaf <= found.vaf_high))
                at = sums[vaf * depth >= _MANY]
                at[0] += ratio
                at[1] += 1
        for many, (total, count) in sums.items():
            clusters[many].append((total, int(count)))
    made = []
    for many in (True, False):
        inside = [vaf for vaf in vafs if (vaf * depth >= _MANY) == many]
        if not inside:
            continue
        held = {vaf: int(sum(hit for _, hit in cells[vaf])) for vaf in inside}
        runs_inside = sum(len(cells[vaf]) for vaf in inside)
        table = np.array(clusters[many], dtype=np.float64)
        bias, error = mean_of_clusters(table[:, 0], table[:, 1])
        worst = min((held[vaf] / len(cells[vaf]), vaf) for vaf in inside)
        made.append(Estimates(many, runs_inside, bias, error, sum(held.values()), worst))
    return made


def vaf_table(effort: Effort, tell: Tell, libraries: Sequence[Library] = LIBRARIES) -> str:
    """Return the table of estimates; ``tell`` gets each row when made."""
    rows = []
    for library in libraries:
        for depth in effort.depths:
            for found in estimates(library, depth, effort.vaf_runs):
                share, vaf = found.worst
                rows.append(
                    row(
                        (
                            library.name,
                            f"{depth:,}",
                            f"{_MANY} and more" if found.many else f"fewer than {_MANY}",
                            f"{found.runs:,}",
                            f"{found.bias:.3f} ± {found.bias_error:.3f}",
                            share_of(found.held, found.runs),
                            f"{percent(share)} at {percent(vaf, 2)}",
                        )
                    )
                )
                tell(rows[-1])
    return VAF_HEAD + "".join(rows)


def seed_of(*parts: object) -> int:
    """Return a seed of its own for a cell."""
    return crc32(repr(parts).encode())
