"""``vexas-uba1 screen``: one table for many files, whatever happens on the way."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pysam
import pytest

from builders.loci import bundled, write
from builders.rangeserver import break_file, serving
from builders.sheets import write_config, write_sheet
from builders.workflow import cohort, command, contents, here, run, snakemake
from vexas_uba1 import paths
from vexas_uba1.screen.screening import _set_aside
from vexas_uba1.steps import plan
from vexas_uba1.steps.folders import SCREEN_PARTS

SIGNATURE = "X-Signature=hush"


def screen(manifest, out, *more):
    return command("screen", manifest, "--out", out, "--jobs", 2, *more)


def begin(manifest, out, *more):
    """Start a screen in a process group of its own."""
    line = [sys.executable, "-m", "vexas_uba1", "screen", str(manifest), "--out", str(out)]
    return subprocess.Popen(
        [*line, "--jobs", "2", *map(str, more)],
        env={**os.environ, "PYTHONPATH": str(paths.product_root() / "scripts")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def table(out):
    """Return the rows of the TSV in their order."""
    with (out / "screen.tsv").open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text, delimiter="\t"))


def stored(out):
    """Return the samples of the SQLite file as their rows lie there; none where it is not there."""
    file = out / "screen.sqlite"
    if not file.exists():
        return []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as rows:
        try:
            return [value for (value,) in rows.execute("SELECT sample FROM results")]
        except sqlite3.OperationalError:
            return []


def delivered(out):
    """Return what a screen hands on, with checksums."""
    return {name: checksum for name, checksum in contents(out).items()
            if name.startswith(("screen.", "samples/"))}  # fmt: skip


def until(holds, seconds=60):
    for _ in range(seconds * 20):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def workers_of(process):
    """Return the processes that a screen has begun."""
    listed = subprocess.run(
        ["ps", "-eww", "-o", "pid=,ppid=,args="], capture_output=True, text=True
    )
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, parent, line in lines
            if int(parent) == process.pid and "spawn_main" in line]  # fmt: skip


def copies(reads, folder, names):
    """Copy samples, each under a name of its own, and return the manifest's rows."""
    rows = []
    for number, name in enumerate(names):
        sample = f"S{number}_{name}"
        for suffix in (".bam", ".bam.bai"):
            shutil.copy2(reads / f"{name}{suffix}", folder / f"{sample}{suffix}")
        rows.append({"sample": sample, "alignment": f"{sample}.bam"})
    return rows


@pytest.fixture(scope="module")
def manifest(tmp_path_factory, reads):
    """Eight samples, a truncated one and one without reads of the gene among them."""
    folder = tmp_path_factory.mktemp("manifest")
    rows = copies(reads, folder, ["NEG", "POS", "NEG", "NEG", "NONE", "NEG", "POS", "NEG"])
    damaged = folder / rows[2]["alignment"]
    damaged.write_bytes(damaged.read_bytes()[:-200])
    return write_sheet(folder / "manifest.tsv", rows)


@pytest.fixture(scope="module")
def screened(tmp_path_factory, manifest):
    out = tmp_path_factory.mktemp("screened")
    return out, screen(manifest, out)


def test_every_sample_has_its_row_in_the_manifests_order(screened):
    out, said = screened
    assert said.code == 2 and "Traceback" not in said.err
    assert said.out.splitlines()[0] == "2 detected, 1 failed, 1 not_assessable, 4 not_detected"
    names = ["S0_NEG", "S1_POS", "S2_NEG", "S3_NEG", "S4_NONE", "S5_NEG", "S6_POS", "S7_NEG"]
    rows = table(out)
    assert [row["sample"] for row in rows] == stored(out) == names
    failed = rows[2]
    assert (failed["status"], failed["verdict"]) == ("failed", "")
    assert "truncated" in failed["error"] and str(out.parent) not in failed["error"]
    # What is anything but a clean negative has its result, nothing else has.
    results = sorted(file.parent.name for file in out.glob("samples/*/*.result.json"))
    assert results == ["S1_POS", "S4_NONE", "S6_POS"]


