"""Runs through a real Slurm: the same bytes as on one machine, whatever is killed on the way."""

import os
import signal
import subprocess
import sys
import time

import pytest

from builders.workflow import cohort as rows_of
from builders.workflow import delivered, files_of, run
from slurm import one_node

# As the profile says but for waiting; there is one disk, and jobs take seconds.
QUICK = ["--slurm-init-seconds-before-status-checks", "12", "--latency-wait", "5"]
THROUGH_SLURM = ["--profile", "slurm", "--", *QUICK]
LONGEST = 90  # seconds for something to be seen


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


def wait_until(seen, process):
    """Wait for something to be there while a run goes on; return it."""
    end = time.monotonic() + LONGEST
    while not (found := seen()):
        assert process.poll() is None, process.stderr.read()
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
    assert len(slurm.jobs("COMPLETED")) == 4
    assert len(slurm.jobs()) == 5


def test_an_interrupted_run_cancels_its_jobs_and_goes_on_without_slurm(slurm, cohort, tmp_path):
    config = cohort.again(tmp_path)
    results = tmp_path / "results"
    process = started(config, slurm)
    wait_until(lambda: any((results / "work" / "extracted").glob("*")), process)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "The same command goes on from here" in said
    end = time.monotonic() + LONGEST
    while slurm.jobs("PENDING", "RUNNING", "COMPLETING"):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert slurm.jobs() == slurm.jobs("CANCELLED")
    assert not (results / "samples").exists()
    assert run(config).code == 2
    assert delivered(results) == delivered(cohort.results)


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
