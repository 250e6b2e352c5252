"""Ctrl-C and SIGTERM, which end what runs in the same way."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

_SAME_S = 1.0
"""Signals so close are one: `timeout` and others send it to a process and then to its group."""


class Terminated(KeyboardInterrupt):
    """SIGTERM."""


@contextmanager
def interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt where SIGINT comes, and :class:`Terminated` where SIGTERM does.

    What comes twice at once is raised once, so that it does not end the putting away too. Who
    ignores a signal, as a shell lets a job in the background ignore SIGINT, goes on to do so.
    """
    last = -_SAME_S

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SAME_S:
            last = now
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    with ExitStack() as handlers:
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                handlers.callback(signal.signal, number, signal.signal(number, stop))
        yield


def exit_status(stop: KeyboardInterrupt) -> int:
    """Return the exit status that shells give to what a signal ended: 130 or 143."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
