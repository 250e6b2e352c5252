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
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from vexas_uba1.errors import UserError

_ORPHAN_SECONDS = 1.0
_GRACE_SECONDS = 10.0
_START_SECONDS = 300.0
"""What a process may take to begin, at least; with many of them all take longer."""
_ATTEMPTS = 3
"""Processes of one lane that end as they begin before all is given up."""

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
        prepare: Done by each process as it starts; pickled, too. What it raises is raised here.

    Raises:
        UserError: the machine does not let so many processes begin, or none of them lives long.
    """
    waiting = iter(tasks)
    held: list[_Task] = []  # a task whose process was gone before it could be given
    begun: list[_Lane] = []
    starting: dict[Future[None], tuple[_Lane, int, float]] = {}
    free: list[_Lane] = []
    busy: dict[Future[_Value], tuple[_Lane, _Task, float]] = {}
    late: set[Future[_Value]] = set()

    def start(attempt: int = 1) -> None:
        lane = _Lane()
        begun.append(lane)
        ready = lane.start(prepare)
        starting[ready] = lane, attempt, time.monotonic() + max(timeout, _START_SECONDS)

    def end_of(lane: _Lane) -> None:
        lane.end()
        begun.remove(lane)

    def start_instead_of(lane: _Lane, attempt: int = 1) -> None:
        end_of(lane)
        if attempt == _ATTEMPTS:
            raise UserError(
                "every process is ended as it begins, or does not begin in time",
                remedy="Look for what ends them, such as a lack of memory; do less at a time "
                "(--jobs, --cores)",
            )
        start(attempt + 1)

    try:
        # All at once: each takes a moment to begin.
        for _ in range(lanes):
            start()
        done: list[Done[_Task, _Value]] = []
        is_over = False
        while True:
            # Before what is done is looked at, so that no process waits for that.
            while free and not is_over:
                task = held.pop() if held else next(waiting, None)
                if task is None:
                    is_over = True
                    break
                lane = free.pop()
                future = lane.begin(work, task, timeout)
                if future is None:
                    held.append(task)
                    start_instead_of(lane)
                else:
                    busy[future] = (lane, task, time.monotonic() + timeout)
            if done:
                yield done
            if not busy and (is_over or not starting):
                break
            ends = [end for _, _, end in (*starting.values(), *busy.values())]
            asked: list[Future[Any]] = [*starting, *busy]
            ended, _ = wait(asked, max(0.0, min(ends) - time.monotonic()), FIRST_COMPLETED)
            done = []
            for future in ended & busy.keys():
                lane, task, _ = busy.pop(future)
                # What was ended for its time may have been done all the same, but its lane is gone.
                if future in late:
                    end_of(lane)
                    start()
                else:
                    free.append(lane)
                done.append(Done(task, future, future not in late))
            for future, (lane, task, end) in busy.items():
                if end <= time.monotonic():
                    late.add(future)
                    lane.kill()
                    # It is as good as gone; the system may take a moment.
                    busy[future] = (lane, task, end + timeout)
            for ready, (lane, attempt, end) in list(starting.items()):
                if ready.done() and not isinstance(ready.exception(), BrokenProcessPool):
                    ready.result()
                    del starting[ready]
                    free.append(lane)
                elif ready.done() or end <= time.monotonic():
                    del starting[ready]
                    start_instead_of(lane, attempt)
    finally:
        # None has anything left to do that is still wanted.
        for lane in begun:
            lane.kill()
        for lane in begun:
            lane.end()


class _Lane:
    """One process."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._processes: set[BaseProcess] = set()

    def start(self, prepare: Callable[[], object] | None) -> Future[None]:
        """Begin the process; return what is done when it is ready.

        That may hold what preparing raised, or BrokenProcessPool where the process was ended.

        Raises:
            UserError: the machine does not let it begin.
        """
        context = multiprocessing.get_context("spawn")
        # As it starts it lets through what is held back here.
        resource_tracker.ensure_running()
        before = set(multiprocessing.active_children())
        # Ctrl-C reaches all processes of a terminal, from their first moment on; the one that began
        # this one ends it. What is held back as it begins stays so in it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            self._pool = ProcessPoolExecutor(
                1, mp_context=context, initializer=_begin, initargs=(os.getpid(),)
            )
            return self._pool.submit(_prepared, prepare)
        except (OSError, RuntimeError) as error:
            # A process that is ended while it begins is one that takes nothing (EPIPE); that no
            # thread can be begun is an error without a number.
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise UserError(
                f"a process cannot be begun ({why})",
                remedy="Do less at a time (--jobs, --cores), or allow more open files or processes "
                "(`ulimit -a`)",
            ) from error
        finally:
            self._processes = set(multiprocessing.active_children()) - before
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def begin(
        self, work: Callable[[_Task], _Value], task: _Task, timeout: float
    ) -> Future[_Value] | None:
        """Give the process, which is ready and has none now, a task; None where it is gone."""
        assert self._pool is not None
        try:
            return self._pool.submit(_done, work, task, timeout)
        except BrokenProcessPool:
            return None

    def kill(self) -> None:
        """End the process at once, if it is there."""
        for process in self._processes:
            process.kill()

    def end(self) -> None:
        """End the process, and wait for what looks after it: it may not outlive this program."""
        self.kill()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _done(work: Callable[[_Task], _Value], task: _Task, timeout: float) -> _Value:
    # While htslib waits for a server no thread runs, so that nothing here notices when the process
    # that began this one is gone: then the system ends it.
    signal.setitimer(signal.ITIMER_REAL, timeout + _GRACE_SECONDS)
    try:
        return work(task)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _prepared(prepare: Callable[[], object] | None) -> None:
    if prepare is not None:
        prepare()


def _begin(parent: int) -> None:
    """End this process as soon as the one that began it is gone, however that ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
