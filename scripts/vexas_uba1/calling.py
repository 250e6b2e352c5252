"""One sample from its extracted reads to ``call.json``: the rooms in their order."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pysam.version as pysam_version
from numpy.typing import NDArray

from vexas_uba1 import __version__, noise
from vexas_uba1.alignments.extraction import Extraction
from vexas_uba1.alignments.fasta import Genome
from vexas_uba1.alignments.genomes import choose_reference
from vexas_uba1.alignments.reads import Reads, read_window
from vexas_uba1.alleles.haplotypes import codon_haplotypes
from vexas_uba1.caller.caller import Caller, Counting, Finding, TestLevels
from vexas_uba1.catalogue import Catalogue
from vexas_uba1.clones import with_doubt
from vexas_uba1.errors import UserError
from vexas_uba1.fragments import Molecules, join_molecules
from vexas_uba1.grouping.grouping import Grouping, group_reads
from vexas_uba1.grouping.identity import BY_ENDS, BY_FLAGS, BY_NAMES, Identity, by_umi
from vexas_uba1.grouping.report import duplicate_warnings
from vexas_uba1.grouping.umis import reads_without_umi
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import Locus
from vexas_uba1.naming import AlleleNamer
from vexas_uba1.primers import mask_primers
from vexas_uba1.realignment.realign import realign
from vexas_uba1.realignment.report import RealignmentReport
from vexas_uba1.reference import ReferenceWindow, from_fasta, from_reads
from vexas_uba1.result import (
    Codon41,
    InputFile,
    InputInfo,
    PrimerUse,
    QualityControl,
    SampleCall,
    SampleInfo,
    SexCheck,
)
from vexas_uba1.samples.primers import Primers
from vexas_uba1.sex import check_sex
from vexas_uba1.targets import assess_targets, target_regions, worst

SPLICE_FLANK = 10
_SITE_BASES = 2
_LONG_READS = frozenset({"ONT", "PACBIO"})
"""Platforms whose reads are whole molecules."""
_SEEN_BESIDE = 20
"""Bases kept beside the searched ones, so that an indel at their edge has flanks as placed."""
_COPIES_PER_NG = 1000 / 3.3
"""Haploid genomes in a nanogram of DNA, 3.3 pg each."""
NO_PRIMERS = (
    "no fragment begins or ends in a primer of {file}: the primers were cut off before, or the "
    "file is that of another library"
)
SINGLE_RNA = (
    "copies are not sought among unpaired RNA reads, so depth and limit may look better than they "
    "are"
)
NO_QUALITIES = "{count} records carry no base qualities; Phred 20 is assumed for them"


@dataclass(frozen=True)
class CallOptions:
    """What the sheet and the configuration say about one sample's call.

    Attributes:
        sample: The sample's facts.
        reporting_limit_vaf: VAF from which a passing allele of class ``vexas`` is ``detected``.
        required_limit_vaf: Limit of detection that a negative needs.
        amplicon_limit_floor_vaf: VAF below which an amplicon without UMIs and input claims no
            limit.
        umi_tags: Tags that name the molecule; empty without UMIs.
        input_ng: Nanograms of DNA put into the library, or None.
        primers: Of an amplicon library; None without.
        bundled_locus: Whether the reads were aligned to the bundled gene alone.
        source_files: The files that the sheet names where they are not the extracted one's source
            (FASTQ).
        source_software: Versions of the programs that aligned them; empty for BAM and CRAM.
        levels: The test's levels.
    """

    sample: SampleInfo
    reporting_limit_vaf: float
    required_limit_vaf: float
    amplicon_limit_floor_vaf: float = 0.01
    umi_tags: tuple[str, ...] = ()
    input_ng: float | None = None
    primers: Primers | None = None
    bundled_locus: bool = False
    source_files: tuple[InputFile, ...] = ()
    source_software: Mapping[str, str] = field(default_factory=dict)
    levels: TestLevels = field(default_factory=TestLevels)

    @property
    def is_aligned_here(self) -> bool:
        """Whether the sample came as FASTQ."""
        return bool(self.source_software)


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
        UserError: a catalogue name does not fit the build, or the FASTAs belong to another.
    """
    placed = extraction.placed(locus)
    sites = _sites(placed)
    is_rna = options.sample.assay == "rna"
    reads = read_window(
        bam,
        extraction.contig,
        _widened(sites),
        umi_tags=options.umi_tags,
        keep_duplicates=_judges_duplicates(options),
        join_parts=is_rna,
    )
    umi_warnings = _check_umis(reads, options.umi_tags)
    # Reads aligned to the record itself can tell nothing about the reference.
    md_bases = {} if options.bundled_locus else reads.md_bases
    reference = _reference(placed, extraction, genomes, md_bases)
    entries = catalogue.place(placed, reference)
    named = {base for allele in entries for edit in allele.edits for base in edit.touched}
    # A splice site known by rule alone is not searched, for a GC donor would look like a change;
    # the catalogue's own were read by its sources.
    searched = np.setdiff1d(sites, list(reference.assumed - named))
    reads, realignment = realign(reads, placed, reference, list(entries), spliced=is_rna)
    reads, primer_use = mask_primers(reads, options.primers, placed)
    grouping = group_reads(reads, _identity(reads, extraction, options))
    molecules = join_molecules(reads, grouping, sites)
    counting, count_unit = _counting(options)
    caller = Caller(
        molecules,
        placed,
        reference,
        {allele: entry.verdict_class == "vexas" for allele, entry in entries.items()},
        searched,
        counting,
        options.levels,
    )
    forced = caller.forced()
    namer = AlleleNamer(placed, reference, entries)
    codon41 = _codon(caller, placed, forced, namer, count_unit)
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
        codon41=codon41,
        targets=assess_targets(
            target_regions(placed, catalogue),
            caller,
            forced,
            namer,
            required_limit_vaf=options.required_limit_vaf,
            power=options.levels.power,
            spliced=options.sample.assay == "rna",
        ),
        variants=tuple(
            namer.variant(finding, with_doubt(options.sample, sex_check))
            for finding in caller.searched()
        ),
        forced_alleles=tuple(namer.forced(finding) for finding in forced),
        qc=_quality_control(
            extraction,
            reads,
            molecules,
            reference,
            caller,
            grouping=grouping,
            realignment=realignment,
            is_rna=is_rna,
            umi_warnings=umi_warnings,
            sex_check=sex_check,
            primers=primer_use,
            primers_file="" if options.primers is None else options.primers.file,
        ),
        gene=_gene(locus),
        software=_software() | dict(options.source_software),
        catalogue_version=catalogue.version,
        locus_version=locus.version,
        parameters=_parameters(options, locus, catalogue),
    )


