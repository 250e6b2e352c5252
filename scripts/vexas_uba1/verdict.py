"""The verdict: the contract's codes in their order, and the sentence that a clinician reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vexas_uba1 import numbers
from vexas_uba1.result import SampleCall, Target, Variant, Verdict
from vexas_uba1.texts import render_text

_MOST_HAPLOTYPES = 3
"""Other haplotypes that the sentence names; the reasons name all."""


@dataclass(frozen=True)
class _Facts:
    """What the sentences need beside the call itself."""

    unit: str
    vaf_name: str
    codon: str
    required: float
    reporting: float
    limit_floor: float
    rna: bool
    reads_only: bool
    codon41_not_assessable: bool
    under_primer: bool
    nameless: int
    assessed: tuple[str, ...]
    unusual: tuple[str, ...]
    allow: str
    not_assessed: tuple[str, ...]
    further: tuple[Variant, ...]


def decide(call: SampleCall) -> Verdict:
    """Return the verdict of a call, after what its run says of carry-over.

    The first rule that matches decides; everything else found is among the reasons, as ``code`` or
    ``code:detail``.
    """
    ranks = _ranks(call)
    first = leading(call)
    reporting = float(call.parameters["reporting_limit_vaf"])
    required = float(call.parameters["required_limit_vaf"])
    limit = call.codon41.limit_of_detection_vaf
    blind = limit is None or limit > required
    code = next((rank for rank, found in ranks.items() if found), None)
    if code is None:
        code = "not_assessable" if blind else "not_detected"
    further = tuple(v for found in ranks.values() for v in found if v is not first)
    loci = [target for target in call.targets if target.kind == "vexas_locus"]
    facts = _Facts(
        unit={"input_copies": "input copies"}.get(call.codon41.count_unit, call.codon41.count_unit),
        vaf_name="RNA VAF" if call.sample.assay == "rna" else "VAF",
        codon=f"codon {call.gene['codon_number']}".strip(),
        required=required,
        reporting=reporting,
        limit_floor=float(call.parameters["amplicon_limit_floor_vaf"]),
        rna=call.sample.assay == "rna",
        reads_only=call.codon41.count_unit == "reads",
        codon41_not_assessable=blind,
        under_primer=blind and _under_primer(call),
        nameless=_nameless(call) if blind else 0,
        assessed=tuple(
            f"{target.name} (from {numbers.limit(target.limit_of_detection_vaf)})"
            for target in loci
            if target.assessable
        ),
        allow="allows" if call.codon41.depth_fragments == 1 else "allow",
        unusual=tuple(
            f"{count} {'shows' if count == 1 else 'show'} {bases}"
            for bases, count in call.codon41.haplotypes.items()
            if bases != call.gene["codon_reference"]
        )[:_MOST_HAPLOTYPES],
        not_assessed=tuple(target.name for target in loci if not target.assessable),
        further=further,
    )
    return Verdict(
        code,
        render_text("verdict", code=code, v=first, call=call, f=facts),
        tuple(_reasons(code, first, call, ranks, loci, blind)),
    )


def _under_primer(call: SampleCall) -> bool:
    """Return whether primers took as many fragments from the codon as they left, or more."""
    primers = call.qc.primers
    if primers is None or not primers.codon_primer_fragments:
        return False
    return 2 * primers.codon_primer_fragments >= primers.codon_fragments


def _nameless(call: SampleCall) -> int:
    """Return how many records were left out since their names do not tell fragments apart."""
    return sum(call.qc.excluded_records.get(name, 0) for name in ("conflicting", "without_name"))


def leading(call: SampleCall) -> Variant | None:
    """Return the variant that the verdict rests on and names first; None if it rests on none."""
    return next((found[0] for found in _ranks(call).values() if found), None)


def _ranks(call: SampleCall) -> dict[str, list[Variant]]:
    """Return the variants that can decide, by the code they ask for, in the contract's order.

    Within a code, alleles of the codon come first, for it is what the test is for, then the
    highest VAF.
    """
    reporting = float(call.parameters["reporting_limit_vaf"])
    ordered = sorted(call.variants, key=lambda v: (not v.at_codon41, -v.vaf, v.pos, v.hgvs_c))
    passing = [v for v in ordered if v.verdict_class == "vexas" and not v.filters]
    return {
        "detected": [v for v in passing if v.vaf >= reporting],
        "low_level": [v for v in passing if v.vaf < reporting],
        "indeterminate": [
            v for v in ordered if v.filters and (v.verdict_class == "vexas" or v.at_codon41)
        ],
        "other_variant": [
            v for v in ordered if v.verdict_class != "vexas" and not v.filters and v.changes_protein
        ],
    }


def _reasons(
    code: str,
    first: Variant | None,
    call: SampleCall,
    ranks: dict[str, list[Variant]],
    loci: Sequence[Target],
    blind: bool,
) -> Iterator[str]:
    for rank, found in ranks.items():
        for variant in found:
            if variant is not first:
                flags = f":{','.join(variant.filters)}" if variant.filters else ""
                yield f"{rank}:{variant.hgvs_c}{flags}"
    if first is not None:
        yield from (f"flagged:{first.hgvs_c}:{flag}" for flag in first.filters)
    ranked = {id(variant) for found in ranks.values() for variant in found}
    for variant in call.variants:
        if id(variant) not in ranked:
            yield f"{'flagged' if variant.filters else 'silent'}:{variant.hgvs_c}"
    if blind:
        yield "codon41_not_assessable"
    if not call.codon41.depth_fragments:
        yield "codon41_without_data"
    if blind and call.qc.primers is not None and _under_primer(call):
        yield f"codon41_under_primer:{call.qc.primers.codon_primer_fragments}"
    if blind and (nameless := _nameless(call)):
        yield f"names_unusable:{nameless}"
    if code == "not_assessable":
        for bases, count in call.codon41.haplotypes.items():
            if bases != call.gene["codon_reference"]:
                yield f"codon41_haplotype:{bases}:{count}"
    if code == "not_detected":
        yield from (f"not_assessed:{target.name}" for target in loci if not target.assessable)
    if call.codon41.count_unit == "reads":
        yield "reads_not_molecules"
    if call.sample.assay == "rna":
        yield "rna_not_dna"
    if call.input.bundled_locus:
        yield "bundled_locus"
