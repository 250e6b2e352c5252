"""Snakemake with sane flags, its progress, and what came of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from vexas_uba1 import numbers, paths
from vexas_uba1.errors import UserError
from vexas_uba1.result import read_result
from vexas_uba1.samples.check import load_run
from vexas_uba1.status import SampleStatus, read_status, status_file
from vexas_uba1.steps import lock, queued
from vexas_uba1.steps.folders import refuse_a_screens
from vexas_uba1.steps.interrupts import exit_status, interrupts
from vexas_uba1.steps.plan import CHECKED, Plan
from vexas_uba1.steps.profiles import find_profile, refuse_partial
from vexas_uba1.verdict import leading

ENGINE_LOG = Path("logs") / "snakemake.log"
_TARGET = "finish_samples"
_LOG_LINES = 12
_MOST_LOGS = 3
_STEPS = re.compile(r"(\d+) of (\d+) steps")
_MESSAGE = re.compile(r"\s*Job \d+: (.+)")
_FAILED_LOG = re.compile(r"\s*log: (\S.*?) \(check log file")
_FULL_DISK = re.compile(r"[Nn]o space (?:is )?left on|database or disk is full|Disk quota exceeded")
_LONGEST_STOP_S = 600.0  # for Snakemake to end its jobs; it looks at Slurm's in minutes
_BAD_ARGUMENTS = 2  # Snakemake's own exit status for them


@dataclass
class _Watched:
    """What Snakemake said."""

    failed_logs: list[str] = field(default_factory=list)
    last_lines: list[str] = field(default_factory=list)
    disk_is_full: bool = False


def run_workflow(
    config: Path, *, cores: int | None, dry_run: bool, profile: str | None, arguments: Sequence[str]
) -> int:
    """Check the input, run Snakemake and show what came of it.

    Args:
        config: The configuration file.
        cores: Of this machine, or jobs of a cluster; None for all, or as many as the profile says.
        dry_run: Whether to show the jobs only.
        profile: Name of a profile of the workflow, or a folder.
        arguments: Further arguments of Snakemake.

    Returns:
        The exit status: 0; 2 if the user has something to mend; 1 for a fault of the software;
        130 and 143 if it was interrupted or terminated.

    Raises:
        UserError: the configuration or the sheet cannot be used, or another run is under way.
    """
    plan = Plan(load_run(config))
    refuse_a_screens(plan.outdir)
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    for change in plan.changed_versions():
        console.print(
            f"Since the last results: {change}; what depends on it is done again.", markup=False
        )
    refuse_partial(arguments)
    jobs = find_profile(profile)
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(paths.snakefile())),
        *("--configfile", str(config.absolute()), "--directory", str(plan.outdir)),
        *("--keep-going", "--rerun-incomplete", "--nolock"),
        *jobs.arguments(cores),
        *(queued.naming(plan.outdir) if jobs.is_slurm else []),
        *(["--dry-run"] if dry_run else []),
        *arguments,
        *("--", _TARGET),
    ]
    environment = {**os.environ, CHECKED: plan.run.sheet}
    if dry_run:
        code = subprocess.run(command, env=environment, check=False).returncode
        return code if code in (0, _BAD_ARGUMENTS) else 1
    if jobs.is_slurm:
        queued.refuse_without_slurm()
    with lock.take(plan.outdir) as held:
        lock.refuse_if_snakemake_locked(plan.outdir, config)
        queued.refuse_if_any(plan.outdir)
        if jobs.is_slurm:
            queued.begin(plan.outdir)
        watched = _Watched()
        try:
            environment[lock.HELD] = str(plan.outdir)
            code = _watch(command, environment, plan.outdir, held, watched, console)
        except KeyboardInterrupt as stop:
            return exit_status(stop)
        finally:
            queued.end(plan.outdir)
    if code == _BAD_ARGUMENTS:
        said = re.sub(r"^.*?error: ", "", watched.last_lines[-1]) if watched.last_lines else ""
        raise UserError(
            f"Snakemake cannot be called like this: {said}",
            remedy="Mend what stands after `--`, or the profile",
        )
    if code != 0:
        return _explain(watched, plan.outdir, console)
    return _show(plan, console)


def _watch(
    command: Sequence[str],
    environment: Mapping[str, str],
    outdir: Path,
    held: IO[bytes],
    watched: _Watched,
    console: Console,
) -> int:
    """Run Snakemake; its whole output goes to a log, its progress to the terminal."""
    log_file = outdir / ENGINE_LOG
    log_file.parent.mkdir(parents=True, exist_ok=True)
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with log_file.open("w", encoding="utf-8") as log, progress, interrupts():
        task = progress.add_task("Planning", total=None)
        process = subprocess.Popen(
            command,
            # Snakemake goes back to where it came from as it ends, and a last job may start there.
            cwd=outdir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # A Snakemake that outlives this process keeps the folder.
            pass_fds=[held.fileno()],
            env=environment,
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                log.write(line)
                watched.last_lines = [*watched.last_lines[-_LOG_LINES:], line.rstrip("\n")]
                watched.disk_is_full |= _FULL_DISK.search(line) is not None
                if found := _FAILED_LOG.match(line):
                    watched.failed_logs.append(found[1])
                if found := _MESSAGE.match(line):
                    progress.update(task, description=found[1])
                    if not console.is_terminal:
                        console.print(found[1])
                if found := _STEPS.search(line):
                    progress.update(task, completed=int(found[1]), total=int(found[2]))
        except KeyboardInterrupt:
            # The terminal interrupts Snakemake too, but now and then that is lost on it. This lets
            # it start no further job and put its things away.
            process.terminate()
            giving_up = threading.Timer(_LONGEST_STOP_S, process.kill)
            giving_up.start()
            try:
                console.print("Stopping. The same command goes on from here.")
                # Snakemake does so too, but not if it was asking for them just then.
                queued.cancel(outdir)
                log.write(process.stdout.read())
                process.wait()
            finally:
                giving_up.cancel()
                process.kill()  # for who interrupts twice
            raise
        return process.wait()


def _explain(watched: _Watched, outdir: Path, console: Console) -> int:
    """Show the last lines of what failed; return the exit status."""
    if watched.disk_is_full:
        console.print(
            "error: no space is left on the disk. "
            "Free space or choose another outdir, then run the same command again.",
        )
        return 2
    users_to_mend = bool(watched.failed_logs)
    silent = not watched.failed_logs
    for name in watched.failed_logs[:_MOST_LOGS]:
        log = outdir / name
        lines = (
            log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
        )
        console.print(f"A job failed. The last lines of {log}:")
        for line in lines[-_LOG_LINES:]:
            console.print(f"  {line}")
        silent |= not any(map(str.strip, lines))
        users_to_mend &= bool(lines) and any(line.startswith("error: ") for line in lines)
    if silent:
        console.print("The last lines of Snakemake's own log:")
        for line in watched.last_lines:
            console.print(f"  {line}")
    console.print(
        f"The whole log: {outdir / ENGINE_LOG}. The same command goes on from here.", markup=False
    )
    return 2 if users_to_mend else 1


def _show(plan: Plan, console: Console) -> int:
    """Print the verdicts; return the exit status."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("sample", "verdict", "variant", "VAF", "codon-41 limit", "note"):
        table.add_column(heading, overflow="fold")
    failed: list[SampleStatus] = []
    for sample in plan.samples:
        file = status_file(plan.outdir, sample)
        status = read_status(file)
        if status.state == "failed":
            failed.append(status)
            table.add_row(
                sample, "FAILED", "", "", "", f"{status.step}: {status.problems[0].message}"
            )
            continue
        result = read_result(file.parent / f"{sample}.result.json")
        call = result.call
        deciding = leading(call)
        table.add_row(
            sample,
            result.verdict.code,
            deciding.hgvs_c if deciding else "",
            numbers.percent(deciding.vaf) if deciding else "",
            numbers.limit(call.codon41.limit_of_detection_vaf),
            "RNA: both are RNA VAFs" if call.sample.assay == "rna" else "",
        )
    output = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 160)
    output.print(table)
    for status in failed:
        for problem in status.problems:
            console.print(f"error: {status.sample}: {problem}")
    if left := _not_in_sheet(plan):
        console.print(f"Not in the sheet any more, left as they are: {', '.join(left)}")
    page = plan.outdir / "cohort" / "cohort.html"
    output.print(f"Open {os.path.relpath(page)}", soft_wrap=True)
    return 2 if failed else 0


def _not_in_sheet(plan: Plan) -> list[str]:
    """Return the samples whose results an earlier sheet has left in the output folder."""
    folders = (plan.outdir / "samples").iterdir()
    there = {folder.name for folder in folders if status_file(plan.outdir, folder.name).is_file()}
    return sorted(there - set(plan.samples))
