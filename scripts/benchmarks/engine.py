"""Part of `make benchmark-scale`: what Snakemake and Slurm cost beside the work of a sample.

    python -m benchmarks.engine [--planned 10000] [--samples 10] [--page PAGE]

The work is measured in this process, without an engine; then the workflow runs the same samples.
The rows of Slurm need root, Debian's slurm-wlm and munge, and Snakemake's plugin, in .venv or in
the folder that VEXAS_UBA1_SLURM_PLUGIN names; they are left out where there are none.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.others import run
from benchmarks.pages import head, put_into, row
from benchmarks.screening import small_files
from vexas_uba1 import paths
from vexas_uba1.steps.single import call_one

SECTION = "benchmark-engine"
_HEAD = head(
    (
        "What",
        "Samples",
        "Jobs sent",
        "Wall, s",
        "Wall beyond the work, s a sample",
        "CPU, s",
        "CPU beyond the work, s a sample",
    ),
    1,
)
_ONE_NODE = paths.product_root() / "tests" / "slurm" / "one_node.py"
_GROUPING = ("groups", "group-components", "resources", "set-resource-scopes")
_LOOK_S = 12
"""Seconds between two looks at Slurm's queue; left alone they are 40, for jobs of many minutes."""
_SENT = re.compile(r"Group job \w+ |^Job \d+: ", re.MULTILINE)


@dataclass(frozen=True)
class Spent:
    """Seconds that something took.

    Attributes:
        wall_s: Of wall time.
        cpu_s: Of CPU, all processes together; under Slurm the seconds for which its jobs held a
            core, and the CPU of the process that sent them.
    """

    wall_s: float
    cpu_s: float


def work_alone(files: Sequence[Path], folder: Path) -> Spent:
    """Extract, call and write the results one sample after the other, in this process."""

    def work(file: Path) -> None:
        call_one(
            str(file),
            folder,
            sample=None,
            sex="male",
            assay="wes",
            umi="none",
            input_ng=None,
            primers=None,
            panel=None,
            read_group_sample=None,
            references=(),
            build="auto",
            locus=None,
            lab_name="",
            url_timeout=600,
        )

    work(files[0])  # imports, and what is kept from one sample to the next
    wall, cpu = time.perf_counter(), time.process_time()
    for file in files:
        work(file)
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)


def workflow(
    files: Sequence[Path], folder: Path, *arguments: object, plugin: str | None = None
) -> tuple[Spent, int]:
    """Run the workflow in a new folder; return what it took, and how many jobs it sent.

    Raises:
        subprocess.CalledProcessError: the run failed.
    """
    folder.mkdir()
    lines = [f"{file.stem}\t{file}\twes\tmale\n" for file in files]
    sheet = "sample\talignment\tassay\tsex\n" + "".join(lines)
    (folder / "samples.tsv").write_text(sheet, encoding="utf-8")
    config, said = folder / "config.yaml", folder / "said.txt"
    config.write_text("samples: samples.tsv\n", encoding="utf-8")
    scripts = str(paths.product_root() / "scripts")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([scripts, *([plugin] if plugin else [])]),
    }
    line = [sys.executable, "-m", "vexas_uba1", "run", "--config", config, *arguments]
    began = time.perf_counter()
    cost = run([line], said, environment)
    wall = time.perf_counter() - began
    log = folder / "results" / "logs" / "snakemake.log"
    text = (log if log.exists() else said).read_text(encoding="utf-8")
    return Spent(wall, cost.cpu_s), len(_SENT.findall(text))


def profiles(folder: Path) -> tuple[Path, Path]:
    """Write two halves of the Slurm profile: its groups alone, and all of it but its groups."""
    own = paths.product_root() / "workflow" / "profiles" / "slurm" / "config.yaml"
    given = yaml.safe_load(own.read_text(encoding="utf-8"))
    made = folder / "grouped", folder / "single"
    for profile in made:
        profile.mkdir()
        values = {
            name: value
            for name, value in given.items()
            if (name in _GROUPING) == (profile.name == "grouped")
        }
        (profile / "config.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return made


def through_slurm(files: Sequence[Path], folder: Path, profile: object) -> tuple[Spent, int] | str:
    """Run the workflow on a Slurm of one node, by a profile; or return why that cannot be."""
    why = _one_node("start")
    if why:
        return why
    try:
        spent, sent = workflow(
            files,
            folder,
            *("--profile", profile, "--", "--latency-wait", 5),
            *("--slurm-init-seconds-before-status-checks", _LOOK_S),
            plugin=os.environ.get("VEXAS_UBA1_SLURM_PLUGIN"),
        )
        asked = ["squeue", "--noheader", "--states=all", "--Format=TimeUsed"]
        used = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    except subprocess.CalledProcessError as error:
        return f"a run through Slurm failed: {error}"
    finally:
        _one_node("stop")
    return Spent(spent.wall_s, spent.cpu_s + sum(map(_seconds, used))), sent


def _one_node(action: str) -> str:
    line = [sys.executable, str(_ONE_NODE), action]
    return subprocess.run(line, capture_output=True, text=True, check=False).stderr.strip()


def _seconds(written: str) -> int:
    """Return seconds of a time as Slurm writes it: 1-02:03:04, 2:03:04 or 3:04."""
    days, _, clock = written.rpartition("-")
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part)
    return 86_400 * int(days or 0) + seconds


def table(planned: int, samples: int, folder: Path) -> str:
    """Measure and return the table."""
    files = small_files(folder, max(planned, samples))
    rows: list[str] = []

    def add(what: str, count: int, sent: int | None, spent: Spent, alone: Spent | None) -> None:
        beyond = ["", ""]
        if alone is not None:
            wall, cpu = spent.wall_s - alone.wall_s, spent.cpu_s - alone.cpu_s
            beyond = [f"{wall / count:.2f}", f"{cpu / count:.2f}"]
        jobs = "" if sent is None else f"{sent:,}"
        cells = (what, f"{count:,}", jobs, f"{spent.wall_s:.0f}", beyond[0])
        rows.append(row((*cells, f"{spent.cpu_s:.0f}", beyond[1])))
        sys.stdout.write(rows[-1])
        sys.stdout.flush()

    groups, single = profiles(folder)
    spent, sent = workflow(files[:planned], folder / "dry", "--dry-run")
    add("dry run", planned, sent, spent, None)
    spent, sent = workflow(files[:planned], folder / "shared", "--dry-run", "--profile", groups)
    add("dry run, grouped", planned, sent, spent, None)
    some = files[:samples]
    alone = work_alone(some, folder / "alone")
    add("the work alone, in one process", samples, None, alone, None)
    spent, sent = workflow(some, folder / "local", "--cores", 1)
    add("workflow, 1 core", samples, sent, spent, alone)
    for what, profile in (("a job each", single), ("grouped", "slurm")):
        measured = through_slurm(some, folder / f"slurm, {what}", profile)
        if isinstance(measured, str):
            sys.stderr.write(f"Slurm is left out: {measured}\n")
        else:
            add(f"workflow, Slurm of one node, {what}", samples, measured[1], measured[0], alone)
    return _HEAD + "".join(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and put it into a page."""
    parser = argparse.ArgumentParser(prog="benchmarks.engine", description=__doc__)
    parser.add_argument("--planned", type=int, default=10_000, help="samples of the dry run")
    parser.add_argument("--samples", type=int, default=10, help="samples that are run")
    parser.add_argument("--page", type=Path, help="put the table between this page's marks")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        made = table(given.planned, given.samples, Path(folder))
    if given.page is not None:
        put_into(given.page, SECTION, made)


if __name__ == "__main__":
    main()
