"""What an allele does to the transcript and the protein, by the standard genetic code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from vexas_uba1.locus.bases import Bases
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.normalise import normalise
from vexas_uba1.locus.orientation import Orientation
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import Interval

SPLICE_SITE_BASES = 2
SPLICE_REGION_BASES = 10

_SILENT = frozenset({"synonymous", "splice_region", "intronic", "utr"})
_UNPREDICTABLE = "p.?"
_STOP = "*"
_UNKNOWN = "X"


@dataclass(frozen=True)
class Consequence:
    """What an allele does.

    Attributes:
        effect: ``missense``, ``synonymous``, ``nonsense``, ``frameshift``, ``inframe_indel``,
            ``start_lost``, ``stop_lost``, ``splice_site`` (the intron's first or last two bases),
            ``splice_region`` (its third to tenth), ``intronic``, ``utr`` (untranslated or beside
            the gene), or ``unknown`` where the record or the reference does not know the bases that
            decide.
        hgvs_p: Predicted protein name; None for ``utr`` and where the codon's number is not known.
    """

    effect: str
    hgvs_p: str | None


def effect(allele: Allele, placed: PlacedLocus, reference: Bases) -> str:
    """Return the effect of an allele; see :class:`Consequence`."""
    return consequence(allele, placed, reference).effect


def changes_protein(effect_name: str) -> bool:
    """Whether an effect is protein- or splice-changing; ``unknown`` must not look benign."""
    return effect_name not in _SILENT


def consequence(allele: Allele, placed: PlacedLocus, reference: Bases) -> Consequence:
    """Predict what an allele does.

    An insertion or deletion that could lie in several places takes one that spares the splice sites
    and, next, the coding sequence, since the molecule still has them then; of several such places
    the most 3' one.
    """
    turn = Orientation(placed.build.length, placed.is_forward)
    bases = turn.bases(reference)
    canonical = normalise(allele.edits, reference)
    edits = [_kindest(turn.edit(edit), bases, placed, turn) for edit in canonical.edits]
    places = {place for edit in edits for place in _places(edit, placed, turn)}
    if "splice_site" in places:
        return Consequence("splice_site", _UNPREDICTABLE)
    if "coding" in places:
        return _coding(edits, bases, placed, turn)
    for place in ("splice_region", "intronic"):
        if place in places:
            return Consequence(place, _UNPREDICTABLE)
    return Consequence("utr" if placed.build.exons else "unknown", None)


def _places(edit: Edit, placed: PlacedLocus, turn: Orientation) -> set[str]:
    """Return the kinds of places that an oriented edit touches."""
    if edit.start < edit.end:
        return {_place(turn.position(base), placed) for base in range(edit.start, edit.end)}
    before, after = turn.position(edit.start - 1), turn.position(edit.start)
    sides = [_place(before, placed), _place(after, placed)]
    if "coding" in sides:
        # Before c.1 or after the stop codon an insertion leaves the coding sequence whole.
        return {"coding"} if _insertion_index(edit, placed, turn) is not None else {"utr"}
    if "utr" in sides:
        return {"utr"}
    # Between a site's two bases an insertion breaks it; beside them it does not.
    return {"splice_site"} if sides == ["splice_site"] * 2 else set(sides) - {"splice_site"}


def _place(position: int, placed: PlacedLocus) -> str:
    if position in placed.coding_index:
        return "coding"
    distance = placed.intron_distance(position)
    if distance is None:
        return "utr"
    if distance <= SPLICE_SITE_BASES:
        return "splice_site"
    return "splice_region" if distance <= SPLICE_REGION_BASES else "intronic"


def _kindest(edit: Edit, bases: Bases, placed: PlacedLocus, turn: Orientation) -> Edit:
    """Return that of an edit's equal placements which does least, of several the most 3' one."""
    placements = [edit]
    if edit.is_indel:
        for step in (-1, 1):
            moved = _moved(edit, bases, step)
            while moved is not None:
                placements.append(moved)
                moved = _moved(moved, bases, step)

    def harm(placement: Edit) -> tuple[bool, bool]:
        places = _places(placement, placed, turn)
        return "splice_site" in places, "coding" in places

    return min(sorted(placements, reverse=True), key=harm)


def _moved(edit: Edit, bases: Bases, step: int) -> Edit | None:
    """Return the equal insertion or deletion one base further, or None if there is none."""
    start, end, alt = edit.start, edit.end, edit.alt
    if step == 1:
        entering = bases.slice(end, end + 1)
        leaving = alt[0] if alt else bases.slice(start, start + 1)
        alt = alt and alt[1:] + alt[0]
    else:
        entering = bases.slice(start - 1, start)
        leaving = alt[-1] if alt else bases.slice(end - 1, end)
        alt = alt and alt[-1] + alt[:-1]
    if entering == "N" or entering != leaving:
        return None
    return Edit(start + step, end + step, alt)


def _insertion_index(edit: Edit, placed: PlacedLocus, turn: Orientation) -> int | None:
    """Return the coding index of the base before an insertion between coding bases, or None."""
    before = placed.coding_index.get(turn.position(edit.start - 1))
    after = placed.coding_index.get(turn.position(edit.start))
    index = before if before is not None else None if after is None else after - 1
    last = len(placed.coding_positions) - 1
    return index if index is not None and 0 <= index < last else None


def _coding(edits: list[Edit], bases: Bases, placed: PlacedLocus, turn: Orientation) -> Consequence:
    """Predict the protein of edits that touch the coding sequence and no splice site."""
    first_number = placed.first_coding_number
    substituted = all(edit.is_substitution for edit in edits)
    if substituted:
        found = _substituted(edits, bases, placed, turn)
    elif placed.build.exons:
        found = _shifted(*_proteins(edits, bases, placed, turn))
    else:
        net = sum(len(edit.alt) - (edit.end - edit.start) for edit in edits)
        found = Consequence("frameshift" if net % 3 else "inframe_indel", _UNPREDICTABLE)
    if first_number == 1 and _changes_start(edits, placed, turn):
        return Consequence("start_lost", "p.(Met1?)")
    return found if first_number is not None else Consequence(found.effect, None)


def _changes_start(edits: list[Edit], placed: PlacedLocus, turn: Orientation) -> bool:
    start = [turn.position(position) for position in placed.coding_positions[:3]]
    return any(
        edit.start <= base < edit.end or start[0] < edit.start == edit.end <= base
        for edit in edits
        for base in start
    )


def _substituted(
    edits: list[Edit], bases: Bases, placed: PlacedLocus, turn: Orientation
) -> Consequence:
    """Describe base-by-base changes; only the codons they touch are read."""
    changes = {placed.coding_index.get(turn.position(edit.start)): edit.alt for edit in edits}
    first_number = placed.first_coding_number or 1
    first = (first_number - 1) // 3 + 1
    old: dict[int, str] = {}
    new: dict[int, str] = {}
    for codon in sorted({index // 3 for index in changes if index is not None}):
        indices = range(3 * codon, 3 * codon + 3)
        oriented = [turn.position(placed.coding_positions[index]) for index in indices]
        reference = [bases.slice(base, base + 1) for base in oriented]
        changed = [changes.get(index, base) for index, base in zip(indices, reference, strict=True)]
        old[codon] = _translated("".join(reference))
        new[codon] = _translated("".join(changed))
        if _UNKNOWN in (old[codon], new[codon]):
            return Consequence("unknown", _UNPREDICTABLE)
        if new[codon] == _STOP:
            break
    altered = [codon for codon in old if old[codon] != new[codon]]
    if not altered:
        names = [f"{_span(old, run, first)}=" for run in _runs(list(old))]
        return Consequence("synonymous", _predicted(names))
    stop = next((codon for codon in altered if old[codon] == _STOP), None)
    names = []
    for run in _runs([codon for codon in altered if codon != stop]):
        residues = "".join(_three(new[codon]) for codon in run)
        names.append(f"{_span(old, run, first)}{'' if len(run) == 1 else 'delins'}{residues}")
    if stop is not None:
        before, after, _ = _proteins(edits, bases, placed, turn)
        names.append(_extension(before, after, len(before) - 1, first))
        return Consequence("stop_lost", _predicted(names))
    return Consequence("nonsense" if _STOP in new.values() else "missense", _predicted(names))


def _proteins(
    edits: list[Edit], bases: Bases, placed: PlacedLocus, turn: Orientation
) -> tuple[str, str, int]:
    """Return the protein before and after the edits, and how many coding bases are gained.

    The new protein is read through to the transcript's end, so that a shifted frame can find its
    stop.
    """
    first = 0 if placed.locus.cds is None else placed.locus.coding_start
    exons = (turn.interval(exon) for exon in placed.build.exons or _single_bases(placed))
    reference = "".join(bases.slice(start, end) for start, end in exons)[first:]
    mutated = list(reference)
    net = 0
    for edit in edits:
        if edit.start == edit.end:
            before = _insertion_index(edit, placed, turn)
            if before is not None:
                mutated[before] += edit.alt
                net += len(edit.alt)
            continue
        found = (
            placed.transcript_index.get(turn.position(base)) for base in range(edit.start, edit.end)
        )
        held = [index - first for index in found if index is not None and index >= first]
        for index in held:
            mutated[index] = ""
        if held:
            mutated[held[0]] = edit.alt
            net += len(edit.alt) - len(held)
    before_protein = _translated(reference[: len(placed.coding_positions)])
    return before_protein, _translated("".join(mutated)), net


def _shifted(before: str, after: str, net: int) -> Consequence:
    """Describe changes with an insertion or deletion; ``net`` coding bases are gained."""
    if before == after:
        return Consequence("synonymous", "p.(=)")
    shared = min(len(before), len(after))
    start = next((index for index in range(shared) if before[index] != after[index]), shared)
    old, new = before[start : start + 1], after[start : start + 1]
    if _UNKNOWN in (old, new) or not old or not new:
        return Consequence("frameshift" if net % 3 else "inframe_indel", _UNPREDICTABLE)
    if old == _STOP:
        return Consequence("stop_lost", _predicted([_extension(before, after, start, 1)]))
    if new == _STOP:
        return Consequence("nonsense", _predicted([f"{_residue(before, start, 1)}Ter"]))
    if net % 3:
        distance = str(len(after) - start) if after.endswith(_STOP) else "?"
        name = f"{_residue(before, start, 1)}{_three(new)}fsTer{distance}"
        return Consequence("frameshift", _predicted([name]))
    if len(after) != len(before) + net // 3:
        novel = "".join(map(_three, after[start:]))
        name = f"{_residue(before, start, 1)}delins{novel}"
        return Consequence("nonsense", _predicted([name]))
    end = 0
    while end < shared - start and before[-1 - end] == after[-1 - end]:
        end += 1
    lost, gained = before[start : len(before) - end], after[start : len(after) - end]
    if _UNKNOWN in lost + gained:
        return Consequence("inframe_indel", _UNPREDICTABLE)
    return Consequence("inframe_indel", _predicted([_inframe_name(before, start, lost, gained)]))


def _inframe_name(before: str, start: int, lost: str, gained: str) -> str:
    span = _span(before, list(range(start, start + len(lost))), 1) if lost else ""
    if not gained:
        return f"{span}del"
    new = "".join(map(_three, gained))
    if lost:
        return f"{span}{new}" if len(lost) == len(gained) == 1 else f"{span}delins{new}"
    doubled = start - len(gained)
    if doubled >= 0 and before[doubled:start] == gained:
        return f"{_span(before, list(range(doubled, start)), 1)}dup"
    return f"{_residue(before, start - 1, 1)}_{_residue(before, start, 1)}ins{new}"


def _extension(before: str, after: str, stop: int, first: int) -> str:
    # The new stop is counted from the old one.
    distance = str(len(after) - 1 - stop) if after.endswith(_STOP) else "?"
    return f"{_residue(before, stop, first)}{_three(after[stop])}extTer{distance}"


def _predicted(names: list[str]) -> str:
    return f"p.({names[0]})" if len(names) == 1 else f"p.[({';'.join(names)})]"


def _single_bases(placed: PlacedLocus) -> list[Interval]:
    return [(position, position + 1) for position in placed.codon_positions]


def _runs(codons: list[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for codon in codons:
        if runs and runs[-1][-1] + 1 == codon:
            runs[-1].append(codon)
        else:
            runs.append([codon])
    return runs


def _span(protein: str | dict[int, str], run: list[int], first: int) -> str:
    start = _residue(protein, run[0], first)
    return start if len(run) == 1 else f"{start}_{_residue(protein, run[-1], first)}"


def _residue(protein: str | dict[int, str], index: int, first: int) -> str:
    return f"{_three(protein[index])}{index + first}"


def _three(letter: str) -> str:
    from Bio.SeqUtils import seq3

    return str(seq3(letter))


def _translated(bases: str) -> str:
    """Translate to the first stop, which is included; codons with an unknown base give X."""
    table = _codon_table()
    residues: list[str] = []
    for start in range(0, len(bases) - 2, 3):
        residues.append(table.get(bases[start : start + 3], _UNKNOWN))
        if residues[-1] == _STOP:
            break
    return "".join(residues)


@cache
def _codon_table() -> dict[str, str]:
    from Bio.Data.CodonTable import unambiguous_dna_by_id

    standard = unambiguous_dna_by_id[1]
    return {**standard.forward_table, **dict.fromkeys(standard.stop_codons, _STOP)}
