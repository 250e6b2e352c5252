"""BAM records become flat arrays of bases."""

from __future__ import annotations

import random

import numpy as np
import pytest

from builders.sam import DUPLICATE, PAIRED, QC_FAILED, SECONDARY, SUPPLEMENTARY, SamBuilder
from vexas_uba1.alignments.window import read_window

LENGTH = 5_000
WINDOW = np.arange(1000, 1100)
CODE = {base: code for code, base in enumerate("ACGTN")}


@pytest.fixture
def sam():
    return SamBuilder([("chrX", LENGTH)])


def read(builder, tmp_path, positions=WINDOW, umi_tags=(), keep_duplicates=False, **asked):
    bam = builder.write_bam(tmp_path / "r.bam")
    return read_window(
        bam, "chrX", positions, umi_tags=umi_tags, keep_duplicates=keep_duplicates, **asked
    )


def rows(reads):
    """(read, 0-based position, code, quality) of every aligned base, sorted."""
    blocks = reads.blocks
    found = []
    for read_number, base, position, length in zip(
        *(c.tolist() for c in (blocks.read, blocks.base, blocks.position, blocks.length)),
        strict=True,
    ):
        found += [
            (read_number, position + k, int(reads.code[base + k]), int(reads.quality[base + k]))
            for k in range(length)
        ]
    return sorted(found)


def shown(reads, read_number=0):
    text = {code: base for base, code in CODE.items()}
    return {position: text[code] for read, position, code, _ in rows(reads) if read == read_number}


def ends(reads):
    return list(zip(reads.fragment_start.tolist(), reads.fragment_end.tolist(), strict=True))


def gaps(reads):
    return list(zip(reads.deletions.start.tolist(), reads.deletions.end.tolist(), strict=True))


def put_in(reads):
    put = reads.insertions
    return [
        (int(r), int(at), "".join("ACGTN"[c] for c in reads.code[base : base + length]))
        for r, at, base, length in zip(put.read, put.position, put.base, put.length, strict=True)
    ]


def test_bases_with_their_places_and_qualities(sam, tmp_path):
    sam.read("a", 1011, "ACGTN", qual=[10, 20, 30, 40, 2])
    found = read(sam, tmp_path)
    assert rows(found) == [
        (0, 1010, 0, 10),
        (0, 1011, 1, 20),
        (0, 1012, 2, 30),
        (0, 1013, 3, 40),
        (0, 1014, 4, 2),
    ]


def test_clips_skips_and_deletions(sam, tmp_path):
    sam.read("a", 1011, "TTACGTAC", cigar="2S2M3D2M10N2M", qual=[9, 9, 31, 32, 33, 34, 35, 36])
    found = read(sam, tmp_path)
    assert shown(found) == {
        1010: "A", 1011: "C", 1015: "G", 1016: "T", 1027: "A", 1028: "C",
    }  # fmt: skip
    assert gaps(found) == [(1012, 1015)]
    # The gap points at the base behind it: the fifth stored one.
    assert found.deletions.base.tolist() == [4]
    assert {p: q for _, p, _, q in rows(found)}[1027] == 35
    assert (found.left_clip[0], found.right_clip[0]) == (2, 0)
    assert (found.start[0], found.end[0]) == (1010, 1029)


def test_insertions_inside_of_an_alignment(sam, tmp_path):
    sam.read("a", 1011, "AACCGG", cigar="2M2I2M")
    sam.read("b", 1011, "CCGG", cigar="2I2M")
    sam.read("c", 1011, "GGCC", cigar="2M2I")
    sam.read("d", 1011, "TCCGG", cigar="1S2I2M")
    found = read(sam, tmp_path)
    assert put_in(found) == [(0, 1012, "CC")]
    assert shown(found, 0) == {1010: "A", 1011: "A", 1012: "G", 1013: "G"}
    assert shown(found, 1) == {1010: "G", 1011: "G"}


def test_equal_and_different_are_matches(sam, tmp_path):
    sam.read("a", 1011, "ACG", cigar="1=1X1=")
    assert shown(read(sam, tmp_path)) == {1010: "A", 1011: "C", 1012: "G"}


def test_reads_beyond_the_window_are_not_read(sam, tmp_path):
    sam.read("a", 1001, "ACGTACGTAC")
    sam.read("before", 995, "ACGTACGT")
    sam.read("far", 2000, "ACGT")
    found = read(sam, tmp_path, positions=np.array([1000, 1001, 1005]))
    assert found.count == 2 and found.fragments == 2


