"""variants.tsv: always a header, one row a variant, safe to split at tabs and line ends."""

from __future__ import annotations

from pathlib import Path

from builders.results import a_negative, a_result, a_variant, an_input
from vexas_uba1.filters import FLAGS
from vexas_uba1.paths import product_root
from vexas_uba1.result import SampleResult
from vexas_uba1.tables import COLUMNS, write_variants_table


def table(tmp_path: Path, result: SampleResult) -> list[dict[str, str]]:
    path = tmp_path / "S1.variants.tsv"
    write_variants_table(path, result)
    header, *rows = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    names = header.split("\t")
    assert names == list(COLUMNS)
    cells = [row.split("\t") for row in rows]
    assert all(len(row) == len(names) for row in cells)
    return [dict(zip(names, row, strict=True)) for row in cells]


def test_a_negative_sample_has_the_header_alone(tmp_path: Path) -> None:
    assert table(tmp_path, a_negative()) == []


def test_values_are_those_of_the_result(tmp_path: Path) -> None:
    flagged = a_variant(
        hgvs_c="c.118-1G>C",
        hgvs_p=None,
        filters=("strand_bias", "low_quality"),
        filter_reasons={"strand_bias": "0 of 200 reverse", "low_quality": "median Q12"},
        clone_fraction={},
        sources_read=False,
    )
    first, second = table(tmp_path, a_result(variants=(a_variant(), flagged)))
    assert first["hgvs_c"] == "NM_003334.4:c.122T>C"
    assert float(first["vaf"]) == 151 / 502
    assert (first["pos"], first["ref"], first["alt"]) == ("47199052", "T", "C")
    assert (first["alt_fragments"], first["depth_fragments"]) == ("151", "502")
    assert first["sources"] == "PMID:33108101,PMID:35793467"
    assert first["clone_fraction"] == f"man, one X: VAF = {151 / 502!r}"
    assert (first["filters"], first["sources_read"], first["at_codon41"]) == ("", "true", "true")
    assert second["filters"] == "strand_bias,low_quality"
    assert second["filter_reasons"] == "strand_bias: 0 of 200 reverse; low_quality: median Q12"
    assert (second["hgvs_p"], second["sources_read"], second["clone_fraction"]) == ("", "false", "")


def test_tabs_and_line_ends_in_a_value_break_nothing(tmp_path: Path) -> None:
    (row,) = table(tmp_path, a_result(variants=(a_variant(evidence="a\tb\r\nc\u2028d"),)))
    assert row["evidence"] == "a b c d"


def test_a_genomic_name_is_prefixed_by_the_contig(tmp_path: Path) -> None:
    variant = a_variant(chrom="X", hgvs_c="g.20534934A>G", hgvs_p=None)
    (row,) = table(tmp_path, a_result(input=an_input(contig="X"), variants=(variant,)))
    assert row["hgvs_c"] == "X:g.20534934A>G"


def test_every_column_is_documented() -> None:
    text = (product_root() / "docs" / "outputs.md").read_text("utf-8")
    section = text.partition("## `{sample}.variants.tsv`")[2].partition("\n## ")[0]
    documented = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert documented == list(COLUMNS)


def test_every_flag_is_documented_as_it_is() -> None:
    text = (product_root() / "docs" / "outputs.md").read_text("utf-8")
    rows = text.partition("## Flags")[2].partition("\n## ")[0].splitlines()
    documented = [row for row in rows if row.startswith("| `")]
    known = [f"| `{flag.name}` | {flag.description} | {flag.value} |" for flag in FLAGS]
    assert documented == known
