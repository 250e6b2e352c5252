"""``vexas-uba1 panel``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from vexas_uba1.commands.call import choices as assays
from vexas_uba1.commands.call import url_timeout

_EXAMPLE = """\b
Example:
  vexas-uba1 panel build normals/*.bam --out kit7.npz --assay panel --name "kit 7, two colours"
  vexas-uba1 panel show kit7.npz
"""


@click.group("panel", epilog=_EXAMPLE)
def command() -> None:
    """Make or show a panel of normals: how often single sites err in samples without a variant."""


@command.command("build")
@click.argument("reads", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The panel, a .npz.")
@click.option("--name", default="", help="Kit and instrument, as reports shall call it.")
@click.option("--assay", type=assays("assay"), default="unknown", show_default=True)
@click.option("--umi-tag", "umi", default="none", help="SAM tags of the UMI, such as RX or CB,UB.")
@click.option(
    "--reference",
    "references",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Genome FASTA.",
)
@click.option("--locus", type=click.Path(path_type=Path), help="Another gene record than UBA1's.")
@url_timeout
def build(
    reads: tuple[str, ...],
    out: Path,
    name: str,
    assay: str,
    umi: str,
    references: tuple[Path, ...],
    locus: Path | None,
    url_timeout: int,
) -> None:
    """Build a panel of BAM or CRAM files (paths or URLs) of normals.

    Take 20 or more samples of the same kit and instrument without a UBA1 variant; those of FASTQ
    are in results/samples/*/*.uba1.bam. A sample in which a variant of class vexas passes is
    refused. A sample may be called with a panel that holds it: it is left out then.
    """
    from vexas_uba1.steps.panel import PanelOptions, build_panel

    options = PanelOptions(name, assay, _tags(umi), references, locus, url_timeout)

    def follow(items: Iterable[str]) -> Iterator[str]:
        with click.progressbar(list(items), label="normals", file=sys.stderr) as bar:
            yield from bar

    panel = build_panel(reads, out, options, follow)
    click.echo(f"{out}: {len(panel.normals)} normals, version {panel.version}")


def _tags(text: str) -> tuple[str, ...]:
    from vexas_uba1.errors import UserError
    from vexas_uba1.samples.umi import parse_umi

    remedy = "Name one or more tags, such as RX"
    try:
        parsed = parse_umi(text)
    except ValueError as error:
        raise UserError(str(error), remedy=remedy, column="--umi-tag", value=text) from None
    if parsed is not None and parsed.structures:
        raise UserError("a panel takes SAM tags", remedy=remedy, column="--umi-tag", value=text)
    return parsed.tags if parsed else ()


@command.command("show")
@click.argument("file", type=click.Path(path_type=Path))
def show(file: Path) -> None:
    """Say what a panel holds."""
    from vexas_uba1.panel.panel import read_panel

    panel = read_panel(file, str(file))
    about = panel.about
    click.echo(f"name      {about.name or '-'}")
    click.echo(f"version   {panel.version}")
    click.echo(f"sha256    {panel.sha256}")
    click.echo(f"gene      {about.gene} {about.transcript}, gene record {about.locus_version}")
    click.echo(f"library   {about.assay}, UMI {','.join(about.umi_tags) or 'none'}")
    click.echo(f"software  vexas-uba1 {about.software}")
    click.echo(f"sites     {len(panel.sites)}")
    click.echo(f"normals   {len(panel.normals)}")
    for normal in panel.normals:
        click.echo(f"  {normal.sample}  {' '.join(normal.files)}")
