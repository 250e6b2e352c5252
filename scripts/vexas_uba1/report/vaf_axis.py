"""Where the marks of the VAF figure go: alleles against the limits, on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from vexas_uba1.numbers import interval, limit, percent
from vexas_uba1.result import SampleCall, Variant

WIDTH = 420.0
_LEFT, _RIGHT = 12.0, 408.0
_TOP = 40.0
_ROW = 46.0
_LONGEST_LABEL = 26


@dataclass(frozen=True)
class Mark:
    """An allele: its label and value, its interval and its VAF as positions in the figure.

    ``at`` is None for an allele that no fragment shows: only an upper bound is known.
    """

    label: str
    value: str
    y: float
    low: float
    high: float
    at: float | None
    passes: bool


@dataclass(frozen=True)
class LimitLine:
    """A limit drawn across all rows, with its label on a line of its own."""

    kind: str
    label: str
    x: float
    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True)
class VafAxis:
    """The whole figure; lengths in the SVG's own units."""

    width: float
    height: float
    top: float
    bottom: float
    left: float
    right: float
    ticks: tuple[tuple[float, str], ...]
    lines: tuple[LimitLine, ...]
    marks: tuple[Mark, ...]


def draw_vaf_axis(call: SampleCall) -> VafAxis | None:
    """Lay out the codon's alleles, other decisive variants and the bound on what was not seen.

    Returns None where there is neither a variant nor any depth.
    """
    bound = call.codon41.vaf_upper95_if_absent
    shown = [each for each in call.variants if each.at_codon41 or each.verdict_class == "vexas"]
    if bound is None and not shown:
        return None
    limits = {
        "sample": call.codon41.limit_of_detection_vaf,
        "reporting": call.parameters["reporting_limit_vaf"],
    }
    smallest = [
        value for value in (bound, *limits.values(), *(each.vaf for each in shown)) if value
    ]
    # Whole decades, from one that leaves room to the left of every value but never below 0.01 %.
    decades = min(4, max(2, 1 + max(math.floor(-math.log10(value)) for value in smallest)))

    def x(vaf: float) -> float:
        exponent = math.log10(max(vaf, 10.0**-decades))
        return round(_RIGHT + (_RIGHT - _LEFT) * exponent / decades, 1)

    marks = [_mark(variant, _TOP + _ROW * index, x) for index, variant in enumerate(shown)]
    if bound is not None:
        marks.append(
            Mark(
                label="any allele that was not seen",
                value=f"at most {percent(bound)}",
                y=_TOP + _ROW * len(marks),
                low=_LEFT,
                high=x(bound),
                at=None,
                passes=False,
            )
        )
    bottom = _TOP + _ROW * len(marks)
    return VafAxis(
        width=WIDTH,
        height=bottom + 24,
        top=_TOP,
        bottom=bottom,
        left=_LEFT,
        right=_RIGHT,
        ticks=tuple(
            (x(10.0**-power), f"{100 / 10**power:g} %") for power in range(decades, -1, -1)
        ),
        lines=tuple(_limit_line(kind, value, x) for kind, value in limits.items() if value),
        marks=tuple(marks),
    )


def _mark(variant: Variant, y: float, x: Callable[[float], float]) -> Mark:
    label = variant.hgvs_c
    if len(label) > _LONGEST_LABEL:
        label = f"{label[: _LONGEST_LABEL - 1]}…"
    return Mark(
        label=label,
        value=f"{percent(variant.vaf)} ({interval(variant.vaf_low95, variant.vaf_high95)})",
        y=y,
        low=x(variant.vaf_low95),
        high=x(variant.vaf_high95),
        at=x(variant.vaf),
        passes=not variant.filters,
    )


def _limit_line(kind: str, value: float, x: Callable[[float], float]) -> LimitLine:
    at = x(value)
    to_the_right = at < WIDTH / 2
    name, label_y = {
        "sample": ("limit of detection here", 12.0),
        "reporting": ("reporting limit", 28.0),
    }[kind]
    return LimitLine(
        kind=kind,
        label=f"{name} {limit(value)}",
        x=at,
        label_x=at + 5 if to_the_right else at - 5,
        label_y=label_y,
        anchor="start" if to_the_right else "end",
    )
