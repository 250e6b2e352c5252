"""All files that are written from one ``result.json``."""

from __future__ import annotations

from pathlib import Path

from vexas_uba1.report.page import write_report
from vexas_uba1.result import read_result
from vexas_uba1.tables import write_variants_table
from vexas_uba1.vcf import write_vcf


def render_sample(result_json: Path, out_dir: Path, lab_name: str) -> list[Path]:
    """Write a sample's VCF, its index, table and report into ``out_dir``; return their paths.

    Args:
        result_json: The finished result.
        out_dir: Folder of the files, which carry the sample's name; made if missing.
        lab_name: Printed at the top of the report; may be empty.

    Raises:
        UserError: ``result_json`` is missing or not a result of this version.
    """
    result = read_result(result_json)
    stem = result.call.sample.id
    vcf = out_dir / f"{stem}.uba1.vcf.gz"
    table = out_dir / f"{stem}.variants.tsv"
    report = out_dir / f"{stem}.report.html"
    write_vcf(vcf, result)
    write_variants_table(table, result)
    write_report(report, result, lab_name)
    return [vcf, vcf.with_name(f"{vcf.name}.tbi"), table, report]
