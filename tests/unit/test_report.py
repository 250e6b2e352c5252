"""The report: says what the result says, in permitted words, and stands alone."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from builders.cases import chromosomes
from builders.results import (
    a_call,
    a_codon41,
    a_forced_allele,
    a_negative,
    a_qc,
    a_result,
    a_sample,
    a_target,
    a_variant,
    a_verdict,
    an_empty_result,
    an_input,
    some_targets,
)
from builders.workflow import here
from vexas_uba1.clones import clone_fraction
from vexas_uba1.grouping.report import DuplicateReport
from vexas_uba1.numbers import count, interval, limit, percent, quality
from vexas_uba1.report import wording
from vexas_uba1.report.coverage_figure import draw_coverage
from vexas_uba1.report.page import render_report, write_report
from vexas_uba1.report.reads_figure import draw_reads
from vexas_uba1.report.sample import render_sample
from vexas_uba1.report.vaf_axis import draw_vaf_axis
from vexas_uba1.report.wording import unbroken
from vexas_uba1.result import ExonCoverage, PrimerUse, SampleResult, write_result
from vexas_uba1.sex import check_sex
from vexas_uba1.verdict import decide

FLAGGED = a_variant(
    hgvs_c="c.121A>C",
    hgvs_p="p.(Met41Leu)",
    pos=47199051,
    ref="A",
    alt="C",
    alt_fragments=9,
    vaf=9 / 502,
    vaf_low95=0.0082,
    vaf_high95=0.0337,
    filters=("one_strand",),
    filter_reasons={"one_strand": "all 9 supporting fragments show it on the reverse strand"},
)
OTHER_DISEASE = a_variant(
    hgvs_c="c.1617G>T",
    hgvs_p="p.(Met539Ile)",
    pos=47205989,
    ref="G",
    alt="T",
    category="germline_other_disease",
    verdict_class="other_disease",
    evidence="germline_SMAX2",
    sources=("PMID:18179898",),
    sources_read=False,
    at_codon41=False,
)

VOID = {"meta", "link", "br", "line", "circle"}


class _Reader(HTMLParser):
    """Reads a page as a browser shows it, and notes what is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def page(result: SampleResult, lab_name: str = "") -> _Reader:
    reader = _Reader()
    reader.feed(render_report(result, lab_name))
    assert reader.open == []
    return reader


def text(result: SampleResult, lab_name: str = "") -> str:
    return " ".join(" ".join(page(result, lab_name).words).split())


def decided(**changes: Any) -> SampleResult:
    """Return a result with the verdict that its call has earned."""
    call = a_call(**changes)
    return SampleResult(call=call, verdict=decide(call))


def test_a_positive_report_says_everything_about_its_variant() -> None:
    shown = text(a_result(), "Laboratory of the test")
    for expected in (
        "Laboratory of the test",
        "Variant detected",
        "S1",
        "P1",
        "blood",
        "2026-01-05",
        "capture panel",
        "NM_003334.4:c.122T>C p.(Met41Thr)",
        "codon 41, start codon of the UBA1b isoform",
        "GRCh38 chrX:47199052 T>C",
        "30.1 % (26.0–34.3 %)",
        "151 of 502",
        "80 of 300 , 85 of 280",
        "9999",
        "PMID:33108101, PMID:35793467",
        "man, one X: VAF — 30.1 %",
        "Consistent with VEXAS syndrome in the right clinical setting",
        "Somatic origin is not established by this test",
        "Research use",
        "12,345 bytes",
        "0" * 64,
        "0.24.1",
        "2026.11",
        "reporting_limit_vaf 0.02",
    ):
        assert expected in shown, expected


def test_the_text_of_the_verdict_and_its_reasons_are_shown() -> None:
    verdict = a_verdict(
        text="The sentence of the result.",
        reasons=(
            "indeterminate:c.121A>C:one_strand,read_end",
            "codon41_not_assessable",
            "new: kind",
        ),
    )
    shown = text(a_result(verdict=verdict))
    assert "The sentence of the result." in shown
    assert "Also seen, but flagged: c.121A>C (one strand, read end)." in shown
    assert "The codon's limit of detection misses the required one." in shown
    assert "new: kind" in shown


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("detected", "Variant detected"),
        ("low_level", "Variant detected at a low level"),
        ("indeterminate", "Indeterminate"),
        ("other_variant", "Other variant found"),
        ("not_assessable", "Not assessable"),
        ("not_detected", "Not detected"),
    ],
)
def test_each_verdict_is_said_in_words_not_in_colour_alone(code: str, words: str) -> None:
    html = render_report(a_negative(verdict=a_verdict(code=code, text="…")), "")
    assert f"<h2>{words}</h2>" in html


