"""Carry-over: neighbours' hopped reads are flagged, true small clones are not."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaincinv, gammainc, gammaincinv
from scipy.stats import poisson

from builders.results import (
    a_call,
    a_codon41,
    a_forced_allele,
    a_qc,
    a_sample,
    a_target,
    a_variant,
)
from vexas_uba1 import numbers
from vexas_uba1.cohort import hopping
from vexas_uba1.cohort.carried_over import apply_carry_over
from vexas_uba1.cohort.carryover import (
    RunCheck,
    check_run,
    read_run_check,
    write_run_check,
)
from vexas_uba1.cohort.hopping import EXPLAINED_ABOVE
from vexas_uba1.errors import UserError
from vexas_uba1.paths import schemas
from vexas_uba1.result import SampleCall
from vexas_uba1.verdict import decide

RATES = {"unique_dual": 0.0001, "other": 0.005, "unknown": 0.005}
M41T = "c.122T>C"


def with_alt(
    sample_id: str,
    alt: int,
    depth: int,
    *,
    called: bool = True,
    errors: float = 0.0,
    limit: float = 0.001,
    hgvs_c: str = M41T,
    patient: str | None = None,
    **sample: Any,
) -> SampleCall:
    """Return a call with ``alt`` of ``depth`` fragments, by default with combinatorial indices."""
    info = {"index_type": "other", "patient": patient or f"of {sample_id}"} | sample
    shown: dict[str, Any] = {
        "hgvs_c": hgvs_c,
        "alt_fragments": alt,
        "depth_fragments": depth,
        "expected_error_fragments": errors,
    }
    return a_call(
        sample=a_sample(id=sample_id, **info),
        codon41=a_codon41(
            depth_fragments=depth,
            limit_of_detection_vaf=limit,
            limit_of_detection_by_allele={hgvs_c: limit},
        ),
        targets=(a_target(depth_fragments=depth, limit_of_detection_vaf=limit),),
        variants=(a_variant(**shown, vaf=alt / depth),) if called and alt else (),
        forced_alleles=(
            a_forced_allele(**shown, significant=called, limit_of_detection_vaf=limit),
        ),
    )


def checked(calls: list[SampleCall], **options: Any) -> dict[str, SampleCall]:
    """Return every call with its run's carry-over applied, by sample."""
    check = check_run(calls, RATES, "R1", **options)
    return {call.sample.id: apply_carry_over(call, check) for call in calls}


@pytest.mark.parametrize("depth", [200, 1_000, 5_000, 20_000, 100_000])
def test_hopped_molecules_do_not_stay_a_call(depth: int) -> None:
    hopped = round(0.005 * 0.75 * depth)
    after = checked([with_alt("DONOR", round(0.75 * depth), depth), with_alt("S", hopped, depth)])
    (variant,) = after["S"].variants
    assert variant.filters == ("carry_over",)
    assert "DONOR" in variant.filter_reasons["carry_over"]
    assert f"{hopped} are seen" in variant.filter_reasons["carry_over"]
    assert after["S"].qc.carry_over == "explained"
    assert after["S"].qc.carry_over_donors == {M41T: ("DONOR",)}
    assert after["DONOR"].variants[0].filters == ()
    assert after["DONOR"].qc.carry_over == "clear"
    assert after["DONOR"].qc.carry_over_donors == {}


