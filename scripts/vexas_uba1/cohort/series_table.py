"""The series of patients as rows: for the cohort's page and for cohort/series.tsv."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vexas_uba1.cohort.series import Course, Point, Series, change_text, result_text
from vexas_uba1.cohort.series_figure import Figure, draw_course
from vexas_uba1.samples.config import Remission

COLUMNS = {
    "patient": "Patient, as in the sheet",
    "hgvs_c": "The allele; empty where no sample of the patient shows any of class vexas",
    "collected": "Date of collection (ISO)",
    "sample": "Sample, as in the sheet",
    "specimen": "blood, bone_marrow, other or unknown",
    "assay": "panel, amplicon, wes, wgs, rna or unknown; with rna all VAFs are RNA VAFs",
    "state": "detected, flagged, not_detected or not_assessable",
    "vaf": "VAF as read (0 to 1)",
    "vaf_low95": "Lower end of the 95 % interval of the true VAF",
    "vaf_high95": "Upper end",
    "alt_fragments": "Fragments that show the allele",
    "depth_fragments": "Informative fragments",
    "count_unit": "fragments, molecules, input_copies or reads",
    "limit_of_detection_vaf": "Of the allele in this sample; empty where no VAF reaches it",
    "compared_with": "The sample before of the same specimen and material",
    "difference": "VAF less errors, this sample's less that one's",
    "difference_low95": "Lower end of its 95 % interval",
    "difference_high95": "Upper end",
    "p_value": "Two-sided, of the counts (Fisher's exact test)",
    "p_adjusted": "The same for all comparisons of the patient (Holm)",
    "change": "higher, lower, none_shown, or not_compared with the reason in text",
    "text": "Both sentences of the page",
}


@dataclass(frozen=True)
class Row:
    """One sample of a course."""

    point: Point
    result: str
    change: str


@dataclass(frozen=True)
class ShownCourse:
    """One allele of a patient, ready to be shown; ``name`` is empty for the codon as a whole."""

    name: str
    hgvs_p: str | None
    figures: tuple[Figure, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class ShownSeries:
    """A patient, ready to be shown."""

    series: Series
    courses: tuple[ShownCourse, ...]


def show(series: Sequence[Series], remission: Remission | None) -> list[ShownSeries]:
    """Return series with their sentences and figures.

    Args:
        series: In the order in which they are shown.
        remission: The laboratory's definition, or None.
    """
    return [
        ShownSeries(each, tuple(_shown(each, course, remission) for course in each.courses))
        for each in series
    ]


def _shown(series: Series, course: Course, remission: Remission | None) -> ShownCourse:
    rows = tuple(
        Row(
            point,
            result_text(series, course, point, remission),
            change_text(series, course, point),
        )
        for point in course.points
    )
    titles = {row.point.sample.id: f"{row.point.sample.id}: {row.result}" for row in rows}
    return ShownCourse(course.hgvs_c, course.hgvs_p, draw_course(course, titles), rows)


def cells(shown: Sequence[ShownSeries]) -> Iterator[dict[str, object]]:
    """Yield the rows of cohort/series.tsv."""
    for each in shown:
        for course in each.courses:
            for row in course.rows:
                yield _cells(each.series, course, row)


def _cells(series: Series, course: ShownCourse, row: Row) -> dict[str, object]:
    point, change = row.point, row.point.change
    direction = change.direction if change else "not_compared" if point.not_compared else None
    return {
        "patient": series.patient,
        "hgvs_c": course.name,
        "collected": point.sample.collected,
        "sample": point.sample.id,
        "specimen": point.sample.specimen,
        "assay": point.sample.assay,
        "state": point.state,
        "vaf": point.vaf,
        "vaf_low95": point.vaf_low95,
        "vaf_high95": point.vaf_high95,
        "alt_fragments": point.alt_fragments,
        "depth_fragments": point.depth_fragments,
        "count_unit": point.count_unit,
        "limit_of_detection_vaf": point.limit_of_detection_vaf,
        "compared_with": point.compared_with,
        "difference": change.difference if change else None,
        "difference_low95": change.difference_low95 if change else None,
        "difference_high95": change.difference_high95 if change else None,
        "p_value": change.p_value if change else None,
        "p_adjusted": change.p_adjusted if change else None,
        "change": direction,
        "text": f"{row.result} {row.change}".strip(),
    }
