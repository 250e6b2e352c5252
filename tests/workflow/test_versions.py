"""Upgrades, other gene records, and results that are edited and rendered again."""

import gzip
import json
import shutil

import pytest
import yaml

from builders import loci
from builders.simulated import clone, sample_of
from builders.workflow import (
    command,
    contents,
    jobs_of,
    project,
    result,
    run,
    status,
)
from vexas_uba1 import paths


@pytest.fixture
def record(tmp_path):
    """A copy of the gene record with its catalogue, for changes."""
    folder = tmp_path / "gene"
    shutil.copytree(paths.resources() / "uba1", folder)
    return folder / "locus.yaml"


def test_a_new_catalogue_is_told_and_calls_again_but_aligns_nothing_again(reads, record, tmp_path):
    rows = [
        {"sample": "F", "fq1": str(reads / "SINGLE_L001_R1.fastq.gz"), "alignment": ""},
        {"sample": "B", "fq1": "", "alignment": str(reads / "POS.bam")},
    ]
    config = project(tmp_path, rows, {"locus": str(record), "allow_bundled_locus": True})
    results = tmp_path / "results"
    assert run(config).code == 0
    assert result(results, "B")["verdict"]["code"] == "detected"

    # The row of the variant goes, and the version with it.
    catalogue = record.with_name("variants.tsv")
    lines = catalogue.read_text(encoding="utf-8").splitlines(keepends=True)
    assert lines[0].startswith("# catalogue_version: ")
    kept = [line for line in lines[1:] if "c.122T>C" not in line.split("\t")[:2]]
    assert len(kept) == len(lines) - 2
    catalogue.write_text("".join(["# catalogue_version: 2099.1\n", *kept]), encoding="utf-8")
    said = run(config)
    assert said.code == 0
    told, *progress = said.err.splitlines()
    assert told.startswith("Since the last results: catalogue ")
    assert " is now 2099.1 " in told
    assert progress
    assert jobs_of(results) == sorted(
        [
            *(f"Calling {name}" for name in "FB"),
            *(f"Writing the result and the report of {name}" for name in "FB"),
            "Summarising all samples",
        ]
    )
    assert result(results, "B")["verdict"]["code"] == "other_variant"
    assert result(results, "B")["catalogue_version"] == "2099.1"
    quiet = run(config)
    assert "Since the last results" not in quiet.err
    assert jobs_of(results) == []


def test_an_older_softwares_results_are_named_before_any_job(from_alignments, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(from_alignments.results, results)
    versions = results / "work" / "versions.json"
    values = json.loads(versions.read_text(encoding="utf-8"))
    versions.write_text(json.dumps({**values, "software": "0.0.1"}), encoding="utf-8")
    values = yaml.safe_load(from_alignments.config.read_text(encoding="utf-8"))
    sheet = str(from_alignments.config.parent / values["samples"])
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({**values, "samples": sheet}), encoding="utf-8")
    before = contents(results / "samples")
    said = run(config, "--dry-run")
    assert said.code == 0
    told = f"{said.err}{said.out}".splitlines()
    (line,) = {line for line in told if line.startswith("Since the last results: ")}
    assert line.startswith("Since the last results: software 0.0.1 is now ")
    assert contents(results / "samples") == before


def test_a_shifted_gene_on_a_renamed_contig_gives_the_same_verdict(
    from_alignments, reads, tmp_path
):
    shifted = loci.shifted(loci.bundled(), 1_000_000, ["scaffold_9"])
    record = loci.write(shifted, tmp_path, "shifted.yaml")
    made = sample_of(
        tmp_path,
        sample="POS",
        clones=[clone(0.3, "c.122T>C")],
        genome__locus=str(record),
        genome__contig="scaffold_9",
    )
    rows = [{"sample": "POS", "alignment": made.bam.name}]
    assert run(project(tmp_path, rows, {"locus": record.name})).code == 0
    moved, usual = result(tmp_path / "results", "POS"), result(from_alignments.results, "POS")
    assert moved["input"]["contig"] == "scaffold_9"
    assert moved["verdict"]["code"] == usual["verdict"]["code"] == "detected"
    assert moved["codon41"]["haplotypes"] == usual["codon41"]["haplotypes"]
    assert moved["variants"][0]["pos"] == usual["variants"][0]["pos"] + 1_000_000
    for name in ("hgvs_c", "hgvs_p", "alt_fragments", "depth_fragments", "vaf_low95", "vaf_high95"):
        assert moved["variants"][0][name] == usual["variants"][0][name]


def test_a_value_edited_in_the_result_reaches_every_output(from_alignments, tmp_path, capfd):
    from builders.workflow import here

    folder = tmp_path / "POS"
    shutil.copytree(from_alignments.results / "samples" / "POS", folder)
    file = folder / "POS.result.json"
    values = json.loads(file.read_text(encoding="utf-8"))
    values["variants"][0]["alt_fragments"] = 187
    values["variants"][0]["vaf"] = 0.98765
    file.write_text(json.dumps(values), encoding="utf-8")
    assert here(capfd, "render", file).code == 0
    vcf = gzip.decompress((folder / "POS.uba1.vcf.gz").read_bytes()).decode()
    table = (folder / "POS.variants.tsv").read_text(encoding="utf-8")
    report = (folder / "POS.report.html").read_text(encoding="utf-8")
    for text in (vcf, table, report):
        assert "187" in text
    assert "0.98765" in vcf
    assert "0.98765" in table
    assert "98.8" in report


def test_an_edited_gene_record_is_read_again_from_the_reads_on(reads, record, tmp_path):
    rows = [{"sample": "B", "alignment": str(reads / "POS.bam")}]
    config = project(tmp_path, rows, {"locus": str(record)})
    assert run(config).code == 0
    text = record.read_text(encoding="utf-8")
    flank = yaml.safe_load(text)["window_flank"]
    record.write_text(text.replace(f"window_flank: {flank}", f"window_flank: {flank + 10}"))
    assert command("run", "--config", config, "--cores", 1).code == 0
    assert "Extracting the gene's reads of B" in jobs_of(tmp_path / "results")
    assert status(tmp_path / "results", "B")["state"] == "ok"
