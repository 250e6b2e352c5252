"""Carry-over within a sequencing run: which calls the neighbours' reads explain.

With combinatorial indices a small share of a library's reads is assigned to another library of
the same run (0.2-6 % on patterned flow cells, doi:10.1186/s12864-018-4703-0). A clone of 75 % next
door then looks like one of 0.4 % here. ``docs/carryover.md`` explains the arithmetic to users.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from vexas_uba1.files import write_json
from vexas_uba1.result import ForcedAllele, SampleCall, SampleInfo, Variant
from vexas_uba1.versioned import read_versioned

SCHEMA_VERSION = "1.0"
FILTER = "carry_over"

# A call is its own only if hopping alone would leave as many fragments in fewer than one of a
# thousand such cases. Strict on purpose: a flag costs a confirmation by another assay, a
# neighbour's clone reported as this patient's own costs more.
EXPLAINED_ABOVE = 0.001


@dataclass(frozen=True)
class AlleleCheck:
    """One allele in one sample, against what the other samples of the run may have left there.

    Attributes:
        alt_fragments: Fragments of this sample that show the allele.
        depth_fragments: Fragments of this sample that are informative on it.
        called: Whether the sample's own test found it (it is among the variants).
        expected_fragments: Foreign ALT fragments expected from ``donors``.
        tail_probability: Poisson probability of ``alt_fragments`` or more foreign ones.
        explained: ``called`` and the tail probability is above ``EXPLAINED_ABOVE``.
        donors: Samples of other patients in which the allele was called, by id.
        same_patient: Samples of this patient in which it was called, by id. They share the clone,
            so they are named but never explain a call away.
        same_patient_expected_fragments: Foreign ALT fragments expected from ``same_patient``.
    """

    alt_fragments: int
    depth_fragments: int
    called: bool
    expected_fragments: float
    tail_probability: float
    explained: bool
    donors: tuple[str, ...]
    same_patient: tuple[str, ...]
    same_patient_expected_fragments: float


@dataclass(frozen=True)
class CheckedSample:
    """A sample of the run.

    ``carry_over`` is ``clear``, ``explained`` (at least one call is) or ``single_sample`` (there
    was nothing to compare with).
    """

    id: str
    patient: str
    index_type: str
    index_hopping_rate: float
    carry_over: str


@dataclass(frozen=True)
class RunCheck:
    """The content of ``carryover/{run}.json``.

    Attributes:
        run: The run's name in the sheet.
        explained_above: The tail probability above which a call counts as explained.
        samples: The samples compared, by id.
        missing: Samples of the run without a call; what they may have left behind is unknown.
        alleles: By HGVS name, which all builds share, and sample id: every allele with at least
            one ALT fragment there.
    """

    run: str
    explained_above: float
    samples: tuple[CheckedSample, ...]
    missing: tuple[str, ...]
    alleles: dict[str, dict[str, AlleleCheck]]


def check_run(
    calls: Sequence[SampleCall],
    hopping_rates: Mapping[str, float],
    run: str,
    *,
    missing: Iterable[str] = (),
) -> RunCheck:
    """Compare the samples of one run, in any order.

    The foreign fragments of an allele that a sample receives from a donor are expected to number

        rate x donor's ALT fragments x depth here / (run's depth - the smaller depth of the two)

    with the rate of the receiving sample's index type and all depths at the allele. Hopped reads
    fall to the samples of a run in proportion to their depth; leaving out one of the pair keeps
    the rate what its name says in small runs too (two equal samples, donor at VAF v: a false
    rate x v), and leaving out the smaller keeps it so when their depths differ.

    Args:
        calls: The samples of the run that have one.
        hopping_rates: Share of reads that hop, by index type.
        run: The run's name.
        missing: Samples of the run that failed.

    Raises:
        ValueError: a call is of another run, or two have the same id.
        KeyError: an index type without a rate.
    """
    ordered = sorted(calls, key=lambda call: call.sample.id)
    if any(call.sample.run != run for call in ordered):
        raise ValueError(f"a call that is not of run {run!r}")
    if len({call.sample.id for call in ordered}) < len(ordered):
        raise ValueError(f"two calls of one sample in run {run!r}")
    counts = {call.sample.id: _alt_fragments(call) for call in ordered}
    alleles = {
        allele: _check_allele(
            allele,
            ordered,
            {sample: shown[allele] for sample, shown in counts.items() if allele in shown},
            hopping_rates,
        )
        for allele in sorted({allele for shown in counts.values() for allele in shown})
    }
    samples = []
    for call in ordered:
        mine = [checks[call.sample.id] for checks in alleles.values() if call.sample.id in checks]
        explained = any(check.explained for check in mine)
        samples.append(
            CheckedSample(
                id=call.sample.id,
                patient=call.sample.patient,
                index_type=call.sample.index_type,
                index_hopping_rate=hopping_rates[call.sample.index_type],
                carry_over="single_sample"
                if len(ordered) == 1
                else ("explained" if explained else "clear"),
            )
        )
    return RunCheck(run, EXPLAINED_ABOVE, tuple(samples), tuple(sorted(missing)), alleles)


def apply_carry_over(call: SampleCall, check: RunCheck) -> SampleCall:
    """Return the call with what its run says: flags on explained variants, and ``qc``.

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
    return replace(call, variants=variants, qc=qc)


