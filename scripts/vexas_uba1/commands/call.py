"""``vexas-uba1 call``."""

from __future__ import annotations

from pathlib import Path

import click

_EXAMPLE = """\b
Example:
  vexas-uba1 call P17.bam --out results --assay panel --sex male
"""


def choices(column: str) -> click.Choice[str]:
    """Return what a column of the sheet may hold."""
    from vexas_uba1.samples.schema import load_schema

    return click.Choice(load_schema("samples")["properties"][column]["enum"])


url_timeout = click.option(
    "--url-timeout",
    type=click.IntRange(min=1),
    default=600,
    show_default=True,
    help="Seconds after which reading a URL is given up.",
)


@click.command("call", epilog=_EXAMPLE)
@click.argument("reads")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Output folder, as the workflow's outdir.",
)
@click.option("--sample", help="Sample id; the file's name without ending by default.")
@click.option("--sex", type=choices("sex"), default="unknown", show_default=True)
@click.option("--assay", type=choices("assay"), default="unknown", show_default=True)
@click.option("--umi-tag", "umi", default="none", help="SAM tags of the UMI, such as RX or CB,UB.")
@click.option(
    "--input-ng", type=float, help="Nanograms of DNA put into an amplicon library, up to 100,000."
)
@click.option(
    "--primers", type=click.Path(path_type=Path), help="BED of the primers of an amplicon library."
)
@click.option(
    "--panel",
    type=click.Path(path_type=Path),
    help="Panel of normals, as 'vexas-uba1 panel build' writes it.",
)
@click.option(
    "--read-group-sample", help="Sample name (SM) to take from a file that holds several."
)
@click.option(
    "--reference",
    "references",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Genome FASTA.",
)
@click.option("--build", default="auto", show_default=True, help="Build that the file must have.")
@click.option("--locus", type=click.Path(path_type=Path), help="Another gene record than UBA1's.")
@url_timeout
@click.option("--lab-name", default="", help="Printed at the top of the report.")
def command(reads: str, out: Path, **options: object) -> None:
    """Call one BAM or CRAM (path or URL): the same functions and files as the workflow's.

    Exits with 0 whatever the verdict, with 2 when the input cannot be used.
    """
    from vexas_uba1.result import read_result
    from vexas_uba1.steps.single import call_one

    file = call_one(reads, out, **options)  # type: ignore[arg-type]
    result = read_result(file)
    name = result.call.sample.id
    # Beside the verdict, for whoever reads "no fragments" must see why there are none.
    for warning in result.call.qc.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{name}: {result.verdict.code}: {result.verdict.text}")
    click.echo(file.with_name(f"{name}.report.html"))
