"""A gene record is read whole, or refused with every fault named."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from builders.loci import MOUSE, TOY, bundled, mirrored, shifted, write
from vexas_uba1.errors import UserError
from vexas_uba1.locus.record import load_locus


def changed(record: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return the record with the dotted path's entry replaced, or removed for None."""
    result = copy.deepcopy(record)
    *way, last = path.split(".")
    place: Any = result
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is None:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return result


def test_the_bundled_record() -> None:
    locus = load_locus()
    assert (locus.gene, locus.transcript, locus.strand) == ("UBA1", "NM_003334.4", "+")
    assert (locus.codon_number, locus.codon_reference) == (41, "ATG")
    assert [build.name for build in locus.builds] == ["GRCh38", "GRCh37"]
    assert [exon.number for exon in locus.exons] == list(range(1, 27))
    assert locus.builds[0].codon_positions == (47199050, 47199051, 47199052)
    assert locus.catalogue_path is not None and locus.catalogue_path.is_file()
    assert len(locus.sha256) == 64


def test_the_two_builds_differ_by_one_constant() -> None:
    newer, older = load_locus().builds
    offsets = {
        ours - theirs
        for exon, other in zip(newer.exons, older.exons, strict=True)
        for ours, theirs in zip(exon, other, strict=True)
    }
    assert offsets == {140_601}


def test_a_minimal_record_loads(tmp_path: Path) -> None:
    locus = load_locus(write(MOUSE, tmp_path))
    assert locus.codon_number is None
    assert locus.exons == () and locus.cds is None and locus.splice is None
    assert locus.catalogue_path is None and locus.codon_note is None
    assert locus.builds[0].m5 is None
    assert locus.version == "unversioned"
    assert locus.builds[0].codon_positions == (20534933, 20534934, 20534935)


@pytest.mark.parametrize("turn", [lambda record: record, mirrored], ids=["plus", "minus"])
def test_the_codon_number_follows_from_the_exons(tmp_path: Path, turn: Any) -> None:
    record = turn(changed(TOY, "codon.number", None))
    assert load_locus(write(record, tmp_path)).codon_number == 6


def test_shifted_and_mirrored_records_are_consistent(tmp_path: Path) -> None:
    load_locus(write(shifted(bundled(), 1_000_000, ["scaffold_7"]), tmp_path, "shifted.yaml"))
    locus = load_locus(write(mirrored(bundled()), tmp_path, "mirrored.yaml"))
    first, second, third = locus.builds[0].codon_positions
    assert first > second > third


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("gene", None, "'gene' is a required property"),
        ("strand", "forward", "is not one of"),
        ("colour", "blue", "colour"),
        ("codon.reference", "AUG", "does not match"),
        ("locus_version", 2026.11, "not of type 'string'"),
        ("builds.toy.length", 250.5, "not of type 'integer'"),
        ("builds.toy.length", 200, "ends beyond the contig's 200 bases"),
        ("builds.toy.length", 140, "the codon lies beyond the contig"),
        ("builds.toy.codon_positions1", [143, 142, 141], "must ascend on strand +"),
        ("builds.toy.codon_positions1", [142, 143, 144], "are not one codon"),
        ("builds.toy.codon_positions1", [20, 21, 22], "is not coding"),
        ("builds.toy.codon_positions1", [144, 145, 146], "are codon 7, not 6"),
        ("codon.reference", "TTG", "has ATG where the codon's reference is TTG"),
        ("builds.toy.exons1", [[51, 60], [91, 108]], "places 2 exons, the record has bases of 4"),
        ("builds.toy.exons1.0", [51, 61], "exon 1 spans 11 positions but has 10 bases"),
        ("builds.toy.exons1.0", [92, 101], "exon 2 does not follow the exon before it"),
        ("exons.1.number", 1, "two exons have the same number"),
        ("cds.start_exon", 9, "there is no exon 9"),
        ("cds.start_base1", 19, "exon 2 has only 18 bases"),
        ("cds.length", 37, "not a multiple"),
        ("cds.length", 300, "have only 54 bases from c.1 on"),
        ("cds", None, "'cds' is a dependency of 'exons'"),
        ("catalogue", "lost.tsv", "the catalogue that the gene record names is not there"),
    ],
)
def test_a_faulty_record_is_refused(tmp_path: Path, path: str, value: Any, words: str) -> None:
    source = write(changed(TOY, path, value), tmp_path)
    with pytest.raises(UserError) as caught:
        load_locus(source)
    problems = [problem for problem in caught.value.problems if words in problem.message]
    assert problems, str(caught.value)
    assert problems[0].file == str(source)
    assert problems[0].remedy


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    record = changed(changed(TOY, "cds.start_exon", 9), "catalogue", "lost.tsv")
    with pytest.raises(UserError) as caught:
        load_locus(write(record, tmp_path))
    assert len(caught.value.problems) == 2


def test_builds_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    record = copy.deepcopy(MOUSE)
    record["builds"]["again"] = record["builds"]["GRCm39"]
    with pytest.raises(UserError, match="could not be told"):
        load_locus(write(record, tmp_path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"gene: [UBA1", "not YAML"),
        (b"gene: \xff\xfe", "record"),
        (b"", "schema"),
        (b"- a list", "schema"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    source = tmp_path / "locus.yaml"
    source.write_bytes(content)
    with pytest.raises(UserError, match=words):
        load_locus(source)


def test_a_missing_record_is_named_as_the_user_wrote_it() -> None:
    with pytest.raises(UserError) as caught:
        load_locus(Path("genes/nowhere.yaml"))
    assert caught.value.problems[0].file == "genes/nowhere.yaml"


def test_an_unknown_build_names_the_known_ones() -> None:
    with pytest.raises(UserError, match="GRCh38, GRCh37"):
        load_locus().placed("hg17")
