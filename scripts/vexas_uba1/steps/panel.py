"""Normals to a panel: each is read and fitted as a sample is, its sites counted."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vexas_uba1 import __version__
from vexas_uba1.alignments.extraction import extract_region
from vexas_uba1.alignments.fasta import Genome, open_genome
from vexas_uba1.alignments.sources import Source, check_alignment_file
from vexas_uba1.catalogue import load_catalogue
from vexas_uba1.errors import Problem, UserError
from vexas_uba1.locus.record import load_locus
from vexas_uba1.naming import AlleleNamer
from vexas_uba1.observing import CallOptions, Observed, observe_sample
from vexas_uba1.panel.normal import Normal, normal_of
from vexas_uba1.panel.panel import About, Panel, read_panel, write_panel
from vexas_uba1.result import SampleInfo
from vexas_uba1.samples.sources import shown_value
from vexas_uba1.steps.limited import within


@dataclass(frozen=True)
class PanelOptions:
    """How normals are read.

    Attributes:
        name: Of the panel.
        assay: Of all normals, as in the sheet.
        umi_tags: Tags that name a molecule; empty without UMIs.
        references: Genome FASTAs.
        locus: A gene record in place of the bundled one, or None.
        url_timeout_s: Seconds after which a normal is given up that lies at an address.
    """

    name: str
    assay: str
    umi_tags: tuple[str, ...]
    references: tuple[Path, ...]
    locus: Path | None
    url_timeout_s: float = 600


def build_panel(
    reads: Sequence[str],
    out: Path,
    options: PanelOptions,
    follow: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> Panel:
    """Read the normals, write their panel and return it.

    Args:
        reads: BAM or CRAM of each normal, path or URL.
        out: The panel's file.
        options: How they are read.
        follow: Goes through ``reads`` and shows how far it is.

    Raises:
        UserError: carries what is wrong with each file, and each sample that is no normal: one in
            which a variant of class ``vexas`` passes, one without any molecule at codon 41, or one
            that is there twice.
    """
    _check_output(out)
    problems: list[Problem] = []
    normals: list[Normal] = []
    sites: tuple[str, ...] = ()
    shown_of: dict[str, str] = {}
    for address in follow(reads):
        shown = _source(address).shown
        try:
            normal, sites = _read(address, options)
        except UserError as error:
            problems += [
                problem if problem.file else Problem(problem.message, problem.remedy, shown)
                for problem in error.problems
            ]
            continue
        if normal.digest in shown_of:
            problems.append(
                Problem(
                    f"shows the same counts as {shown_of[normal.digest]}: it is the same sample",
                    "Name each normal once",
                    shown,
                )
            )
        shown_of[normal.digest] = shown
        normals.append(normal)
    if problems:
        raise UserError.of(problems)
    locus = load_locus(options.locus)
    panel = Panel(
        About(
            options.name,
            locus.gene,
            locus.transcript,
            locus.version,
            __version__,
            options.assay,
            options.umi_tags,
        ),
        sites,
        tuple(normals),
    )
    write_panel(out, panel)
    return panel


def _check_output(out: Path) -> None:
    """Make the panel's folder, before hours of reading.

    Raises:
        UserError: nothing can be written there, or what is there is no panel.
    """
    if out.suffix != ".npz":
        raise UserError(
            "a panel's name ends in .npz; another file there would be lost",
            remedy="Name the panel with --out, such as --out kit7.npz, and the normals without it",
            file=str(out),
        )
    if out.exists():
        read_panel(out, str(out))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise UserError(
            f"the panel cannot be written: {error.strerror}",
            remedy="Name a folder that you may write to with --out",
            file=str(out),
        ) from error


def _read(address: str, options: PanelOptions) -> tuple[Normal, tuple[str, ...]]:
    """Return a normal and the names of its sites."""
    source = _source(address)
    scratch = Path(tempfile.mkdtemp(prefix="vexas-uba1-panel-"))
    try:
        if source.is_remote:
            return within(options.url_timeout_s, source.shown, _normal, address, options, scratch)
        return _normal(address, options, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _source(address: str) -> Source:
    return Source.of(address, None if "://" in address else shown_value(address))


def _normal(address: str, options: PanelOptions, scratch: Path) -> tuple[Normal, tuple[str, ...]]:
    source = _source(address)
    check_alignment_file(source)
    locus = load_locus(options.locus)
    name = Path(source.shown).name.removesuffix(".bam").removesuffix(".cram")
    genomes = [_genome(path, scratch) for path in options.references]
    bam = scratch / "uba1.bam"
    extraction = extract_region(
        address if source.is_remote else Path(address),
        locus=locus,
        genomes=genomes,
        sample_id=name,
        out_bam=bam,
        scratch=scratch / "index",
        umi_tags=options.umi_tags,
    )
    seen = observe_sample(
        bam,
        extraction,
        locus=locus,
        catalogue=load_catalogue(locus),
        genomes=genomes,
        options=CallOptions(
            SampleInfo(name, assay=options.assay),
            reporting_limit_vaf=1.0,
            required_limit_vaf=1.0,
            umi_tags=options.umi_tags,
        ),
    )
    files = [file.sha256 for file in extraction.files]
    positions = _variant_positions(seen)
    normal = normal_of(name, files, seen.sites, seen.caller.model, positions)
    # A site is known by its name, so that normals of any build serve samples of any other.
    return normal, tuple(str(seen.placed.c_name(at)) for at in seen.sites.positions.tolist())


def _genome(path: Path, scratch: Path) -> Genome:
    return open_genome(path, index_dir=scratch / "fasta", shown=path.name)


def _variant_positions(seen: Observed) -> frozenset[int]:
    """Return the positions of a sample's own variants.

    Raises:
        UserError: it is no normal.
    """
    if not seen.caller.codon_depth:
        raise UserError(
            "no fragment is informative at the codon, so the sample tells nothing of it",
            remedy="Leave it out of the panel",
        )
    namer = AlleleNamer(seen.placed, seen.reference, seen.entries)
    positions: set[int] = set()
    for finding in seen.caller.searched():
        entry = namer.entry(finding.allele)
        if finding.flags:
            # A flagged allele may be the very noise that the panel is to know.
            continue
        if entry is not None and entry.verdict_class == "vexas":
            share = finding.alt / finding.depth
            raise UserError(
                f"{namer.name(finding.allele)} passes at a VAF of {share:.2%}: this is no normal",
                remedy="Leave the sample out of the panel, and look at its own result",
            )
        positions.update(base for edit in finding.allele.edits for base in edit.touched)
    return frozenset(positions)
