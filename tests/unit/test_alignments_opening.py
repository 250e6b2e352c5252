from __future__ import annotations

import os
from pathlib import Path

import pysam
import pytest

from builders.sam import SamBuilder, write_fasta
from builders.small_gene import (
    CODON,
    CONTIG,
    LENGTH,
    listing,
    small_genome,
    small_reads,
    small_sequence,
)
from vexas_uba1.alignments.fasta import open_genome
from vexas_uba1.alignments.opening import open_alignment
from vexas_uba1.alignments.sources import Source, check_alignment_file
from vexas_uba1.errors import UserError


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A folder with the user's files; the working directory is another, empty one."""
    folder = tmp_path / "user files"
    folder.mkdir()
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    return folder


def read_all(path, tmp_path, genome=None):
    source = Source.of(path)
    header = check_alignment_file(source)
    scratch = tmp_path / "scratch"
    with open_alignment(
        source, header, contig=CONTIG, window=(0, 1 << 29), genome=genome, scratch=scratch
    ) as alignment:
        lines = [record.to_string() for record in alignment.fetch(CONTIG, CODON, CODON + 3)]
        warnings = alignment.warnings
    assert listing(scratch) == set()
    return lines, warnings


def told(path, tmp_path, genome=None):
    with pytest.raises(UserError) as caught:
        read_all(path, tmp_path, genome)
    (problem,) = caught.value.problems
    assert problem.file == str(path)
    assert problem.remedy
    return problem.message


def expected_lines():
    lines = small_reads()._ordered()
    return [line for line in lines if CODON - 99 <= int(line.split("\t")[3]) <= CODON + 3]


@pytest.mark.parametrize("index", [True, False])
def test_bam_is_read_with_and_without_index_and_nothing_is_written(user, tmp_path, index):
    bam = small_reads().write_bam(user / "reads.bam", index=index)
    before = listing(user)
    lines, warnings = read_all(bam, tmp_path)
    assert lines == expected_lines()
    assert warnings == ()
    assert listing(user) == before
    assert listing(tmp_path / "cwd") == set()


@pytest.mark.parametrize("name", ["reads.bai", "reads.bam.csi"])
def test_index_under_its_other_names_is_found(user, tmp_path, monkeypatch, name):
    bam = small_reads().write_bam(user / "reads.bam", index=False)
    options = ["-c"] if name.endswith("csi") else []
    pysam.index(*options, "-o", str(user / name), str(bam))

    def no_building(*_):
        raise AssertionError("an index was built")

    monkeypatch.setattr("vexas_uba1.alignments.opening._build_index", no_building)
    assert read_all(bam, tmp_path)[0] == expected_lines()


def test_index_older_than_the_reads_is_replaced_by_our_own(user, tmp_path, caplog):
    bam = small_reads(count=3).write_bam(user / "reads.bam")
    small_reads().write_bam(bam, index=False)
    os.utime(f"{bam}.bai", ns=(0, bam.stat().st_mtime_ns - 1))
    before = listing(user)
    lines, warnings = read_all(bam, tmp_path)
    assert lines == expected_lines()
    # A copy's times must not change a result: this goes to the log.
    assert warnings == ()
    assert "the index reads.bam.bai is older than the reads and is not used" in caplog.text
    assert listing(user) == before


def test_damaged_index_is_replaced_by_our_own(user, tmp_path, caplog):
    bam = small_reads().write_bam(user / "reads.bam")
    (user / "reads.bam.bai").write_bytes(b"BAI\1\1\0")
    lines, warnings = read_all(bam, tmp_path)
    assert lines == expected_lines()
    assert warnings == ()
    assert "the index reads.bam.bai is damaged and is not used" in caplog.text


def test_index_that_lies_elsewhere_can_be_named(user, tmp_path):
    bam = small_reads().write_bam(user / "reads.bam", index=False)
    pysam.index("-o", str(tmp_path / "elsewhere.bai"), str(bam))
    lines, _ = read_all(f"{bam}##idx##{tmp_path / 'elsewhere.bai'}", tmp_path)
    assert lines == expected_lines()
    with pytest.raises(UserError, match="does not exist"):
        read_all(f"{bam}##idx##{tmp_path / 'none.bai'}", tmp_path)


def test_missing_file_folder_and_pipe_are_told(user, tmp_path):
    assert "does not exist" in told(user / "none.bam", tmp_path)
    assert "folder" in told(user, tmp_path)
    os.mkfifo(user / "pipe.bam")
    assert "not a regular file" in told(user / "pipe.bam", tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"sample\tnote\nA\tB\n", "not a BAM or CRAM"),
        (b"@read1\nACGT\n+\nIIII\n", "FASTQ"),
        (b">chrX\nACGT\n", "FASTA"),
        (b"@HD\tVN:1.6\n@SQ\tSN:chrX\tLN:9\n", "SAM text"),
        (b"##fileformat=VCFv4.3\n", "variants"),
        (b"\x1f\x8b\x08\x00broken", "not a BAM or CRAM"),
        (b"CRAM", "not a BAM or CRAM"),
    ],
)
def test_other_files_named_bam_are_told(user, tmp_path, content, said):
    path = user / "reads.bam"
    path.write_bytes(content)
    assert said in told(path, tmp_path)


