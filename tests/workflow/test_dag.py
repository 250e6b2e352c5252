"""Which jobs a sheet asks for, what they are told, and the Snakefile as others meet it."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from builders.rangeserver import serving
from builders.workflow import command, contents, jobs_in, project, result, run, snakemake
from vexas_uba1 import paths

FINISH = ["finish_samples", "summarise_cohort"]
SAMPLE = ["extract_region", "call_variants", "finalise_result"]
UNIT = ["trim_reads", "align_reads"]
SIGNATURE = "X-Signature=s3cr3t&token=hunter2"


def planned(config, *arguments):
    """Return how often each rule would run."""
    said = run(config, "--dry-run", *arguments)
    assert said.code == 0, said.err
    table = re.search(
        r"^Job stats:\njob +count\n[- ]+\n(.*?)\ntotal ", said.out + said.err, re.M | re.S
    )
    return {name: int(count) for name, count in (line.split() for line in table[1].splitlines())}


CASES = {
    "bam": ([{"sample": "A", "alignment": "POS.bam"}], {}, SAMPLE),
    "cram and bam of one run": (
        [
            {"sample": "A", "alignment": "CRM.cram", "run": "R"},
            {"sample": "B", "alignment": "POS.bam", "run": "R"},
        ],
        {"reference": "synthetic_GRCh38.fa.gz"},
        [*SAMPLE, *SAMPLE, "check_run"],
    ),
    "url": ([{"sample": "A", "alignment": f"https://127.0.0.1:9/a.bam?{SIGNATURE}"}], {}, SAMPLE),
    "two lanes": (
        [
            {
                "sample": "A",
                "unit": lane,
                "fq1": f"PAIR_{lane}_R1.fastq.gz",
                "fq2": f"PAIR_{lane}_R2.fastq.gz",
            }
            for lane in ("L001", "L002")
        ],
        {"reference": "synthetic_GRCh38.fa.gz"},
        [*UNIT, *UNIT, "build_index", "mark_duplicates", *SAMPLE],
    ),
    "amplicon and panel without a reference": (
        [
            {"sample": "A", "fq1": "SINGLE_L001_R1.fastq.gz", "assay": "amplicon"},
            {"sample": "B", "fq1": "PAIR_L001_R1.fastq.gz", "assay": "panel"},
        ],
        {"allow_bundled_locus": True},
        2 * [*UNIT, "mark_duplicates", *SAMPLE],
    ),
    "targeted, of which no job is made": (
        [{"sample": "B", "fq1": "PAIR_L001_R1.fastq.gz", "assay": "wgs"}],
        {"reference": "synthetic_GRCh38.fa.gz", "targeted": True},
        [*UNIT, "mark_duplicates", *SAMPLE, "build_index"],
    ),
    "dna and rna need an index each": (
        [
            {"sample": "A", "fq1": "SINGLE_L001_R1.fastq.gz", "assay": "rna"},
            {"sample": "B", "fq1": "PAIR_L001_R1.fastq.gz", "assay": "wes"},
        ],
        {"reference": "synthetic_GRCh38.fa.gz"},
        [*2 * [*UNIT, "mark_duplicates", *SAMPLE], "build_index", "build_index"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_jobs_of(case, reads, tmp_path):
    rows, config, expected = CASES[case]
    for name in ("alignment", "fq1", "fq2"):
        for row in rows:
            if row.get(name) and "://" not in row[name]:
                shutil.copy(reads / row[name], tmp_path)
    if "reference" in config:
        shutil.copy(reads / config["reference"], tmp_path)
    before = contents(tmp_path)
    made = project(tmp_path, rows, config)
    assert planned(made) == Counter([*expected, *FINISH])
    # A dry run is one.
    kept = {name: sum_ for name, sum_ in contents(tmp_path).items() if name in before}
    assert kept == before
    assert not list((tmp_path / "results").glob("[!.]*"))


def test_no_file_holds_a_urls_query(reads, tmp_path):
    (tmp_path / "served").mkdir()
    for name in ("POS.bam", "POS.bam.bai"):
        shutil.copy(reads / name, tmp_path / "served")
    with serving(tmp_path / "served", SIGNATURE) as address:
        rows = [{"sample": "S", "alignment": f"{address}/POS.bam?{SIGNATURE}"}]
        config = project(tmp_path, rows)
        said = run(config, "--", "--printshellcmds", "--verbose")
    assert said.code == 0, said.err
    results = tmp_path / "results"
    assert result(results, "S")["verdict"]["code"] == "detected"
    assert result(results, "S")["input"]["files"][0]["name"] == "POS.bam"
    texts = {str(file): file.read_bytes() for file in results.rglob("*") if file.is_file()}
    assert any(".snakemake/metadata" in name for name in texts)
    texts["terminal"] = (said.out + said.err).encode()
    assert not [name for name, text in texts.items() if b"s3cr3t" in text or b"hunter2" in text]
    for part in ("samples", "cohort"):
        assert not [
            file for file in (results / part).rglob("*.json") if b"127.0.0.1" in file.read_bytes()
        ]


def test_the_linter_is_content_without_any_configuration(tmp_path):
    said = snakemake("--lint", cwd=tmp_path)
    assert said.code == 0
    assert "in a good condition" in said.out + said.err
    assert not (tmp_path / "results").exists()


def test_snakefmt_is_content():
    files = [paths.snakefile(), *sorted((paths.product_root() / "workflow").rglob("*.smk"))]
    assert len(files) > 3
    done = subprocess.run(
        [Path(sys.executable).with_name("snakefmt"), "--check", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_plain_snakemake_without_a_configuration_says_what_to_do(tmp_path):
    said = snakemake("--cores", 1, cwd=tmp_path)
    assert said.code != 0
    assert "error: there is no configuration. Pass --configfile" in said.err
    assert "Traceback" not in said.err


def test_the_snakefile_is_a_module_for_other_workflows(reads, tmp_path):
    config = project(tmp_path, [{"sample": "A", "alignment": str(reads / "POS.bam")}])
    outer = tmp_path / "Snakefile"
    outer.write_text(
        f"configfile: {str(config)!r}\n\n"
        f"module uba1:\n    snakefile: {str(paths.snakefile())!r}\n    config: config\n\n"
        "use rule * from uba1 as uba1_*\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "uba1_all"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Calling A" in jobs_in(done.stdout + done.stderr)


def test_braces_in_a_path_are_told_with_their_row_before_snakemake_meets_them(reads, tmp_path):
    for name in ("P{1}.bam", "A{b-c}.bam"):
        shutil.copy(reads / "POS.bam", tmp_path / name)
    rows = [{"sample": "A", "alignment": "P{1}.bam"}, {"sample": "B", "alignment": "A{b-c}.bam"}]
    config = project(tmp_path, rows)
    for said in (command("check", "--config", config), run(config)):
        assert said.code == 2 and len(said.errors) == 1
        assert "row 2, column 'alignment': Snakemake takes what stands in braces" in said.errors[0]
    said = run(project(tmp_path, rows[1:]))
    assert said.code == 0, said.err
    assert command("screen", tmp_path / "samples.tsv", "--out", tmp_path / "s").code == 0


def test_a_target_of_a_sample_that_is_not_in_the_sheet_is_told(from_alignments, tmp_path):
    target = "samples/NOBODY/NOBODY.status.json"
    said = snakemake(
        "--configfile", from_alignments.config, "--dry-run", "--", target, cwd=tmp_path
    )
    assert said.code == 1
    assert "the sheet has no such sample (value: 'NOBODY')" in said.out + said.err


@pytest.mark.parametrize("name", ["local", "slurm"])
def test_profiles_name_options_that_snakemake_knows(name):
    from snakemake.cli import get_argument_parser

    file = paths.product_root() / "workflow" / "profiles" / name / "config.yaml"
    known = {
        option.lstrip("-")
        for action in get_argument_parser()._actions
        for option in action.option_strings
    }
    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    # A plugin's options begin with its name; tests/slurm tries them, with the plugin.
    own = f"{values.get('executor')}-"
    assert {option for option in values if not option.startswith(own)} <= known


def test_by_the_slurm_profile_samples_share_jobs(reads, tmp_path):
    """A tenth of a thousand samples is seven jobs of Slurm; tests/slurm runs such jobs."""
    rows = []
    for number in range(100):
        file = tmp_path / f"S{number}.bam"
        shutil.copy(reads / "POS.bam", file)
        rows.append({"sample": file.stem, "alignment": file.name, "run": "R"})
    config = project(tmp_path, rows)
    profile = paths.product_root() / "workflow" / "profiles" / "slurm" / "config.yaml"
    values = yaml.safe_load(profile.read_text(encoding="utf-8"))
    # What is left needs no plugin and no cluster.
    del values["jobs"]
    values = {
        option: value for option, value in values.items() if "slurm" not in f"{option}{value}"
    }
    (tmp_path / "grouped").mkdir()
    (tmp_path / "grouped" / "config.yaml").write_text(yaml.safe_dump(values))
    said = run(config, "--dry-run", "--profile", tmp_path / "grouped")
    assert said.code == 0, said.err
    sent = re.findall(r"Group job (\w+) |^Job \d+: (.+)$", said.out + said.err, re.MULTILINE)
    assert Counter(group or message for group, message in sent) == {
        "calls": 4,
        "results": 1,
        "Checking the samples of run R for carry-over": 1,
        "Summarising all samples": 1,
    }


def test_the_local_profile_is_taken_by_name(from_alignments):
    said = run(from_alignments.config, "--dry-run", "--profile", "local")
    assert said.code == 0, said.err
    unknown = run(from_alignments.config, "--dry-run", "--profile", "moon")
    assert unknown.code == 2
    assert "local, slurm" in unknown.errors[0]
