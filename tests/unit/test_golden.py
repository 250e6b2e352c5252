"""The whole text of each page, line by line, as it was last looked at.

After a change that is meant, read the difference and renew the files:
``VEXAS_RENEW_GOLDEN=1 python -m pytest tests/unit/test_golden.py``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from builders.results import (
    a_call,
    a_codon41,
    a_forced_allele,
    a_sample,
    a_variant,
    an_empty_result,
)
from vexas_uba1.cohort.entries import CohortEntry
from vexas_uba1.cohort.page import render_html
from vexas_uba1.cohort.series import series_of
from vexas_uba1.cohort.series_table import show
from vexas_uba1.errors import Problem
from vexas_uba1.report.page import render_report
from vexas_uba1.result import SampleCall, SampleInfo, SampleResult
from vexas_uba1.status import SCHEMA_VERSION, SampleStatus
from vexas_uba1.verdict import decide

GOLDEN = Path(__file__).parents[1] / "golden"
RENEW = "VEXAS_RENEW_GOLDEN"
_BLOCKS = {
    *("p", "li", "h1", "h2", "h3", "h4", "tr", "div", "caption", "figcaption", "text", "title"),
    *("section", "table", "figure", "label", "footer", "header"),
}


class _Lines(HTMLParser):
    """Collects what a reader sees, a block a line, cells apart by bars."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script"):
            self._hidden += 1
        elif tag in _BLOCKS:
            self.text += "\n"
        elif tag in ("td", "th", "dd"):
            self.text += " | "

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script"):
            self._hidden -= 1
        elif tag in _BLOCKS:
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data.replace("\n", " ")


def lines_of(page: str) -> str:
    reader = _Lines()
    reader.feed(page)
    lines = (re.sub(r"\s+", " ", line).strip() for line in reader.text.split("\n"))
    return "".join(f"{line}\n" for line in lines if line)


def _decided(call: SampleCall) -> SampleResult:
    return SampleResult(call, decide(call))


def _positive() -> SampleResult:
    return _decided(a_call())


def _negative() -> SampleResult:
    unseen = tuple(
        a_forced_allele(hgvs_c=name, hgvs_p=protein, limit_of_detection_vaf=limit)
        for name, protein, limit in (
            ("c.121A>G", "p.(Met41Val)", 0.011),
            ("c.121A>C", "p.(Met41Leu)", 0.0105),
            ("c.122T>C", "p.(Met41Thr)", 0.01),
        )
    )
    codon = a_codon41(haplotypes={"ATG": 502})
    return _decided(a_call(variants=(), forced_alleles=unseen, codon41=codon))


def _flagged() -> SampleResult:
    reason = "all 9 supporting fragments show it on the reverse strand"
    variant = a_variant(
        hgvs_c="c.121A>C",
        hgvs_p="p.(Met41Leu)",
        filters=("one_strand",),
        filter_reasons={"one_strand": reason},
    )
    return _decided(a_call(variants=(variant,)))


def _rna() -> SampleResult:
    return _decided(a_call(sample=a_sample(assay="rna", transplant="allogeneic")))


def _report(make: Callable[[], SampleResult]) -> str:
    return render_report(make(), "Laboratory of the test")


def _cohort() -> str:
    results = [
        replace(_positive(), call=a_call(sample=a_sample(id="FIRST", collected="2025-11-03"))),
        replace(_negative(), call=replace(_negative().call, sample=a_sample(id="SECOND"))),
        an_empty_result(sample=a_sample(id="EMPTY", patient="P2")),
    ]
    entries = [
        CohortEntry(
            result.call.sample, SampleStatus(SCHEMA_VERSION, result.call.sample.id, "ok"), result
        )
        for result in results
    ]
    problem = Problem("is cut short", "copy the file again", file="s9.bam")
    failed = SampleStatus(SCHEMA_VERSION, "BROKEN", "failed", "extract_region", (problem,))
    entries.append(CohortEntry(SampleInfo("BROKEN", patient="P1"), failed, None))
    series = show(series_of(results, [SampleInfo("BROKEN", patient="P1")]), None)
    return render_html(entries, series, "Laboratory of the test")


PAGES: dict[str, Callable[[], str]] = {
    "report_positive": lambda: _report(_positive),
    "report_negative": lambda: _report(_negative),
    "report_flagged": lambda: _report(_flagged),
    "report_rna_after_transplant": lambda: _report(_rna),
    "report_without_reads": lambda: _report(an_empty_result),
    "cohort": _cohort,
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_it_said(name: str) -> None:
    said, file = lines_of(PAGES[name]()), GOLDEN / f"{name}.txt"
    if os.environ.get(RENEW):
        file.write_text(said, encoding="utf-8")
    assert said == file.read_text(encoding="utf-8")


def test_every_golden_text_is_of_a_page() -> None:
    assert {file.stem for file in GOLDEN.glob("*")} == set(PAGES)
