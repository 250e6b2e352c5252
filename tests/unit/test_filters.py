"""Each flag has molecules that raise it and molecules that do not."""

from __future__ import annotations

import numpy as np
import pytest

from builders.calls import view_with
from vexas_uba1.filters import FLAGS, Support, pass_chance, raise_flags


def flags(view, artefact_strand=None):
    good = np.full(view.size, 1e-4)
    return raise_flags(Support(view, view.showing((0, 1, 2)), good, artefact_strand))


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
    # 0.5^2 = 0.25, 0.5^3 = 0.125.
    few = view(3, 97, strands=["-"] * 3 + ["+"] * 50 + ["-"] * 47)
    assert "one_strand" in flags(few, "reverse")
    assert flags(few, "forward") == flags(few) == {}
    assert flags(view(2, 98, strands=["-"] * 2 + ["+"] * 50 + ["-"] * 48), "reverse") == {}
    # One read of the other strand is as good as none of many.
    both = view(3, 97, strands=["-"] * 2 + ["+"] * 51 + ["-"] * 47)
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


def chance(view, count, artefact_strand=None):
    good = np.full(view.size, 1e-4)
    return float(pass_chance(view, good, artefact_strand, np.array([count]))[0])


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
            passed += not raise_flags(Support(seen, shows, np.full(200, 1e-4)))
        assert chance(seen, count) == pytest.approx(passed / 400, abs=0.08)
