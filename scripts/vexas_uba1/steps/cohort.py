"""What is made of several samples: a run's carry-over check, the cohort's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vexas_uba1.cohort.carryover import check_run, write_run_check
from vexas_uba1.cohort.summary import write_cohort
from vexas_uba1.files import sweep, write_json
from vexas_uba1.result import SampleInfo, read_call
from vexas_uba1.samples.config import Remission
from vexas_uba1.status import SampleStatus, read_status, status_file
from vexas_uba1.steps.calling import CALL
from vexas_uba1.steps.outcome import failure_in


def check_carry_over(
    run: str, called: Mapping[str, Path], hopping_rates: Mapping[str, float], out: Path
) -> None:
    """Compare the called samples of one run; a failed one is named as missing and blocks nothing.

    Args:
        run: The run's name.
        called: Each sample's folder of :func:`vexas_uba1.steps.calling.call`.
        hopping_rates: Share of reads that hop, by index type.
        out: The check's file.
    """
    missing = [sample for sample, folder in called.items() if failure_in(folder) is not None]
    calls = [read_call(folder / CALL) for sample, folder in called.items() if sample not in missing]
    write_run_check(out, check_run(calls, hopping_rates, run, missing=missing))


def summarise(
    samples: Sequence[SampleInfo],
    lab_name: str,
    remission: Remission | None,
    versions: Mapping[str, str],
    out: Path,
) -> None:
    """Write the cohort's files and their versions below the output folder ``out``."""
    statuses = [read_status(status_file(out, info.id)) for info in samples]
    sweep(out / "cohort")
    write_cohort(statuses, out, lab_name, sheet=samples, remission=remission)
    write_json(out / "work" / "versions.json", dict(versions))


def failed_samples(samples: Sequence[str], out: Path) -> list[SampleStatus]:
    """Return the status of every sample that failed."""
    statuses = (read_status(status_file(out, sample)) for sample in samples)
    return [status for status in statuses if status.state == "failed"]