def test_records_left_out_are_counted_by_reason(sam, tmp_path):
    sam.read("kept", 1011, "ACGT")
    sam.read("kept", 1013, "ACGT", flag=SUPPLEMENTARY)
    sam.read("only a part", 1011, "ACGT", flag=SUPPLEMENTARY)
    for flag in (SECONDARY, QC_FAILED, DUPLICATE, DUPLICATE | SECONDARY):
        sam.read("left out", 1011, "ACGT", flag=flag)
    sam.line("no bases\t0\tchrX\t1011\t60\t4M\t*\t0\t0\t*\t*")
    found = read(sam, tmp_path)
    assert found.count == found.fragments == 1
    assert found.excluded == {
        "duplicate": 1,
        "qc_failed": 1,
        "secondary": 2,
        "supplementary": 2,
        "without_bases": 1,
    }
    assert found.flagged_duplicates == 2


def test_duplicates_are_kept_where_they_are_asked_for(sam, tmp_path):
    sam.read("copy", 1011, "ACGT", flag=DUPLICATE)
    found = read(sam, tmp_path, keep_duplicates=True)
    assert found.count == 1 and found.excluded == {}
    assert found.flagged_duplicates == 1 and found.duplicate.all()


def test_a_record_without_qualities_gets_a_modest_one(sam, tmp_path):
    sam.line("a\t0\tchrX\t1011\t60\t4M\t*\t0\t0\tACGT\t*")
    sam.read("b", 1012, "ACG", qual=37)
    found = read(sam, tmp_path)
    assert found.without_qualities == 1
    assert {q for r, _, _, q in rows(found) if r == 0} == {20}
    assert {q for r, _, _, q in rows(found) if r == 1} == {37}


def test_strand_mapping_quality_and_library(tmp_path):
    groups = [{"ID": "a", "LB": "one"}, {"ID": "b", "LB": "two"}, {"ID": "c", "LB": "one"}]
    sam = SamBuilder([("chrX", LENGTH)], groups=groups)
    for at, group in enumerate("abc"):
        sam.read(group, 1011 + at, "ACGT", group=group, reverse=group == "b", mapq=10 * at)
    found = read(sam, tmp_path)
    assert found.reverse.tolist() == [False, True, False]
    assert found.mapping_quality.tolist() == [0, 10, 20]
    assert found.library.tolist() == [0, 1, 0]


def test_umis_of_several_tags(sam, tmp_path):
    sam.read("a", 1011, "ACGT", tags={"CB": "CELL", "UB": "MOL"})
    sam.read("b", 1012, "ACGT", tags={"UB": "MOL"})
    sam.read("c", 1013, "ACGT")
    sam.read("d", 1014, "ACGT", tags={"CB": "-", "UB": "MOL"})
    assert read(sam, tmp_path, umi_tags=("CB", "UB")).umi == ("CELL\tMOL", "", "", "")
    assert read(sam, tmp_path).umi == ()


@pytest.mark.parametrize(
    ("start1", "cigar"),
    [(1011, "20M"), (1014, "3S17M"), (1011, "15M5S"), (1014, "1H2S14M3S"), (1013, "2H14M4H")],
)
def test_clips_do_not_move_the_ends_of_a_fragment(sam, tmp_path, start1, cigar):
    bases = {"2H14M4H": 14, "1H2S14M3S": 19}.get(cigar, 20)
    sam.read("a", start1, "A" * bases, cigar=cigar)
    assert ends(read(sam, tmp_path)) == [(1010, 1030)]


def test_mates_tell_the_ends_of_their_fragment(sam, tmp_path):
    sam.pair("a", 1011, "A" * 20, 1041, "C" * 20)
    sam.pair("b", 1013, "A" * 18, 1041, "C" * 15, cigar="2S16M", mate_cigar="15M")
    found = read(sam, tmp_path)
    fragments = {}
    for fragment, (start, end) in zip(found.fragment.tolist(), ends(found), strict=True):
        low, high = fragments.get(fragment, (10**9, 0))
        fragments[fragment] = (min(low, start), max(high, end))
    assert list(fragments.values()) == [(1010, 1060), (1010, 1055)]
    assert found.both_ends.all() and sorted(found.number.tolist()) == [1, 1, 2, 2]


def test_a_mate_outside_of_the_window_tells_its_end_all_the_same(sam, tmp_path):
    sam.pair("before", 951, "A" * 20, 1011, "C" * 20)
    sam.pair("behind", 1081, "A" * 10, 1151, "C" * 20)
    assert ends(read(sam, tmp_path)) == [(950, 1030), (1080, 1170)]


def test_a_mate_without_a_place_tells_nothing(sam, tmp_path):
    sam.read("a", 1011, "A" * 20, flag=PAIRED | 8 | 64, mate=("chrX", 1011), tlen=0)
    found = read(sam, tmp_path)
    assert ends(found) == [(1010, 1030)] and not found.both_ends.any()


