"""What each job is told, and what an earlier run left to be done again."""

import json
import os

import pytest

from builders.sheets import make_project
from vexas_uba1.errors import Problem
from vexas_uba1.samples.check import load_run
from vexas_uba1.status import SCHEMA_VERSION, SampleStatus, write_status
from vexas_uba1.steps.outcome import failure_in, produce
from vexas_uba1.steps.plan import VERSIONS, Plan, address_of, load_plan

QUERY = "X-Signature=s3cr3t"
ROWS = [
    {"sample": "F", "unit": "L1", "fq1": "a_R1.fastq.gz", "fq2": "a_R2.fastq.gz", "run": "R"},
    {"sample": "F", "unit": "L2", "fq1": "b_R1.fastq.gz", "fq2": "b_R2.fastq.gz", "run": "R"},
    {"sample": "B", "alignment": "a.bam", "assay": "wes", "umi": "RX"},
    {"sample": "U", "alignment": f"https://example.org/u.bam?{QUERY}"},
]


@pytest.fixture
def plan(tmp_path):
    return Plan(load_run(make_project(tmp_path, ROWS, {"reference": "genome.fa"})))


def told(plan):
    """Everything that any job is told."""
    per_sample = [
        [plan.extract(name), plan.call(name), plan.shown_reads(name), plan.local_reads(name)]
        for name in plan.samples
    ]
    units = [[plan.trim("F", unit), plan.align("F", unit)] for unit in plan.units]
    common = [plan.sample_infos, plan.versions, plan.mark("F"), plan.index("dna")]
    return json.dumps([per_sample, units, common])


def test_no_job_is_told_a_urls_query(plan, tmp_path):
    assert QUERY not in told(plan)
    assert plan.local_reads("U") == []
    assert plan.shown_reads("U") == "https://example.org/u.bam"
    # The job takes the address from the sheet, and only this sample's job depends on where that is.
    assert address_of(tmp_path / "samples.tsv", "U") == f"https://example.org/u.bam?{QUERY}"
    assert plan.sheet_with_url("U") == str(tmp_path / "samples.tsv")
    assert plan.sheet_with_url("B") == ""


def test_jobs_are_told_plain_values_that_depend_on_their_own_sample_alone(plan, tmp_path):
    rows = [*ROWS, {"sample": "NEW", "alignment": "b.bam"}]
    more = Plan(load_run(make_project(tmp_path, rows, {"reference": "genome.fa"})))
    for name in plan.samples:
        assert more.extract(name) == plan.extract(name)
        assert more.call(name) == plan.call(name)
    assert more.trim("F", "L1") == plan.trim("F", "L1")


def test_reads_are_selected_if_wanted_but_not_those_of_an_amplicon(plan, tmp_path):
    rows = [ROWS[0], {"sample": "A", "fq1": "b_R1.fastq.gz", "assay": "amplicon"}]
    config = {"reference": "genome.fa", "targeted": True}
    targeted = Plan(load_run(make_project(tmp_path, rows, config)))
    chosen = targeted.trim("F", "L1")["bait"]
    assert chosen["reference"]["path"].endswith("genome.fa")
    assert [file.name for file in targeted.bait_references("F")] == ["genome.fa"]
    (unit,) = {one.unit for one in targeted.by_id["A"].units}
    assert targeted.trim("A", unit)["bait"] is None
    assert targeted.bait_references("A") == ()
    assert plan.trim("F", "L1")["bait"] is None
    assert plan.bait_references("F") == ()


def test_limits_are_those_of_the_assay(plan):
    assert plan.call("B")["required_limit_vaf"] == 0.10
    assert plan.call("U")["required_limit_vaf"] == 0.05
    assert list(plan.call("B")["umi_tags"]) == ["RX"]


def test_only_samples_of_a_run_wait_for_its_check(plan):
    assert plan.run_check("F") == ["cohort/carryover/R.json"]
    assert plan.run_check("B") == []


def test_the_gene_record_but_not_the_catalogue_decides_what_is_read(plan):
    assert set(plan.versions) == {"software", "locus", "catalogue"}
    assert set(plan.versions_of_reads) == {"software", "locus"}


def test_changed_versions_are_named_with_both_values(plan):
    assert plan.changed_versions() == []
    file = plan.outdir / VERSIONS
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(plan.versions))
    assert plan.changed_versions() == []
    file.write_text(json.dumps({**plan.versions, "catalogue": "2020.1 (abc)"}))
    (change,) = plan.changed_versions()
    assert change == f"catalogue 2020.1 (abc) is now {plan.versions['catalogue']}"


