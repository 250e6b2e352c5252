"""``vexas-uba1 screen``."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

_EXAMPLE = """\b
Examples:
  vexas-uba1 screen biobank.tsv --out screened --jobs 8
  vexas-uba1 screen biobank.tsv --out screened --reference GRCh38.fa --jobs 32
"""


def _part(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})", text)
    if found is None or int(found[1]) > int(found[2]):
        raise click.BadParameter("write it as 3/20, the third of twenty")
    return int(found[1]), int(found[2])


@click.command("screen", epilog=_EXAMPLE)
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Output folder, for one manifest."
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="all cores",
    help="Samples at a time.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="A configuration of the workflow; its samples and outdir are not used.",
)
@click.option(
    "--reference",
    "references",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Genome FASTA; needed for CRAM.",
)
@click.option(
    "--panel",
    type=click.Path(path_type=Path),
    help="Panel of normals, as 'vexas-uba1 panel build' writes it.",
)
@click.option("--build", help="Build that every file must have.  [auto]")
@click.option("--locus", type=click.Path(path_type=Path), help="Another gene record than UBA1's.")
@click.option(
    "--timeout",
    type=click.IntRange(1, 604_800),
    default=1800,
    show_default=True,
    help="Seconds after which a sample is given up.",
)
@click.option(
    "--part",
    metavar="I/N",
    callback=lambda _context, _option, text: _part(text),
    help="Only the I-th of N equal parts of the manifest; run without it, it takes all parts over.",
)
def command(
    manifest: Path,
    out: Path,
    jobs: int,
    config: Path | None,
    references: tuple[Path, ...],
    panel: Path | None,
    build: str | None,
    locus: Path | None,
    timeout: int,
    part: tuple[int, int] | None,
) -> None:
    """Call the many BAM and CRAM files of a MANIFEST without an engine.

    The manifest is a samples sheet (columns: config/README.md) whose rows all have `alignment`. All
    that is wrong with it is told first. One row a sample goes into OUT/screen.sqlite, and at the
    end into OUT/screen.tsv, in the manifest's order; OUT/samples holds a result.json of each sample
    that is anything but a clean negative. The same command goes on where a stopped one was, and
    tries again what failed.

    Exits with 0 whatever the verdicts, with 2 if a sample or the input cannot be used.
    """
    from vexas_uba1.screen.command import run_screen
    from vexas_uba1.screen.screening import Part

    raise SystemExit(
        run_screen(
            manifest,
            out,
            jobs=jobs,
            config=config,
            keys={
                "reference": [str(path) for path in references] or None,
                "panel": None if panel is None else str(panel),
                "build": build,
                "locus": None if locus is None else str(locus),
            },
            timeout=timeout,
            part=None if part is None else Part(*part),
        )
    )
