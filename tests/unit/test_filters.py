"""Each flag has molecules that raise it and molecules that do not."""

from __future__ import annotations

import numpy as np
import pytest

from builders.calls import view_with
from vexas_uba1.filters import FLAGS, Support, Surroundings, pass_chance, raise_flags
from vexas_uba1.noise.two_colour import Artefact


def alike(view):
    """All molecules prove as much."""
    return np.full(view.size, 48)


def flags(view, artefact_strand=None, **more):
    good = np.full(view.size, 1e-4)
    shows = view.showing((0, 1, 2))
    fault = Artefact(artefact_strand) if artefact_strand else None
    return raise_flags(Support(view, shows, good, alike(view), fault, **more))


def view(alt, rest, **columns):
    return view_with(["ACG"] * alt + ["ATG"] * rest, **columns)


@pytest.mark.parametrize(("silent", "other"), [("+", "-"), ("-", "+")])
def test_one_strand_where_the_other_had_the_power(silent, other):
    seen = view(12, 100, strands=[other] * 12 + [silent, other] * 50)
    assert set(flags(seen)) == {"one_strand"}
    reason = flags(seen)["one_strand"]
    names = {"+": "forward", "-": "reverse"}
    assert f"12 of 12 supporting fragments show it on the {names[other]} strand only" in reason
    assert f"50 of 112 fragments were read on the {names[silent]} strand" in reason


def test_support_on_both_strands():
    assert flags(view(10, 100, strands=["+"] * 9 + ["-"] + ["+", "-"] * 50)) == {}
    assert flags(view(10, 100, strands=["±"] * 10 + ["+", "-"] * 50)) == {}


def test_few_on_one_strand_are_chance():
    # With half of the molecules on each strand: 0.5^6 = 0.016, 0.5^7 = 0.008.
    assert flags(view(6, 94, strands=["+"] * 6 + ["-"] * 50 + ["+"] * 44)) == {}
    assert "one_strand" in flags(view(7, 93, strands=["+"] * 7 + ["-"] * 50 + ["+"] * 43))


def test_few_on_the_strand_of_a_known_artefact_are_no_evidence():
    few = view(3, 97, strands=["-"] * 3 + ["+"] * 50 + ["-"] * 47)
    assert "one_strand" in flags(few, "reverse")
    assert flags(few, "forward") == flags(few) == {}
    # However little the honest strand had to say: silence is no witness.
    for alt in (2, 11):
        skewed = view(alt, 159, strands=["-"] * alt + ["+"] * 17 + ["-"] * 142)
        assert "one_strand" in flags(skewed, "reverse")
        assert flags(skewed) == {}
        assert chance(skewed, alt, "reverse") == pytest.approx(
            1 - (1 - 17 / skewed.size) ** alt, abs=0.02
        )
    # One read of the other strand may be an error in one sample of 200; two are beyond them.
    one = view(3, 97, strands=["-"] * 2 + ["+"] * 51 + ["-"] * 47)
    assert "one_strand" in flags(one, "reverse")
    both = view(4, 96, strands=["-"] * 2 + ["+"] * 51 + ["-"] * 47)
    assert flags(both, "reverse") == {}


def test_nearly_all_on_one_strand_where_both_were_read_alike():
    nearly = view(41, 959, strands=["+"] + ["-"] * 40 + ["+"] * 499 + ["-"] * 460)
    assert "40 of 41 supporting fragments" in flags(nearly)["one_strand"]


def test_a_small_imbalance_is_no_flag_however_deep():
    # 2,300 on one strand and 2,700 on the other: far from chance, and no artefact.
    deep = view(5000, 5000, strands=["-"] * 2300 + ["+"] * 2700 + ["-", "+"] * 2500)
    assert flags(deep) == flags(deep, "forward") == {}


def test_an_assay_of_one_strand_raises_nothing():
    assert flags(view(50, 500, strands=["+"] * 550)) == {}
    only = view(50, 500, strands=["-"] * 545 + ["+"] * 5)
    assert flags(only, "reverse", may_be_one_sided=True) == {}
    assert chance(only, 5, "reverse", may_be_one_sided=True) == pytest.approx(1)
    # The edge of a target is one-sided too, and no design: the artefact lies there as well.
    assert "one_strand" in flags(only, "reverse")
    assert chance(only, 5, "reverse") < 0.1
    # A design that reads both strands is not one-sided.
    both = view(50, 500, strands=["-"] * 530 + ["+"] * 20)
    assert "one_strand" in flags(both, "reverse", may_be_one_sided=True)


