"""One sample from its extracted reads to ``call.json``."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam.version as pysam_version

from vexas_uba1 import __version__, noise
from vexas_uba1.alignments.extraction import Extraction
from vexas_uba1.alignments.fasta import Genome
from vexas_uba1.alignments.reads import LeftOut
from vexas_uba1.alleles.haplotypes import codon_haplotypes
from vexas_uba1.caller.caller import Finding
from vexas_uba1.caller.exact import upper_bound
from vexas_uba1.catalogue import Catalogue
from vexas_uba1.clones import with_doubt
from vexas_uba1.grouping.report import duplicate_warnings
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import Locus
from vexas_uba1.naming import AlleleNamer
from vexas_uba1.observing import CallOptions, Observed, observe_sample
from vexas_uba1.reads_view import reads_view
from vexas_uba1.result import (
    Codon41,
    InputInfo,
    PanelUse,
    QualityControl,
    SampleCall,
    SexCheck,
)
from vexas_uba1.sex import check_sex
from vexas_uba1.targets import (
    assess_targets,
    decided_targets,
    exon_coverage,
    target_regions,
    worst,
)

__all__ = ["CallOptions", "call_observed", "call_sample"]

NO_PRIMERS = (
    "no fragment begins or ends in a primer of {file}: the primers were cut off before, or the "
    "file is that of another library"
)
SINGLE_RNA = (
    "copies are not sought among unpaired RNA reads, so depth and limit may look better than they "
    "are"
)
CONFLICTING = (
    "{count} records were left out, for reads of unlike fragments have the same names (as in files "
    "that were merged without read groups, or with another version of themselves); limits count "
    "them as molecules that may have shown an allele"
)
NOTHING_THERE = (
    "no record lies where {gene} is on {build}, the build by the contigs' lengths: was something "
    "else sequenced, or was another build aligned to?"
)
NO_NAMES = (
    "{count} records of mates have no name, so nothing says which belong together; they were left "
    "out, and limits count them as molecules that may have shown an allele"
)
NO_QUALITIES = "{count} records carry no base qualities; Phred 20 is assumed for them"


def call_sample(
    bam: Path,
    extraction: Extraction,
    *,
    locus: Locus,
    catalogue: Catalogue,
    genomes: Sequence[Genome],
    options: CallOptions,
) -> SampleCall:
    """Call one sample from its extracted BAM.

    Args:
        bam: What :func:`vexas_uba1.alignments.extraction.extract_region` wrote.
        extraction: What it returned.
        locus: The gene record.
        catalogue: Known variants.
        genomes: The user's FASTAs; the reads' own is used, if it is among them.
        options: The sample's settings.

    Raises:
        UserError: as of :func:`vexas_uba1.observing.observe_sample`.
    """
    seen = observe_sample(
        bam, extraction, locus=locus, catalogue=catalogue, genomes=genomes, options=options
    )
    return call_observed(seen, extraction, locus=locus, catalogue=catalogue, options=options)


def call_observed(
    seen: Observed,
    extraction: Extraction,
    *,
    locus: Locus,
    catalogue: Catalogue,
    options: CallOptions,
    brief: bool = False,
) -> SampleCall:
    """Call a sample whose molecules are known.

    Args:
        seen: Of :func:`vexas_uba1.observing.observe_sample`, with the same other arguments.
        extraction: As in :func:`call_sample`.
        locus: Likewise.
        catalogue: Likewise.
        options: Likewise.
        brief: Whether only what the verdict of a clean negative rests on is wanted: no limits but
            of class ``vexas``, no exons, no depth that would do, none of the found alleles' reads.
    """
    placed, caller = seen.placed, seen.caller
    forced = [_with_hidden(finding, seen.reads.left_out) for finding in caller.forced(brief=brief)]
    namer = AlleleNamer(placed, seen.reference, seen.entries)
    regions = target_regions(placed, catalogue)
    wanted = None if brief else options.required_limit_vaf
    if brief:
        regions = [region for region in regions if region.kind != "exon"]
    decisive = _decisive(forced, placed, namer)
    decided = decided_targets(regions, caller, forced, namer)
    found = caller.searched()
    sex_check = check_sex(options.sample, extraction.chromosomes)
    return SampleCall(
        sample=options.sample,
        input=InputInfo(
            build=extraction.build,
            contig=extraction.contig,
            contig_length=extraction.contig_length,
            files=options.source_files or extraction.files,
            bundled_locus=options.bundled_locus,
        ),
        codon41=_codon(seen, forced, decisive, namer, wanted),
        targets=assess_targets(
            regions,
            caller,
            forced,
            namer,
            required_limit_vaf=options.required_limit_vaf,
            power=options.levels.power,
            spliced=options.sample.assay == "rna",
        ),
        coverage=exon_coverage(regions, caller),
        reads_view=reads_view(seen, (), most=(0, 0)) if brief else reads_view(seen, found),
        variants=tuple(
            namer.variant(finding, with_doubt(options.sample, sex_check)) for finding in found
        ),
        forced_alleles=tuple(
            namer.forced(finding, is_decisive=finding in decisive, target=decided[finding.allele])
            for finding in forced
        ),
        qc=_quality_control(seen, extraction, options, sex_check),
        gene=_gene(locus),
        software=_software() | dict(options.source_software),
        catalogue_version=catalogue.version,
        locus_version=locus.version,
        parameters=_parameters(options, locus, catalogue),
    )


def _with_hidden(finding: Finding, left_out: LeftOut) -> Finding:
    """Return a finding whose limit and bound know of records in which its allele may hide."""
    hidden = left_out.molecules_over(finding.allele.start)
    if not hidden:
        return finding
    total = finding.depth + hidden
    limit = None if finding.limit is None else max(finding.limit, hidden / total)
    upper = max(finding.vaf_upper95 or 0.0, upper_bound(finding.alt + hidden, total) or 0.0)
    return replace(finding, limit=limit, vaf_upper95=upper)


def _at_codon(forced: Sequence[Finding], placed: PlacedLocus) -> list[Finding]:
    codon = set(placed.codon_positions)
    return [
        finding for finding in forced if any(edit.start in codon for edit in finding.allele.edits)
    ]


def _decisive(forced: Sequence[Finding], placed: PlacedLocus, namer: AlleleNamer) -> list[Finding]:
    """Return the findings that the codon's limit is the worst of."""
    at_codon = _at_codon(forced, placed)
    canonical = [finding for finding in at_codon if namer.is_canonical(finding.allele)]
    # Without a catalogue every single-base change of the codon stands for the canonical ones.
    return canonical or at_codon


