"""``vexas-uba1 check``."""

from __future__ import annotations

from pathlib import Path

import click

_EXAMPLE = """\b
Example:
  vexas-uba1 check --config batch7/config.yaml
"""


@click.command("check", epilog=_EXAMPLE)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("config.yaml"),
    show_default=True,
    help="The configuration; it names the samples sheet.",
)
def command(config: Path) -> None:
    """Check configuration and samples sheet; every error is told at once, nothing is run."""
    from vexas_uba1.samples.check import load_run
    from vexas_uba1.texts import check_wording

    run = load_run(config)
    check_wording()
    fastq = sum(sample.is_fastq for sample in run.samples)
    many = "sample" if len(run.samples) == 1 else "samples"
    click.echo(
        f"{len(run.samples)} {many} "
        f"({fastq} from FASTQ, {len(run.samples) - fastq} from BAM or CRAM); "
        f"results go to {run.config.outdir.shown}. No errors."
    )
