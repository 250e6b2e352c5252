"""What a screen asks of a process, and what is known of a sample without one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vexas_uba1.cohort.entries import CohortEntry
from vexas_uba1.cohort.table import cells_of
from vexas_uba1.errors import UserError
from vexas_uba1.result import SampleInfo
from vexas_uba1.status import SCHEMA_VERSION, SampleStatus
from vexas_uba1.steps.sample_jobs import CallJob, ExtractJob


@dataclass(frozen=True)
class Task:
    """A sample to be called.

    Attributes:
        extract: Which of its reads are meant.
        call: How it is called.
        address: Path or URL of its BAM or CRAM; a URL is never written anywhere.
        shown: How messages name that.
        fingerprint: Of all that its row depends on, before it is read; None where a file is gone.
    """

    extract: ExtractJob
    call: CallJob
    address: str
    shown: str
    fingerprint: str | None

    @property
    def sample(self) -> str:
        """The sample's id."""
        return self.extract.sample


def result_file(out: Path, sample: str) -> Path:
    """Return where the result of a sample lies that is anything but a clean negative."""
    return out / "samples" / sample / f"{sample}.result.json"


def failed_row(info: SampleInfo, step: str, error: UserError) -> dict[str, object]:
    """Return the row of a sample that has no result."""
    status = SampleStatus(SCHEMA_VERSION, info.id, "failed", step, error.problems)
    return cells_of(CohortEntry(info, status, None))
