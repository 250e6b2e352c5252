"""The sheet's sex beside the coverage of X and Y."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.cases import chromosomes
from builders.results import a_sample
from builders.sam import SamBuilder, write_fasta
from vexas_uba1 import paths
from vexas_uba1.alignments.coverage import ContigReads, contig_reads
from vexas_uba1.sex import _RANGES, FEWEST_AUTOSOMES, FEWEST_RECORDS, OBSERVED, check_sex

# Ratios of X and of Y, and what they show, by assay.
SHOWN = {
    "wgs": {
        "one_x_with_y": (0.51, 0.22),
        "two_x_without_y": (0.98, 0.02),
        "one_x_without_y": (0.5, 0.01),
        "two_x_with_y": (0.98, 0.2),
    },
    "wes": {
        "one_x_with_y": (0.36, 0.08),
        "two_x_without_y": (0.72, 0.01),
        "one_x_without_y": (0.36, 0.01),
        "two_x_with_y": (0.72, 0.08),
    },
}
SHOWN["unknown"] = SHOWN["wgs"]


def check(x: float, y: float, **sample: str):
    return check_sex(a_sample(**{"assay": "wgs", **sample}), chromosomes({"X": x, "Y": y}))


@pytest.mark.parametrize("assay", SHOWN)
@pytest.mark.parametrize("observed", SHOWN["wgs"])
@pytest.mark.parametrize("sex", ["male", "female", "unknown"])
def test_what_is_seen_and_whether_it_fits(assay, observed, sex):
    x, y = SHOWN[assay][observed]
    found = check(x, y, assay=assay, sex=sex)
    assert (found.expected, found.observed) == (sex, observed)
    assert (found.x_ratio, found.y_ratio) == (pytest.approx(x), pytest.approx(y))
    fitting = {"male": "one_x_with_y", "female": "two_x_without_y"}
    assert found.agrees == (None if sex == "unknown" else observed == fitting[sex])
    assert (found.note == "") == (found.agrees is True)
    if found.agrees is False:
        assert f"the sheet says {sex}" in found.note
        assert OBSERVED[observed] in found.note
        assert "swap" in found.note
        lost = {"male": "loss of Y", "female": "loss of one X"}
        assert observed != "one_x_without_y" or lost[sex] in found.note


@pytest.mark.parametrize(
    ("x", "y"), [(0.7, 0.02), (0.51, 0.09), (0.1, 0.2), (1.6, 0.02), (0.7, 0.09)]
)
@pytest.mark.parametrize("sex", ["male", "female"])
def test_between_the_ranges_nothing_is_concluded(x, y, sex):
    found = check(x, y, sex=sex)
    assert (found.observed, found.agrees) == ("unclear", None)
    assert "may have lost X or Y" in found.note


@pytest.mark.parametrize(
    ("observed", "agrees"), [("two_x_without_y", True), ("one_x_with_y", False)]
)
def test_after_a_transplant_the_donors_sex_is_expected(observed, agrees):
    sample = {"sex": "male", "transplant": "allogeneic", "donor_sex": "female"}
    found = check(*SHOWN["wgs"][observed], **sample)
    assert (found.expected, found.agrees) == ("female", agrees)
    if not agrees:
        assert "the donor is female" in found.note
        assert "the patient's own cells have come back" in found.note
    unknown = check(*SHOWN["wgs"][observed], **{**sample, "donor_sex": "unknown"})
    assert (unknown.expected, unknown.agrees) == ("unknown", None)
    assert "the donor's sex" in unknown.note


MAN = chromosomes({"X": 0.5, "Y": 0.2})


def scaled(name: str, factor: float) -> tuple[ContigReads, ...]:
    return tuple(
        replace(one, mapped=round(one.mapped * factor)) if one.name == name else one for one in MAN
    )


@pytest.mark.parametrize(
    ("sample", "contigs", "why"),
    [
        ({"assay": "panel"}, MAN, "panel"),
        ({"assay": "amplicon"}, MAN, "amplicons"),
        ({"assay": "rna"}, MAN, "RNA"),
        ({}, (), "holds no counts"),
        ({}, tuple(one for one in MAN if one.name in "XY"), "does not name all chromosomes"),
        ({}, tuple(one for one in MAN if one.name != "Y"), "does not name all chromosomes"),
        ({}, MAN[22 - FEWEST_AUTOSOMES + 1 :], "does not name all chromosomes"),
        # The gene's reads of a BAM that was cut, and a few strays.
        ({}, chromosomes({**{str(n): 0.0 for n in range(1, 23)}, "X": 1, "Y": 0}), "too few reads"),
        ({}, tuple(replace(one, mapped=one.mapped // 3) for one in MAN), "too few reads"),
        ({}, scaled("7", 0), "not covered as in a whole genome"),
        ({"assay": "wes"}, scaled("7", 6), "not covered as in a whole genome"),
        ({"assay": "unknown"}, scaled("19", 1.6), "not covered as in a whole genome"),
        ({"assay": "unknown"}, scaled("13", 0.6), "not covered as in a whole genome"),
    ],
)
def test_where_the_file_does_not_allow_it_the_reason_is_given(sample, contigs, why):
    found = check_sex(a_sample(**{"assay": "wgs", **sample}), contigs)
    assert (found.observed, found.agrees) == ("not_available", None)
    assert (found.x_ratio, found.y_ratio) == (None, None)
    assert found.note.startswith("not checked: ")
    assert why in found.note


def test_an_exome_is_unevenly_covered():
    uneven = tuple(replace(one, mapped=one.mapped * 3) if one.name == "19" else one for one in MAN)
    assert check_sex(a_sample(assay="wes"), uneven).observed != "not_available"


def test_enough_records_are_enough():
    each = -(-FEWEST_RECORDS // 22)
    few = tuple(replace(one, mapped=round(each * one.mapped / 10_000)) for one in MAN)
    assert check_sex(a_sample(assay="wgs"), few).observed == "one_x_with_y"


@given(st.floats(0, 2), st.floats(0, 1), st.sampled_from(["wgs", "wes", "unknown"]))
def test_any_coverage_has_one_answer(x, y, assay):
    found = check(x, y, assay=assay)
    assert found.observed in OBSERVED
    assert found.agrees in (True, False, None)


def test_the_ranges_are_documented():
    """A row each: what is observed, X ratios of genome and exome, Y ratios of both."""
    text = (paths.product_root() / "docs" / "outputs.md").read_text(encoding="utf-8")
    kinds = [_RANGES["wgs"], _RANGES["wes"]]
    for observed in SHOWN["wgs"]:
        x = [kind.one_x if observed.startswith("one") else kind.two_x for kind in kinds]
        with_y = observed.endswith("with_y")
        y = [f"from {kind.with_y}" if with_y else f"to {kind.without_y}" for kind in kinds]
        cells = [f"`{observed}`", *(f"{low:.2f}–{high:.2f}" for low, high in x), *y]
        assert f"| {' | '.join(cells)} |" in text


CONTIGS = [("chr1", 5_000), ("chr2", 4_000), ("chrX", 3_000), ("chrY", 1_000), ("chrM", 500)]


def a_file(prefix: str = "chr") -> SamBuilder:
    named = [(name.replace("chr", prefix), length) for name, length in CONTIGS]
    made = SamBuilder([*named, ("chr1_random", 2_000)])
    for number, (name, _) in enumerate(named, 1):
        for at in range(number):
            made.read(f"{name}.{at}", 10 + at, "ACGT" * 10, contig=name)
    return made


COUNTED = (
    ContigReads("1", 5_000, 1),
    ContigReads("2", 4_000, 2),
    ContigReads("X", 3_000, 3),
    ContigReads("Y", 1_000, 4),
)


@pytest.mark.parametrize("prefix", ["chr", ""])
@pytest.mark.parametrize("index", ["bai", "csi"])
def test_the_index_tells_the_counts(tmp_path: Path, prefix, index):
    bam = a_file(prefix).write_bam(tmp_path / "a.bam", index=False)
    pysam.index(*(["-c"] if index == "csi" else []), "-o", str(tmp_path / index), str(bam))
    with pysam.AlignmentFile(str(bam), index_filename=str(tmp_path / index)) as file:
        assert contig_reads(file) == COUNTED


def test_a_cram_has_no_counts_and_neither_has_an_empty_bam(tmp_path: Path):
    fasta = write_fasta(
        tmp_path / "g.fa", {name: "ACGT" * (length // 4) for name, length, *_ in a_file().contigs}
    )
    cram = a_file().write_cram(tmp_path / "a.cram", fasta)
    with pysam.AlignmentFile(str(cram), reference_filename=str(fasta)) as file:
        assert contig_reads(file) == ()
    empty = SamBuilder(CONTIGS).write_bam(tmp_path / "b.bam")
    with pysam.AlignmentFile(str(empty)) as file:
        assert contig_reads(file) == ()