@pytest.mark.parametrize("depth", [1_000, 5_000, 20_000])
def test_a_true_small_clone_with_unique_dual_indices_stays(depth: int) -> None:
    clone = with_alt("S", depth // 100, depth, index_type="unique_dual")
    after = checked([with_alt("DONOR", 3 * depth // 4, depth), clone])
    assert after["S"].variants == clone.variants
    assert after["S"].qc.carry_over == "clear"


def test_expected_fragments_of_two_equal_samples_are_rate_times_alt() -> None:
    check = check_run([with_alt("A", 750, 1_000), with_alt("B", 4, 1_000)], RATES, "R1")
    found = check.alleles[M41T]["B"]
    assert found.expected_fragments == pytest.approx(3.75)
    # 1 - exp(-3.75) (1 + 3.75 + 3.75^2/2 + 3.75^3/6)
    assert found.tail_probability == pytest.approx(0.516233, abs=1e-6)
    assert found.donors == ("A",)


def test_hopped_reads_are_shared_by_depth() -> None:
    calls = [
        with_alt("DONOR", 4_000, 5_000),
        with_alt("DEEP", 9, 3_000),
        with_alt("SHALLOW", 3, 1_000),
        with_alt("EMPTY", 0, 1_000),
    ]
    check = check_run(calls, RATES, "R1")
    found = check.alleles[M41T]
    # The run's depth is 10,000; each pair leaves out its smaller one. DEEP and SHALLOW were called
    # too, but what they show is explained, so they give nothing back.
    assert found["DEEP"].expected_fragments == pytest.approx(0.005 * 4_000 * 3_000 / 7_000)
    assert found["SHALLOW"].expected_fragments == pytest.approx(0.005 * 4_000 * 1_000 / 9_000)
    # Nothing is seen there, but its limit must know.
    empty = found["EMPTY"]
    assert (empty.alt_fragments, empty.called, empty.explained) == (0, False, False)
    assert empty.expected_fragments == found["SHALLOW"].expected_fragments


def test_a_shallow_sample_does_not_lose_its_own_clone_to_a_deep_neighbour() -> None:
    after = checked([with_alt("DEEP", 75_000, 100_000), with_alt("S", 30, 100)])
    assert after["S"].variants[0].filters == ()


def test_several_donors_add_up() -> None:
    small = [with_alt(f"D{number}", 800, 1_000) for number in range(4)]
    check = check_run([*small, with_alt("S", 4, 1_000)], RATES, "R1")
    found = check.alleles[M41T]["S"]
    assert found.donors == ("D0", "D1", "D2", "D3")
    assert found.expected_fragments == pytest.approx(0.005 * 4 * 800 / 4)


def test_only_the_same_allele_explains() -> None:
    after = checked([with_alt("A", 900, 1_000, hgvs_c="c.121A>G"), with_alt("S", 4, 1_000)])
    assert after["S"].variants[0].filters == ()
    assert after["S"].qc.carry_over == "clear"


def test_an_allele_that_was_not_called_donates_nothing() -> None:
    after = checked([with_alt("A", 3, 1_000, called=False), with_alt("S", 4, 1_000)])
    assert after["S"].qc.carry_over == "clear"


def test_an_allele_that_was_not_called_is_recorded_and_flags_nothing() -> None:
    calls = [with_alt("A", 750, 1_000), with_alt("S", 2, 1_000, called=False)]
    found = check_run(calls, RATES, "R1").alleles[M41T]["S"]
    assert not found.called
    assert not found.explained
    assert found.tail_probability > EXPLAINED_ABOVE
    assert checked(calls)["S"].qc.carry_over == "clear"


def test_another_sample_of_the_patient_is_named_but_explains_nothing() -> None:
    calls = [
        with_alt("BEFORE", 750, 1_000, patient="P"),
        with_alt("AFTER", 4, 1_000, patient="P"),
    ]
    found = check_run(calls, RATES, "R1").alleles[M41T]["AFTER"]
    assert found.same_patient == ("BEFORE",)
    assert found.donors == ()
    assert found.same_patient_expected_fragments == pytest.approx(3.75)
    after = checked(calls)["AFTER"]
    assert after.variants[0].filters == ()
    assert after.qc.carry_over == "clear"
    (warning,) = after.qc.warnings
    assert "BEFORE of the same patient" in warning
    assert "kept" in warning


def test_no_warning_where_the_patients_other_sample_cannot_account_for_the_call() -> None:
    calls = [
        with_alt("BEFORE", 750, 1_000, patient="P"),
        with_alt("AFTER", 300, 1_000, patient="P"),
    ]
    assert checked(calls)["AFTER"].qc.warnings == ()


def test_samples_without_a_patient_are_not_taken_for_one() -> None:
    calls = [
        a_call(
            sample=a_sample(id=name, patient="", index_type="other"),
            variants=(a_variant(alt_fragments=alt, depth_fragments=1_000),),
            forced_alleles=(),
        )
        for name, alt in (("A", 750), ("S", 4))
    ]
    assert checked(calls)["S"].qc.carry_over == "explained"


def test_a_failed_sample_blocks_nothing_and_is_named() -> None:
    calls = [with_alt("A", 750, 1_000), with_alt("S", 4, 1_000)]
    check = check_run(calls, RATES, "R1", missing=["Z", "BROKEN"])
    assert check.missing == ("BROKEN", "Z")
    after = apply_carry_over(calls[1], check)
    assert after.qc.carry_over == "explained"
    assert "BROKEN, Z" in after.qc.warnings[0]


def test_a_run_of_one_sample_and_a_run_of_none() -> None:
    (only,) = checked([with_alt("S", 4, 1_000)]).values()
    assert only.qc.carry_over == "single_sample"
    assert only.variants[0].filters == ()
    empty = check_run([], RATES, "R1", missing=["S"])
    assert (empty.samples, empty.alleles, empty.missing) == ((), {}, ("S",))


def test_the_order_of_the_calls_changes_nothing() -> None:
    calls = [
        with_alt("A", 750, 1_000),
        with_alt("B", 4, 900, patient="P"),
        with_alt("C", 333, 1_234, patient="P"),
        with_alt("D", 7, 777, hgvs_c="c.121A>G"),
    ]
    results = [check_run(order, RATES, "R1") for order in itertools.permutations(calls)]
    assert all(result == results[0] for result in results)
    assert list(results[0].alleles) == sorted(results[0].alleles)


def test_flags_and_reasons_that_were_there_stay_and_are_set_once() -> None:
    earlier = a_variant(
        alt_fragments=4, depth_fragments=1_000, filters=("low",), filter_reasons={"low": "why"}
    )
    call = a_call(
        sample=a_sample(id="S", patient="P9", index_type="other"),
        variants=(earlier,),
        qc=a_qc(warnings=("w",)),
    )
    check = check_run([call, with_alt("A", 750, 1_000)], RATES, "R1", missing=["Z"])
    after = apply_carry_over(call, check)
    assert after.variants[0].filters == ("low", "carry_over")
    assert after.variants[0].filter_reasons["low"] == "why"
    assert after.qc.warnings[0] == "w"
    assert apply_carry_over(after, check).variants == after.variants
    # Counts are what was read; carry-over only flags.
    assert after.variants[0].alt_fragments == 4
    assert [allele.alt_fragments for allele in after.forced_alleles] == [
        allele.alt_fragments for allele in call.forced_alleles
    ]


def test_an_allele_outside_the_catalogue_takes_codon_41s_depth_where_it_is_not_shown() -> None:
    def uncatalogued(name: str, alt: int) -> SampleCall:
        return a_call(
            sample=a_sample(id=name, patient=f"of {name}", index_type="other"),
            variants=(a_variant(hgvs_c="c.900C>T", alt_fragments=alt, depth_fragments=1_000),),
            forced_alleles=(),
        )

    bystander = a_call(
        sample=a_sample(id="B"),
        codon41=a_codon41(depth_fragments=3_000),
        variants=(),
        forced_alleles=(),
    )
    check = check_run([uncatalogued("A", 750), uncatalogued("S", 4), bystander], RATES, "R1")
    found = check.alleles["c.900C>T"]["S"]
    assert found.expected_fragments == pytest.approx(0.005 * 750 * 1_000 / 4_000)


def test_calls_that_do_not_belong_together_are_a_bug() -> None:
    other_run = with_alt("S", 4, 1_000, run="R2")
    with pytest.raises(ValueError, match="not of run 'R1'"):
        check_run([other_run], RATES, "R1")
    with pytest.raises(ValueError, match="two calls"):
        check_run([with_alt("S", 4, 1_000), with_alt("S", 5, 1_000)], RATES, "R1")
    with pytest.raises(ValueError, match="not in the check"):
        apply_carry_over(other_run, check_run([with_alt("S", 4, 1_000)], RATES, "R1"))


@given(
    alt=st.integers(1, 3_000),
    donor_alt=st.integers(1, 3_000),
    depth=st.integers(3_000, 30_000),
    donor_depth=st.integers(3_000, 30_000),
)
def test_more_own_fragments_never_make_carry_over_likelier(
    alt: int, donor_alt: int, depth: int, donor_depth: int
) -> None:
    def found(own: int) -> Any:
        calls = [with_alt("A", donor_alt, donor_depth), with_alt("S", own, depth)]
        return check_run(calls, RATES, "R1").alleles[M41T]["S"]

    fewer, more = found(alt), found(alt + 1)
    assert more.tail_probability <= fewer.tail_probability
    # Never more than the rate's share of the donor's molecules, and of those read here.
    assert fewer.expected_fragments <= 0.005 * donor_alt * (1 + 1e-12)
    assert fewer.expected_fragments <= 0.005 * depth * donor_alt / donor_depth * (1 + 1e-12)


def test_the_file_follows_its_schema_and_is_read_again(tmp_path: Path) -> None:
    calls = [
        with_alt("A", 750, 1_000),
        with_alt("S", 4, 1_000, patient="P"),
        with_alt("T", 90, 1_000, patient="P"),
    ]
    path = tmp_path / "R1.json"
    schema = json.loads((schemas() / "carryover.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for check in (
        check_run(calls, RATES, "R1", missing=["Z"]),
        check_run(calls[:1], RATES, "R1"),
        check_run([], RATES, "R1"),
    ):
        write_run_check(path, check)
        jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), schema)
        assert read_run_check(path) == check


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        ("{", "is not JSON"),
        ("[]", "schema version"),
        ('{"schema_version": "1.1", "run": "R1"}', "alleles"),
    ],
)
def test_an_unreadable_check_is_a_user_error(
    tmp_path: Path, content: str | None, says: str
) -> None:
    path = tmp_path / "R1.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=says):
        read_run_check(path)


def test_the_check_survives_a_rewrite_byte_for_byte(tmp_path: Path) -> None:
    check: RunCheck = check_run([with_alt("A", 7, 9), with_alt("S", 1, 3)], RATES, "R1")
    write_run_check(tmp_path / "first.json", check)
    write_run_check(tmp_path / "again.json", read_run_check(tmp_path / "first.json"))
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "again.json").read_bytes()


