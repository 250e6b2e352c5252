"""The whole screen: what is still to do, the processes that do it, and what came of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path

from vexas_uba1.errors import UserError, disk_problem
from vexas_uba1.files import sha256_of, write_text
from vexas_uba1.report.sample import RENDERED
from vexas_uba1.samples.sheet import Sample
from vexas_uba1.screen.table import ResultTable
from vexas_uba1.screen.task import Task, failed_row, result_file
from vexas_uba1.steps.folders import SCREEN_PARTS, SCREEN_TABLE, tables_of_parts
from vexas_uba1.steps.lanes import Done, in_lanes
from vexas_uba1.steps.plan import Plan

TSV = "screen.tsv"
_CALLING = "vexas_uba1.screen.sample"
"""Loaded by each process as it starts, which takes longer than a sample."""
Row = dict[str, object]
"""A sample's cells by column."""


@dataclass
class Outcome:
    """What came of a screen.

    Attributes:
        samples: Of the manifest, or of its part.
        kept: Rows of an earlier run that still hold.
        verdicts: Rows by verdict.
        failed: Samples without a result.
        faults: Those of them by a fault of the software.
        left_out: Rows of an earlier manifest that are no longer in the table.
    """

    samples: int
    kept: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    faults: int = 0
    left_out: int = 0


def screen(
    plan: Plan,
    samples: Sequence[Sample],
    out: Path,
    *,
    jobs: int,
    timeout: float,
    part: Part | None = None,
    on_begin: Callable[[int, int], object],
    on_row: Callable[[str], object],
) -> Outcome:
    """Call all samples that have no row that still holds, and write the table.

    Args:
        plan: What is asked for.
        samples: The manifest's, in the table's order; all of BAM or CRAM.
        out: The screen's folder, which nobody else uses now.
        jobs: Processes.
        timeout: Seconds after which a sample is given up.
        part: The part of the manifest that is asked for, beside which others may be at work; None
            for all of it, for which the rows of parts are taken over.
        on_begin: Told how many samples there are, and how many of them are done.
        on_row: Told the verdict of each as it comes, or ``failed``.

    Raises:
        UserError: the table cannot be used.
        OSError: the disk is full or cannot be written; rows so far are kept.
        KeyboardInterrupt: likewise.
    """
    if part is not None:
        samples = part.of(samples)
    outcome = Outcome(len(samples))
    file = (out if part is None else out / SCREEN_PARTS / part.name) / SCREEN_TABLE
    scratch = out / "work" / ("screen" if part is None else f"screen.{part.name}")
    tsv = file.with_name(TSV)
    if tsv.is_dir():
        raise UserError(
            "a folder is in the way of the table",
            remedy="Move it away, or name another output folder",
            file=TSV,
        )
    if not file.exists() and not tables_of_parts(out):
        _refuse_foreign(scratch, out)
    shutil.rmtree(scratch, ignore_errors=True)
    others = tables_of_parts(out) if part is None else []
    with ExitStack() as tables:
        rows = tables.enter_context(ResultTable(file))
        books = _Books(plan, out, rows, on_row)
        wanted = books.without_row(
            samples, [tables.enter_context(ResultTable(other)) for other in others]
        )
        outcome.kept = len(samples) - len(wanted)
        if wanted:
            tsv.unlink(missing_ok=True)
            if part is not None:
                _set_aside(out)
        # First the rows: one that is left must not lack its result.
        rows.keep()
        on_begin(len(samples), outcome.kept)
        ready = books.made_way_for(wanted)
        rows.keep()
        work = partial(_screened, out=out, scratch=scratch)
        tasks = map(books.task, ready)
        for come in in_lanes(work, tasks, min(jobs, len(ready)), timeout, _load):
            for done in come:
                cells, is_fault = _row(done, out, timeout)
                outcome.faults += is_fault
                books.take(done.task, cells)
            rows.keep()
        outcome.left_out = rows.finish((sample.id for sample in samples), tsv)
        outcome.verdicts = rows.count("verdict")
        outcome.failed = rows.count("status").get("failed", 0)
    shutil.rmtree(scratch, ignore_errors=True)
    return outcome


