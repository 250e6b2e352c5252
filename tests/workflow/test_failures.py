"""A sample that cannot be used, or a faulty job: who finishes, what is told, what is redone."""

import os
import shutil
from pathlib import Path

import pytest

from builders.workflow import (
    SAMPLE_FILES,
    cohort,
    contents,
    delivered,
    files_of,
    jobs_in,
    jobs_of,
    project,
    result,
    run,
    snakemake,
    status,
)
from vexas_uba1 import paths

BAD_JOBS = ["Calling BAD", "Extracting the gene's reads of BAD", "Summarising all samples"]
RETRY = sorted([*BAD_JOBS, "Writing the result and the report of BAD"])


def truncate(source, target):
    target.write_bytes(source.read_bytes()[: source.stat().st_size // 2])


def sample_rows(*names):
    return [{"sample": name, "alignment": f"{name}.bam"} for name in names]


def test_a_truncated_bam_beside_a_good_one_until_it_is_mended(reads, tmp_path):
    shutil.copy(reads / "POS.bam", tmp_path / "GOOD.bam")
    truncate(reads / "NEG.bam", tmp_path / "BAD.bam")
    config = project(tmp_path, sample_rows("BAD", "GOOD"))
    results = tmp_path / "results"

    first = run(config)
    assert first.code == 2
    assert "Traceback" not in first.out + first.err
    (error,) = first.errors
    assert error.startswith("error: BAD: BAD.bam: the BAM file is truncated")
    assert "Copy or download it again" in error
    assert files_of(results, "BAD") == ["status.json"]
    failed = status(results, "BAD")
    assert (failed["state"], failed["step"]) == ("failed", "extract_region")
    assert failed["problems"][0]["file"] == "BAD.bam"
    assert files_of(results, "GOOD") == sorted(SAMPLE_FILES)
    rows = cohort(results)
    assert rows["BAD"]["status"] == "failed"
    assert "truncated" in rows["BAD"]["error"]
    assert rows["BAD"]["verdict"] == ""
    assert rows["GOOD"]["verdict"] == "detected"
    assert "truncated" in (results / "cohort" / "cohort.html").read_text(encoding="utf-8")
    good = contents(results / "samples" / "GOOD")

    # Looking changes nothing.
    before = delivered(results)
    dry = run(config, "--dry-run")
    assert dry.code == 0
    assert "To be tried again: BAD" in dry.out + dry.err
    assert snakemake("--configfile", config, "--dag", cwd=tmp_path).code == 0
    assert delivered(results) == before

    # The next run tries it again, and nothing else; plain Snakemake fails too.
    assert run(config).code == 2
    assert jobs_of(results) == RETRY
    plain = snakemake("--configfile", config, "--cores", 2, "--keep-going", cwd=tmp_path)
    assert plain.code != 0
    assert jobs_in(plain.err) == sorted([*RETRY, "Making sure that no sample failed"])
    log = (results / "logs" / "require_all.log").read_text(encoding="utf-8")
    assert log.startswith("error: BAD.bam: the BAM file is truncated")
    assert log in plain.err
    assert delivered(results) == before

    # Mended: only its jobs run.
    shutil.copy(reads / "NEG.bam", tmp_path / "BAD.bam")
    mended = run(config)
    assert mended.code == 0
    assert jobs_of(results) == RETRY
    assert files_of(results, "BAD") == sorted(SAMPLE_FILES)
    assert cohort(results)["BAD"]["verdict"] == "not_detected"
    assert contents(results / "samples" / "GOOD") == good

    # Broken later: no file of the earlier result stays.
    truncate(reads / "NEG.bam", tmp_path / "BAD.bam")
    assert run(config).code == 2
    assert files_of(results, "BAD") == ["status.json"]
    assert cohort(results)["BAD"]["verdict"] == ""


def test_an_older_file_in_the_place_of_an_input_is_called_again(reads, tmp_path):
    shutil.copy(reads / "POS.bam", tmp_path / "A.bam")
    shutil.copy(reads / "SINGLE_L001_R1.fastq.gz", tmp_path / "F.fastq.gz")
    rows = [*sample_rows("A"), {"sample": "F", "fq1": "F.fastq.gz"}]
    config = project(tmp_path, rows, {"allow_bundled_locus": True})
    results = tmp_path / "results"
    assert run(config).code == 0
    assert cohort(results)["A"]["verdict"] == "detected"
    before = result(results, "F")["input"]["files"]
    for new, replaced in (("NEG.bam", "A.bam"), ("PAIR_L001_R1.fastq.gz", "F.fastq.gz")):
        older = tmp_path / new
        shutil.copy(reads / new, older)
        os.utime(older, (1_000_000_000, 1_000_000_000))
        older.replace(tmp_path / replaced)
    assert run(config).code == 0
    assert result(results, "F")["input"]["files"] != before
    assert cohort(results)["A"]["verdict"] == "not_detected"
    assert run(config).code == 0
    assert jobs_of(results) == []


def test_other_primers_call_again_and_extract_nothing_again(reads, tmp_path):
    shutil.copy(reads / "POS.bam", tmp_path / "A.bam")
    primers = tmp_path / "primers.bed"
    # Nothing begins there but by chance: these reads are no amplicon's.
    primers.write_text("chrX\t47198900\t47198920\tleft\t0\t+\n")
    rows = [{"sample": "A", "alignment": "A.bam", "assay": "amplicon"}]
    config = project(tmp_path, rows, {"primers": "primers.bed"})
    results = tmp_path / "results"
    assert run(config).code == 0
    before = result(results, "A")
    assert before["qc"]["primers"]["in_window"] == 1
    assert before["parameters"]["primers_file"] == "primers.bed"
    primers.write_text("chrX\t47199040\t47199062\tleft\t0\t+\n")
    os.utime(primers, (1_000_000_000, 1_000_000_000))
    assert run(config).code == 0
    assert "Calling A" in jobs_of(results)
    assert not [job for job in jobs_of(results) if job.startswith("Extracting")]
    after = result(results, "A")
    assert after["parameters"]["primers_sha256"] != before["parameters"]["primers_sha256"]
    assert run(config).code == 0
    assert jobs_of(results) == []
    # On another build they are the user's error, and no negative.
    primers.write_text("chrX\t47058439\t47058461\tleft\t0\t+\n")
    said = run(config)
    assert said.code == 2
    assert "no primer on chrX lies at UBA1 (GRCh38" in said.err
    assert files_of(results, "A") == ["status.json"]


def test_a_damaged_result_is_made_again_and_a_sample_off_the_sheet_is_told(reads, tmp_path):
    for name in ("A", "B"):
        shutil.copy(reads / "POS.bam", tmp_path / f"{name}.bam")
    config = project(tmp_path, sample_rows("A", "B"))
    results = tmp_path / "results"
    assert run(config).code == 0
    before = delivered(results)
    damaged = results / "samples" / "A" / "A.result.json"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    said = run(config)
    assert said.code == 0, said.err
    assert "Not in the sheet" not in said.err
    assert delivered(results) == before
    project(tmp_path, sample_rows("A"))
    fewer = run(config)
    assert fewer.code == 0
    assert "Not in the sheet any more, left as they are: B" in fewer.err
    assert files_of(results, "B") == sorted(SAMPLE_FILES)


def test_no_folder_of_a_path_with_spaces_reaches_the_results(reads, tmp_path):
    folder = tmp_path / "jo doe" / "secret folder"
    folder.mkdir(parents=True)
    fasta = folder / "wrong genome.fa"
    fasta.write_text(">chrX\n" + "ACGT" * 20 + "\n")
    truncate(reads / "PAIR_L001_R1.fastq.gz", folder / "cut off_R1.fastq.gz")
    rows = [
        {"sample": "A", "alignment": str(reads / "CRM.cram")},
        {"sample": "B", "fq1": str(folder / "cut off_R1.fastq.gz")},
    ]
    config = project(tmp_path / "here", rows, {"reference": str(fasta)})
    said = run(config)
    assert said.code == 2
    results = tmp_path / "here" / "results"
    for name in ("A", "B"):
        assert status(results, name)["state"] == "failed"
    for part in ("samples", "cohort"):
        for file in filter(Path.is_file, (results / part).rglob("*")):
            text = file.read_text(encoding="utf-8")
            assert "jo doe" not in text
            assert "secret folder" not in text


def test_arguments_that_snakemake_does_not_know_are_the_users(reads, tmp_path):
    config = project(tmp_path, [{"sample": "A", "alignment": str(reads / "POS.bam")}])
    for arguments in (["--", "--nonsense"], ["--dry-run", "--", "--nonsense"]):
        said = run(config, *arguments)
        assert said.code == 2
        assert "unrecognized arguments: --nonsense" in said.err
        assert "goes on from here" not in said.err


def test_deleted_files_are_made_again(reads, tmp_path):
    shutil.copy(reads / "POS.bam", tmp_path / "GOOD.bam")
    config = project(tmp_path, sample_rows("GOOD"))
    results = tmp_path / "results"
    assert run(config).code == 0
    before = delivered(results)
    (results / "samples" / "GOOD" / "GOOD.report.html").unlink()
    assert run(config).code == 0
    assert jobs_of(results) == [
        "Summarising all samples",
        "Writing the result and the report of GOOD",
    ]
    assert delivered(results) == before
    (results / "cohort" / "cohort.tsv").unlink()
    assert run(config).code == 0
    assert delivered(results) == before


def faulty_product(folder, *fault):
    """Copy the product with lines of ``fault`` in the call of sample BUG; return its scripts."""
    for name in ("workflow", "scripts", "resources"):
        shutil.copytree(
            paths.product_root() / name,
            folder / name,
            ignore=shutil.ignore_patterns("__pycache__", "demo"),
        )
    shutil.copy(paths.snakefile(), folder)
    calling = folder / "scripts" / "vexas_uba1" / "calling.py"
    calling.write_text(
        calling.read_text(encoding="utf-8")
        + "\n\n_call_sample = call_sample\n\n\n"
        + "def call_sample(bam, extraction, **options):\n"
        + "    if options['options'].sample.id == 'BUG':\n"
        + "".join(f"        {line}\n" for line in fault)
        + "    return _call_sample(bam, extraction, **options)\n",
        encoding="utf-8",
    )
    return folder / "scripts"


def test_a_job_that_dies_without_a_word_is_told_in_snakemakes_words(reads, tmp_path):
    scripts = faulty_product(tmp_path / "product", "import os", "os._exit(9)")
    shutil.copy(reads / "POS.bam", tmp_path / "BUG.bam")
    said = run(project(tmp_path, sample_rows("BUG")), PYTHONPATH=str(scripts))
    assert said.code == 1
    assert "A job failed. " in said.err
    assert "The last lines of Snakemake's own log:" in said.err
    assert "call_variants" in said.err.partition("Snakemake's own log:")[2]


def test_a_fault_of_the_software_is_no_verdict_and_stops_no_other_sample(reads, tmp_path):
    scripts = faulty_product(tmp_path / "product", "raise ZeroDivisionError('an injected fault')")
    for name in ("BUG", "GOOD"):
        shutil.copy(reads / "POS.bam", tmp_path / f"{name}.bam")
    config = project(tmp_path, sample_rows("BUG", "GOOD"))
    said = run(config, PYTHONPATH=str(scripts))
    results = tmp_path / "results"
    assert said.code == 1
    assert "ZeroDivisionError: an injected fault" in said.err
    assert str(results / "logs" / "call_variants" / "BUG.log") in said.err
    assert not (results / "samples" / "BUG").exists()
    assert files_of(results, "GOOD") == sorted(SAMPLE_FILES)
    # Mended software: the same command goes on from there.
    assert run(config).code == 0
    assert not [job for job in jobs_of(results) if "GOOD" in job]
    assert cohort(results)["BUG"]["verdict"] == "detected"


def test_every_faulty_lane_of_a_fastq_sample_is_told_at_once(reads, tmp_path):
    lane = reads / "PAIR_L001_R1.fastq.gz", reads / "PAIR_L001_R2.fastq.gz"
    import gzip

    one, two = (gzip.decompress(file.read_bytes()).decode().splitlines() for file in lane)
    faulty = {
        "mates": (one[:400], two[4:404]),
        "counts": (one[:400], two[:396]),
        "quality": ([*one[:3], one[3][:-1], *one[4:400]], two[:400]),
    }
    for name, pair in faulty.items():
        for number, lines in enumerate(pair, 1):
            text = "\n".join(lines) + "\n"
            (tmp_path / f"{name}_{number}.fastq.gz").write_bytes(gzip.compress(text.encode()))
    truncate(lane[0], tmp_path / "truncated_1.fastq.gz")
    shutil.copy(lane[1], tmp_path / "truncated_2.fastq.gz")
    rows = [
        {
            "sample": "BAD",
            "unit": name,
            "fq1": f"{name}_1.fastq.gz",
            "fq2": f"{name}_2.fastq.gz",
        }
        for name in (*faulty, "truncated")
    ]
    before = contents(tmp_path)
    said = run(project(tmp_path, rows, {"allow_bundled_locus": True}))
    assert said.code == 2
    assert "Traceback" not in said.out + said.err
    results = tmp_path / "results"
    assert files_of(results, "BAD") == ["status.json"]
    told = {error.split(": ")[2].split("_")[0]: error for error in said.errors}
    assert set(told) == {*faulty, "truncated"}
    assert "truncated" in told["truncated"].split(": ", 3)[3]
    assert {
        name: told_file for name, told_file in contents(tmp_path).items() if name in before
    } == before


@pytest.mark.parametrize("plain", [False, True])
def test_bad_files_stop_a_run_before_any_job_in_one_line_each(tmp_path, plain):
    config = project(
        tmp_path,
        [
            {"sample": "A", "alignment": "missing.bam"},
            {"sample": "B c", "alignment": "missing.cram"},
        ],
        {"aligner": "bowtie"},
    )
    before = contents(tmp_path)
    if plain:
        said = snakemake("--configfile", config, "--cores", 1, cwd=tmp_path)
        assert said.code != 0
    else:
        said = run(config)
        assert said.code == 2
        assert len(said.errors) >= 4
    assert "Traceback" not in said.out + said.err
    for word in ("missing.bam", "missing.cram", "'B c'", "'bowtie'"):
        assert word in said.err
    assert not (tmp_path / "results").exists()
    assert {name: value for name, value in contents(tmp_path).items() if name in before} == before