LEVEL = 4e-5
POWER = 0.95


def a_test(errors: float) -> tuple[int, float]:
    """Return the count from which a Poisson test of known errors passes, and its limit's count."""
    passes = next(count for count in range(1, 10**6) if gammainc(count, errors) <= LEVEL)
    return passes, float(gammaincinv(passes, POWER)) - errors


def binomial_limit(depth: int, passes: int) -> float:
    """Return the VAF at which so many of all fragments show an allele with the power."""
    return float(betaincinv(passes, depth - passes + 1, POWER))


def chance_to_pass(depth: int, vaf: float, errors: float, foreign: float) -> float:
    """Return how often a VAF is significant and not explained, summed count by count.

    The sample's own test is a Poisson test that knows the errors.
    """
    mean = depth * vaf + errors + foreign
    passes, _ = a_test(errors)
    total = 0.0
    for count in range(passes, int(mean + 12 * mean**0.5) + 30):
        tail = float(gammainc(count, errors))
        quality = 9999.0 if tail < 1e-290 else -10 * float(np.log10(tail))
        if hopping.probability(count, quality, errors, foreign) <= EXPLAINED_ABOVE:
            total += float(poisson.pmf(count, mean))
    return total


@pytest.mark.parametrize("depth", [300, 2_000, 20_000])
@pytest.mark.parametrize("share", [1e-6, 1e-5, 0.001, 0.00375, 0.01])
@pytest.mark.parametrize("errors", [0.001, 0.1, 0.5])
def test_at_its_limit_an_allele_stands_out_of_what_hopped(
    depth: int, share: float, errors: float
) -> None:
    own = a_test(errors)[1] / depth
    limit = hopping.limit_of_detection(depth, share * depth, own, LEVEL, POWER)
    assert limit >= own
    # Counts are whole numbers, so a limit can be passed more often than it claims.
    assert 0.94 <= chance_to_pass(depth, limit, errors, share * depth) <= 0.99


