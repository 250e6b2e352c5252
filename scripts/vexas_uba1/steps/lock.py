"""One run at a time in an output folder, whether ``vexas-uba1 run`` or plain Snakemake."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shlex
from functools import cache
from pathlib import Path
from typing import IO

from vexas_uba1 import paths
from vexas_uba1.errors import UserError

HELD = "VEXAS_UBA1_LOCKED"
"""Environment variable in which ``run`` tells its own Snakemake which folder it has locked."""

_WITHOUT_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK}
"""What file systems answer that keep no locks, such as some NFS and Lustre."""
_LOGGER = logging.getLogger(__name__)
_LOCKED = "another run is using this output folder"


def take(outdir: Path, *, shared: bool = False) -> IO[bytes]:
    """Lock an output folder until the returned file is closed.

    The kernel lets go of it however the run ends.

    Args:
        outdir: Made if missing.
        shared: Whether others may hold it at the same time that share it, too.

    Raises:
        UserError: another run has it, or it cannot be made.
    """
    try:
        outdir.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError:  # as of /proc, which lets nobody make anything
        raise UserError(
            "the output folder cannot be made", remedy="Name another folder", file=str(outdir)
        ) from None
    handle = (outdir / ".lock").open("wb")
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise UserError(
            _LOCKED, remedy="Wait for it to end, or name another outdir", file=outdir.name
        ) from None
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            handle.close()
            raise
        _LOGGER.warning("the disk of the output folder knows no locks: start one run at a time")
    return handle


@cache
def take_until_the_end(outdir: Path) -> IO[bytes] | None:
    """Lock an output folder for as long as this process lives; None if its parent has done so.

    Raises:
        UserError: another run has it.
    """
    held = os.environ.get(HELD)
    # Two ways of writing one folder, such as through "..", are one lock.
    if held is not None and Path(held).resolve() == outdir.resolve():
        return None
    return take(outdir)


def refuse_if_snakemake_locked(outdir: Path, config: Path) -> None:
    """Heed the lock that plain Snakemake keeps by itself, which a killed one leaves behind.

    Raises:
        UserError: there is one.
    """
    if any((outdir / ".snakemake" / "locks").glob("*.lock")):
        unlock = ["snakemake", "--snakefile", str(paths.snakefile()), "--configfile", str(config)]
        raise UserError(
            f"{_LOCKED}: Snakemake's own lock is in it",
            remedy="Wait for it to end; if it was killed, free the folder with "
            f"`{shlex.join([*unlock, '--unlock'])}`",
            file=outdir.name,
        )
