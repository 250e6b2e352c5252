"""Names of alleles and alleles from names, by the rules of HGVS, on either strand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from Bio.Data.CodonTable import standard_dna_table
from Bio.SeqUtils import seq3
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.loci import MOUSE, TOY, TOY_CONTIG, mirrored, write
from vexas_uba1.locus.bases import Sequence, reverse_complement
from vexas_uba1.locus.consequence import changes_protein, effect
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.hgvs import describe, is_c_form, parse_c, touched_positions
from vexas_uba1.locus.normalise import left_normalise, normalise
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import load_locus

UBA1 = load_locus().placed("GRCh38")
KNOWN = Sequence(UBA1.window[0], UBA1.reference_bases())
_DRAW = random.Random(5)
FULL = Sequence(
    KNOWN.start, "".join(_DRAW.choice("ACGT") if base == "N" else base for base in KNOWN.bases)
)


@pytest.fixture
def toy(tmp_path: Path) -> PlacedLocus:
    return load_locus(write(TOY, tmp_path)).placed("toy")


@pytest.fixture
def mirrored_toy(tmp_path: Path) -> PlacedLocus:
    return load_locus(write(mirrored(TOY), tmp_path, "mirrored.yaml")).placed("toy")


CONTIG = Sequence(0, TOY_CONTIG)


@pytest.mark.parametrize(
    ("changes", "hgvs_c", "hgvs_p"),
    [
        ({47199050: "G"}, "c.121A>G", "p.(Met41Val)"),
        ({47199051: "C"}, "c.122T>C", "p.(Met41Thr)"),
        ({47199052: "A"}, "c.123G>A", "p.(Met41Ile)"),
        ({47199050: "G", 47199051: "C"}, "c.121_122delinsGC", "p.(Met41Ala)"),
        ({47199050: "G", 47199052: "A"}, "c.121_123delinsGTA", "p.(Met41Val)"),
        ({47199048: "C", 47199050: "T"}, "c.[119G>C;121A>T]", "p.(Gly40_Met41delinsAlaLeu)"),
        ({47199049: "C", 47199050: "T"}, "c.120_121delinsCT", "p.(Met41Leu)"),
        (
            {47199048: "C", 47199049: "C", 47199050: "T"},
            "c.119_121delinsCCT",
            "p.(Gly40_Met41delinsAlaLeu)",
        ),
        ({47199048: "C", 47199096: "T"}, "c.[119G>C;167C>T]", "p.[(Gly40Ala;Ser56Phe)]"),
        ({47199046: "C"}, "c.118-1G>C", "p.?"),
        ({47199045: "C"}, "c.118-2A>C", "p.?"),
        ({47206102: "T"}, "c.1731C>T", "p.(Asn577=)"),
        ({47198802: "G"}, "c.1A>G", "p.(Met1?)"),
        ({47194023: "A"}, "c.-1G>A", None),
        ({47214929: "T"}, "c.*1C>T", None),
        ({47214926: "A"}, "c.3175T>A", "p.(Ter1059ArgextTer6)"),
    ],
)
def test_substitutions(changes: dict[int, str], hgvs_c: str, hgvs_p: str | None) -> None:
    allele = Allele.substitution(changes)
    name = describe(allele, UBA1, KNOWN)
    assert (name.hgvs_c, name.hgvs_p) == (hgvs_c, hgvs_p)
    assert parse_c(hgvs_c, UBA1, KNOWN) == allele


# On the toy gene: c.1 ATG GCA GCA GAT TT|T ATG CCC TGG AAA AAA GT|G TAA GCT TAC TAA, protein
# MAADFMPWKKV*.
TOY_NAMES = [
    ("c.16A>G", "c.16A>G", "p.(Met6Val)", "missense"),
    ("c.21C>T", "c.21C>T", "p.(Pro7=)", "synonymous"),
    ("c.[18G>A;21C>A]", "c.[18G>A;21C>A]", "p.(Met6Ile)", "missense"),
    ("c.[21C>A;24G>C]", "c.[21C>A;24G>C]", "p.(Trp8Cys)", "missense"),
    ("c.23G>A", "c.23G>A", "p.(Trp8Ter)", "nonsense"),
    # The intron keeps the bases of codon 5 apart.
    ("c.[14T>A;15T>G]", "c.[14T>A;15T>G]", "p.(Phe5Ter)", "nonsense"),
    # ATG|CAGCAGATT...: frame shifted from codon 2 on, without a stop in the transcript.
    ("c.3del", "c.4del", "p.(Ala2GlnfsTer?)", "frameshift"),
    ("c.25del", "c.30del", "p.(Val11CysfsTer?)", "frameshift"),
    ("c.24_25insA", "c.30dup", "p.(Val11SerfsTer?)", "frameshift"),
    ("c.14_14+1insC", "c.14_14+1insC", "p.(Met6TyrfsTer?)", "frameshift"),
    ("c.19_21delinsA", "c.19_21delinsA", "p.(Pro7MetfsTer?)", "frameshift"),
    ("c.[16A>T;20del]", "c.[16A>T;21del]", "p.(Met6LeufsTer?)", "frameshift"),
    ("c.25_27del", "c.28_30del", "p.(Lys10del)", "inframe_indel"),
    ("c.25_30del", "c.25_30del", "p.(Lys9_Lys10del)", "inframe_indel"),
    ("c.4_6del", "c.8_10del", "p.(Ala3del)", "inframe_indel"),
    ("c.4_6dup", "c.8_10dup", "p.(Ala3dup)", "inframe_indel"),
    ("c.4_9dup", "c.5_10dup", "p.(Ala2_Ala3dup)", "inframe_indel"),
    ("c.18_19insTTT", "c.18_19insTTT", "p.(Met6_Pro7insPhe)", "inframe_indel"),
    ("c.19_20insTTT", "c.19_20insTTT", "p.(Pro7delinsLeuSer)", "inframe_indel"),
    ("c.17_22del", "c.17_22del", "p.(Met6_Trp8delinsArg)", "inframe_indel"),
    ("c.18_19insTAA", "c.18_19insTAA", "p.(Pro7Ter)", "nonsense"),
    ("c.18_19insCTTTAA", "c.19_20insTTTAAC", "p.(Pro7delinsLeuTer)", "nonsense"),
    ("c.1A>G", "c.1A>G", "p.(Met1?)", "start_lost"),
    ("c.2del", "c.2del", "p.(Met1?)", "start_lost"),
    ("c.-2_3del", "c.-2_3del", "p.(Met1?)", "start_lost"),
    # The ATG is still there behind one more A.
    ("c.-1_1insA", "c.1dup", None, "utr"),
    ("c.34T>C", "c.34T>C", "p.(Ter12GlnextTer3)", "stop_lost"),
    ("c.34_36del", "c.34_36del", "p.(Ter12AlaextTer2)", "stop_lost"),
    ("c.14+1G>A", "c.14+1G>A", "p.?", "splice_site"),
    ("c.15-2A>G", "c.15-2A>G", "p.?", "splice_site"),
    ("c.-5+1G>A", "c.-5+1G>A", "p.?", "splice_site"),
    ("c.12_15-3del", "c.12_15-3del", "p.?", "splice_site"),
    ("c.15-2_15-1insT", "c.15-2_15-1insT", "p.?", "splice_site"),
    # GCAG|GTAAG: without one of the two G the acceptor is whole and the exon one base shorter,
    # GTT|AAG.
    ("c.33-1del", "c.33del", "p.(Ter12LysextTer?)", "stop_lost"),
    ("c.14+3G>T", "c.14+3G>T", "p.?", "splice_region"),
    ("c.14+10A>G", "c.14+10A>G", "p.?", "splice_region"),
    ("c.14+11A>G", "c.14+11A>G", "p.?", "intronic"),
    ("c.14+5_14+8del", "c.14+5_14+8del", "p.?", "splice_region"),
    ("c.15-3_15-2insT", "c.15-3_15-2insT", "p.?", "splice_region"),
    ("c.-6G>A", "c.-6G>A", None, "utr"),
    ("c.*3T>A", "c.*3T>A", None, "utr"),
    ("c.[14+1G>A;16A>G]", "c.[14+1G>A;16A>G]", "p.?", "splice_site"),
    ("c.[14+5G>A;16A>G]", "c.[14+5G>A;16A>G]", "p.(Met6Val)", "missense"),
]


@pytest.mark.parametrize(
    ("written", "hgvs_c", "hgvs_p", "kind"), TOY_NAMES, ids=lambda value: str(value)
)
def test_names_and_effects(
    toy: PlacedLocus, written: str, hgvs_c: str, hgvs_p: str | None, kind: str
) -> None:
    allele = parse_c(written, toy, CONTIG)
    name = describe(allele, toy, CONTIG)
    assert (name.hgvs_c, name.hgvs_p) == (hgvs_c, hgvs_p)
    assert effect(allele, toy, CONTIG) == kind
    assert parse_c(hgvs_c, toy, CONTIG) == allele


@pytest.mark.parametrize(
    ("written", "hgvs_c", "hgvs_p", "kind"), TOY_NAMES, ids=lambda value: str(value)
)
def test_a_minus_strand_gene_has_the_same_names(
    mirrored_toy: PlacedLocus, written: str, hgvs_c: str, hgvs_p: str | None, kind: str
) -> None:
    contig = Sequence(0, reverse_complement(TOY_CONTIG))
    allele = parse_c(written, mirrored_toy, contig)
    name = describe(allele, mirrored_toy, contig)
    assert (name.hgvs_c, name.hgvs_p) == (hgvs_c, hgvs_p)
    assert effect(allele, mirrored_toy, contig) == kind


def test_alleles_of_a_minus_strand_gene_are_on_the_forward_strand(
    mirrored_toy: PlacedLocus,
) -> None:
    contig = Sequence(0, reverse_complement(TOY_CONTIG))
    allele = parse_c("c.16A>G", mirrored_toy, contig)
    position = len(TOY_CONTIG) - 141
    assert allele == Allele.substitution({position: "C"})
    assert contig.slice(position, position + 1) == "T"


@pytest.mark.parametrize(
    ("first", "length"), [(62, 1), (122, 1), (122, 2), (400, 4), (1500, 7), (3000, 1)]
)
def test_a_frameshift_is_counted_to_its_stop(first: int, length: int) -> None:
    """The same frameshift worked out on the plain coding sequence."""
    start = UBA1.genomic(str(first))
    name = describe(Allele((Edit(start, start + length, ""),)), UBA1, KNOWN).hgvs_p
    transcript = UBA1.transcript_bases[UBA1.locus.coding_start :]
    shifted = transcript[: first - 1] + transcript[first - 1 + length :]

    def protein(bases: str) -> str:
        letters = ""
        for at in range(0, len(bases) - 2, 3):
            if bases[at : at + 3] in standard_dna_table.stop_codons:
                return letters + "*"
            letters += standard_dna_table.forward_table[bases[at : at + 3]]
        return letters

    before, after = protein(transcript), protein(shifted)
    at = next(index for index in range(len(before)) if before[index] != after[index])
    if after[at] == "*":
        assert name == f"p.({seq3(before[at])}{at + 1}Ter)"
    else:
        assert name == f"p.({seq3(before[at])}{at + 1}{seq3(after[at])}fsTer{len(after) - at})"


def test_the_deletion_before_exon_3_keeps_its_name_without_intron_bases() -> None:
    start = UBA1.genomic("118-9")
    allele = Allele((Edit(start, start + 8, ""),))
    assert describe(allele, UBA1, KNOWN).hgvs_c == "c.118-9_118-2del"
    assert parse_c("c.118-9_118-2del", UBA1, KNOWN) == allele
    assert effect(allele, UBA1, KNOWN) == "splice_site"


def test_unknown_bases_stop_a_shift() -> None:
    bases = Sequence(0, "NNAAAANAAGT")
    assert left_normalise(Edit(5, 6, ""), bases) == Edit(2, 3, "")
    assert left_normalise(Edit(8, 9, ""), bases) == Edit(7, 8, "")
    assert left_normalise(Edit(6, 7, ""), bases) == Edit(6, 7, "")
    assert left_normalise(Edit(5, 5, "A"), bases) == Edit(2, 2, "A")


def test_insertions_turn_as_they_shift() -> None:
    bases = Sequence(100, "GGTCATCATGG")
    assert left_normalise(Edit(109, 109, "CAT"), bases) == Edit(102, 102, "TCA")


def test_equal_molecules_are_equal_alleles() -> None:
    bases = Sequence(0, "GATTACAGATTACA")
    assert normalise([Edit(2, 6, "GTAC")], bases) == Allele.substitution({2: "G"})
    assert normalise([Edit(0, 4, "GAT")], bases) == normalise([Edit(3, 4, "")], bases)
    assert normalise([Edit(1, 2, "C"), Edit(2, 2, "G")], bases) == Allele((Edit(1, 2, "CG"),))
    assert normalise([Edit(4, 5, "A")], bases) == Allele(())
    with pytest.raises(ValueError, match="overlap"):
        normalise([Edit(2, 5, ""), Edit(4, 5, "G")], bases)


def test_the_reference_has_no_name() -> None:
    with pytest.raises(ValueError, match="equals the reference"):
        describe(Allele.substitution({47199050: "A"}), UBA1, KNOWN)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a name"),
        ("c.", "not a name"),
        ("122T>C", "not a name"),
        ("p.(Met41Thr)", "not a name"),
        ("c.[]", "not a name"),
        ("c.[122T>C", "not a name"),
        ("c.122T>C;123G>A", "not a name"),
        ("c.122", "not a change"),
        ("c.122T>CC", "not a change"),
        ("c.122_123T>C", "not a change"),
        ("c.122insA", "not a change"),
        ("c.122U>C", "not a change"),
        ("c.120_122insA", "not between two neighbouring bases"),
        ("c.123_121del", "does not run from 5' to 3'"),
        ("c.121_121del", "does not run from 5' to 3'"),
        ("c.122A>C", "the reference has T"),
        ("c.[122T>C;122T>G]", "overlap"),
        ("c.9999A>G", "the coding sequence ends"),
        ("c.118-20_118-18dup", "are not known"),
        ("c.121_123delinsATG", "changes nothing"),
        ("g.156040896A>G", "no position of the contig"),
        ("g.*5A>G", "no position of the contig"),
    ],
)
def test_what_cannot_be_placed_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_c(text, UBA1, KNOWN)


def test_the_form_of_a_name_is_told_without_a_gene() -> None:
    good = ["c.122T>C", "c.[119G>C;121A>T]", "c.118-9_118-2del", "c.-5+3_-5+4insAC", "c.*12dup"]
    assert all(map(is_c_form, good))
    assert not any(map(is_c_form, ["g.122T>C", "c.M41T", "c.122", "NM_003334.4:c.122T>C"]))


def test_touched_positions() -> None:
    assert touched_positions("c.[119G>C;121A>T]", UBA1) == {47199048, 47199050}
    assert touched_positions("c.118-9_118-2del", UBA1) == set(range(47199038, 47199046))
    assert touched_positions("c.20_21insA", UBA1) == {UBA1.genomic("20"), UBA1.genomic("21")}


def minimal(
    folder: Path, codon: dict[str, object], strand: str = "+"
) -> tuple[PlacedLocus, Sequence]:
    record = {**MOUSE, "codon": codon, "strand": "+"}
    if strand == "-":
        record = mirrored(record)
    placed = load_locus(write(record, folder)).placed("GRCm39")
    return placed, Sequence(placed.window[0], placed.reference_bases())


def test_a_minimal_record_names_changes_on_the_contig(tmp_path: Path) -> None:
    placed, known = minimal(tmp_path, {"reference": "ATG"})
    allele = Allele.substitution({20534933: "G"})
    name = describe(allele, placed, known)
    assert (name.hgvs_c, name.hgvs_p) == ("g.20534934A>G", None)
    assert effect(allele, placed, known) == "missense"
    assert parse_c("g.20534934A>G", placed, known) == allele
    both = Allele.substitution({20534933: "G", 20534934: "C"})
    assert describe(both, placed, known).hgvs_c == "g.20534934_20534935delinsGC"


@pytest.mark.parametrize("strand", "+-")
def test_a_numbered_minimal_record_names_the_codon(tmp_path: Path, strand: str) -> None:
    placed, known = minimal(tmp_path, {"reference": "ATG", "number": 41}, strand)
    allele = parse_c("c.121A>G", placed, known)
    name = describe(allele, placed, known)
    assert (name.hgvs_c, name.hgvs_p) == ("c.121A>G", "p.(Met41Val)")
    assert allele.start == placed.codon_positions[0]
    two = describe(parse_c("c.121_123delinsGTA", placed, known), placed, known)
    assert (two.hgvs_c, two.hgvs_p) == ("c.121_123delinsGTA", "p.(Met41Val)")


def test_a_minimal_record_guesses_nothing_beside_its_codon(tmp_path: Path) -> None:
    placed, known = minimal(tmp_path, {"reference": "ATG", "number": 41})
    beside = Allele((Edit(20534950, 20534951, "T"),))
    assert effect(beside, placed, known) == "unknown"
    assert describe(beside, placed, known).hgvs_c == "g.20534951N>T"
    deletion = Allele((Edit(20534934, 20534935, ""),))
    assert effect(deletion, placed, known) == "frameshift"
    assert describe(deletion, placed, known).hgvs_c == "c.122del"


def test_the_start_codon_may_be_the_codon_of_interest(tmp_path: Path) -> None:
    placed, known = minimal(tmp_path, {"reference": "ATG", "number": 1})
    name = describe(parse_c("c.1A>G", placed, known), placed, known)
    assert name.hgvs_p == "p.(Met1?)"


def test_unknown_coding_bases_are_not_called_silent() -> None:
    unknown = Sequence(UBA1.window[0], "N" * len(KNOWN.bases))
    allele = Allele.substitution({47199050: "G"})
    assert effect(allele, UBA1, unknown) == "unknown"
    assert describe(allele, UBA1, unknown).hgvs_p == "p.?"


def test_which_effects_change_the_protein() -> None:
    silent = {"synonymous", "splice_region", "intronic", "utr"}
    loud = {"missense", "nonsense", "frameshift", "inframe_indel", "start_lost", "stop_lost"}
    assert not any(map(changes_protein, silent))
    assert all(map(changes_protein, loud | {"splice_site", "unknown"}))


def test_every_coding_change_of_the_gene_is_translated() -> None:
    """Each change of every tenth codon, against a translation of the bare codon."""
    coding = UBA1.coding_positions
    for codon in range(1, len(coding) // 3 - 1, 10):
        positions = coding[3 * codon : 3 * codon + 3]
        bases = [KNOWN.slice(position, position + 1) for position in positions]
        for at, alt in ((at, alt) for at in range(3) for alt in "ACGT" if alt != bases[at]):
            changed = "".join([*bases[:at], alt, *bases[at + 1 :]])
            old = seq3(standard_dna_table.forward_table["".join(bases)])
            new = seq3(standard_dna_table.forward_table.get(changed, "*"))
            name = describe(Allele.substitution({positions[at]: alt}), UBA1, KNOWN)
            assert name.hgvs_c == f"c.{3 * codon + at + 1}{bases[at]}>{alt}"
            assert name.hgvs_p == f"p.({old}{codon + 1}{'=' if old == new else new})"


WINDOW = st.integers(UBA1.window[0] + 30, UBA1.window[1] - 60)
BASES = st.text("ACGT", min_size=1, max_size=12)


@st.composite
def edits(draw: st.DrawFn) -> list[Edit]:
    """One insertion, deletion or replacement, or up to three substitutions near each other."""
    start = draw(WINDOW)
    if draw(st.booleans()):
        return [Edit(start, start + draw(st.integers(0, 12)), draw(st.one_of(st.just(""), BASES)))]
    places = draw(st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True))
    return [
        Edit(start + place, start + place + 1, draw(st.sampled_from("ACGT"))) for place in places
    ]


def molecule(allele: Allele, bases: Sequence) -> str:
    """Return the window with the allele in it."""
    text, at = "", bases.start
    for edit in allele.edits:
        text += bases.slice(at, edit.start) + edit.alt
        at = edit.end
    return text + bases.slice(at, bases.start + len(bases.bases))


@settings(max_examples=300, deadline=None)
@given(edits())
def test_names_lead_back_to_their_alleles(made: list[Edit]) -> None:
    allele = normalise(made, FULL)
    assert molecule(allele, FULL) == molecule(Allele(tuple(sorted(made))), FULL)
    if allele.edits:
        assert parse_c(describe(allele, UBA1, FULL).hgvs_c, UBA1, FULL) == allele


@settings(max_examples=150, deadline=None)
@given(start=WINDOW, length=st.integers(1, 9), shift=st.integers(-15, 15))
def test_placements_of_one_molecule_are_one_allele(start: int, length: int, shift: int) -> None:
    one = Allele((Edit(start, start + length, ""),))
    other = Allele((Edit(start + shift, start + shift + length, ""),))
    same = molecule(one, FULL) == molecule(other, FULL)
    assert (normalise(one.edits, FULL) == normalise(other.edits, FULL)) == same


@settings(max_examples=150, deadline=None)
@given(edits())
def test_unknown_introns_never_break_a_name(made: list[Edit]) -> None:
    allele = normalise(made, KNOWN)
    if allele.edits:
        assert parse_c(describe(allele, UBA1, KNOWN).hgvs_c, UBA1, KNOWN) == allele


@pytest.mark.parametrize(
    ("made", "hgvs_c"),
    [
        # One codon, one base between: one delins.
        ([Edit(47199050, 47199051, "G"), Edit(47199051, 47199052, "")], "c.121_122delinsG"),
        ([Edit(47199059, 47199060, "T"), Edit(47199061, 47199062, "")], "c.130_132delinsTA"),
        # Of two codons each has its own name, the lost base as far 3' as it can be.
        ([Edit(47199050, 47199051, "G"), Edit(47199052, 47199053, "")], "c.[121A>G;124del]"),
        ([Edit(47199051, 47199052, "C"), Edit(47199054, 47199055, "")], "c.[122T>C;126del]"),
        # What touches is one delins, whatever the codons.
        ([Edit(47199050, 47199053, ""), Edit(47199053, 47199054, "T")], "c.121_124delinsT"),
        ([Edit(47199051, 47199052, "C"), Edit(47199052, 47199052, "CCC")], "c.122delinsCCCC"),
        (
            [Edit(47199048, 47199049, "C"), Edit(47199051, 47199051, "CC")],
            "c.[119G>C;121_122insCC]",
        ),
    ],
)
def test_an_indel_and_a_substitution_in_cis(made: list[Edit], hgvs_c: str) -> None:
    assert describe(Allele(tuple(made)), UBA1, KNOWN).hgvs_c == hgvs_c


@st.composite
def mixed_edits(draw: st.DrawFn) -> list[Edit]:
    """An insertion or deletion and a substitution within a few bases of it."""
    start = draw(WINDOW)
    length = draw(st.integers(0, 4))
    put = draw(BASES) if not length else ""
    side = draw(st.sampled_from([-4, -3, -2, -1, length, length + 1, length + 2, length + 3]))
    changed = Edit(start + side, start + side + 1, draw(st.sampled_from("ACGT")))
    return sorted([Edit(start, start + length, put), changed])


@settings(max_examples=300, deadline=None)
@given(mixed_edits())
def test_names_of_mixed_changes_lead_back_to_the_same_molecule(made: list[Edit]) -> None:
    allele = normalise(made, FULL)
    if allele.edits:
        name = describe(allele, UBA1, FULL).hgvs_c
        again = parse_c(name, UBA1, FULL)
        assert molecule(again, FULL) == molecule(Allele(tuple(made)), FULL)
        assert describe(again, UBA1, FULL).hgvs_c == name
