"""Codon haplotypes and candidate alleles out of molecules."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.calls import CODES, CODON, R, grch38, molecules_of, record_reference, view_with
from builders.loci import bundled, mirrored, write
from vexas_uba1.alleles.clusters import clusters
from vexas_uba1.alleles.haplotypes import INSERTED, codon_haplotypes, view_of
from vexas_uba1.alleles.placements import Runs, indel_of
from vexas_uba1.locus.edits import Allele
from vexas_uba1.locus.hgvs import parse_c
from vexas_uba1.locus.record import load_locus
from vexas_uba1.reference import ReferenceWindow

A, C, G, T, DELETED = (CODES[base] for base in "ACGT-")


def at_codon(*rows):
    return view_of(molecules_of(*rows), grch38().codon_positions, record_reference())


def haplotypes(view, placed=None):
    return codon_haplotypes(view, placed or grch38())


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
    view.codes[1, 3] = INSERTED
    assert haplotypes(view) == {"del": 2, "ATG": 1, "GTG": 1, "ins": 1}


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
    allele = view.allele((G, C, G), record_reference())
    assert allele == Allele.substitution({CODON: "G", CODON + 1: "C"})
    assert view.pattern(allele) == (G, C, G)
    assert view.showing((G, C, G)).tolist() == [False, True]


def test_what_is_no_substitution_is_no_pattern():
    known = record_reference()
    view = view_with(["ATG"])
    assert view.allele((A, T, G), known) is None
    assert view.allele((A, DELETED, G), known) is None
    assert view_with(["ATG"], reference="ANG").allele((A, C, T), known) is None


def test_molecules_that_err_alike_are_one_class():
    view = view_with(["ATG"] * 5, mapping_quality=[60, 60, 60, 60, 59])
    view.quality[:] = [[30, 30, 20, 30, 30], [30, 20, 20, 30, 30], [37, 37, 37, 37, 37]]
    classes = view.classes
    found = zip(
        classes.quality.T.tolist(), classes.mapping_quality, classes.size.tolist(), strict=True
    )
    assert sorted((tuple(quality), int(placed), size) for quality, placed, size in found) == [
        ((20, 20, 37), 60, 1),
        ((30, 20, 37), 60, 1),
        ((30, 30, 37), 50, 1),
        ((30, 30, 37), 60, 2),
    ]
    assert classes.of[0] == classes.of[3]
    assert (classes.quality[:, classes.of] == view.quality).all()


def test_kinds_of_observation_keep_classes_apart():
    view = view_with(["ATG"] * 4, strands=["+", "-", "±", "+"])
    view.origin[2, 3] = 1
    assert view.classes.size.tolist() == [1, 1, 1, 1]
    assert (view.classes.origin[:, view.classes.of] == view.origin).all()


@pytest.mark.parametrize(("quality", "step"), [(0, 0), (9, 0), (10, 10), (59, 50), (255, 60)])
def test_mapping_qualities_are_told_apart_in_steps(quality, step):
    (placed,) = view_with(["ATG"], mapping_quality=[quality]).classes.mapping_quality
    assert placed == step


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 60), min_size=9, max_size=9),
            st.lists(st.integers(0, 8), min_size=9, max_size=9),
            st.integers(0, 60),
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=40, deadline=None)
def test_classes_of_many_positions_are_told_apart(rows):
    """Nine qualities and nine kinds do not fit into one number of 64 bits."""
    view = view_with(
        ["A" * 9] * len(rows),
        reference="A" * 9,
        positions=range(CODON, CODON + 9),
        mapping_quality=[placed for _, _, placed in rows],
    )
    view.quality[:] = np.array([quality for quality, _, _ in rows]).T
    view.origin[:] = np.array([origin for _, origin, _ in rows]).T
    classes = view.classes
    expected = Counter((tuple(q), tuple(o), placed // 10) for q, o, placed in rows)
    assert sorted(classes.size.tolist()) == sorted(expected.values())
    assert np.bincount(classes.of).tolist() == classes.size.tolist()
    assert (classes.quality[:, classes.of] == view.quality).all()
    assert (classes.origin[:, classes.of] == view.origin).all()


def test_a_view_knows_the_bases_beside_each_position():
    view = at_codon(R("a", CODON, "ATG"))
    # GGA[A]TGG: the base before times five, and the base behind.
    assert view.context == (5 * A + T, 5 * A + G, 5 * T + G)
    assert view.only([CODON + 1]).context == (5 * A + G,)


def test_a_view_knows_strand_and_quarter_of_each_observation():
    view = at_codon(
        R("a", CODON, "ATG", inside=None),
        R("b", CODON, "ATG", reverse=True, inside=None),
        R("c", CODON, "ATG"),
        R("c", CODON, "ATG", reverse=True),
    )
    # A read of three bases has its first, second and third quarter there.
    assert view.origin.T.tolist() == [[0, 1, 2], [6, 5, 4], [8, 8, 8]]
    assert view.without(np.array([1])).origin.T.tolist() == [[0, 1, 2], [8, 8, 8]]
    assert view.only([CODON + 2]).origin.tolist() == [[2, 4, 8]]


def test_a_view_knows_the_ends_of_fragments():
    view = at_codon(R("a", CODON, "ATG", ends=(5, 99)), R("b", CODON, "ATG", ends=(7, 80)))
    assert view.fragment_start.tolist() == [5, 7] and view.fragment_end.tolist() == [99, 80]
    less = view.without(np.array([0]))
    assert less.fragment_start.tolist() == [7] and less.fragment_end.tolist() == [80]


@given(st.lists(st.text("ACGT-", min_size=30, max_size=30), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_haplotypes_of_many_positions_are_told_apart(shown):
    """Thirty codes do not fit into one number of 64 bits."""
    view = view_with(shown, reference="A" * 30, positions=range(CODON, CODON + 30))
    expected = Counter(tuple(CODES[base] for base in text) for text in shown)
    assert view.haplotypes == expected
    for pattern, count in expected.items():
        assert view.showing(pattern).sum() == count


def test_some_of_the_positions_are_those_of_the_same_molecules():
    view = view_with(["ATG", "GCG", "ATG"])
    only = view.only([CODON + 1, CODON + 2])
    assert only.positions == (CODON + 1, CODON + 2) and only.size == 3
    assert only.haplotypes == {(T, G): 2, (C, G): 1}


def test_molecules_left_out_count_as_discordant():
    view = view_with(["ATG", "ACG", "GTG"], strands=["+", "-", "+"])
    less = view.without(np.array([1]))
    assert (less.size, less.discordant) == (2, 1)
    assert less.haplotypes == {(A, T, G): 1, (G, T, G): 1}
    assert less.forward.tolist() == [True, True]
    assert view.without(np.array([], dtype=int)).size == 3


def named(groups):
    placed = grch38()
    return [",".join(str(placed.c_name(at)) for at in group.positions) for group in groups]


def cluster_of(*c_names):
    placed = grch38()
    return named(clusters([placed.genomic(name) for name in c_names], [], placed))


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


def indel(hgvs_c):
    known = record_reference()
    (edit,) = parse_c(hgvs_c, grch38(), known).edits
    return indel_of(edit, known, Runs.of(known))


@pytest.mark.parametrize(
    ("positions", "hgvs_c", "together"),
    [
        (["119"], "c.121_123del", True),
        (["126"], "c.121_123del", True),
        (["127"], "c.121_123del", False),
        (["124"], "c.122_123insA", True),
        (["118-1"], "c.118-9_118-2del", True),
        (["118-1"], "c.118-9_118-3del", False),
    ],
)
def test_insertions_and_deletions_go_together_with_what_is_near(positions, hgvs_c, together):
    placed = grch38()
    wanted = {placed.genomic(name) for name in positions}
    change = indel(hgvs_c)
    groups = clusters(wanted, [change], placed)
    holding = [group for group in groups if wanted <= set(group.positions)]
    assert (change in holding[0].indels) is together
    assert [group.indels for group in groups].count((change,)) == 1


def test_a_deletion_brings_what_lies_on_either_side_of_it_together():
    placed = grch38()
    first, last = placed.genomic("1856"), placed.genomic("1873")
    apart = clusters([first, last], [], placed)
    assert [group.positions for group in apart][1:] == [(first,), (last,)]
    (_, joined) = clusters([first, last], [indel("c.1857_1872del")], placed)
    assert joined.positions == (first, last)
