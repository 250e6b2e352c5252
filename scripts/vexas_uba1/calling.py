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
from vexas_uba1.alleles import codon_haplotypes
from vexas_uba1.caller import Caller, Counting, Finding, TestLevels
from vexas_uba1.catalogue import Catalogue, CatalogueEntry
from vexas_uba1.clones import clone_fraction
from vexas_uba1.exact import upper_bound
from vexas_uba1.fragments import Molecules, join_molecules
from vexas_uba1.locus.consequence import changes_protein, effect
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.hgvs import describe
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import Locus
from vexas_uba1.reference import ReferenceWindow, from_fasta, from_reads
from vexas_uba1.result import (
    Codon41,
    ForcedAllele,
    InputFile,
    InputInfo,
    QualityControl,
    SampleCall,
    SampleInfo,
    Target,
    Variant,
)

SPLICE_FLANK = 10
_SITE_BASES = 2
_SEEN_BESIDE = 2
"""Bases kept beside the searched ones, so that an indel at their edge has flanks."""
_COPIES_PER_NG = 1000 / 3.3
"""Haploid genomes in a nanogram of DNA, 3.3 pg each."""
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
        bundled_locus: Whether the reads were aligned to the bundled gene alone.
        source_files: The files that the sheet names where they are not the extracted one's source
            (FASTQ).
        levels: The test's levels.
    """

    sample: SampleInfo
    reporting_limit_vaf: float
    required_limit_vaf: float
    amplicon_limit_floor_vaf: float = 0.01
    umi_tags: tuple[str, ...] = ()
    input_ng: float | None = None
    bundled_locus: bool = False
    source_files: tuple[InputFile, ...] = ()
    levels: TestLevels = field(default_factory=TestLevels)


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
    reads = read_window(
        bam,
        extraction.contig,
        _widened(sites),
        umi_tags=options.umi_tags,
        # An amplicon's fragments all begin at its primers: a flag says nothing there.
        keep_duplicates=bool(options.umi_tags) or options.sample.assay == "amplicon",
    )
    # Reads aligned to the record itself can tell nothing about the reference.
    md_bases = {} if options.bundled_locus else reads.md_bases
    reference = _reference(placed, extraction, genomes, md_bases)
    entries = catalogue.place(placed, reference)
    named = {base for allele in entries for edit in allele.edits for base in _bases_of(edit)}
    # A splice site known by rule alone is not searched, for a GC donor would look like a change;
    # the catalogue's own were read by its sources.
    searched = np.setdiff1d(sites, list(reference.assumed - named))
    molecules = join_molecules(reads)
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
    namer = _Namer(placed, reference, entries)
    codon41 = _codon(caller, placed, forced, namer, count_unit)
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
        targets=_targets(caller, placed, catalogue, forced, codon41.depth_fragments, options),
        variants=tuple(namer.variant(finding, options.sample) for finding in caller.searched()),
        forced_alleles=tuple(namer.forced(finding) for finding in forced),
        qc=_quality_control(extraction, reads, molecules, reference, caller),
        gene=_gene(locus),
        software=_software(),
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
    # One X unless the sheet says that there are two: fewer copies claim less.
    copies = options.input_ng * _COPIES_PER_NG * (1.0 if options.sample.sex == "female" else 0.5)
    return Counting(most_molecules=max(1, int(copies))), "input_copies"


def _codon(
    caller: Caller,
    placed: PlacedLocus,
    forced: Sequence[Finding],
    namer: _Namer,
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
    depth = at_codon[0].depth if at_codon else view.size
    return Codon41(
        depth_fragments=depth,
        count_unit=count_unit,
        haplotypes=codon_haplotypes(view, placed, caller.codon_inserted),
        discordant_fragments=view.discordant,
        limit_of_detection_vaf=worst(limits),
        limit_of_detection_by_allele={namer.name(f.allele): f.limit for f in at_codon},
        vaf_upper95_if_absent=upper_bound(0, depth),
    )


def worst(limits: Sequence[float | None]) -> float | None:
    """Return the highest limit; None if one of them is None, or there is none."""
    known = [limit for limit in limits if limit is not None]
    return max(known) if known and len(known) == len(limits) else None


def _targets(
    caller: Caller,
    placed: PlacedLocus,
    catalogue: Catalogue,
    forced: Sequence[Finding],
    codon_depth: int,
    options: CallOptions,
) -> tuple[Target, ...]:
    limits = caller.position_limits
    reached = limits.reaches(options.required_limit_vaf, options.levels.power)
    row_of = {position: row for row, position in enumerate(limits.positions.tolist())}
    vexas = {entry.hgvs_c for entry in catalogue.vexas_entries}
    exons = {f"exon {number}" for number, _ in placed.exon_intervals}
    codon = set(placed.codon_positions)
    targets = []
    for target in placed.targets(catalogue):
        rows = [row_of[position] for position in target.positions if position in row_of]
        below = int((~reached[rows]).sum()) + len(target.positions) - len(rows)
        if target.name in exons:
            by_depth = sorted(rows, key=lambda row: (int(limits.depth[row]), row))
            middle = by_depth[len(by_depth) // 2] if by_depth else None
            depth = 0 if middle is None else int(limits.depth[middle])
            limit = None if middle is None else caller.limit_at(int(limits.positions[middle]))
            assessable, kind = below == 0, "exon"
        else:
            touched = set(target.positions)
            own = [
                finding
                for finding in forced
                if touched & {base for edit in finding.allele.edits for base in _bases_of(edit)}
                and (not vexas or finding.allele in caller.vexas_alleles)
            ]
            depth = min((finding.depth for finding in own), default=0)
            if touched == codon:
                depth = codon_depth
            limit = worst([finding.limit for finding in own])
            assessable = limit is not None and limit <= options.required_limit_vaf
            kind = "codon41" if touched == codon else "vexas_locus"
        targets.append(
            Target(target.name, kind, depth, limit, assessable, len(target.positions), below)
        )
    return tuple(targets)


def _bases_of(edit: Edit) -> range:
    return range(edit.start, max(edit.end, edit.start + 1))


def _quality_control(
    extraction: Extraction,
    reads: Reads,
    molecules: Molecules,
    reference: ReferenceWindow,
    caller: Caller,
) -> QualityControl:
    warnings = list(extraction.warnings)
    if reads.without_qualities:
        warnings.append(NO_QUALITIES.format(count=reads.without_qualities))
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
        excluded_records=reads.excluded,
        mate_disagreement_rate=molecules.disagreement_rate,
        mismatch_rate=caller.model.mismatch_rate,
        warnings=tuple(warnings),
    )


class _Namer:
    """Names, classes and VCF fields of alleles on one build."""

    def __init__(
        self,
        placed: PlacedLocus,
        reference: ReferenceWindow,
        entries: Mapping[Allele, CatalogueEntry],
    ) -> None:
        self._placed = placed
        self._reference = reference
        self._entries = entries
        self._codon = set(placed.codon_positions)

    def name(self, allele: Allele) -> str:
        entry = self._entries.get(allele)
        return entry.hgvs_c if entry else describe(allele, self._placed, self._reference).hgvs_c

    def is_canonical(self, allele: Allele) -> bool:
        entry = self._entries.get(allele)
        return entry is not None and entry.evidence == "canonical"

    def entry(self, allele: Allele) -> CatalogueEntry | None:
        """Return the catalogue's entry of an allele.

        A codon change in cis with nothing but silent changes of the neighbouring codons is the
        catalogued one: the same protein.
        """
        if allele in self._entries:
            return self._entries[allele]
        own = tuple(edit for edit in allele.edits if edit.start in self._codon)
        others = tuple(edit for edit in allele.edits if edit.start not in self._codon)
        if not own or not others or Allele(own) not in self._entries:
            return None
        beside = effect(Allele(others), self._placed, self._reference)
        return self._entries[Allele(own)] if beside == "synonymous" else None

    def variant(self, finding: Finding, sample: SampleInfo) -> Variant:
        allele = finding.allele
        entry = self.entry(allele)
        named = describe(allele, self._placed, self._reference)
        position, ref, alt = self._vcf_fields(allele)
        what = effect(allele, self._placed, self._reference)
        vaf = finding.alt / finding.depth
        alt_forward, alt_reverse, depth_forward, depth_reverse = finding.strands
        return Variant(
            hgvs_c=self.name(allele),
            hgvs_p=entry.hgvs_p if allele in self._entries and entry else named.hgvs_p,
            chrom=self._placed.contig,
            pos=position + 1,
            ref=ref,
            alt=alt,
            alt_fragments=finding.alt,
            depth_fragments=finding.depth,
            vaf=vaf,
            vaf_low95=finding.vaf_low,
            vaf_high95=finding.vaf_high,
            quality=finding.quality,
            filters=tuple(finding.flags),
            filter_reasons=finding.flags,
            category=entry.category if entry else "uncatalogued",
            verdict_class=entry.verdict_class if entry else "uncatalogued",
            evidence=entry.evidence if entry else "none",
            sources=entry.sources if entry else (),
            sources_read=entry.sources_read if entry else False,
            effect=what,
            changes_protein=changes_protein(what),
            at_codon41=any(self._codon & set(_bases_of(edit)) for edit in allele.edits),
            alt_forward=alt_forward,
            alt_reverse=alt_reverse,
            depth_forward=depth_forward,
            depth_reverse=depth_reverse,
            clone_fraction=clone_fraction(vaf, sample),
        )

    def forced(self, finding: Finding) -> ForcedAllele:
        entry = self._entries.get(finding.allele)
        named = describe(finding.allele, self._placed, self._reference)
        return ForcedAllele(
            hgvs_c=self.name(finding.allele),
            hgvs_p=entry.hgvs_p if entry else named.hgvs_p,
            verdict_class=entry.verdict_class if entry else "uncatalogued",
            alt_fragments=finding.alt,
            depth_fragments=finding.depth,
            quality=finding.quality,
            significant=finding.significant,
            limit_of_detection_vaf=finding.limit,
            vaf_upper95=finding.vaf_upper95,
        )

    def _vcf_fields(self, allele: Allele) -> tuple[int, str, str]:
        """Return 0-based position, REF and ALT; an indel takes the base before it along."""
        start, end = allele.start, allele.end
        if not allele.is_substitution:
            start -= 1
        ref = self._reference.slice(start, end)
        alt, at = "", start
        for edit in allele.edits:
            alt += self._reference.slice(at, edit.start) + edit.alt
            at = edit.end
        return start, ref, alt + self._reference.slice(at, end)


def _gene(locus: Locus) -> dict[str, str]:
    return {
        "gene": locus.gene,
        "transcript": locus.transcript,
        "codon_number": "" if locus.codon_number is None else str(locus.codon_number),
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
        "false_positive_rate_vexas": options.levels.vexas,
        "false_positive_rate_other_known": options.levels.other_known,
        "false_positive_rate_search": options.levels.search,
        "power": options.levels.power,
        "locus_sha256": locus.sha256,
        "catalogue_sha256": catalogue.sha256,
    }