def test_truncated_bam_is_told(user, tmp_path):
    bam = small_reads(count=3000).write_bam(user / "reads.bam")
    content = bam.read_bytes()
    for size in (len(content) - 28, len(content) // 2, 40):
        bam.write_bytes(content[:size])
        assert "truncated" in told(bam, tmp_path)


def test_truncated_cram_is_told(user, tmp_path):
    fasta = write_fasta(tmp_path / "genome.fa", small_genome())
    cram = small_reads().write_cram(user / "reads.cram", fasta)
    genome = open_genome(fasta, index_dir=tmp_path / "index")
    content = cram.read_bytes()
    for size in (len(content) - 38, len(content) // 2):
        cram.write_bytes(content[:size])
        assert "truncated" in told(cram, tmp_path, genome)


@pytest.mark.parametrize("index", [True, False])
def test_bam_damaged_within_is_told_never_read_short(user, tmp_path, index):
    bases = small_sequence()
    builder = SamBuilder([(CONTIG, LENGTH)])
    for number in range(3000):
        start = CODON - 50
        builder.read(f"r{number:05}", start + 1, bases[start : start + 100], qual=number % 40)
    bam = builder.write_bam(user / "reads.bam", index=index)
    content = bytearray(bam.read_bytes())
    content[len(content) // 2] ^= 255
    bam.write_bytes(content)
    if index:
        os.utime(f"{bam}.bai")
    assert "damaged" in told(bam, tmp_path)


@pytest.mark.parametrize("order", ["queryname", "unsorted", "unknown"])
def test_reads_not_sorted_by_position_are_told(user, tmp_path, order):
    builder = small_reads(order=order)
    builder.lines.reverse()
    bam = builder.write_bam(user / "reads.bam", index=False)
    with pytest.raises(UserError, match="not sorted by position") as caught:
        read_all(bam, tmp_path)
    assert "samtools sort" in caught.value.problems[0].remedy


def test_sorted_reads_whose_header_does_not_say_so_are_read(user, tmp_path):
    builder = small_reads(order="unknown")
    builder.lines = small_reads()._ordered()
    assert (
        read_all(builder.write_bam(user / "reads.bam", index=False), tmp_path)[0]
        == expected_lines()
    )


def test_unaligned_bam_is_told(user, tmp_path):
    builder = SamBuilder([], order="unknown").line("r1\t4\t*\t0\t0\t*\t*\t0\t0\tACGT\tIIII")
    assert "not aligned" in told(builder.write_bam(user / "reads.bam", index=False), tmp_path)


@pytest.mark.parametrize("index", [True, False])
def test_cram_with_its_fasta_gives_the_reads_of_the_bam(user, tmp_path, index):
    fasta = write_fasta(user / "genome.fa", small_genome())
    cram = small_reads().write_cram(user / "reads.cram", fasta, index=index)
    (user / "genome.fa.fai").unlink()
    before = listing(user)
    genome = open_genome(fasta, index_dir=tmp_path / "index")
    lines, warnings = read_all(cram, tmp_path, genome)
    assert [set(line.split("\t")) for line in lines] == [
        set(line.split("\t")) for line in expected_lines()
    ]
    assert warnings == ()
    assert listing(user) == before
    assert listing(tmp_path / "cwd") == set()


def test_cram_with_bgzipped_fasta_is_read(user, tmp_path):
    fasta = write_fasta(user / "genome.fa", small_genome())
    cram = small_reads().write_cram(user / "reads.cram", fasta)
    pysam.tabix_compress(str(fasta), f"{fasta}.gz")
    genome = open_genome(f"{fasta}.gz", index_dir=tmp_path / "index")
    assert len(read_all(cram, tmp_path, genome)[0]) == len(expected_lines())


def test_cram_without_fasta_is_refused_although_its_header_names_a_valid_one(user, tmp_path):
    fasta = write_fasta(user / "genome.fa", small_genome())
    cram = small_reads().write_cram(user / "reads.cram", fasta)
    header = pysam.AlignmentFile(str(cram)).header.to_dict()
    assert header["SQ"][0]["UR"].endswith("genome.fa")
    assert "only with the FASTA" in told(cram, tmp_path)


def test_cram_with_a_fasta_of_other_bases_is_refused(user, tmp_path):
    fasta = write_fasta(user / "genome.fa", small_genome())
    cram = small_reads().write_cram(user / "reads.cram", fasta)
    other = small_genome()
    changed = "A" if other[CONTIG][5] != "A" else "C"
    other[CONTIG] = other[CONTIG][:5] + changed + other[CONTIG][6:]
    wrong = open_genome(write_fasta(tmp_path / "wrong.fa", other), index_dir=tmp_path / "index")
    assert "other bases" in told(cram, tmp_path, wrong)


def test_cram_with_a_fasta_that_lacks_a_contig_is_refused_although_ur_has_it(user, tmp_path):
    fasta = write_fasta(user / "genome.fa", small_genome())
    cram = small_reads().write_cram(user / "reads.cram", fasta)
    part = write_fasta(tmp_path / "part.fa", {CONTIG: small_sequence()})
    message = told(cram, tmp_path, open_genome(part, index_dir=tmp_path / "index"))
    assert "chr1 (400 in the CRAM, none in the FASTA)" in message


def without_m5(cram):
    """Take the checksums out of a CRAM's header."""
    header = pysam.AlignmentFile(str(cram)).header.to_dict()
    text = "@HD\tVN:1.6\tSO:coordinate\n" + "".join(
        f"@SQ\tSN:{line['SN']}\tLN:{line['LN']}\n" for line in header["SQ"]
    )
    headers = cram.with_suffix(".sam")
    headers.write_text(text)
    pysam.reheader("-P", "-i", str(headers), str(cram), catch_stdout=False)
    headers.unlink()
    pysam.index(str(cram))
    assert "M5" not in pysam.AlignmentFile(str(cram)).header.to_dict()["SQ"][0]
    return cram


def test_cram_without_checksum_in_its_header_is_read_with_a_warning(user, tmp_path):
    fasta = write_fasta(user / "genome.fa", small_genome())
    cram = without_m5(small_reads().write_cram(user / "reads.cram", fasta))
    lines, warnings = read_all(cram, tmp_path, open_genome(fasta, index_dir=tmp_path / "index"))
    assert len(lines) == len(expected_lines())
    assert "no checksum (M5) of chrX" in warnings[0]


def test_cram_without_checksum_and_with_other_bases_under_its_reads_is_told(user, tmp_path):
    fasta = write_fasta(user / "genome.fa", small_genome())
    cram = without_m5(small_reads().write_cram(user / "reads.cram", fasta))
    other = small_genome()
    other[CONTIG] = other[CONTIG][:CODON] + "CTG" + other[CONTIG][CODON + 3 :]
    wrong = open_genome(write_fasta(tmp_path / "wrong.fa", other), index_dir=tmp_path / "index")
    assert "another reference" in told(cram, tmp_path, wrong)


def test_reference_lookups_are_switched_off_while_reading_and_restored_after(
    user, tmp_path, monkeypatch
):
    monkeypatch.setenv("REF_PATH", "/some/cache/%s")
    monkeypatch.delenv("REF_CACHE", raising=False)
    bam = small_reads().write_bam(user / "reads.bam")
    source = Source.of(bam)
    header = check_alignment_file(source)
    with open_alignment(
        source,
        header,
        contig=CONTIG,
        window=(0, 1 << 29),
        genome=None,
        scratch=tmp_path / "scratch",
    ):
        assert os.environ["REF_PATH"] == os.environ["REF_CACHE"]
        assert not Path(os.environ["REF_PATH"]).exists()
    assert os.environ["REF_PATH"] == "/some/cache/%s"
    assert "REF_CACHE" not in os.environ


def test_nothing_is_printed_by_htslib(user, tmp_path, capfd):
    bam = small_reads().write_bam(user / "reads.bam")
    bam.write_bytes(bam.read_bytes()[:-28])
    told(bam, tmp_path)
    builder = small_reads(order="unsorted")
    builder.lines.reverse()
    told(builder.write_bam(user / "unsorted.bam", index=False), tmp_path)
    assert capfd.readouterr().err == ""


def test_urls_lose_their_secrets_in_messages_and_names():
    source = Source.of("https://me:word@host.example/a/reads.bam?X-Signature=abc#part")
    assert source.shown == "https://host.example/a/reads.bam"
    for secret in ("ID:hush/hush", "me:hush?hush", "me:hush#hush", "me:hush@hush", "me:hu@sh?hush"):
        for scheme in ("https", "s3"):
            shown = Source.of(f"{scheme}://{secret}@bucket/reads.bam?hush=hush").shown
            assert "hu" not in shown and "sh" not in shown, secret
    assert "hush" not in Source.of("https://host/reads.bam?mail=me@hush").shown
    assert source.name == "reads.bam"
    assert source.is_remote
    with pytest.raises(UserError, match="cannot be read") as caught:
        Source.of("gopher://me:word@host.example/reads.bam?key=1")
    assert "word" not in str(caught.value)
    assert "key" not in str(caught.value)
