"""Runs through a real Slurm: the same bytes as on one machine, whatever is killed on the way."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from builders.sheets import write_sheet
from builders.workflow import cohort as rows_of
from builders.workflow import command, contents, delivered, files_of, run
from slurm import one_node

# As the profile says but for waiting; there is one disk, and jobs take seconds.
QUICK = ["--slurm-init-seconds-before-status-checks", "12", "--latency-wait", "5"]
THROUGH_SLURM = ["--profile", "slurm", "--", *QUICK]
LONGEST = 90  # seconds for something to be seen

pytestmark = pytest.mark.xdist_group("slurm")  # one Slurm, so one test after the other


def started(config, slurm):
    """Start a run through Slurm in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "vexas_uba1", "run", "--config", str(config), *THROUGH_SLURM],
        env={**os.environ, **slurm.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(seen, process=None):
    """Wait for something to be there, while a run goes on if one is given; return it."""
    end = time.monotonic() + LONGEST
    while not (found := seen()):
        assert process is None or process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def test_a_job_is_killed_and_the_bytes_are_those_of_a_run_without_slurm(slurm, cohort, tmp_path):
    config = cohort.again(tmp_path)
    results = tmp_path / "results"
    process = started(config, slurm)
    # In the middle of the job of both samples.
    wait_until(lambda: any((results / "work" / "extracted").glob("POS/*")), process)
    (killed,) = slurm.jobs("RUNNING")
    slurm.kill(killed)
    _, said = process.communicate()
    # The job is sent again. The sample that cannot be used is told, and the others finish.
    assert process.returncode == 2, said
    assert "\nerror: BAD: BAD.bam: the BAM file is truncated" in said
    assert "Traceback" not in said
    assert files_of(results, "BAD") == ["status.json"]
    assert rows_of(results)["POS"]["verdict"] == "detected"
    assert delivered(results) == delivered(cohort.results)
    # Calls, the check of the run, results, the cohort: no job for each sample.
    assert slurm.jobs("FAILED") == [killed]
    again, *others = sorted(slurm.jobs("COMPLETED"), key=int)
    assert len(others) == 3
    assert len(slurm.jobs()) == 5
    # Both samples at the memory of one and the time of both; the second time twice that.
    assert slurm.asks(killed) == ("2000M", "16:00")
    assert slurm.asks(again) == ("4000M", "32:00")


def test_an_interrupted_run_cancels_its_jobs_and_goes_on_without_slurm(slurm, cohort, tmp_path):
    config = cohort.again(tmp_path)
    results = tmp_path / "results"
    process = started(config, slurm)
    wait_until(lambda: any((results / "work" / "extracted").glob("*")), process)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "The same command goes on from here" in said
    wait_until(lambda: not slurm.jobs("PENDING", "RUNNING", "COMPLETING"))
    assert len(slurm.jobs()) == 1
    assert slurm.jobs() == slurm.jobs("CANCELLED")
    assert not (results / "samples").exists()
    assert run(config).code == 2
    assert delivered(results) == delivered(cohort.results)


def test_no_run_begins_beside_the_jobs_of_a_killed_one(slurm, cohort, tmp_path):
    config = cohort.again(tmp_path)
    results = tmp_path / "results"
    process = started(config, slurm)
    wait_until(lambda: any((results / "work" / "extracted").glob("POS/*")), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    # The job of Slurm goes on, and would write what another run writes.
    (left,) = slurm.jobs("RUNNING")
    refused = run(config)
    assert refused.code == 2
    (error,) = refused.errors
    assert "jobs of an earlier run are still in Slurm's queue" in error
    assert f"`scancel {left}`" in error
    subprocess.run(["scancel", left], check=True)
    wait_until(lambda: not slurm.jobs("PENDING", "RUNNING", "COMPLETING"))
    assert slurm.jobs("CANCELLED") == [left]
    assert not (results / "samples").exists()
    assert run(config).code == 2
    assert delivered(results) == delivered(cohort.results)


def test_parts_of_a_screen_as_an_array_make_the_table_of_the_whole(slurm, cohort, tmp_path):
    """As docs/deployment.md has it; a task of it is killed, and the whole run does the rest."""
    rows = []
    for number in range(6):
        sample = f"S{number}"
        shutil.copy(cohort.reads / "POS.bam", tmp_path / f"{sample}.bam")
        rows.append({"sample": sample, "alignment": f"{sample}.bam"})
    manifest = write_sheet(tmp_path / "biobank.tsv", rows)
    screen = f"{sys.executable} -m vexas_uba1 screen biobank.tsv --out screened --jobs 1"
    asks = ["--array=1-3", "--cpus-per-task=1", "--mem=1G", "--requeue"]
    subprocess.run(
        ["sbatch", *asks, "--wrap", f"exec {screen} --part $SLURM_ARRAY_TASK_ID/3"],
        cwd=tmp_path,
        env={**os.environ, **slurm.environment},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    out = tmp_path / "screened"
    wait_until(lambda: (out / "work" / "parts" / "1_of_3" / "screen.sqlite").exists())
    killed = slurm.jobs("RUNNING")[0]
    slurm.kill(killed)
    wait_until(lambda: len(slurm.jobs("COMPLETED", "FAILED")) == 3)
    assert slurm.jobs("FAILED") == [killed]
    assert not (out / "screen.tsv").exists()
    merged = command("screen", manifest, "--out", out)
    assert merged.code == 0, merged.err
    kept = int(merged.err.partition(" of 6 samples are done already")[0])
    assert 4 <= kept < 6
    alone = tmp_path / "alone"
    assert command("screen", manifest, "--out", alone).code == 0
    with (out / "screen.tsv").open(encoding="utf-8", newline="") as table:
        found = [(row["sample"], row["verdict"]) for row in csv.DictReader(table, delimiter="\t")]
    assert found == [(row["sample"], "detected") for row in rows]
    shutil.rmtree(out / "work")
    shutil.rmtree(alone / "work")
    assert contents(out) == contents(alone)


def test_the_slurm_of_someone_else_is_left_alone(tmp_path, monkeypatch):
    if one_node.missing():
        pytest.skip("needs root and Slurm's programs")
    theirs = tmp_path / "slurm.conf"
    theirs.write_text("ClusterName=theirs\n")
    monkeypatch.setattr(one_node, "CONFIGURATION", theirs)
    for action in (one_node.start, one_node.stop):
        with pytest.raises(one_node.CannotError, match="of another Slurm"):
            action()
    assert theirs.read_text() == "ClusterName=theirs\n"
