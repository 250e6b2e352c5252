"""The report of one sample: one HTML file that needs nothing else, on screen, phone or paper."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from vexas_uba1.files import write_text
from vexas_uba1.report import wording
from vexas_uba1.report.coverage_figure import BIN as COVERAGE_BIN
from vexas_uba1.report.coverage_figure import draw_coverage
from vexas_uba1.report.pages import page_environment
from vexas_uba1.report.reads_figure import draw_reads
from vexas_uba1.report.vaf_axis import draw_vaf_axis
from vexas_uba1.result import SampleCall, SampleResult, Variant
from vexas_uba1.tables import full_hgvs
from vexas_uba1.texts import phrases

TEMPLATE = "report.html.j2"


def render_report(result: SampleResult, lab_name: str) -> str:
    """Return the report as HTML.

    Args:
        result: The finished result; nothing else is looked at.
        lab_name: Printed at the top; may be empty.
    """
    call = result.call
    codon = [target for target in call.targets if target.kind == "codon41"]
    return (
        page_environment()
        .get_template(TEMPLATE)
        .render(
            lab_name=lab_name,
            use=phrases("use"),
            call=call,
            verdict=result.verdict,
            headline=phrases("headlines")[result.verdict.code],
            cautions=wording.cautions(call),
            limitations=wording.limitations(result),
            vaf_term=wording.vaf_term(call),
            unit=wording.UNITS[call.codon41.count_unit],
            unit_singular=wording.UNITS_SINGULAR[call.codon41.count_unit],
            unit_meaning=wording.unit_meaning(call),
            assay=wording.ASSAYS[call.sample.assay],
            count_unit=wording.count_unit(call),
            copies=wording.copies(call),
            realigned=wording.realigned(call),
            sex_check=wording.sex_check(call),
            primers=wording.primers(call),
            carry_over=wording.CARRY_OVER[call.qc.carry_over],
            reference_source=wording.REFERENCE_SOURCES.get(
                call.qc.reference_source, call.qc.reference_source
            ),
            codon_name=codon[0].name if codon else "the codon",
            loci=[target for target in call.targets if target.kind != "exon"],
            exons=[target for target in call.targets if target.kind == "exon"],
            not_assessable=[
                wording.not_assessable(target) for target in call.targets if not target.assessable
            ],
            axis=draw_vaf_axis(call),
            coverage=draw_coverage(call),
            reads=draw_reads(call),
            reads_by_base=wording.reads_by_base(call),
            coverage_bin=COVERAGE_BIN,
            tested=wording.tested(call),
            nothing_found=wording.nothing_found(call),
            variants=sorted(call.variants, key=_weight),
            hgvs=partial(full_hgvs, call),
            parameters=_parameters(call),
        )
    )


def write_report(path: Path, result: SampleResult, lab_name: str) -> None:
    """Write :func:`render_report` to ``path``."""
    write_text(path, render_report(result, lab_name))


def _weight(variant: Variant) -> tuple[bool, bool]:
    # What decides stands first, what is flagged last; otherwise the order is the result's.
    return bool(variant.filters), variant.verdict_class != "vexas"


def _parameters(call: SampleCall) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in call.parameters.items()
    }
