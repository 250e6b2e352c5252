"""Killed runs, runs side by side, and the same bytes whatever happened on the way."""

import fcntl
import os
import signal
import subprocess
import sys

import pytest

from builders.workflow import HOSTILE, delivered, jobs_of, project, run, snakemake
from vexas_uba1 import paths


def rows_of(finished):
    """The sheet of a finished run, its rows as they are."""
    heading, *rows = (finished.config.parent / "samples.tsv").read_text().splitlines()
    names = heading.split("\t")
    return [dict(zip(names, row.split("\t"), strict=True)) for row in rows]


def start(config, *arguments):
    """Start a run in a process group of its own."""
    line = [sys.executable, "-m", "vexas_uba1", "run", "--config", str(config), *arguments]
    return subprocess.Popen(
        line,
        env={**os.environ, "PYTHONPATH": str(paths.product_root() / "scripts")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(process, words):
    """Read what a run says until a line begins with ``words``."""
    said = []
    for line in process.stderr:
        if line.startswith(words):
            return
        said.append(line)
    pytest.fail(f"the run ended before it said {words!r}: {said}")


def test_a_run_stopped_and_killed_goes_on_with_the_same_command_to_the_same_bytes(
    from_alignments, reads, tmp_path
):
    """On one core in a folder with spaces: the bytes of the undisturbed run on two."""
    config = project(
        tmp_path / "other place",
        rows_of(from_alignments),
        {
            "reference": str(reads / "synthetic_GRCh38.fa.gz"),
            "lab_name": HOSTILE,
            "outdir": "made here",
        },
    )
    results = config.parent / "made here"
    process = start(config, "--cores", "1")
    wait_for(process, "Extracting ")
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "The same command goes on from here" in said
    assert "Traceback" not in said
    process = start(config, "--cores", "1")
    wait_for(process, "Extracting ")
    # As `timeout` and service managers end what they began.
    process.terminate()
    os.killpg(process.pid, signal.SIGTERM)
    _, said = process.communicate()
    assert (process.returncode, "Traceback" in said) == (143, False)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    process = start(config, "--cores", "1")
    wait_for(process, "Calling ")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    assert not (results / "cohort" / "cohort.tsv").exists()
    again = run(config, "--cores", 1)
    assert again.code == 0, again.err
    everything = jobs_of(from_alignments.results)
    assert set(jobs_of(results)) < set(everything)
    assert delivered(results) == delivered(from_alignments.results)


def test_a_second_run_on_the_same_folder_is_refused(from_alignments, reads, tmp_path):
    config = project(tmp_path, rows_of(from_alignments)[:1])
    results = tmp_path / "results"
    results.mkdir()
    with (results / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = run(config)
        plain = snakemake("--configfile", config, "--cores", 1, cwd=tmp_path)
        # Looking is allowed.
        looked = snakemake("--configfile", config, "--dry-run", cwd=tmp_path)
    assert said.code == 2
    (error,) = said.errors
    assert "another run is using this output folder" in error
    assert plain.code == 1
    assert error in plain.err
    assert looked.code == 0
    assert not (results / "work").exists()
    # The lock that a killed plain Snakemake leaves, and the way out.
    locks = results / ".snakemake" / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    (locks / "0.output.lock").write_text("cohort/cohort.tsv\n")
    left = run(config)
    assert left.code == 2
    assert "--unlock" in left.errors[0]
    assert snakemake("--configfile", config, "--unlock", cwd=tmp_path).code == 0
    assert run(config).code == 0


def test_a_run_waits_for_no_plain_snakemake_on_its_folder(from_alignments, tmp_path):
    config = project(tmp_path, rows_of(from_alignments)[:1])
    line = ["-m", "snakemake", "--snakefile", paths.snakefile(), "--configfile", config]
    plain = subprocess.Popen(
        [sys.executable, *map(str, line), "--cores", "1"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(plain, "Job ")
    os.killpg(plain.pid, signal.SIGSTOP)  # so that it does not end before the run looks
    said = run(config)
    os.killpg(plain.pid, signal.SIGCONT)
    _, rest = plain.communicate()
    assert said.code == 2
    assert "another run is using this output folder" in said.errors[0]
    assert plain.returncode == 0, rest
    # The same folder, written otherwise, is locked once and not against oneself.
    (tmp_path / "beside").mkdir()
    assert run("../config.yaml", cwd=tmp_path / "beside").code == 0


def test_a_terminated_run_takes_its_snakemake_along(from_alignments, tmp_path):
    config = project(tmp_path, rows_of(from_alignments)[:1])
    process = start(config, "--cores", "1")
    wait_for(process, "Extracting ")
    process.terminate()  # the run alone: what a scheduler or a container does
    _, said = process.communicate()
    assert process.returncode == 143
    assert "The same command goes on from here" in said
    assert "Traceback" not in said
    with (tmp_path / "results" / ".lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not (tmp_path / "results" / "samples").exists()


def test_a_snakemake_that_outlives_its_run_keeps_the_folder(from_alignments, reads, tmp_path):
    config = project(tmp_path, rows_of(from_alignments)[:1])
    results = tmp_path / "results"
    process = start(config, "--cores", "1")
    wait_for(process, "Extracting ")
    os.kill(process.pid, signal.SIGKILL)  # the run alone, not its Snakemake
    process.wait()
    os.killpg(process.pid, signal.SIGSTOP)  # so that it does not end before the second run looks
    said = run(config)
    os.killpg(process.pid, signal.SIGKILL)
    process.stderr.close()
    assert said.code == 2
    assert "another run is using this output folder" in said.errors[0]
    with (results / ".lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits until the kernel has let go of it
    assert run(config).code == 0
