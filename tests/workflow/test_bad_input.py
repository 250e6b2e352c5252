"""Input that cannot be used: exit 2, one line with file and remedy, nothing overwritten."""

import errno
import os
import shutil
import subprocess
import sys

import pysam
import pytest

from builders.sam import SamBuilder
from builders.simulated import sample_of
from builders.workflow import (
    SAMPLE_FILES,
    contents,
    files_of,
    here,
    project,
    result,
)
from vexas_uba1 import files, paths

CHR_X = ("chrX", 156_040_895)
CODON_41 = 47_199_051  # 1-based, GRCh38
FASTA = "synthetic_GRCh38.fa.gz"


@pytest.fixture
def inputs(tmp_path):
    """A folder of the user's."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    return folder


def refused(capfd, inputs, *arguments):
    """Call a file of ``inputs``; return the one line that says why it cannot be used."""
    before, out = contents(inputs), inputs.parent / "out"
    said = here(capfd, "call", *arguments, "--out", out)
    assert said.code == 2, said.err
    assert "Traceback" not in said.out + said.err
    assert said.out == ""
    assert contents(inputs) == before
    assert not list(out.rglob("*.result.json"))
    (line,) = said.err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(".")
    assert str(arguments[0]) in line
    return line


def bam(path, contigs=(CHR_X,), *, start1=CODON_41 - 50, **options):
    builder = SamBuilder(list(contigs), **options)
    for number in range(3):
        builder.read(f"r{number}", start1, "ACGT" * 25)
    return builder.write_bam(path, index=options.get("order") is None)


def test_missing_file(capfd, inputs):
    assert "does not exist" in refused(capfd, inputs, inputs / "missing.bam")


def test_empty_file(capfd, inputs):
    (inputs / "empty.bam").touch()
    assert "empty" in refused(capfd, inputs, inputs / "empty.bam")


def test_text_named_bam(capfd, inputs):
    (inputs / "text.bam").write_text("sample\tvalue\n" * 50)
    assert "not a BAM" in refused(capfd, inputs, inputs / "text.bam")


def test_folder_named_bam(capfd, inputs):
    (inputs / "folder.bam").mkdir()
    assert "folder" in refused(capfd, inputs, inputs / "folder.bam")


@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_truncated_bam(capfd, inputs, reads, kept):
    whole = (reads / "POS.bam").read_bytes()
    (inputs / "cut.bam").write_bytes(whole[: int(len(whole) * kept)])
    assert "truncated" in refused(capfd, inputs, inputs / "cut.bam")


def test_bam_with_a_damaged_block_in_the_middle(capfd, inputs, reads):
    whole = bytearray((reads / "POS.bam").read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 200] = bytes(200)
    (inputs / "damaged.bam").write_bytes(whole)
    assert "damaged" in refused(capfd, inputs, inputs / "damaged.bam")


def test_name_sorted_bam(capfd, inputs):
    bam(inputs / "names.bam", order="queryname")
    line = refused(capfd, inputs, inputs / "names.bam")
    assert "not sorted by position" in line
    assert "samtools sort" in line


def test_unknown_length_of_chromosome_x(capfd, inputs):
    bam(inputs / "t2t.bam", [("chrX", 154_259_566)])
    line = refused(capfd, inputs, inputs / "t2t.bam")
    assert "154259566" in line.replace(",", "")
    assert "156040895" in line.replace(",", "")


def test_no_chromosome_x_at_all(capfd, inputs):
    bam(inputs / "autosome.bam", [("chr1", 248_956_422)])
    line = refused(capfd, inputs, inputs / "autosome.bam")
    assert "chr1" in line
    assert "chrX" in line


def test_another_build_than_asked_for(capfd, inputs):
    file = bam(inputs / "grch38.bam")
    line = refused(capfd, inputs, file, "--build", "GRCh37")
    assert "GRCh37" in line
    assert "GRCh38" in line


def test_another_build_than_the_fastas(capfd, inputs, tmp_path):
    hg19 = sample_of(tmp_path / "hg19", genome__build="GRCh37")
    file = bam(inputs / "grch38.bam")
    line = refused(capfd, inputs, file, "--reference", hg19.fasta)
    assert "GRCh37" in line or "155270560" in line.replace(",", "")


def test_cram_without_its_fasta(capfd, inputs, reads):
    shutil.copy(reads / "CRM.cram", inputs)
    line = refused(capfd, inputs, inputs / "CRM.cram")
    assert "FASTA" in line


def test_cram_with_another_fasta_of_the_same_length(capfd, inputs, reads, tmp_path):
    other = sample_of(tmp_path / "other", genome__intron_seed=7)
    shutil.copy(reads / "CRM.cram", inputs)
    line = refused(capfd, inputs, inputs / "CRM.cram", "--reference", other.fasta)
    assert "M5" in line or "checksum" in line


def test_cram_whose_header_names_its_fasta_is_still_not_read_through_it(capfd, inputs, reads):
    """The file behind UR: is there and right, and must not be opened."""
    builder = SamBuilder([CHR_X]).read("r", CODON_41 - 50, "ACGT" * 25)
    file = builder.write_cram(inputs / "ur.cram", reads / FASTA)
    with pysam.AlignmentFile(str(file), check_sq=False) as cram:
        assert cram.header["SQ"][0]["UR"].endswith(str(reads / FASTA))
    assert "only with the FASTA" in refused(capfd, inputs, file)


def test_fasta_without_index_is_used_and_nothing_is_written_beside_it(capfd, inputs, reads):
    shutil.copy(reads / FASTA, inputs)
    shutil.copy(reads / "CRM.cram", inputs)
    inputs.chmod(0o555)
    before = contents(inputs)
    out = inputs.parent / "out"
    said = here(capfd, "call", inputs / "CRM.cram", "--reference", inputs / FASTA, "--out", out)
    inputs.chmod(0o755)
    assert said.code == 0, said.err
    assert contents(inputs) == before
    assert result(out, "CRM")["verdict"]["code"] == "detected"


def test_bam_without_index_is_used_and_nothing_is_written_beside_it(capfd, inputs, reads):
    shutil.copy(reads / "POS.bam", inputs)
    before = contents(inputs)
    out = inputs.parent / "out"
    assert here(capfd, "call", inputs / "POS.bam", "--out", out).code == 0
    assert contents(inputs) == before
    assert files_of(out, "POS") == sorted(SAMPLE_FILES)
    # Nor is an empty folder left in the output.
    assert [folder.name for folder in out.iterdir()] == ["samples"]


def test_region_without_reads_is_an_answer(capfd, inputs):
    file = bam(inputs / "away.bam", start1=1_000_000)
    out = inputs.parent / "out"
    said = here(capfd, "call", file, "--out", out)
    assert said.code == 0
    assert said.out.startswith("away: not_assessable: ")


def test_several_samples_in_one_bam(capfd, inputs):
    groups = [{"ID": "1", "SM": "ONE"}, {"ID": "2", "SM": "TWO"}]
    builder = SamBuilder([CHR_X], groups=groups)
    for group in "12":
        builder.read(f"r{group}", CODON_41 - 50, "ACGT" * 25, group=group)
    file = builder.write_bam(inputs / "two.bam")
    line = refused(capfd, inputs, file)
    assert "ONE" in line
    assert "TWO" in line


PRIMER = "chrX\t47199040\t47199062\tleft\t0\t+\n"


@pytest.mark.parametrize(
    ("text", "assay", "said"),
    [
        ("chrX\t1\n" + PRIMER, "amplicon", "row 1: a line of a BED has at least"),
        (PRIMER, "panel", "primers are for amplicons"),
        (PRIMER.replace("chrX", "chr7"), "amplicon", "no primer lies on chrX"),
        (PRIMER.replace("47199", "57199"), "amplicon", "no primer on chrX lies at UBA1"),
    ],
)
def test_primers_that_cannot_be_used(capfd, inputs, reads, text, assay, said):
    bed = inputs / "primers.bed"
    bed.write_text(text)
    arguments = ("call", reads / "POS.bam", "--primers", bed, "--assay", assay)
    ended = here(capfd, *arguments, "--out", inputs / "out")
    assert ended.code == 2
    assert len(ended.errors) == 1
    assert said in ended.errors[0]
    assert "Traceback" not in ended.err


def test_primers_of_an_amplicon_are_used(capfd, inputs, reads):
    bed = inputs / "primers.bed"
    bed.write_text(PRIMER)
    arguments = ("call", reads / "POS.bam", "--primers", bed, "--assay", "amplicon")
    assert here(capfd, *arguments, "--out", inputs / "out").code == 0
    made = result(inputs / "out", "POS")
    assert made["parameters"]["primers_file"] == "primers.bed"
    assert made["qc"]["primers"]["in_window"] == 1


def test_locus_record_that_is_no_record(capfd, inputs, reads):
    (inputs / "locus.yaml").write_text("gene: UBA1\n")
    said = here(
        capfd, "call", reads / "POS.bam", "--locus", inputs / "locus.yaml", "--out", inputs / "out"
    )
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert not (inputs / "out").exists()


@pytest.mark.parametrize("name", ["../evil", "a b", "$(touch x)", "a;b", "'", "-x", ""])
def test_sample_names_that_could_become_a_path_or_a_command(capfd, inputs, reads, name):
    out = inputs.parent / "out"
    said = here(capfd, "call", reads / "POS.bam", f"--sample={name}", "--out", out)
    assert said.code == 2
    assert said.err.startswith("error: the sample id")
    assert not out.exists()


def test_output_folder_beneath_a_file(capfd, inputs, reads):
    (inputs / "notes").write_text("mine")
    before = contents(inputs)
    said = here(capfd, "call", reads / "POS.bam", "--out", inputs / "notes" / "out")
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert str(inputs / "notes" / "out") in line
    assert contents(inputs) == before


@pytest.mark.parametrize("outdir", ["notes", "notes/out"])
def test_output_folder_of_a_run_beneath_a_file(capfd, inputs, reads, outdir):
    (inputs / "notes").write_text("mine")
    rows = [{"sample": "POS", "alignment": str(reads / "POS.bam")}]
    config = project(inputs, rows, {"outdir": outdir})
    before = contents(inputs)
    said = here(capfd, "run", "--config", config)
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert line.startswith(f"error: {config}")
    assert "'outdir'" in line
    assert contents(inputs) == before


def test_disk_that_fills_up_while_a_file_is_written(capfd, inputs, reads, monkeypatch):
    out = inputs.parent / "out"
    assert here(capfd, "call", reads / "POS.bam", "--out", out).code == 0
    before = contents(out / "samples")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    said = here(capfd, "call", reads / "NEG.bam", "--out", out)
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert line.startswith("error: no space is left on the disk")
    assert contents(out / "samples") == before
    assert not list(out.rglob(".part-*"))


def _tmpfs_works(folder):
    """Return whether a small disk can be mounted in a namespace of its own."""
    line = ["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs", str(folder)]
    return shutil.which("unshare") and subprocess.run(line, capture_output=True).returncode == 0


@pytest.mark.parametrize("size", ["40k", "80k", "120k"])
def test_small_disk(inputs, reads, size):
    out = inputs / "disk"
    out.mkdir()
    program = [sys.executable, "-m", "vexas_uba1", "call", str(reads / "POS.bam")]
    program += ["--out", str(out / "results")]
    if not _tmpfs_works(out):
        pytest.skip("no disk can be mounted here")
    script = (
        'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && "$@"; code=$?; '
        'find "$(dirname "${!#}")" -name "*.result.json" -o -name ".part-*"; exit $code'
    )
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            "--map-root-user",
            "bash",
            "-c",
            script,
            "-",
            size,
            str(out),
            *program,
        ],
        env={**os.environ, "PYTHONPATH": str(paths.product_root() / "scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "error: no space is left on the disk" in done.stderr
    assert done.stdout == ""
