"""FASTQ input and trimming: what is refused and how it is told, what is cut and what is not."""

import errno
import gzip
import hashlib
import random

import pytest

from builders.fastq import (
    TRUSEQ_1,
    TRUSEQ_2,
    FastqRead,
    random_bases,
    read,
    reverse_complement,
    write_fastq,
)
from vexas_uba1.errors import UserError
from vexas_uba1.mapping.programs import failure
from vexas_uba1.mapping.trimming import TrimOptions, insert_length, trim_unit
from vexas_uba1.samples.sources import LocalFile
from vexas_uba1.samples.umi import parse_umi

RNG = random.Random(7)
INSERT = random_bases(RNG, 300)


def trim(tmp_path, *paths, **options):
    trimmed = tuple(tmp_path / "out" / f"trimmed.R{i + 1}.fastq.gz" for i in range(len(paths)))
    files = tuple(LocalFile(path.name, path.absolute()) for path in paths)
    report = trim_unit(TrimOptions(reads=files, trimmed=trimmed, **options))
    return report, [gzip.decompress(path.read_bytes()).decode() for path in trimmed]


def bases(fastq):
    return fastq.splitlines()[1::4]


def headers(fastq):
    return fastq.splitlines()[0::4]


def refused(tmp_path, *paths, **options):
    with pytest.raises(UserError) as caught:
        trim(tmp_path, *paths, **options)
    out = tmp_path / "out"
    assert not out.exists() or not list(out.iterdir()), "nothing may be left behind"
    (problem,) = caught.value.problems
    return problem


def some_reads(count, start="r", length=80):
    return [read(f"{start}{i}", random_bases(RNG, length)) for i in range(count)]


def test_missing_file(tmp_path):
    problem = refused(tmp_path, tmp_path / "gone.fastq.gz")
    assert problem.file == "gone.fastq.gz"
    assert "does not exist" in problem.message


def test_folder_in_place_of_a_file(tmp_path):
    assert "cannot be read" in refused(tmp_path, tmp_path).message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty (0 bytes)"),
        (gzip.compress(b"", mtime=0), "holds no reads"),
        (b"hello, world\n", "not a FASTQ file"),
        (b">seq\nACGT\n", "not a FASTQ file"),
        (b"\x00\x01\x02\x03" * 40, "not a FASTQ file"),
        (b"@a\nACGT\n+\nIII\n", "record 1: the quality string is not as long"),
        (b"@a\nACGT\n+\nIIII\n@b\nACGT\n+\nIIIII\n", "record 2: the quality string"),
        (b"@a\nACGT\n+\nIIII\n@b\nAC", "the file ends within record 2"),
        (b"@a\nACGT\n+\nIIII\nb\nACGT\n+\nIIII\n", "record 2 (line 5) is not a FASTQ record"),
        (b"@a\nACGT\n+\nIIII\n@b\nAC-T\n+\nIIII\n", "record 2 (b) holds characters"),
        (b"@a\nACGT\n+\nII I\n", "record 1 (a) holds a character that is no base quality"),
        (b"@a\nACGT\n+\nII\xc3\xa4\n", "not a FASTQ"),
    ],
)
@pytest.mark.parametrize("enabled", [True, False])
def test_unusable_content_is_told_with_its_record(tmp_path, content, says, enabled):
    path = tmp_path / "reads.fastq"
    path.write_bytes(content)
    problem = refused(tmp_path, path, enabled=enabled)
    assert problem.file == "reads.fastq"
    assert says in problem.message


@pytest.mark.parametrize("end", [-1, -9, 3000, 30])
def test_truncated_gzip(tmp_path, end):
    whole = gzip.compress("".join(r.text() for r in some_reads(500)).encode())
    path = tmp_path / "reads.fastq.gz"
    path.write_bytes(whole[:end])
    assert "truncated" in refused(tmp_path, path).message


def test_damaged_gzip(tmp_path):
    whole = bytearray(gzip.compress("".join(r.text() for r in some_reads(500)).encode()))
    whole[5000:5050] = bytes(50)
    path = tmp_path / "reads.fastq.gz"
    path.write_bytes(bytes(whole))
    with pytest.raises(UserError):
        trim(tmp_path, path)


def test_mates_out_of_step_are_told_with_record_and_names(tmp_path):
    firsts, seconds = some_reads(5), some_reads(5)
    seconds[2], seconds[3] = seconds[3], seconds[2]
    one = write_fastq(tmp_path / "a_1.fq", firsts)
    two = write_fastq(tmp_path / "a_2.fq", seconds)
    problem = refused(tmp_path, one, two)
    assert "out of step: record 3 is 'r2' here but 'r3' in a_2.fq" in problem.message


@pytest.mark.parametrize(("counts", "short"), [((5, 3), "a_2.fq"), ((3, 5), "a_1.fq")])
def test_differing_counts_name_the_shorter_file(tmp_path, counts, short):
    one = write_fastq(tmp_path / "a_1.fq", some_reads(counts[0]))
    two = write_fastq(tmp_path / "a_2.fq", some_reads(counts[1]))
    problem = refused(tmp_path, one, two)
    assert problem.file == short
    assert "ends after 3 records" in problem.message