def _reference(
    placed: PlacedLocus,
    extraction: Extraction,
    genomes: Sequence[Genome],
    md_bases: Mapping[int, str],
) -> ReferenceWindow:
    start, end = placed.window
    chosen = choose_reference(
        genomes, placed, m5=extraction.m5, file=", ".join(file.name for file in extraction.files)
    )
    if chosen is not None:
        bases = chosen.genome.fetch(chosen.contig, start, end)
        return from_fasta(start, bases, placed.reference_bases())
    by_rule = {
        base for first, last in placed.splice_intervals(_SITE_BASES) for base in range(first, last)
    }
    return from_reads(start, placed.reference_bases(), md_bases, by_rule)


def _judges_duplicates(options: CallOptions) -> bool:
    """Return whether flags are set aside, since more is known here than when they were set.

    UMIs tell copies better; an amplicon's fragments all begin at its primers; and of reads aligned
    here the ends are looked at again, for at depth some coincide by chance.
    """
    return bool(options.umi_tags) or options.sample.assay == "amplicon" or options.is_aligned_here


def _identity(reads: Reads, extraction: Extraction, options: CallOptions) -> Identity:
    """Return what makes two fragments of the sample copies of one molecule."""
    if options.umi_tags:
        return by_umi(options.umi_tags)
    if options.sample.assay == "amplicon" or _has_long_reads(extraction):
        # Primers give all fragments the same ends; long molecules are hardly ever copied.
        return BY_NAMES
    if extraction.marked_duplicates and not _judges_duplicates(options):
        return BY_FLAGS
    # One end says little where transcripts are cut at preferred places.
    is_single_rna = options.sample.assay == "rna" and not reads.both_ends.any()
    return BY_NAMES if is_single_rna else BY_ENDS


def _has_long_reads(extraction: Extraction) -> bool:
    return any(group.platform in _LONG_READS for group in extraction.read_groups)


def _check_umis(reads: Reads, tags: Sequence[str]) -> list[str]:
    """Return a warning if some reads carry no UMI.

    Raises:
        UserError: none does, so the tags cannot be right.
    """
    without = reads_without_umi(reads, by_umi(tuple(tags))) if tags else 0
    if not without:
        return []
    if without == len(reads.umi):
        raise UserError(
            "no read of the gene carries the UMI's tag with more than N or '-' in it",
            remedy="Name the tag that holds the UMI, or 'none' if there is none",
            column="umi",
            value=",".join(tags),
        )
    return [
        f"{without} of {len(reads.umi)} reads carry no UMI ({','.join(tags)}), or only N or '-'; "
        "each of their fragments counts as a molecule of its own, unless it is flagged as a "
        "duplicate or has the ends of another one"
    ]


