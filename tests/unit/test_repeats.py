"""Records that are there more than once, and names that do not tell fragments apart."""

from __future__ import annotations

import random
from dataclasses import fields

import numpy as np
import pytest

from builders.sam import DUPLICATE, PAIRED, SUPPLEMENTARY, SamBuilder
from vexas_uba1.alignments.window import read_window

WINDOW = np.arange(1000, 1100)
READ1, READ2 = 0x40, 0x80
LANES = ({"ID": "l1", "LB": "x"}, {"ID": "l2", "LB": "x"}, {"ID": "l3", "LB": "x"})
WILD, MUTANT = "A" * 20, "A" * 10 + "C" + "A" * 9


def builder(groups=()):
    return SamBuilder([("chrX", 5_000)], groups=groups)


def read(sam, tmp_path, umi_tags=()):
    bam = sam.write_bam(tmp_path / "r.bam")
    return read_window(bam, "chrX", WINDOW, umi_tags=umi_tags, keep_duplicates=False)


def assert_same(one, other):
    if hasattr(one, "__dataclass_fields__"):
        for field in fields(one):
            if field.name not in ("excluded", "md_bases", "left_out"):
                assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.tolist() == other.tolist()
    else:
        assert one == other


def mutants(reads):
    """How many reads there are, and how many of them show the mutant's base."""
    sequences = np.split(reads.code, reads.first_base[1:-1]) if reads.count else []
    return reads.count, sum(codes[10] == 1 for codes in sequences)


def test_a_file_merged_with_itself_is_read_once(tmp_path):
    sam = builder()
    for _ in range(2):
        sam.pair("a", 1011, "A" * 20, 1041, "C" * 20)
        sam.read("single", 1011, "ACGT")
        sam.read("other", 1011, "ACGT")
    found = read(sam, tmp_path)
    assert found.count == 4 and found.fragments == 3
    assert found.excluded == {"repeated": 4}


@pytest.mark.parametrize("times", [1, 400])
def test_where_names_clash_all_that_share_one_are_left_out(times, tmp_path):
    # Within one batch of records, and beyond it.
    found = []
    for number, order in enumerate(([WILD, MUTANT], [MUTANT, WILD], [])):
        sam = builder()
        sam.pair("a", 1011, WILD, 1041, "C" * 20)
        for bases in order * times:
            sam.pair("b", 1011, bases, 1041, "C" * 20, cigar="8M2D12M", mate_cigar="10M1I9M")
            sam.read("b", 1071, "C" * 20, flag=PAIRED | READ1 | SUPPLEMENTARY, cigar="9M11S")
            # As alike as can be: were it kept, the wild type alone would be.
            sam.pair("d", 1011, WILD, 1041, "C" * 20)
        sam.pair("c", 1012, "ACGT" * 5, 1041, "C" * 20, cigar="5M1D15M", mate_cigar="4S6M2I8M")
        (tmp_path / str(number)).mkdir()
        found.append(read(sam, tmp_path / str(number)))
    one, other, without = found
    # Whichever comes first: it is as if none of them had been there.
    assert one.excluded == other.excluded
    assert one.excluded == {"conflicting": 8 * times, "supplementary": 2 * times}
    assert without.fragments == 2
    assert_same(one, without)
    assert_same(other, without)


def two_lanes(generator, *, groups, paired, shared=200, lone=100, share=0.1, qualities=False):
    """Two lanes of an amplicon whose names count from one, the first the longer."""
    sam = builder(LANES if groups else ())
    for lane, size in enumerate((shared + lone, shared)):
        for number in range(size):
            bases = MUTANT if generator.random() < share else WILD
            qual = generator.choice("5?I") * 20 if qualities else "I" * 20
            tags = {"RG": LANES[lane]["ID"]} if groups else {}
            if paired:
                sam.pair(
                    str(number),
                    1011,
                    bases,
                    1041,
                    "G" * 20,
                    qual=qual,
                    mate_qual="I" * 20,
                    tags=tags,
                )
            else:
                sam.read(str(number), 1011, bases, qual=qual, tags=tags)
    return sam


@pytest.mark.parametrize("qualities", [False, True])
@pytest.mark.parametrize("paired", [False, True])
def test_a_clash_of_names_takes_no_side(paired, qualities, tmp_path):
    sam = two_lanes(random.Random(3), groups=False, paired=paired, qualities=qualities)
    found = read(sam, tmp_path)
    # Only names of the longer lane that the other has not are left: as mutant as the sample.
    count, mutant = mutants(found)
    assert count == (200 if paired else 100) and found.fragments == 100
    assert mutant == pytest.approx(10, abs=7)