def test_where_next_to_nothing_hops_limits_stay() -> None:
    for depth in (4, 13, 97, 1_000, 100_000):
        for passes in (2, 3, 4, 9):
            if passes <= depth:
                own = binomial_limit(depth, passes)
                assert hopping.limit_of_detection(depth, 1e-4, own, LEVEL, POWER) == own
    assert hopping.limit_of_detection(1, 1e-4, 1.0, LEVEL, POWER) == 1.0


def test_the_more_hops_the_worse_is_the_limit() -> None:
    limits = [
        hopping.limit_of_detection(2_000, foreign, 0.003, LEVEL, POWER)
        for foreign in np.arange(0.001, 40, 0.37).tolist()
    ]
    # Counts are whole numbers: between two of them a limit eases a little.
    assert all(later > earlier - 1 / 2_000 for earlier, later in pairwise(limits))
    assert limits[-1] > 4 * limits[0]


def test_errors_of_one_strand_are_not_held_against_the_other() -> None:
    # 50 of 1,000, 40 of them expected by an artefact; the test went by the strand. Next to nothing
    # hops, so it does not explain the call; six of the ten others would.
    assert hopping.probability(50, 60.0, 40.0, 0.01) < EXPLAINED_ABOVE
    assert hopping.probability(50, 60.0, 40.0, 6.0) > EXPLAINED_ABOVE


def test_where_nothing_hops_the_chance_is_that_of_the_own_test() -> None:
    for quality in (0.0, 13.0, 60.0, 200.0):
        expected = 10 ** (-quality / 10)
        assert hopping.probability(7, quality, 0.2, 0.0) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("wanted", "share"), [(0.02, 0.00375), (0.005, 0.001), (0.02, 1e-7)])
