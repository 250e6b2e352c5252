"""Each flag has molecules that raise it and molecules that do not."""

from __future__ import annotations

import numpy as np
import pytest

from builders.calls import view_with
from vexas_uba1.filters import FLAGS, raise_flags, would_flag_any


def flags(view):
    return raise_flags(view, view.showing((0, 1, 2)))


def view(alt, rest, **columns):
    return view_with(["ACG"] * alt + ["ATG"] * rest, **columns)


@pytest.mark.parametrize(("silent", "other"), [("+", "-"), ("-", "+")])
def test_one_strand_where_the_other_had_the_power(silent, other):
    seen = view(12, 100, strands=[other] * 12 + [silent, other] * 50)
    assert set(flags(seen)) == {"one_strand"}
    reason = flags(seen)["one_strand"]
    names = {"+": "forward", "-": "reverse"}
    assert f"all 12 supporting fragments show it on the {names[other]} strand only" in reason
    assert f"50 of 112 fragments were read on the {names[silent]} strand" in reason


def test_support_on_both_strands():
    assert flags(view(10, 100, strands=["+"] * 9 + ["-"] + ["+", "-"] * 50)) == {}
    assert flags(view(10, 100, strands=["±"] * 10 + ["+", "-"] * 50)) == {}


def test_few_on_one_strand_are_chance():
    # With half of the molecules on each strand: 0.5^9 = 0.002, 0.5^10 = 0.00098.
    assert flags(view(9, 91, strands=["+"] * 9 + ["-"] * 50 + ["+"] * 41)) == {}
    assert "one_strand" in flags(view(10, 90, strands=["+"] * 10 + ["-"] * 50 + ["+"] * 40))


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
    assert [flag.name for flag in FLAGS] == [*names, "carry_over"]


def test_every_flag_says_what_it_is_and_from_where():
    assert all(flag.description and flag.value and flag.source for flag in FLAGS)
    assert [flag.name for flag in FLAGS if flag.rule is None] == ["carry_over"]


def test_where_every_molecule_is_poor_no_call_can_pass():
    assert would_flag_any(view(0, 50, read_quality=[15] * 50))
    assert would_flag_any(view(0, 50, mapping_quality=[0] * 50))
    assert not would_flag_any(view(0, 50, strands=["+"] * 50, end_distance=[1] * 50))
    nothing = view_with(["ATG"]).without(np.array([0]))
    assert not would_flag_any(nothing)
