"""The cohort's table, page and MultiQC content."""

from __future__ import annotations

import csv
import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from builders.results import (
    a_call,
    a_negative,
    a_qc,
    a_result,
    a_sample,
    a_variant,
    a_verdict,
    an_empty_result,
    an_input,
)
from vexas_uba1.cohort.summary import write_cohort
from vexas_uba1.cohort.table import COLUMNS
from vexas_uba1.errors import Problem, UserError
from vexas_uba1.result import SampleInfo, SampleResult, write_result
from vexas_uba1.status import SCHEMA_VERSION, SampleStatus
from vexas_uba1.texts import phrases
from vexas_uba1.verdict import decide

CUT_SHORT = Problem("is cut short", "copy the file again", file="s9.bam")


class Page(HTMLParser):
    """What a reader and a browser find in a page: texts of cells, tags, links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self._in_cell = self._in_samples = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag == "table":
            self._in_samples = ("id", "samples") in attrs
        if not self._in_samples:
            return
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def written(
    folder: Path,
    results: list[SampleResult],
    failed: list[str] | None = None,
    *,
    lab_name: str = "",
    sheet: tuple[SampleInfo, ...] = (),
) -> list[dict[str, str]]:
    """Write results and then a cohort of them and the failed; return the table's rows."""
    statuses = []
    for result in results:
        name = result.call.sample.id
        write_result(folder / "samples" / name / f"{name}.result.json", result)
        statuses.append(SampleStatus(SCHEMA_VERSION, name, "ok"))
    for name in failed or []:
        statuses.append(SampleStatus(SCHEMA_VERSION, name, "failed", "call_variants", (CUT_SHORT,)))
    write_cohort(statuses, folder, lab_name, sheet=sheet)
    with (folder / "cohort" / "cohort.tsv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def page(folder: Path) -> Page:
    return Page((folder / "cohort" / "cohort.html").read_text(encoding="utf-8"))


def multiqc(folder: Path) -> dict[str, dict[str, object]]:
    content = json.loads((folder / "cohort" / "cohort_mqc.json").read_text(encoding="utf-8"))
    assert content["plot_type"] == "table"
    tables: list[dict[str, dict[str, object]]] = content["data"]
    data = tables[0] if tables else {}
    assert all(set(row) <= set(content["headers"]) for row in data.values())
    return data


def test_one_row_per_sample_in_the_sheets_order_failed_ones_included(tmp_path: Path) -> None:
    rows = written(tmp_path, [a_negative(sample="S2"), a_result(sample="S1")], ["S9", "S0"])
    assert list(rows[0]) == list(COLUMNS)
    assert [row["sample"] for row in rows] == ["S2", "S1", "S9", "S0"]
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "failed"]
    positive, broken = rows[1], rows[2]
    assert positive["verdict"] == "detected"
    assert (positive["hgvs_c"], positive["hgvs_p"]) == ("c.122T>C", "p.(Met41Thr)")
    assert float(positive["vaf"]) == pytest.approx(151 / 502, rel=1e-5)
    assert (positive["vaf_low95"], positive["vaf_high95"]) == ("0.26", "0.343")
    assert (positive["alt_fragments"], positive["depth_fragments"]) == ("151", "502")
    assert positive["codon41_limit_of_detection_vaf"] == "0.011"
    assert (positive["build"], positive["carry_over"]) == ("GRCh38", "not_checked")
    assert broken["error"] == "s9.bam: is cut short. copy the file again."
    assert broken["verdict"] == ""


def test_a_failed_sample_never_reads_as_a_negative(tmp_path: Path) -> None:
    (row,) = written(tmp_path, [], ["S9"])
    assert row["codon41_depth_fragments"] == ""
    (_, cells) = page(tmp_path).rows
    assert "Failed" in cells[0]
    assert "not a negative" in cells[2]
    assert "call_variants" in cells[2]
    assert "is cut short" in cells[2]
    assert "copy the file again" in cells[2]
    assert multiqc(tmp_path) == {"S9": {"verdict": phrases("labels")["failed"]}}


