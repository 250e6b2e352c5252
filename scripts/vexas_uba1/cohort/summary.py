"""The whole sheet at a glance: cohort.tsv, cohort.html and a table for MultiQC."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vexas_uba1.files import write_json, write_text
from vexas_uba1.report.pages import page_environment
from vexas_uba1.result import SampleInfo, SampleResult, Variant, read_result
from vexas_uba1.status import SampleStatus
from vexas_uba1.verdict import leading

# What needs a reader's attention first comes first; a sample without a result comes before those
# in which nothing was found, so that it is not taken for one of them.
VERDICT_LABELS = {
    "detected": "Detected",
    "low_level": "Low level",
    "indeterminate": "Indeterminate",
    "other_variant": "Other variant",
    "failed": "Failed: no result",
    "not_assessable": "Not assessable",
    "not_detected": "Not detected",
}

CARRY_OVER_LABELS = {
    "not_checked": "not checked",
    "clear": "clear",
    "explained": "explains a call",
    "single_sample": "single sample",
}

COLUMNS = {
    "sample": "Sample, as in the sheet",
    "patient": "Patient, as in the sheet",
    "collected": "Date of collection (ISO)",
    "specimen": "blood, bone_marrow, other or unknown",
    "run": "Sequencing run, as in the sheet",
    "assay": "panel, amplicon, wes, wgs, rna or unknown",
    "status": "ok or failed; a failed sample has no result and is not a negative",
    "verdict": "Verdict code; empty when failed",
    "text": "The verdict's sentence",
    "reasons": "Everything else that was found, separated by semicolons",
    "hgvs_c": "The variant that the verdict rests on, on the transcript of the report; else empty",
    "hgvs_p": "Its protein change",
    "vaf": "Its variant allele fraction (0 to 1); with assay rna an RNA VAF",
    "vaf_low95": "Lower end of the 95 % interval of its vaf",
    "vaf_high95": "Upper end of the 95 % interval of its vaf",
    "alt_fragments": "Fragments that show it",
    "depth_fragments": "Fragments informative on it",
    "filters": "Its flags, separated by commas; empty when it passes",
    "codon41_depth_fragments": "Fragments informative on codon 41",
    "codon41_count_unit": "What was counted: fragments, molecules, input_copies or reads",
    "codon41_limit_of_detection_vaf": (
        "Lowest VAF detectable with 95 % power, with assay rna an RNA VAF; empty if none is"
    ),
    "build": "Genome build of the input",
    "bundled_locus": "yes when reads were aligned to the bundled gene alone, without the genome",
    "carry_over": "not_checked, clear, explained or single_sample",
    "warnings": "Warnings, separated by semicolons",
    "error": "The first problem of a failed sample and its remedy",
}


@dataclass(frozen=True)
class CohortEntry:
    """One row: what the sheet says, how the sample ended and, when ``ok``, its result."""

    info: SampleInfo
    status: SampleStatus
    result: SampleResult | None

    @property
    def verdict(self) -> str:
        """The verdict's code, or ``failed``."""
        return self.result.verdict.code if self.result else "failed"

    @property
    def variant(self) -> Variant | None:
        """The variant that the verdict rests on."""
        return leading(self.result.call) if self.result else None


def write_cohort(
    statuses: Sequence[SampleStatus],
    out_dir: Path,
    lab_name: str,
    *,
    sheet: Iterable[SampleInfo] = (),
) -> None:
    """Write ``cohort/cohort.tsv``, ``cohort.html`` and ``cohort_mqc.json``.

    Args:
        statuses: One for each sample, in the sheet's order, failed ones included.
        out_dir: The workflow's output folder, which holds ``samples/`` and ``cohort/``.
        lab_name: For the page's head; may be empty.
        sheet: What the sheet says of the samples; a failed one has no result to tell it.

    Raises:
        UserError: the result of a sample that ended well is missing or unreadable.
    """
    infos = {info.id: info for info in sheet}
    entries = [_entry(status, out_dir, infos) for status in statuses]
    folder = out_dir / "cohort"
    write_text(folder / "cohort.tsv", render_tsv(entries))
    write_text(folder / "cohort.html", render_html(entries, lab_name))
    write_json(folder / "cohort_mqc.json", multiqc_table(entries))