def test_what_could_not_be_assessed_is_said_plainly() -> None:
    targets = (
        *some_targets(),
        a_target(
            name="exon 7",
            kind="exon",
            assessable=False,
            positions=91,
            positions_below_required=8,
        ),
        a_target(
            name="c.167",
            kind="vexas_locus",
            assessable=False,
            positions=2,
            positions_below_required=1,
        ),
    )
    shown = text(a_negative(targets=targets))
    assert (
        "Not assessable (limit of detection worse than 2 % VAF): "
        "exon 14, exon 7 (8 of 91 bases), c.167." in shown
    )
    assert "no · 40 %" in shown


def test_an_assessed_locus_is_not_said_to_have_gaps() -> None:
    # Its decisive alleles reach the limit, though a search of its bases would not.
    targets = (
        a_target(positions_below_required=3),
        a_target(name="c.1861", kind="vexas_locus", positions=1, positions_below_required=1),
    )
    shown = text(a_negative(targets=targets))
    assert "Every target could be assessed." in shown
    assert not re.search(r"of \d+ bases", shown)


def test_a_sample_without_reads_is_no_negative() -> None:
    result = an_empty_result()
    shown = text(result)
    assert "Nothing could be searched: no usable read lies on UBA1." in shown
    assert "No variant was found" not in shown
    assert "not reached" in shown and "not covered" in shown
    # Of figures only that of the coverage, in which every base is missed.
    assert page(result).tags.count("svg") == 1


def test_a_negative_says_that_it_does_not_exclude() -> None:
    assert "does not exclude VEXAS syndrome" in text(a_negative())
    assert "does not exclude VEXAS syndrome" not in text(a_result())


def test_a_flagged_variant_is_explained_and_not_called_consistent() -> None:
    shown = text(a_result(variants=(FLAGGED,), verdict=a_verdict(code="indeterminate", text="…")))
    assert "Flag: one strand all 9 supporting fragments show it on the reverse strand" in shown
    assert "flagged: not enough evidence by itself" in shown
    assert "Consistent with VEXAS" not in shown


def test_a_variant_of_another_disease_never_reads_as_vexas() -> None:
    shown = text(decided(variants=(OTHER_DISEASE,)))
    assert "Other variant found" in shown
    assert "VEXAS" not in shown
    assert "Known in another disease" in shown
    assert "PMID:18179898 (source not read)" in shown


def test_variants_that_decide_stand_before_flagged_ones() -> None:
    shown = text(
        a_result(variants=(FLAGGED, OTHER_DISEASE, a_variant()), verdict=a_verdict(text="…"))
    )
    found = shown.partition("Variants found")[2]
    places = [found.index(name) for name in ("4:c.122T>C", "4:c.1617G>T", "4:c.121A>C")]
    assert places == sorted(places)


def test_every_vaf_of_rna_is_called_an_rna_vaf() -> None:
    rna = decided(
        sample=a_sample(assay="rna"),
        variants=(a_variant(clone_fraction={}), replace(FLAGGED, clone_fraction={})),
    )
    shown = text(rna)
    assert "An RNA VAF is not a DNA VAF" in shown
    assert "cDNA fragment" in shown and "one DNA" not in shown
    assert "limit of detection here: RNA VAF 1.1 %" in shown
    assert "cDNA" not in text(a_result())
    labels = [attribute for name, attribute in page(rna).attributes if name == "aria-label"]
    said = " ".join((shown, *filter(None, labels)))
    assert re.findall(r"(?<!RNA )(?<!DNA )\bVAF\b", said) == []
    assert len(re.findall(r"RNA VAF", said)) > 8


