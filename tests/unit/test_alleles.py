"""Codon haplotypes and candidate alleles out of molecules."""

from __future__ import annotations

import numpy as np
import pytest

from builders.calls import CODES, CODON, R, grch38, molecules_of, record_reference, view_with
from builders.loci import TOY, TOY_CONTIG, bundled, mirrored, write
from vexas_uba1.alleles import (
    clusters,
    codon_haplotypes,
    indel_views,
    repeat_length,
    view_of,
)
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.record import load_locus
from vexas_uba1.reference import ReferenceWindow

A, C, G, T, DELETED = (CODES[base] for base in "ACGT-")
NO_INSERTIONS = np.zeros(0, dtype=bool)


def at_codon(*rows):
    return view_of(molecules_of(*rows), grch38().codon_positions, record_reference())


def haplotypes(view, inserted=None, placed=None):
    inserted = np.zeros(view.size, dtype=bool) if inserted is None else inserted
    return codon_haplotypes(view, placed or grch38(), inserted)


def test_only_molecules_that_show_every_base_are_informative():
    view = at_codon(
        R("a", CODON, "ATG"),
        R("b", CODON, "AT"),
        R("c", CODON + 1, "TG"),
        R("d", CODON, "ANG"),
        R("e", CODON, "AT"),
        R("e", CODON + 2, "G", reverse=True),
    )
    assert view.size == 2 and view.molecules.tolist() == [0, 4]
    assert view.reference == (A, T, G)


def test_discordant_molecules_are_counted_where_they_cover_the_codon():
    view = at_codon(
        R("a", CODON, "ATG"),
        R("a", CODON, "ACG", reverse=True),
        R("b", CODON, "AT"),
        R("b", CODON, "AC", reverse=True),
        R("c", CODON, "ATG"),
    )
    assert (view.size, view.discordant) == (1, 1)


def test_a_strand_counts_only_if_it_shows_all_positions():
    view = at_codon(R("a", CODON, "ATG"), R("a", CODON + 1, "TG", reverse=True))
    assert view.forward.tolist() == [True] and view.reverse.tolist() == [False]
    turned = at_codon(R("a", CODON, "ATG", reverse=True), R("a", CODON + 1, "TG"))
    assert turned.forward.tolist() == [False] and turned.reverse.tolist() == [True]


def test_the_worst_position_stands_for_the_molecule():
    view = at_codon(R("a", CODON - 1, "AATG", inside=None), R("a", CODON + 2, "G", quality=12))
    assert view.end_distance.tolist() == [1]
    assert view.read_quality.tolist() == [30]
    lone = at_codon(R("a", CODON, "AT", quality=30), R("a", CODON + 2, "G", quality=12))
    assert lone.read_quality.tolist() == [12]


def test_haplotypes_are_counted_commonest_first():
    view = view_with(["ATG", "GTG", "ATG", "ACG", "ATG", "GTG"])
    assert list(view.haplotypes.items()) == [((A, T, G), 3), ((G, T, G), 2), ((A, C, G), 1)]
    assert haplotypes(view) == {"ATG": 3, "GTG": 2, "ACG": 1}
    assert list(haplotypes(view)) == ["ATG", "GTG", "ACG"]


def test_broken_codons_are_named():
    view = view_with(["ATG", "A-G", "---", "ATG", "GTG"])
    inserted = np.array([False, False, False, True, False])
    assert haplotypes(view, inserted) == {"del": 2, "ATG": 1, "GTG": 1, "ins": 1}


def test_a_codon_on_the_reverse_strand_is_read_on_the_transcripts(tmp_path):
    placed = load_locus(write(mirrored(bundled()), tmp_path)).placed("GRCh38")
    low = min(placed.codon_positions)
    reference = ReferenceWindow(placed.window[0], placed.reference_bases(), "record")
    # ATG is CAT on the forward strand, M41T (ACG) is CGT.
    molecules = molecules_of(R("a", low, "CAT"), R("b", low, "CAT"), R("c", low, "CGT"))
    view = view_of(molecules, placed.codon_positions, reference)
    assert haplotypes(view, placed=placed) == {"ATG": 2, "ACG": 1}


def test_a_pattern_is_an_allele_and_back():
    view = view_with(["ATG", "GCG"])
    allele = view.allele((G, C, G))
    assert allele == Allele.substitution({CODON: "G", CODON + 1: "C"})
    assert view.pattern(allele) == (G, C, G)
    assert view.showing((G, C, G)).tolist() == [False, True]


def test_what_is_no_substitution_is_no_pattern():
    view = view_with(["ATG"])
    assert view.allele((A, T, G)) is None
    assert view.allele((A, DELETED, G)) is None
    assert view_with(["ATG"], reference="ANG").allele((A, C, T)) is None


def test_molecules_left_out_count_as_discordant():
    view = view_with(["ATG", "ACG", "GTG"], strands=["+", "-", "+"])
    less = view.without(np.array([1]))
    assert (less.size, less.discordant) == (2, 1)
    assert less.haplotypes == {(A, T, G): 1, (G, T, G): 1}
    assert less.forward.tolist() == [True, True]
    assert view.without(np.array([], dtype=int)).size == 3


