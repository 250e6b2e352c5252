"""Reads become one observation per molecule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.calls import CODES, R, molecules_of, reads_of
from vexas_uba1.fragments import DISCORDANT, UNCERTAIN, join_molecules
from vexas_uba1.fragments.joining import DUPLEX_FLOOR, FAMILY_FLOOR, FRAGMENT_FLOOR
from vexas_uba1.fragments.marks import BOTH_STRANDS, ORIGIN_OF, ORIGINS
from vexas_uba1.fragments.qualities import QUALITY_CLASSES, base_error, quality_class
from vexas_uba1.grouping.grouping import group_reads
from vexas_uba1.grouping.identity import by_umi

A, C, G, T, DELETED = (CODES[base] for base in "ACGT-")


def column(molecules, at=100):
    return molecules.column(at)


def test_a_single_read_is_a_molecule_as_it_is():
    found = molecules_of(
        R("a", 100, "AC", quality=33, reverse=True, mapping_quality=17, inside=None)
    )
    assert found.count == 1 and found.disagreement_rate is None
    one = column(found, 101)
    assert (one.code[0], one.quality[0], one.read_quality[0]) == (C, 33, 33)
    assert (one.forward[0], one.reverse[0], one.end_distance[0]) == (False, True, 0)
    assert found.mapping_quality.tolist() == [17]


def test_agreeing_mates_are_one_observation_of_summed_quality():
    found = molecules_of(
        R("a", 100, "AC", quality=20, inside=3, mapping_quality=10),
        R("a", 100, "AC", quality=15, reverse=True, inside=40, mapping_quality=60),
    )
    one = column(found)
    assert found.count == 1 and one.code.tolist() == [A]
    assert (one.quality[0], one.read_quality[0]) == (35, 20)
    assert one.forward[0] and one.reverse[0]
    # The copy that lies deepest in its read counts, and the best placed read.
    assert one.end_distance[0] == 40 and found.mapping_quality[0] == 60
    assert found.disagreement_rate == 0


def test_agreement_is_trusted_to_a_floor():
    found = molecules_of(R("a", 100, "A", quality=40), R("a", 100, "A", quality=40, reverse=True))
    assert column(found).quality[0] == FRAGMENT_FLOOR
    # One read of a quality beyond belief is held too.
    assert column(molecules_of(R("a", 100, "A", quality=93))).quality[0] == FRAGMENT_FLOOR


def test_mates_that_contradict_each_other_are_no_evidence():
    found = molecules_of(R("a", 100, "AC", quality=40), R("a", 100, "GC", quality=2, reverse=True))
    one = column(found)
    assert one.code[0] == DISCORDANT and one.quality[0] == 0
    assert column(found, 101).code[0] == C
    assert found.disagreement_rate == 0.5


def test_mates_that_see_different_bases_are_joined():
    found = molecules_of(R("a", 100, "AC"), R("a", 103, "GT", reverse=True))
    assert found.count == 1
    assert [column(found, at).code[0] for at in range(100, 105)] == [A, C, UNCERTAIN, G, T]
    assert column(found, 103).reverse[0] and not column(found, 103).forward[0]
    assert column(found, 102).quality[0] == 0


def test_an_n_shows_nothing_and_contradicts_nothing():
    found = molecules_of(R("a", 100, "N"), R("a", 100, "A", reverse=True), R("b", 100, "N"))
    one = column(found)
    assert one.code.tolist() == [A, UNCERTAIN]
    assert not one.forward[0] and one.reverse[0]


def test_a_deleted_base_is_shown_and_contradicts_a_base():
    found = molecules_of(R("a", 99, "A-C"), R("b", 99, "A-C"), R("b", 99, "AGC", reverse=True))
    assert column(found).code.tolist() == [DELETED, DISCORDANT]


def test_names_of_two_libraries_are_two_molecules():
    found = molecules_of(R("a", 100, "A", library=0), R("a", 100, "C", library=1))
    assert column(found).code.tolist() == [A, C]


def family(shown, quality=30):
    rows = [R(f"c{n}", 100, base, quality=quality) for n, base in enumerate(shown)]
    one = column(copies_of_one(*rows))
    return one.code[0], one.quality[0]


def copies_of_one(*rows, strand=None):
    return molecules_of(*rows, molecule=[0] * len(rows), strand=strand)


def test_a_family_outvotes_an_error():
    assert family("AAAAC") == (A, FAMILY_FLOOR)
    # The lead is the margin: 2 x 30 - 30.
    assert family("AAC") == (A, 30)
    assert family("AAC", quality=19) == (DISCORDANT, 0)
    assert family("AAC", quality=20) == (A, 20)


def test_a_family_without_a_majority_is_no_evidence():
    for shown in ("AC", "AACC", "AACG", "ACG"):
        assert family(shown) == (DISCORDANT, 0)


def test_a_majority_of_poor_bases_does_not_outvote_good_ones():
    rows = [
        R("a", 100, "A", quality=5),
        R("b", 100, "A", quality=5),
        R("c", 100, "C", quality=40),
    ]
    assert column(copies_of_one(*rows)).code[0] == DISCORDANT


def test_quality_zero_is_a_vote_all_the_same():
    assert family("AAA", quality=0) == (A, 0)


def test_an_outvoted_copy_supports_no_strand_and_no_quality():
    rows = [R(f"c{n}", 100, "A", quality=20) for n in range(4)]
    rows.append(R("x", 100, "C", quality=35, reverse=True))
    one = column(copies_of_one(*rows))
    assert one.code[0] == A and one.forward[0] and not one.reverse[0]
    assert one.read_quality[0] == 20


def test_few_copies_of_a_large_family_say_no_more_than_few():
    rows = [R(f"c{n}", 100, "A ", quality=40) for n in range(2)]
    rows += [R(f"d{n}", 100, " A", quality=40) for n in range(3)]
    found = copies_of_one(*rows)
    assert column(found, 100).quality[0] == FRAGMENT_FLOOR
    assert column(found, 101).quality[0] == FAMILY_FLOOR


def test_both_strands_of_a_duplex_are_trusted_further_than_one():
    def of(*shown, strand):
        rows = [R(f"c{n}", 100, base, quality=35) for n, base in enumerate(shown)]
        one = column(copies_of_one(*rows, strand=strand))
        return one.code[0], one.quality[0]

    assert of("A", "A", strand=[0, 1]) == (A, DUPLEX_FLOOR)
    assert of("A", "A", strand=[0, 0]) == (A, FRAGMENT_FLOOR)
    assert of(*"AAAA", strand=[0, 0, 0, 1]) == (A, DUPLEX_FLOOR)
    # Damage of one strand is in all of its copies: the strands contradict each other.
    assert of(*"AAAAC", strand=[0, 0, 0, 0, 1]) == (DISCORDANT, 0)
    assert of(*"ACAAA", strand=[0, 0, 0, 1, 1]) == (A, DUPLEX_FLOOR)
    # A strand without a consensus of its own leaves the other without one.
    assert of(*"ACAA", strand=[0, 0, 1, 1]) == (DISCORDANT, 0)


def test_repeats_of_a_copy_vote_but_add_no_quality():
    def of(*copies):
        rows = [R(f"c{n}", 100, base, quality=q, umi="ACGT") for n, (base, q) in enumerate(copies)]
        reads = reads_of(*rows)
        found = join_molecules(reads, group_reads(reads, by_umi(("RX",))), np.array([100]))
        one = column(found)
        return one.code[0], one.quality[0]

    # Reads multiplied by five.
    for copies in ([("A", 37)], [("A", 37), ("A", 20)], [("A", 30), ("A", 29), ("C", 30)]):
        assert of(*copies) == of(*copies * 5)
    assert of(("A", 37)) == (A, 37)
    # Of few levels of quality true copies may be the same: they still outvote an error.
    assert of(*[("A", 37)] * 4, ("C", 37)) == (A, 44)


def test_a_read_that_is_left_out_shows_nothing():
    found = molecules_of(R("a", 100, "A"), R("b", 100, "C"), molecule=[0, -1])
    assert found.count == 1 and column(found).code.tolist() == [A]


def test_the_order_of_copies_does_not_matter():
    rows = [R(f"c{n}", 100, base) for n, base in enumerate("CAAAG")]
    one, other = (column(copies_of_one(*order)) for order in (rows, rows[::-1]))
    assert one.code[0] == other.code[0] == A and one.quality[0] == other.quality[0]


def indels(*rows):
    return [
        (put.start, put.end, put.bases, put.molecules.tolist(), put.contradicted.tolist())
        for put in molecules_of(*rows).indels
    ]


def test_indels_are_listed_with_their_molecules():
    found = indels(
        R("a", 100, "ACGT"),
        R("b", 100, "A-GT"),
        R("c", 100, "ACGT", insertions=((102, "TT"),)),
        R("d", 100, "A-GT", insertions=((103, "N"),)),
    )
    assert found == [(101, 102, "", [1, 3], []), (102, 102, "TT", [2], [])]


def test_an_indel_of_one_mate_that_the_other_reads_across_is_no_evidence():
    shown = R("a", 100, "A--T"), R("a", 100, "ACGT", reverse=True)
    agreeing = R("b", 100, "A--T"), R("b", 100, "A--T", reverse=True)
    assert indels(*shown) == [(101, 103, "", [], [0])]
    assert indels(*shown, *agreeing) == [(101, 103, "", [1], [0])]


def test_a_mate_that_does_not_span_an_indel_has_no_say():
    for start, bases in ((103, "TA"), (98, "ACA"), (102, "GT")):
        assert indels(R("a", 100, "A--T"), R("a", start, bases, reverse=True)) == [
            (101, 103, "", [0], [])
        ]


def test_a_family_votes_on_an_indel():
    def of(*with_gap):
        rows = [R(f"c{n}", 100, "A--T" if gap else "ACGT") for n, gap in enumerate(with_gap)]
        return [
            (m.molecules.tolist(), m.contradicted.tolist()) for m in copies_of_one(*rows).indels
        ]

    assert of(1, 1, 0) == [([0], [])]
    assert of(1, 0) == of(1, 1, 0, 0) == [([], [0])]
    assert of(1, 0, 0) == []


def test_no_reads_are_no_molecules():
    found = molecules_of()
    assert found.count == 0 and found.indels == () and found.disagreement_rate is None
    assert column(found).code.size == 0


reads = st.lists(
    st.builds(
        R,
        name=st.sampled_from("abcd"),
        start=st.integers(98, 101),
        bases=st.text("ACGT-N", min_size=1, max_size=5).map(lambda b: f"A{b}C"),
        quality=st.integers(2, 41),
        reverse=st.booleans(),
    ),
    min_size=1,
    max_size=10,
)


@given(reads, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_molecules_do_not_depend_on_the_order_of_reads(rows, random):
    shuffled = random.sample(rows, len(rows))

    def summary(found):
        columns = [column(found, at) for at in range(98, 108)]
        return sorted(
            tuple(
                (int(c.code[m]), int(c.quality[m]), bool(c.forward[m]), bool(c.reverse[m]))
                for c in columns
            )
            for m in range(found.count)
        )

    one, other = molecules_of(*rows), molecules_of(*shuffled)
    assert summary(one) == summary(other)
    assert one.disagreement_rate == other.disagreement_rate
    assert one.count == len({row.name for row in rows})


@given(reads)
@settings(max_examples=40, deadline=None)
def test_no_molecule_is_surer_than_its_reads_allow(rows):
    found = molecules_of(*rows)
    for at in range(98, 108):
        one = column(found, at)
        assert one.quality.max(initial=0) <= FAMILY_FLOOR
        silent = (one.code == UNCERTAIN) | (one.code == DISCORDANT)
        assert not np.any(one.quality[silent])
        assert np.all(one.forward[~silent] | one.reverse[~silent])


def test_the_disagreement_rate_is_of_positions_seen_twice():
    found = molecules_of(
        R("a", 100, "AAAA"), R("a", 102, "ACAA", reverse=True), R("b", 100, "AAAA")
    )
    assert found.disagreement_rate == pytest.approx(1 / 2)


def origins(molecules, low, high):
    return [int(column(molecules, at).origin[0]) for at in range(low, high)]


def test_observations_are_told_apart_by_quarter_of_the_read_and_strand():
    forward = molecules_of(R("a", 100, "ACGTACGT", inside=None))
    assert origins(forward, 100, 108) == [0, 0, 1, 1, 2, 2, 3, 3]
    # A reverse read's first cycle is its last base here.
    reverse = molecules_of(R("a", 100, "ACGTACGT", inside=None, reverse=True))
    assert origins(reverse, 100, 108) == [7, 7, 6, 6, 5, 5, 4, 4]
    odd = molecules_of(R("a", 100, "ACGTA", inside=None))
    assert origins(odd, 100, 105) == [0, 0, 1, 2, 3]
    # Clipped bases are cycles too.
    clipped = molecules_of(R("a", 100, "ACGT", inside=6))
    assert origins(clipped, 100, 104) == [1, 1, 2, 2]


def test_what_both_strands_show_is_a_kind_of_its_own():
    found = molecules_of(
        R("a", 100, "ACGT", inside=None), R("a", 102, "GTAC", inside=None, reverse=True)
    )
    assert origins(found, 100, 106) == [0, 1, BOTH_STRANDS, BOTH_STRANDS, 5, 4]


def test_copies_on_one_strand_count_by_their_earliest_cycle():
    early, late = R("a", 100, "ACGTACGT", inside=None), R("a", 94, "ACGTACACGTACGT", inside=None)
    for rows in ((early, late), (late, early)):
        assert origins(molecules_of(*rows), 100, 104) == [0, 0, 1, 1]
    rows = [R(f"c{n}", 100 - 2 * n, "AC" * n + "ACGT", inside=None) for n in range(4)]
    assert origins(copies_of_one(*rows), 100, 104) == [0, 1, 2, 3]
    assert origins(copies_of_one(*rows[1:]), 100, 102) == [1, 2]


def test_an_outvoted_copy_says_nothing_of_strand_and_cycle():
    rows = [R(f"c{n}", 99, "CAC", inside=None) for n in range(3)]
    wrong = R("w", 100, "G", inside=None, reverse=True)
    assert origins(copies_of_one(*rows, wrong), 100, 101) == [1]
    agreeing = R("w", 100, "A", inside=None, reverse=True)
    assert origins(copies_of_one(*rows, agreeing), 100, 101) == [BOTH_STRANDS]


def test_kinds_of_marks():
    assert ORIGINS == 9 and ORIGIN_OF.size == 16
    assert ORIGIN_OF[[0b0001, 0b0101, 0b1001, 0b1101]].tolist() == [0, 1, 2, 3]
    assert ORIGIN_OF[[0b0010, 0b0110, 0b1010, 0b1110]].tolist() == [4, 5, 6, 7]
    assert (ORIGIN_OF[[0b0011, 0b0111, 0b1011, 0b1111]] == BOTH_STRANDS).all()


@given(reads)
@settings(max_examples=40, deadline=None)
def test_the_histogram_is_the_sum_of_all_columns(rows):
    found = molecules_of(*rows)
    seen = found.histogram
    assert seen.counts.shape == (found.positions.size, 4, ORIGINS, QUALITY_CLASSES)
    qualities = np.zeros(64, dtype=int)
    for row, at in enumerate(found.positions.tolist()):
        if not 95 <= at <= 110:
            assert not seen.counts[row].any()
            continue
        one = column(found, at)
        counts = np.zeros((4, ORIGINS, QUALITY_CLASSES), dtype=int)
        error = np.zeros((ORIGINS, QUALITY_CLASSES))
        for code, quality, origin in zip(one.code, one.quality, one.origin, strict=True):
            if code < 4:
                counts[code, origin, quality_class(quality)] += 1
                error[origin, quality_class(quality)] += base_error(quality)
                qualities[quality] += 1
        assert (seen.counts[row] == counts).all()
        assert seen.error[row] == pytest.approx(error)
    assert seen.qualities.tolist() == qualities.tolist()


def test_a_molecule_reaches_from_the_first_to_the_last_end_of_its_reads():
    found = molecules_of(
        R("a", 100, "A", ends=(90, 300)),
        R("a", 100, "A", ends=(80, 290), reverse=True),
        R("b", 100, "A", ends=(95, 200)),
    )
    assert [ends.tolist() for ends in found.ends] == [[80, 95], [300, 200]]


def test_some_molecules_are_looked_at_beside():
    found = molecules_of(
        R("a", 100, "ACGT"), R("b", 101, "TT"), R("c", 100, "GGGG"), R("d", 150, "A")
    )
    shown = found.beside(np.array([0, 1, 3]), 100, 103)
    assert shown.tolist() == [
        [A, C, G],
        [UNCERTAIN, T, T],
        [UNCERTAIN, UNCERTAIN, UNCERTAIN],
    ]
    assert found.beside(np.array([], dtype=int), 100, 103).shape == (0, 3)
