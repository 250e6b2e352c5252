"""The exons are found in an assembly that the record does not know, strictly."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from builders.loci import MOUSE, bundled, mirrored, write
from vexas_uba1.errors import UserError
from vexas_uba1.locus.bases import Sequence, reverse_complement
from vexas_uba1.locus.hgvs import parse_c
from vexas_uba1.locus.placement import place_in_sequence
from vexas_uba1.locus.record import load_locus


def bases(length: int, seed: int) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def gene(introns: list[int], exons: list[str] | None = None) -> str:
    """Return the gene with random introns of the given lengths."""
    parts = exons or [exon.bases.replace("N", "A") for exon in load_locus().exons]
    text = parts[0]
    for index, length in enumerate(introns):
        text += "GT" + bases(length - 4, index) + "AG" + parts[index + 1]
    return text


INTRONS = [90 + 37 * index for index in range(25)]
BEFORE = bases(5_000, 101)
AFTER = bases(7_000, 102)
ASSEMBLY = BEFORE + gene(INTRONS) + AFTER


def test_exons_are_placed_with_the_assembly_s_own_introns() -> None:
    locus = load_locus()
    build = place_in_sequence(locus, "chrX", ASSEMBLY)
    assert build.name.startswith("custom-") and build.m5 is not None
    assert build.name == f"custom-{build.m5[:8]}"
    assert build.contigs == ("chrX",)
    assert build.length == len(ASSEMBLY)
    assert build.exons[0][0] == len(BEFORE)
    assert [
        after[0] - before[1] for before, after in zip(build.exons, build.exons[1:], strict=False)
    ] == INTRONS
    assert "".join(ASSEMBLY[position] for position in build.codon_positions) == "ATG"
    placed = locus.with_build(build).placed(build.name)
    assert placed.c_name(build.codon_positions[0]) == "121"
    assert parse_c("c.3177A>G", placed, Sequence(0, ASSEMBLY)).start == build.exons[25][0] + 135


def test_lower_case_is_read_and_a_given_name_kept() -> None:
    build = place_in_sequence(load_locus(), "chrX", ASSEMBLY.lower(), name="T2T")
    assert build.name == "T2T"


def test_a_minus_strand_record_is_placed_on_the_turned_assembly(tmp_path: Path) -> None:
    forward = place_in_sequence(load_locus(), "chrX", ASSEMBLY)
    locus = load_locus(write(mirrored(bundled()), tmp_path))
    turned = place_in_sequence(locus, "chrX", reverse_complement(ASSEMBLY))
    length = len(ASSEMBLY)
    assert turned.exons == tuple((length - end, length - start) for start, end in forward.exons)
    assert turned.codon_positions == tuple(length - 1 - one for one in forward.codon_positions)


def test_a_common_allele_in_another_exon_is_tolerated() -> None:
    start = ASSEMBLY.index(load_locus().exons[13].bases)
    other = "A" if ASSEMBLY[start + 70] != "A" else "C"
    assembly = ASSEMBLY[: start + 70] + other + ASSEMBLY[start + 71 :]
    expected = place_in_sequence(load_locus(), "chrX", ASSEMBLY)
    assert place_in_sequence(load_locus(), "chrX", assembly).exons == expected.exons


def test_a_processed_copy_is_passed_over() -> None:
    copy = "".join(exon.bases.replace("N", "A") for exon in load_locus().exons)
    build = place_in_sequence(load_locus(), "chrX", copy + ASSEMBLY + copy)
    assert build.exons[0][0] == len(copy) + len(BEFORE)


@pytest.mark.parametrize(
    ("assembly", "words"),
    [
        (BEFORE + AFTER, "does not hold the codon's exon"),
        (ASSEMBLY + bases(300_000, 7) + ASSEMBLY, "lies in 2 places"),
        (reverse_complement(ASSEMBLY), "on the other strand"),
        (ASSEMBLY[: len(BEFORE) + 8_000], "not all other exons"),
        (BEFORE + gene([150_000, *INTRONS[1:]]) + AFTER, "not all other exons"),
        (
            BEFORE
            + gene(
                INTRONS,
                [
                    load_locus().exons[index].bases.replace("N", "A")
                    for index in (0, 1, 2, 4, 3, *range(5, 26))
                ],
            )
            + AFTER,
            "not all other exons",
        ),
        (
            ASSEMBLY.replace(
                load_locus().exons[2].bases, load_locus().exons[2].bases.replace("ATGGCC", "ACGGCC")
            ),
            "does not hold the codon's exon",
        ),
    ],
    ids=["no gene", "two genes", "turned", "cut", "long intron", "exons swapped", "codon differs"],
)
def test_anything_doubtful_is_refused(assembly: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        place_in_sequence(load_locus(), "chrX", assembly)


def test_a_record_without_exons_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no exons"):
        place_in_sequence(load_locus(write(MOUSE, tmp_path)), "chrX", ASSEMBLY)
