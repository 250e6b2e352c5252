"""Every named case of tests/cases, from its reads to its verdict."""

from __future__ import annotations

import json
from collections import Counter

import jsonschema
import pytest
from scipy.stats import binomtest

from builders.cases import case_names, flat, load_case, locus, run_case
from vexas_uba1 import paths
from vexas_uba1.errors import UserError
from vexas_uba1.locus.bases import Sequence
from vexas_uba1.locus.hgvs import parse_c
from vexas_uba1.result import result_to_json

CASES = {name: load_case(name) for name in case_names()}
SCHEMA = json.loads((paths.schemas() / "result.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
VARIANT_KEYS = {
    "alt": "alt_fragments",
    "depth": "depth_fragments",
    "class": "verdict_class",
    "protein": "hgvs_p",
    "alt_bases": "alt",
}


@pytest.mark.parametrize("name", CASES)
def test_case(name, tmp_path):
    case = CASES[name]
    expected = dict(case["expect"])
    if "error" in expected:
        with pytest.raises(UserError) as told:
            run_case(case, tmp_path)
        assert all(part in str(told.value) for part in expected["error"])
        return
    result = run_case(case, tmp_path)
    plain = result_to_json(result)
    VALIDATOR.validate(plain)
    holds_for_every_result(plain)

    verdict, codon = plain["verdict"], plain["codon41"]
    assert verdict["code"] == expected.pop("verdict"), verdict
    if "reasons" in expected:
        assert verdict["reasons"] == expected.pop("reasons")
    for part in expected.pop("says", []):
        assert part in verdict["text"]
    for part in expected.pop("never_says", []):
        assert part not in verdict["text"]
    if "build" in expected:
        assert plain["input"]["build"] == expected.pop("build")
    check_codon(codon, expected.pop("codon41", {}))
    found = {variant["hgvs_c"]: variant for variant in plain["variants"]}
    assert set(found) == set(expected["variants"])
    for hgvs_c, wanted in expected.pop("variants").items():
        check_variant(found[hgvs_c], dict(wanted))
    forced = {allele["hgvs_c"]: allele for allele in plain["forced_alleles"]}
    for hgvs_c, wanted in expected.pop("forced", {}).items():
        for key, value in wanted.items():
            assert forced[hgvs_c][VARIANT_KEYS.get(key, key)] == value, hgvs_c
    targets = {target["name"]: target for target in plain["targets"]}
    for target, wanted in expected.pop("targets", {}).items():
        assert wanted.items() <= targets[target].items(), targets[target]
    assert expected.pop("qc", {}).items() <= plain["qc"].items(), plain["qc"]
    for part in expected.pop("warns", []):
        assert any(part in warning for warning in plain["qc"]["warnings"])
    assert not expected, f"unknown keys: {set(expected)}"


# All negatives, for whose sake calls can be brief, and some others, which must not become ones.
BRIEF = [
    name
    for number, name in enumerate(CASES)
    if CASES[name]["expect"].get("verdict") == "not_detected" or number % 5 == 0
]


@pytest.mark.parametrize("name", [name for name in BRIEF if "error" not in CASES[name]["expect"]])
def test_a_brief_call_comes_to_the_same_verdict(name, tmp_path):
    made = []
    # And the whole one is the same where a brief one came before, as in a screen.
    for number, brief in enumerate([(False,), (True,), (True, False)]):
        (tmp_path / str(number)).mkdir()
        made.append(run_case(CASES[name], tmp_path / str(number), brief))
    whole, brief, after = made
    assert after == whole
    assert brief.verdict.code == whole.verdict.code
    assert brief.verdict.reasons == whole.verdict.reasons
    if whole.verdict.code == "not_detected":
        assert brief.verdict.text == whole.verdict.text
    assert [v.hgvs_c for v in brief.call.variants] == [v.hgvs_c for v in whole.call.variants]


def check_codon(codon, wanted):
    if "limit" in wanted:
        bounds = wanted["limit"]
        if bounds is None:
            assert codon["limit_of_detection_vaf"] is None
        else:
            assert bounds[0] <= codon["limit_of_detection_vaf"] <= bounds[1]
    if "upper95" in wanted:
        upper = wanted["upper95"]
        assert codon["vaf_upper95_if_absent"] == (upper and pytest.approx(upper, abs=5e-6))
    others = {key: value for key, value in wanted.items() if key not in ("limit", "upper95")}
    assert others.items() <= codon.items(), codon


def check_variant(variant, wanted):
    if "truth" in wanted:
        truth = wanted.pop("truth")
        assert variant["vaf_low95"] <= truth <= variant["vaf_high95"]
    if "vaf" in wanted:
        low, high = wanted.pop("vaf")
        assert variant["vaf_low95"] == pytest.approx(low, abs=2e-4)
        assert variant["vaf_high95"] == pytest.approx(high, abs=2e-4)
    if "clone_fraction" in wanted:
        given = pytest.approx(wanted.pop("clone_fraction"), abs=1e-6)
        assert variant["clone_fraction"] == given
    for key, value in wanted.items():
        assert variant[VARIANT_KEYS.get(key, key)] == value, (key, variant)


def holds_for_every_result(plain):
    """What no result may break, whatever the case."""
    text, code = plain["verdict"]["text"], plain["verdict"]["code"]
    assert "diagnosed" not in text and "wild type" not in text
    assert text == " ".join(text.split()) and text.endswith(".") and ".." not in text
    if plain["variants"] and code not in ("not_detected", "not_assessable"):
        assert "Somatic origin is not established by this test." in text
    assert ("VEXAS" in text) == (code in ("detected", "low_level"))
    codon = plain["codon41"]
    if codon["count_unit"] != "input_copies":
        assert sum(codon["haplotypes"].values()) == codon["depth_fragments"]
    for variant in plain["variants"]:
        alt, depth = variant["alt_fragments"], variant["depth_fragments"]
        assert variant["vaf"] == alt / depth
        assert 0 <= variant["vaf_low95"] <= variant["vaf"] <= variant["vaf_high95"] <= 1
        # Errors may widen the interval, but not much: well within four binomial widths.
        exact = binomtest(alt, depth).proportion_ci(0.95, "exact")
        width = variant["vaf_high95"] - variant["vaf_low95"]
        assert width <= 1.25 * (exact.high - exact.low)
        assert variant["quality"] > 0
        assert variant["filters"] == list(variant["filter_reasons"])
    for allele in plain["forced_alleles"]:
        # A change of the codon and a listed allele is never seen in secret.
        if allele["significant"]:
            assert is_told(allele["hgvs_c"], plain)
    for key, value in flat(plain, "software"):
        assert not isinstance(value, str) or "/" not in value or key.endswith("sources"), key


def is_told(hgvs_c, plain):
    """Whether an allele is among the variants, by itself or in cis with more."""
    found = {variant["hgvs_c"] for variant in plain["variants"]}
    placed = locus().placed(plain["input"]["build"])
    known = Sequence(placed.window[0], placed.reference_bases())
    return hgvs_c in found or any(
        set(parse_c(hgvs_c, placed, known).edits) < set(parse_c(name, placed, known).edits)
        for name in found
    )


def test_every_verdict_has_two_cases():
    codes = Counter(case["expect"].get("verdict") for case in CASES.values())
    for code in SCHEMA["$defs"]["verdict"]["properties"]["code"]["enum"]:
        assert codes[code] >= 2, code
