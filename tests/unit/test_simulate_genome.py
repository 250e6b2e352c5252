"""The bases around the exons, the N-padded FASTA and the contigs that simulated files name."""

from __future__ import annotations

import hashlib
import random

import pysam
import pytest
import yaml

from builders.simulated import clone, genome_of, sample_of, write_padded_fasta
from vexas_uba1 import paths
from vexas_uba1.errors import UserError
from vexas_uba1.simulate.genome import OTHER_CHROMOSOMES
from vexas_uba1.simulate.padded_fasta import padded_md5
from vexas_uba1.simulate.spec import GenomeSpec


def fetched(path):
    with pysam.FastaFile(str(path)) as fasta:
        return {name: fasta.fetch(name) for name in fasta.references}


@pytest.mark.parametrize("suffix", [".fa", ".fa.gz"])
@pytest.mark.parametrize(
    ("length", "start", "known"),
    [
        (100, 0, 100),
        (120, 0, 120),
        (121, 60, 61),
        (59, 3, 10),
        (200, 100, 100),
        (60, 59, 1),
        (130, 50, 75),
        (300000, 123457, 20011),
        (70, 0, 0),
    ],
)
def test_a_padded_fasta_is_n_but_for_its_bases(tmp_path, length, start, known, suffix):
    bases = "".join(random.Random(length).choices("ACGT", k=known))
    path = tmp_path / f"x{suffix}"
    write_padded_fasta(path, [("a", 61), ("b", length), ("c", 7)], "b", start, bases)
    wanted = "N" * start + bases + "N" * (length - start - known)
    assert fetched(path) == {"a": "N" * 61, "b": wanted, "c": "N" * 7}
    assert (
        padded_md5(length, start, bases)
        == hashlib.md5(wanted.encode(), usedforsecurity=False).hexdigest()
    )


def test_the_indexes_are_those_htslib_makes(tmp_path):
    packed, plain = tmp_path / "x.fa.gz", tmp_path / "x.fa"
    for path in (packed, plain):
        write_padded_fasta(path, [("a", 500000), ("b", 31)], "a", 250001, "ACGT" * 3000)
    ours = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.suffix in (".fai", ".gzi")}
    assert set(ours) == {"x.fa.gz.fai", "x.fa.gz.gzi", "x.fa.fai"}
    for name in ours:
        (tmp_path / name).unlink()
    for path in (packed, plain):
        pysam.faidx(str(path))
    assert ours == {name: (tmp_path / name).read_bytes() for name in ours}


def test_exons_are_the_records_and_introns_the_seeds():
    one, same, other = (genome_of(GenomeSpec(intron_seed=seed)) for seed in (1, 1, 2))
    assert one is same and one.bases != other.bases
    known = one.placed.reference_bases()
    assert len(one.bases) == len(known) and set(one.bases) == set("ACGT")
    for genome in (one, other):
        assert all(a == b for a, b in zip(known, genome.bases, strict=True) if a != "N")
    unlike = sum(a != b for a, b in zip(one.bases, other.bases, strict=True))
    assert abs(unlike / known.count("N") - 0.75) < 0.02
    assert genome_of(GenomeSpec("GRCh37", intron_seed=1)).bases == one.bases


def test_all_chromosomes_add_up_to_the_known_genomes():
    lengths = {"GRCh38": 156040895, "GRCh37": 155270560}
    totals = {b: sum(OTHER_CHROMOSOMES[b].values()) + length for b, length in lengths.items()}
    assert totals == {"GRCh38": 3088286401, "GRCh37": 3095693981}


@pytest.mark.parametrize(("contig", "first", "last"), [("chrX", "chr1", "chrM"), ("X", "1", "MT")])
def test_a_header_may_list_all_chromosomes(tmp_path, contig, first, last):
    sample = sample_of(tmp_path, genome__header="all", genome__contig=contig)
    with pysam.AlignmentFile(str(sample.bam)) as handle:
        assert (handle.references[0], handle.references[-1]) == (first, last)
        assert handle.nreferences == 25
        assert handle.get_reference_length(contig) == 156040895
        assert {read.reference_name for read in handle} == {contig}
        listed = dict(zip(handle.references, handle.lengths, strict=True))
    with pysam.FastaFile(str(sample.fasta)) as fasta:
        assert dict(zip(fasta.references, fasta.lengths, strict=True)) == listed
        assert fasta.fetch(contig, 47199050, 47199053) == "ATG"
        assert set(fasta.fetch(last)) == {"N"}


