"""Reads behind URLs: what a server does wrong is told, is no verdict, and is mended by a re-run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from builders.rangeserver import break_file, serving
from builders.workflow import (
    SAMPLE_FILES,
    cohort,
    command,
    delivered,
    files_of,
    here,
    jobs_of,
    project,
    result,
    run,
    status,
)
from vexas_uba1 import paths

SIGNATURE = "X-Signature=hush"
# What the test waits for is ours, not htslib's own attempts.
ONCE = {"HTS_RETRY_MAX": "0", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

# How each sample's server fails, of which file, and what is told of it.
Faults = dict[str, tuple[str, dict[str, object], str]]
FAULTS: Faults = {
    "silent": ("bam", {"seconds_a_byte": 0}, "not read within 15 seconds"),
    "trickling": ("bam", {"seconds_a_byte": 1}, "not read within 15 seconds"),
    "dropping": ("bam", {"hole": [25_000, 40_000]}, "does not send all of it"),
    "short_index": ("bam.bai", {"hole": [500, 1 << 30], "honest": True}, "its index cannot be"),
    "error": ("bam", {"status": 500}, "does not send all of it"),
}
AT_ONCE: Faults = {
    "silent_index": ("bam.bai", {"seconds_a_byte": 0}, "not read within 15 seconds"),
    "cut": ("bam", {"hole": [30_000, 1 << 30]}, "does not send all of it"),
    "short": ("bam", {"hole": [30_000, 1 << 30], "honest": True}, "does not send all of it"),
    "cut_index": ("bam.bai", {"hole": [500, 1 << 30]}, "its index cannot be read"),
    "refusing": ("bam", {"status": 403}, "refuses access"),
    "missing": ("bam", {"status": 404}, "has no such file"),
}


@pytest.fixture
def served(reads, tmp_path):
    """A folder with a sample for each fault, and a good one."""
    folder = tmp_path / "served"
    folder.mkdir()
    for name in ("good", *FAULTS, *AT_ONCE):
        for suffix in (".bam", ".bam.bai"):
            shutil.copy2(reads / f"POS{suffix}", folder / f"{name}{suffix}")
    return folder


def rows_at(address, names):
    return [{"sample": name, "alignment": f"{address}/{name}.bam?{SIGNATURE}"} for name in names]


def assert_no_secret(folder, *said):
    for text in said:
        assert "hush" not in text
    for file in folder.rglob("*"):
        assert not file.is_file() or b"hush" not in file.read_bytes(), file
        assert "hush" not in file.name


def test_a_run_ends_whatever_servers_do_and_a_later_one_completes_it(served, tmp_path):
    names = ["good", *FAULTS]
    with serving(served, SIGNATURE) as address:
        settings = {"url_timeout_s": 15}
        whole = project(tmp_path / "whole", rows_at(address, names), settings)
        assert run(whole, **ONCE).code == 0
        config = project(tmp_path / "here", rows_at(address, names), settings)
        results = tmp_path / "here" / "results"
        for name, (suffix, fault, _) in FAULTS.items():
            break_file(served, f"{name}.{suffix}", **fault)
        said = run(config, **ONCE)
        assert said.code == 2 and "Traceback" not in said.out + said.err
        rows = cohort(results)
        assert rows["good"]["verdict"] == "detected"
        for name, (_, _, words) in FAULTS.items():
            assert files_of(results, name) == ["status.json"]
            failed = status(results, name)
            assert (failed["state"], failed["step"]) == ("failed", "extract_region")
            (problem,) = failed["problems"]
            assert words in problem["message"], name
            assert (rows[name]["status"], rows[name]["verdict"]) == ("failed", "")
        assert_no_secret(results, said.out, said.err)
        for name, (suffix, _, _) in FAULTS.items():
            break_file(served, f"{name}.{suffix}")
        # Another limit makes no finished sample old.
        project(tmp_path / "here", rows_at(address, names), {"url_timeout_s": 100})
        again = run(config, **ONCE)
    assert again.code == 0, again.err
    assert not [job for job in jobs_of(results) if "good" in job]
    assert files_of(results, "silent") == sorted(SAMPLE_FILES)
    assert delivered(results) == delivered(tmp_path / "whole" / "results")
    assert_no_secret(results, again.out, again.err)


@pytest.mark.parametrize("name", ["silent", "silent_index"])
def test_a_call_ends_although_a_server_is_silent(served, tmp_path, name):
    suffix, fault, words = (FAULTS | AT_ONCE)[name]
    out = tmp_path / "out"
    with serving(served, SIGNATURE) as address:
        line = ("call", f"{address}/{name}.bam?{SIGNATURE}", "--out", out, "--url-timeout", 15)
        break_file(served, f"{name}.{suffix}", **fault)
        said = command(*line, **ONCE)
        assert said.code == 2 and "Traceback" not in said.err and said.out == ""
        (error,) = said.errors
        assert words in error
        assert not list(out.rglob("*.result.json"))
        assert "hush" not in said.err
        break_file(served, f"{name}.{suffix}")
        assert command(*line, **ONCE).code == 0
    assert result(out, name)["verdict"]["code"] == "detected"
    assert_no_secret(out)


def test_a_panel_is_not_waited_for_without_end(served, tmp_path):
    with serving(served, SIGNATURE) as address:
        break_file(served, "silent.bam", seconds_a_byte=0)
        line = [f"{address}/{name}.bam?{SIGNATURE}" for name in ("silent", "silent_index")]
        panel = tmp_path / "p.npz"
        said = command("panel", "build", *line, "--out", panel, "--url-timeout", 10, **ONCE)
        break_file(served, "silent.bam")
    assert said.code == 2 and "Traceback" not in said.err and not panel.exists()
    # The second one is read: it has a variant.
    slow, other = said.errors
    assert "/silent.bam: the file was not read within 10 seconds" in slow
    assert "/silent_index.bam: c.122T>C passes" in other
    assert "hush" not in said.err


def test_a_call_tells_what_a_server_does_wrong(served, tmp_path, capfd, monkeypatch):
    for key, value in ONCE.items():
        monkeypatch.setenv(key, value)
    with serving(served, SIGNATURE) as address:
        for name, (suffix, fault, words) in AT_ONCE.items():
            if "seconds_a_byte" in fault:
                continue
            break_file(served, f"{name}.{suffix}", **fault)
            said = here(capfd, "call", f"{address}/{name}.bam?{SIGNATURE}", "--out", tmp_path / "o")
            assert said.code == 2 and said.out == ""
            (error,) = said.errors
            assert words in error and "hush" not in said.err, name
    assert not list((tmp_path / "o").rglob("*.result.json"))


def children_of(pid):
    """Return the processes below one."""
    listed = subprocess.run(["ps", "-eww", "-o", "pid=,ppid="], capture_output=True, text=True)
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found, below = [], {pid}
    while below:
        below = {child for child, parent in pairs if parent in below}
        found += below
    return found


def test_killed_while_it_waits_it_leaves_nobody_behind_for_long(served, tmp_path):
    """While it waits for a silent server the reader does not see that the command is gone."""
    break_file(served, "silent.bam", seconds_a_byte=0)
    with serving(served) as address:
        line = ("call", f"{address}/silent.bam", "--out", tmp_path / "out", "--url-timeout", 5)
        process = subprocess.Popen(
            [sys.executable, "-m", "vexas_uba1", *map(str, line)],
            env={**os.environ, **ONCE, "PYTHONPATH": str(paths.product_root() / "scripts")},
        )
        until((served / "silent.bam.asked").exists)
        left = children_of(process.pid)
        assert left
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        until(lambda: not any(is_alive(pid) for pid in left))


def is_alive(pid):
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return listed.stdout.strip()[:1] not in ("", "Z")


def until(holds, seconds=60):
    for _ in range(seconds * 10):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it never came to that")