def test_the_same_file_twice(tmp_path):
    one = write_fastq(tmp_path / "a_1.fq", some_reads(3))
    assert "both files are of the same mate" in refused(tmp_path, one, one).message


@pytest.mark.parametrize(
    ("one", "two", "kept"),
    [
        ("x", "x", "x"),
        ("x/1", "x/2", "x"),
        ("x.1", "x.2", "x"),
        ("SRR1.7.1", "SRR1.7.2", "SRR1.7"),
        ("x 1:N:0:ACGT", "x 2:N:0:ACGT", "x"),
    ],
)
def test_names_of_mates_lose_suffix_and_comment(tmp_path, one, two, kept):
    first = write_fastq(tmp_path / "1.fq", [read(one, INSERT[:80])])
    second = write_fastq(tmp_path / "2.fq", [read(two, reverse_complement(INSERT)[:80])])
    _, texts = trim(tmp_path, first, second)
    assert [headers(text) for text in texts] == [[f"@{kept}"]] * 2


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", ["-leading dash.fastq", "two  words; $(x) 'q'.fq.gz", "ä.fq"])
def test_odd_file_names_and_checksums(tmp_path, name, packed):
    path = write_fastq(tmp_path / "a folder" / name, some_reads(4), packed=packed)
    report, (text,) = trim(tmp_path, path)
    assert len(bases(text)) == 4
    (file,) = report.files
    content = path.read_bytes()
    assert (file.name, file.bytes) == (name, len(content))
    assert file.sha256 == hashlib.sha256(content).hexdigest()


def test_adapter_is_cut_and_the_insert_kept(tmp_path):
    fragment = INSERT[:70]
    path = write_fastq(tmp_path / "r.fq", [read("a", (fragment + TRUSEQ_1)[:100])])
    _, (text,) = trim(tmp_path, path)
    assert bases(text) == [fragment]


def test_other_adapter_is_cut_when_it_is_named(tmp_path):
    fragment, adapter = INSERT[:70], "CATTAGACCATTGCATTAGC"
    path = write_fastq(tmp_path / "r.fq", [read("a", fragment + adapter)])
    _, (named,) = trim(tmp_path, path, adapters=(adapter,))
    _, (unnamed,) = trim(tmp_path, path, adapters=())
    assert bases(named) == [fragment]
    assert bases(unnamed) == [fragment + adapter]


@pytest.mark.parametrize("beyond", [1, 2, 5, 20])
def test_read_through_is_cut_to_the_base_whatever_the_adapter(tmp_path, beyond):
    fragment = INSERT[:80]
    tail_1, tail_2 = random_bases(RNG, beyond), random_bases(RNG, beyond)
    one = write_fastq(tmp_path / "1.fq", [read("a", fragment + tail_1)])
    two = write_fastq(tmp_path / "2.fq", [read("a", reverse_complement(fragment) + tail_2)])
    report, texts = trim(tmp_path, one, two, adapters=())
    assert [bases(text) for text in texts] == [[fragment], [reverse_complement(fragment)]]
    assert report.read_through == 1


def test_insert_length_survives_an_error_in_one_mates_first_bases():
    fragment = INSERT[:80]
    one, two = fragment + "TTTTT", reverse_complement(fragment) + "CCCCC"
    assert insert_length(one, two) == 80
    assert insert_length(one, "A" + two[1:5] + "T" + two[6:]) == 80
    assert insert_length(fragment, reverse_complement(fragment)) is None
    assert insert_length(INSERT[:100], reverse_complement(INSERT)[:100]) is None
    assert insert_length("CA" * 50, "TG" * 50) is None, "a repeat says nothing of the length"


def test_poly_g_run_is_cut_but_a_last_g_is_kept(tmp_path):
    ends_in_g = INSERT[:79] + "G"
    reads = [
        read("dark", INSERT[:60] + "G" * 40),
        read("genomic", ends_in_g),
        read("after_adapter", INSERT[:60] + TRUSEQ_1 + "G" * 27),
    ]
    path = write_fastq(tmp_path / "r.fq", reads)
    _, (text,) = trim(tmp_path, path)
    dark, genomic, after_adapter = bases(text)
    assert INSERT[:60].startswith(dark) and len(dark) >= 55
    assert (genomic, after_adapter) == (ends_in_g, INSERT[:60])
    _, (text,) = trim(tmp_path, path, poly_g=False)
    assert bases(text)[0] == INSERT[:60] + "G" * 40