def test_the_sheet_tells_of_a_failed_sample(tmp_path: Path) -> None:
    sheet = (a_sample(id="S9", patient="P7", collected="2026-02-01", run="R4", assay="wes"),)
    (row,) = written(tmp_path, [], ["S9"], sheet=sheet)
    assert [row[key] for key in ("patient", "collected", "run", "assay")] == [
        "P7",
        "2026-02-01",
        "R4",
        "wes",
    ]
    assert "patient P7" in page(tmp_path).rows[1][1]


def test_the_page_puts_verdicts_first_and_failures_before_negatives(tmp_path: Path) -> None:
    written(
        tmp_path,
        [
            a_negative(sample="NEG"),
            an_empty_result(sample="EMPTY"),
            a_result(sample="LOW", verdict=a_verdict(code="low_level")),
            a_result(sample="POS1"),
            a_result(sample="POS2"),
        ],
        ["BROKEN"],
    )
    samples = [row[1].split()[0] for row in page(tmp_path).rows[1:]]
    assert samples == ["POS1", "POS2", "LOW", "BROKEN", "EMPTY", "NEG"]


def test_the_page_links_reports_by_relative_path_and_loads_nothing(tmp_path: Path) -> None:
    written(tmp_path, [a_result(sample="S1")], ["S9"])
    seen = page(tmp_path)
    assert seen.links == ["#sample-0", "../samples/S1/S1.report.html"]
    assert not seen.tags & {"link", "img", "iframe", "object", "form"}
    text = (tmp_path / "cohort" / "cohort.html").read_text(encoding="utf-8")
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text


def test_what_the_page_says_of_a_positive(tmp_path: Path) -> None:
    written(tmp_path, [a_result(sample="S1")], lab_name="Lab of the Example Hospital")
    text = (tmp_path / "cohort" / "cohort.html").read_text(encoding="utf-8")
    (_, cells) = page(tmp_path).rows
    assert "Lab of the Example Hospital" in text
    assert "30.1 %" in cells[3]
    assert "26.0–34.3 %" in cells[3]
    assert "151 of 502" in cells[4]
    assert "1.1 %" in cells[6]
    assert "catalogue 2026.11" in text
    assert "diagnos" not in text.lower()


def test_a_sample_in_which_nothing_could_be_seen_names_no_limit(tmp_path: Path) -> None:
    (row,) = written(tmp_path, [an_empty_result(sample="S1")])
    assert row["codon41_limit_of_detection_vaf"] == ""
    assert row["codon41_depth_fragments"] == "0"
    assert "none reached" in page(tmp_path).rows[1][6]
    assert "codon41_limit" not in multiqc(tmp_path)["S1"]


def test_an_rna_vaf_is_not_shown_as_one_of_dna(tmp_path: Path) -> None:
    written(tmp_path, [a_result(sample=a_sample(id="S1", assay="rna")), a_result(sample="S2")])
    in_rna, in_dna = page(tmp_path).rows[1:]
    assert in_rna[3].startswith("RNA VAF 30.1 %")
    assert in_rna[6] == "RNA VAF 1.1 %"
    assert "RNA" not in "".join(in_dna)
    numbers = multiqc(tmp_path)
    assert numbers["S1"]["rna_vaf"] == numbers["S2"]["vaf"] == 30.1
    assert numbers["S1"]["codon41_rna_limit"] == numbers["S2"]["codon41_limit"] == 1.1
    assert not {"vaf", "codon41_limit"} & set(numbers["S1"])


def test_carry_over_flags_warnings_and_the_bundled_locus_are_shown(tmp_path: Path) -> None:
    flagged = a_variant(filters=("carry_over",), filter_reasons={"carry_over": "because"})
    (row,) = written(
        tmp_path,
        [
            a_result(
                sample="S1",
                verdict=a_verdict(code="indeterminate"),
                variants=(flagged,),
                input=an_input(bundled_locus=True),
                qc=a_qc(
                    carry_over="explained",
                    carry_over_donors={"c.122T>C": ("S2", "S3")},
                    warnings=("first", "second"),
                ),
            )
        ],
    )
    assert (row["filters"], row["carry_over"]) == ("carry_over", "explained")
    assert (row["warnings"], row["bundled_locus"]) == ("first; second", "yes")
    cells = page(tmp_path).rows[1]
    assert "carry-over: explains a call" in cells[7]
    for said in ("carried over from S2, S3", "first", "second", "bundled gene"):
        assert said in cells[2]


