"""Where the marks of a patient's course go: VAF on a logarithmic axis against the date."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from vexas_uba1.cohort.series import Course, Point
from vexas_uba1.report.vaf_scale import VafScale

WIDTH, HEIGHT = 640.0, 258.0
_LEFT, _RIGHT = 62.0, 622.0
_NONE_ROW, _TOP, _BOTTOM = 16.0, 36.0, 214.0
"""Where a sample without any limit stands, and the axis."""
_DATE = 100.0
"""Room of a date, in the letters of a narrow page."""
_MOST_DECADES = 4
_ROOM = 14.0
"""Left free within the frame to both sides, so that marks do not stand on it."""
_APART = 9.0
"""Between marks of different specimens of one day."""
SPECIMENS = ("blood", "bone_marrow", "other", "unknown")


@dataclass(frozen=True)
class Mark:
    """A sample: where it stands, and its interval; ``low`` and ``high`` are heights as ``y`` is.

    ``kind`` is the point's state; of one that was not detected ``y`` is the limit.
    """

    kind: str
    specimen: str
    x: float
    y: float
    low: float
    high: float
    title: str


@dataclass(frozen=True)
class Line:
    """From one sample to the next of its specimen; not ``is_known`` to or from a limit."""

    x1: float
    y1: float
    x2: float
    y2: float
    is_known: bool


@dataclass(frozen=True)
class Figure:
    """One course in one material; lengths in the SVG's own units."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    name: str
    vaf_name: str
    ticks: tuple[tuple[float, str], ...]
    dates: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]
    none_row: float | None
    specimens: tuple[str, ...]


def draw_course(course: Course, titles: Mapping[str, str]) -> tuple[Figure, ...]:
    """Lay out a course, the samples of DNA and those of RNA each by themselves.

    Args:
        course: Of an allele, or of the codon.
        titles: What is said of each sample where a pointer rests on it.
    """
    kinds = ([each for each in course.points if each.is_rna is rna] for rna in (False, True))
    return tuple(_figure(course, points, titles) for points in kinds if points)


def _figure(course: Course, points: Sequence[Point], titles: Mapping[str, str]) -> Figure:
    heights = [height for point in points if (height := _height(point))]
    lows = [point.vaf_low95 for point in points if point.state in ("detected", "flagged")]
    smallest = min([0.1, *heights, *(low for low in lows if low > 0)])
    decades = min(_MOST_DECADES, max(2, math.ceil(-math.log10(smallest) - 1e-9)))

    scale = VafScale(_TOP, _BOTTOM, decades)
    y = scale.at

    days = [date.fromisoformat(point.sample.collected).toordinal() for point in points]
    first, span = min(days), max(days) - min(days)

    def x(day: int) -> float:
        share = (day - first) / span if span else 0.5
        return round(_LEFT + _ROOM + share * (_RIGHT - _LEFT - 2 * _ROOM), 1)

    present = [name for name in SPECIMENS if name in {point.sample.specimen for point in points}]
    marks, last = [], dict[str, Mark]()
    lines = []
    for point, day in zip(points, days, strict=True):
        specimen = point.sample.specimen
        aside = _APART * (present.index(specimen) - (len(present) - 1) / 2)
        height = _height(point)
        at = _NONE_ROW if height is None else y(height)
        seen = point.state in ("detected", "flagged")
        mark = Mark(
            kind=point.state,
            specimen=specimen,
            x=round(x(day) + aside, 1),
            y=at,
            low=y(point.vaf_low95) if seen else _BOTTOM,
            high=y(point.vaf_high95) if seen else at,
            title=titles[point.sample.id],
        )
        marks.append(mark)
        # What cannot be compared is no point of a course.
        if point.state in ("not_assessable", "flagged") or point.count_unit == "reads":
            continue
        if (earlier := last.get(specimen)) is not None:
            is_known = "not_detected" not in (earlier.kind, mark.kind)
            lines.append(Line(earlier.x, earlier.y, mark.x, mark.y, is_known))
        last[specimen] = mark
    return Figure(
        width=WIDTH,
        height=HEIGHT,
        left=_LEFT,
        right=_RIGHT,
        top=_TOP,
        bottom=_BOTTOM,
        name=course.hgvs_c,
        vaf_name="RNA VAF" if points[0].is_rna else "VAF",
        ticks=scale.ticks,
        dates=_dates(
            sorted(
                {(x(day), point.sample.collected) for point, day in zip(points, days, strict=True)}
            )
        ),
        lines=tuple(lines),
        marks=tuple(marks),
        none_row=_NONE_ROW if any(_height(point) is None for point in points) else None,
        specimens=tuple(present),
    )


def _height(point: Point) -> float | None:
    """Return the VAF at which a point stands: its own, or its limit; None without either."""
    if point.state in ("detected", "flagged"):
        return point.vaf
    return point.limit_of_detection_vaf


def _dates(places: Sequence[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """Return the dates that have room beside each other, the last one always.

    That one ends where it stands if it stands at the frame, and then takes more room to its left.
    """
    kept: list[tuple[float, str]] = []
    for place in reversed(places):
        room = _DATE if not kept or kept[-1][0] <= _RIGHT - _DATE / 2 else 1.5 * _DATE
        if not kept or kept[-1][0] - place[0] >= room:
            kept.append(place)
    return tuple(reversed(kept))