def test_the_depth_for_a_limit_reaches_it_and_half_of_it_does_not(
    wanted: float, share: float
) -> None:
    depth = hopping.depth_for_limit(wanted, 1e-4, share, POWER)
    assert depth is not None
    for at, reached in ((depth, True), (depth // 2, False)):
        own = 1e-9 + a_test(1e-4 * at)[1] / at
        if own <= wanted:
            limit = hopping.limit_of_detection(at, share * at, own, LEVEL, POWER)
            assert (limit <= 1.1 * wanted) == reached


def test_a_negative_beside_a_strong_neighbour_claims_no_limit_that_hopping_hides() -> None:
    calls = [with_alt("DONOR", 1_500, 2_000), with_alt("S", 0, 2_000, limit=0.003)]
    after = checked(calls)["S"]
    # 7.5 fragments are expected, and 18 or more are not explained.
    limit = after.codon41.limit_of_detection_vaf
    assert limit == pytest.approx(binomial_limit(2_000, 18) - 7.5 / 2_000)
    assert after.codon41.limit_of_detection_by_allele[M41T] == limit
    assert after.forced_alleles[0].limit_of_detection_vaf == limit
    assert after.targets[0].limit_of_detection_vaf == limit
    assert after.targets[0].assessable
    (warning,) = after.qc.warnings
    assert "DONOR" in warning
    assert "7.5 ALT fragments" in warning
    assert decide(after).code == "not_detected"
    assert f"at or above {numbers.limit(limit)}" in decide(after).text


def test_a_negative_whose_limit_hopping_spoils_is_not_assessable() -> None:
    calls = [with_alt("DONOR", 225, 300), with_alt("S", 0, 300, limit=0.015)]
    after = checked(calls)["S"]
    assert after.codon41.limit_of_detection_vaf is not None
    assert after.codon41.limit_of_detection_vaf > 0.02
    assert not after.targets[0].assessable
    assert after.codon41.depth_for_required_limit is not None
    assert after.codon41.depth_for_required_limit > 300
    assert decide(after).code == "not_assessable"


def test_unique_dual_indices_leave_the_limit() -> None:
    calls = [
        with_alt("DONOR", 750, 1_000, index_type="unique_dual"),
        with_alt("S", 0, 1_000, limit=0.0063, index_type="unique_dual"),
    ]
    after = checked(calls)["S"]
    assert after.codon41.limit_of_detection_vaf == 0.0063
    assert after.qc.warnings == ()


def test_what_hopped_of_another_allele_leaves_the_codons_limit() -> None:
    sample = with_alt("S", 0, 2_000, limit=0.003)
    beside = a_forced_allele(
        hgvs_c="c.122T>G",
        depth_fragments=2_000,
        limit_of_detection_vaf=0.003,
        is_decisive=False,
        target="codon 41",
    )
    sample = replace(sample, forced_alleles=(*sample.forced_alleles, beside))
    after = checked([with_alt("DONOR", 1_500, 2_000, hgvs_c="c.122T>G"), sample])["S"]
    assert after.codon41.limit_of_detection_vaf == 0.003
    assert after.targets[0].limit_of_detection_vaf == after.forced_alleles[1].limit_of_detection_vaf
    assert after.forced_alleles[1].limit_of_detection_vaf > 0.003


def test_the_patients_own_other_sample_moves_no_limit() -> None:
    calls = [
        with_alt("BEFORE", 1_500, 2_000, patient="P"),
        with_alt("AFTER", 0, 2_000, limit=0.003, patient="P"),
    ]
    assert checked(calls)["AFTER"].codon41.limit_of_detection_vaf == 0.003


def test_what_hopped_into_a_sample_is_not_named_as_a_source() -> None:
    victims = [with_alt(f"N{number:02}", 3, 1_000) for number in range(10)]
    calls = [*victims, with_alt("POS", 750, 1_000), with_alt("TRUE", 40, 1_000)]
    check = check_run(calls, RATES, "R1")
    for victim in victims:
        found = check.alleles[M41T][victim.sample.id]
        assert found.explained
        assert found.donors == ("POS", "TRUE")
    assert not check.alleles[M41T]["POS"].explained
    assert not check.alleles[M41T]["TRUE"].explained
    # A donor of next to nothing counts, but is not named.
    small = [*calls, with_alt("SMALL", 6, 1_000, index_type="unique_dual")]
    named = check_run(small, RATES, "R1").alleles[M41T]["N00"].donors
    assert named == ("POS", "TRUE")
