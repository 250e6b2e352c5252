"""Keeping htslib's own messages off the terminal; what went wrong is told by our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pysam


@contextmanager
def quiet_htslib() -> Iterator[None]:
    """Silence htslib on standard error within the block."""
    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)
