"""Coordinates and c. positions, there and back, on either strand and anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.loci import MOUSE, TOY, TOY_CONTIG, bundled, mirrored, shifted, write
from vexas_uba1.catalogue import load_catalogue
from vexas_uba1.locus.bases import Sequence, reverse_complement
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import load_locus
from vexas_uba1.targets import target_regions

BUILDS = ("GRCh38", "GRCh37")


def names(placed: PlacedLocus) -> list[str]:
    return [target.name for target in target_regions(placed, load_catalogue(placed.locus))]


@pytest.fixture
def toy(tmp_path: Path) -> PlacedLocus:
    return load_locus(write(TOY, tmp_path)).placed("toy")


@pytest.fixture
def mirrored_toy(tmp_path: Path) -> PlacedLocus:
    return load_locus(write(mirrored(TOY), tmp_path, "mirrored.yaml")).placed("toy")


@pytest.mark.parametrize("build", BUILDS)
def test_every_position_of_the_window_there_and_back(build: str) -> None:
    placed = load_locus().placed(build)
    names = {}
    for position in range(*placed.window):
        name = placed.c_name(position)
        assert name is not None
        assert placed.genomic(name) == position
        names[name] = position
    assert len(names) == placed.window[1] - placed.window[0]


def test_known_names_of_the_gene() -> None:
    placed = load_locus().placed("GRCh38")
    known = {
        "1": 47198803,
        "-1": 47194024,
        "-1+5": 47194029,
        "1-5": 47198798,
        "-196": 47193829,
        "-197": 47193828,
        "117": 47198919,
        "117+1": 47198920,
        "117+64": 47198983,
        "118-64": 47198984,
        "118-1": 47199047,
        "118": 47199048,
        "121": 47199051,
        "176": 47199106,
        "176+1": 47199107,
        "3177": 47214929,
        "*1": 47214930,
        "*199": 47215128,
        "*200": 47215129,
    }
    assert {name: placed.genomic(name) + 1 for name in known} == known
    assert {name: placed.c_name(position1 - 1) for name, position1 in known.items()} == {
        name: name for name in known
    }


def test_the_middle_of_an_odd_intron_counts_from_the_exon_before(
    toy: PlacedLocus, mirrored_toy: PlacedLocus
) -> None:
    for placed in (toy, mirrored_toy):
        middle = placed.genomic("14+16")
        assert placed.c_name(middle) == "14+16"
        assert placed.genomic("15-16") == middle
        step = 1 if placed.is_forward else -1
        assert placed.c_name(middle + step) == "15-15"


def test_names_of_a_minus_strand_gene_are_those_of_the_plus_strand(
    toy: PlacedLocus, mirrored_toy: PlacedLocus
) -> None:
    length = len(TOY_CONTIG)
    for position in range(*toy.window):
        assert mirrored_toy.c_name(length - 1 - position) == toy.c_name(position)
    assert mirrored_toy.reference_bases() == reverse_complement(toy.reference_bases())
    assert mirrored_toy.coding_positions == [length - 1 - one for one in toy.coding_positions]
    turned = [(length - end, length - start) for start, end in toy.splice_intervals(5)]
    assert mirrored_toy.splice_intervals(5) == sorted(turned)


def test_uba1_mirrored_has_the_same_names(tmp_path: Path) -> None:
    placed = load_locus().placed("GRCh38")
    turned = load_locus(write(mirrored(bundled()), tmp_path)).placed("GRCh38")
    last = placed.build.length - 1
    assert all(
        turned.c_name(last - position) == placed.c_name(position)
        for position in range(*placed.window)
    )
    assert turned.reference_bases() == reverse_complement(placed.reference_bases())


def test_shifted_coordinates_change_nothing_but_positions(tmp_path: Path) -> None:
    placed = load_locus().placed("GRCh38")
    record = shifted(bundled(), 12_345, ["scaffold_7"])
    locus = load_locus(write(record, tmp_path))
    moved = locus.placed("GRCh38")
    assert moved.contig == "scaffold_7"
    assert moved.window == (placed.window[0] + 12_345, placed.window[1] + 12_345)
    assert moved.reference_bases() == placed.reference_bases()
    assert all(
        moved.c_name(position + 12_345) == placed.c_name(position)
        for position in range(*placed.window)
    )
    catalogue = load_catalogue(locus)
    assert [target.name for target in target_regions(moved, catalogue)] == [
        target.name for target in target_regions(placed, catalogue)
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "not a c. position"),
        ("0", "not a c. position"),
        ("c.121", "not a c. position"),
        ("121.5", "not a c. position"),
        ("121+", "not a c. position"),
        ("+5", "not a c. position"),
        ("*0", "not a c. position"),
        ("--5", "not a c. position"),
        ("121-0", "not a c. position"),
        ("3178", "the coding sequence ends at c.3177"),
        ("120+1", "at no exon's border"),
        ("118+1", "at no exon's border"),
        ("117-1", "at no exon's border"),
        ("*199+1", "at no exon's border"),
        ("117+129", "is shorter"),
        ("118-129", "is shorter"),
        ("-999999", "outside of the gene's window"),
        ("*999999", "outside of the gene's window"),
    ],
)
def test_nonsense_is_refused(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        load_locus().placed("GRCh38").genomic(name)


@pytest.mark.parametrize("build", BUILDS)
def test_the_known_bases_are_the_exons_and_the_introns_ends(build: str) -> None:
    placed = load_locus().placed(build)
    known = Sequence(placed.window[0], placed.reference_bases())
    for exon, (_, (start, end)) in zip(placed.locus.exons, placed.exon_intervals, strict=True):
        assert known.slice(start, end) == exon.bases
    for start, end in placed.splice_intervals(2):
        assert known.slice(start, end) in ("GT", "AG")
    exonic = sum(len(exon.bases) for exon in placed.locus.exons)
    # Exon 1 begins with two bases that are not known.
    assert len(known.bases) - known.bases.count("N") == exonic - 2 + 25 * 4


def test_the_toy_record_agrees_with_its_contig(toy: PlacedLocus) -> None:
    start, end = toy.window
    known = toy.reference_bases()
    assert all(
        base in ("N", found) for base, found in zip(known, TOY_CONTIG[start:end], strict=True)
    )


def test_a_minimal_record_knows_its_codon_alone(tmp_path: Path) -> None:
    placed = load_locus(write(MOUSE, tmp_path)).placed("GRCm39")
    assert placed.window == (20534933 - 1000, 20534936 + 1000)
    assert placed.reference_bases().strip("N") == "ATG"
    assert placed.coding_positions == [20534933, 20534934, 20534935]
    assert placed.c_name(20534933) is None
    assert placed.splice_intervals(2) == []
    assert names(placed) == ["codon"]
    with pytest.raises(ValueError, match="does not know where"):
        placed.genomic("121")


def test_a_numbered_minimal_record_names_its_codon(tmp_path: Path) -> None:
    record = {**MOUSE, "codon": {"reference": "ATG", "number": 41}}
    placed = load_locus(write(record, tmp_path)).placed("GRCm39")
    assert [placed.c_name(position) for position in placed.codon_positions] == ["121", "122", "123"]
    assert placed.genomic("122") == 20534934
    assert placed.c_name(20534932) is None
    assert names(placed) == ["codon 41"]


def test_the_window_stays_on_the_contig(tmp_path: Path) -> None:
    record = {**TOY, "window_flank": 10_000}
    assert load_locus(write(record, tmp_path)).placed("toy").window == (0, 260)


def test_targets_of_the_bundled_record() -> None:
    placed = load_locus().placed("GRCh38")
    targets = {
        target.name: target.positions
        for target in target_regions(placed, load_catalogue(placed.locus))
    }
    assert list(targets)[:5] == ["codon 41", "exon 3 splice acceptor", "c.167", "c.1861", "exon 1"]
    assert targets["codon 41"] == (47199050, 47199051, 47199052)
    assert targets["exon 3 splice acceptor"] == (47199045, 47199046)
    assert len(targets["exon 3"]) == 59
    # Of the last exon only the coding bases, of the untranslated first all.
    assert len(targets["exon 26"]) == 136
    assert len(targets["exon 1"]) == 196
    assert all(list(positions) == sorted(positions) for positions in targets.values())


def test_splice_intervals_of_a_short_intron_do_not_overlap(toy: PlacedLocus) -> None:
    assert toy.splice_intervals(12)[-1] == (157, 181)


def test_a_contig_of_another_name_changes_nothing_else() -> None:
    placed = load_locus().placed("GRCh37")
    renamed = placed.with_contig("X")
    assert renamed.contig == "X"
    assert renamed.window == placed.window