def _codon(
    seen: Observed,
    forced: Sequence[Finding],
    decisive: Sequence[Finding],
    namer: AlleleNamer,
    wanted: float | None,
) -> Codon41:
    """Return what is known of the codon; how many molecules would do is asked of a wanted limit."""
    caller, placed = seen.caller, seen.placed
    view = caller.codon_view
    hardest = max(decisive, key=lambda finding: 1.0 if finding.limit is None else finding.limit)
    depth = caller.codon_depth
    hidden = max(map(seen.reads.left_out.molecules_over, placed.codon_positions))
    return Codon41(
        depth_fragments=depth,
        count_unit=seen.count_unit,
        haplotypes={
            # Capped like the depth, where reads outnumber the input's copies.
            name: count if depth == view.size else count * depth // view.size
            for name, count in codon_haplotypes(view, placed).items()
            if count * depth >= view.size
        },
        discordant_fragments=view.discordant,
        limit_of_detection_vaf=worst([finding.limit for finding in decisive]),
        limit_of_detection_by_allele={
            namer.name(f.allele): f.limit for f in _at_codon(forced, placed)
        },
        vaf_upper95_if_absent=caller.bound(hidden, depth + hidden),
        # No depth shows what is left out.
        depth_for_required_limit=None
        if wanted is None or hidden > wanted * (depth + hidden)
        else caller.depth_for_limit(hardest.allele, wanted),
    )


