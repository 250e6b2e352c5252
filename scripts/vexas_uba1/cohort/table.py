"""The cohort's table: a column a fact, a row a sample."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from vexas_uba1.cohort.entries import CohortEntry
from vexas_uba1.files import replacing

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
