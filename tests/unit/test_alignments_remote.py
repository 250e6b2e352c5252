from __future__ import annotations

import pytest

from builders.rangeserver import serving
from builders.sam import write_fasta
from builders.small_gene import listing, small_genome, small_locus, small_reads
from vexas_uba1.alignments.extraction import extract_region
from vexas_uba1.alignments.fasta import open_genome
from vexas_uba1.errors import UserError

SIGNATURE = "X-Signature=hush"


@pytest.fixture
def served(tmp_path, monkeypatch):
    folder = tmp_path / "served"
    folder.mkdir()
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return folder


def extract(source, tmp_path, genomes=()):
    return extract_region(
        source,
        locus=small_locus(tmp_path),
        genomes=genomes,
        sample_id="S1",
        out_bam=tmp_path / "out" / "S1.uba1.bam",
        scratch=tmp_path / "scratch",
    )


def told(source, tmp_path, genomes=()):
    with pytest.raises(UserError) as caught:
        extract(source, tmp_path, genomes)
    assert "hush" not in str(caught.value)
    assert "password" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    return str(caught.value)


def test_remote_bam_gives_the_bytes_of_the_local_one_and_writes_nothing_else(served, tmp_path):
    bam = small_reads().write_bam(served / "reads.bam")
    extract(bam, tmp_path)
    local = (tmp_path / "out" / "S1.uba1.bam").read_bytes()
    with serving(served, secret=SIGNATURE) as address:
        extraction = extract(f"{address}/reads.bam?{SIGNATURE}", tmp_path)
    assert (tmp_path / "out" / "S1.uba1.bam").read_bytes() == local
    assert listing(tmp_path / "cwd") == set()
    (file,) = extraction.files
    assert (file.name, file.bytes, file.sha256_of) == ("reads.bam", None, "uba1_records")


def test_remote_cram_is_read_with_its_fasta(served, tmp_path):
    fasta = write_fasta(tmp_path / "genome.fa", small_genome())
    small_reads().write_cram(served / "reads.cram", fasta)
    genome = open_genome(fasta, index_dir=tmp_path / "index")
    with serving(served) as address:
        assert extract(f"{address}/reads.cram", tmp_path, [genome]).records > 0
    assert listing(tmp_path / "cwd") == set()


def test_index_at_another_address_can_be_named(served, tmp_path):
    bam = small_reads().write_bam(served / "reads.bam")
    bam.with_name("reads.bam.bai").rename(served / "other.bai")
    with serving(served) as address:
        url = f"{address}/reads.bam##idx##{address}/other.bai"
        assert extract(url, tmp_path).records > 0


def test_what_is_wrong_with_a_remote_file_is_told_without_its_secrets(served, tmp_path):
    bam = small_reads().write_bam(served / "reads.bam", index=False)
    (served / "notes.bam").write_text("sample\tnote\n" * 20)
    (served / "cut.bam").write_bytes(bam.read_bytes()[:-28])
    with serving(served, secret=SIGNATURE) as address:
        assert "no index lies beside" in told(f"{address}/reads.bam?{SIGNATURE}", tmp_path)
        assert "no such file" in told(f"{address}/none.bam?{SIGNATURE}", tmp_path)
        assert "refuses access" in told(f"{address}/reads.bam?X-Signature=hushed", tmp_path)
        assert "not a BAM or CRAM" in told(f"{address}/notes.bam?{SIGNATURE}", tmp_path)
        assert "truncated" in told(f"{address}/cut.bam?{SIGNATURE}", tmp_path)
        host = address.removeprefix("http://")
    unreachable = told(f"http://me:password@{host}/reads.bam?{SIGNATURE}", tmp_path)
    assert "cannot be reached" in unreachable
    assert f"http://{host}/reads.bam" in unreachable
    assert listing(tmp_path / "cwd") == set()