def named(groups):
    placed = grch38()
    return [",".join(str(placed.c_name(at)) for at in group) for group in groups]


def cluster_of(*c_names):
    placed = grch38()
    return named(clusters([placed.genomic(name) for name in c_names], placed))


def test_the_codon_is_always_looked_at_whole():
    assert cluster_of() == ["121,122,123"]
    assert cluster_of("122") == ["121,122,123"]


def test_changes_of_neighbouring_codons_go_together():
    assert cluster_of("119") == ["119,121,122,123"]
    assert cluster_of("126") == ["121,122,123,126"]
    assert cluster_of("1861", "1863") == ["121,122,123", "1861,1863"]
    assert cluster_of("1863", "1864") == ["121,122,123", "1863,1864"]


def test_changes_farther_apart_stay_apart():
    # c.127 lies in the codon after next.
    assert cluster_of("127") == ["121,122,123", "127"]
    assert cluster_of("1861", "1867") == ["121,122,123", "1861", "1867"]


def test_an_intron_keeps_changes_apart():
    # c.117 and c.118 are neighbours in the transcript, 129 bases apart in the genome.
    assert cluster_of("117", "118") == ["117", "118,121,122,123"]
    assert cluster_of("118-1", "118-2") == ["118-2", "118-1", "121,122,123"]


def toy_reference():
    return ReferenceWindow(0, TOY_CONTIG, "fasta")


def toy_indels(*rows):
    return indel_views(molecules_of(*rows), toy_reference())


def read(name, start, bases, **keys):
    return R(name, start, bases, **keys)


RUN = TOY_CONTIG.index("GGAAAAAAGT")  # six A in a row, from RUN + 2 on


def test_a_deletion_placed_in_two_ways_is_one_allele():
    left, right = "GG-AAAAAGT", "GGAAAAA-GT"
    rows = [read("l", RUN, left), read("r", RUN, right), read("whole", RUN, "GGAAAAAAGT")]
    (found,) = toy_indels(*rows)
    assert found.allele == Allele((Edit(RUN + 2, RUN + 3, ""),))
    assert found.view.size == 3
    assert found.shows.tolist() == [True, True, False]


def test_all_molecules_are_asked_the_same_question():
    # One that ends inside of the run cannot tell how long it is.
    rows = [
        read("right", RUN, "GGAAAAA-GT"),
        read("short", RUN, "GGAAAA"),
        read("late", RUN + 4, "AAAAGT"),
        read("whole", RUN, "GGAAAAAAGT"),
    ]
    (found,) = toy_indels(*rows)
    assert found.view.molecules.tolist() == [0, 3]


def test_an_insertion_placed_in_two_ways_is_one_allele():
    rows = [
        read("l", RUN, "GGAAAAAAGT", insertions=((RUN + 2, "A"),)),
        read("r", RUN, "GGAAAAAAGT", insertions=((RUN + 8, "A"),)),
        read("whole", RUN, "GGAAAAAAGT"),
    ]
    (found,) = toy_indels(*rows)
    assert found.allele == Allele((Edit(RUN + 2, RUN + 2, "A"),))
    assert found.shows.tolist() == [True, True, False]


def test_where_the_reference_is_unknown_placements_stay_apart():
    unknown = ReferenceWindow(0, "N" * len(TOY_CONTIG), "record")
    rows = [read("l", RUN, "GG-AAAAAGT"), read("r", RUN, "GGAAAAA-GT")]
    found = indel_views(molecules_of(*rows), unknown)
    assert [view.allele.start for view in found] == [RUN + 2, RUN + 7]


def test_contradicted_molecules_are_not_asked():
    rows = [
        read("a", RUN, "GG-AAAAAGT"),
        read("b", RUN, "GG-AAAAAGT"),
        read("b", RUN, "GGAAAAAAGT", reverse=True),
        read("c", RUN, "GGAAAAAAGT"),
    ]
    (found,) = toy_indels(*rows)
    assert found.view.molecules.tolist() == [0, 2]
    assert found.shows.tolist() == [True, False]
    assert found.view.discordant == 1


@pytest.mark.parametrize(
    ("edit", "length"),
    [
        (Edit(RUN + 2, RUN + 3, ""), 6),
        (Edit(RUN + 2, RUN + 2, "A"), 6),
        (Edit(RUN, RUN + 2, ""), 6),
        (Edit(RUN + 8, RUN + 8, "C"), 1),
    ],
)
def test_the_length_of_the_run(edit, length):
    assert repeat_length(Allele((edit,)), toy_reference()) == length


def test_an_unknown_run_has_no_length():
    unknown = ReferenceWindow(0, "N" * 100, "record")
    assert repeat_length(Allele((Edit(50, 51, ""),)), unknown) == 0


def test_the_toy_run_is_where_the_tests_think():
    assert TOY["builds"]["toy"]["exons1"][2] == [140, 157]
    assert TOY_CONTIG[RUN + 2 : RUN + 8] == "AAAAAA" and TOY_CONTIG[RUN + 8] != "A"
