"""BAM records become flat arrays of bases."""

from __future__ import annotations

import numpy as np
import pytest

from builders.sam import DUPLICATE, PAIRED, QC_FAILED, SECONDARY, SUPPLEMENTARY, SamBuilder
from vexas_uba1.alignments.reads import DELETED, read_window

LENGTH = 5_000
WINDOW = np.arange(1000, 1100)
CODE = {base: code for code, base in enumerate("ACGTN")}


@pytest.fixture
def sam():
    return SamBuilder([("chrX", LENGTH)])


def read(builder, tmp_path, positions=WINDOW, umi_tags=(), keep_duplicates=False):
    bam = builder.write_bam(tmp_path / "r.bam")
    return read_window(bam, "chrX", positions, umi_tags=umi_tags, keep_duplicates=keep_duplicates)


def rows(reads):
    """(read, 0-based position, code, quality, end distance) of every base, sorted."""
    columns = (
        reads.base_read,
        reads.base_position,
        reads.base_code,
        reads.base_quality,
        reads.base_end_distance,
    )
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def shown(reads, read_number=0):
    codes = {p: c for r, p, c, _, _ in rows(reads) if r == read_number}
    text = {**{code: base for base, code in CODE.items()}, DELETED: "-"}
    return {position: text[code] for position, code in codes.items()}


def test_bases_with_their_places_and_qualities(sam, tmp_path):
    sam.read("a", 1011, "ACGTN", qual=[10, 20, 30, 40, 2])
    found = read(sam, tmp_path)
    assert rows(found) == [
        (0, 1010, 0, 10, 0),
        (0, 1011, 1, 20, 1),
        (0, 1012, 2, 30, 2),
        (0, 1013, 3, 40, 1),
        (0, 1014, 4, 2, 0),
    ]


def test_clips_skips_and_deletions(sam, tmp_path):
    sam.read("a", 1011, "TTACGTAC", cigar="2S2M3D2M10N2M", qual=[9, 9, 31, 32, 33, 34, 35, 36])
    found = read(sam, tmp_path)
    assert shown(found) == {
        1010: "A", 1011: "C", 1012: "-", 1013: "-", 1014: "-", 1015: "G", 1016: "T",
        1027: "A", 1028: "C",
    }  # fmt: skip
    assert [(d.start, d.end, d.quality) for d in found.deletions] == [(1012, 1015, 32)]
    quality = {p: q for _, p, _, q, _ in rows(found)}
    assert quality[1012] == 32 and quality[1027] == 35
    # Distances count the clipped bases, for they were sequenced.
    distance = {p: d for _, p, _, _, d in rows(found)}
    assert (distance[1010], distance[1028]) == (2, 0)
    assert distance[1013] > 1000


def test_insertions_inside_of_an_alignment(sam, tmp_path):
    sam.read("a", 1011, "AACCGG", cigar="2M2I2M")
    sam.read("b", 1011, "CCGG", cigar="2I2M")
    sam.read("c", 1011, "GGCC", cigar="2M2I")
    sam.read("d", 1011, "TCCGG", cigar="1S2I2M")
    found = read(sam, tmp_path)
    assert [(i.read, i.start, i.bases) for i in found.insertions] == [(0, 1012, "CC")]
    assert shown(found, 0) == {1010: "A", 1011: "A", 1012: "G", 1013: "G"}
    assert shown(found, 1) == {1010: "G", 1011: "G"}


def test_equal_and_different_are_matches(sam, tmp_path):
    sam.read("a", 1011, "ACG", cigar="1=1X1=")
    assert shown(read(sam, tmp_path)) == {1010: "A", 1011: "C", 1012: "G"}


def test_only_wanted_positions_are_kept(sam, tmp_path):
    sam.read("a", 1001, "ACGTACGTAC")
    sam.read("before", 995, "ACGTACGT")
    sam.read("far", 2000, "ACGT")
    found = read(sam, tmp_path, positions=np.array([1000, 1001, 1005]))
    assert shown(found, 1) == {1000: "A", 1001: "C", 1005: "C"}
    assert shown(found, 0) == {1000: "G", 1001: "T"}
    assert len(found.names) == 2


def test_indels_whose_neighbours_are_not_read_are_left_out(sam, tmp_path):
    positions = np.arange(1000, 1020)
    sam.read("over the end", 1011, "A" * 20, cigar="9M2D11M")
    sam.read("far away", 1015, "A" * 20, cigar="5M2000N5M1D5M1I4M")
    sam.read("at the edge", 1011, "A" * 20, cigar="8M1D12M")
    found = read(sam, tmp_path, positions=positions)
    assert [(d.start, d.end) for d in found.deletions] == [(1018, 1019)]
    assert found.insertions == ()


