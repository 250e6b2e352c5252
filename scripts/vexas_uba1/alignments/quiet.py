"""Keeping htslib's own messages off the terminal; what went wrong is told by our errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pysam

_CLOSING = "Closing failed"
"""What pysam says of a file that goes away; its whole address stands behind, with its secrets."""


@contextmanager
def quiet_htslib() -> Iterator[None]:
    """Silence htslib on standard error within the block, and files that go away after it."""
    _keep_addresses_quiet()
    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)


def _keep_addresses_quiet() -> None:
    """Keep Python from printing why a file could not be closed that nobody holds any more.

    Cython prints it by both hooks, by the first without a traceback, which an error that ends a
    program has. What is wrong with the file has been told by our error then.
    """
    if not isinstance(sys.excepthook, _ButClosing):
        sys.excepthook = _ButClosing(
            sys.excepthook, lambda _kind, error, trace: error if trace is None else None
        )
    if not isinstance(sys.unraisablehook, _ButClosing):
        sys.unraisablehook = _ButClosing(sys.unraisablehook, lambda told: told.exc_value)


@dataclass(frozen=True)
class _ButClosing:
    """A hook that passes on what it is told, but errors of files that went away.

    Attributes:
        told: The hook that was there.
        error_of: Returns the error among a hook's arguments; None for one that is passed on.
    """

    told: Callable[..., object]
    error_of: Callable[..., object]

    def __call__(self, *about: object) -> None:
        error = self.error_of(*about)
        if not (isinstance(error, OSError) and _CLOSING in str(error)):
            self.told(*about)
