"""From reads to finished reports: every file of the contract, and what is in it."""

import gzip
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from builders.simulated import clone, sample_of
from builders.workflow import (
    SAMPLE_FILES,
    cohort,
    command,
    delivered,
    files_of,
    jobs_in,
    project,
    result,
    run,
    snakemake,
    status,
)
from vexas_uba1 import paths

COHORT_FILES = ["cohort.html", "cohort.tsv", "cohort_mqc.json"]


def truth(reads, sample):
    return json.loads((reads / f"{sample}.truth.json").read_text())


def assert_found(made, hgvs_c, molecules):
    """The allele leads, and its interval holds what was drawn."""
    (variant,) = [one for one in made["variants"] if one["hgvs_c"] == hgvs_c]
    drawn = molecules["alleles"][0]
    assert drawn["hgvs_c"] == hgvs_c
    share = drawn["alt_molecules"] / drawn["depth_molecules"]
    assert variant["vaf_low95"] <= share <= variant["vaf_high95"]
    assert variant["filters"] == []
    assert variant["verdict_class"] == "vexas"
    assert made["verdict"]["code"] == "detected"


def assert_valid(results, sample):
    schema = json.loads((paths.schemas() / "result.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(result(results, sample))


@pytest.mark.parametrize("sample", ["POS", "NEG", "CRM", "NONE"])
def test_each_bam_and_cram_has_every_file_of_the_contract(from_alignments, sample):
    assert files_of(from_alignments.results, sample) == sorted(SAMPLE_FILES)
    assert status(from_alignments.results, sample)["state"] == "ok"
    assert_valid(from_alignments.results, sample)


@pytest.mark.parametrize("sample", ["PAIR", "SINGLE"])
def test_each_fastq_sample_has_every_file_of_the_contract(from_fastq, sample):
    assert files_of(from_fastq.results, sample) == sorted(SAMPLE_FILES)
    assert status(from_fastq.results, sample)["state"] == "ok"
    assert_valid(from_fastq.results, sample)


def test_the_verdicts_are_right(from_alignments, from_fastq, reads):
    bams, fastqs = from_alignments.results, from_fastq.results
    assert_found(result(bams, "POS"), "c.122T>C", truth(reads, "POS"))
    assert_found(result(bams, "CRM"), "c.121A>G", truth(reads, "CRM"))
    assert_found(result(fastqs, "PAIR"), "c.122T>C", truth(reads, "PAIR"))
    assert_found(result(fastqs, "SINGLE"), "c.121A>C", truth(reads, "SINGLE"))
    assert result(bams, "NEG")["verdict"]["code"] == "not_detected"


def test_a_region_without_reads_is_not_assessable_and_no_error(from_alignments):
    made = result(from_alignments.results, "NONE")
    assert made["verdict"]["code"] == "not_assessable"
    assert made["codon41"]["depth_fragments"] == 0
    assert made["codon41"]["limit_of_detection_vaf"] is None


def test_fastq_samples_name_their_fastq_files_with_checksums(from_fastq):
    files = result(from_fastq.results, "PAIR")["input"]["files"]
    assert [file["name"] for file in files] == [
        f"PAIR_{lane}_{mate}.fastq.gz" for lane in ("L001", "L002") for mate in ("R1", "R2")
    ]
    assert all(len(file["sha256"]) == 64 for file in files)


def test_fastq_samples_name_the_programs_that_aligned_them(from_fastq, from_alignments):
    software = result(from_fastq.results, "PAIR")["software"]
    assert {"cutadapt", "minimap2 sr"} <= software.keys()
    assert (
        not {"cutadapt", "minimap2 sr"} & result(from_alignments.results, "POS")["software"].keys()
    )


def test_the_cohort_has_one_row_a_sample_in_the_sheets_order(from_alignments, from_fastq):
    for finished, samples in (
        (from_alignments, ["POS", "NEG", "CRM", "NONE"]),
        (from_fastq, ["PAIR", "SINGLE"]),
    ):
        folder = finished.results / "cohort"
        assert sorted(file.name for file in folder.glob("cohort*")) == COHORT_FILES
        rows = cohort(finished.results)
        assert list(rows) == samples
        assert {row["status"] for row in rows.values()} == {"ok"}
        for sample, row in rows.items():
            assert row["verdict"] == result(finished.results, sample)["verdict"]["code"]


def test_carry_over_is_checked_within_a_run_only(from_alignments):
    results = from_alignments.results
    checks = results / "cohort" / "carryover"
    assert [file.name for file in checks.iterdir()] == ["RUN1.json"]
    found = {name: result(results, name)["qc"]["carry_over"] for name in ("POS", "NEG", "CRM")}
    assert found["CRM"] == "not_checked"
    assert "not_checked" not in (found["POS"], found["NEG"])


def test_the_terminal_shows_progress_and_a_table_of_verdicts(from_alignments):
    said = from_alignments.said
    assert said.code == 0
    assert "Calling POS" in said.err
    lines = said.out.splitlines()
    for sample, code in (("POS", "detected"), ("NEG", "not_detected"), ("NONE", "not_assessable")):
        (line,) = [line for line in lines if line.startswith(f"{sample} ")]
        assert f" {code} " in line
    assert lines[-1].startswith("Open ")
    assert lines[-1].endswith("cohort/cohort.html")


def test_nothing_that_is_handed_on_holds_a_path_or_a_host(from_alignments, from_fastq):
    for finished in (from_alignments, from_fastq):
        secrets = [str(finished.config.parent), str(paths.product_root())]
        for name in delivered(finished.results):
            file = finished.results / name
            data = file.read_bytes()
            if file.name.endswith((".gz", ".bam")):
                data = gzip.decompress(data)
            assert not [secret for secret in secrets if secret.encode() in data], name


def test_only_the_genes_reads_are_handed_on(from_alignments):
    import pysam

    file = from_alignments.results / "samples" / "NONE" / "NONE.uba1.bam"
    with pysam.AlignmentFile(str(file)) as bam:
        assert list(bam.fetch(until_eof=True)) == []


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
@pytest.mark.parametrize("sample", ["POS", "CRM", "NONE"])
def test_bcftools_accepts_the_vcf_against_the_fasta(from_alignments, reads, sample):
    vcf = from_alignments.results / "samples" / sample / f"{sample}.uba1.vcf.gz"
    fasta = reads / "synthetic_GRCh38.fa.gz"
    done = subprocess.run(
        ["bcftools", "norm", "-c", "e", "-f", str(fasta), str(vcf)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "[W::" not in done.stderr


def test_call_does_what_the_workflow_does(from_alignments, reads, tmp_path):
    said = command("call", reads / "NEG.bam", "--out", tmp_path / "one", cwd=tmp_path)
    assert said.code == 0
    assert said.out.startswith("NEG: not_detected: ")
    assert files_of(tmp_path / "one", "NEG") == sorted(SAMPLE_FILES)
    made, before = result(tmp_path / "one", "NEG"), result(from_alignments.results, "NEG")
    for part in ("verdict", "codon41", "variants", "targets"):
        assert made[part] == before[part]


def test_the_bundled_locus_is_used_only_when_allowed_and_every_report_says_so(reads, tmp_path):
    rows = [{"sample": "SINGLE", "fq1": str(reads / "SINGLE_L001_R1.fastq.gz")}]
    refused = run(project(tmp_path, rows))
    assert refused.code == 2
    assert "allow_bundled_locus" in refused.errors[0]
    assert not (tmp_path / "results").exists()
    assert run(project(tmp_path, rows, {"allow_bundled_locus": True})).code == 0
    made = result(tmp_path / "results", "SINGLE")
    assert_found(made, "c.121A>C", truth(reads, "SINGLE"))
    assert made["input"]["bundled_locus"] is True
    assert made["input"]["build"] == "GRCh38"
    report = tmp_path / "results" / "samples" / "SINGLE" / "SINGLE.report.html"
    assert "bundled" in report.read_text(encoding="utf-8")


def test_paths_with_spaces_a_sheet_elsewhere_and_another_working_directory(tmp_path):
    odd = tmp_path / "my data ü"
    made = sample_of(
        odd / "reads of May", sample="S 1".replace(" ", "_"), clones=[clone(0.3, "c.122T>C")]
    )
    rows = [{"sample": "007", "alignment": f"reads of May/{made.bam.name}"}]
    project(odd, rows)
    config = odd / "the config" / "config.yaml"
    config.parent.mkdir()
    config.write_text('samples: "../samples.tsv"\noutdir: "../out put"\n', encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    said = run(config, cwd=elsewhere)
    assert said.code == 0, said.err
    # Text stays text: not the number 7.
    assert result(odd / "out put", "007")["sample"]["id"] == "007"
    assert list(elsewhere.iterdir()) == []
    # Plain Snakemake finds nothing left to do but to say that all is there.
    plain = snakemake("--configfile", config, "--cores", 1, cwd=elsewhere)
    assert plain.code == 0, plain.err
    assert jobs_in(plain.err) == ["Making sure that no sample failed"]
    assert [file.name for file in elsewhere.iterdir()] == [".snakemake"]


def test_snakemakes_report_carries_the_reports_with_captions(from_alignments, tmp_path):
    archive = tmp_path / "report.zip"
    said = snakemake("--configfile", from_alignments.config, "--report", archive, cwd=tmp_path)
    assert said.code == 0, said.err
    with zipfile.ZipFile(archive) as held:
        names = {Path(name).name for name in held.namelist()}
        page = held.read("report/report.html").decode()
    assert {
        "cohort.html",
        "cohort.tsv",
        "series.tsv",
        "POS.report.html",
        "NEG.report.html",
    } <= names
    for said_of in ("Report of one sample", "One row per sample of the sheet", "Samples", "POS"):
        assert said_of in page
