"""The whole screen: what is still to do, the processes that do it, and what came of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from vexas_uba1.errors import UserError, disk_problem
from vexas_uba1.files import write_text
from vexas_uba1.samples.sheet import Sample
from vexas_uba1.screen.lanes import Done, in_lanes
from vexas_uba1.screen.sample import Task, failed_row, result_file, screen_sample
from vexas_uba1.screen.table import ResultTable
from vexas_uba1.steps.plan import Plan

TABLE, TSV = "screen.sqlite", "screen.tsv"
PARTS = Path("work") / "parts"
"""Where parts of a manifest have their tables, below the screen's folder."""
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
    file = out / TABLE if part is None else out / PARTS / part.name / TABLE
    scratch = out / "work" / ("screen" if part is None else f"screen.{part.name}")
    tsv = file.with_name(TSV)
    shutil.rmtree(scratch, ignore_errors=True)
    with ResultTable(file) as rows:
        if part is None:
            for other in sorted((out / PARTS).glob(f"*/{TABLE}")):
                rows.take_over(other)
        prints = _Fingerprints(plan)
        wanted = []
        for sample in samples:
            if rows.holds(sample.id, prints.of(sample)):
                outcome.kept += 1
            else:
                wanted.append(sample)
                # Nothing of an earlier run may be taken for this one's.
                rows.forget(sample.id)
                result_file(out, sample.id).unlink(missing_ok=True)
        rows.keep()
        if wanted:
            tsv.unlink(missing_ok=True)
        on_begin(len(samples), outcome.kept)
        tasks = (_task(plan, sample) for sample in wanted)
        for come in _called(tasks, out, scratch, jobs, timeout):
            for name, cells, is_fault in come:
                rows.put(cells, prints.of(plan.by_id[name]))
                outcome.faults += is_fault
                on_row(str(cells["verdict"] or "failed"))
            rows.keep()
        outcome.left_out = rows.finish((sample.id for sample in samples), tsv)
        outcome.verdicts = rows.count("verdict")
        outcome.failed = rows.count("status").get("failed", 0)
    shutil.rmtree(scratch, ignore_errors=True)
    return outcome


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


class _Fingerprints:
    """What rows depend on, as checksums."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._common = [plan.versions, plan.fingerprints_of_references]

    def of(self, sample: Sample) -> str:
        """Return the checksum of what a sample's row depends on; no secret of a URL is in it."""
        plan, name = self._plan, sample.id
        source = plan.shown_reads(name)
        parts = [
            *(self._common, plan.extract(name), plan.call(name), source),
            *(plan.fingerprints_of_input(name), plan.fingerprints_of_call(name)),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _task(plan: Plan, sample: Sample) -> Task:
    assert sample.alignment is not None
    return Task(
        plan.extract_job(sample.id),
        plan.call_job(sample.id),
        sample.alignment.address,
        sample.alignment.shown,
    )


def _called(
    tasks: Iterable[Task], out: Path, scratch: Path, jobs: int, timeout: float
) -> Iterator[list[tuple[str, Row, bool]]]:
    """Yield samples as they come, with their rows and whether a fault of the software ended it."""
    work = partial(screen_sample, out=out, scratch=scratch)
    for done in in_lanes(work, tasks, jobs, timeout):
        yield [(each.task.sample, *_row(each, out, timeout)) for each in done]


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
