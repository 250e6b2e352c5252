"""The schemas of result.json and call.json: they accept what is written, and nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from builders.results import a_negative, a_result, an_empty_result
from vexas_uba1.paths import schemas
from vexas_uba1.result import read_result, result_to_json, write_call, write_result

RESULTS = {"positive": a_result(), "negative": a_negative(), "empty": an_empty_result()}

# Objects whose keys are data (haplotypes, flags, settings ...), not fields of the format.
MAPS = {
    "realigned",
    "haplotypes",
    "reads_by_base",
    "limit_of_detection_by_allele",
    "filter_reasons",
    "clone_fraction",
    "excluded_records",
    "carry_over_donors",
    "software",
    "parameters",
}


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((schemas() / f"{name}.schema.json").read_text("utf-8"))
    return loaded


def validator(name: str) -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resources(
        (f"{each}.schema.json", Resource.from_contents(schema(each))) for each in ("result", "call")
    )
    return Draft202012Validator(schema(name), registry=registry)


def objects(value: Any, key: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of a JSON value with the key that it stands under."""
    if isinstance(value, dict):
        yield key, value
        for name, inner in value.items():
            yield from objects(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner, key)


@pytest.mark.parametrize("name", ["result", "call"])
def test_the_schemas_are_valid_themselves(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("which", RESULTS)
def test_every_result_and_call_fits_its_schema(which: str, tmp_path: Path) -> None:
    write_result(tmp_path / "result.json", RESULTS[which])
    write_call(tmp_path / "call.json", RESULTS[which].call)
    for name in ("result", "call"):
        validator(name).validate(json.loads((tmp_path / f"{name}.json").read_text("utf-8")))
    assert read_result(tmp_path / "result.json") == RESULTS[which]


def test_a_result_is_no_call_and_a_call_no_result() -> None:
    result = result_to_json(a_result())
    assert not validator("call").is_valid(result)
    del result["verdict"]
    assert validator("call").is_valid(result)
    assert not validator("result").is_valid(result)


def test_no_field_can_be_taken_out_added_or_renamed() -> None:
    good = result_to_json(a_result())
    check = validator("result")
    places = [index for index, (key, _) in enumerate(objects(good)) if key not in MAPS]
    tried = 0
    for place in places:
        names = [*list(objects(good))[place][1]]
        for name in names:
            without, renamed = copy.deepcopy(good), copy.deepcopy(good)
            del [*objects(without)][place][1][name]
            assert not check.is_valid(without), name
            fields = [*objects(renamed)][place][1]
            fields[f"{name}_"] = fields.pop(name)
            assert not check.is_valid(renamed), name
            tried += 1
        added = copy.deepcopy(good)
        [*objects(added)][place][1]["more"] = 1
        assert not check.is_valid(added), names
    assert tried > 100


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("variants", 0, "vaf"), 1.2),
        (("variants", 0, "vaf"), "0.3"),
        (("variants", 0, "vaf"), None),
        (("variants", 0, "vaf_corrected"), -0.01),
        (("variants", 0, "vaf_corrected"), 1.01),
        (("variants", 0, "expected_error_fragments"), -1),
        (("forced_alleles", 0, "vaf_corrected"), None),
        (("forced_alleles", 0, "vaf_high95"), 1.5),
        (("forced_alleles", 0, "vaf_low95"), "0"),
        (("forced_alleles", 0, "expected_error_fragments"), None),
        (("codon41", "depth_for_required_limit"), 0.5),
        (("variants", 0, "pos"), 0),
        (("variants", 0, "quality"), 10000),
        (("variants", 0, "ref"), ""),
        (("variants", 0, "verdict_class"), "benign"),
        (("verdict", "code"), "positive"),
        (("codon41", "depth_fragments"), 1.5),
        (("codon41", "haplotypes", "ACG"), -1),
        (("sample", "assay"), "exome"),
        (("input", "files", 0, "sha256"), "0" * 63),
        (("schema_version",), "0.9"),
    ],
)
def test_a_value_out_of_its_range_is_refused(place: tuple[str | int, ...], value: Any) -> None:
    content: Any = result_to_json(a_result())
    holder = content
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    assert not validator("result").is_valid(content)


@pytest.mark.parametrize("name", ["result", "call"])
def test_every_field_is_described_and_every_number_has_a_unit(name: str) -> None:
    definitions = schema("result")["$defs"]
    for key, part in objects(schema(name)):
        if (
            key in {"", "properties", "$defs"}
            or not {"type", "const", "enum", "$ref"} & part.keys()
        ):
            continue
        meaning = definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        assert meaning.get("description"), key
        kinds = meaning.get("type", [])
        if {"number", "integer"} & set([kinds] if isinstance(kinds, str) else kinds):
            assert meaning.get("unit"), key
