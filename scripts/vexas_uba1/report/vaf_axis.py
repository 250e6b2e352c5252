"""Where the marks of the VAF figure go: alleles against the limits, on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from vexas_uba1.numbers import interval, limit, percent
from vexas_uba1.report.vaf_scale import VafScale
from vexas_uba1.report.wording import vaf_term
from vexas_uba1.result import SampleCall, Variant

WIDTH = 420.0
_LEFT, _RIGHT = 12.0, 408.0
_TOP = 40.0
_ROW = 46.0
_TEXTS = 22.0
"""Height of a row's upper part, which holds its texts; no line is seen there."""
_KEY_ROW = 16.0
_LABEL_CHARACTER = 9.2
_VALUE_CHARACTER = 7.2
"""Width that a character takes on average in the widest of the page's fonts."""
_LIMITS = {"sample": "limit of detection here", "reporting": "reporting limit"}


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
    """A limit drawn across all rows, and its label, which stands in the key above them.

    ``x`` is None for a limit that is not reached at any VAF: it has a label and no line.
    """

    kind: str
    label: str
    label_y: float
    x: float | None


@dataclass(frozen=True)
class VafAxis:
    """The whole figure; lengths in the SVG's own units. Lines reach from ``top`` to ``bottom``."""

    width: float
    height: float
    top: float
    bottom: float
    left: float
    right: float
    text_height: float
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
    term = vaf_term(call)
    decades = min(4, max(2, 1 + max(math.floor(-math.log10(value)) for value in smallest)))

    scale = VafScale(_RIGHT, _LEFT, decades)
    x = scale.at

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
        top=_TOP + _TEXTS,
        bottom=bottom,
        left=_LEFT,
        right=_RIGHT,
        text_height=_TEXTS,
        ticks=scale.ticks[::-1],
        lines=tuple(
            LimitLine(
                kind=kind,
                label=f"{_LIMITS[kind]}: {f'{term} ' if value else ''}{limit(value)}",
                label_y=12 + _KEY_ROW * row,
                x=x(value) if value else None,
            )
            for row, (kind, value) in enumerate(limits.items())
        ),
        marks=tuple(marks),
    )


def _mark(variant: Variant, y: float, x: Callable[[float], float]) -> Mark:
    value = f"{percent(variant.vaf)} ({interval(variant.vaf_low95, variant.vaf_high95)})"
    return Mark(
        label=_fitting(variant.hgvs_c, value),
        value=value,
        y=y,
        low=x(variant.vaf_low95),
        high=x(variant.vaf_high95),
        at=x(variant.vaf),
        passes=not variant.filters,
    )


def _fitting(label: str, value: str) -> str:
    """Cut the label of a row so that it never meets the value."""
    longest = int((_RIGHT - _LEFT - _VALUE_CHARACTER * len(value)) / _LABEL_CHARACTER)
    return label if len(label) <= longest else f"{label[: longest - 1]}…"
