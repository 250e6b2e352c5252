"""What is known of each sample of the sheet: one row of the cohort."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vexas_uba1.result import SampleInfo, SampleResult, Variant, read_result
from vexas_uba1.status import SampleStatus
from vexas_uba1.verdict import leading

# What needs a reader's attention first comes first; a sample without a result comes before those
# in which nothing was found, so that it is not taken for one of them.
VERDICTS = (
    "detected",
    "low_level",
    "indeterminate",
    "other_variant",
    "failed",
    "not_assessable",
    "not_detected",
)

CARRY_OVER_LABELS = {
    "not_checked": "not checked",
    "clear": "clear",
    "explained": "explains a call",
    "single_sample": "single sample",
}


@dataclass(frozen=True)
class CohortEntry:
    """One row: what the sheet says, how the sample ended and, when ``ok``, its result."""

    info: SampleInfo
    status: SampleStatus
    result: SampleResult | None

    @property
    def verdict(self) -> str:
        """The verdict's code, or ``failed``."""
        return self.result.verdict.code if self.result else "failed"

    @property
    def variant(self) -> Variant | None:
        """The variant that the verdict rests on."""
        return leading(self.result.call) if self.result else None


def read_entries(
    statuses: Sequence[SampleStatus], out_dir: Path, sheet: Iterable[SampleInfo]
) -> list[CohortEntry]:
    """Return the entries in the order of the statuses.

    Args:
        statuses: One for each sample, failed ones included.
        out_dir: The workflow's output folder.
        sheet: What the sheet says of the samples; a failed one has no result to tell it.

    Raises:
        UserError: the result of a sample that ended well is missing or unreadable.
    """
    infos = {info.id: info for info in sheet}
    return [_entry(status, out_dir, infos) for status in statuses]


def _entry(status: SampleStatus, out_dir: Path, infos: dict[str, SampleInfo]) -> CohortEntry:
    if status.state == "failed":
        return CohortEntry(infos.get(status.sample, SampleInfo(status.sample)), status, None)
    folder = out_dir / "samples" / status.sample
    result = read_result(folder / f"{status.sample}.result.json")
    return CohortEntry(result.call.sample, status, result)