def test_no_reference_reads_are_needed():
    assert flags(view(50, 0, strands=["+", "-"] * 25)) == {}
    assert flags(view(50, 0, strands=["+"] * 50)) == {}


def test_low_base_quality_of_the_support():
    low = view(3, 5, read_quality=[12, 19, 37, 40, 40, 40, 40, 40])
    assert set(flags(low)) == {"low_base_quality"}
    assert "median quality of 19" in flags(low)["low_base_quality"]
    assert flags(view(3, 5, read_quality=[12, 20, 37, 9, 9, 9, 9, 9])) == {}


def test_low_mapping_quality_of_the_support():
    low = view(3, 5, mapping_quality=[0, 19, 60, 60, 60, 60, 60, 60])
    assert set(flags(low)) == {"low_mapping_quality"}
    assert "median mapping quality of 19" in flags(low)["low_mapping_quality"]
    assert flags(view(3, 5, mapping_quality=[0, 20, 60, 0, 0, 0, 0, 0])) == {}


def test_support_at_read_ends_where_others_reach_farther():
    near = view(5, 95, end_distance=[4] * 5 + [50] * 95)
    assert set(flags(near)) == {"read_end"}
    assert "within 5 bases of a read's end, where 5 of 100" in flags(near)["read_end"]
    assert flags(view(5, 95, end_distance=[4] * 4 + [5] + [50] * 95)) == {}
    # In an amplicon that ends there, all molecules do.
    assert flags(view(5, 95, end_distance=[2] * 100)) == {}
    assert flags(view(1, 99, end_distance=[2] * 1 + [50] * 98 + [2])) == {}


def test_several_flags_at_once_come_in_the_tables_order():
    bad = view(
        12,
        100,
        strands=["+"] * 12 + ["+", "-"] * 50,
        read_quality=[10] * 12 + [37] * 100,
        mapping_quality=[1] * 12 + [60] * 100,
        end_distance=[0] * 12 + [50] * 100,
    )
    names = ["one_strand", "low_base_quality", "low_mapping_quality", "read_end"]
    assert list(flags(bad)) == names
    assert [flag.name for flag in FLAGS][:4] == names


def test_every_flag_says_what_it_is_and_from_where():
    assert all(flag.description and flag.value and flag.source for flag in FLAGS)
    beyond = [flag.name for flag in FLAGS if flag.rule is None]
    assert beyond == ["cis_neighbour", "amplicon_floor", "carry_over"]


def chance(view, count, artefact_strand=None, **more):
    good = np.full(view.size, 1e-4)
    nobody = np.zeros(view.size, dtype=bool)
    fault = Artefact(artefact_strand) if artefact_strand else None
    support = Support(view, nobody, good, alike(view), fault, **more)
    return float(pass_chance(support, np.array([count]))[0])


def test_where_every_molecule_is_poor_no_call_can_pass():
    assert chance(view(0, 50, read_quality=[15] * 50), 5) == 0
    assert chance(view(0, 50, mapping_quality=[0] * 50), 5) == 0
    assert chance(view(0, 50, strands=["+"] * 50, end_distance=[1] * 50), 5) == 1


@pytest.mark.parametrize("poor", [0.1, 0.3, 0.45])
def test_the_chance_to_pass_is_that_of_random_draws(poor):
    qualities = [10] * round(200 * poor) + [37] * (200 - round(200 * poor))
    seen = view(0, 200, strands=["+", "-"] * 100, read_quality=qualities)
    generator = np.random.default_rng(1)
    for count in (3, 4, 9):
        passed = 0
        for _ in range(400):
            shows = np.zeros(200, dtype=bool)
            shows[generator.choice(200, count, replace=False)] = True
            passed += not raise_flags(Support(seen, shows, np.full(200, 1e-4), alike(seen)))
        assert chance(seen, count) == pytest.approx(passed / 400, abs=0.08)


