"""A real Slurm of one node on this machine, for tests: munge, slurmctld and slurmd on loopback.

::

    python tests/slurm/one_node.py start
    python tests/slurm/one_node.py stop

It needs root and Debian's packages slurm-wlm and munge, and installs nothing. Its key, sockets and
state are below /run/vexas-uba1-slurm; only slurm.conf lies where Slurm's programs look for it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CONFIGURATION = Path("/etc/slurm/slurm.conf")
STATE = Path("/run/vexas-uba1-slurm")
PARTITION = "main"
CORES = 2  # that Slurm gives away, whatever the machine has
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo")
_WRITTEN = "# Written by tests/slurm/one_node.py of vexas-uba1, which removes it again.\n"
_DAEMONS = ("slurmd", "slurmctld", "munged")  # in the order in which they are stopped
_LONGEST_WAIT = 60  # seconds


class CannotError(Exception):
    """Why there can be no Slurm here, in words."""


def missing() -> list[str]:
    """Return what a Slurm needs and this machine has not."""
    names = [f"{name} (Debian: slurm-wlm, munge)" for name in PROGRAMS if _program(name) is None]
    return names if os.geteuid() == 0 else ["root", *names]


def start() -> None:
    """Start it and wait until it takes jobs.

    Raises:
        CannotError: something is missing, there is another Slurm here, or it does not start.
    """
    if absent := missing():
        raise CannotError(f"not here: {', '.join(absent)}")
    if CONFIGURATION.exists() and not _is_ours():
        raise CannotError(f"{CONFIGURATION} is of another Slurm, and is left alone")
    stop()
    for folder in ("state", "spool"):
        (STATE / folder).mkdir(parents=True)
    key = STATE / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
    CONFIGURATION.write_text(_configuration(), encoding="ascii")
    try:
        _run(
            "munged",
            *(f"--key-file={key}", f"--socket={STATE / 'munge.socket'}"),
            *(f"--pid-file={STATE / 'munged.pid'}", f"--log-file={STATE / 'munged.log'}"),
            f"--seed-file={STATE / 'munged.seed'}",
        )
        _run("slurmctld", "-i")
        _run("slurmd", "-c")
        _wait(_takes_jobs, "the node does not become idle")
    except CannotError:
        stop()
        raise


def stop() -> None:
    """End its jobs and programs and remove its files; does nothing if it is not there.

    Raises:
        CannotError: a program of it does not end.
    """
    if CONFIGURATION.exists() and not _is_ours():
        raise CannotError(f"{CONFIGURATION} is of another Slurm, and is left alone")
    if _takes_jobs():
        _quietly("scancel", "--full", "--signal=KILL", f"--partition={PARTITION}")
        _quietly("scancel", f"--partition={PARTITION}")
        _wait(lambda: not _quietly("squeue", "--noheader"), "jobs do not end")
    for name in _DAEMONS:
        process = _process_of(name)
        if process is not None:
            os.kill(process, signal.SIGTERM)
            _wait(lambda name=name: _process_of(name) is None, f"{name} does not end")
    shutil.rmtree(STATE, ignore_errors=True)
    CONFIGURATION.unlink(missing_ok=True)


def _configuration() -> str:
    host = socket.gethostname().partition(".")[0]
    # Jobs are refused that ask for more than the node says it has; a node that has less is drained.
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 9 // 10 // 2**20
    return f"""{_WRITTEN}ClusterName=vexas-uba1-tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={STATE}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
MinJobAge=3600
KillWait=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation={STATE}/state
SlurmdSpoolDir={STATE}/spool
SlurmctldPidFile={STATE}/slurmctld.pid
SlurmdPidFile={STATE}/slurmd.pid
SlurmctldLogFile={STATE}/slurmctld.log
SlurmdLogFile={STATE}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={CORES} RealMemory={memory_mb} State=UNKNOWN
PartitionName={PARTITION} Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def _is_ours() -> bool:
    return CONFIGURATION.read_text(encoding="utf-8", errors="replace").startswith(_WRITTEN)


def _takes_jobs() -> bool:
    if not CONFIGURATION.exists() or any(_process_of(name) is None for name in _DAEMONS):
        return False
    return _quietly("sinfo", "--noheader", "--format=%T") in ("idle", "mixed", "allocated")


def _process_of(daemon: str) -> int | None:
    """Return the id of a daemon that we started, if it runs; an old number may be another's now."""
    try:
        number = int((STATE / f"{daemon}.pid").read_text(encoding="ascii"))
        called = Path(f"/proc/{number}/comm").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return number if called == daemon else None


def _program(name: str) -> str | None:
    # The daemons' folder is not on everyone's PATH.
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _run(name: str, *arguments: str) -> None:
    program = _program(name)
    assert program is not None
    done = subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if done.returncode != 0:
        raise CannotError(f"{name} does not start: {done.stderr.strip()}")


def _quietly(name: str, *arguments: str) -> str:
    """Return what a client of Slurm says; nothing if it fails."""
    program = _program(name)
    assert program is not None
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _wait(until: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + _LONGEST_WAIT
    while not until():
        if time.monotonic() > end:
            raise CannotError(f"{otherwise}; see {STATE}/*.log")
        time.sleep(0.1)


def main() -> None:
    """The command line."""
    actions = {"start": start, "stop": stop}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        sys.exit(f"usage: {sys.argv[0]} {' | '.join(actions)}")
    try:
        actions[sys.argv[1]]()
    except CannotError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
