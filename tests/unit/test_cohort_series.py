"""The course of a patient: order, statements, tests of change, figure and table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, false_discovery_control, fisher_exact

from builders.results import a_call, a_codon41, a_forced_allele, a_sample, a_variant
from vexas_uba1.cohort.change import LEVEL, Measured, compare, holm
from vexas_uba1.cohort.series import Course, Point, Series, change_text, result_text, series_of
from vexas_uba1.cohort.series_figure import draw_course
from vexas_uba1.cohort.series_table import COLUMNS, cells, show
from vexas_uba1.cohort.summary import write_cohort
from vexas_uba1.paths import product_root
from vexas_uba1.result import SampleInfo, SampleResult, Verdict, write_result
from vexas_uba1.samples.config import Remission
from vexas_uba1.status import SCHEMA_VERSION, SampleStatus

M41T = "c.122T>C"
BY_DEFINITION = Remission(0.005, "Molecular remission by this laboratory's definition")


def measured(alt: int, depth: int) -> Measured:
    """Return counts with their exact interval."""
    low = float(beta.ppf(0.025, alt, depth - alt + 1)) if alt else 0.0
    high = float(beta.ppf(0.975, alt + 1, depth - alt)) if alt < depth else 1.0
    return Measured(alt, depth, alt / depth, low, high)


def a_point(
    name: str,
    collected: str,
    alt: int,
    depth: int,
    *,
    called: bool | None = None,
    limit: float | None = 0.004,
    filters: tuple[str, ...] = (),
    unit: str = "fragments",
    **sample: Any,
) -> SampleResult:
    """Return a sample in which ``alt`` of ``depth`` fragments show c.122T>C."""
    found = measured(alt, depth) if depth else Measured(0, 0, 0.0, 0.0, 1.0)
    counts: dict[str, Any] = {
        "hgvs_c": M41T,
        "hgvs_p": "p.(Met41Thr)",
        "alt_fragments": alt,
        "depth_fragments": depth,
        "vaf_corrected": found.vaf,
        "vaf_low95": found.vaf_low95,
        "vaf_high95": found.vaf_high95,
    }
    is_called = alt > 5 if called is None else called
    reasons = dict.fromkeys(filters, "why")
    return SampleResult(
        a_call(
            sample=a_sample(id=name, collected=collected, **sample),
            codon41=a_codon41(depth_fragments=depth, count_unit=unit, limit_of_detection_vaf=limit),
            variants=(a_variant(**counts, vaf=found.vaf, filters=filters, filter_reasons=reasons),)
            if is_called
            else (),
            forced_alleles=(a_forced_allele(**counts, limit_of_detection_vaf=limit),),
        ),
        Verdict("detected", "", ()),
    )


def the_series(results: Sequence[SampleResult], failed: Sequence[SampleInfo] = ()) -> Series:
    (series,) = series_of(results, failed)
    return series


def points(results: Sequence[SampleResult]) -> tuple[Point, ...]:
    (course,) = the_series(results).courses
    return course.points


def said(results: Sequence[SampleResult], remission: Remission | None = None) -> list[str]:
    """Return the sentences on each sample of the only patient."""
    series = the_series(results)
    (course,) = series.courses
    return [result_text(series, course, point, remission) for point in course.points]


def test_samples_stand_in_the_order_of_their_dates_not_of_the_sheet() -> None:
    late, early = a_point("LATE", "2026-02-01", 30, 1_000), a_point("EARLY", "2025-12-31", 9, 900)
    assert [point.sample.id for point in points([late, early])] == ["EARLY", "LATE"]


def test_only_patients_with_two_dated_samples_have_a_series() -> None:
    results = [
        a_point("A", "2026-01-01", 30, 1_000, patient="P1"),
        a_point("B", "2026-02-01", 30, 1_000, patient="P2"),
        a_point("C", "", 30, 1_000, patient="P2"),
        a_point("D", "2026-01-01", 30, 1_000, patient=""),
        a_point("E", "2026-02-01", 30, 1_000, patient=""),
    ]
    assert series_of(results, ()) == ()


def test_undated_and_failed_samples_are_named() -> None:
    results = [
        a_point("A", "2026-01-01", 30, 1_000),
        a_point("B", "2026-02-01", 30, 1_000),
        a_point("UNDATED", "", 30, 1_000),
    ]
    series = the_series(results, [a_sample(id="FAILED"), a_sample(id="OTHERS", patient="P2")])
    assert (series.undated, series.failed) == (("UNDATED",), ("FAILED",))


def test_what_was_not_detected_is_a_limit_and_never_called_remission() -> None:
    texts = said([a_point("A", "2026-01-01", 300, 1_000), a_point("B", "2026-03-01", 0, 1_500)])
    assert texts[0].startswith("UBA1 c.122T>C detected, VAF 30.0 % (95 % interval 27.2–32.9 %; 300")
    assert texts[1] == (
        "UBA1 variant c.122T>C not detected at or above 0.4 % (1,500 informative fragments)."
    )
    assert "remission" not in " ".join(texts).lower()


def test_a_patient_without_any_variant_has_the_codons_limits() -> None:
    texts = said([a_point("A", "2026-01-01", 0, 1_000), a_point("B", "2026-03-01", 0, 1_500)])
    assert texts[1].startswith("UBA1 variant not detected at or above 0.4 % at codon 41 (1,500")


@pytest.mark.parametrize(
    ("limit", "needed", "has_words"),
    [(0.004, 0.005, True), (0.006, 0.005, False), (0.015, None, True), (None, None, False)],
)
def test_the_laboratorys_words_follow_where_its_definition_is_met(
    limit: float | None, needed: float | None, has_words: bool
) -> None:
    texts = said(
        [a_point("A", "2026-01-01", 300, 1_000), a_point("B", "2026-03-01", 0, 900, limit=limit)],
        Remission(needed, "In molecular remission (ours)"),
    )
    assert ("In molecular remission (ours)." in texts[1]) == has_words
    assert "remission" not in texts[0]


NEGATIVE = a_point("N", "2026-06-01", 0, 1_500)


@pytest.mark.parametrize(
    "others",
    [
        [a_point("A", "2026-01-01", 0, 1_000)],
        [a_point("A", "2026-07-01", 300, 1_000)],
        [a_point("A", "2026-01-01", 9, 1_000, filters=("carry_over",))],
        [
            a_point("A", "2026-01-01", 300, 1_000),
            a_point("M", "2026-06-01", 200, 1_000, specimen="bone_marrow"),
        ],
    ],
    ids=["never positive", "before the first", "only flagged", "marrow of the same day"],
)
def test_the_laboratorys_words_need_a_variant_before_and_none_beside(
    others: list[SampleResult],
) -> None:
    assert "emission" not in " ".join(said([*others, NEGATIVE], BY_DEFINITION))


@pytest.mark.parametrize("change", [{"assay": "rna"}, {"unit": "reads"}])
def test_the_laboratorys_words_are_not_for_rna_or_reads(change: dict[str, Any]) -> None:
    negative = a_point("N", "2026-06-01", 0, 1_500, **change)
    texts = said([a_point("A", "2026-01-01", 300, 1_000), negative], BY_DEFINITION)
    assert "emission" not in " ".join(texts)


def test_the_laboratorys_words_are_of_the_whole_sample() -> None:
    other = a_point("N", "2026-06-01", 0, 1_500)
    still = a_variant(hgvs_c="c.121A>G", hgvs_p="p.(Met41Val)", alt_fragments=300)
    shown = replace(other, call=replace(other.call, variants=(still,)))
    series = the_series([a_point("A", "2026-01-01", 300, 1_000), shown])
    assert len(series.courses) == 2
    told = [
        result_text(series, course, point, BY_DEFINITION)
        for course in series.courses
        for point in course.points
    ]
    assert "emission" not in " ".join(told)


def test_a_sample_that_tells_nothing_is_passed_over() -> None:
    for between in (
        a_point("B", "2026-02-01", 0, 0, limit=None),
        a_point("B", "2026-02-01", 20, 1_000, filters=("one_strand",)),
        a_point("B", "2026-02-01", 20, 1_000, unit="reads"),
    ):
        found = points(
            [a_point("A", "2026-01-01", 600, 1_500), between, a_point("C", "2026-03-01", 0, 1_500)]
        )
        assert found[1].change is None
        assert found[1].not_compared
        assert found[2].compared_with == "A"
        assert found[2].change is not None
        assert found[2].change.direction == "lower"


def test_a_blind_sample_is_no_negative() -> None:
    results = [
        a_point("A", "2026-01-01", 300, 1_000),
        a_point("B", "2026-03-01", 0, 60, limit=0.08),
        a_point("C", "2026-04-01", 0, 0, limit=None),
    ]
    assert [point.state for point in points(results)][1:] == ["not_assessable", "not_assessable"]
    for text in said(results, BY_DEFINITION)[1:]:
        assert text.startswith("Not assessable")
        assert "not a negative" in text
        assert "emission" not in text


def test_a_flagged_sample_is_said_to_be_and_is_not_compared() -> None:
    results = [
        a_point("A", "2026-01-01", 300, 1_000),
        a_point("B", "2026-03-01", 9, 1_000, filters=("carry_over",)),
    ]
    assert "flagged carry over: indeterminate" in said(results)[1]
    flagged = points(results)[1]
    assert flagged.change is None
    assert "flagged" in flagged.not_compared


def test_each_sample_is_compared_with_the_one_before_of_its_kind() -> None:
    results = [
        a_point("BLOOD1", "2026-01-01", 300, 1_000),
        a_point("MARROW1", "2026-01-01", 500, 1_000, specimen="bone_marrow"),
        a_point("RNA1", "2026-02-01", 200, 1_000, assay="rna"),
        a_point("BLOOD2", "2026-03-01", 100, 1_000),
        a_point("MARROW2", "2026-04-01", 490, 1_000, specimen="bone_marrow"),
    ]
    found = {point.sample.id: point for point in points(results)}
    before = {name: point.compared_with for name, point in found.items()}
    assert before == {
        "BLOOD1": "",
        "MARROW1": "",
        "RNA1": "",
        "BLOOD2": "BLOOD1",
        "MARROW2": "MARROW1",
    }
    directions = [found[name].change for name in ("BLOOD2", "MARROW2")]
    assert [change.direction for change in directions if change] == ["lower", "none_shown"]


def test_reads_of_an_amplicon_are_not_compared() -> None:
    results = [
        a_point("A", "2026-01-01", 300, 1_000),
        a_point("B", "2026-03-01", 10, 1_000, unit="reads"),
    ]
    assert points(results)[1].change is None
    assert "no molecules" in points(results)[1].not_compared


def test_a_change_is_told_with_its_numbers() -> None:
    series = the_series(
        [a_point("A", "2026-01-01", 300, 1_000), a_point("B", "2026-03-01", 100, 1_000)]
    )
    (course,) = series.courses
    assert change_text(series, course, course.points[0]) == ""
    text = change_text(series, course, course.points[1])
    assert text.startswith("Lower than in A: −20.0 percentage points (95 % interval −2")
    assert text.endswith("p < 0.0001).")


def test_p_values_are_fishers_and_intervals_are_squared_and_added() -> None:
    earlier, later = measured(30, 1_000), measured(12, 800)
    (change,) = compare([(earlier, later)])
    assert change.p_value == fisher_exact([[30, 970], [12, 788]])[1]
    low = change.difference - change.difference_low95
    assert low**2 == pytest.approx(
        (later.vaf - later.vaf_low95) ** 2 + (earlier.vaf_high95 - earlier.vaf) ** 2
    )
    (back,) = compare([(later, earlier)])
    assert back.difference_low95 == pytest.approx(-change.difference_high95)


def test_a_wide_interval_keeps_counts_from_being_a_change() -> None:
    earlier = measured(30, 1_000)
    doubtful = replace(measured(80, 1_000), vaf_low95=0.001, vaf_high95=0.2)
    (change,) = compare([(earlier, doubtful)])
    assert change.p_adjusted < LEVEL
    assert change.direction == "none_shown"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_order_and_lies_between_plain_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for plain, corrected in zip(p_values, adjusted, strict=True):
        assert plain <= corrected <= min(1.0, len(p_values) * plain) + 1e-12
    # Adjusting for false discoveries is never stricter.
    lenient = false_discovery_control(p_values)
    assert all(
        corrected >= other - 1e-9 for corrected, other in zip(adjusted, lenient, strict=True)
    )


@settings(max_examples=30, deadline=None)
@given(st.floats(0.002, 0.6), st.integers(200, 5_000), st.integers(200, 5_000))
def test_without_a_change_one_is_said_in_one_of_twenty_pairs_at_most(
    vaf: float, first: int, second: int
) -> None:
    generator = np.random.default_rng(1)
    pairs = [
        (measured(int(one), first), measured(int(two), second))
        for one, two in zip(
            generator.binomial(first, vaf, 200), generator.binomial(second, vaf, 200), strict=True
        )
    ]
    wrong = sum(compare([pair])[0].direction != "none_shown" for pair in pairs)
    # A chance of 5 % gives so many of 200 in fewer than one of 10,000 cases.
    assert wrong <= binom.isf(1e-4, 200, LEVEL)


def test_a_figure_keeps_dna_and_rna_apart_and_draws_limits_as_limits() -> None:
    results = [
        a_point("A", "2026-01-01", 300, 1_000),
        a_point("B", "2026-02-01", 0, 1_000),
        a_point("C", "2026-03-01", 0, 60, limit=0.08),
        a_point("D", "2026-04-01", 40, 1_000),
        a_point("R", "2026-03-01", 30, 100, assay="rna"),
    ]
    (course,) = the_series(results).courses
    dna, rna = draw_course(course, {name: name for name in "ABCDR"})
    assert (dna.vaf_name, rna.vaf_name) == ("VAF", "RNA VAF")
    a, b, c, d = dna.marks
    assert [mark.kind for mark in dna.marks] == [
        "detected",
        "not_detected",
        "not_assessable",
        "detected",
    ]
    assert a.x < b.x < c.x < d.x
    # Higher VAFs stand higher, and the not-detected one at its limit of 0.4 %.
    assert a.y < d.y < b.y
    assert a.high < a.y < a.low
    # No line leads through a sample that tells nothing; those to a limit are told apart.
    assert [(line.x1, line.x2, line.is_known) for line in dna.lines] == [
        (a.x, b.x, False),
        (b.x, d.x, False),
    ]
    for mark in (*dna.marks, *rna.marks):
        assert dna.left < mark.x < dna.right
        assert dna.top <= mark.high <= mark.low <= dna.bottom


@given(
    st.lists(
        st.tuples(st.dates(), st.integers(0, 500), st.sampled_from(["blood", "bone_marrow"])),
        min_size=2,
        max_size=12,
    )
)
@settings(max_examples=40, deadline=None)
def test_any_course_stays_within_its_frame(given_points: list[tuple[Any, int, str]]) -> None:
    results = [
        a_point(f"S{number}", day.isoformat(), alt, 1_000, specimen=specimen)
        for number, (day, alt, specimen) in enumerate(given_points)
    ]
    (course,) = the_series(results).courses
    (figure,) = draw_course(course, {point.sample.id: "" for point in course.points})
    assert len(figure.marks) == len(given_points)
    for mark in figure.marks:
        assert figure.left <= mark.x <= figure.right
        assert figure.top <= mark.high <= mark.y <= mark.low <= figure.bottom + 1e-9
    for (left, _), (right, _) in pairwise(figure.dates):
        assert right - left >= 100


def test_the_page_and_the_table_show_the_series(tmp_path: Path) -> None:
    hostile = "<script>P</script>"
    results = [
        a_point("A", "2026-01-01", 300, 1_000, patient=hostile),
        a_point("B", "2026-03-01", 0, 1_000, patient=hostile),
    ]
    statuses = []
    for result in results:
        name = result.call.sample.id
        write_result(tmp_path / "samples" / name / f"{name}.result.json", result)
        statuses.append(SampleStatus(SCHEMA_VERSION, name, "ok"))
    write_cohort(statuses, tmp_path, "", remission=BY_DEFINITION)
    page = (tmp_path / "cohort" / "cohort.html").read_text(encoding="utf-8")
    assert "<script>P" not in page
    assert "Patient &lt;script&gt;P" in page
    assert "not detected at or above 0.4 %" in page
    with (tmp_path / "cohort" / "series.tsv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["state"] for row in rows] == ["detected", "not_detected"]
    assert rows[1]["change"] == "lower"
    assert float(rows[1]["difference"]) == pytest.approx(-0.3)
    assert BY_DEFINITION.wording in rows[1]["text"]


def test_without_a_series_the_table_is_a_heading(tmp_path: Path) -> None:
    write_cohort([], tmp_path, "")
    text = (tmp_path / "cohort" / "series.tsv").read_text(encoding="utf-8")
    assert text.splitlines() == ["\t".join(COLUMNS)]
    assert list(cells(show([], None))) == []
    assert Course("", None, ()).points == ()


def test_every_column_of_the_table_is_documented() -> None:
    text = (product_root() / "docs" / "outputs.md").read_text("utf-8")
    section = text.partition("## `series.tsv`")[2].partition("\n## ")[0]
    documented = [line for line in section.splitlines() if line.startswith("| `")]
    assert documented == [f"| `{name}` | {said} |" for name, said in COLUMNS.items()]