HOSTILE = '<script>alert("x")</script>&amp;\'"'


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    hostile = a_result(
        sample=a_sample(id="S1", patient=HOSTILE, run=HOSTILE, specimen=HOSTILE, collected=HOSTILE),
        verdict=a_verdict(text=HOSTILE, reasons=(HOSTILE,)),
        qc=a_qc(warnings=(HOSTILE,), carry_over_donors={HOSTILE: (HOSTILE,)}),
        catalogue_version=HOSTILE,
    )
    (row,) = written(tmp_path, [hostile], lab_name=HOSTILE)
    text = (tmp_path / "cohort" / "cohort.html").read_text(encoding="utf-8")
    # The page's own script is the only one, and its policy lets no other run.
    assert text.count("<script") == 1
    (policy,) = re.findall(r"script-src 'sha256-([A-Za-z0-9+/=]+)'", text)
    own = text.split("<script>")[1].split("</script>")[0]
    assert policy == b64encode(sha256(own.encode()).digest()).decode()
    assert "&amp;amp;" in text
    seen = page(tmp_path)
    assert f"patient {HOSTILE}" in seen.rows[1][1]
    assert row["patient"] == HOSTILE
    assert "<" not in (tmp_path / "cohort" / "cohort_mqc.json").read_text(encoding="utf-8")


def test_multiqc_keeps_cohorts_apart_that_it_reads_together(tmp_path: Path) -> None:
    """By name: of tables with one id it shows the last alone."""
    contents = []
    for folder, sample in (("one", "S1"), ("two", "S2"), ("again", "S1")):
        written(tmp_path / folder, [a_result(sample=sample)])
        text = (tmp_path / folder / "cohort" / "cohort_mqc.json").read_text(encoding="utf-8")
        contents.append(json.loads(text))
    one, two, again = contents
    assert one["id"] != two["id"] and one["pconfig"]["id"] != two["pconfig"]["id"]
    assert one["parent_id"] == two["parent_id"] == "vexas_uba1"
    assert one == again


@pytest.mark.parametrize(
    "breaker",
    ["a\tb", "a\nb", "a\r\nb", "a\x0bb", "a\x1eb", "a\x85b", "a\u2028b", "a\x00b", '"a b'],
)
def test_nothing_breaks_rows_or_columns(tmp_path: Path, breaker: str) -> None:
    result = a_result(
        sample=a_sample(id="S1", patient=breaker),
        verdict=a_verdict(text=breaker),
        qc=a_qc(warnings=(breaker,)),
    )
    name = "S1"
    write_result(tmp_path / "samples" / name / f"{name}.result.json", result)
    failed = SampleStatus(
        SCHEMA_VERSION, "S9", "failed", breaker, (Problem(breaker, breaker, value=breaker),)
    )
    write_cohort([SampleStatus(SCHEMA_VERSION, name, "ok"), failed], tmp_path, breaker)
    text = (tmp_path / "cohort" / "cohort.tsv").read_bytes().decode("utf-8")
    assert text.endswith("\n")
    # Both ways of reading agree: plain splitting and a reader that knows quotes.
    assert len(text.splitlines()) == 3
    assert {line.count("\t") for line in text.splitlines()} == {len(COLUMNS) - 1}
    rows = list(csv.reader(text.splitlines(), delimiter="\t"))
    assert [len(row) for row in rows] == [len(COLUMNS)] * 3
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


def test_no_absolute_path_of_a_problem_is_shown(tmp_path: Path) -> None:
    place = "/home/someone/private/s9.bam"
    problem = Problem(f"{place} is cut short", "copy it again", file=place)
    failed = SampleStatus(SCHEMA_VERSION, "S9", "failed", "call_variants", (problem,))
    write_cohort([failed], tmp_path, "")
    for output in (tmp_path / "cohort").iterdir():
        text = output.read_text(encoding="utf-8")
        assert "private" not in text
        assert str(tmp_path) not in text
    assert "s9.bam" in (tmp_path / "cohort" / "cohort.html").read_text(encoding="utf-8")


