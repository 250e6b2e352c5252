"""The fixed sentences of the report, chosen by the result's values; the verdict has its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vexas_uba1 import numbers
from vexas_uba1.result import ForcedAllele, SampleCall, SampleResult, Target, Variant
from vexas_uba1.sex import OBSERVED
from vexas_uba1.texts import phrases

UNITS = {
    "fragments": "fragments",
    "molecules": "molecules",
    "input_copies": "input copies",
    "reads": "reads",
}

UNITS_SINGULAR = {
    "fragments": "fragment",
    "molecules": "molecule",
    "input_copies": "input copy",
    "reads": "read",
}

# ``{material}`` is what was sequenced: DNA or cDNA.
UNIT_MEANINGS = {
    "fragments": "One count is one {material} fragment; overlapping mates are one observation.",
    "molecules": (
        "One count is one {material} molecule, told apart by its unique molecular identifier."
    ),
    "input_copies": (
        "Counts are capped at the number of gene copies that the given amount of DNA holds, "
        "since without unique molecular identifiers an amplicon's reads are copies of few "
        "molecules."
    ),
    "reads": "One count is one sequenced fragment, which need not be a molecule of its own.",
}

ASSAYS = {
    "panel": "capture panel",
    "amplicon": "amplicon",
    "wes": "exome (WES)",
    "wgs": "genome (WGS)",
    "rna": "RNA sequencing",
    "unknown": "not stated",
}

CARRY_OVER = {
    "not_checked": "not checked against the other samples of the run",
    "clear": "checked against the run's positive samples; nothing explained by them",
    "explained": "a call may come from another sample of the run",
    "single_sample": "no other sample of the run to check against",
}


REFERENCE_SOURCES = {
    "fasta": "the FASTA given",
    "md": "the gene record; intron bases from the reads' MD tags",
    "record": "the gene record; intron bases unknown",
}


# What the detail of a reason is, by the reason's code.
REASONS = {
    "detected": "Also detected",
    "low_level": "Also at a low level",
    "indeterminate": "Also seen, but flagged",
    "other_variant": "Another variant",
    "flagged": "Flagged",
    "silent": "Without a change of protein or splice site",
    "codon41_not_assessable": "The codon's limit of detection misses the required one",
    "codon41_without_data": "Nothing is informative at the codon",
    "codon41_under_primer": "The codon lies under a primer; fragments without evidence for that",
    "names_unusable": "Records left out, as their names do not tell fragments apart",
    "codon41_haplotype": "Seen at the codon, too little to judge",
    "not_assessed": "Could not be assessed",
    "reads_not_molecules": "Counts are reads, not molecules",
    "rna_not_dna": "Measured in RNA, not in DNA",
    "bundled_locus": "Reads were aligned to the bundled gene alone",
}


@dataclass(frozen=True)
class Caution:
    """Something that the reader must know before trusting the numbers."""

    title: str
    text: str


def vaf_term(call: SampleCall) -> str:
    """Return what a VAF of this sample is to be called."""
    return "RNA VAF" if call.sample.assay == "rna" else "VAF"


def unit_meaning(call: SampleCall) -> str:
    """Return what one count of this sample stands for."""
    material = "cDNA" if call.sample.assay == "rna" else "DNA"
    return UNIT_MEANINGS[call.codon41.count_unit].format(material=material)


def count_unit(call: SampleCall) -> str:
    """Return the unit of all counts, with what it rests on."""
    unit, nanograms = UNITS[call.codon41.count_unit], call.parameters.get("input_ng")
    if call.codon41.count_unit == "input_copies" and nanograms is not None:
        return f"{unit}: at most those in {nanograms:g} ng of DNA"
    if call.codon41.count_unit == "molecules":
        return f"{unit}, by UMI"
    return unit


COPIES = {
    "flags": "known by the file's flags",
    "names": "not sought: each fragment counts as a molecule",
    "ends": "known by their ends",
    "umi": "known by their UMIs",
}


def copies(call: SampleCall) -> str:
    """Return what was taken for copies of one molecule."""
    seen = call.qc.duplicates
    told = [COPIES[seen.identity]]
    for number, what in (
        (seen.left_out, "left out"),
        (seen.joined, "joined with their molecule"),
    ):
        if number:
            told.append(f"{numbers.count(number)} of {numbers.count(seen.fragments)} {what}")
    if round(seen.expected_by_chance):
        told.append(f"about {numbers.count(round(seen.expected_by_chance))} look so by chance")
    return "; ".join(told)


def realigned(call: SampleCall) -> str:
    """Return how many reads were written otherwise than in the file."""
    return numbers.count(sum(call.qc.realignment.realigned.values()))


def sex_check(call: SampleCall) -> str:
    """Return how the expected sex and the coverage of X and Y go together."""
    check = call.qc.sex_check
    if check.x_ratio is None or check.y_ratio is None:
        return check.note
    seen = (
        f"{OBSERVED[check.observed]} (coverage of X {check.x_ratio:.2f}, of Y {check.y_ratio:.2f} "
        "of the autosomes')"
    )
    if check.agrees is None:
        return f"{seen}; {check.note}"
    return f"{seen}; expected {check.expected}: {'agrees' if check.agrees else 'does not agree'}"


def primers(call: SampleCall) -> str:
    """Return what the primers took out of the evidence; empty for other assays than amplicons."""
    use = call.qc.primers
    if use is None:
        return "none given" if call.sample.assay == "amplicon" else ""
    return (
        f"{call.parameters.get('primers_file')}: {use.in_window} at the gene; "
        f"{numbers.count(use.fragments)} fragments begin or end in one; of "
        f"{numbers.count(use.codon_fragments)} over the codon, "
        f"{numbers.count(use.codon_primer_fragments)} have a primer's bases there"
    )


def unbroken(text: str) -> list[str]:
    """Split a sentence so that every second piece, from the second on, must not be broken.

    Those are names such as ``p.(Met41Thr)``, after whose full stop a narrow page would begin a new
    line, and percentages.
    """
    return re.split(r"(\S*(?:\b[cgp]\.|\d %)\S*)", text)


def cautions(call: SampleCall) -> list[Caution]:
    """Return the cautions of this sample, the gravest first."""
    sample = call.sample
    found = [
        _caution(name)
        for name, holds in (
            ("bundled_locus", call.input.bundled_locus),
            ("rna", sample.assay == "rna"),
            ("reads", call.codon41.count_unit == "reads"),
            ("allogeneic", sample.transplant == "allogeneic"),
        )
        if holds
    ]
    for allele, donors in call.qc.carry_over_donors.items():
        found.append(_caution("carry_over", allele=allele, donors=", ".join(donors)))
    return found + [_caution("warning", warning=warning) for warning in call.qc.warnings]


def _caution(name: str, **values: str) -> Caution:
    title, text = phrases("cautions")[name]
    return Caution(title, text.format(**values))


def meaning(variant: Variant) -> str:
    """Return what the catalogue's class of a variant means for the reader."""
    flagged = variant.verdict_class == "vexas" and variant.filters
    text: str = phrases("meanings")[f"{variant.verdict_class}{'_flagged' if flagged else ''}"]
    return text


