"""Running samtools commands and other programs, so that a failure keeps its reason."""

from __future__ import annotations

import errno
import os
import shutil
import signal

import pysam

from vexas_uba1.errors import UserError

_DISK_FULL = os.strerror(errno.ENOSPC)
_SHOWN = 2000  # last characters of a program's messages that an error carries


def samtools(command: str, *arguments: str) -> None:
    """Run one of pysam's samtools commands that writes its output to a file.

    Raises:
        OSError: the disk is full.
        pysam.utils.SamtoolsError: anything else went wrong.
    """
    try:
        getattr(pysam, command)(*arguments, catch_stdout=False)
    except pysam.utils.SamtoolsError as error:
        if _DISK_FULL in str(error):
            raise OSError(errno.ENOSPC, _DISK_FULL) from error
        raise


def find_program(name: str) -> str:
    """Return the path of an executable.

    Raises:
        UserError: it is not on PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise UserError(
            f"the program {name} is not installed",
            remedy=f"Install {name}, or set aligner: minimap2, which is built in",
            column="aligner",
            value=name,
        )
    return found


def failure(program: str, status: int, messages: str) -> OSError | RuntimeError:
    """Return the exception for a program that ended with ``status``: OSError for a full disk."""
    if _DISK_FULL in messages:
        return OSError(errno.ENOSPC, _DISK_FULL)
    ended = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"failed ({status})"
    hint = "; was there enough memory?" if status == -signal.SIGKILL else ""
    return RuntimeError(f"{program} {ended}{hint}\n{messages[-_SHOWN:]}")
