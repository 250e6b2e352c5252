"""``vexas-uba1 compare``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_EXAMPLE = """\b
Example:
  vexas-uba1 compare results_2026_05 results > changes.tsv
"""


@click.command("compare", epilog=_EXAMPLE)
@click.argument("old", type=click.Path(path_type=Path, file_okay=False))
@click.argument("new", type=click.Path(path_type=Path, file_okay=False))
@click.option("--all", "shows_all", is_flag=True, help="List the samples that are the same too.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if a verdict or an allele changed.")
def command(old: Path, new: Path, shows_all: bool, exit_code: bool) -> None:
    """List what changed between two result folders, as after an update.

    Changed verdicts come first, then changed alleles or flags, then samples that one folder lacks.
    The table goes to standard output, a line that counts them to standard error.
    """
    from vexas_uba1.cohort.compare import compare, render

    found = compare(old, new)
    changed = [one for one in found if one.change != "same"]
    click.echo(render(found if shows_all else changed), nl=False)
    verdicts = sum(one.change == "verdict" for one in found)
    click.echo(
        f"{len(changed)} of {len(found)} samples differ, {verdicts} of them in their verdict",
        err=True,
    )
    if exit_code and changed:
        sys.exit(1)