@pytest.mark.parametrize("qualities", [False, True])
@pytest.mark.parametrize("paired", [False, True])
def test_read_groups_tell_equal_names_apart(paired, qualities, tmp_path):
    sam = two_lanes(random.Random(3), groups=True, paired=paired, qualities=qualities)
    found = read(sam, tmp_path)
    count, mutant = mutants(found)
    assert found.fragments == 500 and found.excluded == {}
    assert count == (1000 if paired else 500)
    assert mutant == pytest.approx(50, abs=20)


def test_a_lane_given_twice_under_two_names_is_read_once(tmp_path):
    sam = builder(LANES)
    for lane in LANES:
        sam.pair("a", 1011, "A" * 20, 1041, "C" * 20, tags={"RG": lane["ID"]})
        sam.read("single", 1011, "ACGT", tags={"RG": lane["ID"]})
    found = read(sam, tmp_path)
    assert found.count == 3 and found.fragments == 2
    assert found.excluded == {"repeated": 6}


def test_a_copied_lane_is_known_in_any_order_and_beside_another(tmp_path):
    # The third is the second's copy, its records in another order; the first has their names too.
    sam = builder(LANES)
    for lane, order in enumerate(((0, 1), (0, 1), (1, 0))):
        tags = {"RG": LANES[lane]["ID"]}
        for number in order:
            bases = WILD if lane and number else MUTANT
            sam.pair(str(number), 1011, bases, 1011, WILD, tags=tags)
    found = read(sam, tmp_path)
    assert found.fragments == 4 and found.excluded == {"repeated": 4}


def test_a_part_of_a_lane_given_again_is_no_new_data(tmp_path):
    sam = builder(LANES)
    for number in range(5):
        for lane in LANES[: 2 if number < 2 else 1]:
            sam.read(str(number), 1011 + number, "ACGT", tags={"RG": lane["ID"]})
    found = read(sam, tmp_path)
    assert found.count == 5 and found.excluded == {"repeated": 2}


@pytest.mark.parametrize("libraries", ["x", "xy"])
@pytest.mark.parametrize("order", [1, -1])
def test_a_lane_given_twice_less_some_reads_is_one_lane(order, libraries, tmp_path):
    # As `samtools merge` makes it of two pieces of a file: mates lie in both, or in one of them.
    groups = [{"ID": f"l{at}", "LB": library} for at, library in enumerate(libraries * 2)][:2]
    records = []
    for number in range(40):
        one = builder(groups)
        one.pair(str(number), 1011 + number, MUTANT if number == 3 else WILD, 1041, "G" * 20)
        if number % 5 == 0:
            one.read(
                str(number), 1071, "G" * 20, flag=PAIRED | READ2 | SUPPLEMENTARY, cigar="9M11S"
            )
        left, right, *more = one.lines
        in_first = [left] if number == 7 else [left, right, *more]
        in_second = [] if number == 9 else [right] if number == 11 else [left, right, *more]
        records += in_first + [line.replace("RG:Z:l0", "RG:Z:l1") for line in in_second]
    sam = builder(groups)
    sam.lines = records[::order]
    found = read(sam, tmp_path)
    assert found.fragments == 40 and mutants(found)[1] == 1
    assert sorted(np.bincount(found.fragment).tolist()) == [2] * 32 + [3] * 8


@pytest.mark.parametrize("groups", [(), LANES[:2]])
@pytest.mark.parametrize("marked", [0, 1])
def test_a_marked_file_beside_itself_unmarked_keeps_its_marks(marked, groups, tmp_path):
    sam = builder(groups)
    for number in range(30):
        for copy in range(2):
            tags = {"RG": groups[copy]["ID"]} if groups else {}
            flag = DUPLICATE if copy == marked and number % 3 else 0
            sam.pair(str(number), 1011, WILD, 1041, "G" * 20, tags=tags, flag=flag)
    found = read(sam, tmp_path)
    assert found.fragments == 10 and found.count == 20
    assert found.excluded == {"duplicate": 80, "repeated": 20}


@pytest.mark.parametrize("groups", [(), LANES[:2]])
def test_a_file_merged_with_itself_and_then_marked_keeps_one_of_each(groups, tmp_path):
    # As marking programs do: of all copies of a place one is left, whichever file it came from.
    sam = builder(groups)
    for number in range(30):
        at = 1011 + number // 3
        bases = MUTANT if number % 3 == 0 else WILD
        for copy in range(2):
            tags = {"RG": groups[copy]["ID"]} if groups else {}
            flag = 0 if copy == number // 3 % 2 and number % 3 == 0 else DUPLICATE
            sam.pair(str(number), at, bases, 1041, "G" * 20, tags=tags, flag=flag)
    found = read(sam, tmp_path)
    assert found.fragments == 10 and mutants(found) == (20, 10)
    assert found.excluded == {"duplicate": 100}


