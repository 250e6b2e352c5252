"""A sample's call after its run was checked: flags, limits and warnings of carry-over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from vexas_uba1 import numbers
from vexas_uba1.cohort import hopping
from vexas_uba1.cohort.carryover import AlleleCheck, CheckedSample, RunCheck
from vexas_uba1.result import Codon41, ForcedAllele, SampleCall, Target, Variant

FILTER = "carry_over"


def apply_carry_over(call: SampleCall, check: RunCheck) -> SampleCall:
    """Return the call with what its run says: flags on explained variants, limits, and ``qc``.

    Applied to a call as it was made, before any run was looked at.

    Raises:
        ValueError: the check does not know the sample.
    """
    sample_id = call.sample.id
    checked = next((sample for sample in check.samples if sample.id == sample_id), None)
    if checked is None or call.sample.run != check.run:
        raise ValueError(f"sample {sample_id!r} is not in the check of run {check.run!r}")
    mine = {
        allele: checks[sample_id] for allele, checks in check.alleles.items() if sample_id in checks
    }
    variants = tuple(
        _flagged(variant, mine[variant.hgvs_c], checked)
        if mine[variant.hgvs_c].explained
        else variant
        for variant in call.variants
    )
    qc = replace(
        call.qc,
        carry_over=checked.carry_over,
        carry_over_donors={
            allele: found.donors for allele, found in mine.items() if found.explained
        },
        warnings=tuple(dict.fromkeys((*call.qc.warnings, *_warnings(mine, check)))),
    )
    return _with_limits(replace(call, variants=variants, qc=qc), mine)


def _with_limits(call: SampleCall, mine: Mapping[str, AlleleCheck]) -> SampleCall:
    """Return the call with limits that hopped fragments leave: an allele must stand out of them."""
    power = float(call.parameters["power"])
    raised: dict[str, ForcedAllele] = {}
    warnings: list[str] = []
    for allele in call.forced_alleles:
        found = mine.get(allele.hgvs_c)
        limit = allele.limit_of_detection_vaf
        if found is None or not found.expected_fragments or limit is None:
            continue
        errors, foreign = allele.expected_error_fragments, found.expected_fragments
        beside = hopping.limit_of_detection(allele.depth_fragments, errors, foreign, limit, power)
        if beside > limit:
            reached = beside if beside <= 1 else None
            raised[allele.hgvs_c] = replace(allele, limit_of_detection_vaf=reached)
            warnings.append(
                f"{allele.hgvs_c}: {_amount(foreign)} ALT fragments may come from "
                f"{_listed(found.donors)} of the same run, so its limit of detection here is "
                f"{numbers.limit(reached)} instead of {numbers.limit(limit)}."
            )
    if not raised:
        return call
    forced = tuple(raised.get(allele.hgvs_c, allele) for allele in call.forced_alleles)
    required = float(call.parameters["required_limit_vaf"])
    return replace(
        call,
        codon41=_codon(call.codon41, list(raised.values()), required, power, mine),
        targets=tuple(_target(target, raised.values(), required) for target in call.targets),
        forced_alleles=forced,
        qc=replace(call.qc, warnings=tuple(dict.fromkeys((*call.qc.warnings, *warnings)))),
    )


def _codon(
    codon: Codon41,
    raised: Sequence[ForcedAllele],
    required: float,
    power: float,
    mine: Mapping[str, AlleleCheck],
) -> Codon41:
    decisive = [allele for allele in raised if allele.is_decisive]
    depth = codon.depth_for_required_limit
    for allele in decisive:
        here = allele.depth_fragments
        deeper = hopping.depth_for_limit(
            required,
            allele.expected_error_fragments / here,
            mine[allele.hgvs_c].expected_fragments / here,
            power,
        )
        depth = None if depth is None or deeper is None else max(depth, deeper)
    limits = {allele.hgvs_c: allele.limit_of_detection_vaf for allele in raised}
    return replace(
        codon,
        limit_of_detection_vaf=_worse(codon.limit_of_detection_vaf, decisive),
        limit_of_detection_by_allele={
            name: limits.get(name, limit)
            for name, limit in codon.limit_of_detection_by_allele.items()
        },
        depth_for_required_limit=depth,
    )


def _target(target: Target, raised: Iterable[ForcedAllele], required: float) -> Target:
    limit = _worse(
        target.limit_of_detection_vaf, [each for each in raised if each.target == target.name]
    )
    reached = limit is not None and limit <= required
    return replace(target, limit_of_detection_vaf=limit, assessable=target.assessable and reached)


def _worse(limit: float | None, raised: Sequence[ForcedAllele]) -> float | None:
    """Return the worst of a limit and those of some alleles, None where one is not reached."""
    for allele in raised:
        other = allele.limit_of_detection_vaf
        limit = None if limit is None or other is None else max(limit, other)
    return limit


def _flagged(variant: Variant, found: AlleleCheck, sample: CheckedSample) -> Variant:
    reason = (
        f"Index hopping at a rate of {sample.index_hopping_rate:g} from {_listed(found.donors)} of "
        f"the same run is expected to leave {_amount(found.expected_fragments)} ALT fragments "
        f"here; {found.alt_fragments} are seen."
    )
    return replace(
        variant,
        filters=tuple(dict.fromkeys((*variant.filters, FILTER))),
        filter_reasons={**variant.filter_reasons, FILTER: reason},
    )


def _warnings(mine: Mapping[str, AlleleCheck], check: RunCheck) -> list[str]:
    warnings = []
    if check.missing:
        warnings.append(
            f"Carry-over from {_listed(check.missing)} of run {check.run} is not known: no call."
        )
    for allele, found in mine.items():
        together = found.expected_fragments + found.same_patient_expected_fragments
        if (
            found.called
            and not found.explained
            and found.alt_fragments < hopping.least_unexplained(together)
        ):
            warnings.append(
                f"{allele}: {_listed(found.same_patient)} of the same patient and run may have "
                f"left about {_amount(found.same_patient_expected_fragments)} of the "
                f"{found.alt_fragments} ALT fragments by index hopping; the call is kept."
            )
    return warnings


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _amount(expected_fragments: float) -> str:
    return f"{expected_fragments:.0f}" if expected_fragments >= 10 else f"{expected_fragments:.2g}"