def test_cautions_stand_before_the_numbers() -> None:
    result = a_result(
        input=an_input(bundled_locus=True),
        codon41=a_codon41(count_unit="reads"),
        qc=a_qc(
            warnings=("1 read group carries another name.",),
            carry_over="explained",
            carry_over_donors={"c.122T>C": ("S7", "S9")},
        ),
    )
    shown = text(result)
    numbers_begin = shown.index("Haplotypes:")
    for caution in (
        "Aligned to the bundled gene alone",
        "Counts are reads, not molecules",
        "1 read group carries another name.",
        "c.122T>C may come from another sample of the run: S7, S9.",
    ):
        assert shown.index(caution) < numbers_begin
    assert "Aligned to the bundled gene alone" not in text(a_result())
    assert "151 of 502" in shown and "ALT of all reads" in shown


def test_forced_alleles_are_listed_seen_or_not() -> None:
    alleles = (
        a_forced_allele(),
        a_forced_allele(hgvs_c="c.121A>T", alt_fragments=2, vaf_upper95=0.0125),
        a_forced_allele(hgvs_c="c.122T>C", alt_fragments=151, significant=True),
        a_forced_allele(hgvs_c="c.1861A>T", depth_fragments=0, limit_of_detection_vaf=None),
    )
    table = text(a_result(forced_alleles=alleles)).partition("Alleles looked for in every sample")[
        2
    ]
    assert "c.121A>G p.(Met41Val) decisive 0 / 502 not seen 1.1 % 0.595 %" in table
    assert "2 / 502 within error 1.1 % 1.25 %" in table
    assert "151 / 502 seen" in table
    assert "0 / 0 not covered not reached" in table


HOSTILE = "<script>alert(1)</script>\"'&</style>"


@pytest.mark.parametrize(
    "result",
    [
        a_result(sample=a_sample(id=HOSTILE, patient=HOSTILE, run=HOSTILE, specimen=HOSTILE)),
        a_result(qc=a_qc(warnings=(HOSTILE,), error_model=HOSTILE, reference_source=HOSTILE)),
        a_result(verdict=a_verdict(text=HOSTILE, reasons=(HOSTILE,))),
        a_result(variants=(a_variant(hgvs_c=HOSTILE, evidence=HOSTILE, sources=(HOSTILE,)),)),
        a_result(variants=(a_variant(filters=(HOSTILE,), filter_reasons={HOSTILE: HOSTILE}),)),
        a_result(codon41=a_codon41(haplotypes={HOSTILE: 3})),
        a_result(
            software={HOSTILE: HOSTILE}, parameters={"reporting_limit_vaf": 0.02, "x": HOSTILE}
        ),
        a_result(targets=(a_target(name=HOSTILE),)),
    ],
)
def test_nothing_of_the_result_becomes_markup(result: SampleResult) -> None:
    html = render_report(result, HOSTILE)
    assert "<script" not in html
    assert html.count("</style>") == 1
    assert HOSTILE in text(result, HOSTILE).replace(" ", "")


@pytest.mark.parametrize("result", [a_result(), a_negative(), an_empty_result()])
def test_the_page_needs_nothing_from_elsewhere(result: SampleResult) -> None:
    html = render_report(result, "")
    reader = page(result)
    assert not {"script", "img", "iframe", "object"} & set(reader.tags)
    targets = [value for name, value in reader.attributes if name in {"src", "href", "action"}]
    assert targets == ["data:,"]
    assert "url(" not in html and "@import" not in html and "://" not in html


@pytest.mark.parametrize("result", [a_result(), a_negative(), an_empty_result(), decided()])
def test_words_that_a_report_must_not_use(result: SampleResult) -> None:
    shown = text(result).lower()
    for word in ("diagnosed", "treatment", "therapy", "azacitidine", "prognosis", "survival"):
        assert word not in shown


@pytest.mark.parametrize("sex", ["male", "female", "unknown"])
def test_a_vaf_of_100_percent_is_never_called_germline(sex: str, tmp_path: Path) -> None:
    whole = a_variant(
        alt_fragments=502,
        vaf=1.0,
        vaf_low95=0.993,
        vaf_high95=1.0,
        clone_fraction=clone_fraction(1.0, a_sample(sex=sex)),
    )
    codon = a_codon41(haplotypes={"ACG": 502})
    result = decided(sample=a_sample(sex=sex), codon41=codon, variants=(whole,))
    assert result.verdict.code == "detected"
    write_result(tmp_path / "result.json", result)
    files = [tmp_path / "result.json", *render_sample(tmp_path / "result.json", tmp_path, "")]
    read = [gzip.open if file.suffix in (".gz", ".tbi") else open for file in files]
    for file, opened in zip(files, read, strict=True):
        with opened(file, "rb") as handle:
            content = handle.read().lower()
        for word in (b"germline", b"hemizygous", b"homozygous", b"constitutional", b"inherited"):
            assert word not in content, (file.name, word)


