"""The configuration by itself and together with the sheet."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from builders.sheets import make_project, touch_reads, write_config, write_sheet
from vexas_uba1 import paths
from vexas_uba1.errors import Problem, UserError
from vexas_uba1.samples.check import Run, check, load_run
from vexas_uba1.samples.docs import render_config_readme
from vexas_uba1.samples.schema import find_faults, load_schema, with_defaults
from vexas_uba1.samples.sources import LocalFile
from vexas_uba1.samples.starter import write_starter
from vexas_uba1.samples.umi import ReadStructure, Segment, parse_umi

BAM = {"sample": "S1", "alignment": "a.bam"}
FASTQ = {"sample": "F1", "fq1": "a_R1.fastq.gz", "fq2": "a_R2.fastq.gz"}
ASSAYS = {"panel", "amplicon", "wes", "wgs", "rna", "unknown"}


def read(folder: Path, config: dict[str, Any], *rows: dict[str, str]) -> Run:
    return check(make_project(folder, rows or [BAM], config))


def problems(folder: Path, config: dict[str, Any], *rows: dict[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(UserError) as caught:
        read(folder, config, *rows)
    return caught.value.problems


def the_problem(folder: Path, config: dict[str, Any], *rows: dict[str, str]) -> Problem:
    (only,) = problems(folder, config, *rows)
    return only


def text_problems(folder: Path, text: str | bytes) -> tuple[Problem, ...]:
    config = make_project(folder, [BAM])
    config.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UserError) as caught:
        check(config)
    return caught.value.problems


class TestAccepted:
    def test_defaults(self, tmp_path: Path) -> None:
        config = read(tmp_path, {}).config
        assert config.outdir == LocalFile("results", tmp_path / "results")
        assert (config.references, config.build, config.aligner) == ((), "auto", "minimap2")
        assert config.allow_bundled_locus is False
        assert (config.locus, config.aligner_index, config.lab_name) == (None, None, "")
        assert config.reporting_limit_vaf == dict.fromkeys(ASSAYS, 0.02)
        assert config.required_limit_vaf == {
            "panel": 0.02,
            "amplicon": 0.02,
            "unknown": 0.05,
            "wes": 0.10,
            "wgs": 0.20,
            "rna": 0.20,
        }
        assert config.amplicon_limit_floor_vaf == 0.01
        assert config.index_hopping_rate == {
            "unique_dual": 0.0001,
            "other": 0.005,
            "unknown": 0.005,
        }
        assert config.trimming.enabled
        assert config.trimming.adapters is None
        assert config.url_timeout_s == 600
        assert config.resources.align_threads == 2
        assert config.resources.align_memory_mb is None

    def test_partial_settings_keep_the_other_defaults(self, tmp_path: Path) -> None:
        config = read(
            tmp_path,
            {
                "reporting_limit_vaf": {"wgs": 0.1},
                "required_limit_vaf": {"wes": 0.05},
                "index_hopping_rate": {"other": 0.02},
                "trimming": {"quality": 20, "adapters": ["ACGTACGT"]},
            },
        ).config
        assert config.reporting_limit_vaf["wgs"] == 0.1
        assert config.reporting_limit_vaf["panel"] == 0.02
        assert config.required_limit_vaf["wes"] == 0.05
        assert config.required_limit_vaf["rna"] == 0.20
        assert config.index_hopping_rate["unique_dual"] == 0.0001
        assert (config.trimming.quality, config.trimming.min_length) == (20, 30)
        assert config.trimming.adapters == ("ACGTACGT",)

    def test_one_number_for_all_assays(self, tmp_path: Path) -> None:
        config = read(tmp_path, {"reporting_limit_vaf": 0.005, "required_limit_vaf": 1}).config
        assert config.reporting_limit_vaf == dict.fromkeys(ASSAYS, 0.005)
        assert config.required_limit_vaf == dict.fromkeys(ASSAYS, 1.0)

    @pytest.mark.parametrize("reference", ["genome.fa", ["genome.fa"]])
    def test_one_reference_or_a_list(self, tmp_path: Path, reference: object) -> None:
        config = read(tmp_path, {"reference": reference}, FASTQ).config
        assert config.references == (LocalFile("genome.fa", tmp_path / "genome.fa"),)

    def test_values_from_snakemake_and_from_the_file_are_the_same(self, tmp_path: Path) -> None:
        path = make_project(tmp_path, [BAM], {"lab_name": "Ward <3>", "build": "GRCh37"})
        assert load_run(yaml.safe_load(path.read_text()), base=tmp_path) == check(path)

    def test_values_without_base_start_at_the_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_project(tmp_path, [BAM])
        monkeypatch.chdir(tmp_path)
        (sample,) = load_run({}).samples
        assert sample.alignment == LocalFile("a.bam", tmp_path / "a.bam")

    def test_relative_config_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make_project(tmp_path, [BAM])
        monkeypatch.chdir(tmp_path)
        assert check(Path("config.yaml")).config.outdir.path == tmp_path / "results"

    def test_dates_and_byte_order_marks_do_no_harm(self, tmp_path: Path) -> None:
        config = make_project(tmp_path, [BAM])
        config.write_bytes("\ufeffsamples: samples.tsv\r\nlab_name: 2024-01-01\r\n".encode())
        assert check(config).config.lab_name == "2024-01-01"

    def test_unknown_build_may_be_the_name_of_an_own_assembly(self, tmp_path: Path) -> None:
        assert read(tmp_path, {"build": "CHM13", "reference": "genome.fa"}).config.build == "CHM13"


WRONG_VALUES = [
    ("samples", 7, "7"),
    ("samples", "no.tsv", "no.tsv"),
    ("samples", "https://u:p@h/s.tsv", "https://…"),
    ("outdir", None, "null"),
    ("outdir", "a.bam", "a.bam"),
    ("outdir", "a.bam/out", "a.bam/out"),
    ("outdir", "s3://bucket/out", "s3://bucket/out"),
    ("reference", 38, "38"),
    ("reference", ["genome.fa", 3], "3"),
    ("reference", "no.fa", "no.fa"),
    ("reference", ["genome.fa", "no.fa"], "no.fa"),
    ("reference", ["genome.fa", "./genome.fa"], "./genome.fa"),
    ("reference", "https://h/genome.fa?sig=x", "https://h/genome.fa"),
    ("build", "GRCh39", "GRCh39"),
    ("build", "hg 38", "hg 38"),
    ("build", 38, "38"),
    ("allow_bundled_locus", "true", "true"),
    ("allow_bundled_locus", 1, "1"),
    ("aligner", "bowtie2", "bowtie2"),
    ("aligner_index", ["x"], "['x']"),
    ("locus", "no.yaml", "no.yaml"),
    ("locus", True, "true"),
    ("trimming", "off", "off"),
    ("trimming.enabled", "no", "no"),
    ("trimming.quality", -1, "-1"),
    ("trimming.quality", 15.5, "15.5"),
    ("trimming.quality", True, "true"),
    ("trimming.min_length", 0, "0"),
    ("trimming.adapters", "nextera", "nextera"),
    ("trimming.adapters", ["acgtacgt"], "acgtacgt"),
    ("trimming.adapters", ["-o", "ACGT"], "-o"),
    ("reporting_limit_vaf", 2, "2"),
    ("reporting_limit_vaf", 0, "0"),
    ("reporting_limit_vaf", "2%", "2%"),
    ("reporting_limit_vaf", "1e-3", "1e-3"),
    ("reporting_limit_vaf", float("nan"), "nan"),
    ("reporting_limit_vaf", 10**400, "1" + "0" * 199 + "…"),
    ("reporting_limit_vaf.wes", 5, "5"),
    ("required_limit_vaf.panel", "low", "low"),
    ("required_limit_vaf.panel", float("inf"), "inf"),
    ("amplicon_limit_floor_vaf", -0.1, "-0.1"),
    ("index_hopping_rate", 0.1, "0.1"),
    ("index_hopping_rate.other", 1.5, "1.5"),
    ("lab_name", 7, "7"),
    ("lab_name", "a\nb", "a\nb"),
    ("lab_name", "x" * 101, "x" * 101),
    ("url_timeout_s", 0, "0"),
    ("url_timeout_s", "10m", "10m"),
    ("resources.align_threads", 0, "0"),
    ("resources.align_memory_mb", "16G", "16G"),
]


@pytest.mark.parametrize(("key", "value", "shown"), WRONG_VALUES)
def test_wrong_value_is_told_with_its_place(
    tmp_path: Path, key: str, value: object, shown: str
) -> None:
    outer, _, inner = key.partition(".")
    problem = the_problem(tmp_path, {outer: {inner: value} if inner else value})
    config = tmp_path / "config.yaml"
    assert (problem.file, problem.column, problem.value) == (str(config), key, shown)
    assert problem.row is not None
    assert config.read_text().split("\n")[problem.row - 1].strip().startswith(key.split(".")[-1])
    assert problem.message
    assert problem.remedy


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [
        ("outdirr", "outdir"),
        ("Reference", "reference"),
        ("fasta", "reference"),
        ("reporting-limit-vaf", "reporting_limit_vaf"),
        ("trimming.qualty", "quality"),
        ("reporting_limit_vaf.exome", None),
        ("required_limit_vaf.WGS", "wgs"),
        ("resources.threads", "align_threads"),
    ],
)
def test_unknown_key_with_the_nearest(tmp_path: Path, key: str, suggestion: str | None) -> None:
    outer, _, inner = key.partition(".")
    problem = the_problem(tmp_path, {outer: {inner: 1} if inner else 1})
    assert problem.column == key
    assert "unknown key" in problem.message
    assert (f"Did you mean '{suggestion}'" in problem.remedy) == (suggestion is not None)
    assert "Known: " in problem.remedy


class TestFile:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(UserError) as caught:
            check(tmp_path / "no.yaml")
        assert caught.value.problems[0].file == str(tmp_path / "no.yaml")

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="folder"):
            check(tmp_path)

    @pytest.mark.parametrize(
        ("text", "row"),
        [
            pytest.param("samples: samples.tsv\nlab_name: a: b\n", 2, id="colon"),
            pytest.param("samples: [a\nb: c\n", 2, id="open list"),
            pytest.param("samples: x\n\tbuild: auto\n", 2, id="tab"),
            pytest.param("samples: samples.tsv\nlab_name: a\x07b\n", 2, id="control character"),
            pytest.param("samples: *nobody\n", 1, id="alias"),
            pytest.param("samples: !!python/object:os.system x\n", 1, id="python object"),
            pytest.param("a: 1\n---\nb: 2\n", 2, id="two documents"),
            pytest.param("samples: !!int x\n", None, id="wrong tag"),
        ],
    )
    def test_not_yaml(self, tmp_path: Path, text: str, row: int | None) -> None:
        (problem,) = text_problems(tmp_path, text)
        assert (problem.file, problem.row) == (str(tmp_path / "config.yaml"), row)
        assert "not YAML" in problem.message

    @pytest.mark.parametrize(
        "text", ["- a\n- b\n", "samples.tsv\n", "42\n", "# nothing\n", "---\n"]
    )
    def test_no_keys(self, tmp_path: Path, text: str) -> None:
        (problem,) = text_problems(tmp_path, text)
        assert "samples: samples.tsv" in problem.remedy

    def test_not_utf8(self, tmp_path: Path) -> None:
        (problem,) = text_problems(tmp_path, b"samples: samples.tsv\nlab_name: M\xfcller\n")
        assert problem.row == 2

    def test_keys_there_twice_at_both_levels(self, tmp_path: Path) -> None:
        text = "samples: samples.tsv\ntrimming:\n  quality: 3\n  quality: 4\nsamples: samples.tsv\n"
        found = text_problems(tmp_path, text)
        assert [(problem.row, problem.column) for problem in found] == [
            (4, "trimming.quality"),
            (5, "samples"),
        ]
        assert "row 1" in found[1].message

    def test_endless_aliases_end(self, tmp_path: Path) -> None:
        found = text_problems(tmp_path, "samples: samples.tsv\ntrimming: &a\n  quality: *a\n")
        assert found[0].column == "trimming.quality"

    @pytest.mark.parametrize("key", ["1", "true", "null", "[1, 2]", "2024-01-01"])
    def test_keys_that_are_no_text(self, tmp_path: Path, key: str) -> None:
        assert text_problems(tmp_path, f"samples: samples.tsv\n? {key}\n: x\n")

    def test_unwritable_output_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import os

        monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)
        assert the_problem(tmp_path, {"outdir": "x/y"}).column == "outdir"


class TestTogether:
    def test_everything_is_told_at_once(self, tmp_path: Path) -> None:
        config = make_project(
            tmp_path,
            [
                {"sample": "a b", "alignment": "a.bam", "sex": "man", "colour": "red"},
                {"sample": "S2", "alignment": "no.bam", "collected": "yesterday"},
                {"sample": "S3", "alignment": "b.bam", "umi": "8M+T"},
                {"sample": "S4", "alignment": "a.cram"},
            ],
            {"aligner": "star", "outdirr": "x", "reporting_limit_vaf": 2, "locus": "no.yaml"},
        )
        with pytest.raises(UserError) as caught:
            check(config)
        told = [(one.file, one.row, one.column) for one in caught.value.problems]
        assert told == [
            (str(config), 3, "outdirr"),
            (str(config), 2, "aligner"),
            (str(config), 4, "reporting_limit_vaf"),
            (str(config), 5, "locus"),
            ("samples.tsv", 1, "colour"),
            ("samples.tsv", 2, "sample"),
            ("samples.tsv", 2, "sex"),
            ("samples.tsv", 3, "collected"),
            ("samples.tsv", 3, "alignment"),
            ("samples.tsv", 4, "umi"),
            ("samples.tsv", 5, "alignment"),
        ]
        assert str(caught.value).count("\n") == len(told) - 1

    def test_fastq_needs_a_genome_or_the_permission(self, tmp_path: Path) -> None:
        problem = the_problem(tmp_path, {}, BAM, FASTQ)
        assert (problem.file, problem.row, problem.column) == ("samples.tsv", 3, "fq1")
        assert problem.value == "a_R1.fastq.gz"
        assert "reference" in problem.remedy
        assert "allow_bundled_locus: true" in problem.remedy

    def test_fastq_with_the_permission(self, tmp_path: Path) -> None:
        assert read(tmp_path, {"allow_bundled_locus": True}, FASTQ).samples

    def test_cram_needs_a_genome_even_with_the_permission(self, tmp_path: Path) -> None:
        row = {"sample": "S2", "alignment": "a.cram"}
        problem = the_problem(tmp_path, {"allow_bundled_locus": True}, BAM, row)
        assert (problem.row, problem.column, problem.value) == (3, "alignment", "a.cram")
        assert "reference" in problem.remedy

    def test_remote_cram_needs_a_genome(self, tmp_path: Path) -> None:
        problem = the_problem(tmp_path, {}, BAM | {"alignment": "https://h/x.cram?sig=hunter2"})
        assert problem.value == "https://h/x.cram"

    def test_a_wrong_reference_is_not_told_twice(self, tmp_path: Path) -> None:
        assert the_problem(tmp_path, {"reference": "no.fa"}, FASTQ).column == "reference"

    @pytest.mark.parametrize("aligner", ["bwa", "bwa-mem2"])
    def test_aligner_that_is_not_installed(
        self, tmp_path: Path, aligner: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        config = {"aligner": aligner, "reference": "genome.fa"}
        problem = the_problem(tmp_path, config, FASTQ)
        assert (problem.column, problem.value) == ("aligner", aligner)
        assert "minimap2" in problem.remedy
        program = tmp_path / aligner
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        assert read(tmp_path, config, FASTQ).samples

    def test_aligner_does_not_matter_without_fastq(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert read(tmp_path, {"aligner": "bwa"}, BAM | {"assay": "rna"}).samples

    def test_bundled_locus_needs_minimap2(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
        config = {"aligner": "bwa", "allow_bundled_locus": True}
        problem = the_problem(tmp_path, config, FASTQ)
        assert (problem.column, problem.value) == ("aligner", "bwa")
        assert "minimap2" in problem.remedy
        assert read(tmp_path, config | {"reference": "genome.fa"}, FASTQ).samples

    def test_one_minimap2_index_cannot_serve_dna_and_rna(self, tmp_path: Path) -> None:
        config = {"aligner_index": "a.mmi", "reference": "genome.fa"}
        touch_reads(tmp_path, ["a.mmi"])
        rna = {"sample": "R1", "fq1": "b_R1.fastq.gz", "assay": "rna"}
        assert the_problem(tmp_path, config, FASTQ, rna).column == "aligner_index"
        assert read(tmp_path, config, rna).samples

    def test_rna_needs_the_spliced_aligner(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
        config = {"aligner": "bwa", "reference": "genome.fa"}
        problem = the_problem(tmp_path, config, FASTQ | {"assay": "rna"})
        assert (problem.file, problem.row, problem.column) == ("samples.tsv", 2, "assay")
        assert (problem.value, "minimap2" in problem.remedy) == ("rna", True)

    @pytest.mark.parametrize(
        ("aligner", "suffixes"),
        [
            ("minimap2", [""]),
            ("bwa", [".amb", ".ann", ".bwt", ".pac", ".sa"]),
            ("bwa-mem2", [".0123", ".amb", ".ann", ".bwt.2bit.64", ".pac"]),
        ],
    )
    def test_index(self, tmp_path: Path, aligner: str, suffixes: list[str]) -> None:
        config = {"aligner": aligner, "aligner_index": "i/x", "reference": "genome.fa"}
        problem = the_problem(tmp_path, config)
        assert (problem.column, problem.value) == ("aligner_index", "i/x")
        touch_reads(tmp_path / "i", [f"x{suffix}" for suffix in suffixes])
        assert read(tmp_path, config).config.aligner_index is not None
        assert "FASTA" in the_problem(tmp_path, config | {"reference": []}).message

    def test_a_broken_gene_record_is_told_with_the_rest(self, tmp_path: Path) -> None:
        (tmp_path / "gene.yaml").write_text("gene: X\n")
        found = problems(tmp_path, {"locus": "gene.yaml", "aligner": "star"})
        assert {problem.file for problem in found} == {str(tmp_path / "config.yaml"), "gene.yaml"}

    def test_primers(self, tmp_path: Path) -> None:
        amplicon = {**BAM, "assay": "amplicon"}
        assert read(tmp_path, {}, amplicon).config.primers is None
        config = {"primers": "p.bed"}
        assert "not there" in the_problem(tmp_path, config, amplicon).message
        (tmp_path / "p.bed").write_text("chrX\t100\t120\n")
        found = read(tmp_path, config, BAM | {"sample": "S2", "alignment": "b.bam"}, amplicon)
        assert found.config.primers == LocalFile("p.bed", tmp_path / "p.bed")

    def test_primers_of_no_amplicon_are_the_users_error(self, tmp_path: Path) -> None:
        (tmp_path / "p.bed").write_text("chrX\t100\t120\n")
        problem = the_problem(tmp_path, {"primers": "p.bed"}, {**BAM, "assay": "panel"})
        assert (problem.column, problem.value) == ("primers", "p.bed")
        assert "none" in problem.message and "amplicon" in problem.remedy

    def test_every_malformed_primer_is_told_with_the_rest(self, tmp_path: Path) -> None:
        (tmp_path / "p.bed").write_text("chrX\t100\nchrX\t100\t120\nchrX\t120\t100\n")
        config = {"primers": "p.bed", "aligner": "star"}
        found = problems(tmp_path, config, {**BAM, "assay": "amplicon"})
        assert [(one.file, one.row) for one in found if one.file == "p.bed"] == [
            ("p.bed", 1),
            ("p.bed", 3),
        ]
        assert len(found) == 3

    def test_checking_loads_no_heavy_module(self, tmp_path: Path) -> None:
        config = make_project(tmp_path, [BAM])
        code = (
            "import sys; from pathlib import Path; from vexas_uba1.samples.check import check;"
            f"check(Path({str(config)!r}));"
            "print(sorted({'pysam', 'numpy', 'scipy', 'pandas', 'snakemake'} & set(sys.modules)))"
        )
        env = {"PYTHONPATH": str(paths.product_root() / "scripts")}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"


class TestUmi:
    def test_none(self) -> None:
        assert parse_umi("none") is None

    def test_tags(self) -> None:
        umi = parse_umi("CB,UB")
        assert umi is not None
        assert (umi.tags, umi.structures) == (("CB", "UB"), ())

    def test_structures(self) -> None:
        umi = parse_umi("8M2S+T 100T5S")
        assert umi is not None
        assert umi.tags == ()
        assert umi.structures == (
            ReadStructure((Segment("M", 8), Segment("S", 2), Segment("T", None))),
            ReadStructure((Segment("T", 100), Segment("S", 5))),
        )

    @pytest.mark.parametrize("text", ["", " ", "R", "8M", "T", "+", "8M+T+", "+T ", "R\n", "RX\n"])
    def test_nonsense(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            parse_umi(text)


class TestStarterAndDocs:
    def test_starter_is_the_repositorys_own(self, tmp_path: Path) -> None:
        written = write_starter(tmp_path / "new" / "project")
        assert [path.name for path in written] == ["config.yaml", "samples.tsv"]
        for path in written:
            assert path.read_bytes() == (paths.product_root() / "config" / path.name).read_bytes()

    def test_starter_asks_for_samples(self, tmp_path: Path) -> None:
        write_starter(tmp_path)
        with pytest.raises(UserError) as caught:
            check(tmp_path / "config.yaml")
        (problem,) = caught.value.problems
        assert problem.file == "samples.tsv"
        assert "no samples" in problem.message

    @pytest.mark.parametrize("name", ["config.yaml", "samples.tsv"])
    def test_starter_overwrites_nothing(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("mine")
        with pytest.raises(UserError, match="there already"):
            write_starter(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_text() == "mine"

    def test_starter_beneath_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine")
        for folder in (tmp_path / "file", tmp_path / "file" / "sub"):
            with pytest.raises(UserError, match="cannot be written"):
                write_starter(folder)

    def test_commented_keys_of_the_starter_are_all_keys_with_their_defaults(self) -> None:
        text = (paths.product_root() / "config" / "config.yaml").read_text(encoding="utf-8")
        switched_on = yaml.safe_load(re.sub(r"^#(?=\S|  )", "", text, flags=re.MULTILINE))
        schema = load_schema("config")
        expected = with_defaults({}, schema)
        expected["required_limit_vaf"] = with_defaults({"required_limit_vaf": {}}, schema)[
            "required_limit_vaf"
        ]
        assert list(switched_on) == list(schema["properties"])
        assert switched_on == expected

    def test_example_rows_of_the_starter_are_valid(self) -> None:
        text = (paths.product_root() / "config" / "samples.tsv").read_text(encoding="utf-8")
        header = next(line for line in text.split("\n") if not line.startswith("#")).split("\t")
        rows = [line[1:].split("\t") for line in text.split("\n") if re.match(r"#\S", line)]
        assert len(rows) >= 4
        for row in rows:
            cells = dict(zip(header, row, strict=True))
            filled = {name: cell for name, cell in cells.items() if cell}
            assert find_faults(filled, load_schema("samples"), noun="column") == []

    def test_readme_is_up_to_date(self) -> None:
        page = paths.product_root() / "config" / "README.md"
        assert page.read_text(encoding="utf-8") == render_config_readme()

    def test_readme_explains_every_key_and_column(self) -> None:
        page = render_config_readme()
        for name in ("config", "samples"):
            for key in load_schema(name)["properties"]:
                assert f"### `{key}`" in page


def every_property(schema: dict[str, Any], above: str = "") -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    for name, about in schema.get("properties", {}).items():
        found.append((f"{above}{name}", about))
        for branch in (about, *about.get("anyOf", ())):
            found += every_property(branch, f"{above}{name}.")
    return found


@pytest.mark.parametrize("name", ["config", "samples"])
class TestSchemas:
    def test_is_a_closed_schema(self, name: str) -> None:
        schema = load_schema(name)
        Draft202012Validator.check_schema(schema)

        def objects(part: Any) -> list[dict[str, Any]]:
            inner = part.values() if isinstance(part, dict) else part
            nested = [
                one for item in inner if isinstance(item, dict | list) for one in objects(item)
            ]
            is_object = isinstance(part, dict) and part.get("type") == "object"
            return [part, *nested] if is_object else nested

        assert all(part["additionalProperties"] is False for part in objects(schema))

    def test_everything_is_described_and_examples_are_valid(self, name: str) -> None:
        schema = load_schema(name)
        needs_reads = {"sample", "fq1", "fq2", "alignment"}
        for key, about in every_property(schema):
            assert about["description"].endswith("."), key
            assert about["examples"], key
            assert "default" in about or key in needs_reads, key
            assert "." in key or about["x-why"].endswith("."), key
            for value in [*about["examples"], *([about["default"]] if "default" in about else [])]:
                if value != "":
                    assert Draft202012Validator(about).is_valid(value), (key, value)

    def test_is_written_as_json_writes_it(self, name: str) -> None:
        text = (paths.schemas() / f"{name}.schema.json").read_text(encoding="utf-8")
        assert json.loads(text) == load_schema(name)
        assert text.endswith("}\n")


def test_builders_write_what_is_read(tmp_path: Path) -> None:
    touch_reads(tmp_path)
    write_sheet(tmp_path / "s.tsv", [BAM, {"sample": "S2", "alignment": "b.bam", "sex": "male"}])
    config = write_config(tmp_path / "c.yaml", {"samples": "s.tsv"})
    assert [sample.sex for sample in check(config).samples] == ["unknown", "male"]
