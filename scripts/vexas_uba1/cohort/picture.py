"""Where the samples stand in the cohort's picture: limit of detection against depth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vexas_uba1.cohort.entries import CohortEntry
from vexas_uba1.numbers import count, limit
from vexas_uba1.report.wording import UNITS, vaf_term
from vexas_uba1.result import SampleCall

WIDTH, HEIGHT = 760.0, 330.0
_LEFT, _RIGHT = 66.0, 742.0
_NONE_ROW = 22.0
"""Height at which samples stand that reach no limit."""
_TOP, _BOTTOM = 44.0, 284.0
_FEWEST_DECADES = 2
_LABELLED = 12
"""Samples that are named beside their marks; of more the names would hide the marks."""
_LABEL_CHARACTERS = 18
_CHARACTER, _LINE = 6.4, 12.0
"""Size of a letter of the labels."""
_ASIDE = 9.0
_SHIFTS = (0.0, -_LINE, _LINE)


@dataclass(frozen=True)
class Mark:
    """A sample; ``row`` is its number in the page's table, ``label`` may be empty."""

    row: int
    verdict: str
    is_rna: bool
    x: float
    y: float
    title: str
    label: str
    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True)
class Required:
    """A required limit and the assays that ask for it."""

    y: float
    label: str


@dataclass(frozen=True)
class Picture:
    """The whole figure; lengths in the SVG's own units."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    none_row: float | None
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    required: tuple[Required, ...]
    marks: tuple[Mark, ...]
    verdicts: tuple[str, ...]
    without_place: int


def draw_cohort(entries: Sequence[CohortEntry]) -> Picture | None:
    """Lay out all samples with a result; None if there are none.

    Args:
        entries: In the order of the page's rows.
    """
    shown = [(row, entry.result.call) for row, entry in enumerate(entries) if entry.result]
    if not shown:
        return None
    depths = [max(1, call.codon41.depth_fragments) for _, call in shown]
    limits = [found for _, call in shown if (found := call.codon41.limit_of_detection_vaf)]
    required = _required(call for _, call in shown)
    low = math.floor(math.log10(min(depths)))
    high = max(low + 1, math.ceil(math.log10(max(depths))))
    smallest = min([*limits, *required])
    decades = max(_FEWEST_DECADES, math.ceil(-math.log10(smallest) - 1e-9))

    def x(depth: int) -> float:
        share = (math.log10(max(1, depth)) - low) / (high - low)
        return round(_LEFT + share * (_RIGHT - _LEFT), 1)

    def y(vaf: float | None) -> float:
        if vaf is None:
            return _NONE_ROW
        return round(_TOP - math.log10(vaf) / decades * (_BOTTOM - _TOP), 1)

    places = [
        (x(call.codon41.depth_fragments), y(call.codon41.limit_of_detection_vaf))
        for _, call in shown
    ]
    names = [call.sample.id for _, call in shown]
    labels = _labels(names, places) if len(shown) <= _LABELLED else [None] * len(shown)
    marks = []
    for (row, call), place, label in zip(shown, places, labels, strict=True):
        marks.append(
            Mark(
                row=row,
                verdict=entries[row].verdict,
                is_rna=call.sample.assay == "rna",
                x=place[0],
                y=place[1],
                title=_title(call),
                label=label.text if label else "",
                label_x=label.x if label else 0.0,
                label_y=label.y if label else 0.0,
                anchor=label.anchor if label else "start",
            )
        )
    verdicts = {mark.verdict for mark in marks}
    return Picture(
        width=WIDTH,
        height=HEIGHT,
        left=_LEFT,
        right=_RIGHT,
        top=_TOP,
        bottom=_BOTTOM,
        none_row=_NONE_ROW if len(limits) < len(shown) else None,
        x_ticks=tuple((x(10**power), count(10**power)) for power in range(low, high + 1)),
        y_ticks=tuple((y(10.0**-power), f"{100 / 10**power:g} %") for power in range(decades + 1)),
        required=tuple(
            Required(y(vaf), f"required: {limit(vaf)} ({', '.join(sorted(assays))})")
            for vaf, assays in sorted(required.items())
        ),
        marks=tuple(marks),
        verdicts=tuple(sorted(verdicts)),
        without_place=len(entries) - len(shown),
    )


def _required(calls: Iterable[SampleCall]) -> dict[float, set[str]]:
    """Return the assays by the limit that they ask for."""
    found: dict[float, set[str]] = {}
    for call in calls:
        vaf = float(call.parameters["required_limit_vaf"])
        found.setdefault(vaf, set()).add(call.sample.assay)
    return found


def _title(call: SampleCall) -> str:
    codon = call.codon41
    reached = codon.limit_of_detection_vaf
    said = "no limit reached" if reached is None else f"limit {limit(reached)} {vaf_term(call)}"
    return f"{call.sample.id}: {count(codon.depth_fragments)} {UNITS[codon.count_unit]}, {said}"


@dataclass(frozen=True)
class _Label:
    text: str
    x: float
    y: float
    anchor: str


def _labels(names: Sequence[str], places: Sequence[tuple[float, float]]) -> list[_Label | None]:
    """Return a name beside each mark, moved where it would meet another; None without room."""
    taken = [(x - 6, x + 6, y) for x, y in places]
    made: list[_Label | None] = []
    for name, (x, y) in zip(names, places, strict=True):
        text = name if len(name) <= _LABEL_CHARACTERS else f"{name[: _LABEL_CHARACTERS - 1]}…"
        width = _CHARACTER * len(text)
        found = None
        for shift in _SHIFTS:
            for anchor, left in (("start", x + _ASIDE), ("end", x - _ASIDE - width)):
                height = y + shift
                inside = left >= _LEFT and left + width <= WIDTH and 8 <= height <= _BOTTOM
                meets = any(
                    low < left + width and left < high and abs(at - height) < _LINE
                    for low, high, at in taken
                )
                if found is None and inside and not meets:
                    at = x + _ASIDE if anchor == "start" else x - _ASIDE
                    found = _Label(text, round(at, 1), round(height + 4, 1), anchor)
                    taken.append((left, left + width, height))
        made.append(found)
    return made
