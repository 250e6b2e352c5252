"""Part ``false``: what is found in samples without a variant, drawn observation by observation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from benchmarks.drawn import DrawnMolecules, searched
from benchmarks.figures import ONE_SIDED95, mean_of_clusters, rate, upper95
from benchmarks.merit import CANONICAL, DEPTHS, LIBRARIES, WITH_PANEL, seed_of
from benchmarks.observations import TWO_COLOUR, C, Library
from benchmarks.pages import head, row
from benchmarks.spiked import Change, Sample, drawing_of, gene, passes
from vexas_uba1.caller.caller import Caller
from vexas_uba1.caller.evidence import Counting, TestLevels

Tell = Callable[[str], object]
PLAIN_HEAD = head(
    (
        "Library",
        "Depth",
        "Samples",
        "Class vexas, passing",
        "Any allele, passing",
        "Upper 95 % bound, vexas",
        "Upper 95 % bound, any",
        "Samples with a flagged allele only",
    ),
    1,
)
RARE_HEAD = head(
    (
        "Library",
        "Depth",
        "Draws",
        "Class vexas, passing, per sample",
        "Upper 95 % bound",
        "Class vexas, flagged, per sample",
        "Codon's six other changes, passing, per sample",
    ),
    1,
)
ARTEFACT_HEAD = head(
    (
        "T>G at NT[TG], share of reverse reads",
        "Depth",
        "Samples",
        "c.121A>C passing",
        "Upper 95 % bound",
        "c.121A>C flagged",
    ),
    1,
)
ARTEFACT_SHARES = (0.01, 0.02, 0.05, 0.10)
_UNLIKE = 4
"""Times as many error models where each site errs at a rate of its own that no panel tells."""
_TILTS = (1.0, 0.6)
"""Two distributions are drawn from in turn, so that no draw weighs more than a few others."""


@dataclass(frozen=True)
class Effort:
    """How much is drawn.

    Attributes:
        depths: Informative molecules.
        plain: Whole samples by depth and library.
        backgrounds: Error models by depth and library, with importance sampling.
        draws: Of the codon for each model and allele.
        artefact_samples: By share and depth.
    """

    depths: Sequence[int]
    plain: int
    backgrounds: int
    draws: int
    artefact_samples: int


SMALL = Effort((1_000,), 6, 5, 4, 30)
FULL = Effort(DEPTHS, 100, 16, 10, 200)


def level_of(change: Change) -> float:
    """Return the level at which the caller tests one change of the codon."""
    own = gene()
    if own.allele(change) in own.canonical:
        return own.level
    return TestLevels().other_known / (64 + len(own.known) - len(own.vexas))


def found_in_plain(library: Library, depth: int, seed: int) -> tuple[bool, bool, bool]:
    """Draw one negative sample and call it.

    Returns:
        Whether an allele of class ``vexas`` passes, any allele, and whether any is flagged.
    """
    own = gene()
    generator = np.random.default_rng(seed)
    caller = Caller(
        DrawnMolecules(library, own, depth, generator),  # type: ignore[arg-type]
        own.placed,
        own.reference,
        own.known,
        searched(own),
        Counting(),
        TestLevels(),
        own.canonical,
    )
    found = caller.searched()
    passing = [finding for finding in found if not finding.flags]
    return (
        any(finding.allele in own.vexas for finding in passing),
        bool(passing),
        any(finding.flags for finding in found),
    )


def plain_table(effort: Effort, tell: Tell, libraries: Sequence[Library] = LIBRARIES) -> str:
    """Return the table of whole negatives; ``tell`` gets each row when made."""
    rows, total = [], Counter[str]()

    def made(name: str, depth: str, runs: int, vexas: int, passing: int, flagged: int) -> None:
        rows.append(
            row(
                (
                    *(name, depth, f"{runs:,}", f"{vexas:,}", f"{passing:,}"),
                    *(rate(upper95(vexas, runs)), rate(upper95(passing, runs)), f"{flagged:,}"),
                )
            )
        )
        tell(rows[-1])

    for library in libraries:
        for depth in effort.depths:
            count = Counter[str]()
            for run in range(effort.plain):
                vexas, passing, flagged = found_in_plain(
                    library, depth, seed_of(library.name, "plain", depth, run)
                )
                count.update(runs=1, vexas=vexas, passing=passing, flagged=flagged and not passing)
            made(library.name, f"{depth:,}", *_of(count))
            total.update(count)
    made("all", "all", *_of(total))
    return PLAIN_HEAD + "".join(rows)


def _of(count: Counter[str]) -> tuple[int, int, int, int]:
    return count["runs"], count["vexas"], count["passing"], count["flagged"]


@dataclass(frozen=True)
class Rare:
    """Chances per sample of a rare false finding, for one change.

    Attributes:
        passing: Chance and its standard error.
        flagged: Likewise, significant but flagged.
        draws: Number of draws.
    """

    passing: tuple[float, float]
    flagged: tuple[float, float]
    draws: int


def rare(
    library: Library, depth: int, change: Change, level: float, backgrounds: int, draws: int
) -> Rare:
    """Estimate how often errors alone are found, by importance sampling.

    The error that looks like the change is made likelier by exp(t w), w the logarithm of the
    likelihood ratio that such a molecule has in the best test, t such that on average its critical
    value is reached; every draw is weighed by how much likelier it was made (Siegmund 1976,
    doi:10.1214/aos/1176343541), over a mixture of two such distributions.
    """
    drawing = drawing_of(library, "coding", seed_of(library.name, "rare", depth, change))
    sums: dict[str, list[float]] = {"passing": [], "flagged": []}
    best = boosts = None
    for _ in range(backgrounds):
        sample = Sample.draw(drawing, depth)
        if best is None or library.spread:
            best = sample.optimum(change, level)
            boosts = _boosts(sample, change, best.weight, best.critical)
        assert boosts is not None
        total = {"passing": 0.0, "flagged": 0.0}
        for draw in range(draws):
            view, kind = sample.codon(change, 0.0, boosts[draw % len(boosts)])
            found, _ = sample.asked(change, view, level)
            if found.significant:
                codes = view.codes[change.row]
                weight = _weight(sample, change, codes, kind, boosts)
                total["flagged" if found.flags else "passing"] += weight
        for name, weights in total.items():
            sums[name].append(weights)
    sizes = np.full(backgrounds, draws, dtype=np.float64)
    return Rare(
        mean_of_clusters(np.array(sums["passing"]), sizes),
        mean_of_clusters(np.array(sums["flagged"]), sizes),
        backgrounds * draws,
    )


def _boosts(
    sample: Sample, change: Change, weight: NDArray[np.int64], critical: int
) -> list[NDArray[np.float64]]:
    """Return factors on the chance of the error by kind, one array for each tilt (c)."""
    chance, trials, _ = sample.truth(change)
    worth = weight / max(int(weight.max()), 1)
    wanted = critical / max(int(weight.max()), 1)

    def surplus(tilt: float) -> float:
        return float(trials @ (_tilted(chance, tilt * worth) * worth)) - wanted

    if surplus(0.0) >= 0:
        return [np.ones(chance.size)]
    high = 1.0
    while surplus(high) < 0 and high < 60:
        high *= 1.5
    tilt = high if surplus(high) < 0 else brentq(surplus, 0.0, high)
    return [_tilted(chance, share * tilt * worth) / chance for share in _TILTS]


def _tilted(chance: NDArray[np.float64], by: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = chance / (1 - chance) * np.exp(np.minimum(by, 60.0))
    tilted: NDArray[np.float64] = np.minimum(odds / (1 + odds), 0.6)
    return tilted


def _weight(
    sample: Sample,
    change: Change,
    codes: NDArray[np.uint8],
    kind: NDArray[np.int64],
    boosts: Sequence[NDArray[np.float64]],
) -> float:
    """Return the probability of a draw by the one it had, at the changed position."""
    chances = sample.drawing.truth(change.row, sample.background.factors)
    shows = codes == change.alt
    true = np.flatnonzero(chances.max(axis=0) == 0)
    whole = np.isin(codes, true)
    logs = []
    for boost in boosts:
        boosted = chances.copy()
        boosted[:, change.alt] *= boost
        # What is left for the true base, as it is drawn.
        kept = np.log1p(-chances.sum(axis=1)) - np.log1p(-boosted.sum(axis=1))
        logs.append(-np.log(boost)[kind[shows]].sum() + kept[kind[whole]].sum())
    # The mixture's density by the true one is the mean of the reciprocals.
    return float(1 / np.mean(np.exp(-np.array(logs))))


def rare_table(effort: Effort, tell: Tell, libraries: Sequence[Library] = WITH_PANEL) -> str:
    """Return the table of importance sampling; ``tell`` gets each row when made."""
    rows = []
    own = gene()
    listed = len(own.vexas - own.canonical)
    others = [change for change in own.changes if change not in CANONICAL]
    for library in libraries:
        backgrounds = effort.backgrounds * (
            _UNLIKE if library.spread and not library.normals else 1
        )
        for depth in effort.depths:
            # Canonical ones by themselves, and in place of the class's other alleles.
            levels = (own.level, TestLevels().other_vexas / listed, level_of(others[0]))
            canonical, instead, beside = (
                [
                    rare(library, depth, change, level, backgrounds, effort.draws)
                    for change in changes
                ]
                for changes, level in zip((CANONICAL, CANONICAL, others), levels, strict=True)
            )
            scale = listed / len(CANONICAL)
            passing, flagged = (
                _added(_summed(canonical, name), _summed(instead, name, scale))
                for name in ("passing", "flagged")
            )
            also = _summed(beside, "passing")
            rows.append(
                row(
                    (
                        library.name,
                        f"{depth:,}",
                        f"{sum(each.draws for each in (*canonical, *instead, *beside)):,}",
                        _with_error(passing),
                        rate(passing[0] + ONE_SIDED95 * passing[1]),
                        _with_error(flagged),
                        _with_error(also),
                    )
                )
            )
            tell(rows[-1])
    return RARE_HEAD + "".join(rows)


def _summed(parts: Sequence[Rare], name: str, factor: float = 1.0) -> tuple[float, float]:
    mean, error = 0.0, 0.0
    for part in parts:
        mean, error = _added((mean, error), getattr(part, name))
    return factor * mean, factor * error


def _added(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Return the sum of two independent estimates, each with its standard error."""
    return one[0] + other[0], float(np.hypot(one[1], other[1]))


