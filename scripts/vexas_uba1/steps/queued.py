"""Jobs of a run in Slurm's queue, where they outlive a run that is killed.

They would go on writing into the output folder beside the next run's jobs. So their names tell the
folder, and a mark in it stays until none of them is left.
"""

from __future__ import annotations

import hashlib
import subprocess
import time
from pathlib import Path

from vexas_uba1.errors import UserError

_MARK = ".slurm"
_PATIENCE_S = 60.0
_LONGEST_WAIT = 30.0  # seconds until cancelled jobs have left the queue


def refuse_without_slurm() -> None:
    """Let no run begin that would wait for a Slurm which is not there.

    Raises:
        UserError: Slurm does not answer.
    """
    try:
        asked = subprocess.run(
            ["sinfo", "--noheader"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
        )
        if asked.returncode == 0:
            return
        said = (asked.stderr.strip().splitlines() or [f"exit status {asked.returncode}"])[-1]
    except OSError:
        said = "its programs cannot be run here"
    except subprocess.TimeoutExpired:
        said = f"nothing in {_PATIENCE_S:g} seconds"
    raise UserError(
        f"Slurm does not answer: {said}",
        remedy="Start the run where `sinfo` shows the cluster, or without this profile",
        column="--profile",
        value="slurm",
    )


def naming(outdir: Path) -> list[str]:
    """Return Snakemake's option that lets the names of a run's jobs tell its folder."""
    return ["--slurm-jobname-prefix", _name(outdir)]


def begin(outdir: Path) -> None:
    """Mark the folder as one of a run through Slurm."""
    (outdir / _MARK).touch()


def cancel(outdir: Path) -> None:
    """Cancel the jobs of a run through Slurm that are in the queue, and see them leave it."""
    end = time.monotonic() + _LONGEST_WAIT
    while (outdir / _MARK).exists() and (jobs := _jobs(outdir)) and time.monotonic() < end:
        subprocess.run(["scancel", *jobs], capture_output=True, check=False)
        time.sleep(0.2)


def end(outdir: Path) -> None:
    """Cancel what is left of a run through Slurm; take the mark away if nothing is."""
    cancel(outdir)
    if (outdir / _MARK).exists() and _jobs(outdir) == []:
        (outdir / _MARK).unlink()


def refuse_if_any(outdir: Path) -> None:
    """Let no run begin while jobs of an earlier one are in the queue.

    Raises:
        UserError: there are some, or Slurm cannot be asked.
    """
    mark = outdir / _MARK
    if not mark.exists():
        return
    jobs = _jobs(outdir)
    if jobs is None:
        raise UserError(
            "a run through Slurm was killed here, and squeue does not say whether its jobs go on",
            remedy="Start the run where squeue works, or, if none of its jobs is left, remove "
            f"{_MARK} from this folder",
            file=outdir.name,
        )
    if jobs:
        raise UserError(
            "jobs of an earlier run are still in Slurm's queue",
            remedy=f"Wait for them to end, or cancel them: `scancel {' '.join(jobs)}`",
            file=outdir.name,
        )
    mark.unlink()


def _name(outdir: Path) -> str:
    return f"vexas-uba1-{hashlib.sha256(bytes(outdir.resolve())).hexdigest()[:12]}"


def _jobs(outdir: Path) -> list[str] | None:
    """Return the ids of the run's jobs that have not ended; None if Slurm cannot be asked."""
    asked = ["squeue", "--me", "--noheader", "--format=%A %j"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    jobs = (line.split(maxsplit=1) for line in said.splitlines())
    return [job for job, name in jobs if name.startswith(_name(outdir))]
