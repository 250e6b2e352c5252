"""Where the samples stand in the cohort's picture: limit of detection against depth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vexas_uba1.cohort.entries import CohortEntry
from vexas_uba1.numbers import count, limit
from vexas_uba1.report.vaf_scale import VafScale
from vexas_uba1.report.wording import UNITS, vaf_term
from vexas_uba1.result import SampleCall

WIDTH = 620.0
_LEFT, _RIGHT = 70.0, 606.0
_HEAD, _PLOT, _FOOT = 26.0, 240.0, 46.0
"""Heights: what stands above the axes, the axes themselves, and what stands below them."""
_ASIDE = 34.0
"""Room for the samples that a logarithmic axis has no place for: without a limit, without depth."""
_FEWEST_DECADES = 2
_NAMED = 12
"""Samples that are named beside their marks; of more the names would hide the marks."""
_CROWD = 60
"""Samples of which the marks are drawn smaller."""
_SMALL = 0.75
_NAME_CHARACTERS = 18
_CHARACTER, _LINE = 8.2, 13.0
"""Size of a letter of the names, in the widest of the page's fonts."""
_BESIDE = 9.0
_SHIFTS = (0.0, -_LINE, _LINE)
_REQUIRED_LINE = 16.0
_REQUIRED_CHARACTER = 6.6


@dataclass(frozen=True)
class Mark:
    """A sample; ``row`` is its number in the page's table, ``name`` None where none is written."""

    row: int
    verdict: str
    is_rna: bool
    x: float
    y: float
    title: str
    name: Name | None


@dataclass(frozen=True)
class Name:
    """A sample's name beside its mark; ``anchor`` is the SVG's: where ``x`` is in the text."""

    text: str
    x: float
    y: float
    anchor: str


@dataclass(frozen=True)
class Required:
    """A required limit and the assays that ask for it."""

    y: float
    label: str
    label_y: float


@dataclass(frozen=True)
class Aside:
    """Samples beyond an axis: where their marks stand, and the line that parts them from it."""

    at: float
    border: float


@dataclass(frozen=True)
class Picture:
    """The whole figure; lengths in the SVG's own units.

    Attributes:
        top: Where the axis of limits begins; ``bottom`` where it ends.
        left: Where the frame begins; ``right`` where it ends.
        no_limit: The row of the samples that reach no limit, if there are any.
        no_depth: The column of the samples without a fragment at codon 41, if there are any.
        marks: As they are drawn: the first verdicts of the page last, so that no other hides them.
        mark_scale: Size of the marks, 1 unless there are many.
        without_place: Samples without a result.
    """

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    no_limit: Aside | None
    no_depth: Aside | None
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    required: tuple[Required, ...]
    marks: tuple[Mark, ...]
    mark_scale: float
    verdicts: frozenset[str]
    without_place: int


def draw_cohort(entries: Sequence[CohortEntry]) -> Picture | None:
    """Lay out all samples with a result; None if there are none.

    Args:
        entries: In the order of the page's rows.
    """
    shown = [(row, entry.result.call) for row, entry in enumerate(entries) if entry.result]
    if not shown:
        return None
    calls = [call for _, call in shown]
    x, x_ticks, no_depth = _depth_axis([call.codon41.depth_fragments for call in calls])
    needed = _required(calls)
    limits = [call.codon41.limit_of_detection_vaf for call in calls]
    y, y_ticks, no_limit = _limit_axis(limits, needed)
    bottom = y_ticks[-1][0]
    required = _required_lines(needed, y)
    places = [
        (x(call.codon41.depth_fragments), y(call.codon41.limit_of_detection_vaf)) for call in calls
    ]
    names: Sequence[Name | None] = [None] * len(shown)
    if len(shown) <= _NAMED:
        names = _names([call.sample.id for call in calls], places, required, bottom)
    marks = [
        Mark(row, entries[row].verdict, call.sample.assay == "rna", *place, _title(call), name)
        for (row, call), place, name in zip(shown, places, names, strict=True)
    ]
    return Picture(
        width=WIDTH,
        height=bottom + _FOOT,
        left=_LEFT,
        right=_RIGHT,
        top=y_ticks[0][0],
        bottom=bottom,
        no_limit=no_limit,
        no_depth=no_depth,
        x_ticks=x_ticks,
        y_ticks=y_ticks,
        required=required,
        marks=tuple(reversed(marks)),
        mark_scale=_SMALL if len(marks) > _CROWD else 1.0,
        verdicts=frozenset(mark.verdict for mark in marks),
        without_place=len(entries) - len(shown),
    )