def _quality_control(
    seen: Observed, extraction: Extraction, options: CallOptions, sex_check: SexCheck
) -> QualityControl:
    reads, reference, duplicates = seen.reads, seen.reference, seen.grouping.report
    warnings = [*extraction.warnings, *seen.warnings, *duplicate_warnings(duplicates)]
    if not extraction.records:
        warnings.append(NOTHING_THERE.format(gene=seen.placed.locus.gene, build=extraction.build))
    if options.sample.assay == "rna" and duplicates.identity == "names":
        warnings.append(SINGLE_RNA)
    if conflicting := reads.excluded.get("conflicting"):
        warnings.append(CONFLICTING.format(count=conflicting))
    if unnamed := reads.excluded.get("without_name"):
        warnings.append(NO_NAMES.format(count=unnamed))
    if reads.without_qualities:
        warnings.append(NO_QUALITIES.format(count=reads.without_qualities))
    if options.primers and seen.primers and reads.count and not seen.primers.fragments:
        warnings.append(NO_PRIMERS.format(file=options.primers.file))
    if sex_check.agrees is False:
        warnings.append(sex_check.note)
    if reference.disagreements:
        warnings.append(
            f"{reference.disagreements} exon bases of the reference differ from the gene record's; "
            "the reference's are used"
        )
    return QualityControl(
        reference_source=reference.source,
        error_model=noise.NAME if seen.panel is None else _with_panel(seen.panel),
        carry_over="not_checked",
        records_in_window=extraction.records,
        fragments=seen.molecules.count,
        excluded_records=dict(reads.excluded),
        mate_disagreement_rate=seen.molecules.disagreement_rate,
        mismatch_rate=seen.caller.model.mismatch_rate,
        duplicates=duplicates,
        realignment=seen.realignment,
        sex_check=sex_check,
        primers=seen.primers,
        panel=seen.panel,
        warnings=tuple(warnings),
        targeted=options.source_targeted,
    )


def _with_panel(use: PanelUse) -> str:
    if not use.normals:
        return f"{noise.NAME}; the panel of normals holds no other sample"
    name = f" {use.name}" if use.name else ""
    return f"{noise.NAME}; sites by panel of normals{name} ({use.normals}, version {use.version})"


def _gene(locus: Locus) -> dict[str, str]:
    return {
        "gene": locus.gene,
        "transcript": locus.transcript,
        "codon_number": "" if locus.codon_number is None else str(locus.codon_number),
        "codon_reference": locus.codon_reference,
        "codon_note": locus.codon_note or "",
    }


def _software() -> dict[str, str]:
    return {
        "vexas-uba1": __version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "pysam": pysam_version.__version__,
        "htslib": pysam_version.__htslib_version__,
        "numpy": np.__version__,
    }


def _parameters(options: CallOptions, locus: Locus, catalogue: Catalogue) -> dict[str, object]:
    return {
        "reporting_limit_vaf": options.reporting_limit_vaf,
        "required_limit_vaf": options.required_limit_vaf,
        "amplicon_limit_floor_vaf": options.amplicon_limit_floor_vaf,
        "umi_tags": list(options.umi_tags),
        "input_ng": options.input_ng,
        "primers_file": None if options.primers is None else options.primers.file,
        "primers_sha256": None if options.primers is None else options.primers.sha256,
        "panel_file": None if options.panel is None else options.panel.file,
        "panel_sha256": None if options.panel is None else options.panel.sha256,
        "false_positive_rate_canonical": options.levels.canonical,
        "false_positive_rate_other_vexas": options.levels.other_vexas,
        "false_positive_rate_other_known": options.levels.other_known,
        "false_positive_rate_search": options.levels.search,
        "power": options.levels.power,
        "locus_sha256": locus.sha256,
        "catalogue_sha256": catalogue.sha256,
    }
