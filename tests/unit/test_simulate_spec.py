"""What a simulation may be asked for, and how a wrong wish is answered."""

from __future__ import annotations

import json

import pytest

from builders.simulated import spec_with
from vexas_uba1.errors import UserError
from vexas_uba1.samples.schema import load_schema, with_defaults
from vexas_uba1.simulate.spec import ArtefactSpec, Simulation, UmiSpec, changed, load_spec, spec_of

FULL = """
sample: S1
seed: 3
clones:
  - {alleles: [c.122T>C, c.167C>T], vaf: 0.1}
  - {alleles: [c.121A>G], vaf: 0.2}
exact: true
depth_fragments: 50
regions: [exon 3, "c.118-60_176+40"]
genome: {build: GRCh37, contig: X, header: all, intron_seed: 2, locus: facts.yaml}
library: {paired: false, umi: {length: 6}, lanes: 2}
qualities: {levels: [12, 37]}
errors: {artefacts: [{context: "A[T]T", alt: G, rate: 0.01, strand: reverse}]}
formats: [bam, fastq]
"""


def problems_of(**changes):
    with pytest.raises(UserError) as raised:
        spec_with(**changes)
    return raised.value.problems


def test_a_spec_is_read_from_yaml(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(FULL, encoding="utf-8")
    spec = load_spec(path)
    assert [clone.alleles for clone in spec.clones] == [("c.122T>C", "c.167C>T"), ("c.121A>G",)]
    assert spec.library.umi == UmiSpec(6, False)
    assert spec.errors.artefacts == (ArtefactSpec("A[T]T", "G", 0.01, "reverse"),)
    assert spec.genome.locus == str(tmp_path / "facts.yaml")
    assert spec.depth_fragments == 50.0
    told = spec.to_json()
    assert told["genome"]["locus"] == "facts.yaml"
    assert str(tmp_path) not in json.dumps(told)


def test_the_schema_and_the_code_have_the_same_defaults():
    schema = load_schema("simulation")
    assert with_defaults({}, schema) == Simulation().to_json()
    artefact = schema["properties"]["errors"]["properties"]["artefacts"]["items"]
    given = {"context": "A[T]T", "alt": "G", "rate": 0.5}
    assert ArtefactSpec(**given) == ArtefactSpec(**with_defaults(given, artefact))
    umi = schema["properties"]["library"]["properties"]["umi"]["anyOf"][1]
    assert UmiSpec() == UmiSpec(**with_defaults({}, umi))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"sample": "a/b"}, "sample"),
        ({"sample": "../x"}, "sample"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"depth_fragments": float("nan")}, "depth_fragments"),
        ({"formats": ["sam"]}, "formats"),
        ({"formats": []}, "formats"),
        ({"regions": []}, "regions"),
        ({"genome__contig": "chr X"}, "genome.contig"),
        ({"library__read_length": 5}, "library.read_length"),
        ({"library__copies_mean": 0.5}, "library.copies_mean"),
        ({"library__umi": {"length": 0}}, "library.umi.length"),
        (
            {"library__umi": {"length": 6, "duplex": True}, "library__paired": False},
            "library.umi.duplex",
        ),
        ({"library__molecule": "rna", "library__ends": "fixed"}, "library.ends"),
        ({"clones": [{"alleles": ["c.122T>C"], "vaf": 1.2}]}, "clones.vaf"),
        ({"clones": [{"alleles": [], "vaf": 0.2}]}, "clones.alleles"),
        ({"clones": [{"alleles": ["c.122T>C"]}]}, "clones.vaf"),
        (
            {
                "clones": [
                    {"alleles": ["c.122T>C"], "vaf": 0.6},
                    {"alleles": ["c.121A>G"], "vaf": 0.5},
                ]
            },
            "clones",
        ),
        (
            {"errors__artefacts": [{"context": "ATT", "alt": "G", "rate": 0.1}]},
            "errors.artefacts.context",
        ),
        (
            {"errors__artefacts": [{"context": "A[T]T", "alt": "T", "rate": 0.1}]},
            "errors.artefacts",
        ),
        (
            {
                "errors__artefacts": [
                    {"context": "N[C]N", "alt": "T", "rate": 0.1, "level": "molecule", "quality": 9}
                ]
            },
            "errors.artefacts",
        ),
        ({"colour": "red"}, "colour"),
        ({"library__insertmean": 4}, "library.insertmean"),
    ],
)
def test_a_wrong_wish_names_its_key(changes, key):
    found = problems_of(**changes)
    assert [problem.column for problem in found] == [key]
    assert found[0].remedy


def test_all_problems_are_told_at_once_with_their_lines(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("seed: -1\nsamples: x\nlibrary:\n  lanes: 99\n", encoding="utf-8")
    with pytest.raises(UserError) as raised:
        load_spec(path)
    assert {(p.column, p.row) for p in raised.value.problems} == {
        ("seed", 1),
        ("samples", 2),
        ("library.lanes", 4),
    }


@pytest.mark.parametrize("content", [None, "a: [", "- 1", "seed: 1\nseed: 2\n"])
def test_a_file_that_is_no_spec_is_a_users_error(tmp_path, content):
    path = tmp_path / "spec.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"spec\.yaml"):
        load_spec(path)


def test_changes_are_checked_and_leave_the_rest():
    spec = spec_of({"seed": 9, "library": {"lanes": 2}})
    assert changed(spec, {"genome.build": "GRCh37"}).library.lanes == 2
    assert changed(spec, {}) == spec
    with pytest.raises(UserError):
        changed(spec, {"seed": -2})