def write_run_check(path: Path, check: RunCheck) -> None:
    """Write ``carryover/{run}.json`` (workflow/schemas/carryover.schema.json)."""
    write_json(path, {"schema_version": SCHEMA_VERSION, **asdict(check)})


def read_run_check(path: Path) -> RunCheck:
    """Read ``carryover/{run}.json``.

    Raises:
        UserError: the file is missing or is not a check of this version.
    """
    return read_versioned(
        path,
        RunCheck,
        version=SCHEMA_VERSION,
        what="a carry-over check",
        remedy="Run the workflow again",
    )


def _check_allele(
    allele: str,
    calls: Sequence[SampleCall],
    alt_fragments: Mapping[str, int],
    hopping_rates: Mapping[str, float],
) -> dict[str, AlleleCheck]:
    """Check one allele in each sample that shows it; ``alt_fragments`` is by sample id."""
    depths = {call.sample.id: _depth_fragments(call, allele) for call in calls}
    total_depth = sum(depths.values())
    carriers = [
        call.sample for call in calls if any(variant.hgvs_c == allele for variant in call.variants)
    ]

    def expected_from(donors: Sequence[SampleInfo], sample: SampleInfo) -> float:
        here = depths[sample.id]
        return hopping_rates[sample.index_type] * math.fsum(
            alt_fragments[donor.id] * here / (total_depth - min(here, depths[donor.id]))
            for donor in donors
        )

    checks = {}
    for sample in (call.sample for call in calls if call.sample.id in alt_fragments):
        others = [carrier for carrier in carriers if carrier.id != sample.id]
        kin = [other for other in others if sample.patient and other.patient == sample.patient]
        donors = [other for other in others if other not in kin]
        expected = expected_from(donors, sample)
        tail = _poisson_tail(alt_fragments[sample.id], expected)
        called = sample in carriers
        checks[sample.id] = AlleleCheck(
            alt_fragments=alt_fragments[sample.id],
            depth_fragments=depths[sample.id],
            called=called,
            expected_fragments=expected,
            tail_probability=tail,
            explained=called and tail > EXPLAINED_ABOVE,
            donors=tuple(donor.id for donor in donors),
            same_patient=tuple(other.id for other in kin),
            same_patient_expected_fragments=expected_from(kin, sample),
        )
    return checks


def _alt_fragments(call: SampleCall) -> dict[str, int]:
    """Return the ALT fragments of every allele that the sample shows."""
    return {
        allele.hgvs_c: allele.alt_fragments
        for allele in _counted_alleles(call)
        if allele.alt_fragments > 0
    }


def _depth_fragments(call: SampleCall, allele: str) -> int:
    """Return the depth at the allele; of one that the sample neither forces nor shows, codon 41's.

    The stand-in only says how deep a sample was sequenced beside the others of its run.
    """
    depths = {found.hgvs_c: found.depth_fragments for found in _counted_alleles(call)}
    return depths.get(allele, call.codon41.depth_fragments)


def _counted_alleles(call: SampleCall) -> tuple[ForcedAllele | Variant, ...]:
    # An allele of both lists has the same counts; variants come last and so have the last word.
    return (*call.forced_alleles, *call.variants)


def _poisson_tail(count: int, expected: float) -> float:
    """Return P(X >= count) for a Poisson variable, ``count`` >= 1, exactly.

    It equals the regularised lower incomplete gamma function (DLMF 8.4.10 by its complement).
    """
    from scipy.special import gammainc

    return float(gammainc(count, expected))


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
            and _poisson_tail(found.alt_fragments, together) > EXPLAINED_ABOVE
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
