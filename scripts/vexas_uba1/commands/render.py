"""``vexas-uba1 render``."""

from __future__ import annotations

from pathlib import Path

import click

_EXAMPLE = """\b
Example:
  vexas-uba1 render results/samples/S1/S1.result.json --lab-name "Molecular Pathology"
"""


@click.command("render", epilog=_EXAMPLE)
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the files; the result's own by default.",
)
@click.option("--lab-name", default="", help="Printed at the top of the report.")
def command(result: Path, out: Path | None, lab_name: str) -> None:
    """Write VCF, table, report and IGV session of one RESULT (result.json) again."""
    from vexas_uba1.report.sample import render_sample

    for path in render_sample(result, out or result.parent, lab_name):
        click.echo(path)
