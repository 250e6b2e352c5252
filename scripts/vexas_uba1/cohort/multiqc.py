"""The cohort for MultiQC, which makes one page of many programs' results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from vexas_uba1.cohort.entries import CARRY_OVER_LABELS, CohortEntry
from vexas_uba1.cohort.table import COLUMNS
from vexas_uba1.texts import phrases


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


def _significant(percent: float) -> float:
    return float(f"{percent:.3g}")
