"""A real Slurm for one test at a time, and a cohort with its run on this machine alone."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from builders.simulated import clone, sample_of
from builders.workflow import project, run, shared
from slurm.one_node import CannotError, missing, start, stop
from vexas_uba1 import paths

PLUGIN = "VEXAS_UBA1_SLURM_PLUGIN"
"""Environment variable that names a folder of Snakemake's plugin, as CI sets it.

With the plugin in .venv and no Slurm that answers, each call of Snakemake would take ten seconds
longer. Whoever sets it wants these tests: what hinders them is then a failure.
"""
ROWS = [
    {"sample": "POS", "alignment": "POS.bam", "run": "R1"},
    {"sample": "BAD", "alignment": "BAD.bam", "run": ""},
]


@dataclass(frozen=True)
class Cohort:
    """A sample of a sequencing run and one that cannot be used.

    Attributes:
        reads: The folder of their files.
        results: Of an undisturbed run without Slurm.
    """

    reads: Path
    results: Path

    def again(self, folder: Path) -> Path:
        """Return the configuration of the same cohort, to be run into ``folder``."""
        rows = [{**row, "alignment": str(self.reads / row["alignment"])} for row in ROWS]
        return project(folder, rows)


class Slurm:
    """The one-node Slurm, asked through its own programs."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def jobs(self, *states: str) -> list[str]:
        """Return the ids of its jobs, ended ones too, or of those in the given states."""
        asked = ["squeue", "--noheader", "--format=%A", f"--states={','.join(states) or 'all'}"]
        said = subprocess.run(asked, capture_output=True, text=True, check=True)
        return said.stdout.split()

    def asks(self, job: str) -> tuple[str, str]:
        """Return the memory and the longest time that a job asked for, as Slurm writes them."""
        asked = ["squeue", "--noheader", "--format=%m %l", "--states=all", f"--jobs={job}"]
        said = subprocess.run(asked, capture_output=True, text=True, check=True)
        memory, time = said.stdout.split()
        return memory, time

    def kill(self, job: str) -> None:
        """Kill all processes of a job, as a machine does that runs out of memory."""
        said = subprocess.run(["scontrol", "listpids", job], capture_output=True, text=True)
        processes = [int(line.split()[0]) for line in said.stdout.splitlines()[1:]]
        assert processes, said
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


@pytest.fixture
def slurm() -> Iterator[Slurm]:
    """A Slurm without jobs; skipped where there cannot be one, unless it was asked for."""
    plugin = os.environ.get(PLUGIN)
    there = plugin or importlib.util.find_spec("snakemake_executor_plugin_slurm")
    absent = [*missing(), *([] if there else ["snakemake-executor-plugin-slurm"])]
    if absent:
        _none(f"needs a Slurm of its own; not here: {', '.join(absent)}")
    # /etc/slurm is one for all processes of this machine.
    with Path("/run/lock/vexas-uba1-slurm").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            start()
        except CannotError as error:
            _none(str(error))
        try:
            folders = [str(paths.product_root() / "scripts"), *([plugin] if plugin else [])]
            yield Slurm({"PYTHONPATH": os.pathsep.join(folders)})
        finally:
            stop()


def _none(why: str) -> NoReturn:
    if PLUGIN in os.environ:
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """A cohort whose run on this machine is through."""

    def make(folder: Path) -> None:
        sample_of(folder, sample="POS", clones=[clone(0.3, "c.122T>C")])
        whole = (folder / "POS.bam").read_bytes()
        (folder / "BAD.bam").write_bytes(whole[: len(whole) // 2])
        assert run(project(folder, ROWS)).code == 2

    folder = shared(tmp_path_factory, "cohort_for_slurm", make)
    return Cohort(folder, folder / "results")