def test_the_quality_section_names_unit_primers_and_sex() -> None:
    shown = text(a_result())
    assert "Unit of all counts fragments" in shown
    assert "Sex by coverage not checked: how deeply a panel covers" in shown
    assert "Primers" not in shown
    amplicon = a_result(
        sample=a_sample(assay="amplicon"),
        codon41=a_codon41(count_unit="input_copies"),
        parameters={**a_call().parameters, "input_ng": 2.5, "primers_file": "p.bed"},
        qc=a_qc(primers=PrimerUse(4, 6000, 5000, 1200)),
    )
    assert "Unit of all counts input copies: at most those in 2.5 ng of DNA" in text(amplicon)
    assert (
        "Primers p.bed: 4 at the gene; 6,000 fragments begin or end in one; of 5,000 over the "
        "codon, 1,200 have a primer's bases there"
    ) in text(amplicon)
    assert "Primers none given" in text(a_result(sample=a_sample(assay="amplicon")))


def test_a_conflict_of_sex_is_a_caution_with_its_numbers_in_the_quality_section() -> None:
    found = check_sex(a_sample(assay="wgs"), chromosomes({"X": 0.98, "Y": 0.02}))
    shown = text(a_result(qc=a_qc(sex_check=found, warnings=(found.note,))))
    assert "Warning. the sheet says male, but X and Y are covered as by two X without Y" in shown
    assert (
        "Sex by coverage two X without Y (coverage of X 0.98, of Y 0.02 of the autosomes'); "
        "expected male: does not agree"
    ) in shown
    assert shown.index("Warning.") < shown.index("Sex by coverage")
    fitting = check_sex(a_sample(assay="wgs"), chromosomes({"X": 0.5, "Y": 0.2}))
    assert "expected male: agrees" in text(a_result(qc=a_qc(sex_check=fitting)))
    unclear = check_sex(a_sample(assay="wgs"), chromosomes({"X": 0.7, "Y": 0.2}))
    assert "unclear (coverage of X 0.70" in text(a_result(qc=a_qc(sex_check=unclear)))


def test_a_name_in_the_verdict_is_not_broken_after_its_full_stop() -> None:
    html = render_report(decided(), "")
    for piece in ("NM_003334.4:c.122T&gt;C", "p.(Met41Thr)", "30.1 %", "26.0–34.3 %;"):
        assert f'<span class="unbroken">{piece}</span>' in html
    verdict = decided().verdict.text
    assert "".join(unbroken(verdict)) == verdict and "\u00a0" not in verdict


def test_the_reference_haplotype_is_marked() -> None:
    shown = text(a_result())
    assert "ATG reference 351" in shown and "ACG 151" in shown