@pytest.mark.parametrize("order", [1, -1])
def test_two_versions_that_kept_other_copies_leave_one_of_each_place(order, tmp_path):
    sam = builder()
    for number in range(20):
        for version in (0, 1):
            # Two copies of a molecule, the mutant's with the better bases, marked in turn.
            for copy, (bases, qual) in enumerate(((MUTANT, "I" * 20), (WILD, "5" * 20))):
                flag = DUPLICATE if copy == version else 0
                at = 1011 + number
                name = f"{number}{'ab'[copy]}"
                sam.pair(name, at, bases, 1041, "G" * 20, flag=flag, qual=qual)
    sam.lines = sam.lines[::order]
    found = read(sam, tmp_path)
    assert found.fragments == 20 and mutants(found) == (40, 20)
    assert found.excluded == {"duplicate": 120}


def test_a_mark_holds_for_the_same_read_only(tmp_path):
    # A further lane, all of it marked, whose names count from one as well.
    sam = builder()
    for number in range(30):
        sam.pair(str(number), 1011 + number % 7, MUTANT, 1041, "G" * 20)
        sam.pair(str(number), 1021 + number % 7, WILD, 1051, "G" * 20, flag=DUPLICATE)
    found = read(sam, tmp_path)
    assert found.fragments == 30 and found.excluded == {"duplicate": 60}


def test_a_twin_is_known_under_its_clips(tmp_path):
    sam = builder()
    for flag, cigar, start in ((0, "20M", 1011), (DUPLICATE, "2S18M", 1013)):
        sam.pair("twin", start, WILD, 1041, "G" * 20, cigar=cigar, flag=flag)
    sam.pair("stays", 1011, WILD, 1041, "G" * 20)
    found = read(sam, tmp_path)
    assert found.fragments == 1 and found.excluded == {"duplicate": 4}


def test_a_mark_on_a_further_part_is_none_on_the_read(tmp_path):
    sam = builder()
    sam.pair("a", 1011, WILD, 1041, "G" * 20)
    flag = PAIRED | READ1 | SUPPLEMENTARY | DUPLICATE
    sam.read("a", 1071, WILD, flag=flag, cigar="9M11S")
    found = read(sam, tmp_path)
    assert found.count == 2 and found.excluded == {"duplicate": 1}


def test_another_version_of_a_lane_is_no_further_data(tmp_path):
    sam = builder(LANES)
    for number in range(200):
        for lane, qual in zip(LANES[:2], ("I" * 20, "5" * 20), strict=True):
            moved = 1 if number == 7 and lane is LANES[1] else 0
            sam.read(str(number), 1011 + moved, WILD, qual=qual, tags={"RG": lane["ID"]})
    sam.read("alone", 1011, WILD, tags={"RG": "l1"})
    found = read(sam, tmp_path)
    assert found.count == 1 and found.excluded == {"conflicting": 400}


@pytest.mark.parametrize("other", ["clipped", "trimmed", "merged", "mutants only"])
def test_another_alignment_of_a_lane_is_known_by_the_places_of_its_names(other, tmp_path):
    generator = random.Random(5)
    sam = builder(LANES)
    for number in range(300):
        at, bases = 1001 + generator.randrange(30), MUTANT if number % 10 == 0 else WILD
        one, two = ({"RG": lane["ID"]} for lane in LANES[:2])
        sam.pair(str(number), at, bases, at + 20, "G" * 20, tags=one)
        if other == "merged":
            sam.read(str(number), at, bases + "G" * 20, tags=two)
        elif other == "trimmed":
            sam.pair(str(number), at, bases[:-3], at + 20, "G" * 20, tags=two)
        elif other == "clipped" or number % 10 == 0:
            cigar = "4S16M" if number % 5 == 0 else "20M"
            start = at + 4 if number % 5 == 0 else at
            sam.pair(str(number), start, bases, at + 20, "G" * 20, cigar=cigar, tags=two)
    found = read(sam, tmp_path)
    # Nothing is counted twice, and what is left out is told.
    assert found.fragments <= 300
    if other == "mutants only":
        assert found.fragments == 270 and mutants(found)[1] == 0
        assert found.excluded == {"conflicting": 120}
        assert 0 < max(found.left_out.molecules_over(at) for at in range(1000, 1060)) <= 120
    else:
        assert found.excluded["conflicting"] > 0