def _load() -> None:
    """Load what calling needs, in a process of its own.

    Raises:
        UserError: it is not there.
    """
    try:
        import_module(_CALLING)
    except ImportError as error:
        raise UserError(
            f"the installation lacks what calling needs: {error}",
            remedy="Install it again (`make setup`)",
        ) from error


def _screened(task: Task, out: Path, scratch: Path) -> Row:
    """Call a sample in a process of its own; no other needs what calling does."""
    from vexas_uba1.screen.sample import screen_sample

    return screen_sample(task, out, scratch)


def _refuse_foreign(scratch: Path, out: Path) -> None:
    """Let no screen begin that would remove files of somebody else.

    Raises:
        UserError: there are some.
    """
    if scratch.is_dir() and any(scratch.iterdir()):
        raise UserError(
            "this folder holds files that are not a screen's, which would remove them",
            remedy="Move them away, or name another output folder",
            file=str(scratch.relative_to(out)),
        )


def _set_aside(out: Path) -> None:
    """Put the table of a whole screen among the parts' ones: what it says holds no longer for all.

    Its rows that do hold are taken over by the next whole one.
    """
    (out / TSV).unlink(missing_ok=True)
    table = out / SCREEN_TABLE
    if not table.exists():
        return
    # What a killed process has left half done is undone by reading it. Another part may have put
    # it aside meanwhile: none must be made in its place.
    with suppress(sqlite3.DatabaseError):
        rows = sqlite3.connect(f"{table.absolute().as_uri()}?mode=rw", uri=True)
        with closing(rows):
            rows.execute("SELECT count(*) FROM sqlite_master").fetchone()
    aside = out / SCREEN_PARTS / "whole"
    aside.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        table.replace(aside / SCREEN_TABLE)