def test_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    write_report(tmp_path / "one.html", a_result(), "Lab")
    write_report(tmp_path / "two.html", a_result(), "Lab")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_an_edited_result_reaches_every_output(tmp_path: Path) -> None:
    source = tmp_path / "S1.result.json"
    write_result(source, a_result())
    first = render_sample(source, tmp_path / "out", "Lab")
    kinds = ("uba1.vcf.gz", "uba1.vcf.gz.tbi", "variants.tsv", "report.html", "igv.xml")
    names = [f"S1.{kind}" for kind in kinds]
    assert [path.name for path in first] == names
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(names)

    content = source.read_text("utf-8")
    for old, new in (
        (repr(151 / 502), "0.4567"),
        ('"alt_fragments": 151', '"alt_fragments": 229'),
        ("Consistent with VEXAS syndrome", "A sentence edited by hand"),
    ):
        assert old in content
        content = content.replace(old, new)
    source.write_text(content, "utf-8")
    vcf, _, table, report, _ = render_sample(source, tmp_path / "out", "Lab")

    import pysam

    with pysam.VariantFile(str(vcf)) as handle:
        (record,) = list(handle)
    assert record.samples["S1"]["AF"][0] == pytest.approx(0.4567)
    assert record.samples["S1"]["AD"] == (273, 229)
    assert "\t0.4567\t" in table.read_text("utf-8") and "\t229\t" in table.read_text("utf-8")
    html = report.read_text("utf-8")
    assert "45.7 %" in html and "229" in html and "A sentence edited by hand" in html
    assert "30.1 % (" not in html.partition("Codon 41</h2>")[2]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('"id": "S1"', '"id": "../../evil"', "$.sample.id"),
        ('"id": "S1"', '"id": "/evil"', "$.sample.id"),
        ('"id": "S1"', '"id": "S1\\n"', "$.sample.id"),
        ('"id": "S1"', '"id": 7', "$.sample.id"),
        (f'"vaf": {151 / 502!r}', '"vaf": NaN', "NaN"),
        (f'"vaf": {151 / 502!r}', '"vaf": -Infinity', "-Infinity"),
        (f'"vaf": {151 / 502!r}', '"vaf": 1e999', "1e999"),
        (f'"vaf": {151 / 502!r}', '"vaf": 1.5', "$.variants[0].vaf"),
        ('"alt_fragments": 151', '"alt_fragments": "151"', "$.variants[0].alt_fragments"),
        ('"schema_version": "1.5"', '"schema_version": "9"', "schema version 1.5"),
        ('"schema_version": "1.5",', "", "schema version 1.5"),
        ("{", "[" * 100_000, "not JSON"),
        ("{", "", "not JSON"),
    ],
)
def test_a_result_that_breaks_its_schema_is_refused_before_anything_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], old: str, new: str, place: str
) -> None:
    source = tmp_path / "in" / "S1.result.json"
    write_result(source, a_result())
    content = source.read_text("utf-8")
    assert old in content
    source.write_text(content.replace(old, new, 1), "utf-8")
    out = tmp_path / "a" / "b" / "out"
    said = here(capfd, "render", source, "--out", out)
    assert said.code == 2
    assert said.err.startswith("error: S1.result.json: ")
    assert place in said.err
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "S1.result.json"]


def test_a_folder_or_nothing_in_the_place_of_a_result_is_the_users_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for wrong in (tmp_path, tmp_path / "none.json"):
        said = here(capfd, "render", wrong, "--out", tmp_path / "out")
        assert said.code == 2
        assert said.err.startswith(f"error: {wrong.name}: ")
    assert not list(tmp_path.iterdir())


def test_the_axis_holds_every_value_in_order() -> None:
    axis = draw_vaf_axis(a_call(variants=(FLAGGED, a_variant())))
    assert axis is not None
    flagged, passing, absent = axis.marks
    assert flagged.at is not None and passing.at is not None
    assert axis.left <= flagged.low < flagged.at < flagged.high < passing.at <= axis.right
    assert (flagged.passes, passing.passes, absent.at) == (False, True, None)
    where = {line.kind: line.x for line in axis.lines}
    assert where["sample"] is not None and where["reporting"] is not None
    assert absent.high < where["sample"] < flagged.at < where["reporting"]
    assert [label for _, label in axis.ticks] == ["0.1 %", "1 %", "10 %", "100 %"]


@pytest.mark.parametrize("vaf", [0.0, 1e-7, 1e-4, 0.5, 1.0])
def test_the_axis_stays_inside_its_frame(vaf: float) -> None:
    variant = a_variant(vaf=vaf, vaf_low95=0.0, vaf_high95=max(vaf, 1e-6))
    codon = a_codon41(limit_of_detection_vaf=None, vaf_upper95_if_absent=1e-6)
    axis = draw_vaf_axis(a_call(variants=(variant,), codon41=codon))
    assert axis is not None
    for mark in axis.marks:
        assert axis.left <= mark.low <= (mark.at or mark.low) <= mark.high <= axis.right
    sample, reporting = axis.lines
    assert (sample.label, sample.x) == ("limit of detection here: not reached", None)
    assert reporting.x is not None and axis.left <= reporting.x <= axis.right


@pytest.mark.parametrize("limit_vaf", [0.0005, 0.0008, 0.019, 0.02, 0.021, 0.26, 1.0])
def test_no_line_of_the_axis_crosses_a_text(limit_vaf: float) -> None:
    codon = a_codon41(limit_of_detection_vaf=limit_vaf, vaf_upper95_if_absent=limit_vaf)
    result = decided(variants=(FLAGGED, a_variant()), codon41=codon)
    axis = draw_vaf_axis(result.call)
    assert axis is not None
    # The key stands above the lines, one row a limit.
    rows = [line.label_y for line in axis.lines]
    assert rows == sorted(set(rows)) and rows[-1] < axis.top
    for line in axis.lines:
        assert line.x is not None and axis.left <= line.x <= axis.right
    # Each row's texts are drawn after the limits' lines, on a ground of their own.
    drawn = render_report(result, "").partition("<svg")[2].partition("</svg>")[0]
    grounds = drawn.split('<rect class="backing"')
    assert len(grounds) - 1 == len(axis.marks) == 3
    assert all("limit" not in after for after in grounds[1:])
    for mark in axis.marks:
        assert f'y="{mark.y}" width="{axis.width}" height="{axis.text_height}"' in drawn


