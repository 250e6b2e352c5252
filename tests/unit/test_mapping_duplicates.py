"""Duplicate marking: copies within a library are found across its lanes, and nothing else is."""

import pysam
import pytest

from vexas_uba1.mapping.duplicates import AlignedUnit, DuplicateOptions, mark_duplicates

LENGTHS = {"chrA": 10_000, "chrB": 5_000}


def pair(name, start, end, *, umi=None, quality=30, contig=0, group="l1"):
    """Two 50-base mates of the fragment ``[start, end)``, as the aligner's step writes them."""
    made = []
    for is_last in (False, True):
        record = pysam.AlignedSegment()
        record.query_name = name
        record.flag = 0x1 | 0x2 | (0x80 | 0x10 if is_last else 0x40 | 0x20)
        record.reference_id = record.next_reference_id = contig
        places = (start, end - 50)
        record.reference_start, record.next_reference_start = places[is_last], places[not is_last]
        record.template_length = (start - end) if is_last else (end - start)
        record.mapping_quality = 60
        record.cigarstring = "50M"
        record.query_sequence = "A" * 50
        record.query_qualities = pysam.qualitystring_to_array(chr(33 + quality) * 50)
        record.set_tags([("MC", "50M"), ("MQ", 60), ("ms", 50 * quality), ("RG", group)])
        if umi:
            record.set_tag("RX", umi)
        made.append(record)
    return made


def unit_bam(folder, unit, library, pairs, program="minimap2"):
    header = {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": name, "LN": length} for name, length in LENGTHS.items()],
        "RG": [{"ID": unit, "SM": "s", "LB": library, "PU": unit, "PL": "ILLUMINA"}],
        "PG": [{"ID": program, "PN": program, "VN": "1"}],
    }
    path = folder / f"{unit}.bam"
    made = [record for one in pairs for record in one]
    for record in made:
        record.set_tag("RG", unit)
    made.sort(key=lambda record: (record.reference_id, record.reference_start))
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for record in made:
            out.write(record)
    return AlignedUnit(path, library)


def mark(folder, *units, **options):
    bam = folder / "results here" / "-marked.bam"
    report = mark_duplicates(DuplicateOptions(tuple(units), bam, folder / "scratch", **options))
    assert not list((folder / "scratch").iterdir())
    assert sorted(path.name for path in bam.parent.iterdir()) == [bam.name, bam.name + ".bai"]
    assert pysam.quickcheck(str(bam)) == ""
    with pysam.AlignmentFile(str(bam), "rb") as file:
        seen = list(file.fetch())
        header = file.header.to_dict()
    places = [(record.reference_id, record.reference_start) for record in seen]
    assert places == sorted(places)
    assert report.records == len(seen)
    assert report.duplicate_records == sum(record.is_duplicate for record in seen)
    marked = {record.query_name for record in seen if record.is_duplicate}
    return marked, header, report


def test_copies_within_a_lane_and_the_better_one_stays(tmp_path):
    one = unit_bam(
        tmp_path,
        "l1",
        "A",
        [
            pair("poor", 100, 300, quality=20),
            pair("good", 100, 300, quality=35),
            pair("other_end", 100, 301),
            pair("other_contig", 100, 300, contig=1),
        ],
    )
    marked, _, report = mark(tmp_path, one)
    assert marked == {"poor"}
    assert (report.marked, report.libraries, report.duplicate_records) == (True, 1, 2)


def test_copies_across_lanes_of_one_library(tmp_path):
    one = unit_bam(tmp_path, "l1", "A", [pair("a", 100, 300, quality=35), pair("x", 500, 700)])
    two = unit_bam(tmp_path, "l2", "A", [pair("b", 100, 300, quality=20), pair("y", 600, 800)])
    marked, header, report = mark(tmp_path, one, two)
    assert marked == {"b"}
    assert report.libraries == 1
    assert [group["ID"] for group in header["RG"]] == ["l1", "l2"]


def test_libraries_are_not_compared(tmp_path):
    one = unit_bam(tmp_path, "l1", "A", [pair("a", 100, 300)])
    two = unit_bam(tmp_path, "l2", "B", [pair("b", 100, 300)])
    three = unit_bam(tmp_path, "l3", "A", [pair("c", 100, 300, quality=20)])
    marked, _, report = mark(tmp_path, one, two, three)
    assert marked == {"c"}
    assert (report.libraries, report.records) == (2, 6)


def test_umis_tell_molecules_apart(tmp_path):
    pairs = [
        pair("a", 100, 300, umi="ACGT-TTTT", quality=35),
        pair("copy", 100, 300, umi="ACGT-TTTT", quality=20),
        pair("b", 100, 300, umi="ACGA-TTTT", quality=20),
    ]
    one = unit_bam(tmp_path, "l1", "A", pairs)
    assert mark(tmp_path, one, has_umis=True)[0] == {"copy"}
    assert len(mark(tmp_path, one, has_umis=False)[0]) == 2


def test_amplicons_are_only_merged(tmp_path):
    one = unit_bam(tmp_path, "l1", "A", [pair("a", 100, 300), pair("b", 100, 300)])
    two = unit_bam(tmp_path, "l2", "A", [pair("c", 100, 300)])
    marked, header, report = mark(tmp_path, one, two, mark=False)
    assert marked == set()
    assert (report.marked, report.records) == (False, 6)
    assert [program["ID"] for program in header["PG"]] == ["minimap2"]


def test_header_says_that_duplicates_were_marked_without_paths(tmp_path):
    one = unit_bam(tmp_path, "l1", "A", [pair("a", 100, 300)])
    _, header, _ = mark(tmp_path, one)
    assert [program["ID"] for program in header["PG"]] == ["minimap2", "samtools.markdup"]
    assert header["PG"][1] == {
        "ID": "samtools.markdup",
        "PN": "samtools",
        "PP": "minimap2",
        "VN": pysam.version.__samtools_version__,
    }
    assert header["HD"] == {"VN": "1.6", "SO": "coordinate"}
    assert str(tmp_path) not in str(header)


def test_same_bytes_twice(tmp_path):
    one = unit_bam(tmp_path, "l1", "A", [pair(f"r{i}", 100 + i // 3, 300) for i in range(90)])
    two = unit_bam(tmp_path, "l2", "B", [pair(f"s{i}", 100 + i // 3, 300) for i in range(90)])
    contents = set()
    for _ in range(2):
        mark(tmp_path, one, two)
        folder = tmp_path / "results here"
        contents.add(tuple(path.read_bytes() for path in sorted(folder.iterdir())))
    assert len(contents) == 1


def test_empty_units_give_an_empty_indexed_bam(tmp_path):
    marked, _, report = mark(tmp_path, unit_bam(tmp_path, "l1", "A", []))
    assert (marked, report.records) == (set(), 0)


def test_units_of_different_genomes_are_a_bug(tmp_path):
    one = unit_bam(tmp_path, "l1", "A", [])
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "chrZ", "LN": 5}], "RG": [], "PG": []}
    with pysam.AlignmentFile(str(tmp_path / "z.bam"), "wb", header=header):
        pass
    with pytest.raises((ValueError, KeyError)):
        mark(tmp_path, one, AlignedUnit(tmp_path / "z.bam", "A"))