@dataclass(frozen=True)
class Part:
    """The ``number``-th of ``count`` parts of a manifest, from 1 on."""

    number: int
    count: int

    @property
    def name(self) -> str:
        """As in the name of its folder."""
        return f"{self.number}_of_{self.count}"

    def of(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        """Return the part's samples: as many as any other part's, or one more or less."""
        first, end = (len(samples) * edge // self.count for edge in (self.number - 1, self.number))
        return samples[first:end]


class _Books:
    """Which rows hold, and what is needed for those that do not."""

    def __init__(
        self, plan: Plan, out: Path, rows: ResultTable, on_row: Callable[[str], object]
    ) -> None:
        self._plan, self._out, self._rows, self._on_row = plan, out, rows, on_row
        self._common = [plan.versions, plan.fingerprints_of_references]

    def without_row(self, samples: Sequence[Sample], parts: Sequence[ResultTable]) -> list[Sample]:
        """Return the samples that no table has a row of which holds; rows of parts are taken over.

        Rows that do not hold are forgotten.
        """
        wanted = []
        for sample in samples:
            key = (sample.id, self._fingerprint(sample.id), _checksum(self._result(sample.id)))
            if self._rows.holds(*key) or any(self._rows.take(part, *key) for part in parts):
                continue
            wanted.append(sample)
            self._rows.forget(sample.id)
        return wanted

    def made_way_for(self, samples: Sequence[Sample]) -> list[Sample]:
        """Remove earlier results and what was rendered from them: none may be taken for a new one.

        Returns the samples as they are. One whose result would have no place has failed.
        """
        ready = []
        for sample in samples:
            try:
                self._remove_result(sample.id)
                ready.append(sample)
            except OSError as error:
                shown = Path(error.filename).relative_to(self._out)
                told = UserError(
                    f"what lies at {shown} is in the way ({error.strerror})",
                    remedy="Move it away, then run the same command again",
                )
                self._put(failed_row(self._plan.info(sample.id), "screen", told), None)
        return ready

    def task(self, sample: Sample) -> Task:
        """Return what a process is told of a sample; its files are looked at now."""
        assert sample.alignment is not None
        return Task(
            self._plan.extract_job(sample.id),
            self._plan.call_job(sample.id),
            sample.alignment.address,
            sample.alignment.shown,
            self._fingerprint(sample.id),
        )

    def take(self, task: Task, cells: Row) -> None:
        """Take the row of a sample, unless its files are no longer those that were read."""
        if cells["status"] == "ok" and self._fingerprint(task.sample) != task.fingerprint:
            told = UserError(
                "the file changed while it was read",
                remedy="Run the same command again",
                file=task.shown,
            )
            cells = failed_row(task.call.sample, "screen", told)
        if cells["status"] != "ok":
            # A process may have been ended just before it could tell of its result.
            self._remove_result(task.sample)
        self._put(cells, task.fingerprint)

    def _put(self, cells: Row, fingerprint: str | None) -> None:
        made = _checksum(self._result(str(cells["sample"]))) if cells["status"] == "ok" else None
        self._rows.put(cells, fingerprint, made)
        self._on_row(str(cells["verdict"] or "failed"))

    def _remove_result(self, sample: str) -> None:
        result = self._result(sample)
        for name in ("result.json", *RENDERED):
            result.with_name(f"{sample}.{name}").unlink(missing_ok=True)

    def _result(self, sample: str) -> Path:
        return result_file(self._out, sample)

    def _fingerprint(self, sample: str) -> str | None:
        """Return the checksum of what a sample's row depends on; None where a file is gone.

        No secret of a URL is in it.
        """
        plan = self._plan
        try:
            files = [*plan.fingerprints_of_input(sample), *plan.fingerprints_of_call(sample)]
        except OSError:
            return None
        parts = [
            *(self._common, plan.extract(sample), plan.call(sample)),
            *(plan.shown_reads(sample), files),
        ]
        return hashlib.sha256(json.dumps(_as_it_is(parts), sort_keys=True).encode()).hexdigest()


def _as_it_is(told: object) -> object:
    """Return what a step is told without how the user wrote the paths of its files."""
    if isinstance(told, Mapping):
        return {key: _as_it_is(value) for key, value in told.items() if key != "shown"}
    return [_as_it_is(value) for value in told] if isinstance(told, list | tuple) else told


def _checksum(file: Path) -> str | None:
    """Return a file's checksum; None without one, and nobody's where it cannot be read."""
    try:
        return sha256_of(file)
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def _row(done: Done[Task, Row], out: Path, timeout: float) -> tuple[Row, bool]:
    """Return the row of a sample whose process has ended, and whether the software is at fault.

    Raises:
        OSError: the disk is full or cannot be written: so it would be for the next sample.
    """
    task = done.task
    try:
        return done.future.result(), False
    except BrokenProcessPool:
        error = UserError(
            "the sample's process was ended from outside",
            remedy="Run the same command again; if it was short of memory, with fewer --jobs",
            file=task.shown,
        )
        if not done.in_time:
            error = UserError(
                f"the sample was not done within {timeout:g} seconds",
                remedy="Look whether the disk or the server answers; --timeout allows more",
                file=task.shown,
            )
    except OSError as found:
        if disk_problem(found) is not None:
            raise
        return _fault(found, task, out)
    except Exception as found:  # One sample must not end the others.
        return _fault(found, task, out)
    return failed_row(task.call.sample, "screen", error), False


def _fault(found: Exception, task: Task, out: Path) -> tuple[Row, bool]:
    """Write down how the software failed; return the sample's row."""
    log = out / "logs" / "screen" / f"{task.sample}.log"
    write_text(log, "".join(traceback.format_exception(found)))
    error = UserError(
        f"a fault of the software: {type(found).__name__}",
        remedy=f"Report it with {log.relative_to(out)}",
        file=task.shown,
    )
    return failed_row(task.call.sample, "screen", error), True
