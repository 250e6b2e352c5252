"""HGVS names of alleles, and alleles from names.

Names follow the HGVS recommendations for DNA: the transcript's strand, insertions and deletions as
far 3' as the known reference allows, adjacent changes and changes of one codon with at most one
base between them as one ``delins``, other changes in cis in brackets. The 3' rule is applied to the
genome, so a change moves across an exon's border where the bases allow it; the exception for bases
repeated in two neighbouring exons therefore never arises. Inversions are named as ``delins``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vexas_uba1.locus.bases import Bases
from vexas_uba1.locus.consequence import consequence
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.normalise import normalise, trimmed
from vexas_uba1.locus.orientation import Orientation
from vexas_uba1.locus.placed import PlacedLocus

_POSITION = r"[-*]?[1-9]\d*(?:[+-][1-9]\d*)?"
_CHANGE = re.compile(
    rf"(?P<first>{_POSITION})(?:_(?P<last>{_POSITION}))?"
    r"(?:(?P<ref>[ACGTN])>(?P<base>[ACGT])|delins(?P<delins>[ACGT]+)|ins(?P<ins>[ACGT]+)|(?P<del>del)|(?P<dup>dup))"
)
_NAME = re.compile(r"(?P<kind>[cg])\.(?:\[(?P<cis>[^\[\]]+)\]|(?P<one>[^\[\];]+))")


@dataclass(frozen=True)
class HgvsName:
    """Names of one allele.

    Attributes:
        hgvs_c: Such as ``c.122T>C``, without transcript; ``g.`` on the contig where no c. position
            is known.
        hgvs_p: Such as ``p.(Met41Thr)``; None where no protein name applies.
    """

    hgvs_c: str
    hgvs_p: str | None


def describe(allele: Allele, placed: PlacedLocus, reference: Bases) -> HgvsName:
    """Name an allele.

    Args:
        allele: At least one edit, forward strand.
        placed: The gene on the allele's build.
        reference: Bases of the contig; N where not known.

    Raises:
        ValueError: the allele equals the reference.
    """
    canonical = normalise(allele.edits, reference)
    if not canonical.edits:
        raise ValueError("the allele equals the reference")
    name = _c_name(canonical, placed, reference) or _g_name(canonical, placed, reference)
    return HgvsName(name, consequence(canonical, placed, reference).hgvs_p)


def parse_c(text: str, placed: PlacedLocus, reference: Bases) -> Allele:
    """Return the allele of a name that :func:`describe` may give, in the form of ``normalise``.

    Raises:
        ValueError: not such a name, beyond what the record or reference knows, or against the
            reference.
    """
    frame = _frame(text, placed)
    edits = [_edit(change, frame, reference) for change in _changes(text)]
    allele = normalise((frame.orientation.edit(edit) for edit in edits), reference)
    if not allele.edits:
        raise ValueError(f"{text} changes nothing in the reference")
    return allele


def touched_positions(text: str, placed: PlacedLocus) -> set[int]:
    """Return the 0-based positions that a name replaces, deletes, doubles or inserts between.

    Raises:
        ValueError: as :func:`parse_c`.
    """
    frame = _frame(text, placed)
    touched: set[int] = set()
    for change in _changes(text):
        start, end = frame.interval(change)
        touched.update(frame.orientation.position(oriented) for oriented in range(start, end))
    return touched


def is_c_form(text: str) -> bool:
    """Whether ``text`` has the form of a c. name that :func:`parse_c` reads."""
    try:
        _changes(text)
    except ValueError:
        return False
    return text.startswith("c.")


class _Frame:
    """How one kind of name (c. or g.) numbers positions."""

    def __init__(self, placed: PlacedLocus, *, coding: bool) -> None:
        self.placed = placed
        self.coding = coding
        self.orientation = Orientation(placed.build.length, placed.is_forward or not coding)

    def name(self, oriented: int) -> str | None:
        position = self.orientation.position(oriented)
        return self.placed.c_name(position) if self.coding else str(position + 1)

    def interval(self, change: re.Match[str]) -> tuple[int, int]:
        """Return the oriented interval from the first to the last named position."""
        start = self._oriented(change["first"])
        end = self._oriented(change["last"] or change["first"]) + 1
        if end <= start or (change["last"] is not None and end == start + 1):
            raise ValueError(f"{change[0]} does not run from 5' to 3'")
        return start, end

    def _oriented(self, name: str) -> int:
        if self.coding:
            return self.orientation.position(self.placed.genomic(name))
        if not name.isdigit() or int(name) > self.placed.build.length:
            raise ValueError(f"{name!r} is no position of the contig")
        return int(name) - 1


def _frame(text: str, placed: PlacedLocus) -> _Frame:
    return _Frame(placed, coding=not text.startswith("g."))


def _changes(text: str) -> list[re.Match[str]]:
    name = _NAME.fullmatch(text)
    if name is None:
        raise ValueError(f"{text!r} is not a name that can be placed")
    found: list[re.Match[str]] = []
    for part in (name["cis"] or name["one"]).split(";"):
        change = _CHANGE.fullmatch(part)
        if (
            change is None
            or (change["base"] and change["last"])
            or (change["ins"] and not change["last"])
        ):
            raise ValueError(f"{part!r} is not a change that can be placed")
        found.append(change)
    return found


def _edit(change: re.Match[str], frame: _Frame, reference: Bases) -> Edit:
    """Return the oriented edit of one named change."""
    start, end = frame.interval(change)
    known = frame.orientation.bases(reference).slice(start, end)
    if change["base"]:
        if known != "N" and change["ref"] not in (known, "N"):
            raise ValueError(f"the reference has {known} where {change[0]} says {change['ref']}")
        return Edit(start, end, change["base"])
    if change["ins"]:
        if end - start != 2:
            raise ValueError(f"{change[0]} is not between two neighbouring bases")
        return Edit(start + 1, start + 1, change["ins"])
    if change["dup"]:
        if "N" in known:
            raise ValueError(f"the bases that {change[0]} doubles are not known")
        return Edit(end, end, known)
    return Edit(start, end, change["delins"] or "")


def _c_name(allele: Allele, placed: PlacedLocus, reference: Bases) -> str | None:
    return _named(allele, _Frame(placed, coding=True), reference, "c")


def _g_name(allele: Allele, placed: PlacedLocus, reference: Bases) -> str:
    name = _named(allele, _Frame(placed, coding=False), reference, "g")
    assert name is not None
    return name


def _named(allele: Allele, frame: _Frame, reference: Bases, kind: str) -> str | None:
    """Return the allele's name, or None if a position of it has none."""
    bases = frame.orientation.bases(reference)
    edits = sorted(frame.orientation.edit(edit) for edit in allele.edits)

    def belong(before: Edit, after: Edit) -> bool:
        return before.end == after.start or _one_codon(before, after, frame)

    def touch(before: Edit, after: Edit) -> bool:
        # Two insertions around one base are one replacement of it, wherever each could go alone.
        around = before.start == before.end and after.start == after.end
        return before.end == after.start or (around and _one_codon(before, after, frame))

    before: list[Edit] = []
    while edits != before:
        # A block may turn out to be less than its parts, and then lie farther 3'.
        before = edits
        shifted: list[Edit] = []
        for edit in reversed(list(_joined(edits, bases, touch))):
            ceiling = shifted[0].start if shifted else None
            shifted.insert(0, _right_shifted(edit, bases, ceiling))
        edits = [trimmed(block, bases) for block in _joined(shifted, bases, belong)]
    parts: list[str] = []
    for block in edits:
        part = _block_name(block, frame, bases)
        if part is None:
            return None
        parts.append(part)
    return f"{kind}.{parts[0]}" if len(parts) == 1 else f"{kind}.[{';'.join(parts)}]"


