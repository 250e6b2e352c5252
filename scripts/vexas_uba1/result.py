"""The typed, versioned result of one sample: the only source of every table, VCF and report.

``call.json`` holds a :class:`SampleCall`, what the reads of one sample say; it is never changed.
``result.json`` holds a :class:`SampleResult`, the same with what the other samples of the run add
and with the verdict. The names of the fields are the names in the files;
``workflow/schemas/result.schema.json`` fixes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vexas_uba1.files import write_json
from vexas_uba1.grouping.report import DuplicateReport
from vexas_uba1.realignment.report import RealignmentReport
from vexas_uba1.versioned import read_versioned

SCHEMA_VERSION = "1.5"
_REMEDY = "Name an existing result, or run the sample again with this version"


@dataclass(frozen=True)
class SampleInfo:
    """What the sheet says of the sample; empty text where it says nothing."""

    id: str
    patient: str = ""
    collected: str = ""
    specimen: str = "unknown"
    sex: str = "unknown"
    transplant: str = "none"
    donor_sex: str = "unknown"
    assay: str = "unknown"
    run: str = ""
    index_type: str = "unknown"


@dataclass(frozen=True)
class InputFile:
    """A file that the reads came from; ``sha256_of`` is ``file`` or ``uba1_records``."""

    name: str
    bytes: int | None
    sha256: str
    sha256_of: str = "file"


@dataclass(frozen=True)
class InputInfo:
    """Build, contig as the file names it with its length in bases, and the files read.

    ``bundled_locus`` says that FASTQ reads were aligned to the bundled gene alone, without the
    competing genome.
    """

    build: str
    contig: str
    contig_length: int
    files: tuple[InputFile, ...]
    bundled_locus: bool = False


@dataclass(frozen=True)
class Codon41:
    """The observations of the codon.

    Attributes:
        depth_fragments: Informative fragments: those that show all three bases without
            disagreement.
        count_unit: ``fragments``, ``molecules`` (UMIs), ``input_copies`` (capped) or ``reads``.
        haplotypes: Fragments by the codon's bases on the transcript's strand, commonest first;
            ``del``/``ins`` for a codon broken by an insertion or deletion.
        discordant_fragments: Fragments whose mates (or copies) contradict each other in the codon;
            they are no evidence.
        limit_of_detection_vaf: Worst limit of the canonical alleles; None where no VAF reaches a
            passing call.
        limit_of_detection_by_allele: The limit of each allele of the codon by its HGVS name.
        vaf_upper95_if_absent: One-sided exact 95 % bound on the VAF of an allele that no fragment
            shows; None at depth 0.
        depth_for_required_limit: Informative fragments of this sample's kind with which the limit
            would reach ``required_limit_vaf``; None where no depth would, or where there are none
            to tell.
    """

    depth_fragments: int
    count_unit: str
    haplotypes: dict[str, int]
    discordant_fragments: int
    limit_of_detection_vaf: float | None
    limit_of_detection_by_allele: dict[str, float | None]
    vaf_upper95_if_absent: float | None
    depth_for_required_limit: int | None


@dataclass(frozen=True)
class Target:
    """A tested region and what could have been seen there.

    ``kind`` is ``codon41``, ``vexas_locus`` or ``exon``; for an exon depth and limit are those of
    its median coding base, and ``positions_below_required`` of ``positions`` miss the required
    limit.
    """

    name: str
    kind: str
    depth_fragments: int
    limit_of_detection_vaf: float | None
    assessable: bool
    positions: int
    positions_below_required: int


@dataclass(frozen=True)
class ExonCoverage:
    """Each searched base of an exon; n of them, one after the other.

    Attributes:
        name: As that of the target.
        start: 1-based position of the first on the input's own build and contig.
        end: Of the last.
        depth_fragments: Informative fragments (n).
        limit_of_detection_vaf: Limit of a substitution there; None where no VAF is found (n).
    """

    name: str
    start: int
    end: int
    depth_fragments: tuple[int, ...]
    limit_of_detection_vaf: tuple[float | None, ...]


@dataclass(frozen=True)
class InsertedBases:
    """Bases that a fragment has between two positions; ``columns_before`` of the view are first."""

    columns_before: int
    bases: str


@dataclass(frozen=True)
class ReadsViewRow:
    """One fragment (or molecule) about the codon; a character a position, on the forward strand.

    Attributes:
        haplotype: The codon's bases as in ``codon41.haplotypes``; empty where it does not show all.
        bases: ``.`` as the reference, a letter for another base, ``-`` deleted, ``?`` contradicted
            by its copies, a space where nothing is read.
        quality: Tens of the observation's Phred, 9 at most; a space where there is none.
        strand: ``forward``, ``reverse`` or ``both``.
        copies: Fragments that it was joined from.
        inserted: Bases put in.
    """

    haplotype: str
    bases: str
    quality: str
    strand: str
    copies: int
    inserted: tuple[InsertedBases, ...]


@dataclass(frozen=True)
class ReadsView:
    """What fragments show about the codon, one by one.

    Attributes:
        start: 1-based position of the first column on the input's own build and contig.
        end: Of the last.
        codon: 1-based positions of the codon.
        exons: First and last position of each exon in between.
        reference: Reference bases, ``N`` where unknown.
        alt_rows: Those with another codon or a found allele, as many as are shown.
        reference_rows: Some of the other informative ones.
        alt_fragments: How many of the former there are, shown or not.
        reference_fragments: How many of the latter.
        reads_by_base: Reads over each position of the codon by the base they show, before they are
            joined.
    """

    start: int
    end: int
    codon: tuple[int, ...]
    exons: tuple[tuple[int, ...], ...]
    reference: str
    alt_rows: tuple[ReadsViewRow, ...]
    reference_rows: tuple[ReadsViewRow, ...]
    alt_fragments: int
    reference_fragments: int
    reads_by_base: tuple[dict[str, int], ...]


@dataclass(frozen=True)
class Variant:
    """An allele that the test found, flagged or not.

    Attributes:
        pos: 1-based position of ``ref`` on the input's own build and contig, as in the VCF.
        alt_fragments: Fragments that show exactly this allele.
        depth_fragments: Fragments informative on all of its bases.
        vaf: Their share.
        vaf_corrected: VAF less the fragments that show the allele by error, 0 at least.
        vaf_low95: Lower end of the 95 % interval of the true VAF; ``vaf_high95`` its upper end.
        expected_error_fragments: Fragments expected to show the allele by error.
        quality: -10 log10 of the test's p-value, at most 9999.
        filters: Names of the soft flags raised; empty if the allele passes.
        filter_reasons: For each flag, the sentence that explains it with this allele's numbers.
        verdict_class: Of the catalogue (``vexas``, ``other``, ``other_disease``); ``uncatalogued``
            otherwise.
        changes_protein: Whether the allele changes protein or splicing, so that it can decide a
            verdict.
        alt_forward: ALT fragments read on the forward strand; a fragment read on both strands
            counts for both.
        clone_fraction: Share of cells with the allele under each named assumption.
    """

    hgvs_c: str
    hgvs_p: str | None
    chrom: str
    pos: int
    ref: str
    alt: str
    alt_fragments: int
    depth_fragments: int
    vaf: float
    vaf_corrected: float
    vaf_low95: float
    vaf_high95: float
    expected_error_fragments: float
    quality: float
    filters: tuple[str, ...]
    filter_reasons: dict[str, str]
    category: str
    verdict_class: str
    evidence: str
    sources: tuple[str, ...]
    sources_read: bool
    effect: str
    changes_protein: bool
    at_codon41: bool
    alt_forward: int
    alt_reverse: int
    depth_forward: int
    depth_reverse: int
    clone_fraction: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ForcedAllele:
    """An allele counted in every sample, seen or not: all of codon 41 and of the catalogue.

    Attributes:
        is_decisive: Whether the codon's limit is the worst of this one's and a few others'.
        target: Name of the codon or other place of class ``vexas`` that the allele decides whether
            it could be assessed; empty without.
    """

    hgvs_c: str
    hgvs_p: str | None
    verdict_class: str
    alt_fragments: int
    depth_fragments: int
    vaf_corrected: float
    vaf_low95: float
    vaf_high95: float
    expected_error_fragments: float
    quality: float
    significant: bool
    limit_of_detection_vaf: float | None
    vaf_upper95: float | None
    is_decisive: bool
    target: str


@dataclass(frozen=True)
class PrimerUse:
    """What the primers of an amplicon library took out of the evidence.

    Attributes:
        in_window: Primers that touch the gene's window.
        fragments: Fragments that begin or end in one of them.
        codon_fragments: Fragments with a base aligned to the codon.
        codon_primer_fragments: Those of them of which a base of the codon comes from a primer.
    """

    in_window: int
    fragments: int
    codon_fragments: int
    codon_primer_fragments: int


@dataclass(frozen=True)
class PanelUse:
    """The panel of normals that the error model knows single sites by.

    Attributes:
        name: As its laboratory calls it.
        version: Of its content.
        normals: Samples used.
        left_out: Samples of it that are this sample itself.
    """

    name: str
    version: str
    normals: int
    left_out: int


@dataclass(frozen=True)
class SexCheck:
    """The expected sex beside what the coverage of X and Y shows.

    Attributes:
        expected: Of the sheet: ``male``, ``female`` or ``unknown``; after an allogeneic transplant
            the donor's.
        observed: ``one_x_with_y``, ``two_x_without_y``, ``one_x_without_y``, ``two_x_with_y``,
            ``unclear``, or ``not_available`` where the file does not allow it.
        agrees: Whether they fit; None where one of them is not known.
        x_ratio: Records per base of X, divided by those of the autosomes; None if not available.
        y_ratio: The same of Y.
        note: What the reader must know, in sentences; empty where they agree.
    """

    expected: str
    observed: str
    agrees: bool | None
    x_ratio: float | None
    y_ratio: float | None
    note: str


@dataclass(frozen=True)
class TargetedUse:
    """FASTQ reads of which only those that can come from the gene were aligned.

    Attributes:
        fragments: Reads, or pairs of reads, in the files.
        kept: Those aligned.
    """

    fragments: int
    kept: int


@dataclass(frozen=True)
class QualityControl:
    """How far the numbers can be relied on.

    ``carry_over`` is ``not_checked``, ``clear``, ``explained`` (a call that a neighbour of the run
    explains) or ``single_sample``; ``carry_over_donors`` names those neighbours by allele.
    ``primers`` is None where none were given for the sample, ``panel`` where no panel of normals
    was, ``targeted`` where all reads were aligned, or were not aligned here.
    """

    reference_source: str
    error_model: str
    carry_over: str
    records_in_window: int
    fragments: int
    excluded_records: dict[str, int]
    mate_disagreement_rate: float | None
    mismatch_rate: float | None
    duplicates: DuplicateReport
    realignment: RealignmentReport
    sex_check: SexCheck
    primers: PrimerUse | None
    panel: PanelUse | None
    warnings: tuple[str, ...]
    carry_over_donors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    targeted: TargetedUse | None = None


@dataclass(frozen=True)
class SampleCall:
    """What the reads of one sample say, before the other samples of its run are looked at."""

    sample: SampleInfo
    input: InputInfo
    codon41: Codon41
    targets: tuple[Target, ...]
    coverage: tuple[ExonCoverage, ...]
    reads_view: ReadsView
    variants: tuple[Variant, ...]
    forced_alleles: tuple[ForcedAllele, ...]
    qc: QualityControl
    gene: dict[str, str]
    software: dict[str, str]
    catalogue_version: str
    locus_version: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """The code, the sentence a clinician reads, and all else as ``code`` or ``code:detail``."""

    code: str
    text: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class SampleResult:
    """The finished result of one sample."""

    call: SampleCall
    verdict: Verdict


def write_call(path: Path, call: SampleCall) -> None:
    """Write ``call.json``."""
    write_json(path, {"schema_version": SCHEMA_VERSION, **_unstructured(call)})


def read_call(path: Path) -> SampleCall:
    """Read ``call.json``.

    Raises:
        UserError: the file is missing or is not a call of this version.
    """
    return read_versioned(path, SampleCall, version=SCHEMA_VERSION, what="a call", remedy=_REMEDY)


def write_result(path: Path, result: SampleResult) -> None:
    """Write ``result.json`` with the contract's order of keys."""
    write_json(path, result_to_json(result))


def result_to_json(result: SampleResult) -> dict[str, Any]:
    """Return the content of ``result.json``."""
    call = _unstructured(result.call)
    verdict = _unstructured(result.verdict)
    head = {
        "schema_version": SCHEMA_VERSION,
        "sample": call.pop("sample"),
        "input": call.pop("input"),
    }
    return {**head, "verdict": verdict, **call}


def read_result(path: Path) -> SampleResult:
    """Read ``result.json``.

    Raises:
        UserError: the file is missing or is not a result of this version.
    """
    return read_versioned(
        path,
        SampleResult,
        version=SCHEMA_VERSION,
        what="a result",
        remedy=_REMEDY,
        shape=lambda fields: {"verdict": fields.pop("verdict", None), "call": fields},
    )


def _unstructured(value: object) -> dict[str, Any]:
    # cattrs is imported late: `vexas-uba1 --version` and the sheet check do without it.
    from cattrs import unstructure

    plain: dict[str, Any] = unstructure(value)
    return plain
