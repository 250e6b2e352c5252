"""Clones with changes near the codon, aligned in any equal way, against what was put in."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from builders.calls import CODON, R, grch38, molecules_of, record_reference
from vexas_uba1.alleles.clusters import linked
from vexas_uba1.alleles.haplotypes import codon_haplotypes
from vexas_uba1.alleles.placements import Runs, indel_of
from vexas_uba1.caller.caller import Caller, Counting, TestLevels
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.normalise import normalise

KNOWN = record_reference()
START, END = CODON - 5, CODON + 56  # c.118-2 to c.176
EXON = KNOWN.slice(START, END)
POSITIONS = np.arange(START, END)
RUNS = Runs.of(KNOWN)


@st.composite
def changes(draw: st.DrawFn) -> list[Edit]:
    """One to three changes in cis within five bases, one of them an indel at most."""
    first = draw(st.integers(CODON - 1, CODON + 8))
    indel = draw(st.sampled_from(["", "", "deletion", "insertion"]))
    at = first + draw(st.integers(0, 3))
    edits = []
    if indel == "deletion":
        edits.append(Edit(at, at + draw(st.integers(1, 3)), ""))
    elif indel == "insertion":
        edits.append(Edit(at, at, draw(st.text("ACGT", min_size=1, max_size=3))))
    gone = {base for edit in edits for base in range(edit.start, edit.end)}
    for place in draw(st.sets(st.integers(0, 3), min_size=0 if indel else 1, max_size=2)):
        position = first + place
        if position not in gone:
            others = [base for base in "ACGT" if base != EXON[position - START]]
            edits.append(Edit(position, position + 1, draw(st.sampled_from(others))))
    return sorted(edits)


def spelled(edits):
    return Allele(tuple(sorted(edits))).spelled(START, END, KNOWN)


def placements(edits):
    """Return the same molecule with its indel in every equal place."""
    indel = next((edit for edit in edits if edit.is_indel), None)
    if indel is None:
        return [edits]
    others = [edit for edit in edits if not edit.is_indel]
    size = indel.end - indel.start
    found = []
    for at in range(max(START + 1, indel.start - 6), indel.start + 7):
        for put in {indel.alt[turn:] + indel.alt[:turn] for turn in range(len(indel.alt) or 1)}:
            moved = Edit(at, at + size, put)
            clear = all(o.end <= moved.start or o.start >= max(moved.end, at) for o in others)
            if clear and spelled([*others, moved]) == spelled(edits):
                found.append(sorted([*others, moved]))
    return found


def read(name, edits, reverse):
    bases, insertions = list(EXON), []
    for edit in edits:
        if edit.start == edit.end:
            insertions.append((edit.start, edit.alt))
        for at in range(edit.start, edit.end):
            bases[at - START] = edit.alt or "-"
    return R(name, START, "".join(bases), quality=37, reverse=reverse, insertions=tuple(insertions))


def is_one_cluster(edits):
    things = [
        indel_of(edit, KNOWN, RUNS) if edit.is_indel else edit.start
        for each in edits
        for edit in (normalise([each], KNOWN).edits if each.is_indel else [each])
    ]
    return all(linked(one, other, grch38()) for one, other in combinations(things, 2))


@given(st.lists(changes(), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_every_clone_is_found_as_what_it_is(clones):
    assume(all(is_one_cluster(edits) for edits in clones))
    truth = {spelled(edits) for edits in clones}
    assume(len(truth) == len(clones) and EXON not in truth)
    rows = [read(f"n{n}", [], n % 2 == 1) for n in range(60)]
    wanted = {}
    for number, edits in enumerate(clones):
        size = 30 + 10 * number
        wanted[spelled(edits)] = size
        ways = placements(edits)
        for n in range(size):
            rows.append(read(f"c{number}.{n}", ways[n % len(ways)], n % 2 == 1))
    made = Caller(molecules_of(*rows), grch38(), KNOWN, {}, POSITIONS, Counting(), TestLevels())
    found = made.searched()
    assert {f.allele.spelled(START, END, KNOWN): f.alt for f in found} == wanted
    shown = codon_haplotypes(made.codon_view, grch38())
    assert sum(shown.values()) == made.codon_depth
    for finding in made.forced():
        name = finding.allele.spelled(CODON, CODON + 3, KNOWN)
        assert finding.alt == shown.get(name, 0)
