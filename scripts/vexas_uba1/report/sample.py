"""All files that are written from one ``result.json``."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import NoReturn

from vexas_uba1.errors import Problem, UserError
from vexas_uba1.igv import write_session
from vexas_uba1.report.page import write_report
from vexas_uba1.result import read_result
from vexas_uba1.samples.schema import load_schema
from vexas_uba1.tables import write_variants_table
from vexas_uba1.vcf import write_vcf

RENDERED = ("uba1.vcf.gz", "uba1.vcf.gz.tbi", "variants.tsv", "report.html", "igv.xml")
"""What is written from a result, after ``{sample}.``."""
_MOST_PROBLEMS = 5
_LONGEST = 200


def render_sample(result_json: Path, out_dir: Path, lab_name: str) -> list[Path]:
    """Write a sample's VCF, its index, table, report and IGV session; return their paths.

    Args:
        result_json: The finished result.
        out_dir: Folder of the files, which carry the sample's name; made if missing. The session
            opens the VCF and, where it lies beside it, the sample's BAM.
        lab_name: Printed at the top of the report; may be empty.

    Raises:
        UserError: ``result_json`` is missing or not a result of this version; nothing is written
            then.
    """
    _check(result_json)
    result = read_result(result_json)
    files = [out_dir / f"{result.call.sample.id}.{name}" for name in RENDERED]
    vcf, _, table, report, session = files
    write_vcf(vcf, result)
    write_variants_table(table, result)
    write_report(report, result, lab_name)
    write_session(session, result.call)
    return files


def _check(file: Path) -> None:
    """Check a file that may come from anywhere against the schema, before its id names files."""
    from jsonschema import Draft202012Validator

    remedy = "Name the result.json that a run has written, or run the sample again"
    try:
        content = json.loads(
            file.read_text(encoding="utf-8"), parse_float=_finite, parse_constant=_not_json
        )
    except OSError as error:
        reason = {FileNotFoundError: "no such file", IsADirectoryError: "this is a folder"}.get(
            type(error), f"it cannot be read ({error.strerror})"
        )
        raise UserError(reason, remedy=remedy, file=file.name) from None
    except (ValueError, RecursionError) as error:
        # Of JSON errors the place, of others the number.
        raise UserError(f"is not JSON: {error}", remedy=remedy, file=file.name) from None
    if not isinstance(content, dict) or "schema_version" not in content:
        return  # said better by the reader
    version = content["schema_version"]
    schema = load_schema("result")
    if version != schema["$defs"]["schema_version"].get("const", version):
        return
    errors = sorted(Draft202012Validator(schema).iter_errors(content), key=lambda e: e.json_path)
    problems = [
        Problem(f"{error.json_path}: {_short(error.message)}", remedy, file=file.name)
        for error in errors[:_MOST_PROBLEMS]
    ]
    if not problems:
        about = load_schema("samples")["properties"]["sample"]
        sample = content["sample"]["id"]
        # Python's $ also stands before a final line feed.
        if not re.fullmatch(about["pattern"], sample) or sample.endswith("\n"):
            message = "$.sample.id: this is not a sample's name"
            problems = [Problem(message, remedy, file=file.name, value=_short(sample))]
    if problems:
        raise UserError.of(problems)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text} is too large")
    return number


def _not_json(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
