"""One sample from its extracted reads to molecules and their error model: the rooms in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.extraction import Extraction
from vexas_uba1.alignments.fasta import Genome
from vexas_uba1.alignments.genomes import Reference, choose_reference
from vexas_uba1.alignments.reads import Reads
from vexas_uba1.alignments.window import read_window
from vexas_uba1.caller.caller import Caller, Counting, TestLevels
from vexas_uba1.catalogue import Catalogue, CatalogueEntry
from vexas_uba1.errors import UserError
from vexas_uba1.fragments import Molecules, join_molecules
from vexas_uba1.grouping.grouping import Grouping, group_reads
from vexas_uba1.grouping.identity import BY_ENDS, BY_FLAGS, BY_NAMES, Identity, by_umi
from vexas_uba1.grouping.umis import reads_without_umi
from vexas_uba1.locus.edits import Allele
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import Locus
from vexas_uba1.noise import PositionCounts, SiteRates, count_positions
from vexas_uba1.panel.normal import digest_of
from vexas_uba1.panel.panel import Panel
from vexas_uba1.primers import mask_primers
from vexas_uba1.realignment.realign import realign
from vexas_uba1.realignment.report import RealignmentReport
from vexas_uba1.reference import ReferenceWindow, from_fasta, from_reads
from vexas_uba1.result import InputFile, PanelUse, PrimerUse, SampleInfo, TargetedUse
from vexas_uba1.samples.primers import Primers

SPLICE_FLANK = 10
_SITE_BASES = 2
_LONG_READS = frozenset({"ONT", "PACBIO"})
"""Platforms whose reads are whole molecules."""
_SEEN_BESIDE = 20
"""Bases kept beside the searched ones, so that an indel at their edge has flanks as placed."""
_COPIES_PER_NG = 1000 / 3.3
"""Haploid genomes in a nanogram of DNA, 3.3 pg each."""


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
        panel: Of normals; None without.
        bundled_locus: Whether the reads were aligned to the bundled gene alone.
        source_files: The files that the sheet names where they are not the extracted one's source
            (FASTQ).
        source_software: Versions of the programs that aligned them; empty for BAM and CRAM.
        source_targeted: How many of their reads were aligned; None if all were, or none here.
        levels: The test's levels.
    """

    sample: SampleInfo
    reporting_limit_vaf: float
    required_limit_vaf: float
    amplicon_limit_floor_vaf: float = 0.01
    umi_tags: tuple[str, ...] = ()
    input_ng: float | None = None
    primers: Primers | None = None
    panel: Panel | None = None
    bundled_locus: bool = False
    source_files: tuple[InputFile, ...] = ()
    source_software: Mapping[str, str] = field(default_factory=dict)
    source_targeted: TargetedUse | None = None
    levels: TestLevels = field(default_factory=TestLevels)

    @property
    def is_aligned_here(self) -> bool:
        """Whether the sample came as FASTQ."""
        return bool(self.source_software)


@dataclass(frozen=True)
class Observed:
    """A sample's molecules, ready to be asked.

    Attributes:
        placed: The gene on the sample's build.
        reference: What is known of it.
        entries: The catalogue's alleles there.
        reads: All reads, realigned and without primers.
        molecules: What they are of.
        grouping: How they were told.
        realignment: What was written anew.
        primers: What primers took away; None without.
        panel: What a panel of normals is used for; None without.
        caller: Of the sample.
        count_unit: What an observation is.
        warnings: On UMIs and panel.
    """

    placed: PlacedLocus
    reference: ReferenceWindow
    entries: Mapping[Allele, CatalogueEntry]
    reads: Reads
    molecules: Molecules
    grouping: Grouping
    realignment: RealignmentReport
    primers: PrimerUse | None
    panel: PanelUse | None
    caller: Caller
    count_unit: str
    warnings: tuple[str, ...]

    @property
    def sites(self) -> PositionCounts:
        """What the molecules show at all sites with a name that any sample is searched at."""
        return _count_named(self.molecules, self.reference, self.placed)


