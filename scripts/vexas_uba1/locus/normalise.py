"""One form for equal alleles: minimal edits, as far left as the known reference allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from vexas_uba1.locus.bases import Bases
from vexas_uba1.locus.edits import Allele, Edit


def left_normalise(edit: Edit, bases: Bases, *, floor: int = 0) -> Edit:
    """Move a pure insertion or deletion left while the molecule's sequence stays the same.

    Stops at a base that is not known (N) and at ``floor``. Other edits come back as they are.
    """
    start, end, alt = edit.start, edit.end, edit.alt
    if not edit.is_indel:
        return edit
    while start > floor:
        before = bases.slice(start - 1, start)
        last = alt[-1] if alt else bases.slice(end - 1, end)
        if before == "N" or before != last:
            break
        start, end = start - 1, end - 1
        alt = alt and alt[-1] + alt[:-1]
    return Edit(start, end, alt)


def trimmed(edit: Edit, bases: Bases) -> Edit:
    """Take bases equal to the reference off an edit's end and then off its start."""
    start, end, alt = edit.start, edit.end, edit.alt
    reference = bases.slice(start, end)
    while alt and end > start and reference[end - 1 - edit.start] == alt[-1]:
        end, alt = end - 1, alt[:-1]
    while alt and end > start and reference[start - edit.start] == alt[0]:
        start, alt = start + 1, alt[1:]
    return Edit(start, end, alt)


def normalise(edits: Iterable[Edit], bases: Bases) -> Allele:
    """Return the one form of edits in cis.

    Edits that touch are joined, bases equal to the reference leave an edit, replacements of as many
    bases become single-base edits, insertions and deletions move left (:func:`left_normalise`). Two
    descriptions of the same molecule under the same known reference give equal alleles; N equals no
    base. An allele without edits stands for the reference.

    Raises:
        ValueError: edits overlap.
    """
    held = sorted(edits)
    for before, after in pairwise(held):
        if after.start < before.end:
            raise ValueError("changes in cis overlap")
    while True:
        minimal: list[Edit] = []
        for block in _joined(held):
            minimal += _minimal(block, bases, minimal[-1].end if minimal else 0)
        if minimal == held:
            return Allele(tuple(minimal))
        held = minimal


def _joined(edits: list[Edit]) -> Iterator[Edit]:
    current: Edit | None = None
    for edit in edits:
        if current is not None and edit.start == current.end:
            current = Edit(current.start, edit.end, current.alt + edit.alt)
            continue
        if current is not None:
            yield current
        current = edit
    if current is not None:
        yield current


def _minimal(edit: Edit, bases: Bases, floor: int) -> list[Edit]:
    reference = bases.slice(edit.start, edit.end)
    if edit.is_substitution:
        return [
            Edit(edit.start + index, edit.start + index + 1, alt)
            for index, (ref, alt) in enumerate(zip(reference, edit.alt, strict=True))
            if ref != alt
        ]
    return [left_normalise(trimmed(edit, bases), bases, floor=floor)]