def test_rows_and_results_are_those_of_the_workflow(from_alignments, reads, tmp_path):
    names = {"POS": "bam", "NEG": "bam", "CRM": "cram", "NONE": "bam"}
    rows = [{"sample": name, "alignment": str(reads / f"{name}.{kind}")}
            for name, kind in names.items()]  # fmt: skip
    out = tmp_path / "out"
    assert screen(write_sheet(tmp_path / "m.tsv", rows), out).errors  # the CRAM needs its FASTA
    assert not out.exists()
    said = screen(tmp_path / "m.tsv", out, "--reference", reads / "synthetic_GRCh38.fa.gz")
    assert said.code == 0
    assert [row["sample"] for row in table(out)] == list(names)
    theirs, ours = cohort(from_alignments.results), {row["sample"]: row for row in table(out)}
    apart = {"patient", "run", "carry_over"}
    for name in names:
        for column in ours[name].keys() - apart:
            assert ours[name][column] == theirs[name][column], (name, column)
    made, other = (
        json.loads((folder / "samples" / "POS" / "POS.result.json").read_text())
        for folder in (out, from_alignments.results)
    )
    for part in ("variants", "codon41", "targets", "verdict", "forced_alleles", "coverage"):
        assert made[part] == other[part], part


@pytest.mark.parametrize(
    "listed",
    [["c.122T>C"], ["c.[119G>C;121A>T]"], ["c.118-1G>C"], ["c.1861A>T", "c.1475T>G"]],
    ids=["codon", "cis", "splice", "far"],
)
def test_with_any_catalogue_a_row_is_what_a_call_says(listed, reads, tmp_path):
    # None of these is canonical: all changes of the codon decide then.
    rows = "".join(f"{name}\t\tx\tvexas\treported\t\tno\t\n" for name in listed)
    columns = "hgvs_c\thgvs_p\tcategory\tverdict_class\tevidence\tsources\tsource_read\tnote\n"
    catalogue = tmp_path / "catalogue.tsv"
    catalogue.write_text(f"# catalogue_version: 1\n{columns}{rows}", encoding="utf-8")
    locus = write(bundled() | {"catalogue": str(catalogue)}, tmp_path)
    manifest = write_sheet(
        tmp_path / "m.tsv", [{"sample": "NEG", "alignment": str(reads / "NEG.bam")}]
    )
    out = tmp_path / "out"
    screen(manifest, out, "--locus", locus)
    said = command("call", reads / "NEG.bam", "--out", tmp_path / "called", "--locus", locus)
    assert said.code == 0, said.err
    (called,) = (tmp_path / "called").rglob("*.result.json")
    result = json.loads(called.read_text(encoding="utf-8"))
    (row,) = table(out)
    limit = result["codon41"]["limit_of_detection_vaf"]
    assert row["verdict"] == result["verdict"]["code"]
    assert row["text"] == result["verdict"]["text"]
    assert float(row["codon41_limit_of_detection_vaf"]) == pytest.approx(limit, rel=1e-4)


