"""Where the marks of the reads' figure go: one row a fragment about the codon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from vexas_uba1.result import ReadsViewRow, SampleCall

_LEFT, _RIGHT = 64.0, 58.0
COLUMN = 10.0
_ROW = 11.0
_HEAD = 30.0
_BREAK = 8.0
_ARROWS = {"forward": "→", "reverse": "←", "both": "⇄"}
_WORDS = {"forward": "forward strand", "reverse": "reverse strand", "both": "both strands"}
_KINDS = {"-": "gone", "?": "contradicted"}
_BASES = "ACGT"
_GOOD = 3
"""Tens of Phred from which a base is drawn in full."""


@dataclass(frozen=True)
class Bar:
    """A run of bases of one quality, from ``x`` on."""

    x: float
    width: float
    quality: str


@dataclass(frozen=True)
class Letter:
    """A base that differs, and whether it is good.

    ``kind`` is ``found`` if it belongs to an allele that the test found, ``other`` if not,
    ``gone`` or ``contradicted``.
    """

    x: float
    text: str
    kind: str
    good: bool


@dataclass(frozen=True)
class Fragment:
    """One row: its middle, what stands left and right of it, and what it shows."""

    y: float
    arrow: str
    copies: str
    haplotype: str
    title: str
    bars: tuple[Bar, ...]
    letters: tuple[Letter, ...]
    inserted: tuple[float, ...]


@dataclass(frozen=True)
class ReadsFigure:
    """The whole figure; lengths in the SVG's own units."""

    width: float
    height: float
    left: float
    right: float
    codon: tuple[float, float]
    exons: tuple[tuple[float, float], ...]
    reference: tuple[tuple[float, str], ...]
    fragments: tuple[Fragment, ...]
    column: float = COLUMN
    head: float = _HEAD


def draw_reads(call: SampleCall) -> ReadsFigure | None:
    """Lay out the fragments; None where none is informative."""
    view, found = call.reads_view, _found(call)
    if not view.alt_rows and not view.reference_rows:
        return None

    def x(position: int) -> float:
        return _LEFT + COLUMN * (position - view.start)

    fragments = []
    y = _HEAD + _ROW / 2 + 4
    for rows in (view.alt_rows, view.reference_rows):
        for row in rows:
            fragments.append(_fragment(row, y, x, view.start, found))
            y += _ROW
        y += _BREAK if rows is view.alt_rows and rows else 0
    return ReadsFigure(
        width=_LEFT + COLUMN * len(view.reference) + _RIGHT,
        height=y,
        left=_LEFT,
        right=_LEFT + COLUMN * len(view.reference),
        codon=(x(view.codon[0]), x(view.codon[-1] + 1)),
        exons=tuple((x(first), x(last + 1)) for first, last in view.exons),
        reference=tuple(
            (x(view.start + at) + COLUMN / 2, base) for at, base in enumerate(view.reference)
        ),
        fragments=tuple(fragments),
    )


def _found(call: SampleCall) -> set[tuple[int, str]]:
    """Return 1-based positions and bases of the alleles that the test found.

    Where an allele changes the number of bases, any base at its positions belongs to it.
    """
    found = set()
    for variant in call.variants:
        same = len(variant.ref) == len(variant.alt)
        for at, known in enumerate(variant.ref):
            shown = variant.alt[at] if same else _BASES
            found |= {(variant.pos + at, base) for base in shown if base != known}
    return found


def _fragment(
    row: ReadsViewRow, y: float, x: Callable[[int], float], start: int, found: set[tuple[int, str]]
) -> Fragment:
    return Fragment(
        y=y,
        arrow=_ARROWS[row.strand],
        copies=f"×{row.copies}" if row.copies > 1 else "",
        haplotype=row.haplotype or "part",
        title=f"{row.haplotype or 'not the whole codon'}, {_WORDS[row.strand]}"
        + (f", {row.copies} copies" if row.copies > 1 else ""),
        bars=tuple(_bars(row, x(start))),
        letters=tuple(
            Letter(
                x(start + at) + COLUMN / 2,
                base if base != "-" else "–",
                _KINDS.get(base, "found" if (start + at, base) in found else "other"),
                row.quality[at] == " " or int(row.quality[at]) >= _GOOD,
            )
            for at, base in enumerate(row.bases)
            if base not in ". "
        ),
        inserted=tuple(x(start + one.columns_before) for one in row.inserted),
    )


def _bars(row: ReadsViewRow, left: float) -> Iterator[Bar]:
    at = 0
    for quality, run in groupby(row.quality):
        size = len(list(run))
        if quality != " ":
            name = "agreed" if int(quality) > _GOOD else "good" if int(quality) == _GOOD else "poor"
            yield Bar(left + COLUMN * at, COLUMN * size, name)
        at += size