def leave_status(plan, sample, state, files=(), version=SCHEMA_VERSION):
    path = plan.outdir / plan.status_files[plan.samples.index(sample)]
    problems = (Problem("is broken", "Mend it", file="x"),) if state == "failed" else ()
    write_status(path, SampleStatus(version, sample, state, "step", problems, tuple(files)))
    return path


def leave_failure(folder):
    def work(_):
        from vexas_uba1.errors import UserError

        raise UserError("is broken", remedy="Mend it")

    produce(folder, "step", (), work)


def test_failed_samples_are_forgotten_with_every_failure_and_finished_ones_are_kept(plan):
    work = plan.outdir / "work"
    good = leave_status(plan, "B", "ok")
    bad = leave_status(plan, "F", "failed")
    failures = [
        work / "index" / "dna",
        work / "trimmed" / "F" / "L1",
        work / "marked" / "F",
        work / "called" / "F",
        work / "extracted" / "U",  # of a run that was stopped before any status
    ]
    for folder in failures:
        leave_failure(folder)
    produce(work / "trimmed" / "F" / "L2", "trim_reads", (), lambda folder: None)
    assert plan.unfinished() == ["F"]
    assert bad.exists()
    plan.forget_unfinished()
    assert good.exists()
    assert not bad.exists()
    assert not [folder for folder in failures if failure_in(folder)]
    assert (work / "trimmed" / "F" / "L2").is_dir()


def test_a_sample_with_a_missing_file_or_an_unreadable_status_is_unfinished(plan):
    file = leave_status(plan, "B", "ok", ["B.report.html"])
    assert plan.unfinished() == ["B"]
    (file.parent / "B.report.html").touch()
    assert plan.unfinished() == []
    file.write_text("{")
    assert plan.unfinished() == ["B"]
    leave_status(plan, "B", "ok", version="0.1")
    assert plan.unfinished() == ["B"]
    plan.forget_unfinished()
    assert not file.exists()


def test_a_sample_with_a_damaged_result_is_unfinished(plan):
    file = leave_status(plan, "B", "ok", ["B.result.json"])
    result = file.with_name("B.result.json")
    result.write_text("{}")
    assert plan.unfinished() == []
    for damaged in (b'{"sample": ', b"", b"\xff\xfe"):
        result.write_bytes(damaged)
        assert plan.unfinished() == ["B"]


def test_a_job_is_told_when_an_input_is_another_file_whatever_its_age(plan, tmp_path):
    before = {name: plan.fingerprints_of_input(name) for name in plan.samples}
    assert before == {name: plan.fingerprints_of_input(name) for name in plan.samples}
    os.utime(tmp_path / "b_R2.fastq.gz", (1_000_000_000, 1_000_000_000))
    assert [name for name in plan.samples if plan.fingerprints_of_input(name) != before[name]] == [
        "F"
    ]
    (tmp_path / "a.bam").write_bytes(b"other")
    assert plan.fingerprints_of_input("B") != before["B"]
    os.utime(tmp_path / "genome.fa", (1_000_000_000, 1_000_000_000))
    for name in plan.samples:
        assert plan.fingerprints_of_input(name)[-1] != before[name][-1]


PRIMED = [
    {"sample": "A", "alignment": "a.bam", "assay": "amplicon"},
    {"sample": "P", "alignment": "b.bam", "assay": "panel"},
]
BED = "chrX\t47198960\t47198981\tleft\t0\t+\n"


def test_primers_are_told_to_amplicon_samples_alone(tmp_path):
    (tmp_path / "p.bed").write_text(BED)
    plan = Plan(load_run(make_project(tmp_path, PRIMED, {"primers": "p.bed"})))
    assert plan.call("A")["primers"] == {"shown": "p.bed", "path": str(tmp_path / "p.bed")}
    assert plan.call("P")["primers"] is None
    assert plan.primers("A") == [str(tmp_path / "p.bed")]
    assert plan.primers("P") == []
    before = {name: plan.fingerprints_of_call(name) for name in plan.samples}
    os.utime(tmp_path / "p.bed", (1_000_000_000, 1_000_000_000))
    assert plan.fingerprints_of_call("A") != before["A"]
    assert plan.fingerprints_of_call("P") == before["P"]
    assert Plan(load_run(make_project(tmp_path, PRIMED))).call("A")["primers"] is None


def test_values_from_snakemakes_command_line_count(tmp_path):
    config = make_project(tmp_path, ROWS[2:3])
    values = {"samples": "samples.tsv", "lab_name": "Ours"}
    assert load_plan([config], values).run.config.lab_name == "Ours"
    assert load_plan([config], {"samples": "samples.tsv"}).samples == ["B"]


def test_without_a_configuration_there_are_rules_to_look_at_but_no_samples():
    plan = load_plan([], {})
    assert plan.samples == plan.units == plan.status_files == []
