"""``vexas-uba1 simulate``: reads with a known truth."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from vexas_uba1.errors import UserError

_EXAMPLE = """\b
Examples:
  vexas-uba1 simulate --out try --allele 'c.122T>C' --vaf 0.05 --depth 500 --format bam
  vexas-uba1 simulate --out two --allele 'c.121A>G' --vaf 0.1 --allele 'c.122T>C' --vaf 0.04
  vexas-uba1 simulate --spec spec.yaml --out reads --seed 7
  vexas-uba1 simulate --demo demo
"""


@click.command("simulate", epilog=_EXAMPLE)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the files."
)
@click.option(
    "--demo",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the whole demo here instead: reads, references, config.yaml, samples.tsv.",
)
@click.option(
    "--spec",
    type=click.Path(path_type=Path),
    help="YAML as in workflow/schemas/simulation.schema.json; the options below override it.",
)
@click.option("--sample", help="Name of the sample.  [SIMULATED]")
@click.option(
    "--allele",
    "alleles",
    multiple=True,
    help="HGVS name of an allele; several are clones in trans.",
)
@click.option(
    "--vaf",
    "vafs",
    type=float,
    multiple=True,
    help="Its share of all molecules, one for each --allele.",
)
@click.option("--depth", "depth_fragments", type=float, help="Molecules over each base.  [500]")
@click.option(
    "--format",
    "formats",
    type=click.Choice(["fastq", "bam", "cram"]),
    multiple=True,
    help="Of the files; may be repeated.  [bam]",
)
@click.option("--build", help="GRCh38 or GRCh37.  [GRCh38]")
@click.option("--contig", help="Name of chromosome X in the files.  [chrX]")
@click.option("--seed", type=int, help="The same seed gives the same bytes.  [1]")
@click.option(
    "--exact",
    is_flag=True,
    default=None,
    help="Round VAF x depth instead of drawing the number of molecules.",
)
def command(spec: Path | None, out: Path | None, demo: Path | None, **options: Any) -> None:
    """Draw synthetic reads of UBA1 with a known truth.

    Writes reads as FASTQ, BAM or CRAM on true GRCh38 or GRCh37 coordinates, the reference FASTA
    they lie on (N but for UBA1, introns drawn from a seed), and SAMPLE.truth.json with the
    molecules counted before any sequencing error.
    """
    if demo is not None:
        from vexas_uba1.simulate.demo import write_demo

        if out is not None or spec is not None or any(options.values()):
            raise click.UsageError("--demo takes no other option.")
        written = write_demo(demo)
        click.echo(f"{len(written)} synthetic samples in {demo}; run them with:")
        click.echo(f"  vexas-uba1 run --config {shlex.quote(str(demo / 'config.yaml'))}")
        return
    if out is None:
        raise click.UsageError("Give --out DIR, or --demo DIR.")
    click.echo(simulate_command(spec, out, **options))


def simulate_command(spec: Path | None, out: Path, **overrides: Any) -> str:
    """Draw one sample and return what to tell the user.

    Args:
        spec: A YAML file, or None for the defaults.
        out: Folder for the files.
        **overrides: The command's options; None and empty ones change nothing.

    Raises:
        UserError: the spec or an option cannot be used.
    """
    from vexas_uba1.simulate.run import simulate
    from vexas_uba1.simulate.spec import Simulation, changed, load_spec

    alleles, vafs = overrides.pop("alleles", ()), overrides.pop("vafs", ())
    if len(alleles) != len(vafs):
        raise UserError(
            f"there are {len(alleles)} alleles and {len(vafs)} VAFs",
            remedy="Give one --vaf for each --allele; 'c.[119G>C;121A>T]' is one allele",
        )
    changes: dict[str, Any] = {}
    if alleles:
        pairs = zip(alleles, vafs, strict=True)
        changes["clones"] = [{"alleles": [allele], "vaf": vaf} for allele, vaf in pairs]
    for name, value in overrides.items():
        if value is not None and value != ():
            key = f"genome.{name}" if name in ("build", "contig") else name
            changes[key] = list(value) if isinstance(value, tuple) else value
    written = simulate(changed(load_spec(spec) if spec is not None else Simulation(), changes), out)
    lines = [f"{written.sample}: synthetic reads in {out}, truth in {written.truth_file.name}"]
    lines += [
        f"  {allele['hgvs_c']}: {allele['alt_molecules']} of {allele['depth_molecules']} molecules"
        for allele in written.truth["alleles"]
    ]
    codon = written.truth["codon"]
    counts = ", ".join(f"{bases} {count}" for bases, count in codon["haplotypes"].items())
    return "\n".join([*lines, f"  codon: {codon['depth_molecules']} molecules ({counts})"])
