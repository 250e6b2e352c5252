"""The samples of one patient in the order of their collection: the course of each allele."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from vexas_uba1.cohort.change import Change, Measured, compare
from vexas_uba1.result import ForcedAllele, SampleCall, SampleInfo, SampleResult, Variant
from vexas_uba1.samples.config import Remission
from vexas_uba1.texts import render_text

STATES = ("detected", "flagged", "not_detected", "not_assessable")


@dataclass(frozen=True)
class Point:
    """One allele, or all of codon 41 where none was ever found, in one sample.

    Attributes:
        sample: As in the sheet, with what it says of it.
        state: ``detected``, ``flagged``, ``not_detected`` or ``not_assessable``.
        alt_fragments: Fragments that show the allele; 0 for the codon.
        depth_fragments: Informative ones.
        count_unit: What they are.
        vaf: As read.
        vaf_corrected: Less errors.
        vaf_low95: Lower end of the interval of the true VAF.
        vaf_high95: Upper end.
        limit_of_detection_vaf: Of the allele; None where no VAF reaches it.
        required_limit_vaf: That a negative needs.
        filters: Its flags.
        change: Since the previous sample of the same kind, where they can be compared.
        compared_with: That sample, empty for the first of a kind.
        not_compared: Why there is no comparison, empty where there is one, or nothing before.
    """

    sample: SampleInfo
    state: str
    alt_fragments: int
    depth_fragments: int
    count_unit: str
    vaf: float
    vaf_corrected: float
    vaf_low95: float
    vaf_high95: float
    limit_of_detection_vaf: float | None
    required_limit_vaf: float
    filters: tuple[str, ...] = ()
    change: Change | None = None
    compared_with: str = ""
    not_compared: str = ""

    @property
    def measured(self) -> Measured:
        """What is compared."""
        return Measured(
            self.alt_fragments,
            self.depth_fragments,
            self.vaf_corrected,
            self.vaf_low95,
            self.vaf_high95,
        )

    @property
    def is_rna(self) -> bool:
        """Whether its VAF is one of RNA."""
        return self.sample.assay == "rna"

    @property
    def counts_dna(self) -> bool:
        """Whether its counts are of molecules of DNA."""
        return not self.is_rna and self.count_unit != "reads"


@dataclass(frozen=True)
class Course:
    """One allele over the samples of a patient; ``hgvs_c`` is empty for the codon as a whole."""

    hgvs_c: str
    hgvs_p: str | None
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Series:
    """A patient with two samples or more.

    Attributes:
        patient: As in the sheet.
        gene: Its name.
        codon: Such as ``codon 41``.
        courses: Of the alleles of class ``vexas`` that any of the samples shows, or of the codon.
        undated: Samples without a date, which have no place in the order.
        failed: Samples without a result.
    """

    patient: str
    gene: str
    codon: str
    courses: tuple[Course, ...]
    undated: tuple[str, ...]
    failed: tuple[str, ...]

    @cached_property
    def without_variant(self) -> frozenset[str]:
        """Samples of DNA molecules without any of the alleles, after one that had some.

        Nor has any other sample of the same day one.
        """
        by_sample: dict[str, list[Point]] = {}
        for course in self.courses:
            for point in course.points:
                by_sample.setdefault(point.sample.id, []).append(point)
        points = [point for own in by_sample.values() for point in own]
        detected = {each.sample.collected for each in points if each.state == "detected"}
        seen = detected | {each.sample.collected for each in points if each.state == "flagged"}
        return frozenset(
            sample
            for sample, own in by_sample.items()
            if all(each.state == "not_detected" and each.counts_dna for each in own)
            and any(day < own[0].sample.collected for day in detected)
            and own[0].sample.collected not in seen
        )


def series_of(results: Iterable[SampleResult], failed: Sequence[SampleInfo]) -> tuple[Series, ...]:
    """Return the series of all patients that have two results with dates or more, by patient.

    Args:
        results: Of all samples, in any order.
        failed: What the sheet says of samples without a result.
    """
    calls: dict[str, list[SampleCall]] = {}
    for result in results:
        if result.call.sample.patient:
            calls.setdefault(result.call.sample.patient, []).append(result.call)
    made = []
    for patient, own in sorted(calls.items()):
        dated = sorted(
            (call for call in own if call.sample.collected),
            key=lambda call: (call.sample.collected, call.sample.specimen, call.sample.id),
        )
        if len(dated) < 2:
            continue
        gene = dated[0].gene
        made.append(
            Series(
                patient=patient,
                gene=gene["gene"],
                codon=f"codon {gene['codon_number']}".strip(),
                courses=_compared(_courses(dated)),
                undated=tuple(sorted(call.sample.id for call in own if not call.sample.collected)),
                failed=tuple(info.id for info in failed if info.patient == patient),
            )
        )
    return tuple(made)


def _courses(calls: Sequence[SampleCall]) -> list[Course]:
    found: dict[str, Variant] = {}
    for call in calls:
        for variant in call.variants:
            if variant.verdict_class == "vexas" or variant.at_codon41:
                found.setdefault(variant.hgvs_c, variant)
    if not found:
        return [Course("", None, tuple(_codon_point(call) for call in calls))]
    return [
        Course(hgvs_c, variant.hgvs_p, tuple(_point(call, hgvs_c) for call in calls))
        for hgvs_c, variant in sorted(found.items())
    ]


def _codon_point(call: SampleCall) -> Point:
    limit = call.codon41.limit_of_detection_vaf
    return Point(
        sample=call.sample,
        state=_unseen(call, limit),
        alt_fragments=0,
        depth_fragments=call.codon41.depth_fragments,
        count_unit=call.codon41.count_unit,
        vaf=0.0,
        vaf_corrected=0.0,
        vaf_low95=0.0,
        vaf_high95=call.codon41.vaf_upper95_if_absent or 1.0,
        limit_of_detection_vaf=limit,
        required_limit_vaf=float(call.parameters["required_limit_vaf"]),
    )


def _point(call: SampleCall, hgvs_c: str) -> Point:
    variants = {variant.hgvs_c: variant for variant in call.variants}
    forced = {allele.hgvs_c: allele for allele in call.forced_alleles}
    seen: Variant | ForcedAllele | None = variants.get(hgvs_c, forced.get(hgvs_c))
    limit = forced[hgvs_c].limit_of_detection_vaf if hgvs_c in forced else None
    if hgvs_c in variants:
        state = "flagged" if variants[hgvs_c].filters else "detected"
    else:
        state = _unseen(call, limit)
    return Point(
        sample=call.sample,
        state=state,
        alt_fragments=seen.alt_fragments if seen else 0,
        depth_fragments=seen.depth_fragments if seen else 0,
        count_unit=call.codon41.count_unit,
        vaf=seen.alt_fragments / max(1, seen.depth_fragments) if seen else 0.0,
        vaf_corrected=seen.vaf_corrected if seen else 0.0,
        vaf_low95=seen.vaf_low95 if seen else 0.0,
        vaf_high95=seen.vaf_high95 if seen else 1.0,
        limit_of_detection_vaf=limit,
        required_limit_vaf=float(call.parameters["required_limit_vaf"]),
        filters=variants[hgvs_c].filters if hgvs_c in variants else (),
    )


def _unseen(call: SampleCall, limit: float | None) -> str:
    required = float(call.parameters["required_limit_vaf"])
    return "not_detected" if limit is not None and limit <= required else "not_assessable"


def _compared(courses: Sequence[Course]) -> tuple[Course, ...]:
    """Return the courses with each point compared with the one before it of the same kind."""
    before = [_before(course) for course in courses]
    tested = [
        (number, later, earlier)
        for number, (course, earlier_of) in enumerate(zip(courses, before, strict=True))
        for later, earlier in earlier_of.items()
        if not _hindrance(course.points[earlier], course.points[later])
    ]
    pairs = [
        (courses[number].points[earlier].measured, courses[number].points[later].measured)
        for number, later, earlier in tested
    ]
    changes = {
        (number, later): change
        for (number, later, _), change in zip(tested, compare(pairs), strict=True)
    }
    made = []
    for number, (course, earlier_of) in enumerate(zip(courses, before, strict=True)):
        points = list(course.points)
        for later, earlier in earlier_of.items():
            points[later] = replace(
                points[later],
                compared_with=points[earlier].sample.id,
                change=changes.get((number, later)),
                not_compared=_hindrance(points[earlier], points[later]),
            )
        made.append(replace(course, points=tuple(points)))
    return tuple(made)


def _before(course: Course) -> dict[int, int]:
    """Return for each point that of the same specimen and material before it, by number.

    One that tells nothing is passed over, if there is one before it that does.
    """
    if not course.hgvs_c:
        return {}
    kinds: dict[tuple[str, bool], list[int]] = {}
    found = {}
    for number, point in enumerate(course.points):
        earlier = kinds.setdefault((point.sample.specimen, point.is_rna), [])
        able = [each for each in earlier if not _hindrance(course.points[each], point)]
        if earlier:
            found[number] = (able or earlier)[-1]
        earlier.append(number)
    return found


def _hindrance(earlier: Point, later: Point) -> str:
    """Return why two points cannot be compared; empty if they can."""
    if not earlier.depth_fragments or not later.depth_fragments:
        return "one of the samples has no informative fragments"
    if "reads" in (earlier.count_unit, later.count_unit):
        return "reads of an amplicon are no molecules"
    if "flagged" in (earlier.state, later.state):
        return "one of the samples is flagged"
    return ""


def result_text(series: Series, course: Course, point: Point, remission: Remission | None) -> str:
    """Return what one sample shows of an allele, as a sentence.

    Args:
        series: Of the patient.
        course: Of the allele.
        point: Of the sample.
        remission: The laboratory's definition, or None.
    """
    words = ""
    if remission is not None and point.sample.id in series.without_variant:
        needed = point.required_limit_vaf if remission.limit_vaf is None else remission.limit_vaf
        limits = [
            each.limit_of_detection_vaf
            for other in series.courses
            for each in other.points
            if each.sample.id == point.sample.id
        ]
        if all(limit is not None and limit <= needed for limit in limits):
            words = remission.wording
    return render_text("series_result", s=series, c=course, p=point, words=words)


def change_text(series: Series, course: Course, point: Point) -> str:
    """Return how the allele changed since the sample before, as a sentence; empty for the first."""
    return render_text("series_change", s=series, c=course, p=point, words="")
