"""A sample's status file: what went wrong is kept, where it lay is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vexas_uba1.errors import Problem, UserError
from vexas_uba1.status import SCHEMA_VERSION, SampleStatus, read_status, write_status


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    failed = SampleStatus(
        SCHEMA_VERSION,
        "S1",
        "failed",
        step="extract_region",
        problems=(Problem("is cut short", "copy it again", "data/s1.bam", 3, "alignment", "x"),),
    )
    ended_well = SampleStatus(SCHEMA_VERSION, "S2", "ok", files=("S2.result.json",))
    for status in (failed, ended_well):
        path = tmp_path / f"{status.sample}.status.json"
        write_status(path, status)
        assert read_status(path) == status


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[]", "schema version"),
        (b'{"schema_version": "0.1"}', "schema version"),
        (b'{"schema_version": "1.0", "sample": "S1", "state": "fine"}', "state"),
        (b'{"schema_version": "1.0", "sample": "S1", "state": "ok", "other": 1}', "other"),
        (b'{"schema_version": "1.0", "sample": "S1"}', "state"),
    ],
)
def test_an_unreadable_status_is_a_user_error(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "S1.status.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=says) as caught:
        read_status(path)
    assert caught.value.problems[0].file == "S1.status.json"
    assert str(tmp_path) not in str(caught.value)


def test_folders_and_urls_do_not_reach_the_file(tmp_path: Path) -> None:
    problems = (
        Problem("cannot be read", "copy it again", file="/home/jo doe/secret/s1.bam"),
        Problem(
            "/home/jo doe/secret/s1.bam is not /mnt/other/x.fa",
            "see https://user:word@host.example/folder/s1.cram?token=abc",
            value="/home/jo doe/secret/s1.bam",
        ),
        Problem(
            "no data", "use https://host.example?token=abc", value="s3+http://bucket/key/a.bam"
        ),
    )
    status = SampleStatus(SCHEMA_VERSION, "S1", "failed", "call_variants", problems)
    path = tmp_path / "S1.status.json"
    write_status(path, status)
    text = path.read_text(encoding="utf-8")
    for private in ("jo doe", "secret", "mnt", "host.example", "word", "token", "bucket", "folder"):
        assert private not in text
    for name in ("s1.bam", "x.fa", "s1.cram", "a.bam"):
        assert name in text
    assert read_status(path) == status


def test_slashes_that_are_no_paths_stay() -> None:
    problem = Problem("c.122=/T>C and/or 1/2", "look at data/s1.bam", file="data/s1.bam")
    assert SampleStatus(SCHEMA_VERSION, "S1", "failed", "", (problem,)).problems == (problem,)


def test_the_file_is_plain_json_with_every_field(tmp_path: Path) -> None:
    path = tmp_path / "S1.status.json"
    write_status(path, SampleStatus(SCHEMA_VERSION, "S1", "ok"))
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "schema_version": "1.0",
        "sample": "S1",
        "state": "ok",
        "step": "",
        "problems": [],
        "files": [],
    }