def test_lanes_whose_names_count_from_one_share_places_by_chance_only(tmp_path):
    generator = random.Random(6)
    sam = builder(LANES)
    for lane in LANES[:2]:
        for number in range(300):
            at = 1001 + generator.randrange(30)
            bases = WILD if generator.random() < 0.7 else MUTANT
            sam.pair(str(number), at, bases, at + 20, "G" * 20, tags={"RG": lane["ID"]})
    found = read(sam, tmp_path)
    assert found.fragments == 600 and found.excluded == {}
    assert found.left_out.molecules_over(1020) == 0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_name_in_two_lanes_is_two_fragments(order, tmp_path):
    sam = builder(LANES)
    for lane in order:
        tags = {"RG": LANES[lane]["ID"]}
        # Mates of the lanes lie between each other.
        sam.pair("a", 1011 + lane, "ACGT" * 5, 1041 - lane, "C" * 20, tags=tags)
        sam.read("single", 1011, "AAAA" if lane else "CCCC", tags=tags)
    found = read(sam, tmp_path)
    assert found.fragments == 4 and found.excluded == {}
    size = np.bincount(found.fragment)
    assert sorted(size.tolist()) == [1, 1, 2, 2]
    # Each pair is one lane's: the outer mates are the first's.
    for fragment in np.flatnonzero(size == 2):
        start = found.start[found.fragment == fragment].tolist()
        assert start in ([1010, 1040], [1011, 1039])


def without_flags(sam, name, strands=(False, True), bases=(WILD, WILD)):
    for at, (reverse, own) in enumerate(zip(strands, bases, strict=True)):
        sam.read(name, 1011 + 5 * at, own, reverse=reverse)


@pytest.mark.parametrize("times", [1, 2])
def test_mates_whose_flags_were_lost_are_one_fragment(times, tmp_path):
    sam = builder()
    for number in range(40):
        for _ in range(times):
            # Some such pairs are chimeric.
            strands = (False, number not in (3, 7))
            without_flags(sam, str(number), strands, (WILD, MUTANT if number == 5 else WILD))
    found = read(sam, tmp_path)
    assert found.fragments == 38 and np.bincount(found.fragment).tolist() == [2] * 38
    assert found.excluded.get("repeated", 0) == (times - 1) * 76
    assert found.excluded["conflicting"] == 4 * times


def test_unpaired_reads_of_two_lanes_are_no_mates(tmp_path):
    generator = random.Random(1)
    sam = builder()
    for number in range(60):
        strands = (generator.random() < 0.5, generator.random() < 0.5)
        without_flags(sam, str(number), strands, (WILD, MUTANT))
    sam.read("alone", 1011, WILD)
    found = read(sam, tmp_path)
    assert found.count == 1 and found.excluded == {"conflicting": 120}


def test_an_unpaired_read_has_no_mates_name(tmp_path):
    sam = builder()
    sam.pair("a", 1011, WILD, 1041, "C" * 20)
    sam.read("a", 1011, MUTANT)
    assert read(sam, tmp_path).excluded == {"conflicting": 3}


def test_mates_that_do_not_say_which_they_are(tmp_path):
    sam = builder()
    for number in range(3):
        sam.read(str(number), 1011, WILD, flag=PAIRED)
        sam.read(str(number), 1021, WILD, flag=PAIRED, reverse=True)
    found = read(sam, tmp_path)
    assert found.fragments == 3 and found.count == 6 and found.excluded == {}


def test_names_that_end_with_the_mates_number_are_one(tmp_path):
    sam = builder()
    sam.read("a/1", 1011, WILD, flag=PAIRED | READ1)
    sam.read("a/2", 1021, WILD, flag=PAIRED | READ2, reverse=True)
    sam.read("a/2", 1051, WILD, flag=PAIRED | READ2 | SUPPLEMENTARY, reverse=True)
    assert read(sam, tmp_path).fragment.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "other",
    [
        {"qual": "5" * 20},
        {"seq": "A" * 19 + "N"},
        {"cigar": "12M8S"},
        {"cigar": "8M4I4D8M"},
        {"mapq": 3},
        {"tags": {"RX": "GGGG"}},
        {"reverse": True},
        {"start1": 1013},
    ],
)
def test_another_version_of_a_read_is_no_copy_of_it(other, tmp_path):
    found = []
    for number in range(2):
        sam = builder()
        usual = {"start1": 1011, "seq": WILD, "tags": {"RX": "ACGT"}, "qual": "I" * 20}
        for change in ({}, other) if number else (other, {}):
            sam.read("a", flag=PAIRED | READ1, **usual | change)
        sam.read("b", 1011, WILD, flag=PAIRED | READ1, tags={"RX": "ACGT"})
        (tmp_path / str(number)).mkdir()
        found.append(read(sam, tmp_path / str(number), umi_tags=("RX",)))
    assert found[0].excluded == found[1].excluded == {"conflicting": 2}
    assert_same(*found)


