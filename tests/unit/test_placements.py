"""Insertions and deletions wherever they are placed, and views that do not mind it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.calls import CODON, R, grch38, molecules_of, record_reference
from builders.loci import TOY, TOY_CONTIG, write
from vexas_uba1.alleles.haplotypes import codon_haplotypes
from vexas_uba1.alleles.placements import Runs, indel_of, join_placements, spares
from vexas_uba1.alleles.views import Views
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.normalise import normalise
from vexas_uba1.locus.record import load_locus
from vexas_uba1.reference import ReferenceWindow

TOY_REFERENCE = ReferenceWindow(0, TOY_CONTIG, "fasta")
RUN = TOY_CONTIG.index("GGAAAAAAGT")  # six A in a row, from RUN + 2 on
START = CODON - 3  # c.118
EXON = "GGAATGGCCAAGAACGGC"


@pytest.fixture
def toy(tmp_path):
    return load_locus(write(TOY, tmp_path)).placed("toy")


def joined(molecules, reference):
    return join_placements(molecules.indels, reference, Runs.of(reference))


def seen(toy, *rows, reference=TOY_REFERENCE):
    """Return allele, informative molecules and carriers of each insertion or deletion."""
    molecules = molecules_of(*rows)
    indels = joined(molecules, reference)
    views = Views(molecules, toy, reference, indels, [])
    found = []
    for indel in indels:
        view = views.at((), (indel,))
        found.append((indel.allele, view.molecules.tolist(), view.carried[0].tolist(), view))
    return found


def test_a_deletion_placed_in_two_ways_is_one_allele(toy):
    left, right = "GG-AAAAAGT", "GGAAAAA-GT"
    rows = [R("l", RUN, left), R("r", RUN, right), R("whole", RUN, "GGAAAAAAGT")]
    ((allele, molecules, carriers, _),) = seen(toy, *rows)
    assert allele == Allele((Edit(RUN + 2, RUN + 3, ""),))
    assert molecules == [0, 1, 2] and carriers == [True, True, False]


def test_all_molecules_are_asked_the_same_question(toy):
    # One that ends inside of the run cannot tell how long it is, wherever the gap is put.
    for shown in ("GGAAAAA-GT", "GG-AAAAAGT"):
        rows = [
            R("shows", RUN, shown),
            R("short", RUN, "GGAAAA"),
            R("late", RUN + 4, "AAAAGT"),
            R("whole", RUN, "GGAAAAAAGT"),
        ]
        ((_, molecules, _, _),) = seen(toy, *rows)
        assert molecules == [0, 3]


def test_an_insertion_placed_in_two_ways_is_one_allele(toy):
    rows = [
        R("l", RUN, "GGAAAAAAGT", insertions=((RUN + 2, "A"),)),
        R("r", RUN, "GGAAAAAAGT", insertions=((RUN + 8, "A"),)),
        R("whole", RUN, "GGAAAAAAGT"),
    ]
    ((allele, _, carriers, _),) = seen(toy, *rows)
    assert allele == Allele((Edit(RUN + 2, RUN + 2, "A"),))
    assert carriers == [True, True, False]


def test_where_the_reference_is_unknown_placements_stay_apart(toy):
    unknown = ReferenceWindow(0, "N" * len(TOY_CONTIG), "record")
    rows = [R("l", RUN, "GG-AAAAAGT"), R("r", RUN, "GGAAAAA-GT")]
    found = seen(toy, *rows, reference=unknown)
    assert [allele.start for allele, *_ in found] == [RUN + 2, RUN + 7]


def test_contradicted_molecules_are_not_asked(toy):
    rows = [
        R("a", RUN, "GG-AAAAAGT"),
        R("b", RUN, "GG-AAAAAGT", number=1),
        R("b", RUN, "GGAAAAAAGT", reverse=True, number=2),
        R("c", RUN, "GGAAAAAAGT"),
    ]
    ((_, molecules, carriers, view),) = seen(toy, *rows)
    assert molecules == [0, 2] and carriers == [True, False]
    assert view.discordant == 1


@pytest.mark.parametrize(
    ("edit", "length"),
    [
        (Edit(RUN + 2, RUN + 3, ""), 6),
        (Edit(RUN + 2, RUN + 2, "A"), 6),
        (Edit(RUN, RUN + 2, ""), 2),
        (Edit(RUN + 1, RUN + 3, ""), 6),
        (Edit(RUN + 7, RUN + 9, ""), 6),
        (Edit(RUN + 8, RUN + 8, "C"), 1),
    ],
)
def test_the_length_of_the_run(edit, length):
    assert indel_of(edit, TOY_REFERENCE, Runs.of(TOY_REFERENCE)).run == length


def test_an_unknown_run_has_no_length():
    unknown = ReferenceWindow(0, "N" * 100, "record")
    assert indel_of(Edit(50, 51, ""), unknown, Runs.of(unknown)).run == 0


def test_the_toy_run_is_where_the_tests_think():
    assert TOY["builds"]["toy"]["exons1"][2] == [140, 157]
    assert TOY_CONTIG[RUN + 2 : RUN + 8] == "AAAAAA" and TOY_CONTIG[RUN + 8] != "A"


def spelled(edit, bases):
    return bases[: edit.start] + edit.alt + bases[edit.end :]


CHANGES = st.tuples(
    st.integers(5, 25), st.integers(0, 4), st.text("AC", min_size=0, max_size=4)
).filter(lambda made: (made[1] == 0) != (made[2] == ""))


@given(st.text("ACN", min_size=34, max_size=34), CHANGES)
@settings(max_examples=300, deadline=None)
def test_every_equal_placement_is_known_and_no_other(bases, change):
    start, length, alt = change
    reference = ReferenceWindow(0, bases, "fasta")
    given_edit = Edit(start, start + length, alt)
    (edit,) = normalise([given_edit], reference).edits
    indel = indel_of(edit, reference, Runs.of(reference))
    assert edit.start <= start <= indel.last
    if "N" in bases:
        return
    wanted = spelled(given_edit, bases)
    equal = {
        at
        for at in range(len(bases) - length + 1)
        for put in ({wanted[at : at + len(alt)]} if alt else {""})
        if spelled(Edit(at, at + length, put), bases) == wanted
    }
    assert equal == set(range(edit.start, indel.last + 1))


@pytest.mark.parametrize(
    ("edit", "whole"),
    [
        (Edit(CODON + 2, CODON + 3, ""), True),  # one G of c.123_124
        (Edit(CODON - 1, CODON, ""), True),  # one A of c.120_121
        (Edit(CODON + 1, CODON + 2, ""), False),  # the T
        (Edit(CODON + 2, CODON + 4, ""), False),  # both G
        (Edit(CODON, CODON + 3, ""), False),
        (Edit(CODON + 2, CODON + 2, "G"), True),
        (Edit(CODON + 1, CODON + 1, "T"), False),
        (Edit(CODON, CODON, "C"), True),
        (Edit(CODON, CODON + 1, "GG"), False),
        (Edit(CODON + 3, CODON + 4, "CC"), True),
    ],
)
def test_what_can_lie_beside_the_codon_spares_it(edit, whole):
    assert spares(edit, grch38().codon_positions, record_reference()) is whole


def codon_of(bases, *, alleles=False, insertions=()):
    """Return what the caller reads of the codon in five molecules of such bases and one plain."""
    rows = [R(f"x{n}", START, bases, insertions=insertions) for n in range(5)]
    molecules = molecules_of(*rows, R("plain", START, EXON))
    indels = joined(molecules, record_reference())
    views = Views(molecules, grch38(), record_reference(), indels, indels if alleles else [])
    found = codon_haplotypes(views.codon, grch38())
    (name,) = [name for name, count in found.items() if count >= 5]
    return name


@pytest.mark.parametrize("alleles", [False, True])
@pytest.mark.parametrize(
    ("bases", "name"),
    [
        ("GGAAT-GCCAAGAACGGC", "ATG"),
        ("GGAATG-CCAAGAACGGC", "ATG"),
        ("GGA-TGGCCAAGAACGGC", "ATG"),
        ("GG-ATGGCCAAGAACGGC", "ATG"),
        ("GGAA-GGCCAAGAACGGC", "del"),
        ("GGAAT--CCAAGAACGGC", "del"),
        ("GGA---GCCAAGAACGGC", "del"),
        # With another base behind the gap the G cannot be the codon's.
        ("GGAAT-ACCAAGAACGGC", "del"),
        ("GGAGT-GCCAAGAACGGC", "GTG"),
    ],
)
def test_a_codon_is_broken_only_if_every_placement_breaks_it(bases, name, alleles):
    assert codon_of(bases, alleles=alleles) == name


def test_an_error_beside_m41t_leaves_it_and_a_true_deletion_makes_a_delins_of_it():
    for bases in ("GGAAC-GCCAAGAACGGC", "GGAACG-CCAAGAACGGC"):
        assert codon_of(bases) == "ACG"
        assert codon_of(bases, alleles=True) == "del"


@pytest.mark.parametrize(
    ("at", "bases", "name"),
    [(1, "C", "ins"), (2, "G", "ATG"), (3, "G", "ATG"), (1, "A", "ATG"), (2, "T", "ins")],
)
def test_inserted_bases_break_a_codon_only_if_they_cannot_lie_beside_it(at, bases, name):
    assert codon_of(EXON, insertions=((CODON + at, bases),)) == name


def test_mates_that_differ_on_bases_inside_the_codon_cannot_tell():
    rows = [
        R("a", START, EXON, insertions=((CODON + 1, "C"),), number=1),
        R("a", START, EXON, reverse=True, number=2),
        R("b", START, EXON),
    ]
    molecules = molecules_of(*rows)
    indels = joined(molecules, record_reference())
    view = Views(molecules, grch38(), record_reference(), indels, []).codon
    assert (view.size, view.discordant) == (1, 1)