def test_a_long_name_in_the_axis_is_cut_before_it_meets_the_value() -> None:
    name = f"c.119_130delins{'ACGT' * 9}"
    for low in (0.26, 1e-7):
        axis = draw_vaf_axis(a_call(variants=(a_variant(hgvs_c=name, vaf_low95=low),)))
        assert axis is not None
        mark = axis.marks[0]
        assert mark.label.endswith("…") and name.startswith(mark.label[:-1])
        assert 9.2 * len(mark.label) + 7.2 * len(mark.value) <= axis.right - axis.left


def test_single_fragments_are_drawn_one_by_one() -> None:
    figure = draw_reads(a_call())
    assert figure is not None
    first, second, last = figure.fragments
    assert [each.haplotype for each in figure.fragments] == ["ACG", "ACG", "ATG"]
    assert [each.arrow for each in figure.fragments] == ["⇄", "→", "←"]
    assert [each.copies for each in figure.fragments] == ["×3", "", ""]
    assert first.title == "ACG, both strands, 3 copies"
    # The one that differs stands in the codon's second column, the codon in its fifth to seventh.
    (letter,) = first.letters
    low, high = figure.codon
    assert (letter.text, letter.kind, letter.good) == ("C", "found", True)
    assert low == figure.left + 4 * figure.column and high == low + 3 * figure.column
    assert letter.x == low + 1.5 * figure.column
    assert [each.text for each in second.letters] == ["C", "–", "?"]
    assert [each.kind for each in second.letters] == ["found", "gone", "contradicted"]
    assert not second.letters[0].good
    assert second.inserted == (figure.left + 9 * figure.column,)
    # What is as the reference stands apart; nothing lies outside of the figure.
    assert last.y - second.y > second.y - first.y
    assert last.y < figure.height
    assert sum(bar.width for bar in last.bars) == 11 * figure.column
    assert {bar.quality for bar in second.bars} == {"good", "poor"}
    assert figure.exons == ((figure.left + figure.column, figure.right),)


def test_a_stray_base_is_not_drawn_as_a_variant() -> None:
    # The same rows in a sample in which nothing was found, and beside another base's variant.
    for variants in ((), (a_variant(alt="G"),), (a_variant(pos=47199051, ref="A", alt="C"),)):
        figure = draw_reads(a_call(variants=variants))
        assert figure is not None
        assert [letter.kind for letter in figure.fragments[0].letters] == ["other"]
    drawn = (
        render_report(a_negative(), "").partition('<svg class="reads"')[2].partition("</svg>")[0]
    )
    assert 'class="found"' not in drawn and 'class="other"' in drawn
    assert "on grey where it did not, for so few could be errors of reading" in text(a_negative())


def test_the_reads_say_how_many_of_how_many_they_are() -> None:
    shown = text(a_result())
    assert "Above the gap 2 of 153 that show another codon or a found allele" in shown
    assert "below it 1 of 351 others, evenly chosen" in shown
    assert (
        "A genome browser shows reads, before mates and copies are joined to one fragment: "
        "chrX:47199051 A 801, G 2; chrX:47199052 T 560, C 240, del 1; chrX:47199053 G 799."
    ) in shown
    drawn = render_report(a_result(), "").partition('<svg class="reads"')[2].partition("</svg>")[0]
    assert drawn.count("<title>") == 3 and "strand, copies" in drawn
    assert draw_reads(an_empty_result().call) is None
    assert '<svg class="reads"' not in render_report(an_empty_result(), "")


