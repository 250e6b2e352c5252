"""The picture of depth and limit: every sample with a result has its place, and only these."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.results import a_call, a_codon41, a_sample, a_verdict
from vexas_uba1.cohort.entries import CohortEntry
from vexas_uba1.cohort.picture import Mark, Picture, draw_cohort
from vexas_uba1.result import SampleInfo, SampleResult
from vexas_uba1.status import SCHEMA_VERSION, SampleStatus


def an_entry(
    name: str,
    depth: int,
    limit: float | None,
    *,
    code: str = "not_detected",
    required: float = 0.02,
    **sample: Any,
) -> CohortEntry:
    call = a_call(
        sample=a_sample(id=name, **sample),
        codon41=a_codon41(depth_fragments=depth, limit_of_detection_vaf=limit),
        parameters={**a_call().parameters, "required_limit_vaf": required},
    )
    result = SampleResult(call, a_verdict(code=code))
    return CohortEntry(call.sample, SampleStatus(SCHEMA_VERSION, name, "ok"), result)


def a_failure(name: str) -> CohortEntry:
    return CohortEntry(SampleInfo(name), SampleStatus(SCHEMA_VERSION, name, "failed"), None)


def drawn(*entries: CohortEntry) -> Picture:
    picture = draw_cohort(entries)
    assert picture is not None
    return picture


def by_name(picture: Picture) -> dict[str, Mark]:
    return {mark.title.split(":")[0]: mark for mark in picture.marks}


def test_without_results_there_is_no_picture() -> None:
    assert draw_cohort([]) is None
    assert draw_cohort([a_failure("F")]) is None


def test_deeper_stands_further_right_and_a_better_limit_lower() -> None:
    found = by_name(drawn(an_entry("A", 200, 0.03), an_entry("B", 2_000, 0.003)))
    assert found["A"].x < found["B"].x
    assert found["A"].y < found["B"].y


def test_a_sample_without_a_limit_stands_in_a_row_of_its_own() -> None:
    picture = drawn(an_entry("A", 5, None), an_entry("B", 2_000, 0.003))
    found = by_name(picture)
    assert picture.no_limit is not None
    assert found["A"].y == picture.no_limit.at < picture.no_limit.border < picture.top
    assert picture.top <= found["B"].y
    assert "no limit reached" in found["A"].title
    assert drawn(an_entry("B", 2_000, 0.003)).no_limit is None


def test_no_depth_is_a_column_of_its_own_not_a_depth_of_one() -> None:
    picture = drawn(an_entry("A", 0, None), an_entry("B", 1, None), an_entry("C", 2_000, 0.003))
    found = by_name(picture)
    assert picture.no_depth is not None
    assert found["A"].x == picture.no_depth.at < picture.no_depth.border < found["B"].x
    assert picture.x_ticks[0] == (picture.no_depth.at, "0")
    shallow = drawn(an_entry("B", 1, None))
    assert shallow.no_depth is None
    assert shallow.x_ticks[0] == (shallow.left, "1")


def test_a_cohort_without_any_depth_has_its_picture() -> None:
    (mark,) = drawn(an_entry("A", 0, None)).marks
    assert mark.title == "A: 0 fragments, no limit reached"


def test_marks_know_their_row_and_failed_samples_are_counted() -> None:
    picture = drawn(an_entry("A", 200, 0.03), a_failure("F"), an_entry("B", 2_000, 0.003))
    assert {name: mark.row for name, mark in by_name(picture).items()} == {"A": 0, "B": 2}
    assert picture.without_place == 1


def test_the_first_rows_lie_on_top() -> None:
    picture = drawn(an_entry("POS", 200, 0.03, code="detected"), an_entry("NEG", 200, 0.03))
    assert [mark.verdict for mark in picture.marks] == ["not_detected", "detected"]


def test_a_crowd_has_smaller_marks() -> None:
    assert drawn(an_entry("A", 200, 0.03)).mark_scale == 1
    many = [an_entry(f"S{number}", 100 + number, 0.01) for number in range(500)]
    assert drawn(*many).mark_scale < 1


def test_titles_tell_unit_and_rna() -> None:
    entry = an_entry("R", 1_234, 0.05, assay="rna")
    (mark,) = drawn(entry).marks
    assert mark.is_rna
    assert mark.title == "R: 1,234 fragments, limit 5 % RNA VAF"


def test_each_required_limit_is_a_line_with_its_assays() -> None:
    picture = drawn(
        an_entry("A", 200, 0.03),
        an_entry("B", 200, 0.03, assay="amplicon"),
        an_entry("C", 60, 0.09, assay="wes", required=0.1),
    )
    assert [line.label for line in picture.required] == [
        "required: 10 % (wes)",
        "required: 2 % (amplicon, panel)",
    ]
    assert picture.required[0].y < picture.required[1].y


def test_labels_of_near_limits_do_not_meet() -> None:
    asked = {"panel": 0.02, "amplicon": 0.021, "wes": 0.022}
    entries = [an_entry(name, 200, 0.03, assay=name, required=asked[name]) for name in asked]
    heights = [line.label_y for line in drawn(*entries).required]
    assert all(low - high >= 15 for high, low in pairwise(heights))


def test_few_samples_are_named_and_many_are_not() -> None:
    few = [an_entry(f"S{number}", 100 * 2**number, 0.5**number) for number in range(1, 9)]
    for sample, mark in by_name(drawn(*few)).items():
        assert mark.name is not None
        assert mark.name.text == sample
    many = [an_entry(f"S{number}", 100 + number, 0.01) for number in range(40)]
    assert {mark.name for mark in drawn(*many).marks} == {None}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2_000_000),
            st.one_of(st.none(), st.floats(1e-6, 1.0)),
            st.text("ab", max_size=30),
        ),
        min_size=1,
        max_size=14,
    )
)
def test_every_mark_lies_within_the_frame_and_no_two_names_meet(
    samples: list[tuple[int, float | None, str]],
) -> None:
    entries = [
        an_entry(f"S{number}{name}", depth, limit)
        for number, (depth, limit, name) in enumerate(samples)
    ]
    picture = drawn(*entries)
    assert len(picture.marks) == len(samples)
    boxes = []
    for mark in picture.marks:
        assert picture.left <= mark.x <= picture.right
        beyond = picture.no_limit and mark.y == picture.no_limit.at
        assert beyond or picture.top <= mark.y <= picture.bottom + 1e-6
        if mark.name:
            width = 8.2 * len(mark.name.text)
            left = mark.name.x if mark.name.anchor == "start" else mark.name.x - width
            assert 0 <= left <= left + width <= picture.width + 0.1
            boxes.append((left, left + width, mark.name.y))
    for at, (low, high, y) in enumerate(boxes):
        for other_low, other_high, other_y in boxes[:at]:
            assert high <= other_low + 0.2 or other_high <= low + 0.2 or abs(y - other_y) >= 11.8


@pytest.mark.parametrize("depth", [1, 10, 100, 1_000, 999_999])
def test_the_axis_has_whole_decades_about_every_depth(depth: int) -> None:
    picture = drawn(an_entry("A", depth, 0.01))
    values = [int(label.replace(",", "")) for _, label in picture.x_ticks]
    assert values[0] <= depth <= values[-1]
    assert all(math.log10(value).is_integer() for value in values)
