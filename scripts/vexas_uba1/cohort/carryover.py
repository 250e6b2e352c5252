"""Carry-over within a sequencing run: which calls the neighbours' reads explain.

With combinatorial indices a small share of a library's reads is assigned to another library of
the same run (0.2-6 % on patterned flow cells, doi:10.1186/s12864-018-4703-0). A clone of 75 % next
door then looks like one of 0.4 % here. ``docs/carryover.md`` explains the arithmetic to users.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vexas_uba1.cohort.hopping import EXPLAINED_ABOVE, probability
from vexas_uba1.files import write_json
from vexas_uba1.result import ForcedAllele, SampleCall, SampleInfo, Variant
from vexas_uba1.versioned import read_versioned

SCHEMA_VERSION = "1.1"
_NAMED_FROM = 0.01
"""Share of the expected fragments from which a donor is named; all count."""


@dataclass(frozen=True)
class AlleleCheck:
    """One allele in one sample, against what the other samples of the run may have left there.

    Attributes:
        alt_fragments: Fragments of this sample that show the allele.
        depth_fragments: Fragments of this sample that are informative on it.
        called: Whether the sample's own test found it (it is among the variants).
        expected_fragments: Foreign ALT fragments expected from ``donors``.
        tail_probability: Of ``alt_fragments`` or more by error and hopping; 1 where there are none.
        explained: ``called`` and the tail probability is above ``EXPLAINED_ABOVE``.
        donors: Samples of other patients in which the allele was called, and not explained itself,
            the likeliest first, each with a hundredth of the expected fragments at least.
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
        alleles: By HGVS name, which all builds share, and sample id: every allele that the sample
            shows, or that may have hopped into it.
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
    """Check one allele in each sample that shows it, or that it may have hopped into.

    What hopped into a sample is no source itself: calls that are explained are asked for once, and
    then no more among the donors.
    """
    carriers = [
        call.sample for call in calls if any(variant.hgvs_c == allele for variant in call.variants)
    ]
    checks = _against(allele, calls, carriers, alt_fragments, hopping_rates)
    sources = [carrier for carrier in carriers if not checks[carrier.id].explained]
    if not sources or len(sources) == len(carriers):
        return checks
    return _against(allele, calls, sources, alt_fragments, hopping_rates)


def _against(
    allele: str,
    calls: Sequence[SampleCall],
    sources: Sequence[SampleInfo],
    alt_fragments: Mapping[str, int],
    hopping_rates: Mapping[str, float],
) -> dict[str, AlleleCheck]:
    """Check one allele in each sample against some sources; ``alt_fragments`` is by sample id."""
    depths = {call.sample.id: _depth_fragments(call, allele) for call in calls}
    total_depth = sum(depths.values())

    def expected_from(donor: SampleInfo, sample: SampleInfo) -> float:
        here = depths[sample.id]
        shared_by = total_depth - min(here, depths[donor.id])
        return hopping_rates[sample.index_type] * alt_fragments[donor.id] * here / shared_by

    checks = {}
    for call in calls:
        sample = call.sample
        others = [source for source in sources if source.id != sample.id]
        alt = alt_fragments.get(sample.id, 0)
        if not alt and not others:
            continue
        kin = [other for other in others if sample.patient and other.patient == sample.patient]
        share = {donor.id: expected_from(donor, sample) for donor in others if donor not in kin}
        expected = math.fsum(share.values())
        shown = _counted(call, allele)
        tail = 1.0
        if alt and shown is not None:
            tail = probability(alt, shown.quality, shown.expected_error_fragments, expected)
        called = any(variant.hgvs_c == allele for variant in call.variants)
        checks[sample.id] = AlleleCheck(
            alt_fragments=alt,
            depth_fragments=depths[sample.id],
            called=called,
            expected_fragments=expected,
            tail_probability=tail,
            explained=called and bool(share) and tail > EXPLAINED_ABOVE,
            donors=tuple(
                donor
                for donor in sorted(share, key=lambda each: (-share[each], each))
                if share[donor] >= _NAMED_FROM * expected
            ),
            same_patient=tuple(other.id for other in kin),
            same_patient_expected_fragments=math.fsum(
                expected_from(other, sample) for other in kin
            ),
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
    found = _counted(call, allele)
    return call.codon41.depth_fragments if found is None else found.depth_fragments


def _counted(call: SampleCall, allele: str) -> ForcedAllele | Variant | None:
    return {found.hgvs_c: found for found in _counted_alleles(call)}.get(allele)


def _counted_alleles(call: SampleCall) -> tuple[ForcedAllele | Variant, ...]:
    # An allele of both lists has the same counts; variants come last and so have the last word.
    return (*call.forced_alleles, *call.variants)