@pytest.mark.parametrize(("low", "high"), [(0, 30), (0, 60), (19, 20)])
def test_the_chance_to_pass_knows_where_half_of_the_support_maps_poorly(low, high):
    mapping = [low] * 60 + [high] * 140
    seen = view(0, 200, strands=["+", "-"] * 100, mapping_quality=mapping)
    generator = np.random.default_rng(2)
    for count in (4, 6):
        passed = 0
        for _ in range(600):
            shows = np.zeros(200, dtype=bool)
            shows[generator.choice(200, count, replace=False)] = True
            passed += not raise_flags(Support(seen, shows, np.full(200, 1e-4), alike(seen)))
        assert chance(seen, count) == pytest.approx(passed / 600, abs=0.06)


@pytest.mark.parametrize("error", [1e-6, 5e-3, 3e-2])
@pytest.mark.parametrize("share", [0.5, 0.2])
def test_the_chance_to_pass_knows_of_errors_on_the_honest_strand(error, share):
    # True molecules are as many as asked; errors of others show the allele beside them.
    size, generator = 2_000, np.random.default_rng(3)
    forward = round(size * share)
    seen = view(0, size, strands=["+"] * forward + ["-"] * (size - forward))
    chances = np.full(size, error)
    counts = np.array([8, 20, 45, 80])
    nobody = np.zeros(size, dtype=bool)
    fault = Artefact("reverse")
    found = pass_chance(Support(seen, nobody, chances, alike(seen), fault), counts)
    for count, told in zip(counts.tolist(), found.tolist(), strict=True):
        passed = 0
        for _ in range(300):
            shows = generator.random(size) < error
            shows[generator.choice(size, count, replace=False)] = True
            passed += not raise_flags(Support(seen, shows, chances, alike(seen), fault))
        assert told == pytest.approx(passed / 300, abs=0.1)


def surroundings(supporting, others, reference="A" * 12):
    """Twelve positions beside the allele, as molecules show them; ``.`` is not known."""

    def coded(rows):
        return np.array([["ACGT.".index(base) for base in row] for row in rows], dtype=np.uint8)

    return Surroundings(coded([reference])[0], coded(supporting), coded(others))


def flags_beside(alt, around):
    seen = view(alt, 100)
    support = Support(
        seen,
        seen.showing((0, 1, 2)),
        np.full(seen.size, 1e-4),
        alike(seen),
        look_beside=lambda: around,
    )
    return raise_flags(support)


CLEAN = ["A" * 12] * 60


def test_support_from_one_start_where_others_begin_all_over():
    spread = [(at, at + 300) for at in range(100)]
    ends = [(5000, 5300 + at) for at in range(6)]
    one = view(6, 100, ends=[*ends, *spread])
    assert set(flags(one)) == {"one_start"}
    assert "6 of 106 informative fragments have it" in flags(one)["one_start"]
    other_end = view(6, 100, ends=[(5000 + at, 5300) for at in range(6)] + spread)
    assert set(flags(other_end)) == {"one_start"}
    # One more start, a second molecule at the least.
    two = view(6, 100, ends=[*ends[:5], (5001, 5400), *spread])
    assert flags(two) == {}
    # Primers give all fragments of an amplicon one start.
    amplicon = view(6, 100, ends=[(5000, 5300 + at) for at in range(106)])
    assert flags(amplicon) == {}


def test_two_fragments_may_begin_alike_by_chance():
    spread = [(at, at + 300) for at in range(100)]
    assert flags(view(2, 100, ends=[(50, 351), (50, 362), *spread])) == {}


@pytest.mark.parametrize(("alike", "raised"), [(2, False), (3, True)])
def test_one_start_among_forty_that_are_used_alike(alike, raised):
    # All of two begin alike in one sample of forty, all of three in one of 1,600.
    ends = [(40, 340 + at) for at in range(alike)]
    seen = view(alike, 400, ends=ends + [(at % 40, 300 + at) for at in range(400)])
    assert ("one_start" in flags(seen)) is raised


def test_supporting_fragments_full_of_their_own_mismatches():
    poor = ["A" * at + "CG" + "A" * (10 - at) for at in range(0, 8)]
    assert set(flags_beside(8, surroundings(poor, CLEAN))) == {"excess_mismatches"}
    # Others are as poor: it is the sample.
    assert flags_beside(8, surroundings(poor, poor * 8)) == {}
    assert flags_beside(8, surroundings(["A" * 12] * 8, CLEAN)) == {}


def test_supporting_fragments_of_another_sequence():
    foreign = ["ACAAGAATAAAA"] * 6
    assert set(flags_beside(6, surroundings(foreign, CLEAN))) == {"foreign_reads"}
    # Two differences may be variants of the same chromosome.
    assert flags_beside(6, surroundings(["ACAAGAAAAAAA"] * 6, CLEAN)) == {}
    # Others show them as well: the person's own.
    assert flags_beside(6, surroundings(foreign, CLEAN[:30] + foreign * 5)) == {}


