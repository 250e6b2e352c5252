"""The whole sheet at a glance: cohort.tsv, cohort.html and a table for MultiQC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from vexas_uba1.cohort import series_table
from vexas_uba1.cohort.entries import read_entries
from vexas_uba1.cohort.multiqc import multiqc_table
from vexas_uba1.cohort.page import render_html
from vexas_uba1.cohort.series import series_of
from vexas_uba1.cohort.table import render_table, render_tsv
from vexas_uba1.files import write_json, write_text
from vexas_uba1.result import SampleInfo
from vexas_uba1.samples.config import Remission
from vexas_uba1.status import SampleStatus


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
