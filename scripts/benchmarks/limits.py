"""Part ``limits``: is what a sample claims to show shown, and do poorer qualities claim less?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.figures import mean_of_clusters, percent
from benchmarks.merit import CANONICAL, DEPTHS, LIBRARIES, seed_of
from benchmarks.observations import Library
from benchmarks.pages import head, row
from benchmarks.spiked import Change, Sample, drawing_of, gene, passes
from vexas_uba1.caller.evidence import TestLevels

Tell = Callable[[str], object]
HEAD = head(
    (
        "Library",
        "Depth",
        "Allele",
        "Claimed limit (range)",
        "Molecules at the limit",
        "Runs",
        "Called at the limit",
        "Limit with halved qualities",
    ),
    1,
)


@dataclass(frozen=True)
class Effort:
    """How much is drawn.

    Attributes:
        depths: Informative molecules.
        samples: Whose limits are asked for, by cell.
        spikes: Draws of the codon at each sample's limit.
        changes: Alleles.
    """

    depths: Sequence[int]
    samples: int
    spikes: int
    changes: Sequence[Change]


SMALL = Effort((1_000, 20_000), 6, 15, CANONICAL[2:])
FULL = Effort(DEPTHS, 20, 20, CANONICAL)


@dataclass(frozen=True)
class Limits:
    """Limits of one library, depth and allele.

    Attributes:
        claimed: By sample; NaN where none is claimed.
        called: Share of runs that are called at their sample's limit, and its standard error.
        runs: Number of runs.
        halved: Median limit with halved qualities; infinite where none is claimed.
        halved_unflagged: The same if no allele were flagged for poor bases.
    """

    claimed: tuple[float, ...]
    called: tuple[float, float]
    runs: int
    halved: float
    halved_unflagged: float


def limits(library: Library, depth: int, change: Change, samples: int, spikes: int) -> Limits:
    """Ask samples for their limit, and spike them at it."""
    drawing = drawing_of(library, "coding", seed_of(library.name, "limits", depth, change))
    level, power = gene().level, TestLevels().power
    claimed, hits = [], []
    for _ in range(samples):
        sample = Sample.draw(drawing, depth)
        view, _ = sample.codon(change, 0.0)
        limit = sample.asked(change, view, level, power)[0].limit
        claimed.append(float("nan") if limit is None else limit)
        if limit is None:
            continue
        hits.append(
            sum(
                passes(sample.asked(change, sample.codon(change, limit)[0], level)[0])
                for _ in range(spikes)
            )
        )
    called = (float("nan"), float("nan"))
    if hits:
        sums = np.array(hits, dtype=np.float64)
        called = mean_of_clusters(sums, np.full(sums.size, spikes, dtype=np.float64))
    return Limits(
        tuple(claimed), called, len(hits) * spikes, *_halved(library, depth, change, samples)
    )


def halved(library: Library) -> Library:
    """Return a library that announces half of each Phred, and errs accordingly."""
    own = library.kinds
    return replace(
        library, name=f"{library.name}, halved", kinds=replace(own, quality=own.quality // 2)
    )


def _halved(library: Library, depth: int, change: Change, samples: int) -> tuple[float, float]:
    poorer = halved(library)
    drawing = drawing_of(poorer, "coding", seed_of(poorer.name, "limits", depth, change))
    found = []
    for _ in range(min(samples, 5)):
        sample = Sample.draw(drawing, depth)
        view, _ = sample.codon(change, 0.0)
        asked = (
            sample.asked(
                change, view, gene().level, TestLevels().power, judges_quality=judges_quality
            )[0].limit
            for judges_quality in (True, False)
        )
        found.append([float("inf") if limit is None else limit for limit in asked])
    judged, unjudged = np.median(found, axis=0)
    return float(judged), float(unjudged)


def table(effort: Effort, tell: Tell, libraries: Sequence[Library] = LIBRARIES) -> str:
    """Return the table; ``tell`` gets each row when made."""
    rows = []
    for library in libraries:
        for depth in effort.depths:
            for change in effort.changes:
                found = limits(library, depth, change, effort.samples, effort.spikes)
                rows.append(_row(library.name, depth, change, found))
                tell(rows[-1])
    return HEAD + "".join(rows)


def _row(name: str, depth: int, change: Change, found: Limits) -> str:
    claimed = np.array([limit for limit in found.claimed if not np.isnan(limit)])
    start = (name, f"{depth:,}", gene().name(change))
    after = _shown(found.halved)
    if found.halved_unflagged < found.halved:
        after += f"; by the test alone {_shown(found.halved_unflagged)}"
    if not claimed.size:
        return row((*start, "none", "–", "0", "–", after))
    middle = float(np.median(claimed))
    share, error = found.called
    return row(
        (
            *start,
            f"{percent(middle, 3)} ({100 * claimed.min():.3f}–{100 * claimed.max():.3f})",
            f"{middle * depth:.1f}",
            f"{found.runs:,}",
            f"{percent(share)} ± {100 * error:.1f}",
            after,
        )
    )


def _shown(limit: float) -> str:
    return percent(limit, 2) if np.isfinite(limit) else "none"
