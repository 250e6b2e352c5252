"""Signals that end a command: once each, and none that is ignored."""

import os
import signal
import sys
import time
from unittest.mock import MagicMock

import pytest

from vexas_uba1.steps import engine
from vexas_uba1.steps.interrupts import Terminated, exit_status, interrupts


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_sent_to_a_process_and_its_group_interrupts_once(number, status):
    cleared = []
    before = signal.getsignal(number)

    def work():
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), number)
            time.sleep(0.01)
            cleared.append(True)

    with interrupts(), pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert cleared and exit_status(caught.value) == status
    assert isinstance(caught.value, Terminated) == (number == signal.SIGTERM)
    assert signal.getsignal(number) is before


def test_who_asks_again_is_heard(monkeypatch):
    monkeypatch.setattr("vexas_uba1.steps.interrupts._SAME_S", 0.0)
    heard = []
    with interrupts():
        for _ in range(2):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            except Terminated:
                heard.append(True)
    assert len(heard) == 2


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_snakemake_that_does_not_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "_LONGEST_STOP_S", 0.2)
    deaf = (
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('Job 1: deaf', flush=True)\n"
        "time.sleep(20)\n"
        "pathlib.Path(sys.argv[1]).touch()"
    )
    late = tmp_path / "late"
    command = [sys.executable, "-c", deaf, str(late)]

    class Heard:
        """A console that interrupts as the program speaks."""

        is_terminal = False

        def print(self, *_):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(engine, "Progress", MagicMock())
    with (tmp_path / "held").open("wb") as held, pytest.raises(KeyboardInterrupt):
        engine._watch(command, os.environ, tmp_path, held, engine._Watched(), Heard())
    assert not late.exists()