def observe_sample(
    bam: Path,
    extraction: Extraction,
    *,
    locus: Locus,
    catalogue: Catalogue,
    genomes: Sequence[Genome],
    options: CallOptions,
) -> Observed:
    """Read one sample's extracted BAM into molecules, and fit its error model.

    Args:
        bam: What :func:`vexas_uba1.alignments.extraction.extract_region` wrote.
        extraction: What it returned.
        locus: The gene record.
        catalogue: Known variants.
        genomes: The user's FASTAs; the reads' own is used, if it is among them.
        options: The sample's settings.

    Raises:
        UserError: a catalogue name does not fit the build, the FASTAs belong to another, or the
            panel to another gene record.
    """
    placed = extraction.placed(locus)
    sites, asked = _sites(placed)
    is_rna = options.sample.assay == "rna"
    fasta = choose_reference(
        genomes, placed, m5=extraction.m5, file=", ".join(file.name for file in extraction.files)
    )
    reads = read_window(
        bam,
        extraction.contig,
        asked,
        umi_tags=options.umi_tags,
        keep_duplicates=_judges_duplicates(options),
        join_parts=is_rna,
        # Reads aligned to the record itself can tell nothing about the reference.
        ask_md=fasta is None and not options.bundled_locus,
    )
    warnings = _check_umis(reads, options.umi_tags)
    reference = _reference(placed, fasta, reads.md_bases)
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
    panel_use = site_rates = None
    if options.panel is not None:
        sample = options.sample
        warnings += options.panel.check(placed, sample.assay, options.umi_tags)
        files = [file.sha256 for file in options.source_files or extraction.files]
        digest = digest_of(_count_named(molecules, reference, placed))
        panel_use, site_rates = _use_panel(
            options.panel, options.panel.without(sample.id, files, digest), placed
        )
    caller = Caller(
        molecules,
        placed,
        reference,
        {allele: entry.verdict_class == "vexas" for allele, entry in entries.items()},
        searched,
        counting,
        options.levels,
        {allele for allele, entry in entries.items() if entry.is_canonical},
        () if options.primers is None else options.primers.over(placed),
        site_rates,
        is_amplicon=options.sample.assay == "amplicon",
    )
    return Observed(
        placed=placed,
        reference=reference,
        entries=entries,
        reads=reads,
        molecules=molecules,
        grouping=grouping,
        realignment=realignment,
        primers=primer_use,
        panel=panel_use,
        caller=caller,
        count_unit=count_unit,
        warnings=tuple(warnings),
    )


def _use_panel(
    panel: Panel, others: Panel, placed: PlacedLocus
) -> tuple[PanelUse, SiteRates | None]:
    """Return what is said of a panel less the sample itself, and its rates."""
    left_out = len(panel.normals) - len(others.normals)
    use = PanelUse(panel.about.name, panel.version, len(others.normals), left_out)
    return use, others.rates(placed)


def _reference(
    placed: PlacedLocus, fasta: Reference | None, md_bases: Mapping[int, str]
) -> ReferenceWindow:
    start, end = placed.window
    if fasta is not None:
        bases = fasta.genome.fetch(fasta.contig, start, end)
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


@lru_cache(maxsize=16)
def _sites(placed: PlacedLocus) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the searched positions, and those with what is seen beside them.

    0-based, ascending: the exons' reported bases and the introns' ends. Of an exon its coding bases
    are reported, or all if it has none.
    """
    wanted = {*placed.coding_positions, *placed.codon_positions}
    for _, (first, last) in placed.exon_intervals:
        if placed.coding_index.keys().isdisjoint(range(first, last)):
            wanted.update(range(first, last))
    for first, last in placed.splice_intervals(SPLICE_FLANK):
        wanted.update(range(first, last))
    sites = np.array(sorted(wanted), dtype=np.int64)
    seen = np.unique(sites[:, None] + np.arange(-_SEEN_BESIDE, _SEEN_BESIDE + 1))
    for positions in (sites, seen):
        positions.flags.writeable = False
    return sites, seen


def _count_named(
    molecules: Molecules, reference: ReferenceWindow, placed: PlacedLocus
) -> PositionCounts:
    sites, _ = _sites(placed)
    named = [placed.has_c_name(at) for at in sites.tolist()]
    return count_positions(molecules, reference, sites[named])


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