def test_an_empty_cohort(tmp_path: Path) -> None:
    write_cohort([], tmp_path, "")
    text = (tmp_path / "cohort" / "cohort.tsv").read_text(encoding="utf-8")
    assert text == "\t".join(COLUMNS) + "\n"
    assert "No samples" in (tmp_path / "cohort" / "cohort.html").read_text(encoding="utf-8")
    assert multiqc(tmp_path) == {}


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    results = [a_result(sample="S1"), a_negative(sample="S2")]
    for folder in ("one", "two"):
        written(tmp_path / folder, results, ["S9"])
    for name in ("cohort.tsv", "cohort.html", "cohort_mqc.json"):
        first, second = (tmp_path / folder / "cohort" / name for folder in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()


def test_an_edited_result_reaches_every_output(tmp_path: Path) -> None:
    written(tmp_path, [a_result(sample="S1")])
    path = tmp_path / "samples" / "S1" / "S1.result.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields["variants"][0]["vaf"] = 0.4321
    path.write_text(json.dumps(fields), encoding="utf-8")
    write_cohort([SampleStatus(SCHEMA_VERSION, "S1", "ok")], tmp_path, "")
    assert "0.4321" in (tmp_path / "cohort" / "cohort.tsv").read_text(encoding="utf-8")
    assert "43.2 %" in page(tmp_path).rows[1][3]
    assert multiqc(tmp_path)["S1"]["vaf"] == 43.2


def test_a_result_that_is_gone_is_an_error_not_an_empty_row(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"S1\.result\.json"):
        write_cohort([SampleStatus(SCHEMA_VERSION, "S1", "ok")], tmp_path, "")
    assert not (tmp_path / "cohort" / "cohort.tsv").exists()


PASSING = a_variant(hgvs_c="c.122T>C", vaf=0.1)
GREATER = a_variant(hgvs_c="c.121A>G", vaf=0.2)
FLAGGED = a_variant(
    hgvs_c="c.121A>C", vaf=0.9, filters=("strand",), filter_reasons={"strand": "one strand"}
)
OTHER_LOCUS = a_variant(hgvs_c="c.167C>T", vaf=0.6, at_codon41=False)
BELOW_REPORTING = a_variant(hgvs_c="c.122T>C", vaf=0.01)
ELSEWHERE = a_variant(hgvs_c="c.1430G>C", vaf=0.5, verdict_class="uncatalogued", at_codon41=False)
SILENT = a_variant(
    hgvs_c="c.123G>A",
    vaf=0.99,
    verdict_class="uncatalogued",
    at_codon41=False,
    changes_protein=False,
)


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ((PASSING, GREATER, FLAGGED, ELSEWHERE, SILENT), "c.121A>G"),
        ((OTHER_LOCUS, PASSING), "c.122T>C"),
        ((OTHER_LOCUS, BELOW_REPORTING), "c.167C>T"),
        ((FLAGGED, BELOW_REPORTING), "c.122T>C"),
        ((FLAGGED, ELSEWHERE), "c.121A>C"),
        ((SILENT, ELSEWHERE), "c.1430G>C"),
        ((SILENT,), None),
        ((), None),
    ],
)
def test_the_row_names_the_variant_that_the_verdict_rests_on(
    tmp_path: Path, variants: tuple[object, ...], expected: str | None
) -> None:
    for order in (variants, variants[::-1]):
        call = a_call(variants=order)
        result = SampleResult(call, decide(call))
        write_result(tmp_path / "samples" / "S1" / "S1.result.json", result)
        write_cohort([SampleStatus(SCHEMA_VERSION, "S1", "ok")], tmp_path, "")
        rows = (tmp_path / "cohort" / "cohort.tsv").read_text(encoding="utf-8").splitlines()
        row = dict(zip(rows[0].split("\t"), rows[1].split("\t"), strict=True))
        assert row["hgvs_c"] == (expected or "")
