"""Known variants: the bundled table against the gene record, and tables of users."""

from __future__ import annotations

import csv
import random
from dataclasses import replace
from pathlib import Path

import pytest
from Bio.Seq import Seq

from builders.calls import record_reference
from builders.loci import MOUSE, bundled, mirrored, shifted, write
from vexas_uba1 import paths
from vexas_uba1.catalogue import load_catalogue
from vexas_uba1.errors import UserError
from vexas_uba1.locus.bases import Sequence, reverse_complement
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.hgvs import describe, parse_c
from vexas_uba1.locus.normalise import normalise
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import Locus, load_locus
from vexas_uba1.naming import AlleleNamer

TABLE = paths.resources() / "uba1" / "variants.tsv"
BUILDS = {"GRCh38": "grch38_pos", "GRCh37": "grch37_pos"}
DELETION = "c.118-9_118-2del"


def rows() -> list[dict[str, str]]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()[1:]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def known(placed: PlacedLocus) -> Sequence:
    return Sequence(placed.window[0], placed.reference_bases())


def with_introns(placed: PlacedLocus, seed: int) -> Sequence:
    """Return the window with every unknown base drawn at random."""
    draw = random.Random(seed)
    bases = [draw.choice("ACGT") if base == "N" else base for base in placed.reference_bases()]
    return Sequence(placed.window[0], "".join(bases))


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("row", rows(), ids=lambda row: row["hgvs_c"])
def test_each_row_agrees_with_the_exon_table(row: dict[str, str], build: str) -> None:
    """The table's positions, bases and proteins, worked out from the file's plain numbers."""
    record = bundled()
    place = [int(part) for part in row[BUILDS[build]].replace("-", ";").split(";")]
    located = {
        position1: exon["bases"][position1 - start1]
        for exon, (start1, end1) in zip(
            record["exons"], record["builds"][build]["exons1"], strict=True
        )
        for position1 in place
        if start1 <= position1 <= end1
    }
    start1 = record["builds"][build]["exons1"][2][0]
    if row["hgvs_c"] == DELETION:
        assert place == [start1 - 9, start1 - 2]
        return
    if row["category"] == "splice_acceptor_exon3":
        site = {start1 - 2: "A", start1 - 1: "G"}
        assert row["ref"] == site[place[0]]
        return
    assert [located[position1] for position1 in place] == row["ref"].split(";")
    coding: list[int] = []
    for exon, (first1, last1) in zip(
        record["exons"], record["builds"][build]["exons1"], strict=True
    ):
        if exon["number"] >= record["cds"]["start_exon"]:
            coding += range(first1, last1 + 1)
    cds = "".join(exon["bases"] for exon in record["exons"][1:])[: record["cds"]["length"]]
    mutated = list(cds)
    for position1, alt in zip(place, row["alt"].split(";"), strict=True):
        mutated[coding.index(position1)] = alt
    before, after = str(Seq(cds).translate()), str(Seq("".join(mutated)).translate())
    changed = [index for index in range(len(before)) if before[index] != after[index]]
    three = {"M": "Met", "V": "Val", "L": "Leu", "T": "Thr", "K": "Lys", "R": "Arg", "I": "Ile"}
    three |= {"G": "Gly", "A": "Ala", "Y": "Tyr", "H": "His", "S": "Ser", "P": "Pro", "F": "Phe"}
    three |= {"D": "Asp", "N": "Asn", "C": "Cys", "E": "Glu"}
    for index in changed:
        assert f"{three[before[index]]}{index + 1}" in row["hgvs_p"]
        assert three[after[index]] in row["hgvs_p"]
    assert bool(changed) == ("=" not in row["hgvs_p"])