def test_parts_of_a_read_are_one_fragment(sam, tmp_path):
    sam.read("a", 1011, "A" * 20, cigar="20M30H")
    sam.read("a", 1051, "C" * 30, cigar="20H30M", flag=SUPPLEMENTARY, reverse=True)
    # Folded back over its own primary record: the same bases once more.
    sam.read("a", 1015, "A" * 20, cigar="30H20M", flag=SUPPLEMENTARY)
    found = read(sam, tmp_path)
    assert found.count == 2 and found.fragments == 1
    assert found.supplementary.tolist() == [False, True]
    assert found.excluded == {"supplementary": 1}


BASES = "".join(random.Random(5).choices("ACGT", k=60))


def joined(builder, tmp_path, join=True):
    bam = builder.write_bam(tmp_path / "r.bam")
    return read_window(
        bam, "chrX", np.arange(900, 1400), umi_tags=(), keep_duplicates=False, join_parts=join
    )


@pytest.mark.parametrize("primary", [0, 1])
def test_parts_an_intron_apart_are_one_read(sam, tmp_path, primary):
    parts = [(1011, "20M40S", "20M40H", BASES[:20]), (1131, "24S36M", "24H36M", BASES[24:])]
    start1, cigar, _, _ = parts[primary]
    sam.read("a", start1, BASES, cigar=cigar, reverse=True)
    start1, _, cigar, bases = parts[1 - primary]
    sam.read("a", start1, bases, cigar=cigar, flag=SUPPLEMENTARY, reverse=True)
    found = joined(sam, tmp_path)
    assert found.count == found.fragments == 1
    assert found.blocks.base.tolist() == [0, 24]
    assert found.blocks.position.tolist() == [1010, 1130]
    assert found.blocks.length.tolist() == [20, 36]
    assert (found.start[0], found.end[0]) == (1010, 1166)
    assert found.left_clip[0] == found.right_clip[0] == found.deletions.read.size == 0
    # As a program that marks duplicates sees it.
    assert found.fragment_end[0] == (1070, 1166)[primary]


def test_a_base_that_two_parts_align_stays_in_the_first(sam, tmp_path):
    sam.read("a", 1011, BASES, cigar="30M30S")
    sam.read("a", 1131, BASES[25:], cigar="25H2M1D10M2I20M1S", flag=SUPPLEMENTARY)
    found = joined(sam, tmp_path)
    assert found.blocks.base.tolist() == [0, 30, 39]
    assert found.blocks.position.tolist() == [1010, 1136, 1143]
    assert found.blocks.length.tolist() == [30, 7, 20]
    assert found.insertions.base.tolist() == [37]
    assert found.deletions.read.size == 0 and found.right_clip[0] == 1


@pytest.mark.parametrize(
    ("start1", "cigar", "flag"),
    [
        (1131, "24H36M", SUPPLEMENTARY | 16),  # turned round
        (911, "24H36M", SUPPLEMENTARY),  # before what it follows
        (1061, "24H36M", SUPPLEMENTARY),  # 30 bases may be deleted
        (1131, "30H36M", SUPPLEMENTARY),  # of another read
    ],
)
def test_other_parts_stay_by_themselves(sam, tmp_path, start1, cigar, flag):
    sam.read("a", 1011, BASES, cigar="20M40S")
    sam.read("a", start1, BASES[24:], cigar=cigar, flag=flag)
    assert joined(sam, tmp_path).count == 2


def test_parts_are_not_joined_unless_reads_are_spliced(sam, tmp_path):
    sam.read("a", 1011, BASES, cigar="20M40S")
    sam.read("a", 1131, BASES[24:], cigar="24H36M", flag=SUPPLEMENTARY)
    found = joined(sam, tmp_path, join=False)
    assert found.count == 2
    # Of the clip four bases are free.
    assert found.held_right.tolist() == [36, 0] and found.held_left.tolist() == [0, 0]


def test_what_a_turned_part_holds_of_a_clip(sam, tmp_path):
    sam.read("a", 1131, BASES, cigar="35S25M")
    sam.read("a", 1011, BASES[:30], cigar="30H30M", flag=SUPPLEMENTARY, reverse=True)
    assert joined(sam, tmp_path).held_left.tolist() == [0, 30][::-1]


def test_a_part_does_not_outlive_its_primary_record(sam, tmp_path):
    sam.read("copy", 1011, "A" * 20, flag=DUPLICATE)
    sam.read("copy", 1051, "C" * 30, cigar="20H30M", flag=SUPPLEMENTARY)
    assert read(sam, tmp_path).count == 0