def _joined(
    edits: list[Edit], bases: Bases, belong: Callable[[Edit, Edit], bool]
) -> Iterator[Edit]:
    """Join neighbouring edits that belong together, with the bases between them."""
    current = edits[0]
    for edit in edits[1:]:
        if belong(current, edit):
            between = bases.slice(current.end, edit.start)
            current = Edit(current.start, edit.end, current.alt + between + edit.alt)
            continue
        yield current
        current = edit
    yield current


def _one_codon(before: Edit, after: Edit, frame: _Frame) -> bool:
    """Return whether edits change one codon with one base between them at most.

    An insertion changes the codons of the bases to either side of it.
    """
    codons = [
        {
            frame.placed.coding_index.get(frame.orientation.position(oriented), -3) // 3
            for oriented in around
        }
        for around in (
            (before.end - 1, before.end) if before.start == before.end else (before.end - 1,),
            (after.start - 1, after.start) if after.start == after.end else (after.start,),
        )
    ]
    # An intron inside of the codon keeps its bases apart: a delins would take the intron out.
    return max(codons[0] & codons[1], default=-1) >= 0 and after.start - before.end <= 1


def _right_shifted(edit: Edit, bases: Bases, ceiling: int | None) -> Edit:
    """Move a pure insertion or deletion towards 3' as far as it stays equal, below ``ceiling``."""
    start, end, alt = edit.start, edit.end, edit.alt
    if not edit.is_indel:
        return edit
    while ceiling is None or end < ceiling:
        after = bases.slice(end, end + 1)
        first = alt[0] if alt else bases.slice(start, start + 1)
        if after == "N" or after != first:
            break
        start, end = start + 1, end + 1
        alt = alt and alt[1:] + alt[0]
    return Edit(start, end, alt)


def _block_name(edit: Edit, frame: _Frame, bases: Bases) -> str | None:
    if edit.start == edit.end:
        doubled = edit.start - len(edit.alt)
        if doubled >= 0 and bases.slice(doubled, edit.start) == edit.alt:
            return _with_range(doubled, edit.start, "dup", frame)
        return _with_range(edit.start - 1, edit.end + 1, f"ins{edit.alt}", frame)
    if not edit.alt:
        return _with_range(edit.start, edit.end, "del", frame)
    if edit.is_substitution and len(edit.alt) == 1:
        reference = bases.slice(edit.start, edit.end)
        return _with_range(edit.start, edit.end, f"{reference}>{edit.alt}", frame)
    return _with_range(edit.start, edit.end, f"delins{edit.alt}", frame)


def _with_range(start: int, end: int, change: str, frame: _Frame) -> str | None:
    first, last = frame.name(start), frame.name(end - 1)
    if first is None or last is None:
        return None
    return f"{first}{change}" if end - start == 1 else f"{first}_{last}{change}"
