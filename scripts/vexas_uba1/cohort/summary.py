"""The whole sheet at a glance: cohort.tsv, cohort.html and a table for MultiQC."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from vexas_uba1.cohort import series_table
from vexas_uba1.cohort.entries import CARRY_OVER_LABELS, CohortEntry, read_entries
from vexas_uba1.cohort.page import render_html
from vexas_uba1.cohort.series import series_of
from vexas_uba1.files import replacing, write_json, write_text
from vexas_uba1.result import SampleInfo
from vexas_uba1.samples.config import Remission
from vexas_uba1.status import SampleStatus
from vexas_uba1.texts import phrases

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


def write_cohort(
    statuses: Sequence[SampleStatus],
    out_dir: Path,
    lab_name: str,
    *,
    sheet: Iterable[SampleInfo] = (),
    remission: Remission | None = None,
) -> None:
    """Write ``cohort/cohort.tsv``, ``series.tsv``, ``cohort.html`` and ``cohort_mqc.json``.

    Args:
        statuses: One for each sample, in the sheet's order, failed ones included.
        out_dir: The workflow's output folder, which holds ``samples/`` and ``cohort/``.
        lab_name: For the page's head; may be empty.
        sheet: What the sheet says of the samples; a failed one has no result to tell it.
        remission: What the laboratory calls a sample without a variant, or None.

    Raises:
        UserError: the result of a sample that ended well is missing or unreadable.
    """
    entries = read_entries(statuses, out_dir, sheet)
    folder = out_dir / "cohort"
    write_text(folder / "cohort.tsv", render_tsv(entries))
    series = series_table.show(
        series_of(
            (entry.result for entry in entries if entry.result),
            [entry.info for entry in entries if not entry.result],
        ),
        remission,
    )
    rows = series_table.cells(series)
    write_text(folder / "series.tsv", render_table(series_table.COLUMNS, rows))
    write_text(folder / "cohort.html", render_html(entries, series, lab_name))
    write_json(folder / "cohort_mqc.json", multiqc_table(entries))


def render_tsv(entries: Sequence[CohortEntry]) -> str:
    """Return the table of ``COLUMNS``: a header and one line per entry, in the given order.

    Cells hold no line breaks, tabs or other control characters; quotes follow RFC 4180.
    """
    return render_table(COLUMNS, map(cells_of, entries))


def render_table(columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return a header and one line per row, cells written as of :func:`render_tsv`."""
    text = io.StringIO(newline="")
    _fill(text, columns, rows)
    return text.getvalue()


def write_table(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write the same to a file, a row at a time, replacing ``path`` in one step."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as text:
        _fill(text, columns, rows)


def _fill(text: IO[str], columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> None:
    names = list(columns)
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(names)
    for cells in rows:
        writer.writerow([one_line(cells[name]) for name in names])


def multiqc_table(entries: Sequence[CohortEntry]) -> dict[str, Any]:
    """Return MultiQC custom content of plot type ``table``.

    MultiQC shows texts as HTML, so no free text of a sheet enters, only ids, codes and numbers.
    It takes the keys of ``data`` for file names and cuts them (``P1.bam`` to ``P1``), merging the
    rows of samples that then have one name; the rows in a list of one it leaves as they are. Of
    lists with one ``id`` it shows the last only, so each cohort has an ``id`` of its own, and
    ``parent_id`` gathers them.
    """
    rows = {entry.status.sample: _multiqc_row(entry) for entry in entries}
    own = sha256(json.dumps(rows).encode("utf-8")).hexdigest()[:8]
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
        "parent_id": "vexas_uba1",
        "parent_name": "vexas-uba1",
        "id": f"vexas_uba1_{own}",
        "section_name": "UBA1 codon 41",
        "description": "UBA1 codon 41: verdict, VAF and limit of detection of each sample.",
        "plot_type": "table",
        "pconfig": {
            "id": f"vexas_uba1_{own}_table",
            "title": "vexas-uba1: UBA1 codon 41",
            # From 500 rows on MultiQC would draw numbers only, and the verdict is none.
            "no_violin": True,
        },
        "headers": {column: {"scale": False, **header} for column, header in headers.items()},
        "data": [rows] if rows else [],
    }


_PERCENT_COLUMN = {"format": "{:,.3g}", "suffix": " %", "min": 0, "max": 100}


def _multiqc_row(entry: CohortEntry) -> dict[str, str | float]:
    row: dict[str, str | float | None] = {"verdict": phrases("labels")[entry.verdict]}
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


def cells_of(entry: CohortEntry) -> dict[str, object]:
    """Return a sample's cells by column, not yet as text."""
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


def one_line(value: object) -> str:
    """Return a cell's text: no line breaks, tabs or other control characters."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", str(value)).strip()


def _significant(percent: float) -> float:
    return float(f"{percent:.3g}")
