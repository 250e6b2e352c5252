"""``vexas-uba1 init``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

_EXAMPLE = """\b
Example:
  vexas-uba1 init batch7
"""


@click.command("init", epilog=_EXAMPLE)
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def command(directory: Path) -> None:
    """Write a commented config.yaml and samples.tsv into DIRECTORY; nothing is overwritten."""
    from vexas_uba1.samples.starter import write_starter

    config, sheet = write_starter(directory)
    click.echo(f"Fill in {sheet} and look through {config}, then:")
    click.echo(f"  vexas-uba1 run --config {shlex.quote(str(config))}")