@pytest.mark.parametrize("build", BUILDS)
def test_each_row_is_placed_and_named_back(build: str) -> None:
    locus = load_locus()
    placed = locus.placed(build)
    alleles = load_catalogue(locus).place(placed, known(placed))
    assert [entry.hgvs_c for entry in alleles.values()] == [row["hgvs_c"] for row in rows()]
    for row, (allele, entry) in zip(rows(), alleles.items(), strict=True):
        name = describe(allele, placed, known(placed))
        assert (name.hgvs_c, name.hgvs_p) == (entry.hgvs_c, entry.hgvs_p)
        place = [int(part) for part in row[BUILDS[build]].replace("-", ";").split(";")]
        assert (allele.start + 1, allele.end) == (place[0], place[-1])


def test_the_bundled_table_covers_what_the_caller_needs() -> None:
    catalogue = load_catalogue(load_locus())
    assert catalogue.version == "2026.11"
    assert {"c.121A>G", "c.121A>C", "c.122T>C", "c.[119G>C;121A>T]", "c.118-1G>C", "c.118-2A>C"} | {
        DELETION,
        "c.167C>T",
        "c.1861A>T",
    } == {entry.hgvs_c for entry in catalogue.vexas_entries}
    codon = {entry.hgvs_c for entry in catalogue.entries if entry.category.startswith("met41")}
    assert len(codon - {"c.119G>C", "c.[119G>C;121A>T]"}) == 9
    diseases = {e.category for e in catalogue.entries if e.verdict_class == "other_disease"}
    assert diseases == {"germline_other_disease"}


def test_a_row_without_a_source_is_not_marked_as_read() -> None:
    for entry in load_catalogue(load_locus()).entries:
        assert entry.sources or not entry.sources_read


@pytest.mark.parametrize("seed", range(6))
def test_the_deletion_is_found_under_any_intron_and_placement(seed: int) -> None:
    locus = load_locus()
    placed = locus.placed("GRCh38")
    reference = with_introns(placed, seed)
    alleles = load_catalogue(locus).place(placed, reference)
    start = placed.genomic("118-9")
    molecule = reference.slice(start - 20, start) + reference.slice(start + 8, start + 40)
    equal = 0
    for shift in range(-12, 13):
        first = start + shift
        other = reference.slice(start - 20, first) + reference.slice(first + 8, start + 40)
        if other == molecule:
            equal += 1
            assert alleles[normalise([Edit(first, first + 8, "")], reference)].hgvs_c == DELETION
    assert equal >= 1


def test_the_deletion_is_found_where_the_intron_lets_it_slide() -> None:
    locus = load_locus()
    placed = locus.placed("GRCh38")
    start = placed.genomic("118-9")
    # ...TGC|GATTACAA|G: the first deleted base equals the one behind the deletion.
    bases = list(with_introns(placed, 1).bases)
    bases[start - placed.window[0] : start - placed.window[0] + 9] = "GATTACTAG"
    reference = Sequence(placed.window[0], "".join(bases))
    alleles = load_catalogue(locus).place(placed, reference)
    allele = next(one for one, entry in alleles.items() if entry.hgvs_c == DELETION)
    assert describe(allele, placed, reference).hgvs_c == "c.118-8_118-1del"
    assert alleles[normalise([Edit(start + 1, start + 9, "")], reference)].hgvs_c == DELETION


def test_shifted_and_mirrored_records_place_the_same_variants(tmp_path: Path) -> None:
    locus = load_locus()
    placed = locus.placed("GRCh38")
    plain = load_catalogue(locus).place(placed, known(placed))
    moved_locus = load_locus(write(shifted(bundled(), -1_000, ["ctg"]), tmp_path, "shifted.yaml"))
    moved = moved_locus.placed("GRCh38")
    assert {
        Allele(tuple(Edit(edit.start + 1_000, edit.end + 1_000, edit.alt) for edit in allele.edits))
        for allele in load_catalogue(moved_locus).place(moved, known(moved))
    } == set(plain)
    turned_locus = load_locus(write(mirrored(bundled()), tmp_path, "mirrored.yaml"))
    turned = turned_locus.placed("GRCh38")
    length = placed.build.length
    assert {
        normalise(
            [
                Edit(length - edit.end, length - edit.start, reverse_complement(edit.alt))
                for edit in allele.edits
            ],
            known(turned),
        )
        for allele in plain
    } == set(load_catalogue(turned_locus).place(turned, known(turned)))


