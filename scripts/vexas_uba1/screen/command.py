"""``vexas-uba1 screen`` as a user meets it: checks, progress, the last words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from vexas_uba1.cohort.entries import VERDICTS
from vexas_uba1.errors import Problem, UserError, disk_problem
from vexas_uba1.samples.check import load_run
from vexas_uba1.samples.document import read_document
from vexas_uba1.samples.sources import shown_value
from vexas_uba1.screen.screening import TSV, Outcome, Part, screen
from vexas_uba1.steps import lock
from vexas_uba1.steps.folders import SCREEN_PARTS, SCREEN_TABLE, refuse_a_workflows
from vexas_uba1.steps.interrupts import exit_status, interrupts
from vexas_uba1.steps.plan import Plan

_LINE_SECONDS = 30.0
"""How often progress is told where no bar can be drawn."""
_QUIET = frozenset({"not_detected"})


def run_screen(
    manifest: Path,
    out: Path,
    *,
    jobs: int,
    config: Path | None,
    keys: Mapping[str, object],
    timeout: float,
    part: Part | None = None,
) -> int:
    """Check the input, screen, and say what came of it.

    Args:
        manifest: The samples.
        out: The screen's folder.
        jobs: Processes.
        config: A configuration of the workflow, or None.
        keys: Keys that override the configuration's; None where the user gave nothing.
        timeout: Seconds after which a sample is given up.
        part: The part of the manifest that is asked for; None for all of it.

    Returns:
        The exit status: 0; 2 if a sample has no result; 1 for a fault of the software; 130 and 143
        if it was interrupted or terminated.

    Raises:
        UserError: the manifest or an argument cannot be used, or another run uses the folder.
    """
    plan = _plan(manifest, out, config, keys)
    refuse_a_workflows(out)
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    # Parts may be at work side by side, each in a folder of its own.
    folder = out if part is None else out / SCREEN_PARTS / part.name
    with ExitStack() as held:
        # A run of all takes parts over, so that none may be at work, nor begin.
        held.enter_context(lock.take(out, shared=part is not None))
        if part is not None:
            held.enter_context(lock.take(folder))
        held.enter_context(interrupts())
        shown = held.enter_context(_Shown(console))
        try:
            outcome = screen(
                plan,
                plan.run.samples,
                out,
                jobs=jobs,
                timeout=timeout,
                part=part,
                on_begin=shown.begin,
                on_row=shown.row,
            )
        except KeyboardInterrupt as stop:
            console.print("Stopped. The same command goes on from here.")
            return exit_status(stop)
        except OSError as error:
            problem = disk_problem(error)
            if problem is None:
                raise
            raise UserError.of([problem]) from error
    _tell(outcome, folder, console)
    if outcome.faults:
        return 1
    return 2 if outcome.failed else 0


def _plan(manifest: Path, out: Path, config: Path | None, keys: Mapping[str, object]) -> Plan:
    if not manifest.exists():
        shown = shown_value(str(manifest))
        raise UserError("there is no such manifest", remedy="Check its path", file=shown)
    for file in filter(None, (manifest, config)):
        if file.resolve() in {(out / name).resolve() for name in (TSV, SCREEN_TABLE)}:
            raise UserError(
                "the screen would write its table in this file's place",
                remedy="Give it another name, or name another output folder",
                file=str(file),
            )
    base, values = Path.cwd(), {}
    given = {key: value for key, value in keys.items() if value is not None}
    # What the command line says starts at the working directory, wherever the configuration lies.
    given |= {"samples": str(manifest), "outdir": str(out)}
    if config is not None:
        document = read_document(config, str(config))
        if document.problems:
            raise UserError.of(document.problems)
        base, values = config.absolute().parent, document.values
        given = {key: _absolute(key, value) for key, value in given.items()}
    # Without a genome FASTQ would be refused for that; here it is in any case.
    run = load_run(values | given | {"allow_bundled_locus": True}, base=base, by_snakemake=False)
    fastq = [sample for sample in run.samples if sample.is_fastq]
    if fastq:
        raise UserError.of(
            Problem(
                "a screen reads BAM and CRAM, and this sample is of FASTQ",
                "Call it with `vexas-uba1 run`",
                str(manifest),
                column="sample",
                value=sample.id,
            )
            for sample in fastq
        )
    return Plan(run)


def _absolute(key: str, value: object) -> object:
    if key == "build":
        return value
    if isinstance(value, list):
        return [str(Path(text).absolute()) for text in value]
    return str(Path(str(value)).absolute())


class _Shown:
    """Progress with rate and time left: a bar on a terminal, else a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("screened"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[found]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, rate="", found="")
        self._total = self._kept = self._done = 0
        self._began = self._said = time.monotonic()
        self._found: dict[str, int] = {}

    def __enter__(self) -> _Shown:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, total: int, kept: int) -> None:
        """Take how many samples there are, and how many of them need nothing."""
        self._total, self._kept = total, kept
        self._began = self._said = time.monotonic()
        self._bar.update(self._task, total=total, completed=kept)
        if kept:
            self._console.print(f"{kept:,} of {total:,} samples are done already.")

    def row(self, verdict: str) -> None:
        """Take the verdict of one more sample."""
        self._done += 1
        if verdict not in _QUIET:
            self._found[verdict] = self._found.get(verdict, 0) + 1
        now = time.monotonic()
        rate = self._done / max(now - self._began, 1e-3)
        found = _counted(self._found)
        self._bar.update(self._task, advance=1, rate=f"{rate:.1f}/s", found=found)
        if not self._console.is_terminal and now - self._said >= _LINE_SECONDS:
            self._said = now
            done = self._kept + self._done
            left = _duration((self._total - done) / rate)
            self._console.print(
                f"{done:,} of {self._total:,} ({done / self._total:.0%}), {rate:.1f}/s, "
                f"{left} left{'; ' if found else ''}{found}"
            )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"


def _counted(found: Mapping[str, int]) -> str:
    names = [*VERDICTS, "failed"]
    return ", ".join(f"{found[name]:,} {name}" for name in dict.fromkeys(names) if found.get(name))


def _tell(outcome: Outcome, folder: Path, console: Console) -> None:
    found = {name: rows for name, rows in outcome.verdicts.items() if name}
    output = Console(highlight=False, markup=False, soft_wrap=True)
    output.print(_counted(found | {"failed": outcome.failed}) or "no samples")
    if outcome.failed:
        console.print(
            f"{outcome.failed:,} without a result, which is no negative: see the column error; the "
            "same command tries them again."
        )
    if outcome.left_out:
        console.print(
            f"{outcome.left_out:,} samples of an earlier manifest are no longer in the table; what "
            "lies in samples/ of them stays."
        )
    output.print(str(folder / TSV))
