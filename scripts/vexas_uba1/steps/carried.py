"""What ``snakemake --report`` carries of a sample."""

from __future__ import annotations

from pathlib import Path

from vexas_uba1.files import copy


def carry_report(sample: str, out: Path, carried: Path) -> None:
    """Copy a sample's report, if it has one, to where ``snakemake --report`` looks for it.

    Snakemake carries outputs of rules only, and each that is marked for it has to be there; since a
    failed sample has no report, a folder is marked.

    Args:
        sample: Its id.
        out: The sample's folder.
        carried: The folder that is marked.
    """
    report = f"{sample}.report.html"
    carried.mkdir(parents=True, exist_ok=True)
    (carried / report).unlink(missing_ok=True)
    if (out / report).exists():
        copy(out / report, carried / report)