def test_unknown_bases_beside_are_no_difference():
    foreign = ["ACAAGAATAAAA"] * 6
    assert flags_beside(6, surroundings(foreign, CLEAN, reference="." * 12)) == {}
    assert flags_beside(6, surroundings(["." * 12] * 6, CLEAN)) == {}


def near_primer(alt, near_alt, rest, near_rest):
    seen = view(alt, rest)
    near = np.zeros(seen.size, dtype=bool)
    near[:near_alt] = True
    near[alt : alt + near_rest] = True
    return raise_flags(
        Support(
            seen, seen.showing((0, 1, 2)), np.full(seen.size, 1e-4), alike(seen), near_primer=near
        )
    )


def test_support_that_a_primer_may_have_made():
    found = near_primer(6, 6, 100, 10)
    assert set(found) == {"primer_bases"} and "16 of 106 informative" in found["primer_bases"]
    assert near_primer(6, 5, 100, 10) == {}
    # Where all fragments end at the primer nothing is told apart.
    assert near_primer(6, 6, 100, 100) == {}


@pytest.mark.parametrize(("panel_vaf", "raised"), [(None, False), (0.0, False), (0.04, True),
                                                   (0.02, False)])  # fmt: skip
def test_a_site_that_is_noisy_in_the_panel(panel_vaf, raised):
    seen = view(6, 94)
    support = Support(
        seen, seen.showing((0, 1, 2)), np.full(seen.size, 1e-4), alike(seen), panel_vaf=panel_vaf
    )
    assert ("panel_noise" in raise_flags(support)) == raised


def test_an_artefact_with_a_chance_read_of_the_honest_strand():
    # Twenty on the artefact's strand and one on the other, which errors explain.
    strands = ["-"] * 9 + ["+"] + ["+", "-"] * 490
    seen = view(10, 980, strands=strands)
    assert flags(seen) == {}
    assert "errors explain the other 1" in flags(seen, "reverse")["one_strand"]
    # Errors show one of 200 in one sample of fifty, a true allele hardly less often: no proof.
    few = view(6, 394, strands=["-"] * 5 + ["+"] + ["+"] * 199 + ["-"] * 195)
    assert "errors explain the other 1" in flags(few, "reverse")["one_strand"]
    # Two of them are beyond errors; a true allele of six shows so few in a third of the samples.
    enough = view(6, 394, strands=["-"] * 4 + ["+"] * 2 + ["+"] * 198 + ["-"] * 196)
    assert flags(enough, "reverse") == {}
    # Ten on either strand are no artefact.
    both = view(20, 980, strands=["-", "+"] * 10 + ["+", "-"] * 490)
    assert flags(both, "reverse") == {}


def test_what_errors_of_poor_molecules_show_is_no_support():
    # Ten good molecules, and thirty whose bases are poor.
    seen = view(
        40,
        960,
        strands=["+", "-"] * 500,
        read_quality=[37] * 10 + [10] * 30 + [37] * 960,
    )
    shows, good = seen.showing((0, 1, 2)), np.full(seen.size, 1e-4)
    weight = np.where(seen.read_quality < 20, 2, 48)
    assert set(raise_flags(Support(seen, shows, good, alike(seen)))) == {"low_base_quality"}
    assert raise_flags(Support(seen, shows, good, weight)) == {}


def test_an_artefact_that_other_places_rule_out_needs_less_proof():
    # Six on one strand and one on the other, of 400: errors do that in one sample of fifty.
    few = view(7, 393, strands=["-"] * 5 + ["+"] * 2 + ["+"] * 198 + ["-"] * 195)
    shows, alone = few.showing((0, 1, 2)), np.full(few.size, 5e-4)

    def flagged(fault):
        return "one_strand" in raise_flags(Support(few, shows, alone, alike(few), fault))

    assert flagged(Artefact("reverse"))
    # 5 of 200 were artefacts; 4,000 such bases would show a hundred, not the two of errors.
    assert not flagged(Artefact("reverse", 4_000, 2, 1.3))
    assert flagged(Artefact("reverse", 4_000, 90, 1.3))
    assert flagged(Artefact("reverse", 100, 0, 0.03))
