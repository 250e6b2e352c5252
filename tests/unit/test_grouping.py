"""Which molecule each read is a copy of."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from builders.calls import R, reads_of
from builders.cases import call_bam, hand_genome
from builders.cases import reads_of as reads_of_templates
from builders.sam import MATE_UNMAPPED, PAIRED, READ1, READ2, UNMAPPED, SamBuilder
from vexas_uba1.alignments.window import read_window
from vexas_uba1.grouping.chance import effective_values, molecules_among
from vexas_uba1.grouping.clustering import MISREADING, cluster
from vexas_uba1.grouping.copies import best_fragments
from vexas_uba1.grouping.grouping import group_reads
from vexas_uba1.grouping.identity import BY_ENDS, BY_FLAGS, BY_NAMES, by_umi
from vexas_uba1.grouping.report import DuplicateReport, duplicate_warnings
from vexas_uba1.grouping.umis import reads_without_umi
from vexas_uba1.result import SampleResult, result_to_json
from vexas_uba1.verdict import decide

RX, MI = by_umi(("RX",)), by_umi(("MI",))
CELL, RAW_CELL = by_umi(("CB", "UB")), by_umi(("CB", "UR"))


def pair(name, ends, *, umi="", first="forward", bases="ACGT", **more):
    """A forward and a reverse read at the two ends; ``first`` is read 1."""
    numbers = (1, 2) if first == "forward" else (2, 1)
    start, end = ends
    common = {"umi": umi, "ends": ends, "inside": None, **more}
    return [
        R(name, start, bases, number=numbers[0], **common),
        R(name, end - 4, bases, number=numbers[1], reverse=True, **common),
    ]


def single(name, at, *, reverse=False, umi="", bases="ACGT", **more):
    """An unpaired read whose 5' end is at ``at``; its 3' end is no end of the fragment."""
    ends = (at - 40, at) if reverse else (at, at + 40)
    more = {"inside": None, **more}
    return R(name, ends[0], bases, reverse=reverse, umi=umi, ends=ends, both_ends=False, **more)


def families(rows, identity, names=None):
    """The molecules as sets of fragment names, and the names left out."""
    reads = reads_of(*rows)
    grouping = group_reads(reads, identity)
    held: dict[int, set[str]] = {}
    for row, molecule in zip(rows, grouping.molecule.tolist(), strict=True):
        held.setdefault(molecule, set()).add(row.name)
    left_out = held.pop(-1, set())
    assert sorted(held) == list(range(grouping.count))
    sizes = (grouping.copies + grouping.repeats).tolist()
    assert [len(held[m]) for m in range(grouping.count)] == sizes
    assert grouping.report.molecules == grouping.count == grouping.duplex.size
    return {frozenset(names) for names in held.values()}, left_out


def sets(*groups):
    return {frozenset(group.split()) for group in groups}


# Names and ends


def test_a_fragment_is_a_molecule_by_name():
    rows = [*pair("a", (0, 200)), *pair("b", (0, 200)), single("c", 0)]
    assert families(rows, BY_NAMES) == (sets("a", "b", "c"), set())
    assert families(rows, BY_FLAGS) == (sets("a", "b", "c"), set())


def test_pairs_with_equal_ends_are_copies_whichever_read_comes_first():
    rows = [
        *pair("a", (0, 200), quality=20),
        *pair("b", (0, 200), quality=21),
        *pair("best", (0, 200), first="reverse", quality=30),
        *pair("longer", (0, 201)),
        *pair("other library", (0, 200), library=1),
    ]
    found, left_out = families(rows, BY_ENDS)
    assert found == {frozenset(("best",)), frozenset(("longer",)), frozenset(("other library",))}
    assert left_out == {"a", "b"}


def test_single_reads_with_the_same_beginning_are_copies():
    rows = [
        single("a", 100, quality=20),
        replace(single("b", 100, quality=21), ends=(100, 170)),
        single("best", 100),
        single("other strand", 100, reverse=True),
        single("next base", 101),
    ]
    found, left_out = families(rows, BY_ENDS)
    assert left_out == {"a", "b"} and len(found) == 3


@pytest.mark.parametrize(("at", "reverse"), [(0, False), (200, True)])
def test_a_read_without_its_mate_is_a_copy_of_a_pair_with_its_end(at, reverse):
    lone = replace(single("lone", at, reverse=reverse, quality=60), number=1)
    rows = [*pair("a", (0, 200), quality=2), *pair("b", (0, 200), quality=3), lone]
    assert families(rows, BY_ENDS) == (sets("b"), {"a", "lone"})
    other_strand = replace(single("lone", at, reverse=not reverse), number=1)
    assert families([*rows[:4], other_strand], BY_ENDS) == (sets("b", "lone"), {"a"})


def test_a_mate_that_is_not_among_the_reads_is_known_by_the_other():
    rows = [*pair("a", (0, 200), quality=30), pair("b", (0, 200))[0], pair("c", (0, 200))[1]]
    assert families(rows, BY_ENDS) == (sets("a"), {"b", "c"})


def test_adapters_behind_short_fragments_do_not_move_their_ends():
    # Both reads of a short fragment run into the adapter, clipped or trimmed off.
    forward, reverse = pair("clipped", (100, 150), quality=20)
    clipped = [replace(forward, ends=(100, 190)), replace(reverse, ends=(60, 150))]
    assert families([*clipped, *pair("trimmed", (100, 150))], BY_ENDS) == (
        sets("trimmed"),
        {"clipped"},
    )


def test_equal_sums_of_qualities_are_settled_by_content():
    a, b = pair("a", (0, 200), bases="ACGT"), pair("b", (0, 200), bases="TTTT")
    kept = families([*a, *b], BY_ENDS)[0]
    assert families([*b, *a], BY_ENDS)[0] == kept
    renamed = [replace(row, name={"a": "z", "b": "y"}[row.name]) for row in [*a, *b]]
    assert families(renamed, BY_ENDS)[0] == {
        frozenset({"a": "z", "b": "y"}[n] for n in k) for k in kept
    }


@pytest.mark.parametrize("levels", [[37], [37, 25, 11], range(30, 41)])
def test_the_kept_copy_shows_a_base_as_often_as_copies_do(levels):
    """50 fragments at each end, of which 4 % show another base, 1 % a wrong one of high quality."""
    draw = np.random.default_rng(5)
    ends, each, length = 600, 50, 20
    rows, shown = [], []
    for end in range(ends):
        common = draw.choice(list("ACGT"), length)
        for copy in range(each):
            bases = common.copy()
            kind = draw.choice(3, p=[0.95, 0.04, 0.01])
            bases[0] = "ACG"[kind]
            wrong = 1 + np.flatnonzero(draw.random(length - 1) < 0.005)
            bases[wrong] = draw.choice(list("ACGT"), wrong.size)
            rows.append(single(f"{end}.{copy}", 100 * end, bases="".join(bases)))
            shown.append(kind)
    quality = draw.choice(list(levels), len(rows) * length).astype(np.uint8)
    reads = replace(reads_of(*rows), quality=quality)
    best = best_fragments(reads, np.repeat(np.arange(ends), each), np.zeros(len(rows), dtype=bool))
    kept, every = np.bincount(np.array(shown)[best], minlength=3), np.bincount(shown)
    assert best.size == ends
    for kind in (1, 2):
        assert binomtest(int(kept[kind]), ends, every[kind] / len(rows)).pvalue > 0.01


def test_as_many_are_kept_as_samtools_markdup_keeps(tmp_path):
    """Pairs of both orientations, lone mates and single reads, clipped and with gaps."""
    draw = random.Random(11)
    shapes = ["40M", "3S37M", "35M5S", "20M2D20M", "4H36M", "18M2I20M"]
    sam = SamBuilder([("chrX", 5000)], order="queryname")
    for number in range(300):
        bases = ["".join(draw.choices("ACGT", k=40)) for _ in range(2)]
        at, cigars = draw.randrange(1000, 1006), draw.choices(shapes, k=2)
        if cigars[0] == "4H36M":
            bases[0] = bases[0][:36]
        if cigars[1] == "4H36M":
            bases[1] = bases[1][:36]
        common = {"cigar": cigars[0], "qual": draw.randrange(20, 40)}
        kind, reverse = draw.choice("pppsl"), draw.random() < 0.5
        if kind == "p":
            first = "reverse" if reverse else "forward"
            mate = at + draw.randrange(20, 90)
            sam.pair(
                f"f{number}", at, bases[0], mate, bases[1], mate_cigar=cigars[1], first=first,
                **common,
            )  # fmt: skip
        elif kind == "s":
            sam.read(f"f{number}", at, bases[0], reverse=reverse, **common)
        else:
            flag, mate = PAIRED | READ1 | MATE_UNMAPPED, ("chrX", at)
            sam.read(f"f{number}", at, bases[0], reverse=reverse, flag=flag, mate=mate, **common)
            sam.line(
                f"f{number}\t{PAIRED | READ2 | UNMAPPED}\tchrX\t{at}\t0\t*\t=\t{at}\t0\tACGT\tIIII"
            )
    steps = [str(tmp_path / f"{step}.bam") for step in ("named", "mated", "sorted", "marked")]
    sam.write_bam(tmp_path / "named.bam", index=False)
    pysam.fixmate("-m", *steps[:2])
    pysam.sort("-o", steps[2], steps[1])
    pysam.markdup(*steps[2:])
    pysam.index(steps[3])
    marked = tmp_path / "marked.bam"
    every, kept = (
        read_window(marked, "chrX", np.arange(5000), umi_tags=(), keep_duplicates=keep)
        for keep in (True, False)
    )
    grouping = group_reads(every, BY_ENDS)
    assert every.fragments == 300 and kept.fragments < 250
    assert grouping.count == kept.fragments


# UMIs


def test_umis_tell_copies_apart_at_the_same_ends():
    rows = [
        *pair("a1", (0, 200), umi="AAAA", quality=30),
        *pair("a2", (0, 200), umi="AAAA", quality=31),
        *pair("b", (0, 200), umi="CCCC"),
        *pair("elsewhere", (0, 201), umi="AAAA"),
        *pair("other library", (0, 200), umi="AAAA", library=1),
        *pair("other orientation", (0, 200), umi="AAAA", first="reverse"),
    ]
    found, left_out = families(rows, RX)
    assert sorted(map(sorted, found)) == [
        ["a1", "a2"], ["b"], ["elsewhere"], ["other library"], ["other orientation"]
    ]  # fmt: skip
    assert left_out == set()


def test_one_mismatch_joins_a_rare_umi_to_a_frequent_one():
    rows = [
        row for n in range(3) for row in pair(f"a{n}", (0, 200), umi="AAAAAAAA", quality=20 + n)
    ]
    rows += pair("b", (0, 200), umi="AAAAAAAT")
    rows += pair("c", (0, 200), umi="AAAAAATT")
    rows += pair("longer", (0, 200), umi="AAAAAAAAA")
    assert families(rows, RX)[0] == sets("a0 a1 a2 b c", "longer")


def test_comparable_counts_stay_apart():
    rows = []
    for umi in ("AAAAAAAA", "AAAAAAAT"):
        rows += [
            row for n in range(3) for row in pair(f"{umi}{n}", (0, 200), umi=umi, quality=20 + n)
        ]
    assert len(families(rows, RX)[0]) == 2


def test_n_is_a_mismatch_and_a_umi_of_n_is_none():
    rows = [
        *pair("a", (0, 200), umi="ACGTACGT"),
        *pair("one", (0, 200), umi="ACGTACGN"),
        *pair("two", (0, 200), umi="ACGTACNN"),
        *pair("far", (0, 200), umi="ACGTNNNT"),
        *pair("none", (0, 200), umi="NNNNNNNN"),
        *pair("none again", (0, 200), umi="NNNN-NNNN"),
    ]
    found = families(rows, RX)[0]
    assert found == {frozenset(("a", "one", "two")), frozenset(("far",))}


def test_fragments_without_a_umi_are_told_apart_by_flag_and_ends():
    rows = [
        *pair("a", (0, 200), quality=20),
        *pair("best", (0, 200), umi="NNNN"),
        *pair("b", (0, 200), umi="NNNN-NNNN", quality=21),
        *pair("alone", (1, 200)),
        *pair("flagged", (2, 200), duplicate=True),
        *pair("c", (9, 200), umi="ACGT"),
        *pair("like c", (9, 200), umi="NN"),
        single("end of c", 9),
        # With a UMI the flag, and which fragment was taken for the best, says nothing.
        *pair("d", (9, 200), umi="ACCC", duplicate=True),
    ]
    found, left_out = families(rows, RX)
    assert found == sets("best", "alone", "c", "d")
    assert left_out == {"a", "b", "flagged", "like c", "end of c"}
    report = group_reads(reads_of(*rows), RX).report
    assert (report.left_out, report.joined, report.molecules) == (5, 0, 4)
    assert reads_without_umi(reads_of(*rows), RX) == 13


def test_a_read_without_its_mate_joins_the_family_of_its_end_and_umi():
    lone = replace(single("lone", 0, umi="ACGT"), number=1)
    rows = [*pair("a", (0, 200), umi="ACGT"), *pair("b", (0, 200), umi="TTTT"), lone]
    assert families(rows, RX)[0] == sets("a lone", "b")


@pytest.mark.parametrize("separator", "-+_")
def test_both_strands_of_a_duplex_are_one_molecule(separator):
    rows = [
        *pair("top", (0, 200), umi=f"AAAA{separator}CCCC"),
        *pair("bottom", (0, 200), umi=f"CCCC{separator}AAAA", first="reverse"),
        *pair("unlike", (0, 200), umi=f"AAAA{separator}CCCC", first="reverse"),
    ]
    assert families(rows, RX)[0] == sets("top bottom", "unlike")
    grouping = group_reads(reads_of(*rows), RX)
    assert grouping.strand.tolist() == [0, 0, 1, 1, 1, 1]
    assert grouping.duplex[grouping.molecule].tolist() == [True] * 4 + [False] * 2


def test_misread_duplex_umis_join_across_strands():
    rows = [
        *pair("top", (0, 200), umi="AAAAAAAA-CCCCCCCC"),
        *pair("again", (0, 200), umi="AAAAAAAA-CCCCCCCC", quality=9),
    ]
    rows += pair("bottom", (0, 200), umi="CCCCCCCC-AAAAAAAT", first="reverse")
    grouping = group_reads(reads_of(*rows), RX)
    assert grouping.count == 1 and grouping.duplex.all() and grouping.copies.tolist() == [3]


def test_no_duplex_by_one_umi():
    rows = [*pair("a", (0, 200), umi="AAAA"), *pair("b", (0, 200), umi="AAAA", first="reverse")]
    grouping = group_reads(reads_of(*rows), RX)
    assert grouping.count == 2 and not grouping.duplex.any() and not grouping.strand.any()


def test_molecules_named_by_mi_may_differ_a_little_in_their_ends():
    rows = [
        *pair("a1", (0, 200), umi="17/A"),
        *pair("a2", (3, 200), umi="17/B", first="reverse"),
        *pair("b", (0, 200), umi="18/A"),
        *pair("c", (0, 200), umi="8"),
        *pair("other library", (0, 200), umi="17/A", library=1),
    ]
    found = families(rows, MI)[0]
    assert len(found) == 4 and sets("a1 a2") < found
    grouping = group_reads(reads_of(*rows), MI)
    assert grouping.strand.tolist() == [0, 0, 1, 1, *[0] * 6]
    assert grouping.duplex.sum() == 1
    assert grouping.report.split == 0


def test_names_of_merged_files_are_taken_apart_by_ends():
    # Two files, grouped one by one: 0 and 1 are other molecules in each.
    rows = [
        *pair("a1", (0, 200), umi="0"),
        *pair("a2", (0, 200), umi="0"),
        *pair("b1", (0, 230), umi="0"),
        *pair("b2", (1, 231), umi="0", first="reverse"),
        *pair("c", (90, 230), umi="0"),
        pair("a without its mate", (0, 200), umi="0")[0],
        pair("c without its mate", (90, 230), umi="0")[0],
        pair("far from all", (500, 700), umi="0")[0],
        *pair("d", (0, 200), umi="1"),
        *pair("e", (0, 200), umi="2"),
        *pair("f", (300, 500), umi="2"),
    ]
    rows += [replace(row, name=f"{row.name}'") for row in pair("f", (300, 500), umi="2")]
    found, left_out = families(rows, MI)
    assert sorted(map(sorted, found)) == [
        ["a without its mate", "a1", "a2"], ["b1", "b2"], ["c", "c without its mate"], ["d"],
        ["e"], ["f", "f'"], ["far from all"],
    ]  # fmt: skip
    report = group_reads(reads_of(*rows), MI).report
    assert (left_out, report.split, report.joined) == (set(), 2, 5)
    (told,) = duplicate_warnings(report)
    assert "2 names of molecules (MI)" in told


def test_clipped_bases_do_not_take_a_name_apart():
    rows = [*pair("a", (0, 200), umi="5"), *pair("b", (0, 200), umi="5")]
    # The mate's own clipped bases are not known to the read that is left.
    rows += [replace(pair("c", (0, 180), umi="5")[0])]
    assert families(rows, MI)[0] == sets("a b c")


def test_cells_and_umis_without_place():
    rows = [
        single("a1", 0, umi="AAAC-1\tGGGGGGGG"),
        single("a2", 77, umi="AAAC-1\tGGGGGGGG", reverse=True),
        single("near", 5, umi="AAAC-1\tGGGGGGGT"),
        single("other cell", 0, umi="AAAT-1\tGGGGGGGG"),
        single("no umi", 0, umi="AAAC-1\t"),
        single("no umi again", 0, umi="AAAC-1\t"),
        single("no cell", 0, umi="\tGGGGGGGG"),
        single("rejected", 0, umi="-\t-"),
        single("rejected again", 0, umi="-\t-"),
    ]
    # Those without a UMI have the ends of another one.
    alone = [{"other cell"}]
    corrected = families(rows, CELL)[0]
    assert sorted(map(sorted, corrected)) == sorted(map(sorted, [{"a1", "a2"}, {"near"}, *alone]))
    raw = families(rows, RAW_CELL)[0]
    assert sorted(map(sorted, raw)) == sorted(map(sorted, [{"a1", "a2", "near"}, *alone]))
    swapped = [replace(row, umi="\t".join(reversed(row.umi.split("\t")))) for row in rows]
    assert families(swapped, by_umi(("UB", "CB")))[0] == corrected


def test_the_same_bytes_again_are_no_further_copy():
    a = pair("a", (0, 200), umi="AAAA")
    rows = [*a, *[replace(row, name="b") for row in a]]
    rows += [replace(a[0], name="c"), replace(a[1], name="c", quality=12)]
    grouping = group_reads(reads_of(*rows), RX)
    assert grouping.copies.tolist() == [2] and grouping.repeats.tolist() == [1]
    assert (grouping.report.left_out, grouping.report.joined) == (0, 2)


# Properties


LETTERS = st.text("ACGTN", min_size=3, max_size=4)


@st.composite
def libraries(draw):
    """Fragments of some molecules, with equal and unlike UMIs, ends, qualities."""
    fragments = draw(
        st.lists(
            st.tuples(
                st.integers(0, 2),  # first end
                st.sampled_from(
                    [LETTERS, st.tuples(LETTERS, LETTERS).map("-".join), st.just("")]
                ).flatmap(lambda s: s),
                st.sampled_from(["forward", "reverse"]),
                st.integers(20, 22),
                st.sampled_from(["pair", "single", "lone mate"]),
            ),
            min_size=1,
            max_size=25,
        )
    )
    rows = []
    for number, (at, umi, first, quality, kind) in enumerate(fragments):
        made = pair(f"f{number}", (at, at + 100), umi=umi, first=first, quality=quality)
        if kind == "single":
            made = [single(f"f{number}", at, umi=umi, reverse=first == "reverse", quality=quality)]
        if kind == "lone mate":
            made = [replace(made[0], both_ends=False)]
        rows.append(made)
    return rows


def shown(rows, identity):
    """What each kept molecule consists of, without names and repeats."""
    found, _ = families(rows, identity)
    content = {}
    for row in rows:
        content.setdefault(row.name, []).append(replace(row, name=""))
    return Counter(
        frozenset(repr(sorted(map(repr, content[name]))) for name in names) for names in found
    )


@settings(max_examples=60, deadline=None)
@given(libraries(), st.sampled_from([BY_ENDS, RX]), st.randoms(use_true_random=False))
def test_order_of_reads_and_their_names_do_not_matter(fragments, identity, shuffler):
    rows = [row for made in fragments for row in made]
    if identity is BY_ENDS:
        rows = [replace(row, umi="") for row in rows]
    expected = shown(rows, identity)
    names = list({row.name for row in rows})
    shuffler.shuffle(names)
    renamed = {row.name: name for row, name in zip(rows, names, strict=False)}
    renamed |= {name: f"new {name}" for name in names}
    rows = [replace(row, name=renamed[row.name]) for row in rows]
    shuffler.shuffle(rows)
    assert shown(rows, identity) == expected


@settings(max_examples=40, deadline=None)
@given(libraries(), st.integers(2, 5))
def test_multiplied_reads_change_no_molecule(fragments, times):
    named = [made for made in fragments if made[0].umi.strip("N-")]
    rows = [row for made in named for row in made]
    again = [
        replace(row, name=f"{row.name} {n}") for n in range(times) for made in named for row in made
    ]
    assert shown(again, RX) == shown(rows, RX)
    one, other = (group_reads(reads_of(*part), RX) for part in (rows, again))
    assert sorted(one.copies.tolist()) == sorted(other.copies.tolist())


# Clustering


def hamming(one, other):
    if [len(part) for part in one.split("-")] != [len(part) for part in other.split("-")]:
        return 99
    return sum(a != b for a, b in zip(one, other, strict=True))


def clusters_by_the_book(counts):
    """All pairs compared, for the UMIs of one place."""
    left = sorted(counts, key=lambda umi: (-counts[umi], umi))
    found = []
    while left:
        reached = [left.pop(0)]
        for taker in reached:
            near = [
                u for u in left if hamming(taker, u) == 1 and counts[taker] >= 2 * counts[u] - 1
            ]
            near = [u for u in near if likelier_misread(taker, u, counts)]
            reached += near
            left = [u for u in left if u not in near]
        found.append(frozenset(reached))
    return set(found)


def likelier_misread(taker, taken, counts):
    letters = len(taker.replace("-", ""))
    alike = [u for u in counts if hamming(u, taker) < 99]
    if len(alike) * (len(alike) - 1) / 2 * 3 * letters / 4**letters < 1:
        return True
    alone = sum(
        counts[u] == 1 and not any(hamming(u, v) == 1 and counts[v] > 1 for v in alike)
        for u in alike
    )
    several = sum(counts[u] > 1 for u in alike)
    once = min(len(alike), alone * np.exp(3 * letters * several / 4**letters))
    return counts[taken] == 1 and counts[taker] * MISREADING >= once / 4**letters


UMIS = st.one_of(
    st.text("ACGTN", min_size=3, max_size=5),
    st.tuples(st.text("ACG", min_size=2, max_size=3), st.text("ACG", min_size=2, max_size=3)).map(
        "-".join
    ),
)


@settings(deadline=None)
@given(st.dictionaries(UMIS, st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 3))
def test_clusters_are_those_of_all_pairs_compared(counts, places):
    umis = list(counts) * places
    place = np.repeat(np.arange(places), len(counts))
    root = cluster(place, umis, np.array(list(counts.values()) * places))
    assert (place[root] == place).all()
    for at in range(places):
        found = {}
        for node in np.flatnonzero(place == at).tolist():
            found.setdefault(int(root[node]), set()).add(umis[node])
        assert {frozenset(group) for group in found.values()} == clusters_by_the_book(counts)


def drawn_umis(seed, count, length):
    generator = random.Random(seed)
    return ["".join(generator.choices("ACGT", k=length)) for _ in range(count)]


def test_crowded_umis_are_not_taken_for_each_others_misreadings():
    umis = sorted(set(drawn_umis(1, 20_000, 10)))
    root = cluster(np.zeros(len(umis), dtype=np.int64), umis, np.ones(len(umis), dtype=np.int64))
    assert np.unique(root).size == len(umis)


def test_misreadings_are_found_among_crowded_umis():
    generator = random.Random(2)
    true = sorted(set(drawn_umis(3, 5_000, 10)))
    counts = Counter(dict.fromkeys(true, 30))
    for umi in true:
        if generator.random() < 0.3:
            at = generator.randrange(10)
            misread = umi[:at] + generator.choice("ACGT".replace(umi[at], "")) + umi[at + 1 :]
            counts[misread] += 1
    umis = list(counts)
    root = cluster(np.zeros(len(umis), dtype=np.int64), umis, np.array(list(counts.values())))
    # Now and then two misread copies meet, and look like a molecule.
    assert np.unique(root).size == pytest.approx(len(true), rel=1e-3)


# Chance


def drawn_pairs(seed, molecules, span, copies=1, spread=40):
    """Rows of one read for each fragment, told where its mate ends."""
    generator = np.random.default_rng(seed)
    start = generator.integers(0, span, molecules)
    end = start + generator.normal(200, spread, molecules).astype(int).clip(80)
    return [
        replace(pair(f"{n}.{copy}", (int(a), int(b)), bases="A")[0], quality=20 + copy)
        for n, (a, b) in enumerate(zip(start, end, strict=True))
        for copy in range(copies)
    ]


def drawn_singles(seed, molecules, span, copies=1):
    generator = np.random.default_rng(seed)
    return [
        replace(single(f"{n}.{copy}", int(at), bases="A"), quality=20 + copy)
        for n, at in enumerate(generator.integers(0, span, molecules))
        for copy in range(copies)
    ]


@pytest.mark.parametrize("drawn", [drawn_pairs, drawn_singles])
@pytest.mark.parametrize(("molecules", "span"), [(50, 300), (3000, 300), (3000, 3000)])
def test_nothing_is_left_out_where_chance_explains_it(drawn, molecules, span):
    # One sample in twenty is taken for one with copies.
    kept = [
        group_reads(reads_of(*drawn(seed, molecules, span)), BY_ENDS).count == molecules
        for seed in range(6)
    ]
    assert sum(kept) >= 4


@pytest.mark.parametrize("drawn", [drawn_pairs, drawn_singles])
@pytest.mark.parametrize(("molecules", "span"), [(50, 300), (3000, 3000)])
def test_copies_are_left_out_and_what_chance_hides_is_told(drawn, molecules, span):
    grouping = group_reads(reads_of(*drawn(7, molecules, span, copies=2)), BY_ENDS)
    report = grouping.report
    hidden = molecules - grouping.count
    assert report.left_out == report.coinciding == 2 * molecules - grouping.count
    assert report.expected_by_chance == pytest.approx(hidden, abs=3 + 3 * hidden**0.5)


@pytest.mark.parametrize(("drawn", "span"), [(drawn_pairs, 200), (drawn_singles, 2000)])
def test_what_flags_leave_out_by_chance_is_told(drawn, span):
    rows = drawn(8, 4000, span)
    distinct = list(
        {
            (row.ends, row.reverse) if drawn is drawn_pairs else row.ends[0]: row for row in rows
        }.values()
    )
    reads = reads_of(*distinct)
    left_out = 4000 + 500 - len(distinct)
    reads = replace(reads, excluded={"duplicate": left_out}, flagged_duplicates=left_out)
    report = group_reads(reads, BY_FLAGS).report
    hidden = 4000 - len(distinct)
    assert report.left_out == left_out and hidden > 200
    assert report.expected_by_chance == pytest.approx(hidden, rel=0.2)


def test_umis_that_meet_by_chance_are_told():
    umis = drawn_umis(9, 2000, 6)
    rows = [single(f"{n}", 100, umi=umi, quality=n % 40) for n, umi in enumerate(umis)]
    report = group_reads(reads_of(*rows), RX).report
    assert report.expected_by_chance == pytest.approx(2000 - report.molecules, rel=0.2)


def test_names_that_were_assigned_do_not_meet_by_chance():
    rows = [single(f"{n}", 100 + n, umi=str(n), quality=n % 40) for n in range(900)]
    assert group_reads(reads_of(*rows), MI).report.expected_by_chance == 0
    rows = [replace(row, umi=f"AAAC-1\tA{row.umi}") for row in rows]
    assert group_reads(reads_of(*rows), CELL).report.expected_by_chance == 0


def test_molecules_behind_what_is_seen():
    assert molecules_among(np.array([1, 2, 3]), 1e15) == pytest.approx([1, 2, 3])
    assert molecules_among(np.array([1]), 1.0).tolist() == [1]
    seen = 100 * (1 - (1 - 1 / 100) ** 50)
    assert molecules_among(np.array([seen]), 100) == pytest.approx([50])
    assert 400 < molecules_among(np.array([100]), 100)[0] < 1000


def test_effective_values_are_those_of_equal_chances():
    generator = np.random.default_rng(10)
    label = generator.integers(0, 500, 4000)
    assert effective_values(label, np.arange(4000), 4) == pytest.approx(500, rel=0.1)
    assert effective_values(label, np.zeros(4000, dtype=np.int64), 4) == 4


# Sentences


def test_no_warning_where_there_is_nothing_to_tell():
    for kind in ("flags", "ends", "umi", "names"):
        assert duplicate_warnings(DuplicateReport(kind, 100, 100)) == []
    assert duplicate_warnings(DuplicateReport("flags", 900, 800, 100, expected_by_chance=2)) == []
    # A few coincidences, and copies as most libraries have them.
    assert duplicate_warnings(DuplicateReport("ends", 900, 900, coinciding=9)) == []
    assert duplicate_warnings(DuplicateReport("ends", 900, 600, 300, coinciding=300)) == []


def test_warnings_name_their_numbers():
    flags = DuplicateReport("flags", 9000, 8000, left_out=1000, expected_by_chance=800.4)
    (told,) = duplicate_warnings(flags)
    assert "about 800 or more of the 1,000 fragments" in told and "understated" in told
    ends = DuplicateReport("ends", 900, 80, left_out=820, coinciding=820, expected_by_chance=10)
    (told,) = duplicate_warnings(ends)
    assert "820 of 900" in told and "about 10 or more of them" in told and "amplicon" in told
    kept = DuplicateReport("ends", 900, 900, coinciding=60, expected_by_chance=60)
    (told,) = duplicate_warnings(kept)
    assert "60 of 900" in told and "all are counted" in told
    unmarked = DuplicateReport("flags", 900, 900, coinciding=700)
    (told,) = duplicate_warnings(unmarked)
    assert "700 of 900" in told and "none is flagged" in told
    (told,) = duplicate_warnings(DuplicateReport("umi", 900, 500, left_out=4))
    assert "4 fragments without a UMI are left out" in told
    (told,) = duplicate_warnings(DuplicateReport("umi", 900, 500, expected_by_chance=50))
    assert "about 50 molecules" in told


@pytest.mark.parametrize("identity", [BY_NAMES, BY_FLAGS, BY_ENDS, RX, MI, CELL])
def test_no_reads_no_molecules(identity):
    assert group_reads(reads_of(), identity).count == 0


# Through the whole call


@pytest.mark.parametrize("assay", ["panel", "amplicon"])
def test_every_read_multiplied_changes_neither_vaf_nor_limit(tmp_path, assay):
    common = {"start1": 47198950, "cigar": "150M", "umi": True}
    templates = [
        {**common, "count": 200, "quality_at": {47199050: 21}},
        {**common, "count": 10, "change": {47199052: "C"}},
        {**common, "count": 1, "change": {47199051: "G"}},
    ]
    shared = {**common, "umi": False, "count": 1, "strand": "forward"}
    templates += [
        {**shared, "quality": quality, "tags": {"RX": umi}}
        for umi in ("ACACACACAC", "ACACACACAT")
        for quality in (30, 31, 32)
    ]
    templates.append({**shared, "tags": {"RX": "ACACACACGT"}})
    results = []
    for times in (1, 5):
        builder = reads_of_templates(templates, hand_genome())
        builder.lines = [f"{n}.{line}" for n in range(times) for line in builder.lines]
        folder = tmp_path / str(times)
        folder.mkdir()
        call = call_bam(
            builder.write_bam(folder / "case.bam"),
            folder,
            sample={"sex": "male", "assay": assay},
            options={"umi_tags": ["RX"]},
        )
        results.append(result_to_json(SampleResult(call, decide(call))))
    one, five = results
    assert five["qc"]["records_in_window"] == 5 * one["qc"]["records_in_window"]
    assert one["codon41"]["limit_of_detection_vaf"] is not None and one["variants"]
    for part in ("verdict", "codon41", "targets", "variants", "forced_alleles"):
        assert five[part] == one[part]
    assert five["qc"]["fragments"] == one["qc"]["fragments"]
    assert five["qc"]["warnings"] == one["qc"]["warnings"]
