"""Reads on S3, from a real server on loopback that asks for credentials."""

from __future__ import annotations

import csv
import os
import shutil

import pytest

from builders.s3server import BUCKET, python_with_moto, storing
from builders.sheets import write_sheet
from builders.workflow import command, files_of, project, result, run, status

pytestmark = pytest.mark.skipif(
    python_with_moto() is None and not os.environ.get("CI"),
    reason="moto is not installed: pip install -e '.[s3test]'",
)

FASTA = "synthetic_GRCh38.fa.gz"
GOOD = {"POS": f"s3+http://{BUCKET}/POS.bam", "CRM": f"s3+http://{BUCKET}/CRM.cram"}
BAD = {
    "missing": (f"s3+http://{BUCKET}/none.bam", "has no such file"),
    "away": ("s3+http://nowhere/POS.bam", "has no such file"),
    "denied": (f"s3+http://{BUCKET}/denied.bam", "refuses access"),
}


@pytest.fixture(scope="module")
def s3(reads, tmp_path_factory):
    """The environment of a server that holds two samples, and one that is not to be read."""
    folder = tmp_path_factory.mktemp("s3")
    for name in ("POS.bam", "POS.bam.bai", "CRM.cram", "CRM.cram.crai"):
        shutil.copy2(reads / name, folder)
    for suffix in (".bam", ".bam.bai"):
        shutil.copy2(reads / f"POS{suffix}", folder / f"denied{suffix}")
    with storing(folder) as environment:
        yield environment


@pytest.fixture(scope="module")
def sheet():
    """The rows of all samples."""
    urls = GOOD | {name: url for name, (url, _) in BAD.items()}
    return [{"sample": name, "alignment": url} for name, url in urls.items()]


def assert_no_secret(environment, folder, said):
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        secret = environment[key]
        assert secret not in said.out + said.err
        for file in folder.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), (key, file)


def without_files(made):
    """Return a result without what differs between a disk and a server."""
    return made | {"input": {key: value for key, value in made["input"].items() if key != "files"}}


def test_a_run_gives_what_it_gives_of_local_files(s3, sheet, reads, from_alignments, tmp_path):
    config = project(tmp_path / "s3", sheet, {"reference": str(reads / FASTA)})
    said = run(config, **s3)
    assert said.code == 2 and "Traceback" not in said.out + said.err
    ours, theirs = tmp_path / "s3" / "results", from_alignments.results
    for name in GOOD:
        assert files_of(ours, name) == files_of(theirs, name)
        made, other = (without_files(result(folder, name)) for folder in (ours, theirs))
        # Its row of the other sheet says more of the one.
        assert made["variants"] == other["variants"] and made["codon41"] == other["codon41"]
        assert made == other or name == "POS"
        for suffix in ("uba1.bam", "uba1.vcf.gz", "variants.tsv"):
            file = f"samples/{name}/{name}.{suffix}"
            assert (ours / file).read_bytes() == (theirs / file).read_bytes()
    for name, (_, words) in BAD.items():
        failed = status(ours, name)
        assert (failed["state"], files_of(ours, name)) == ("failed", ["status.json"])
        (problem,) = failed["problems"]
        assert words in problem["message"]
    assert_no_secret(s3, tmp_path / "s3", said)


def test_a_screen_gives_what_it_gives_of_local_files(s3, sheet, reads, tmp_path):
    out = tmp_path / "out"
    manifest = write_sheet(tmp_path / "m.tsv", sheet)
    said = command(
        *("screen", manifest, "--out", out, "--jobs", 2, "--reference", reads / FASTA), **s3
    )
    assert said.code == 2 and "Traceback" not in said.err
    with (out / "screen.tsv").open(encoding="utf-8", newline="") as text:
        rows = {row["sample"]: row for row in csv.DictReader(text, delimiter="\t")}
    for name in GOOD:
        assert rows[name]["verdict"] == "detected"
    for name, (_, words) in BAD.items():
        assert (rows[name]["status"], rows[name]["verdict"]) == ("failed", "")
        assert words in rows[name]["error"]
    assert_no_secret(s3, tmp_path, said)


@pytest.mark.parametrize("name", GOOD)
def test_a_call_gives_what_it_gives_of_a_local_file(s3, reads, tmp_path, name):
    options = ("--reference", reads / FASTA)
    file = GOOD[name].rpartition("/")[2]
    assert command("call", reads / file, "--out", tmp_path / "local", *options).code == 0
    said = command("call", GOOD[name], "--out", tmp_path / "s3", *options, **s3)
    assert said.code == 0, said.err
    made, other = (result(tmp_path / folder, name) for folder in ("s3", "local"))
    assert without_files(made) == without_files(other)
    assert_no_secret(s3, tmp_path / "s3", said)


def test_wrong_credentials_and_none_are_told(s3, tmp_path):
    for change in ({"AWS_SECRET_ACCESS_KEY": "hush" * 10}, {"AWS_ACCESS_KEY_ID": "HUSH" * 5}):
        said = command("call", GOOD["POS"], "--out", tmp_path / "out", **(s3 | change))
        assert said.code == 2
        (error,) = said.errors
        assert "refuses access" in error and "~/.aws/credentials" in error
        assert "hush" not in said.err.lower()
        assert not (tmp_path / "out").exists()


def test_credentials_of_a_file_are_used(s3, tmp_path):
    """As ``aws configure`` writes it."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    key, secret = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
    (home / ".aws" / "credentials").write_text(
        f"[default]\naws_access_key_id = {s3[key]}\naws_secret_access_key = {s3[secret]}\n"
    )
    others = {name: value for name, value in s3.items() if not name.startswith("AWS_")}
    said = command("call", GOOD["POS"], "--out", tmp_path / "out", HOME=str(home), **others)
    assert said.code == 0, said.err
    assert_no_secret(s3, tmp_path / "out", said)
