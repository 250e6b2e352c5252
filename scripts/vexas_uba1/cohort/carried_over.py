"""A sample's call after its run was checked: flags, limits and warnings of carry-over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from vexas_uba1 import numbers
from vexas_uba1.cohort import hopping
from vexas_uba1.cohort.carryover import AlleleCheck, CheckedSample, RunCheck
from vexas_uba1.result import ForcedAllele, SampleCall, Target, Variant

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
    required = float(call.parameters["required_limit_vaf"])
    level = float(call.parameters["false_positive_rate_canonical"])
    depth_for_required = call.codon41.depth_for_required_limit
    raised: dict[str, ForcedAllele] = {}
    warnings: list[str] = []
    for allele in call.forced_alleles:
        found, depth = mine.get(allele.hgvs_c), allele.depth_fragments
        own = allele.limit_of_detection_vaf
        if found is None or not found.expected_fragments or own is None:
            continue
        foreign = found.expected_fragments
        limit = hopping.limit_of_detection(depth, foreign, own, level, power)
        if limit <= own:
            continue
        reached = limit if limit <= 1 else None
        raised[allele.hgvs_c] = replace(allele, limit_of_detection_vaf=reached)
        warnings.append(
            f"{allele.hgvs_c}: {_amount(foreign)} ALT fragments may come from "
            f"{_listed(found.donors)} of the same run, so its limit of detection here is "
            f"{numbers.limit(reached)} instead of {numbers.limit(own)}."
        )
        if allele.is_decisive and depth_for_required is not None:
            background = hopping.background_of(depth, own, level, power)
            deeper = hopping.depth_for_limit(required, background / depth, foreign / depth, power)
            depth_for_required = None if deeper is None else max(depth_for_required, deeper)
    if not raised:
        return call
    decisive = [allele for allele in raised.values() if allele.is_decisive]
    codon = replace(
        call.codon41,
        limit_of_detection_vaf=_worse(call.codon41.limit_of_detection_vaf, decisive),
        limit_of_detection_by_allele={
            name: raised[name].limit_of_detection_vaf if name in raised else limit
            for name, limit in call.codon41.limit_of_detection_by_allele.items()
        },
        depth_for_required_limit=depth_for_required,
    )
    return replace(
        call,
        codon41=codon,
        targets=tuple(_target(target, raised.values(), required) for target in call.targets),
        forced_alleles=tuple(raised.get(each.hgvs_c, each) for each in call.forced_alleles),
        qc=replace(call.qc, warnings=tuple(dict.fromkeys((*call.qc.warnings, *warnings)))),
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
        if found.called and not found.explained and hopping.explains(found.alt_fragments, together):
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
