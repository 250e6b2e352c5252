"""What a job leaves behind: its products, or why its sample cannot go on.

A job's output is a folder. A user's error does not fail the job: the folder then holds
``failed.json`` alone, every later step of the sample hands it on, and the other samples finish.
Anything else that breaks fails the job.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from vexas_uba1.errors import Problem, UserError
from vexas_uba1.files import write_json

_FAILED = "failed.json"


@dataclass(frozen=True)
class Failure:
    """Why a sample stopped: the step, and what the user has to mend."""

    step: str
    problems: tuple[Problem, ...]


def failure_in(folder: Path) -> Failure | None:
    """Return why the job of ``folder`` could not do its work, or None if it did."""
    file = folder / _FAILED
    if not file.is_file():
        return None
    values = json.loads(file.read_text(encoding="utf-8"))
    return Failure(values["step"], tuple(Problem(**problem) for problem in values["problems"]))


def produce(
    folder: Path, step: str, upstream: Iterable[Path], work: Callable[[Path], None]
) -> Failure | None:
    """Let ``work`` fill ``folder`` unless ``upstream`` failed; return the failure, if any.

    Args:
        folder: The job's output; emptied first.
        step: The job's name, for the status.
        upstream: Folders of earlier jobs that the work reads.
        work: Writes the products into the folder it is given.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    failures = [found for found in map(failure_in, upstream) if found is not None]
    failure = None
    if failures:
        # Each lane's problems, but one that reaches this job twice only once.
        problems = dict.fromkeys(problem for found in failures for problem in found.problems)
        failure = Failure(failures[0].step, tuple(problems))
    else:
        try:
            work(folder)
        except UserError as error:
            failure = Failure(step, error.problems)
            shutil.rmtree(folder)
            folder.mkdir()
    if failure is not None:
        write_json(
            folder / _FAILED,
            {
                "step": failure.step,
                "problems": [problem.to_json() for problem in failure.problems],
            },
        )
    return failure
