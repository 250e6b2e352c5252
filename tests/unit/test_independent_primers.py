"""Two tiled amplicons read by art_illumina and aligned by bwa: what primers do to a true 20 %."""

from __future__ import annotations

import pytest

from builders import independent
from builders.cases import call_bam, hand_genome
from builders.independent import CODON1, Edit, haplotype, missing_programs
from builders.sam import write_fasta
from vexas_uba1.verdict import decide

pytestmark = pytest.mark.skipif(bool(missing_programs()), reason=missing_programs())

THREONINE = Edit(CODON1 + 1, "T", "C")
SHARE, FRAGMENTS, PRIMER = 0.2, 1000, 22
ACROSS = (CODON1 - 100, CODON1 + 99)  # 1-based, closed
BEHIND = (CODON1 - 8, CODON1 + 191)  # its left primer lies on the codon
# Sequences before the primers that nobody cut off.
TAILS = ("GTCACTACGTTCAGGA", "CAGTTGCATGCTTACG")


def bed(*amplicons: tuple[int, int]) -> list[list[object]]:
    rows: list[list[object]] = []
    for first, last in amplicons:
        rows.append(["chrX", first - 1, first - 1 + PRIMER, "+"])
        rows.append(["chrX", last - PRIMER, last, "-"])
    return rows


def library(folder, tails=("", "")):
    """Both amplicons; where a primer lies they hold the reference, whatever the clone has."""
    files = []
    for name, (first, last) in (("a", ACROSS), ("b", BEHIND)):
        for edits, share in (((), 1 - SHARE), ((THREONINE,), SHARE)):
            inside = [e for e in edits if first + PRIMER <= e.start1 <= last - PRIMER]
            bases = haplotype(hand_genome(), first, last, inside)
            clone = f"{name}{len(edits)}"
            fasta = write_fasta(folder / f"{clone}.fa", {clone: tails[0] + bases + tails[1]})
            count = round(FRAGMENTS * share)
            files.append(independent._copy_by_art(fasta, folder / f"{clone}-", count, len(files)))
    lines = independent._aligned(independent._joined(folder, files), folder)
    return independent._written(folder, lines)


def called(bam, folder, primers=None):
    return call_bam(
        bam,
        folder,
        sample={"sex": "male", "assay": "amplicon"},
        options={} if primers is None else {"primers": primers},
    )


@pytest.mark.parametrize("tails", [("", ""), TAILS])
def test_a_primer_on_the_codon_dilutes_unless_it_is_known(tmp_path, tails):
    bam = library(tmp_path, tails)
    (diluted,) = called(bam, tmp_path).variants
    assert diluted.vaf == pytest.approx(SHARE / 2, abs=0.01)
    call = called(bam, tmp_path, bed(ACROSS, BEHIND))
    (variant,) = call.variants
    assert (variant.hgvs_c, variant.filters) == ("c.122T>C", ())
    assert variant.vaf == pytest.approx(SHARE, abs=0.01)
    assert call.qc.primers.fragments == pytest.approx(2 * FRAGMENTS, abs=20)
    assert call.qc.primers.codon_primer_fragments == pytest.approx(FRAGMENTS, abs=20)


def test_alone_the_amplicon_behind_the_codon_shows_nothing_of_it(tmp_path):
    bam = library(tmp_path)
    # Only its own primers are known: the other amplicon's fragments then count as they are.
    call = called(bam, tmp_path, bed(BEHIND))
    assert decide(call).code == "detected"
    assert call.codon41.depth_fragments < 1.02 * FRAGMENTS