def _sites(placed: PlacedLocus) -> NDArray[np.int64]:
    """Return the 0-based, ascending positions of the exons' reported bases and the introns' ends.

    Of an exon its coding bases are reported, or all if it has none.
    """
    wanted = {*placed.coding_positions, *placed.codon_positions}
    for _, (first, last) in placed.exon_intervals:
        if placed.coding_index.keys().isdisjoint(range(first, last)):
            wanted.update(range(first, last))
    for first, last in placed.splice_intervals(SPLICE_FLANK):
        wanted.update(range(first, last))
    return np.array(sorted(wanted), dtype=np.int64)


def _widened(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    reach = np.arange(-_SEEN_BESIDE, _SEEN_BESIDE + 1)
    return np.unique(positions[:, None] + reach)


def _counting(options: CallOptions) -> tuple[Counting, str]:
    """Return what an observation is worth, and the name of the unit."""
    if options.umi_tags:
        return Counting(), "molecules"
    if options.sample.assay != "amplicon":
        return Counting(), "fragments"
    if options.input_ng is None:
        return Counting(limit_floor=options.amplicon_limit_floor_vaf), "reads"
    sample = options.sample
    sex = sample.donor_sex if sample.transplant == "allogeneic" else sample.sex
    # One X unless the sheet says that there are two: fewer copies claim less.
    copies = options.input_ng * _COPIES_PER_NG * (1.0 if sex == "female" else 0.5)
    return Counting(most_molecules=max(1, int(copies))), "input_copies"


def _codon(
    caller: Caller,
    placed: PlacedLocus,
    forced: Sequence[Finding],
    namer: AlleleNamer,
    count_unit: str,
) -> Codon41:
    view = caller.codon_view
    codon = set(placed.codon_positions)
    at_codon = [
        finding for finding in forced if any(edit.start in codon for edit in finding.allele.edits)
    ]
    canonical = [finding for finding in at_codon if namer.is_canonical(finding.allele)]
    # Without a catalogue every single-base change of the codon stands for the canonical ones.
    limits = [finding.limit for finding in canonical or at_codon]
    depth = caller.codon_depth
    return Codon41(
        depth_fragments=depth,
        count_unit=count_unit,
        haplotypes={
            # Capped like the depth, where reads outnumber the input's copies.
            name: count if depth == view.size else count * depth // view.size
            for name, count in codon_haplotypes(view, placed).items()
            if count * depth >= view.size
        },
        discordant_fragments=view.discordant,
        limit_of_detection_vaf=worst(limits),
        limit_of_detection_by_allele={namer.name(f.allele): f.limit for f in at_codon},
        vaf_upper95_if_absent=caller.bound(0, depth),
    )


def _quality_control(
    extraction: Extraction,
    reads: Reads,
    molecules: Molecules,
    reference: ReferenceWindow,
    caller: Caller,
    *,
    grouping: Grouping,
    realignment: RealignmentReport,
    is_rna: bool,
    umi_warnings: Sequence[str],
    sex_check: SexCheck,
    primers: PrimerUse | None,
    primers_file: str,
) -> QualityControl:
    warnings = [*extraction.warnings, *umi_warnings, *duplicate_warnings(grouping.report)]
    if is_rna and grouping.report.identity == "names":
        warnings.append(SINGLE_RNA)
    if reads.without_qualities:
        warnings.append(NO_QUALITIES.format(count=reads.without_qualities))
    if primers is not None and reads.count and not primers.fragments:
        warnings.append(NO_PRIMERS.format(file=primers_file))
    if sex_check.agrees is False:
        warnings.append(sex_check.note)
    if reference.disagreements:
        warnings.append(
            f"{reference.disagreements} exon bases of the reference differ from the gene record's; "
            "the reference's are used"
        )
    return QualityControl(
        reference_source=reference.source,
        error_model=noise.NAME,
        carry_over="not_checked",
        records_in_window=extraction.records,
        fragments=molecules.count,
        excluded_records=dict(reads.excluded),
        mate_disagreement_rate=molecules.disagreement_rate,
        mismatch_rate=caller.model.mismatch_rate,
        duplicates=grouping.report,
        realignment=realignment,
        sex_check=sex_check,
        primers=primers,
        warnings=tuple(warnings),
    )


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
        "false_positive_rate_vexas": options.levels.vexas,
        "false_positive_rate_other_known": options.levels.other_known,
        "false_positive_rate_search": options.levels.search,
        "power": options.levels.power,
        "locus_sha256": locus.sha256,
        "catalogue_sha256": catalogue.sha256,
    }