def test_the_coverage_shows_each_base_and_what_misses_the_required_limit() -> None:
    figure = draw_coverage(a_call())
    assert figure is not None
    exons = [exon for row in figure.rows for exon in row.stretches]
    assert [exon.name for exon in exons] == ["2", "3", "14"]
    # Side by side, as wide as they are long.
    for row in figure.rows:
        assert row.stretches[0].left == figure.left
        assert row.stretches[-1].right == pytest.approx(figure.right, abs=0.2)
        assert row.top < row.floor < row.limit_top < row.required_y < row.limit_floor
    assert exons[0].gaps == exons[1].gaps == ()
    # Of the last, the first half is worse than required and the second has no limit at all.
    assert exons[2].gaps == ((exons[2].left, exons[2].right),)
    assert len(exons[2].limits) == 1
    assert exons[2].title == (
        "exon 14: depth 0 to 24, worst limit not reached, 156 of 156 bases miss the required limit"
    )
    assert "0 of 59 bases miss" in exons[1].title
    page = render_report(a_result(), "")
    drawn = page.partition('<svg class="coverage"')[2].partition("</svg>")[0]
    assert drawn.count('<rect class="missed"') == 1
    assert all(f"<title>{exon.title}</title>" in drawn for exon in exons)
    # Both rows have their ticks.
    assert drawn.count(">1 %</text>") == len(figure.rows) == 2


def test_one_base_that_is_missed_is_seen_among_its_neighbours() -> None:
    depth, limits = [500] * 100, [0.01] * 100
    depth[50], limits[50] = 2, None
    exon = ExonCoverage("exon 5", 1, 100, tuple(depth), tuple(limits))
    figure = draw_coverage(a_call(coverage=(exon,)))
    assert figure is not None
    ((stretch,),) = (row.stretches for row in figure.rows)
    ((start, end),) = stretch.gaps
    scale = (stretch.right - stretch.left) / 100
    assert start <= stretch.left + 50 * scale < stretch.left + 51 * scale <= end
    assert end - start <= 3.1 * scale
    assert len(stretch.limits) == 2


def test_a_sample_without_reads_has_a_coverage_of_nothing() -> None:
    page = render_report(an_empty_result(), "")
    drawn = page.partition('<svg class="coverage"')[2].partition("</svg>")[0]
    assert drawn.count('<rect class="missed"') == 3
    assert "NaN" not in page and ">nan" not in page
    assert draw_coverage(a_call(coverage=())) is None
    assert '<svg class="coverage"' not in render_report(a_result(coverage=()), "")


def test_numbers_are_written_with_their_uncertain_digits_left_out() -> None:
    assert [percent(value) for value in (0.300796, 0.0196, 0.00595, 0.000123, 1.0, 0.0)] == [
        "30.1 %",
        "1.96 %",
        "0.595 %",
        "0.0123 %",
        "100.0 %",
        "0 %",
    ]
    assert percent(1e-7) == "below 0.001 %"
    assert (percent(None), limit(None)) == ("unknown", "not reached")
    assert [limit(value) for value in (0.02, 0.011, 0.1, 1.0, 0.0)] == [
        "2 %",
        "1.1 %",
        "10 %",
        "100 %",
        "0 %",
    ]
    assert interval(0.26, 0.343) == "26.0–34.3 %"
    assert (quality(9999.0), quality(48.23), count(12345)) == ("9999", "48.2", "12,345")


def test_the_quality_section_tells_what_became_of_copies() -> None:
    shown = text(a_result())
    assert "Copies of one molecule known by the file's flags; 15 of 615 left out" in shown
    assert "Reads realigned 3" in shown
    report = DuplicateReport("umi", 900, 300, joined=600, expected_by_chance=12.4)
    shown = text(a_result(qc=a_qc(duplicates=report)))
    assert "600 of 900 joined with their molecule; about 12 look so by chance" in shown


def test_the_top_says_what_was_tested_and_what_was_not() -> None:
    exons = [a_target(name=f"exon {n}", kind="exon", assessable=n > 2) for n in range(1, 6)]
    loci = [a_target(), a_target(name="c.167", kind="vexas_locus", assessable=False)]
    told = wording.tested(a_call(targets=(*loci, *exons)))
    assert told == [
        ("Assessable", "codon 41, 3 of 5 exons"),
        ("Not assessable", "c.167, 2 of 5 exons"),
    ]
    one = wording.tested(a_call(targets=(a_target(), exons[4])))
    assert one == [("Assessable", "codon 41, exon 5")]
    nothing = wording.tested(a_call(targets=(a_target(assessable=False),)))
    assert nothing == [("Not assessable", "codon 41")]