_Ticks = tuple[tuple[float, str], ...]


def _depth_axis(depths: Sequence[int]) -> tuple[Callable[[int], float], _Ticks, Aside | None]:
    """Return where a depth stands, whole decades about all of them, and the column of zero."""
    covered = [depth for depth in depths if depth > 0] or [1]
    low = math.floor(math.log10(min(covered)))
    high = max(low + 1, math.ceil(math.log10(max(covered))))
    zero = Aside(_LEFT + _ASIDE / 2 - 3, _LEFT + _ASIDE - 6) if 0 in depths else None
    start = _LEFT + _ASIDE if zero else _LEFT

    def x(depth: int) -> float:
        if depth == 0 and zero:
            return zero.at
        return round(start + (math.log10(depth) - low) / (high - low) * (_RIGHT - start), 1)

    powers = [10**power for power in range(low, high + 1)]
    return x, tuple((x(depth), count(depth)) for depth in [0, *powers][not zero :]), zero


def _limit_axis(
    limits: Sequence[float | None], required: Iterable[float]
) -> tuple[Callable[[float | None], float], _Ticks, Aside | None]:
    """Return where a limit stands, decades from 100 % to below all, and the row of no limit."""
    smallest = min([*(vaf for vaf in limits if vaf is not None), *required])
    decades = max(_FEWEST_DECADES, math.ceil(-math.log10(smallest) - 1e-9))
    none = Aside(_HEAD + _ASIDE / 2 - 3, _HEAD + _ASIDE - 6) if None in limits else None
    top = _HEAD + _ASIDE if none else _HEAD

    scale = VafScale(top, top + _PLOT, decades)

    def y(vaf: float | None) -> float:
        if vaf is None and none:
            return none.at
        assert vaf is not None
        return scale.at(vaf)

    return y, scale.ticks, none


def _required(calls: Iterable[SampleCall]) -> dict[float, set[str]]:
    """Return the assays by the limit that they ask for."""
    found: dict[float, set[str]] = {}
    for call in calls:
        vaf = float(call.parameters["required_limit_vaf"])
        found.setdefault(vaf, set()).add(call.sample.assay)
    return found


def _required_lines(
    needed: Mapping[float, set[str]], y: Callable[[float | None], float]
) -> tuple[Required, ...]:
    """Return the lines from the worst limit to the best, no label on another."""
    lines: list[Required] = []
    lowest = -math.inf
    for vaf, assays in sorted(needed.items(), reverse=True):
        lowest = max(y(vaf) - 4, lowest + _REQUIRED_LINE)
        label = f"required: {limit(vaf)} ({', '.join(sorted(assays))})"
        lines.append(Required(y(vaf), label, round(lowest, 1)))
    return tuple(lines)


def _title(call: SampleCall) -> str:
    codon = call.codon41
    reached = codon.limit_of_detection_vaf
    said = "no limit reached" if reached is None else f"limit {limit(reached)} {vaf_term(call)}"
    return f"{call.sample.id}: {count(codon.depth_fragments)} {UNITS[codon.count_unit]}, {said}"


def _names(
    samples: Sequence[str],
    places: Sequence[tuple[float, float]],
    required: Iterable[Required],
    bottom: float,
) -> list[Name | None]:
    """Return a name beside each mark, moved where it would meet another; None without room."""
    taken = [(x - 6, x + 6, y) for x, y in places]
    taken += [
        (_RIGHT - _REQUIRED_CHARACTER * len(line.label), _RIGHT, line.label_y - 4)
        for line in required
    ]
    made: list[Name | None] = []
    for sample, (x, y) in zip(samples, places, strict=True):
        short = len(sample) <= _NAME_CHARACTERS
        text = sample if short else f"{sample[: _NAME_CHARACTERS - 1]}…"
        width = _CHARACTER * len(text)
        found = None
        for shift in _SHIFTS:
            for anchor, left in (("start", x + _BESIDE), ("end", x - _BESIDE - width)):
                height = y + shift
                inside = left >= _LEFT and left + width <= WIDTH and _LINE <= height <= bottom
                meets = any(
                    low < left + width and left < high and abs(at - height) < _LINE
                    for low, high, at in taken
                )
                if found is None and inside and not meets:
                    at = x + _BESIDE if anchor == "start" else x - _BESIDE
                    found = Name(text, round(at, 1), round(height + 4, 1), anchor)
                    taken.append((left, left + width, height))
        made.append(found)
    return made
