"""``vexas-uba1 run``."""

from __future__ import annotations

from pathlib import Path

import click

_EXAMPLE = """\b
Example:
  vexas-uba1 run --config batch7/config.yaml --cores 8
  vexas-uba1 run --config batch7/config.yaml --dry-run
  vexas-uba1 run --config batch7/config.yaml --cores 8 -- --printshellcmds
"""


@click.command("run", epilog=_EXAMPLE, context_settings={"ignore_unknown_options": False})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("config.yaml"),
    show_default=True,
    help="The configuration; it names the samples sheet.",
)
@click.option(
    "--cores",
    type=click.IntRange(min=1),
    show_default="all",
    help="Processor cores to use; with a cluster profile, jobs at a time (default: the profile's).",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--profile",
    help="A profile of the workflow (local, slurm) or a folder with a Snakemake profile.",
)
@click.argument(
    "snakemake_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- SNAKEMAKE ARGS]"
)
def command(
    config: Path,
    cores: int | None,
    dry_run: bool,
    profile: str | None,
    snakemake_arguments: tuple[str, ...],
) -> None:
    """Run the workflow on the samples of a sheet, to finished reports.

    Checks both files first. Goes on where an earlier run stopped; samples that failed are tried
    again. Exits with 0 whatever the verdicts, with 2 when a sample or the input cannot be used.
    """
    from vexas_uba1.steps.engine import run_workflow

    raise SystemExit(
        run_workflow(
            config, cores=cores, dry_run=dry_run, profile=profile, arguments=snakemake_arguments
        )
    )