def reason(coded: str) -> str:
    """Put a reason of the verdict, ``code``, ``code:detail`` or ``code:allele:flags``, in words."""
    code, _, detail = coded.partition(":")
    if code not in REASONS:
        return coded
    subject, _, flags = detail.partition(":")
    text = f"{REASONS[code]}: {subject}" if subject else REASONS[code]
    return f"{text} ({flags.replace(',', ', ').replace('_', ' ')})." if flags else f"{text}."


def not_assessable(target: Target) -> str:
    """Return the name of a target that could not be assessed and, of an exon, which part of it.

    The bases of the other kinds of target are not counted: their decisive alleles are what is
    assessed, at a level of the test less strict than that of the search.
    """
    if target.kind == "exon" and target.positions_below_required < target.positions:
        return f"{target.name} ({target.positions_below_required} of {target.positions} bases)"
    return target.name


def tested(call: SampleCall) -> list[tuple[str, str]]:
    """Return what could be assessed and what could not, each with its heading; exons counted."""
    exons = [target for target in call.targets if target.kind == "exon"]
    told = []
    for heading, wanted in (("Assessable", True), ("Not assessable", False)):
        names = [
            target.name
            for target in call.targets
            if target.kind != "exon" and target.assessable == wanted
        ]
        own = [target.name for target in exons if target.assessable == wanted]
        if len(own) == 1:
            names += own
        elif own:
            share = "all" if len(own) == len(exons) else f"{len(own)} of"
            names.append(f"{share} {len(exons)} exons")
        if names:
            told.append((heading, ", ".join(names)))
    return told


def nothing_found(call: SampleCall) -> str:
    """Return what the lack of any variant means, which is nothing where no read was seen."""
    if call.qc.fragments == 0:
        return f"Nothing could be searched: no usable read lies on {call.gene['gene']}."
    if all(target.assessable for target in call.targets):
        return "No variant was found at the bases searched, down to the limits given here."
    return (
        "No variant was found where the test could look; what could not be assessed is named below."
    )


def role(allele: ForcedAllele) -> str:
    """Return the part that an allele's class plays in the verdict."""
    return {
        "vexas": "decisive",
        "other": "listed",
        "other_disease": "other disease",
        "uncatalogued": "not in the catalogue",
    }[allele.verdict_class]


def seen(allele: ForcedAllele) -> str:
    """Return in words what the count of an allele that is looked for in every sample says."""
    if allele.depth_fragments == 0:
        return "not covered"
    if allele.alt_fragments == 0:
        return "not seen"
    return "seen" if allele.significant else "within error"


def limitations(result: SampleResult) -> list[str]:
    """Return the limitations that hold for this result."""
    call = result.call
    not_seen = result.verdict.code in ("not_detected", "not_assessable")
    holds = {
        "negative": not_seen,
        "targeted": call.qc.targeted is not None,
        "introns": call.qc.reference_source == "record",
    }
    return [
        text.format(gene=call.gene["gene"])
        for name, text in phrases("limitations").items()
        if holds.get(name, True)
    ]


def reads_by_base(call: SampleCall) -> list[str]:
    """Return for each position of the codon how many reads show which base, commonest first."""
    view = call.reads_view
    told = []
    for position, reads in zip(view.codon, view.reads_by_base, strict=True):
        shown = sorted((item for item in reads.items() if item[1]), key=lambda item: -item[1])
        bases = ", ".join(f"{base} {numbers.count(number)}" for base, number in shown)
        told.append(f"{call.input.contig}:{position} {bases or 'none'}")
    return told