def test_introns_can_come_from_a_fasta(tmp_path):
    own = tmp_path / "own.fa.gz"
    genome = genome_of(GenomeSpec(intron_seed=77))
    genome.write_fasta(own)
    sample = sample_of(
        tmp_path / "out",
        genome__fasta=str(own),
        formats=["bam", "cram"],
        clones=[clone(0.3, "c.122T>C")],
        errors__by_quality=False,
    )
    drawn = sample_of(
        tmp_path / "drawn",
        genome__intron_seed=77,
        clones=[clone(0.3, "c.122T>C")],
        errors__by_quality=False,
    )
    assert sample.fasta == own
    assert sample.bam.read_bytes() == drawn.bam.read_bytes()
    assert not list((tmp_path / "out").glob("*.fa*"))
    assert str(tmp_path) not in sample.truth_file.read_text(encoding="utf-8")
    with pytest.raises(UserError, match="GRCh38"):
        sample_of(tmp_path / "no", genome__fasta=str(own), genome__build="GRCh37")


def test_a_fasta_without_the_introns_is_refused(tmp_path):
    own = tmp_path / "own.fa"
    genome = genome_of(GenomeSpec())
    known = genome.placed.reference_bases()
    write_padded_fasta(tmp_path / "own.fa.gz", genome.contigs, "chrX", genome.sequence.start, known)
    with pytest.raises(UserError, match="unknown bases"):
        sample_of(tmp_path / "out", genome__fasta=str(own) + ".gz")


def test_another_gene_record_moves_everything(tmp_path):
    source = paths.resources() / "uba1" / "locus.yaml"
    record = yaml.safe_load(source.read_text(encoding="utf-8"))
    build = record["builds"].pop("GRCh38")
    shift = 1_000_003
    build.update(contigs=["scaffold7"], length=60_000_000)
    build.pop("m5")
    build["codon_positions1"] = [p - shift for p in build["codon_positions1"]]
    build["exons1"] = [[a - shift, b - shift] for a, b in build["exons1"]]
    record["builds"] = {"moved": build}
    record.pop("catalogue")
    (tmp_path / "moved.yaml").write_text(yaml.safe_dump(record), encoding="utf-8")
    wishes = {"clones": [clone(0.5, "c.122T>C")]}
    moved = sample_of(
        tmp_path / "moved",
        genome__locus=str(tmp_path / "moved.yaml"),
        genome__build="moved",
        **wishes,
    )
    usual = sample_of(tmp_path / "usual", **wishes)
    with pysam.AlignmentFile(str(moved.bam)) as one, pysam.AlignmentFile(str(usual.bam)) as two:
        assert one.references == ("scaffold7",)
        pairs = list(zip(one, two, strict=True))
    assert pairs
    assert all(a.reference_start + shift == b.reference_start for a, b in pairs)
    assert all(a.query_sequence == b.query_sequence for a, b in pairs)


def test_a_record_without_exons_gives_reads_of_the_codon(tmp_path):
    record = {
        "schema_version": 1,
        "gene": "Gene1",
        "transcript": "T1",
        "strand": "-",
        "codon": {"reference": "ATG"},
        "builds": {
            "own": {"contigs": ["c1"], "length": 9000, "codon_positions1": [5003, 5002, 5001]}
        },
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(record), encoding="utf-8")
    wishes = {"genome__locus": str(path), "genome__build": "own", "regions": ["codon"]}
    sample = sample_of(tmp_path / "out", **wishes)
    assert set(sample.truth["codon"]["haplotypes"]) == {"ATG"}
    with pysam.FastaFile(str(sample.fasta)) as fasta:
        assert fasta.fetch("c1", 5000, 5003) == "CAT"
    for regions in (["coding"], ["exon 3"]):
        with pytest.raises(UserError, match="region"):
            sample_of(tmp_path / "no", **{**wishes, "regions": regions})
    with pytest.raises(UserError, match="without exons"):
        sample_of(tmp_path / "no", **wishes, library__molecule="rna")


@pytest.mark.parametrize(
    "region", ["exon 99", "exon", "intron 2", "c.118", "c.118-60_x", "c.-9999_10"]
)
def test_unknown_regions_are_refused(tmp_path, region):
    with pytest.raises(UserError, match="region"):
        sample_of(tmp_path, regions=[region])


def test_unknown_builds_and_lists_are_refused(tmp_path):
    with pytest.raises(UserError, match="GRCh38"):
        sample_of(tmp_path, genome__build="hg99")
    with pytest.raises(UserError, match="all chromosomes"):
        sample_of(tmp_path, genome__header="all", genome__contig="NC_000023.11")
