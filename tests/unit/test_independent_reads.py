"""The caller on reads of other simulators and another aligner: the truth, and nothing else.

Each test states what the reads hold. A share is that of the fragments drawn; the interval is about
it. Nothing but the alleles that were put in may pass.
"""

from __future__ import annotations

import pytest

from builders.cases import call_bam, hand_genome
from builders.independent import (
    Clone,
    Edit,
    Shape,
    amplicon_bam,
    fragments_over_codon_by_transcript,
    long_bam,
    missing_programs,
    reads_over_codon_by_transcript,
    rna_bam,
    shotgun_bam,
    split_rna_bam,
    umi_bam,
)
from vexas_uba1.alignments.fasta import open_genome
from vexas_uba1.verdict import decide

pytestmark = pytest.mark.skipif(bool(missing_programs()), reason=missing_programs())

VALINE = Edit(47199051, "A", "G")
LEUCINE = Edit(47199051, "A", "T")
THREONINE = Edit(47199052, "T", "C")
RESCUE = Edit(47199049, "G", "C")
ACCEPTOR = Edit(47199047, "G", "C")
EIGHT_BASES = Edit(47199039, hand_genome().slice1(47199039, 8), "")


def called(folder, simulator, *clones, **options):
    return call_of(shotgun_bam(folder, simulator, clones, **options), folder)


def called_with_indel(folder, simulator, edit, shape, seed):
    """Call 10 % of an indel in as many bases of reads, whatever their length."""
    count = 450_000 // shape.read
    return called(folder, simulator, Clone(0.1, (edit,)), seed=seed, shape=shape, fragments=count)


def call_of(bam, folder, *, assay="panel", genomes=(), **options):
    sample = {"sex": "male", "assay": assay}
    return call_bam(bam, folder, sample=sample, options=options, genomes=genomes)


def called_long(folder, edits, errors, **drawn):
    """Call long reads with the genome at hand; return the call and how many reads hold the edits.

    The listed deletion is counted by itself, whatever errors lie beside it.
    """
    bam, held = long_bam(folder, edits, errors, **drawn)
    fasta = hand_genome().write_fasta(folder / "genome.fa.gz")
    call = call_of(bam, folder, genomes=(open_genome(fasta, index_dir=folder / "index"),))
    (deletion,) = (one for one in call.forced_alleles if one.hgvs_c == "c.118-9_118-2del")
    return call, held, deletion


def check(call, shares):
    """Require that these alleles pass with their shares in the intervals, and no other one."""
    passing = {variant.hgvs_c: variant for variant in call.variants if not variant.filters}
    assert set(passing) == set(shares)
    for name, share in shares.items():
        assert passing[name].vaf_low95 <= share <= passing[name].vaf_high95, (name, passing[name])


@pytest.mark.parametrize("simulator", ["art", "dwgsim"])
def test_no_clone(tmp_path, simulator):
    call = called(tmp_path, simulator, seed=1)
    check(call, {})
    assert decide(call).code == "not_detected"


@pytest.mark.parametrize("simulator", ["art", "dwgsim"])
def test_threonine_at_five_percent(tmp_path, simulator):
    call = called(tmp_path, simulator, Clone(0.05, (THREONINE,)), seed=2)
    check(call, {"c.122T>C": 0.05})
    assert decide(call).code == "detected"
    # Mates overlap: 3,000 fragments of 220 bases over some 640 starts, counted once each.
    assert 850 < call.codon41.depth_fragments < 1_150


def test_three_clones_in_trans(tmp_path):
    clones = (Clone(0.08, (VALINE,)), Clone(0.12, (THREONINE,)), Clone(0.05, (ACCEPTOR,)))
    call = called(tmp_path, "art", *clones, seed=3)
    check(call, {"c.121A>G": 0.08, "c.122T>C": 0.12, "c.118-1G>C": 0.05})


def test_two_changes_in_cis_are_one_allele(tmp_path):
    call = called(tmp_path, "dwgsim", Clone(0.1, (RESCUE, LEUCINE)), seed=4)
    check(call, {"c.[119G>C;121A>T]": 0.1})


def test_the_same_two_changes_in_trans_are_two(tmp_path):
    call = called(tmp_path, "art", Clone(0.1, (RESCUE,)), Clone(0.06, (LEUCINE,)), seed=5)
    check(call, {"c.119G>C": 0.1, "c.121A>T": 0.06})


def test_cis_beside_each_change_alone(tmp_path):
    clones = (Clone(0.1, (RESCUE, LEUCINE)), Clone(0.06, (RESCUE,)), Clone(0.04, (LEUCINE,)))
    call = called(tmp_path, "dwgsim", *clones, seed=6)
    check(call, {"c.[119G>C;121A>T]": 0.1, "c.119G>C": 0.06, "c.121A>T": 0.04})


@pytest.mark.parametrize(
    ("simulator", "shape"),
    # Of shorter reads a larger part ends so near the deletion that bwa clips them.
    [("art", Shape()), ("dwgsim", Shape()), ("dwgsim", Shape(75, 150)), ("art", Shape(50, 150))],
)
def test_deletion_before_exon_3(tmp_path, simulator, shape):
    call = called_with_indel(tmp_path, simulator, EIGHT_BASES, shape, 7)
    check(call, {"c.118-9_118-2del": 0.1})


