"""How one sample ended: finished, or stopped by something that its user has to mend."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from vexas_uba1.errors import Problem
from vexas_uba1.files import write_json
from vexas_uba1.versioned import read_versioned

SCHEMA_VERSION = "1.0"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
# A path starts a word: the slash of "c.122=/T>C" or "and/or" does not.
_ABSOLUTE_PATH = re.compile(r"(?<![^\s'\"(,:\[])/[^\s'\"]+")


@dataclass(frozen=True)
class SampleStatus:
    """The content of ``{sample}.status.json``.

    Attributes:
        schema_version: Version of this file's layout.
        sample: The sample's id.
        state: ``ok`` or ``failed``.
        step: The step that stopped, empty when ``ok``.
        problems: What the user has to mend, empty when ``ok``. Absolute paths and URLs are cut
            to the file's name as they enter, for this file is handed on with the results.
        files: Names of the files that the sample's folder holds when ``ok``.
    """

    schema_version: str
    sample: str
    state: Literal["ok", "failed"]
    step: str = ""
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Cut the folders out of the problems."""
        object.__setattr__(self, "problems", tuple(map(_without_folders, self.problems)))


def status_file(out: Path, sample: str) -> Path:
    """Return where a sample's status lies below the output folder."""
    return out / "samples" / sample / f"{sample}.status.json"


def write_status(path: Path, status: SampleStatus) -> None:
    """Write ``{sample}.status.json``."""
    write_json(
        path,
        {
            "schema_version": status.schema_version,
            "sample": status.sample,
            "state": status.state,
            "step": status.step,
            "problems": [problem.to_json() for problem in status.problems],
            "files": list(status.files),
        },
    )


def read_status(path: Path) -> SampleStatus:
    """Read ``{sample}.status.json``.

    Raises:
        UserError: the file is missing or is not a status of this version.
    """
    return read_versioned(
        path,
        SampleStatus,
        version=SCHEMA_VERSION,
        what="a sample's status",
        remedy="Run the sample again",
        shape=lambda fields: {"schema_version": SCHEMA_VERSION, **fields},
    )


def _without_folders(problem: Problem) -> Problem:
    def cut(text: str | None) -> str | None:
        if text is None:
            return None
        # A whole field may hold a path with spaces, which a search in free text cannot delimit.
        for whole in filter(None, (problem.file, problem.value)):
            if whole.startswith("/"):
                text = text.replace(whole, PurePosixPath(whole).name)
        text = _URL.sub(lambda url: _name_in_url(url.group()), text)
        return _ABSOLUTE_PATH.sub(lambda place: PurePosixPath(place.group()).name, text)

    return replace(
        problem,
        message=cut(problem.message) or "",
        remedy=cut(problem.remedy) or "",
        file=cut(problem.file),
        value=cut(problem.value),
    )


def _name_in_url(url: str) -> str:
    path = re.split(r"[?#]", url.partition("://")[2], maxsplit=1)[0]
    return PurePosixPath(path).name if "/" in path else "URL"