def _with_error(found: tuple[float, float]) -> str:
    return f"{rate(found[0])} ± {rate(found[1])}"


def artefact_table(effort: Effort, tell: Tell, shares: Sequence[float] = ARTEFACT_SHARES) -> str:
    """Return what is found where the machine shows c.121A>C by itself."""
    rows = []
    change = Change(0, C)
    for share in shares:
        library = replace(
            TWO_COLOUR,
            name=f"{TWO_COLOUR.name} at {share}",
            added=TWO_COLOUR.added * (share / TWO_COLOUR.added.max()),
        )
        for depth in effort.depths:
            drawing = drawing_of(library, "coding", seed_of("artefact", share, depth))
            passing = flagged = 0
            for _ in range(effort.artefact_samples):
                sample = Sample.draw(drawing, depth)
                view, _ = sample.codon(change, 0.0)
                found, _ = sample.asked(change, view, gene().level)
                passing += passes(found)
                flagged += found.significant and bool(found.flags)
            runs = effort.artefact_samples
            rows.append(
                row(
                    (
                        f"{share:.0%}".replace("%", " %"),
                        f"{depth:,}",
                        f"{runs:,}",
                        f"{passing:,}",
                        rate(upper95(passing, runs)),
                        f"{flagged:,}",
                    )
                )
            )
            tell(rows[-1])
    return ARTEFACT_HEAD + "".join(rows)
