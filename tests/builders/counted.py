"""Positions with drawn errors, as the error model counts them; a model made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from vexas_uba1.fragments.marks import ORIGINS
from vexas_uba1.fragments.qualities import QUALITY_CLASSES, base_error, quality_class
from vexas_uba1.noise import ErrorModel, PositionCounts
from vexas_uba1.noise.recalibration import Recalibration
from vexas_uba1.reference import CONTEXTS, UNKNOWN, ReferenceWindow, context_of

Factor = Callable[[str, str, int, int], float]
"""Of the three bases around a position, the shown base, the kind of observation and its Phred:
how many times as often as announced it errs so."""
UNKNOWN_BESIDE = CONTEXTS - 1
PLAIN = ErrorModel()


def drawn_counts(
    bases: str,
    molecules: Mapping[tuple[int, int], int],
    factor: Factor = lambda *_: 1.0,
    seed: int = 5,
) -> PositionCounts:
    """Draw what molecules show.

    Args:
        bases: The reference.
        molecules: At each position, by kind of observation and Phred.
        factor: See above.
        seed: Of the random numbers.
    """
    random = np.random.default_rng(seed)
    counts = np.zeros((len(bases), UNKNOWN, ORIGINS, QUALITY_CLASSES), dtype=np.int64)
    error = np.zeros((len(bases), ORIGINS, QUALITY_CLASSES))
    padded = f"N{bases}N"
    for (origin, quality), number in molecules.items():
        group = int(quality_class(quality))
        announced = float(base_error(np.uint8(quality)))
        error[:, origin, group] += number * announced
        for row, base in enumerate(bases):
            left = number
            for shown in "ACGT".replace(base, ""):
                rate = announced / 3 * factor(padded[row : row + 3], shown, origin, quality)
                wrong = int(random.binomial(number, min(rate, 1.0)))
                counts[row, "ACGT".index(shown), origin, group] += wrong
                left -= wrong
            if base != "N":
                counts[row, "ACGT".index(base), origin, group] += left
    window = ReferenceWindow(0, bases, "fasta")
    positions = np.arange(len(bases))
    return PositionCounts(positions, window.codes, context_of(window, positions), counts, error)


def plain_counts(
    bases: str, shown: Mapping[int, Mapping[str, int]], depth: int, quality: int = 30
) -> PositionCounts:
    """Return molecules of one kind and Phred without errors but those of ``shown`` by position."""
    counted = drawn_counts(bases, {(0, quality): depth}, lambda *_: 0.0)
    group = int(quality_class(quality))
    for row, by_base in shown.items():
        counted.counts[row] = 0
        for base, number in by_base.items():
            counted.counts[row, "ACGT".index(base), 0, group] = number
    return counted


def model_with(
    factors: Mapping[tuple[int, int], float] | None = None,
    *,
    variance: float = 0.0,
    site_variance: float = 0.0,
) -> ErrorModel:
    """Return a model with factors by true and shown base, everywhere the same."""
    none = Recalibration.none()
    factor = none.factor.copy()
    for (true, shown), times in (factors or {}).items():
        factor[true, :, shown] = times
    spread = np.full(factor.shape, variance)
    return ErrorModel(Recalibration(factor, spread, site_variance, None))


def random_bases(count: int, seed: int = 1) -> str:
    """Return bases of every context."""
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), count))
