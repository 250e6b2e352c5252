from __future__ import annotations

import gzip
import os

import pysam
import pytest

from builders.sam import md5_of, write_fasta
from builders.small_gene import listing
from vexas_uba1.alignments.fasta import open_genome
from vexas_uba1.errors import UserError

BASES = {"chr1": "ACGTN" * 31, "chrX": "acgtt" * 100 + "GATTACA"}


@pytest.fixture
def fasta(tmp_path):
    (tmp_path / "user").mkdir()
    return write_fasta(tmp_path / "user" / "genome file.fa", BASES)


def test_fasta_without_index_is_read_and_nothing_is_written_beside_it(fasta, tmp_path, monkeypatch):
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    before = listing(fasta.parent)
    genome = open_genome(fasta, index_dir=tmp_path / "index")
    assert [(contig.name, contig.length) for contig in genome.contigs] == [
        ("chr1", 155),
        ("chrX", 507),
    ]
    assert genome.fetch("chrX", 498, 507) == "TTGATTACA"
    assert genome.md5("chrX") == md5_of(BASES["chrX"])
    assert listing(fasta.parent) == before
    assert listing(tmp_path / "cwd") == set()


def test_bgzipped_fasta_gives_the_same_bases(fasta, tmp_path):
    packed = fasta.with_suffix(".fa.gz")
    pysam.tabix_compress(str(fasta), str(packed))
    before = listing(fasta.parent)
    genome = open_genome(packed, index_dir=tmp_path / "index")
    assert genome.fetch("chrX", 0, 507) == BASES["chrX"].upper()
    assert genome.md5("chr1") == md5_of(BASES["chr1"])
    assert listing(fasta.parent) == before


def test_fresh_index_beside_the_fasta_is_used(fasta, tmp_path):
    pysam.faidx(str(fasta))
    genome = open_genome(fasta, index_dir=tmp_path / "index")
    assert genome.location == fasta
    assert genome.fetch("chr1", 0, 5) == "ACGTN"
    assert not (tmp_path / "index").exists()


def test_index_older_than_the_fasta_is_not_used(fasta, tmp_path):
    pysam.faidx(str(fasta))
    write_fasta(fasta, {"chrX": "GATTACA" * 40})
    os.utime(f"{fasta}.fai", ns=(0, fasta.stat().st_mtime_ns - 1))
    genome = open_genome(fasta, index_dir=tmp_path / "index")
    assert genome.fetch("chrX", 0, 7) == "GATTACA"


def test_index_and_checksum_are_kept_for_the_next_time(fasta, tmp_path):
    first = open_genome(fasta, index_dir=tmp_path / "index")
    first.md5("chrX")
    kept = listing(tmp_path / "index")
    second = open_genome(fasta, index_dir=tmp_path / "index")
    assert second.md5("chrX") == first.md5("chrX")
    assert listing(tmp_path / "index") == kept


def test_a_changed_fasta_gets_a_new_index_and_checksum(fasta, tmp_path):
    before = open_genome(fasta, index_dir=tmp_path / "index").md5("chrX")
    write_fasta(fasta, {"chrX": "GATTACA" * 40})
    genome = open_genome(fasta, index_dir=tmp_path / "index")
    assert genome.md5("chrX") == md5_of("GATTACA" * 40) != before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"just some text\n", "not a FASTA"),
        (b"@read\nACGT\n+\nIIII\n", "not a FASTA"),
        (gzip.compress(b">chrX\nACGT\n", mtime=0), "plain gzip"),
        (b">chrX\nACGT\nACGTACGT\nAC\n", "lines differ in length"),
    ],
)
def test_what_is_no_usable_fasta_is_told(tmp_path, content, said):
    path = tmp_path / "bad.fa"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        open_genome(path, index_dir=tmp_path / "index", shown="bad.fa")
    assert caught.value.problems[0].file == "bad.fa"
    assert caught.value.problems[0].remedy


def test_missing_fasta_and_folder_are_told(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        open_genome(tmp_path / "none.fa", index_dir=tmp_path / "index")
    with pytest.raises(UserError, match="folder"):
        open_genome(tmp_path, index_dir=tmp_path / "index")


def test_truncated_fasta_with_the_whole_files_index_is_told(fasta, tmp_path):
    pysam.faidx(str(fasta))
    os.truncate(fasta, 300)
    os.utime(fasta, ns=(0, 0))
    genome = open_genome(fasta, index_dir=tmp_path / "index")
    with pytest.raises(UserError, match="truncated"):
        genome.fetch("chrX", 0, 507)
    with pytest.raises(UserError, match="truncated"):
        genome.md5("chrX")
