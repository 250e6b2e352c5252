"""The cohort's table in a real MultiQC report."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from builders.results import a_result, a_sample
from builders.workflow import cohort
from vexas_uba1.cohort.summary import write_cohort
from vexas_uba1.errors import Problem
from vexas_uba1.result import write_result
from vexas_uba1.status import SCHEMA_VERSION, SampleStatus
from vexas_uba1.texts import phrases

BESIDE = Path(sys.executable).with_name("multiqc")
PROGRAM = str(BESIDE) if BESIDE.exists() else shutil.which("multiqc")

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="multiqc is not installed: pip install -e '.[multiqc]'"
)


def multiqc(folder, out):
    """Run MultiQC on a folder; return its tables, all that it read, its page and what it said."""
    # A user's own settings change what it finds.
    alone = {key: value for key, value in os.environ.items() if not key.startswith("MULTIQC_")}
    done = subprocess.run(
        [PROGRAM, "--strict", "--no-version-check", "--no-ansi", "--outdir", out, folder],
        cwd=folder,
        env={**alone, "HOME": str(out.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    tables = []
    for file in sorted((out / "multiqc_data").glob("multiqc_vexas_uba1_*_table.txt")):
        with file.open(encoding="utf-8", newline="") as handle:
            rows = csv.DictReader(handle, delimiter="\t")
            tables.append({row["Sample"]: row for row in rows})
    data = json.loads((out / "multiqc_data" / "multiqc_data.json").read_text(encoding="utf-8"))
    page = (out / "multiqc_report.html").read_text(encoding="utf-8")
    return tables, set(data["report_data_sources"]), page, said


def no_complaint(said):
    return not [word for word in ("WARNING", "ERROR", "Lint", "Traceback") if word in said]


def test_the_table_of_a_finished_run(from_alignments, tmp_path):
    (table,), read, page, said = multiqc(from_alignments.results, tmp_path / "out")
    assert no_complaint(said), said
    # Nothing else in the folder of results is taken for the output of a program that it knows.
    assert len(read) <= 1, read
    rows = cohort(from_alignments.results)
    assert set(table) == set(rows)
    for sample, row in table.items():
        told = rows[sample]
        assert row["verdict"] == phrases("labels")[told["verdict"]]
        assert row["variant"] == told["hgvs_c"]
        assert float(row["codon41_depth"]) == float(told["codon41_depth_fragments"])
        for column, name in (
            ("vaf", "vaf"),
            ("codon41_limit", "codon41_limit_of_detection_vaf"),
        ):
            assert bool(row[column]) == bool(told[name])
            if row[column]:
                assert float(row[column]) == pytest.approx(100 * float(told[name]), rel=0.006)
    assert "UBA1 codon 41" in page and "vexas-uba1" in page


NAMES = [
    # MultiQC takes names for those of files and cuts what it knows.
    *("P", "P.bam", "P.sorted.bam", "P.fastq.gz", "P_R1", "P_1", "P.result", "P_mqc", "P.a..b-"),
    # What YAML, JSON, JavaScript or a spreadsheet would take for something else.
    *("007", "7", "1e5", "null", "true", "NaN", "constructor", "toString"),
]
HOSTILE = "<script>document.title='taken'</script>\"'&"


def cohort_of(folder, names, failed=()):
    statuses = []
    for name in names:
        made = a_result(sample=a_sample(id=name, patient=HOSTILE, run="R-1.x_2"))
        write_result(folder / "samples" / name / f"{name}.result.json", made)
        statuses.append(SampleStatus(SCHEMA_VERSION, name, "ok"))
    for name in failed:
        problem = Problem(HOSTILE, HOSTILE, file=HOSTILE)
        statuses.append(SampleStatus(SCHEMA_VERSION, name, "failed", "call_variants", (problem,)))
    write_cohort(statuses, folder, HOSTILE)


def test_every_sample_keeps_its_row_and_no_text_of_the_sheet_enters(tmp_path):
    cohort_of(tmp_path / "in", NAMES, failed=["P.bai"])
    (table,), _, page, said = multiqc(tmp_path / "in", tmp_path / "out")
    assert no_complaint(said), said
    assert sorted(table) == sorted([*NAMES, "P.bai"])
    assert table["P.bai"]["verdict"] == phrases("labels")["failed"]
    assert all(table[name]["verdict"] == phrases("labels")["detected"] for name in NAMES)
    assert "document.title='taken'" not in page


def test_results_of_two_runs_are_both_shown(tmp_path):
    cohort_of(tmp_path / "in" / "june", ["S1", "S2"])
    cohort_of(tmp_path / "in" / "july", ["S1", "S3"])
    tables, _, _, said = multiqc(tmp_path / "in", tmp_path / "out")
    assert no_complaint(said), said
    assert sorted(map(sorted, tables)) == [["S1", "S2"], ["S1", "S3"]]