def test_a_record_without_a_catalogue_has_an_empty_one(tmp_path: Path) -> None:
    catalogue = load_catalogue(load_locus(write(MOUSE, tmp_path)))
    assert (catalogue.version, catalogue.entries) == ("none", ())


def user_catalogue(folder: Path, text: str) -> Locus:
    (folder / "mine.tsv").write_bytes(text.encode("utf-8"))
    return load_locus(write({**bundled(), "catalogue": "mine.tsv"}, folder))


HEADER = "hgvs_c\thgvs_p\tcategory\tverdict_class\tevidence\tsources\tsource_read\tnote\n"
ROW = "c.122T>C\tp.(Met41Thr)\tmet41\tvexas\tcanonical\tPMID:1; PMID:2\tyes\t\n"


def test_a_user_s_table_with_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeff" + ("# catalogue_version: lab.3\n" + HEADER + ROW).replace("\n", "\r\n")
    catalogue = load_catalogue(user_catalogue(tmp_path, text))
    assert catalogue.version == "lab.3"
    assert catalogue.entries[0].sources == ("PMID:1", "PMID:2")
    assert catalogue.entries[0].sources_read
    assert catalogue.vexas_entries == catalogue.entries


@pytest.mark.parametrize(
    ("text", "words", "row"),
    [
        (HEADER + ROW, "does not state its version", 1),
        (
            "# catalogue_version: 1\n" + HEADER.replace("note", "remark"),
            "unknown: remark; missing: note",
            2,
        ),
        ("# catalogue_version: 1\n" + HEADER + ROW[:-2] + "\n", "fields where the header has 8", 3),
        ("# catalogue_version: 1\n" + HEADER + ROW + ROW, "listed in row 3 already", 4),
        (
            "# catalogue_version: 1\n" + HEADER + ROW.replace("vexas", "VEXAS"),
            "class is unknown",
            3,
        ),
        (
            "# catalogue_version: 1\n" + HEADER + ROW.replace("yes", "maybe"),
            "neither yes nor no",
            3,
        ),
        ("# catalogue_version: 1\n" + HEADER + ROW.replace("c.122T>C", "M41T"), "not a c. name", 3),
    ],
)
def test_a_faulty_table_is_refused(tmp_path: Path, text: str, words: str, row: int) -> None:
    with pytest.raises(UserError, match=words) as caught:
        load_catalogue(user_catalogue(tmp_path, text))
    assert caught.value.problems[0].row == row
    assert caught.value.problems[0].file == str(tmp_path / "mine.tsv")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("c.122A>C", "the reference has T"),
        ("c.9999A>C", "the coding sequence ends"),
        ("c.121_122delinsAC", "again under another name"),
    ],
)
def test_a_row_that_cannot_be_placed_is_refused(tmp_path: Path, name: str, words: str) -> None:
    text = "# catalogue_version: 1\n" + HEADER + ROW + ROW.replace("c.122T>C", name)
    locus = user_catalogue(tmp_path, text)
    placed = locus.placed("GRCh38")
    with pytest.raises(UserError, match=words) as caught:
        load_catalogue(locus).place(placed, known(placed))
    assert caught.value.problems[0].value == name


def test_only_a_deletion_that_counts_for_the_verdict_makes_its_intron_bases_loud():
    placed, window = load_locus().placed("GRCh38"), record_reference()
    entries = load_catalogue(load_locus()).place(placed, window)
    beside = parse_c("c.118-10_118-3del", placed, window)
    harmless = {
        allele: replace(entry, verdict_class="other") if "del" in entry.hgvs_c else entry
        for allele, entry in entries.items()
    }
    for listed, loud in ((entries, True), (harmless, False), ({}, False)):
        assert AlleleNamer(placed, window, listed)._cuts_a_listed_deletion(beside) is loud
