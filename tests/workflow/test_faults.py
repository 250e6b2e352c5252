"""A disk that fills up during a run, and processes that are killed beneath it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from builders.workflow import delivered, jobs_of, project, run, shared
from vexas_uba1 import paths

IN_A_NAMESPACE = ["unshare", "--mount", "--map-root-user"]
# Run on a small disk, then once more with space; what each left is copied out.
ON_A_SMALL_DISK = """
size="$1"; disk="$2"; out="$3"; shift 3
mount -t tmpfs -o size="$size" tmpfs "$disk"
"$@"; echo "code $?"
mkdir "$out/first"; cp -r "$disk/results" "$out/first"
mount -o remount,size=100m "$disk"
"$@"; echo "code $?"
cp -r "$disk/results" "$out/second"
"""


def command_of(config):
    return [sys.executable, "-m", "vexas_uba1", "run", "--config", str(config), "--cores", "1"]


def environment():
    return {**os.environ, "PYTHONPATH": str(paths.product_root() / "scripts")}


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, reads):
    """The results of one sample."""

    def make(folder):
        said = run(project(folder, rows(reads)))
        assert said.code == 0, said.err

    return shared(tmp_path_factory, "undisturbed", make) / "results"


def rows(reads):
    return [{"sample": "POS", "alignment": str(reads / "POS.bam")}]


@pytest.mark.parametrize("size", ["120k", "300k", "500k"])
def test_a_full_disk_ends_a_run_and_a_later_one_completes_it(undisturbed, reads, tmp_path, size):
    disk, out = tmp_path / "disk", tmp_path / "out"
    disk.mkdir()
    out.mkdir()
    tried = [*IN_A_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", disk]
    if subprocess.run(tried, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    config = project(tmp_path, rows(reads), {"outdir": str(disk / "results")})
    done = subprocess.run(
        [*IN_A_NAMESPACE, "bash", "-c", ON_A_SMALL_DISK, "-", size, disk, out, *command_of(config)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    codes = [line for line in done.stdout.splitlines() if line.startswith("code ")]
    assert codes == ["code 2", "code 0"], done.stderr
    assert "Traceback" not in done.stderr
    assert "error: no space is left on the disk" in done.stderr
    left = out / "first" / "results"
    assert not list(left.rglob("*.status.json")) and not list(left.rglob("cohort.tsv"))
    assert delivered(out / "second") == delivered(undisturbed)


def processes():
    """Return each process with its parent and its command line."""
    listed = subprocess.run(
        ["ps", "-eww", "-o", "pid=,ppid=,args="], capture_output=True, text=True
    )
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [(int(pid), int(parent), line[0] if line else "") for pid, parent, *line in lines]


def job_of(config, rule):
    """Return the process of a job of this run, once there is one."""
    outdir = str(config.parent / "results")
    for _ in range(1200):
        for pid, _parent, line in processes():
            if outdir in line and f".{rule}.py" in line and "bash" not in line.split()[0]:
                return pid
        time.sleep(0.05)
    raise AssertionError("it never came to that")


@pytest.mark.parametrize("rule", ["extract_region", "call_variants", "finalise_result"])
def test_a_killed_job_is_no_result_and_a_later_run_completes_it(undisturbed, reads, tmp_path, rule):
    config = project(tmp_path, rows(reads))
    results = tmp_path / "results"
    process = subprocess.Popen(
        command_of(config),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.kill(job_of(config, rule), signal.SIGKILL)
    out, said = process.communicate()
    assert process.returncode == 1
    assert "A job failed" in said and "Traceback" not in said
    assert "detected" not in out
    assert not list(results.rglob("*.status.json"))
    again = run(config)
    assert again.code == 0, again.err
    assert ("Extracting the gene's reads of POS" in jobs_of(results)) == (rule == "extract_region")
    assert delivered(results) == delivered(undisturbed)
