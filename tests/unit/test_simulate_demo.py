"""The bundled demo and the command that writes it."""

from __future__ import annotations

import csv
import json

import pytest
import yaml
from click.testing import CliRunner

from vexas_uba1 import paths
from vexas_uba1.commands.simulate import command, simulate_command
from vexas_uba1.errors import UserError
from vexas_uba1.samples.check import load_run
from vexas_uba1.simulate.demo import write_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a demo") / "folder"
    return folder, {sample.sample: sample for sample in write_demo(folder)}


def rows_of(folder):
    with (folder / "samples.tsv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def test_the_sheet_names_exactly_what_is_written(demo):
    folder, samples = demo
    rows = rows_of(folder)
    named = {row[key] for row in rows for key in ("fq1", "fq2", "alignment") if row[key]}
    reads = (".fastq.gz", ".bam", ".cram")
    written = {f"reads/{p.name}" for p in (folder / "reads").iterdir() if p.name.endswith(reads)}
    assert named == written
    assert {row["sample"] for row in rows} == set(samples)
    assert len(samples) >= 8
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    assert all((folder / path).is_file() for path in config["reference"])


def test_the_demo_passes_the_checks_of_sheet_and_config(demo):
    folder, samples = demo
    run = load_run(folder / "config.yaml", base=folder)
    assert {sample.id for sample in run.samples} == set(samples)


def test_the_demo_shows_what_it_promises(demo):
    folder, samples = demo
    truth = {name: sample.truth for name, sample in samples.items()}
    counts = {name: t["codon"]["haplotypes"] for name, t in truth.items()}
    rows = {row["sample"]: row for row in rows_of(folder)}
    assert len(samples["DEMO-01"].fastq) == 2 and samples["DEMO-01"].fastq[0].fq2 is not None
    assert counts["DEMO-01"]["ACG"] / sum(counts["DEMO-01"].values()) > 0.2
    assert samples["DEMO-02"].fastq[0].fq2 is None and counts["DEMO-02"]["CTG"] > 30
    three = truth["DEMO-03"]["alleles"][0]
    assert three["alt_molecules"] == int(0.03 * three["depth_molecules"] + 0.5) > 35
    assert (truth["DEMO-04"]["build"], truth["DEMO-04"]["contig"]) == ("GRCh37", "X")
    assert truth["DEMO-04"]["alleles"][0]["hgvs_c"] == "c.118-1G>C"
    assert samples["DEMO-05"].cram is not None and rows["DEMO-05"]["alignment"].endswith(".cram")
    assert set(counts["DEMO-06"]) == {"ATG", "GTG", "ACG"}
    assert set(counts["DEMO-07"]) == {"ATG"} and counts["DEMO-07"]["ATG"] > 1800
    assert set(counts["DEMO-08"]) == {"ATG"} and 5 < counts["DEMO-08"]["ATG"] < 20
    assert truth["DEMO-09"]["alleles"][0]["hgvs_c"] == "c.1487A>G"
    assert 0.008 < truth["DEMO-10"]["alleles"][0]["vaf_drawn"] < 0.012
    for name, sample in samples.items():
        assert json.loads(sample.truth_file.read_text(encoding="utf-8")) == truth[name]


def test_the_demo_is_small_and_says_that_it_is_synthetic(demo):
    folder, _ = demo
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000_000
    for name in ("README.md", "config.yaml"):
        assert "synthetic" in (folder / name).read_text(encoding="utf-8")
    assert not any(part in str(path) for path in files for part in (".part", "draft"))


def test_the_uncatalogued_variant_stays_out_of_the_catalogue():
    catalogue = (paths.resources() / "uba1" / "variants.tsv").read_text(encoding="utf-8")
    assert "c.1487A>G" not in catalogue


def test_the_command_draws_what_its_options_say(tmp_path):
    options = [
        "--sample",
        "T1",
        "--allele",
        "c.122T>C",
        "--vaf",
        "0.2",
        "--allele",
        "c.121A>G",
        "--vaf",
        "0.1",
    ]
    options += [
        "--depth",
        "60",
        "--format",
        "fastq",
        "--format",
        "bam",
        "--seed",
        "4",
        "--build",
        "GRCh37",
    ]
    result = CliRunner().invoke(
        command, [*options, "--contig", "X", "--exact", "--out", str(tmp_path / "o")]
    )
    assert result.exit_code == 0, result.output
    truth = json.loads((tmp_path / "o" / "T1.truth.json").read_text(encoding="utf-8"))
    assert (truth["seed"], truth["contig"], truth["spec"]["exact"]) == (4, "X", True)
    assert [allele["vaf"] for allele in truth["alleles"]] == [0.2, 0.1]
    assert "c.122T>C" in result.output and "synthetic" in result.output
    written = {path.name for path in (tmp_path / "o").iterdir()}
    assert {"T1.bam", "T1.bam.bai", "T1_L001_R1.fastq.gz", "synthetic_GRCh37.fa.gz"} <= written


def test_options_go_before_the_spec(tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "seed: 5\nregions: [exon 3]\ndepth_fragments: 30\nsample: A\n", encoding="utf-8"
    )
    told = simulate_command(spec, tmp_path / "o", seed=6, sample=None, formats=())
    truth = json.loads((tmp_path / "o" / "A.truth.json").read_text(encoding="utf-8"))
    assert (truth["seed"], truth["spec"]["depth_fragments"]) == (6, 30.0)
    assert told.startswith("A: synthetic reads")


def test_misuse_of_the_command_is_explained(tmp_path):
    with pytest.raises(UserError, match="2 alleles and 1 VAFs"):
        simulate_command(None, tmp_path, alleles=("c.122T>C", "c.121A>G"), vafs=(0.1,))
    for arguments in (
        [],
        ["--demo", str(tmp_path), "--seed", "1"],
        ["--demo", str(tmp_path), "--out", "x"],
    ):
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 2
        assert "--demo" in result.output
    assert list(tmp_path.iterdir()) == []
    shown = CliRunner().invoke(command, ["--help"])
    assert shown.exit_code == 0 and "vexas-uba1 simulate --demo demo" in shown.output
