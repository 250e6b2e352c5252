"""Processes that work side by side, of which any may die or hang without harm to the others.

Each lane is a pool of one process: pools of several are lost as a whole, or left waiting for a lock
that a killed process held.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from vexas_uba1.errors import UserError

_ORPHAN_SECONDS = 1.0
_GRACE_SECONDS = 10.0
_ATTEMPTS = 3
"""Processes that are begun for one task before it is given up."""

_Task = TypeVar("_Task")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Done(Generic[_Task, _Value]):
    """A task that has ended.

    Attributes:
        task: The task.
        future: Its value or error; :class:`concurrent.futures.process.BrokenProcessPool` where its
            process was ended.
        in_time: Whether it was not ended for taking too long.
    """

    task: _Task
    future: Future[_Value]
    in_time: bool


def in_lanes(
    work: Callable[[_Task], _Value],
    tasks: Iterable[_Task],
    lanes: int,
    timeout: float,
    prepare: Callable[[], object] | None = None,
) -> Iterator[list[Done[_Task, _Value]]]:
    """Yield tasks as they end, those that ended together in one list.

    Args:
        work: Done in a process that has begun anew; it and the tasks are pickled.
        tasks: Asked for one by one, as lanes become free.
        lanes: Processes.
        timeout: Seconds after which a task's process is ended; its start does not count.
        prepare: Done by each process as it starts; pickled, too.

    Raises:
        UserError: the machine does not let so many processes begin.
    """
    waiting = iter(tasks)
    free: list[_Lane] = []
    busy: dict[Future[_Value], tuple[_Lane, _Task, float]] = {}
    late: set[Future[_Value]] = set()
    try:
        # All at once: each takes a moment to begin.
        while len(free) < lanes:
            free.append(_Lane(prepare))
        done: list[Done[_Task, _Value]] = []
        while True:
            # Before what is done is looked at, so that no process waits for that.
            while free and (task := next(waiting, None)) is not None:
                lane, future = free.pop().begin(work, task, timeout)
                busy[future] = (lane, task, time.monotonic() + timeout)
            if done:
                yield done
            if not busy:
                break
            soonest = min(end for _, _, end in busy.values())
            ended, _ = wait(busy, max(0.0, soonest - time.monotonic()), FIRST_COMPLETED)
            done = []
            for future in ended:
                lane, task, _ = busy.pop(future)
                # What was ended for its time may have been done all the same, but its lane is gone.
                free.append(_Lane(prepare) if future in late else lane)
                done.append(Done(task, future, future not in late))
            for future, (lane, task, end) in busy.items():
                if end <= time.monotonic():
                    late.add(future)
                    lane.kill()
                    # It is as good as gone; the system may take a moment.
                    busy[future] = (lane, task, end + timeout)
    except BaseException:
        for lane in (*free, *(lane for lane, _, _ in busy.values())):
            lane.kill()
        raise
    for lane in free:
        lane.close()


class _Lane:
    """One process.

    Raises:
        UserError: the machine does not let it begin.
    """

    def __init__(self, prepare: Callable[[], object] | None) -> None:
        self._prepare = prepare
        context = multiprocessing.get_context("spawn")
        try:
            self._pool = ProcessPoolExecutor(
                1, mp_context=context, initializer=_begin, initargs=(os.getpid(), prepare)
            )
            self._pid = self._pool.submit(os.getpid)
        except OSError as error:
            # A process that is ended while it begins is one that takes nothing (EPIPE).
            raise UserError(
                f"a process cannot be begun ({error.strerror})",
                remedy="Do less at a time (--jobs, --cores), or allow more open files or processes "
                "(`ulimit -a`)",
            ) from error

    def begin(
        self, work: Callable[[_Task], _Value], task: _Task, timeout: float
    ) -> tuple[_Lane, Future[_Value]]:
        """Give the process, which has none now, a task; a new one where it is gone.

        Raises:
            UserError: no process lives long enough.
        """
        lane = self
        for _ in range(_ATTEMPTS):
            try:
                lane._pid.result()
                return lane, lane._pool.submit(_done, work, task, timeout)
            except BrokenProcessPool:
                lane = _Lane(self._prepare)
        raise UserError(
            "every process is ended as it begins",
            remedy="Look for what ends them, such as a lack of memory; do less at a time (--jobs, "
            "--cores)",
        )

    def close(self) -> None:
        """Let the process, which has no task now, end."""
        self._pool.shutdown()

    def kill(self) -> None:
        """End the process at once, if it is there."""
        # That of a process which is gone may be another's by now: its pool takes nothing.
        with suppress(BrokenProcessPool, ProcessLookupError, RuntimeError):
            self._pool.submit(_nothing)
            os.kill(self._pid.result(), signal.SIGKILL)
        self._pool.shutdown(wait=False, cancel_futures=True)


def _done(work: Callable[[_Task], _Value], task: _Task, timeout: float) -> _Value:
    # While htslib waits for a server no thread runs, so that nothing here notices when the process
    # that began this one is gone: then the system ends it.
    signal.setitimer(signal.ITIMER_REAL, timeout + _GRACE_SECONDS)
    try:
        return work(task)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _nothing() -> None:
    """Ask whether a pool has a process: it takes nothing if it has lost it."""


def _begin(parent: int, prepare: Callable[[], object] | None) -> None:
    """End this process as soon as the one that began it is gone, however that ended."""
    # Ctrl-C reaches all processes of a terminal; the one that began this ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if prepare is not None:
        prepare()
