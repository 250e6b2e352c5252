"""Where the marks of the coverage figure go: depth and limit of each exon's bases, in two rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vexas_uba1.numbers import count, limit
from vexas_uba1.result import ExonCoverage, SampleCall

WIDTH = 760.0
_LEFT, _RIGHT = 76.0, 756.0
_ROWS = 2
_BAND, _BETWEEN = 58.0, 12.0
"""Height of the band of depths and of that of limits, and what lies between."""
_TOP, _NAMES, _ROW_GAP = 6.0, 16.0, 14.0
_ROW = _TOP + 2 * _BAND + _BETWEEN + _NAMES + _ROW_GAP
_EXON_GAP = 5.0
BIN = 3
"""Bases that share a point, the worst of them: a row is finer than a page can show."""
_LOWEST_LIMIT = 1e-4


@dataclass(frozen=True)
class ExonPart:
    """One exon in the figure, from ``left`` to ``right``.

    Attributes:
        name: Its number, or its whole name.
        title: What a reader who cannot see it is told.
        depth: SVG path of the area below the depths.
        limits: SVG paths of the lines of the limits, one for each run of bases that have one.
        gaps: From where to where the limit is worse than required, or there is none.
    """

    name: str
    title: str
    left: float
    right: float
    depth: str
    limits: tuple[str, ...]
    gaps: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Row:
    """Some exons side by side; depths lie between ``top`` and ``floor``, limits below them."""

    top: float
    floor: float
    limit_top: float
    limit_floor: float
    names_y: float
    required_y: float
    stretches: tuple[ExonPart, ...]


@dataclass(frozen=True)
class CoverageFigure:
    """The whole figure; lengths in the SVG's own units. Ticks are distances from a band's floor."""

    width: float
    height: float
    left: float
    right: float
    depth_ticks: tuple[tuple[float, str], ...]
    limit_ticks: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]


def draw_coverage(call: SampleCall) -> CoverageFigure | None:
    """Lay out the exons; None where a call holds none."""
    if not call.coverage:
        return None
    asked = call.parameters.get("required_limit_vaf")
    # Without one, only bases without any limit miss it.
    required = float(asked) if isinstance(asked, int | float) else 1.0
    deepest = max(depth for exon in call.coverage for depth in exon.depth_fragments)
    decades = max(2, math.ceil(math.log10(max(deepest, 1) + 1)))
    rows = tuple(
        _row(exons, _ROW * number, decades, required)
        for number, exons in enumerate(_in_rows(call.coverage))
    )
    lowest = round(-math.log10(_LOWEST_LIMIT))
    return CoverageFigure(
        width=WIDTH,
        height=_ROW * len(rows) - _ROW_GAP + 2,
        left=_LEFT,
        right=_RIGHT,
        depth_ticks=tuple(
            (round(_BAND * _height(10**power, decades), 1), count(10**power))
            for power in range(0, decades + 1, 1 if decades < 4 else 2)
        ),
        limit_ticks=tuple(
            (round(_BAND * power / lowest, 1), f"{100 / 10**power:g} %")
            for power in range(0, lowest + 1, 2)
        ),
        rows=rows,
    )


def _height(depth: int, decades: int) -> float:
    """Return the share of the band that a depth fills: logarithmic, and nothing for none."""
    return math.log10(2 * max(depth, 0.5)) / math.log10(2 * 10**decades)


def _in_rows(exons: Sequence[ExonCoverage]) -> Iterator[Sequence[ExonCoverage]]:
    """Yield the exons of each row: about as many bases in one as in the other."""
    total, before = sum(len(exon.depth_fragments) for exon in exons), 0
    rows: list[list[ExonCoverage]] = [[] for _ in range(_ROWS)]
    for exon in exons:
        middle = before + len(exon.depth_fragments) / 2
        rows[min(int(_ROWS * middle / total), _ROWS - 1)].append(exon)
        before += len(exon.depth_fragments)
    return (row for row in rows if row)


def _row(exons: Sequence[ExonCoverage], top: float, decades: int, required: float) -> Row:
    bases = sum(len(exon.depth_fragments) for exon in exons)
    scale = (_RIGHT - _LEFT - _EXON_GAP * (len(exons) - 1)) / bases
    floor = top + _TOP + _BAND
    limit_floor = floor + _BETWEEN + _BAND

    def depth_y(depth: int) -> float:
        return round(floor - _BAND * _height(depth, decades), 1)

    def limit_y(vaf: float) -> float:
        share = math.log10(max(vaf, _LOWEST_LIMIT)) / math.log10(_LOWEST_LIMIT)
        return round(limit_floor - _BAND * share, 1)

    stretches, left = [], _LEFT
    for exon in exons:
        stretches.append(_stretch(exon, left, scale, floor, depth_y, limit_y, required))
        left += scale * len(exon.depth_fragments) + _EXON_GAP
    return Row(
        top + _TOP,
        floor,
        floor + _BETWEEN,
        limit_floor,
        limit_floor + _NAMES - 3,
        limit_y(required),
        tuple(stretches),
    )


def _stretch(
    exon: ExonCoverage,
    left: float,
    scale: float,
    floor: float,
    depth_y: Callable[[int], float],
    limit_y: Callable[[float], float],
    required: float,
) -> ExonPart:
    depths, limits = exon.depth_fragments, exon.limit_of_detection_vaf
    size = len(depths)

    def x(base: int) -> float:
        return round(left + scale * min(base, size), 1)

    area = [f"M{x(0)} {floor}"]
    lines: list[list[str]] = [[]]
    gaps: list[tuple[float, float]] = []
    for first in range(0, size, BIN):
        start, end = x(first), x(first + BIN)
        area.append(f"V{depth_y(min(depths[first : first + BIN]))}H{end}")
        bin_limits = [each for each in limits[first : first + BIN] if each is not None]
        whole = len(bin_limits) == len(limits[first : first + BIN])
        if whole:
            line = lines[-1]
            y = limit_y(max(bin_limits))
            line.append(f"V{y}H{end}" if line else f"M{start} {y}H{end}")
        elif lines[-1]:
            lines.append([])
        if not whole or max(bin_limits) > required:
            if gaps and gaps[-1][1] == start:
                gaps[-1] = (gaps[-1][0], end)
            else:
                gaps.append((start, end))
    below = sum(each is None or each > required for each in limits)
    return ExonPart(
        exon.name.removeprefix("exon "),
        f"{exon.name}: depth {count(min(depths))} to {count(max(depths))}, "
        f"worst limit {limit(_worst(limits))}, "
        f"{count(below)} of {count(size)} bases miss the required limit",
        x(0),
        x(size),
        "".join([*area, f"V{floor}Z"]),
        tuple("".join(line) for line in lines if line),
        tuple(gaps),
    )


def _worst(limits: Sequence[float | None]) -> float | None:
    known = [each for each in limits if each is not None]
    return max(known) if len(known) == len(limits) else None