def test_a_second_run_does_only_what_failed(manifest, screened, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(screened[0], out)
    said = screen(manifest, out)
    assert said.code == 2
    assert "7 of 8 samples are done already" in said.err
    assert delivered(out) == delivered(screened[0])


def test_what_changed_is_done_again_and_leaves_nothing_old(reads, tmp_path):
    rows = copies(reads, tmp_path, ["POS", "NEG"])
    sheet = write_sheet(tmp_path / "m.tsv", rows)
    out = tmp_path / "out"
    assert screen(sheet, out).code == 0
    result = out / "samples" / "S0_POS" / "S0_POS.result.json"
    assert command("render", result).code == 0 and len(list(result.parent.iterdir())) == 6
    for suffix in (".bam", ".bam.bai"):
        shutil.copy2(reads / f"NEG{suffix}", tmp_path / f"S0_POS{suffix}")
    said = screen(sheet, out)
    assert said.code == 0 and "1 of 2 samples are done already" in said.err
    assert [row["verdict"] for row in table(out)] == ["not_detected", "not_detected"]
    assert not list(out.glob("samples/*/*"))
    # A row of the sheet less is a row of the table less.
    said = screen(write_sheet(tmp_path / "m.tsv", rows[1:]), out)
    assert "1 samples of an earlier manifest" in said.err
    assert stored(out) == ["S1_NEG"]


def test_what_another_version_called_is_called_again(capfd, reads, tmp_path, monkeypatch):
    sheet, out = write_sheet(tmp_path / "m.tsv", copies(reads, tmp_path, ["NEG"])), tmp_path / "out"
    asked = ("screen", str(sheet), "--out", str(out))
    assert here(capfd, *asked).code == 0
    assert "1 of 1 samples are done already" in here(capfd, *asked).err
    monkeypatch.setattr(plan, "__version__", "0.0.0")
    assert "done already" not in here(capfd, *asked).err


def results_of(out):
    return {file.parent.name for file in out.glob("samples/*/*.result.json")}


def test_a_result_that_is_gone_or_another_is_made_again(manifest, screened, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(screened[0], out)
    (out / "samples" / "S1_POS" / "S1_POS.result.json").unlink()
    shutil.copy(
        out / "samples" / "S6_POS" / "S6_POS.result.json",
        out / "samples" / "S4_NONE" / "S4_NONE.result.json",
    )
    # And beside a clean negative there is none.
    (out / "samples" / "S7_NEG").mkdir()
    shutil.copy(
        out / "samples" / "S6_POS" / "S6_POS.result.json",
        out / "samples" / "S7_NEG" / "S7_NEG.result.json",
    )
    said = screen(manifest, out)
    assert "4 of 8 samples are done already" in said.err
    assert delivered(out) == delivered(screened[0])


def test_a_part_killed_after_a_whole_run_takes_no_result_away(manifest, screened, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(screened[0], out)
    run = begin(manifest, out, "--part", "1/1")
    until(lambda: "S1_POS" not in results_of(out))
    run.kill()
    run.wait()
    assert screen(manifest, out).code == 2
    assert delivered(out) == delivered(screened[0])


def test_a_file_that_changes_while_it_is_read_has_no_verdict(reads, tmp_path):
    (row,) = copies(reads, tmp_path, ["NEG"])
    sheet, out = write_sheet(tmp_path / "m.tsv", [row]), tmp_path / "out"
    run = begin(sheet, out)
    until(lambda: (out / "work" / "screen" / row["sample"] / "uba1.bam.bai").exists())
    # By now the negative's records are read.
    for suffix in (".bam", ".bam.bai"):
        shutil.copy2(reads / f"POS{suffix}", tmp_path / f"{row['sample']}{suffix}")
    assert run.wait(60) == 2
    (told,) = table(out)
    assert (told["status"], told["verdict"]) == ("failed", "")
    assert "changed while it was read" in told["error"]
    assert screen(sheet, out).code == 0
    assert [row["verdict"] for row in table(out)] == ["detected"]


def test_a_file_that_vanishes_after_the_check_fails_its_sample_alone(reads, tmp_path):
    rows = copies(reads, tmp_path, ["NEG", "POS", "NEG", "NEG", "POS"])
    sheet, out = write_sheet(tmp_path / "m.tsv", rows), tmp_path / "out"
    run = begin(sheet, out)
    until(lambda: (out / "screen.sqlite").exists())
    (tmp_path / rows[4]["alignment"]).unlink()
    assert run.wait(120) == 2
    *others, gone = table(out)
    assert [row["verdict"] for row in others] == ["not_detected", "detected", *["not_detected"] * 2]
    assert gone["status"] == "failed" and str(tmp_path) not in gone["error"]


def test_what_is_in_a_results_way_fails_its_sample_alone(reads, tmp_path):
    rows = copies(reads, tmp_path, ["POS", "NEG", "POS", "POS"])
    out = tmp_path / "out"
    (out / "samples" / "S0_POS" / "S0_POS.result.json" / "x").mkdir(parents=True)
    (out / "samples" / "S2_POS").write_text("not a folder")
    said = screen(write_sheet(tmp_path / "m.tsv", rows), out)
    assert said.code == 2 and "Traceback" not in said.err
    folder, good, file, also = table(out)
    for row in (folder, file):
        assert row["status"] == "failed" and f"samples/{row['sample']}" in row["error"]
    assert (good["verdict"], also["verdict"]) == ("not_detected", "detected")


def test_killed_at_any_moment_it_ends_with_the_same_bytes(manifest, screened, tmp_path):
    out = tmp_path / "out"
    for rows in (1, 3):
        run = begin(manifest, out)
        until(lambda least=rows: len(stored(out)) >= least)
        workers = workers_of(run)
        run.kill()
        run.wait()
        # Nobody goes on without it.
        until(lambda gone=workers: not any(Path(f"/proc/{pid}").exists() for pid in gone))
        assert len(stored(out)) >= rows
    said = screen(manifest, out)
    assert said.code == 2
    assert delivered(out) == delivered(screened[0])
    assert not list(out.rglob(".part-*")) and not (out / "work" / "screen").exists()


def test_with_workers_killed_at_any_moment_the_next_run_ends_with_the_same_bytes(
    manifest, screened, tmp_path
):
    out = tmp_path / "out"
    run = begin(manifest, out)
    for rows in (0, 2, 4):
        until(lambda least=rows: workers_of(run) and len(stored(out)) >= least)
        for pid in workers_of(run):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert run.wait(120) == 2
    assert len(stored(out)) == 8
    assert screen(manifest, out).code == 2
    assert delivered(out) == delivered(screened[0])


def test_interrupted_it_says_so_and_keeps_its_rows(manifest, tmp_path):
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        out = tmp_path / number.name
        run = begin(manifest, out)
        until(lambda out=out: stored(out))
        os.kill(run.pid, number)
        assert run.wait(60) == code
        assert stored(out)


def test_a_killed_worker_costs_its_own_sample_and_no_other(reads, tmp_path):
    rows = copies(reads, tmp_path, ["NEG", "NEG", "POS", "NEG"])
    served = tmp_path / "served"
    served.mkdir()
    shutil.move(tmp_path / rows[0]["alignment"], served / "stuck.bam")
    with serving(served, silent="stuck.bam") as address:
        rows[0]["alignment"] = f"{address}/stuck.bam"
        out, sheet = tmp_path / "out", write_sheet(tmp_path / "m.tsv", rows)
        run = begin(sheet, out)
        # All others are through: whoever works now is at the one that never answers.
        until(lambda: len(stored(out)) == 3)
        for pid in workers_of(run):
            os.kill(pid, signal.SIGKILL)
        assert run.wait(60) == 2
    (stuck, *others) = table(out)
    assert stuck["status"] == "failed" and "ended from outside" in stuck["error"]
    assert [row["verdict"] for row in others] == ["not_detected", "detected", "not_detected"]


def test_a_server_that_is_silent_or_away_fails_its_sample_in_time(reads, tmp_path):
    served = tmp_path / "served"
    served.mkdir()
    for name in ("NEG", "POS"):
        for suffix in (".bam", ".bam.bai"):
            shutil.copy2(reads / f"{name}{suffix}", served / f"{name}{suffix}")
    for suffix in (".bam", ".bam.bai"):
        shutil.copy2(reads / f"NEG{suffix}", served / f"stuck{suffix}")
    cut = served / "CUT.bam"
    cut.write_bytes((reads / "NEG.bam").read_bytes()[:-500])
    shutil.copy2(reads / "NEG.bam.bai", served / "CUT.bam.bai")
    with serving(served, SIGNATURE, silent="stuck.bam") as address:
        rows = [
            {"sample": name, "alignment": f"{address}/{file}.bam?{SIGNATURE}"}
            for name, file in (("P", "POS"), ("STUCK", "stuck"), ("N", "NEG"), ("CUT", "CUT"))
        ]
        rows.append({"sample": "AWAY", "alignment": "http://127.0.0.1:9/x.bam?" + SIGNATURE})
        out = tmp_path / "out"
        said = screen(write_sheet(tmp_path / "m.tsv", rows), out, "--timeout", 40)
    assert said.code == 2
    found = {row["sample"]: row for row in table(out)}
    assert (found["P"]["verdict"], found["N"]["verdict"]) == ("detected", "not_detected")
    assert "not done within 40 seconds" in found["STUCK"]["error"]
    assert found["AWAY"]["status"] == found["CUT"]["status"] == "failed"
    # Nothing that is written or said holds the signature.
    assert "hush" not in said.out + said.err
    for file in out.rglob("*"):
        assert not file.is_file() or b"hush" not in file.read_bytes(), file


def test_after_a_bad_server_the_next_run_ends_with_the_bytes_of_an_undisturbed_one(reads, tmp_path):
    served = tmp_path / "served"
    served.mkdir()
    rows = copies(reads, served, ["POS", "NEG", "POS", "NEG"])
    silent, cut, refused, _ = (row["alignment"] for row in rows)
    size = (served / cut).stat().st_size
    faults = {silent: {"seconds_a_byte": 0}, cut: {"hole": [size // 2, size]},
              refused: {"status": 503}}  # fmt: skip
    with serving(served) as address:
        urls = [row | {"alignment": f"{address}/{row['alignment']}"} for row in rows]
        sheet = write_sheet(tmp_path / "m.tsv", urls)
        assert screen(sheet, tmp_path / "undisturbed").code == 0
        for name, fault in faults.items():
            break_file(served, name, **fault)
        assert screen(sheet, tmp_path / "out", "--timeout", 15).code == 2
        assert [row["status"] for row in table(tmp_path / "out")] == ["failed"] * 3 + ["ok"]
        for name in faults:
            break_file(served, name)
        said = screen(sheet, tmp_path / "out")
    assert said.code == 0 and "1 of 4 samples are done already" in said.err
    assert delivered(tmp_path / "out") == delivered(tmp_path / "undisturbed")


def test_all_that_is_wrong_with_a_manifest_is_told_before_any_work(reads, tmp_path):
    rows = copies(reads, tmp_path, ["NEG"])
    rows += [{"sample": "../x", "alignment": "gone.bam"}, {"sample": "y", "alignment": "also.txt"}]
    out = tmp_path / "out"
    said = screen(write_sheet(tmp_path / "m.tsv", rows), out)
    assert said.code == 2 and len(said.errors) == 3 and not out.exists()
    fastq = {"sample": "F", "fq1": str(reads / "SINGLE_L001_R1.fastq.gz")}
    said = screen(write_sheet(tmp_path / "m.tsv", [rows[0], fastq]), out)
    assert said.code == 2 and "a screen reads BAM and CRAM" in said.errors[0]
    assert not out.exists()
    for part in ("0/3", "4/3", "x"):
        assert screen(tmp_path / "m.tsv", out, "--part", part).code == 2


def test_a_manifest_that_is_not_there_is_told_as_such(tmp_path):
    said = screen(tmp_path / "m.tsv", tmp_path / "out")
    assert said.code == 2 and said.errors == [
        f"error: {tmp_path / 'm.tsv'}: there is no such manifest. Check its path."
    ]
    assert not (tmp_path / "out").exists()


def test_parts_side_by_side_make_the_table_of_the_whole(manifest, screened, tmp_path):
    out = tmp_path / "out"
    runs = [begin(manifest, out, "--part", f"{part}/3") for part in (1, 2, 3)]
    assert [run.wait(120) for run in runs] == [0, 2, 0]
    done = [stored(out / SCREEN_PARTS / f"{part}_of_3") for part in (1, 2, 3)]
    assert [len(names) for names in done] == [2, 3, 3]
    said = screen(manifest, out)
    assert "7 of 8 samples are done already" in said.err
    assert delivered(out) == delivered(screened[0])
    # What a part has is old once its sample changes, and is not taken over again.
    names = [{"sample": row["sample"], "patient": "P1" if row["sample"] == "S1_POS" else "",
              "alignment": f"{row['sample']}.bam"} for row in table(out)]  # fmt: skip
    changed = write_sheet(manifest.with_name("changed.tsv"), names)
    assert "6 of 8 samples are done already" in screen(changed, out).err
    assert "7 of 8 samples are done already" in screen(changed, out).err


def test_a_part_waits_for_a_whole_run(manifest, tmp_path):
    out = tmp_path / "out"
    run = begin(manifest, out)
    until((out / ".lock").exists)
    said = screen(manifest, out, "--part", "1/1")
    assert said.code == 2 and "another run is using" in said.errors[0]
    run.kill()
    run.wait()


def test_what_a_part_finds_otherwise_is_not_contradicted_by_an_older_table(reads, tmp_path):
    rows = copies(reads, tmp_path, ["POS", "NEG"])
    sheet, out = write_sheet(tmp_path / "m.tsv", rows), tmp_path / "out"
    assert screen(sheet, out).code == 0
    for suffix in (".bam", ".bam.bai"):
        shutil.copy2(reads / f"NEG{suffix}", tmp_path / f"S0_POS{suffix}")
    assert screen(sheet, out, "--part", "1/2").code == 0
    assert not (out / "screen.tsv").exists() and stored(out) == []
    said = screen(sheet, out)
    assert said.code == 0 and "2 of 2 samples are done already" in said.err
    assert [row["verdict"] for row in table(out)] == ["not_detected", "not_detected"]


def test_a_whole_run_waits_for_its_parts(manifest, tmp_path):
    out = tmp_path / "out"
    run = begin(manifest, out, "--part", "1/2")
    until(lambda: (out / "work" / "parts" / "1_of_2" / "screen.sqlite").exists())
    said = screen(manifest, out)
    assert said.code == 2 and "another run" in said.errors[0]
    run.kill()
    run.wait()


def test_more_jobs_than_samples_are_no_more_processes(reads, tmp_path):
    sheet = write_sheet(tmp_path / "m.tsv", copies(reads, tmp_path, ["NEG"]))
    line = f"exec {shlex.quote(sys.executable)} -m vexas_uba1 screen m.tsv --out o --jobs 5000"
    done = subprocess.run(
        ["bash", "-c", f"ulimit -n 256; {line}"], cwd=sheet.parent, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(paths.product_root() / "scripts")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_another_run_or_another_file_in_its_place_is_told(manifest, screened, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(screened[0], out)
    for content in (b"this is a letter, not a table " * 40, None):
        file = out / "screen.sqlite"
        file.unlink()
        if content is not None:
            file.write_bytes(content)
        else:
            with closing(sqlite3.connect(file)) as other:
                other.execute("CREATE TABLE results (x)")
        before = file.read_bytes()
        said = screen(manifest, out)
        assert said.code == 2 and "Move it away" in said.errors[0]
        assert "Traceback" not in said.err and file.read_bytes() == before


def test_a_folder_in_the_tables_place_is_told(reads, tmp_path):
    sheet = write_sheet(tmp_path / "m.tsv", copies(reads, tmp_path, ["NEG"]))
    for name in ("screen.tsv", "screen.sqlite"):
        (tmp_path / name / name / "kept").mkdir(parents=True)
        said = screen(sheet, tmp_path / name)
        assert said.code == 2 and "Move it away" in said.errors[0] and name in said.errors[0]
        assert "Traceback" not in said.err and (tmp_path / name / name / "kept").exists()


def test_screens_and_runs_keep_out_of_each_others_folders(reads, tmp_path):
    sheet = write_sheet(tmp_path / "m.tsv", copies(reads, tmp_path, ["POS"]))
    called, screened, half = tmp_path / "called", tmp_path / "screened", tmp_path / "half"
    assert command("call", reads / "POS.bam", "--out", called, "--sample", "S0_POS").code == 0
    before = contents(called)
    said = screen(sheet, called)
    assert said.code == 2 and "`vexas-uba1 run` or `call`" in said.errors[0]
    assert contents(called) == before
    assert screen(sheet, screened).code == screen(sheet, half, "--part", "1/1").code == 0
    for out in (screened, half):
        before = delivered(out)
        config = write_config(tmp_path / "c.yaml", {"samples": str(sheet), "outdir": str(out)})
        for said in (
            command("call", reads / "POS.bam", "--out", out),
            run(config),
            snakemake("--configfile", config, "--cores", 1, cwd=tmp_path),
        ):
            assert said.code and "that of a screen" in said.err and "Traceback" not in said.err
        assert before and delivered(out) == before


def test_nothing_of_the_users_is_taken_for_a_result(reads, tmp_path):
    """Reads among the results would be removed with them, a manifest in the table's place lost."""
    out = tmp_path / "out"
    for place in ("samples/S0_POS", "work/parts"):
        (out / place).mkdir(parents=True)
        for suffix in (".bam", ".bam.bai"):
            shutil.copy2(reads / f"POS{suffix}", out / place / f"S0_POS.uba1{suffix}")
    row = {"sample": "S0_POS", "alignment": "out/samples/S0_POS/S0_POS.uba1.bam"}
    (tmp_path / "link.bam").symlink_to(out / "work" / "parts" / "S0_POS.uba1.bam")
    rows = [row, {"sample": "B", "alignment": "link.bam"}]
    sheet = write_sheet(tmp_path / "m.tsv", rows)
    config = write_config(tmp_path / "c.yaml", {"samples": str(sheet), "outdir": str(out)})
    before = contents(tmp_path)
    for said in (screen(sheet, out), run(config)):
        assert said.code == 2 and len(said.errors) == 2
        assert all("lies among the results of this output folder" in line for line in said.errors)
    fasta = out / "work" / "genome.fa"
    fasta.write_text(">chrX\nA\n")
    said = screen(write_sheet(tmp_path / "one.tsv", copies(reads, tmp_path, ["NEG"])), out,
                  "--reference", fasta)  # fmt: skip
    assert said.code == 2 and "lies among the results" in said.errors[0]
    assert fasta.exists()
    own = write_sheet(out / "screen.tsv", [{"sample": "A", "alignment": str(reads / "POS.bam")}])
    text = own.read_text()
    said = screen(own, out)
    assert said.code == 2 and "in this file's place" in said.errors[0]
    assert own.read_text() == text
    left = contents(tmp_path)
    assert {name: left[name] for name in before} == before


def test_files_in_the_place_of_passing_ones_are_not_removed(reads, tmp_path):
    sheet = write_sheet(tmp_path / "m.tsv", copies(reads, tmp_path, ["NEG"]))
    for more, folder in (((), "screen"), (("--part", "1/2"), "screen.1_of_2")):
        notes = tmp_path / "out" / "work" / folder / "notes.txt"
        notes.parent.mkdir(parents=True)
        notes.write_text("mine")
        said = screen(sheet, tmp_path / "out", *more)
        assert said.code == 2 and f"work/{folder}: this folder holds files" in said.errors[0]
        assert notes.read_text() == "mine"
        notes.unlink()


def test_parts_that_begin_together_put_the_whole_table_aside_as_it_is(screened, tmp_path):
    out, _ = screened
    rows = stored(out)
    for number in range(20):
        copy = tmp_path / str(number)
        copy.mkdir()
        shutil.copy(out / "screen.sqlite", copy)
        with ThreadPoolExecutor(8) as parts:
            list(parts.map(_set_aside, [copy] * 8))
        assert stored(copy / "work" / "parts" / "whole") == rows and not stored(copy)


def test_an_index_that_is_mended_is_noticed(reads, tmp_path):
    rows = copies(reads, tmp_path, ["POS"])
    bam = tmp_path / rows[0]["alignment"]
    with pysam.AlignmentFile(str(bam)) as full:
        pysam.AlignmentFile(str(tmp_path / "e.bam"), "wb", template=full).close()
    pysam.index(str(tmp_path / "e.bam"))
    good = (tmp_path / f"{bam.name}.bai").read_bytes()
    shutil.copyfile(tmp_path / "e.bam.bai", f"{bam}.bai")
    sheet, out = write_sheet(tmp_path / "m.tsv", rows), tmp_path / "out"
    assert screen(sheet, out).code == 0
    assert [row["verdict"] for row in table(out)] == ["not_assessable"]
    Path(f"{bam}.bai").write_bytes(good)
    assert screen(sheet, out).code == 0
    assert [row["verdict"] for row in table(out)] == ["detected"]


def test_how_the_references_path_is_written_does_not_matter(reads, tmp_path):
    fasta = reads / "synthetic_GRCh38.fa.gz"
    sheet, out = write_sheet(tmp_path / "m.tsv", copies(reads, tmp_path, ["NEG"])), tmp_path / "out"
    assert screen(sheet, out, "--reference", fasta).code == 0
    said = command("screen", sheet, "--out", out, "--reference", fasta.name, cwd=reads)
    assert "1 of 1 samples are done already" in said.err


def test_a_table_that_is_damaged_is_told(manifest, screened, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(screened[0], out)
    file = out / "screen.sqlite"
    content = bytearray(file.read_bytes())
    content[4096 : len(content)] = b"\x5a" * (len(content) - 4096)
    file.write_bytes(content)
    said = screen(manifest, out)
    assert said.code == 2 and "Traceback" not in said.err
    assert "out/screen.sqlite: the table is damaged" in said.errors[0]
    # That of a part is told as its own.
    file.parent.joinpath("work/parts/1_of_2").mkdir(parents=True)
    shutil.move(file, out / "work" / "parts" / "1_of_2")
    said = screen(manifest, out)
    assert said.code == 2 and "1_of_2/screen.sqlite: the table is damaged" in said.errors[0]
    # A part does not need it.
    shutil.move(out / "work" / "parts" / "1_of_2" / "screen.sqlite", file)
    assert screen(manifest, out, "--part", "2/2").code == 0


@pytest.mark.parametrize("seconds", ["0", "nan", "inf", "1e10", "99999999"])
def test_a_time_limit_that_is_none_is_told(manifest, tmp_path, seconds):
    said = screen(manifest, tmp_path / "out", "--timeout", seconds)
    assert said.code == 2 and "--timeout" in said.err and "Traceback" not in said.err


def test_a_full_disk_ends_the_screen_and_keeps_its_rows(manifest, screened, tmp_path):
    out, kept = tmp_path / "disk", tmp_path / "kept"
    out.mkdir()
    mount = ["unshare", "--mount", "--map-root-user"]
    works = subprocess.run([*mount, "mount", "-t", "tmpfs", "tmpfs", out], capture_output=True)
    if works.returncode:
        pytest.skip("no disk can be mounted here")
    script = (
        'mount -t tmpfs -o size="$1" tmpfs "$2" && kept="$3" && shift 3 && "$@"; code=$?; '
        'cp -r "${!#}" "$kept"; exit $code'
    )
    line = [sys.executable, "-m", "vexas_uba1", "screen", str(manifest), "--jobs", "1", "--out"]
    done = subprocess.run(
        [*mount, "bash", "-c", script, "-", "300k", str(out), str(kept), *line, str(out / "o")],
        env={**os.environ, "PYTHONPATH": str(paths.product_root() / "scripts")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "error: no space is left on the disk" in done.stderr
    assert 0 < len(stored(kept)) < 8 and not (kept / "screen.tsv").exists()
    assert screen(manifest, kept).code == 2
    assert delivered(kept) == delivered(screened[0])