def test_poor_ends_are_cut_and_short_reads_go_with_their_mate(tmp_path):
    poor = FastqRead("a", INSERT[:80], "I" * 50 + "#" * 30)
    short = FastqRead("b", INSERT[:80], "I" * 10 + "#" * 70)
    one = write_fastq(tmp_path / "1.fq", [poor, short])
    mates = [read("a", reverse_complement(INSERT)[:80]), read("b", reverse_complement(INSERT)[:80])]
    two = write_fastq(tmp_path / "2.fq", mates)
    report, texts = trim(tmp_path, one, two)
    assert bases(texts[0]) == [INSERT[:50]]
    assert bases(texts[1]) == [reverse_complement(INSERT)[:80]]
    assert (report.fragments_in, report.fragments_out) == (2, 1)


def test_nothing_is_cut_when_trimming_is_off(tmp_path):
    reads = [read("a", INSERT[:60] + TRUSEQ_1), FastqRead("b", INSERT[:9], "#" * 9)]
    path = write_fastq(tmp_path / "r.fq", reads)
    report, (text,) = trim(tmp_path, path, enabled=False)
    assert bases(text) == [one.bases for one in reads]
    assert report.fragments_out == 2


def test_all_reads_too_short_after_trimming_is_no_error(tmp_path):
    path = write_fastq(tmp_path / "r.fq", [read("a", TRUSEQ_1 + "G" * 20)])
    report, (text,) = trim(tmp_path, path)
    assert (report.fragments_out, text) == (0, "")


def test_umis_of_both_mates_travel_in_the_comment(tmp_path):
    fragment = INSERT[:120]
    one = write_fastq(tmp_path / "1.fq", [read("a 1:N:0", "ACGTACGT" + "TT" + fragment[:90])])
    mate = "GGGG" + reverse_complement(fragment)[:90]
    two = write_fastq(tmp_path / "2.fq", [read("a 2:N:0", mate)])
    structures = parse_umi("8M2S+T 4M+T").structures
    _, texts = trim(tmp_path, one, two, structures=structures)
    assert [headers(text) for text in texts] == [["@a\tRX:Z:ACGTACGT-GGGG"]] * 2
    assert [bases(text) for text in texts] == [[fragment[:90]], [reverse_complement(fragment)[:90]]]


def test_mates_umi_at_the_end_of_a_short_insert_is_cut(tmp_path):
    fragment, umi_1, umi_2 = INSERT[:60], "ACCATGCA", "TGTTCAAC"
    whole = umi_1 + fragment + reverse_complement(umi_2)
    one = write_fastq(tmp_path / "1.fq", [read("a", (whole + TRUSEQ_1)[:100])])
    two = write_fastq(tmp_path / "2.fq", [read("a", (reverse_complement(whole) + TRUSEQ_2)[:100])])
    _, texts = trim(tmp_path, one, two, structures=parse_umi("8M+T 8M+T").structures)
    assert [bases(text) for text in texts] == [[fragment], [reverse_complement(fragment)]]
    assert headers(texts[0]) == [f"@a\tRX:Z:{umi_1}-{umi_2}"]


def test_reads_shorter_than_the_structure_are_dropped_and_all_of_them_an_error(tmp_path):
    structures = parse_umi("8M2S+T").structures
    reads = [read("short", "ACGTACGTTT"), read("long", "ACGTACGTTT" + INSERT[:70])]
    path = write_fastq(tmp_path / "r.fq", reads)
    report, (text,) = trim(tmp_path, path, structures=structures)
    assert headers(text) == ["@long\tRX:Z:ACGTACGT"]
    assert (report.fragments_in, report.fragments_out) == (2, 1)
    (tmp_path / "out" / "trimmed.R1.fastq.gz").unlink()
    path = write_fastq(tmp_path / "s.fq", reads[:1])
    assert refused(tmp_path, path, structures=structures).remedy == "Correct the column umi"


def test_lower_case_bases_are_read_as_upper_case(tmp_path):
    path = write_fastq(tmp_path / "r.fq", [read("a", INSERT[:70].lower())])
    _, (text,) = trim(tmp_path, path)
    assert bases(text) == [INSERT[:70]]


def test_old_quality_encoding_gives_a_warning(tmp_path):
    old = write_fastq(tmp_path / "old.fq", [read("a", INSERT[:70], quality="h")])
    new = write_fastq(tmp_path / "new.fq", [read("a", INSERT[:70], quality="F")])
    assert "Phred+64" in trim(tmp_path, old)[0].warnings[0]
    assert trim(tmp_path, new)[0].warnings == ()


@pytest.mark.parametrize("enabled", [True, False])
def test_same_bytes_twice(tmp_path, enabled):
    path = write_fastq(tmp_path / "r.fq", some_reads(3000))
    contents = set()
    for _ in range(2):
        trim(tmp_path, path, enabled=enabled)
        contents.add((tmp_path / "out" / "trimmed.R1.fastq.gz").read_bytes())
    assert len(contents) == 1


def test_full_disk_of_a_program_surfaces_as_such():
    error = failure("cutadapt", 1, "OSError: [Errno 28] No space left on device")
    assert isinstance(error, OSError)
    assert error.errno == errno.ENOSPC
    assert "memory" in str(failure("bwa", -9, ""))