def render_tsv(entries: Sequence[CohortEntry]) -> str:
    """Return the table of ``COLUMNS``: a header and one line per entry, in the given order.

    Cells hold no line breaks, tabs or other control characters; quotes follow RFC 4180.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        cells = _cells(entry)
        writer.writerow([_one_line(cells[column]) for column in COLUMNS])
    return text.getvalue()


def render_html(entries: Sequence[CohortEntry], lab_name: str) -> str:
    """Return the page: one self-contained file, verdicts first, links relative to ``cohort/``."""
    order = list(VERDICT_LABELS)
    return (
        page_environment()
        .get_template("cohort.html.j2")
        .render(
            entries=sorted(entries, key=lambda entry: order.index(entry.verdict)),
            counts=_counts(entries),
            labels=VERDICT_LABELS,
            carry_over_labels=CARRY_OVER_LABELS,
            lab_name=lab_name,
            versions=_versions(entries),
        )
    )


def multiqc_table(entries: Sequence[CohortEntry]) -> dict[str, Any]:
    """Return MultiQC custom content of plot type ``table``.

    MultiQC shows texts as HTML, so no free text of a sheet enters, only ids, codes and numbers.
    """
    headers: dict[str, dict[str, Any]] = {
        "verdict": {"title": "Verdict", "description": "UBA1 verdict of the sample"},
        "variant": {"title": "Variant", "description": COLUMNS["hgvs_c"]},
        "vaf": {"title": "VAF", "description": "VAF of that variant", **_PERCENT_COLUMN},
        "rna_vaf": {
            "title": "RNA VAF",
            "description": "RNA VAF of that variant, which is not a DNA VAF",
            **_PERCENT_COLUMN,
        },
        "codon41_depth": {
            "title": "Codon 41 depth",
            "description": COLUMNS["codon41_depth_fragments"],
            "format": "{:,.0f}",
            "min": 0,
            "scale": "Blues",
        },
        "codon41_limit": {
            "title": "Limit",
            "description": "Lowest VAF detectable at codon 41 with 95 % power",
            **_PERCENT_COLUMN,
        },
        "codon41_rna_limit": {
            "title": "Limit, RNA",
            "description": "Lowest RNA VAF detectable at codon 41 with 95 % power",
            **_PERCENT_COLUMN,
        },
        "carry_over": {"title": "Carry-over", "description": "Carry-over check of the run"},
    }
    return {
        "id": "vexas_uba1",
        "section_name": "vexas-uba1",
        "description": "UBA1 codon 41: verdict, VAF and limit of detection of each sample.",
        "plot_type": "table",
        "pconfig": {"id": "vexas_uba1_table", "title": "vexas-uba1: UBA1 codon 41"},
        "headers": {column: {"scale": False, **header} for column, header in headers.items()},
        "data": {entry.status.sample: _multiqc_row(entry) for entry in entries},
    }


_PERCENT_COLUMN = {"format": "{:,.3g}", "suffix": " %", "min": 0, "max": 100}


def _multiqc_row(entry: CohortEntry) -> dict[str, str | float]:
    row: dict[str, str | float | None] = {"verdict": VERDICT_LABELS[entry.verdict]}
    if entry.result:
        call = entry.result.call
        limit = call.codon41.limit_of_detection_vaf
        row["variant"] = entry.variant.hgvs_c if entry.variant else None
        # Columns of their own: numbers in one column would be compared.
        rna = "rna_" if call.sample.assay == "rna" else ""
        row[f"{rna}vaf"] = _significant(100 * entry.variant.vaf) if entry.variant else None
        row["codon41_depth"] = call.codon41.depth_fragments
        row[f"codon41_{rna}limit"] = _significant(100 * limit) if limit is not None else None
        row["carry_over"] = CARRY_OVER_LABELS[call.qc.carry_over]
    return {column: value for column, value in row.items() if value is not None}


def _entry(status: SampleStatus, out_dir: Path, infos: dict[str, SampleInfo]) -> CohortEntry:
    if status.state == "failed":
        return CohortEntry(infos.get(status.sample, SampleInfo(status.sample)), status, None)
    folder = out_dir / "samples" / status.sample
    result = read_result(folder / f"{status.sample}.result.json")
    return CohortEntry(result.call.sample, status, result)


def _cells(entry: CohortEntry) -> dict[str, object]:
    info, status, result, variant = entry.info, entry.status, entry.result, entry.variant
    cells: dict[str, object] = dict.fromkeys(COLUMNS)
    cells |= {
        "sample": status.sample,
        "patient": info.patient,
        "collected": info.collected,
        "specimen": info.specimen,
        "run": info.run,
        "assay": info.assay,
        "status": status.state,
        "error": status.problems[0] if status.problems else None,
    }
    if result:
        call = result.call
        cells |= {
            "verdict": result.verdict.code,
            "text": result.verdict.text,
            "reasons": "; ".join(result.verdict.reasons),
            "codon41_depth_fragments": call.codon41.depth_fragments,
            "codon41_count_unit": call.codon41.count_unit,
            "codon41_limit_of_detection_vaf": call.codon41.limit_of_detection_vaf,
            "build": call.input.build,
            "bundled_locus": "yes" if call.input.bundled_locus else "no",
            "carry_over": call.qc.carry_over,
            "warnings": "; ".join(call.qc.warnings),
        }
    if variant:
        cells |= {
            "hgvs_c": variant.hgvs_c,
            "hgvs_p": variant.hgvs_p,
            "vaf": variant.vaf,
            "vaf_low95": variant.vaf_low95,
            "vaf_high95": variant.vaf_high95,
            "alt_fragments": variant.alt_fragments,
            "depth_fragments": variant.depth_fragments,
            "filters": ",".join(variant.filters),
        }
    return cells


def _one_line(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", str(value)).strip()


def _significant(percent: float) -> float:
    return float(f"{percent:.3g}")


def _counts(entries: Sequence[CohortEntry]) -> list[tuple[str, int]]:
    """Return how many samples have each verdict that occurs, in the page's order."""
    found = Counter(entry.verdict for entry in entries)
    return [(verdict, found[verdict]) for verdict in VERDICT_LABELS if verdict in found]


def _versions(entries: Sequence[CohortEntry]) -> list[str]:
    """Return the versions that the results were made with; several where they differ."""
    calls = [entry.result.call for entry in entries if entry.result]
    named = {
        "vexas-uba1": {call.software.get("vexas-uba1", "unknown") for call in calls},
        "catalogue": {call.catalogue_version for call in calls},
        "locus": {call.locus_version for call in calls},
    }
    return [f"{name} {', '.join(sorted(found))}" for name, found in named.items() if found]
