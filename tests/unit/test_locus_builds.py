"""The build of a file is found from what its header states, or the file is refused."""

from __future__ import annotations

import pytest

from vexas_uba1.errors import UserError
from vexas_uba1.locus.builds import Contig, detect_build
from vexas_uba1.locus.record import load_locus

GRCH38, GRCH37, T2T = 156_040_895, 155_270_560, 154_259_566
M5_38, M5_37 = "2b3a55ff7f58eb308420c8a9b11cac50", "7e0e2e580297b7764e31dbc80c2540dd"
AUTOSOMES = [Contig("chr1", 248_956_422), Contig("chr2", 242_193_529)]


@pytest.mark.parametrize(
    ("contig", "build"),
    [
        (Contig("chrX", GRCH38), "GRCh38"),
        (Contig("X", GRCH38), "GRCh38"),
        (Contig("NC_000023.11", GRCH38), "GRCh38"),
        (Contig("CM000685.2", GRCH38), "GRCh38"),
        (Contig("chrX", GRCH37), "GRCh37"),
        (Contig("X", GRCH37, M5_37), "GRCh37"),
        (Contig("NC_000023.10", GRCH37), "GRCh37"),
        (Contig("CM000685.1", GRCH37), "GRCh37"),
        (Contig("chrX", GRCH38, M5_38.upper()), "GRCh38"),
    ],
)
@pytest.mark.parametrize("others", [[], AUTOSOMES], ids=["alone", "among others"])
def test_known_builds(contig: Contig, build: str, others: list[Contig]) -> None:
    found = detect_build([*others, contig], load_locus(), file="a.bam")
    assert found.placed.build.name == build
    assert found.placed.contig == contig.name
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("contigs", "wanted", "words"),
    [
        ([], None, "no contigs"),
        (AUTOSOMES, None, "the file has chr1, chr2"),
        ([Contig("chrX", 1_000)], None, "chrX has 1000 bases: an unknown build"),
        ([Contig("chrX", T2T)], None, "T2T-CHM13v2.0"),
        ([Contig("NC_060925.1", T2T)], None, "T2T-CHM13v2.0"),
        (
            [Contig("NC_000023.10", GRCH38)],
            None,
            "is a name of GRCh37 but has the length of GRCh38",
        ),
        ([Contig("NC_000023.9", GRCH38)], None, "is a name of no known build"),
        ([Contig("chrX", GRCH38, M5_37)], None, "the length of GRCh38 .* but the M5 of GRCh37"),
        ([Contig("chrX", GRCH38), Contig("X", GRCH37)], None, "more than one contig"),
        ([Contig("chrX", GRCH38)], "GRCh37", "is on GRCh38 .* but the configuration says GRCh37"),
        ([Contig("chrX", GRCH38)], "hg38", "knows no build of this name, only GRCh38, GRCh37"),
    ],
)
def test_conflicts_are_refused(contigs: list[Contig], wanted: str | None, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        detect_build(contigs, load_locus(), file="a.bam", wanted=wanted)
    assert caught.value.problems[0].remedy


def test_the_wanted_build_or_auto_is_accepted() -> None:
    for wanted in (None, "auto", "GRCh38"):
        found = detect_build([Contig("chrX", GRCH38)], load_locus(), file="a.bam", wanted=wanted)
        assert found.placed.build.name == "GRCh38"


def test_an_unknown_checksum_is_accepted_with_a_warning() -> None:
    found = detect_build([Contig("chrX", GRCH38, "0" * 32)], load_locus(), file="a.bam")
    assert found.placed.build.name == "GRCh38"
    assert len(found.warnings) == 1 and "0" * 32 in found.warnings[0]


def test_an_unknown_length_says_how_to_go_on() -> None:
    with pytest.raises(UserError) as caught:
        detect_build([Contig("chrX", T2T)], load_locus(), file="a.bam")
    problem = caught.value.problems[0]
    assert "FASTA" in problem.remedy and "reference" in problem.remedy
    assert str(GRCH38) in problem.message and str(T2T) in problem.message


def test_a_decoy_of_the_same_name_but_other_length_does_not_disturb() -> None:
    contigs = [Contig("chrX", GRCH38), Contig("X", 5_000)]
    assert detect_build(contigs, load_locus(), file="a.bam").placed.contig == "chrX"


def test_a_long_header_is_not_listed_whole() -> None:
    contigs = [Contig(f"scaffold{number}", 1000) for number in range(500)]
    with pytest.raises(UserError, match="and 492 more"):
        detect_build(contigs, load_locus(), file="a.bam")