@pytest.mark.parametrize(
    ("cigar", "expected"),
    [("2D8M", []), ("8M2D", []), ("3S5M2D", []), ("4M60N2D4M", []), ("4M2D60N4M", []),
     ("4M2D1I3M", [(1014, 1016)]), ("4M1I2D3M", [(1014, 1016)])],
)  # fmt: skip
def test_a_deletion_lies_between_aligned_bases(cigar, expected, sam, tmp_path):
    sam.read("a", 1011, "ACGTACGT", cigar=cigar)
    assert gaps(read(sam, tmp_path)) == expected


def test_records_without_a_name_are_strangers(sam, tmp_path):
    for _ in range(3):
        sam.read("*", 1011, "ACGT")
    assert read(sam, tmp_path).fragments == 3


def test_an_umi_belongs_to_each_read_that_was_kept(sam, tmp_path):
    sam.read("left out", 1011, "ACGT", flag=SECONDARY, tags={"RX": "TTT"})
    sam.read("a", 1012, "ACGT", tags={"RX": "AAA"})
    sam.read("a", 1052, "ACGT", flag=SUPPLEMENTARY, tags={"RX": "AAA"})
    assert read(sam, tmp_path, umi_tags=("RX",)).umi == ("AAA", "AAA")


def test_md_tags_tell_the_reference(sam, tmp_path):
    for name in "abc":
        sam.read(name, 1011, "ACGTAC", cigar="3M2D3M", tags={"MD": "1G1^TT0A2"})
    found = read(sam, tmp_path)
    told = "".join(found.md_bases[at] for at in range(1010, 1018))
    assert told == "AGGTTAAC"
    assert set(found.md_bases) == set(range(1010, 1018))
    unasked = read(sam, tmp_path, ask_md=False)
    assert unasked.md_bases == {} and rows(unasked) == rows(found)


def test_reads_without_an_md_tag_take_nobodys_turn(sam, tmp_path):
    for number in range(50):
        sam.read(f"n{number}", 1011, "ACGTAC")
    sam.read("told", 1011, "ACGTAC", tags={"MD": "6"})
    assert set(read(sam, tmp_path).md_bases) == set(range(1010, 1016))


def test_md_tags_that_contradict_each_other_tell_nothing(sam, tmp_path):
    sam.read("a", 1011, "ACG", tags={"MD": "3"})
    sam.read("b", 1011, "ACG", tags={"MD": "1T1"})
    sam.read("c", 1011, "ACG")
    assert read(sam, tmp_path).md_bases == {1010: "A", 1012: "G"}


def test_left_out_records_tell_no_reference(sam, tmp_path):
    sam.read("a", 1011, "ACG", tags={"MD": "3"}, flag=QC_FAILED)
    assert read(sam, tmp_path).md_bases == {}


def test_a_window_without_reads(sam, tmp_path):
    sam.read("far", 3000, "ACGT")
    found = read(sam, tmp_path)
    assert found.count == 0 and found.code.size == 0 and found.md_bases == {}
    assert found.blocks.read.size == 0


@pytest.mark.parametrize(
    ("cigar", "md"),
    [
        ("6M", "4"),
        ("6M", "0"),
        ("6M", "7"),
        ("6M", "3A3"),
        ("6M", "3^A3"),
        ("3M1D3M", "6"),
        ("3M1D3M", "2^A4"),
        ("3M1D3M", "3A3"),
        ("2S4M", "6"),
        ("6M", "A"),
        ("6M", "6A"),
        ("6M", "three"),
        ("6M", "99999999999999999999"),
    ],
)
def test_an_md_tag_that_does_not_fit_tells_nothing(cigar, md, sam, tmp_path):
    # Tools that clip reads and leave the tag as it was make such records.
    for name in "abc":
        sam.read(name, 1011, "ACGTAC", cigar=cigar, tags={"MD": md})
    found = read(sam, tmp_path)
    assert found.md_bases == {} and found.count == 3


@pytest.mark.parametrize(
    ("cigar", "md", "told"),
    [
        ("6M", "6", "ACGTAC"),
        ("6M", "0T4g0", "TCGTAG"),
        ("2S4M", "1A2", "GAAC"),
        ("2M2I2M", "1G2", "AGAC"),
        ("2M3N4M", "2T3", "AC...TTAC"),
        ("3M1D3M1H", "3^T3", "ACGTTAC"),
    ],
)
def test_what_an_md_tag_tells(cigar, md, told, sam, tmp_path):
    sam.read("a", 1011, "ACGTAC", cigar=cigar, tags={"MD": md})
    bases = {1010 + at: base for at, base in enumerate(told) if base != "."}
    assert read(sam, tmp_path).md_bases == bases
