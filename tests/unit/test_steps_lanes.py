"""Processes side by side, of which any may die or take too long."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from vexas_uba1.errors import UserError
from vexas_uba1.steps import lanes
from vexas_uba1.steps.lanes import in_lanes


def sleeping(seconds):
    time.sleep(seconds)
    return seconds


def dying(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 3:
        raise ValueError(number)
    return number


def ended(*arguments, **keys):
    return {done.task: done for come in in_lanes(*arguments, **keys) for done in come}


def test_each_task_ends_once_whatever_becomes_of_the_others():
    found = ended(dying, range(6), 2, 60)
    assert sorted(found) == list(range(6))
    assert [found[n].future.result() for n in (0, 1, 4, 5)] == [0, 1, 4, 5]
    with pytest.raises(BrokenProcessPool):
        found[2].future.result()
    with pytest.raises(ValueError, match="3"):
        found[3].future.result()


def test_tasks_that_end_about_when_they_are_ended_harm_nobody():
    # Just below and just above the time, so that some end while they are killed.
    tasks = [0.3 + n / 200 for n in range(-6, 7)]
    found = ended(sleeping, tasks, 2, 0.3)
    assert sorted(found) == sorted(tasks)
    assert not found[max(tasks)].in_time
    for task, done in found.items():
        if done.in_time:
            assert done.future.result() == task


def prepared():
    time.sleep(1)
    os.environ["PREPARED"] = "yes"


def told(_):
    return os.environ.get("PREPARED")


def test_each_process_is_prepared_before_its_tasks_and_that_takes_none_of_their_time():
    found = ended(told, range(4), 2, 0.9, prepare=prepared)
    assert [done.future.result() for done in found.values()] == ["yes"] * 4
    assert told(0) is None


def test_processes_that_cannot_be_prepared_are_told():
    with pytest.raises(UserError, match="ended as it begins"):
        ended(told, range(4), 2, 60, prepare=os.abort)


def refused_preparation():
    raise UserError("nothing is there", remedy="Put it there")


def test_what_preparing_raises_is_told():
    with pytest.raises(UserError, match="nothing is there"):
        ended(told, range(4), 2, 60, prepare=refused_preparation)


def one_never_ready(folder):
    """Let the first process that asks wait for ever."""
    with suppress(FileExistsError):
        (folder / "first").touch(exist_ok=False)
        (folder / "pid").write_text(str(os.getpid()))
        time.sleep(3600)


def test_a_process_that_is_never_ready_holds_up_no_other_and_is_ended(tmp_path):
    found = ended(told, range(6), 2, 60, prepare=partial(one_never_ready, tmp_path))
    assert sorted(found) == list(range(6))
    assert is_gone(int((tmp_path / "pid").read_text()))


def is_gone(pid):
    """Whether a process is no more, or is only not yet asked for its end."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_processes_that_do_not_begin_in_time_are_told(monkeypatch):
    monkeypatch.setattr(lanes, "_START_SECONDS", 0.2)
    with pytest.raises(UserError, match="does not begin in time"):
        ended(told, range(2), 1, 0.1, prepare=partial(time.sleep, 3600))


def test_whoever_stops_waits_for_no_process_that_begins(tmp_path):
    come = in_lanes(told, range(6), 2, 60, prepare=partial(one_never_ready, tmp_path))
    next(come)
    come.close()
    assert is_gone(int((tmp_path / "pid").read_text()))


def heeds_ctrl_c(_):
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_ctrl_c_of_a_terminal_reaches_no_process():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    found = ended(heeds_ctrl_c, range(4), 2, 60)
    assert not any(done.future.result() for done in found.values())
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


@pytest.mark.parametrize(
    "error", [OSError(24, "Too many open files"), RuntimeError("can't start new thread")]
)
def test_no_process_at_all_is_told(monkeypatch, error):
    def refused(*_, **__):
        raise error

    monkeypatch.setattr(lanes, "ProcessPoolExecutor", refused)
    with pytest.raises(UserError, match=r"Too many open files|can't start new thread"):
        ended(sleeping, [0.0], 1, 60)
    assert ended(sleeping, [], 0, 60) == {}


def test_a_task_that_ends_before_its_process_can_be_ended_counts(monkeypatch):
    monkeypatch.setattr(lanes.os, "kill", lambda *_: None)
    found = ended(sleeping, [0.6, 0.0], 1, 0.2)
    assert {task: done.future.result() for task, done in found.items()} == {0.6: 0.6, 0.0: 0.0}
    assert not found[0.6].in_time