def test_mates_without_a_name_are_left_out_and_counted(tmp_path):
    sam = builder()
    for _ in range(20):
        sam.pair("*", 1011, WILD, 1016, "C" * 20)
        sam.read("*", 1011, MUTANT)
    found = read(sam, tmp_path)
    assert mutants(found) == (20, 20) and found.fragments == 20
    assert found.excluded == {"without_name": 40}
    # Either may be a molecule of its own.
    assert found.left_out.molecules_over(1020) == 40
    assert found.left_out.molecules_over(1012) == 20
    assert found.left_out.molecules_over(1090) == 0


def test_what_clashes_may_hide_under_clips_in_parts_and_in_either_mate(tmp_path):
    sam = builder()
    for bases in (WILD, MUTANT):
        sam.pair("a", 1011, bases, 1021, "C" * 20, cigar="4S16M")
        sam.read("a", 1071, "C" * 20, flag=PAIRED | READ1 | SUPPLEMENTARY, cigar="9M11S")
    for number in range(30):
        sam.pair(str(number), 1011, WILD, 1041, "C" * 20)
    found = read(sam, tmp_path)
    assert found.fragments == 30
    assert found.excluded == {"conflicting": 4, "supplementary": 2}
    # 1-based 1007 to 1026 with what is clipped, and 1021 to 1040: two mates of two pairs.
    over = {
        at: found.left_out.molecules_over(at - 1) for at in (1006, 1007, 1020, 1023, 1040, 1041)
    }
    assert over == {1006: 0, 1007: 2, 1020: 2, 1023: 4, 1040: 2, 1041: 0}
    assert [found.left_out.molecules_over(at - 1) for at in (1070, 1071, 1090, 1091)] == [
        0,
        2,
        2,
        0,
    ]


def test_lanes_whose_names_are_numbered_along_the_genome_stay_two(tmp_path):
    generator = random.Random(8)
    sam = builder(LANES)
    for lane in LANES[:2]:
        starts = sorted(1001 + generator.randrange(30) for _ in range(600))
        for number, at in enumerate(starts):
            size = generator.randrange(25, 60)
            bases = WILD if generator.random() < 0.7 else MUTANT
            sam.pair(str(number), at, bases, at + size, "G" * 20, tags={"RG": lane["ID"]})
    found = read(sam, tmp_path)
    assert found.fragments == 1200 and found.excluded == {}


def test_one_name_met_again_costs_no_other_fragment(tmp_path):
    # As of a read that was placed twice; elsewhere a program that clips left mates' places behind.
    sam = builder()
    for number in range(120):
        sam.pair(str(number), 1011 + number % 20, WILD, 1041, "G" * 20)
        sam.lines[-1] = sam.lines[-1].replace(f"\t{1011 + number % 20}\t", "\t1003\t", 1)
    sam.read("7", 1071, WILD, flag=PAIRED | READ1)
    found = read(sam, tmp_path)
    assert found.fragments == 119 and found.excluded == {"conflicting": 3}


def test_many_lanes_that_share_names_are_told_apart_quickly(tmp_path):
    groups = [{"ID": f"l{lane}", "LB": "x"} for lane in range(40)]
    sam = builder(groups)
    generator = random.Random(2)
    for group in groups:
        for number in range(50):
            bases = "".join(generator.choice("ACGT") for _ in range(20))
            sam.read(str(number), 1011, bases, tags={"RG": group["ID"]})
    found = read(sam, tmp_path)
    assert found.fragments == 2000 and found.excluded == {}


def test_in_a_file_whose_names_clash_mates_must_name_each_other(tmp_path):
    sam = builder()
    sam.pair("a", 1011, WILD, 1041, "C" * 20)
    sam.pair("clash", 1011, WILD, 1041, "C" * 20)
    sam.pair("clash", 1012, WILD, 1041, "C" * 20)
    # Of one lane the right mate lies elsewhere, of the other the left one.
    sam.read("b", 1011, WILD, flag=PAIRED | READ1, mate=("chrX", 3000))
    sam.read("b", 1041, MUTANT, flag=PAIRED | READ2, mate=("chrX", 400))
    found = read(sam, tmp_path)
    assert found.fragments == 1 and found.excluded == {"conflicting": 6}