@pytest.mark.parametrize(
    ("simulator", "shape", "edit", "name"),
    [
        ("art", Shape(), Edit(47199053, "", "CCC"), "c.122_123insCCC"),
        ("dwgsim", Shape(75, 150), Edit(47199052, "", "GATTAC"), "c.121_122insGATTAC"),
        ("art", Shape(), Edit(47199051, "ATG", ""), "c.121_123del"),
        ("dwgsim", Shape(), Edit(47199051, "ATG", "CC"), "c.121_123delinsCC"),
        ("art", Shape(), Edit(47199051, "AT", "GC"), "c.121_122delinsGC"),
    ],
)
def test_indel_in_the_codon(tmp_path, simulator, shape, edit, name):
    call = called_with_indel(tmp_path, simulator, edit, shape, 28)
    check(call, {name: 0.1})
    broken = call.codon41.depth_fragments - call.codon41.haplotypes["ATG"]
    assert 0.07 < broken / call.codon41.depth_fragments < 0.13


def test_copies_without_a_flag_are_one_fragment(tmp_path):
    clone = Clone(0.05, (THREONINE,))
    once, thrice = (
        called(tmp_path, "dwgsim", clone, seed=9, fragments=2000, copies=copies)
        for copies in (1, 3)
    )
    check(thrice, {"c.122T>C": 0.05})
    # Fragments that share both ends by chance, some 3 %, are taken for copies.
    depths = once.codon41.depth_fragments, thrice.codon41.depth_fragments
    assert 0.94 * depths[0] < depths[1] <= depths[0]
    (first,), (second,) = once.variants, thrice.variants
    assert second.vaf_low95 == pytest.approx(first.vaf_low95, rel=0.1)
    assert second.vaf_high95 == pytest.approx(first.vaf_high95, rel=0.1)


def test_amplicon(tmp_path):
    bam = amplicon_bam(tmp_path, [Clone(0.05, (THREONINE,))], seed=10)
    call = call_of(bam, tmp_path, assay="amplicon")
    check(call, {"c.122T>C": 0.05})
    assert call.codon41.count_unit == "reads"
    # All fragments begin and end alike; none is taken for a copy.
    assert 980 < call.codon41.depth_fragments <= 1_000


def test_umi_families_are_one_molecule_each(tmp_path):
    bam = umi_bam(tmp_path, [Clone(0.05, (THREONINE,))], seed=11)
    call = call_of(bam, tmp_path, umi_tags=["RX"])
    check(call, {"c.122T>C": 0.05})
    # An indel error at an end may set a read apart from its family.
    assert 590 < call.codon41.depth_fragments < 606


def test_spliced_rna(tmp_path):
    call = call_of(rna_bam(tmp_path, [Clone(0.2, (THREONINE,))], seed=12), tmp_path, assay="rna")
    check(call, {"c.122T>C": 0.2})
    # Reads that end a few bases beyond a junction are clipped there; they count all the same.
    assert call.codon41.depth_fragments >= 0.98 * reads_over_codon_by_transcript(tmp_path)


def test_spliced_rna_without_a_clone(tmp_path):
    # Some reads that end a few bases beyond a junction are aligned into the intron.
    check(call_of(rna_bam(tmp_path, seed=13), tmp_path, assay="rna"), {})


@pytest.mark.parametrize(
    ("simulator", "shape", "edit", "name"),
    [
        ("dwgsim", Shape(150, 220), THREONINE, "c.122T>C"),
        ("dwgsim", Shape(100, 200), VALINE, "c.121A>G"),
        ("art", Shape(150, 220), VALINE, "c.121A>G"),
        ("art", Shape(100, 200), THREONINE, "c.122T>C"),
    ],
)
def test_rna_split_at_the_junctions(tmp_path, simulator, shape, edit, name):
    # bwa clips the first bases of exon 3 off a mutant part, and not off one of the reference.
    bam = split_rna_bam(tmp_path, simulator, [Clone(0.3, (edit,))], seed=14, shape=shape)
    call = call_of(bam, tmp_path, assay="rna")
    check(call, {name: 0.3})
    over = fragments_over_codon_by_transcript(tmp_path)
    assert call.codon41.depth_fragments == pytest.approx(sum(over.values()), rel=0.01)
    (variant,) = call.variants
    assert variant.alt_fragments == pytest.approx(over["h1"], rel=0.02)


@pytest.mark.parametrize("errors", [0.03, 0.05, 0.08])
def test_listed_deletion_in_long_reads(tmp_path, errors):
    reads = 300
    call, held, deletion = called_long(
        tmp_path, (EIGHT_BASES,), errors, seed=15, share=0.3, reads=reads
    )
    assert deletion.alt_fragments / deletion.depth_fragments == pytest.approx(
        held / reads, abs=0.01
    )
    (variant,) = (one for one in call.variants if one.hgvs_c == "c.118-9_118-2del")
    assert variant.vaf_low95 <= held / reads <= variant.vaf_high95


def test_long_reads_without_the_listed_deletion(tmp_path):
    call, _, deletion = called_long(tmp_path, (), 0.1, seed=16, share=0, reads=300)
    assert deletion.alt_fragments == 0
    assert not call.variants


@pytest.mark.parametrize(("start1", "length"), [(47199035, 12), (47199040, 7)])
def test_another_deletion_in_long_reads_is_not_the_listed_one(tmp_path, start1, length):
    other = Edit(start1, hand_genome().slice1(start1, length), "")
    call, _, deletion = called_long(tmp_path, (other,), 0.05, seed=17, share=0.3, reads=300)
    # Of seven bases a read that lacks one more by an error has the eight.
    assert deletion.alt_fragments <= 0.03 * deletion.depth_fragments
    assert all(one.hgvs_c != "c.118-9_118-2del" for one in call.variants)