def test_records_left_out_are_counted_by_reason(sam, tmp_path):
    sam.read("kept", 1011, "ACGT")
    for flag in (SECONDARY, SUPPLEMENTARY, QC_FAILED, DUPLICATE, DUPLICATE | SECONDARY):
        sam.read("left out", 1011, "ACGT", flag=flag)
    sam.line("no bases\t0\tchrX\t1011\t60\t4M\t*\t0\t0\t*\t*")
    found = read(sam, tmp_path)
    assert found.names == ("kept",)
    assert found.excluded == {
        "duplicate": 1,
        "qc_failed": 1,
        "secondary": 2,
        "supplementary": 1,
        "without_bases": 1,
    }
    assert found.flagged_duplicates == 2


def test_duplicates_are_kept_where_they_are_asked_for(sam, tmp_path):
    sam.read("copy", 1011, "ACGT", flag=DUPLICATE)
    found = read(sam, tmp_path, keep_duplicates=True)
    assert found.names == ("copy",) and found.excluded == {}
    assert found.flagged_duplicates == 1


def test_a_record_without_qualities_gets_a_modest_one(sam, tmp_path):
    sam.line("a\t0\tchrX\t1011\t60\t4M\t*\t0\t0\tACGT\t*")
    sam.read("b", 1012, "ACG", qual=37)
    found = read(sam, tmp_path)
    assert found.without_qualities == 1
    assert {q for r, _, _, q, _ in rows(found) if r == 0} == {20}
    assert {q for r, _, _, q, _ in rows(found) if r == 1} == {37}


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
    assert read(sam, tmp_path, umi_tags=("CB", "UB")).umi == ("CELL-MOL", "MOL", "")
    assert read(sam, tmp_path).umi == ("", "", "")


@pytest.mark.parametrize(
    ("start1", "cigar"),
    [(1011, "20M"), (1014, "3S17M"), (1011, "15M5S"), (1014, "1H2S14M3S"), (1013, "2H14M4H")],
)
def test_clips_do_not_move_the_ends_of_a_fragment(sam, tmp_path, start1, cigar):
    bases = {"2H14M4H": 14, "1H2S14M3S": 19}.get(cigar, 20)
    sam.read("a", start1, "A" * bases, cigar=cigar)
    assert read(sam, tmp_path).fragment_ends == ((1010, 1030),)


def test_mates_tell_the_ends_of_their_fragment(sam, tmp_path):
    sam.pair("a", 1011, "A" * 20, 1041, "C" * 20)
    sam.pair("b", 1013, "A" * 18, 1041, "C" * 15, cigar="2S16M", mate_cigar="15M")
    found = read(sam, tmp_path)
    ends = {}
    for name, (start, end) in zip(found.names, found.fragment_ends, strict=True):
        low, high = ends.get(name, (10**9, 0))
        ends[name] = (min(low, start), max(high, end))
    assert ends == {"a": (1010, 1060), "b": (1010, 1055)}


def test_a_mate_outside_of_the_window_tells_its_end_all_the_same(sam, tmp_path):
    sam.pair("before", 951, "A" * 20, 1011, "C" * 20)
    sam.pair("behind", 1081, "A" * 10, 1151, "C" * 20)
    assert read(sam, tmp_path).fragment_ends == ((950, 1030), (1080, 1170))


def test_a_mate_without_a_place_tells_nothing(sam, tmp_path):
    sam.read("a", 1011, "A" * 20, flag=PAIRED | 8 | 64, mate=("chrX", 1011), tlen=0)
    assert read(sam, tmp_path).fragment_ends == ((1010, 1030),)


def test_md_tags_tell_the_reference(sam, tmp_path):
    for name in "abc":
        sam.read(name, 1011, "ACGTAC", cigar="3M2D3M", tags={"MD": "1G1^TT0A2"})
    found = read(sam, tmp_path)
    told = "".join(found.md_bases[at] for at in range(1010, 1018))
    assert told == "AGGTTAAC"
    assert set(found.md_bases) == set(range(1010, 1018))


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
    assert found.names == () and found.base_code.size == 0 and found.md_bases == {}


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
    assert found.md_bases == {} and len(found.names) == 3


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
