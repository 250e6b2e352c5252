"""What jobs leave behind: products, or why the sample cannot go on."""

import errno
import fcntl
import json

import pytest

from vexas_uba1.errors import UserError
from vexas_uba1.files import sweep, write_text
from vexas_uba1.status import read_status
from vexas_uba1.steps.calling import PUBLISHED, finalise
from vexas_uba1.steps.cohort import failed_samples
from vexas_uba1.steps.lock import take
from vexas_uba1.steps.outcome import Failure, failure_in, produce


def broken(name):
    def work(folder):
        (folder / "half.txt").write_text("half")
        raise UserError(f"{name} is broken", remedy="Mend it", file=name)

    return work


def test_products_of_work_that_succeeds(tmp_path):
    folder = tmp_path / "step" / "S"
    folder.mkdir(parents=True)
    (folder / "old.txt").write_text("of an earlier run")
    assert produce(folder, "step", (), lambda out: (out / "new.txt").write_text("x")) is None
    assert [file.name for file in folder.iterdir()] == ["new.txt"]
    assert failure_in(folder) is None


def test_a_users_error_leaves_its_reason_alone(tmp_path):
    folder = tmp_path / "S"
    failure = produce(folder, "trim_reads", (), broken("a.fastq"))
    assert [file.name for file in folder.iterdir()] == ["failed.json"]
    assert failure_in(folder) == failure
    assert (failure.step, failure.problems[0].file) == ("trim_reads", "a.fastq")


def test_a_fault_of_the_software_is_not_caught(tmp_path):
    def work(folder):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        produce(tmp_path / "S", "step", (), work)
    assert failure_in(tmp_path / "S") is None


def test_failures_of_several_lanes_are_handed_on_together_and_the_work_is_not_done(tmp_path):
    lanes = [tmp_path / name for name in ("L1", "L2", "L3")]
    produce(lanes[0], "trim_reads", (), broken("one.fastq"))
    produce(lanes[1], "trim_reads", (), lambda out: None)
    produce(lanes[2], "trim_reads", (), broken("three.fastq"))
    joined = produce(tmp_path / "S", "mark_duplicates", [*lanes, lanes[0]], pytest.fail)
    assert joined.step == "trim_reads"
    assert [problem.file for problem in joined.problems] == ["one.fastq", "three.fastq"]
    assert failure_in(tmp_path / "S") == joined


def test_a_failed_sample_keeps_no_file_of_an_earlier_result(tmp_path):
    out = tmp_path / "samples" / "S"
    out.mkdir(parents=True)
    for name in (*PUBLISHED, "status.json"):
        (out / f"S.{name}").write_text("old")
    (out / ".part-x.S.result.json").write_text("of a killed writer")
    (out / "notes.txt").write_text("the user's own")
    try:
        broken("a.bam")(tmp_path)
    except UserError as error:
        failure = Failure("extract_region", error.problems)
    finalise("S", tmp_path, tmp_path, None, "", out, failure)
    assert sorted(file.name for file in out.iterdir()) == ["S.status.json", "notes.txt"]
    status = read_status(out / "S.status.json")
    assert (status.state, status.step) == ("failed", "extract_region")
    assert failed_samples(["S"], tmp_path) == [status]


def test_results_of_another_schema_fail_the_sample_and_leave_nothing(tmp_path):
    called, out = tmp_path / "called", tmp_path / "samples" / "S"
    called.mkdir()
    (called / "call.json").write_text(json.dumps({"schema_version": "0.1"}))
    failure = finalise("S", called, tmp_path, None, "", out, None)
    assert failure.step == "finalise_result"
    assert [file.name for file in out.iterdir()] == ["S.status.json"]


def test_what_killed_writers_left_is_swept(tmp_path):
    write_text(tmp_path / "kept.txt", "x")
    (tmp_path / ".part-1kept.txt").touch()
    sweep(tmp_path)
    sweep(tmp_path / "not there")
    assert [file.name for file in tmp_path.iterdir()] == ["kept.txt"]


def test_a_disk_without_locks_does_not_stop_the_run(tmp_path, monkeypatch, caplog):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    take(tmp_path).close()
    assert "knows no locks" in caplog.text
