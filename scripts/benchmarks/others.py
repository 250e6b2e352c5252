"""Other callers on the same reads, where their executables are found, and what each run costs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.spiked import EXON3, gene

LEAST_VAF = 0.0025
"""Share that is asked of callers that ask for one: what the issue's VarDict was tried down to."""
LEAST_QUALITY = 20.0
_LEAST_COUNT, _DEEPEST = 3, 1_000_000
_BESIDE = 10
_POLL_S = 0.005
_PEAK = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
OURS = "vexas-uba1"


@dataclass(frozen=True)
class Cost:
    """CPU seconds of all programs together, and the peak memory of the largest in MB."""

    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Called:
    """One record of a caller, 1-based on its own contig, and whether it passes."""

    pos: int
    ref: str
    alt: str
    passes: bool


@dataclass(frozen=True)
class Tool:
    """A caller.

    Attributes:
        name: In tables.
        needs: Executables; it is run if all are found.
    """

    name: str
    needs: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The executables that are not found."""
        return tuple(program for program in self.needs if shutil.which(program) is None)


TOOLS = (
    Tool("LoFreq", ("lofreq",)),
    Tool("VarDict-Java", ("vardict-java",)),
    Tool("freebayes", ("freebayes",)),
    Tool("bcftools", ("bcftools",)),
    Tool("VarScan", ("varscan", "samtools")),
)


def region() -> tuple[int, int]:
    """Return where the others are run, 0-based on the stretch: exon 3 and ten bases beside."""
    start = gene().placed.window[0]
    return EXON3[0] - _BESIDE - start, EXON3[1] + _BESIDE - start


def call(tool: Tool, bam: Path, fasta: Path, folder: Path) -> tuple[list[Called], Cost]:
    """Run a caller on the reads of one sample on the stretch.

    Raises:
        subprocess.CalledProcessError: a program failed.
    """
    out = folder / "calls.txt"
    out.unlink(missing_ok=True)
    commands = {
        "LoFreq": _lofreq,
        "VarDict-Java": _vardict,
        "freebayes": _freebayes,
        "bcftools": _bcftools,
        "VarScan": _varscan,
    }[tool.name](bam, fasta, folder, out)
    costs = [run(pipe, into) for pipe, into in commands]
    cost = Cost(sum(each.cpu_s for each in costs), max(each.peak_mb for each in costs))
    if tool.name == "VarDict-Java":
        return _from_vardict(out), cost
    # freebayes' quality is a genotype's, which it does not give here: its input filters decide.
    return _from_vcf(out, LEAST_QUALITY if tool.name == "bcftools" else 0.0), cost


Commands = list[tuple[Sequence[Sequence[object]], Path | None]]


def _place() -> str:
    first, last = region()
    return f"{gene().placed.contig}:{first + 1}-{last}"


def _lofreq(bam: Path, fasta: Path, folder: Path, out: Path) -> Commands:
    prepared = folder / "indelqual.bam"
    prepared.unlink(missing_ok=True)
    calling = ("lofreq", "call", "--call-indels", "-f", fasta, "-r", _place(), "-o", out, prepared)
    return [
        ([("lofreq", "indelqual", "--dindel", "-f", fasta, "-o", prepared, bam)], None),
        ([("lofreq", "index", prepared)], None),
        ([calling], None),
    ]


def _vardict(bam: Path, fasta: Path, folder: Path, out: Path) -> Commands:
    asked = ("-f", LEAST_VAF, "-N", "sample", "-b", bam, "-th", 1, "-R", _place())
    return [([("vardict-java", "-G", fasta, *asked)], out)]


def _freebayes(bam: Path, fasta: Path, folder: Path, out: Path) -> Commands:
    first, last = region()
    place = f"{gene().placed.contig}:{first}-{last}"
    asked = ("--pooled-continuous", "-F", LEAST_VAF, "-C", _LEAST_COUNT)
    return [([("freebayes", "-f", fasta, "-r", place, *asked, bam)], out)]


def _bcftools(bam: Path, fasta: Path, folder: Path, out: Path) -> Commands:
    deep = ("-d", _DEEPEST, "-L", _DEEPEST)
    piled = ("bcftools", "mpileup", "-Ou", *deep, "-f", fasta, "-r", _place(), bam)
    return [([piled, ("bcftools", "call", "-mv", "-Ov")], out)]


def _varscan(bam: Path, fasta: Path, folder: Path, out: Path) -> Commands:
    piled = ("samtools", "mpileup", "-B", "-d", _DEEPEST, "-f", fasta, "-r", _place(), bam)
    asked = ("--min-var-freq", LEAST_VAF, "--variants", "--output-vcf", 1)
    return [([piled, ("varscan", "mpileup2cns", *asked)], out)]


def call_ours(bam: Path, folder: Path) -> tuple[Path, Cost]:
    """Run ``vexas-uba1 call`` as a user does; return the result's file and the cost."""
    out = folder / "ours"
    shutil.rmtree(out, ignore_errors=True)
    command = (sys.executable, "-m", "vexas_uba1", "call", bam, "--out", out)
    cost = run(
        [(*command, "--sample", "sample", "--assay", "panel")],
        None,
        environment=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])},
    )
    (file,) = out.rglob("sample.result.json")
    return file, cost


def run(
    commands: Sequence[Sequence[object]],
    out: Path | None,
    environment: Mapping[str, str] | None = None,
) -> Cost:
    """Run commands as one pipe and measure them.

    The peak is read from the running programs every few milliseconds, since a child's own count
    starts at what its parent held.

    Raises:
        subprocess.CalledProcessError: one of them failed.
    """
    sink = subprocess.DEVNULL if out is None else out.open("w")
    running: list[subprocess.Popen[bytes]] = []
    try:
        for number, command in enumerate(commands):
            last = number == len(commands) - 1
            running.append(
                subprocess.Popen(
                    [str(part) for part in command],
                    stdin=running[-1].stdout if running else subprocess.DEVNULL,
                    stdout=sink if last else subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                )
            )
            before = running[-2].stdout if len(running) > 1 else None
            if before is not None:
                before.close()
        cpu, peak = 0.0, dict.fromkeys((each.pid for each in running), 0)
        waiting = {each.pid: each for each in running}
        while waiting:
            for pid in list(waiting):
                done, status, used = os.wait4(pid, os.WNOHANG)
                if done:
                    each = waiting.pop(pid)
                    each.returncode = os.waitstatus_to_exitcode(status)
                    cpu += used.ru_utime + used.ru_stime
                else:
                    peak[pid] = max(peak[pid], _largest_kb(pid))
            time.sleep(_POLL_S)
    finally:
        if not isinstance(sink, int):
            sink.close()
    for each in running:
        if each.returncode:
            raise subprocess.CalledProcessError(each.returncode, each.args)
    return Cost(cpu, max(peak.values()) / 1024)


def _largest_kb(pid: int) -> int:
    """Return the most memory that a program or one that it has begun has held so far, in kB."""
    try:
        begun = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        begun = []  # it has ended, or the system does not tell
    return max(_held_kb(pid), *map(_largest_kb, map(int, begun)), 0)


def _held_kb(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    found = _PEAK.search(text)
    return int(found[1]) if found else 0


def _from_vcf(path: Path, least_quality: float) -> list[Called]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        _, pos, _, ref, alts, quality, filters, *_ = line.split("\t")
        passes = filters in (".", "PASS") and (
            not least_quality or (quality != "." and float(quality) >= least_quality)
        )
        found += [
            Called(int(pos), ref.upper(), alt.upper(), passes)
            for alt in alts.split(",")
            if set(alt.upper()) <= set("ACGT")
        ]
    return found


def _from_vardict(path: Path) -> list[Called]:
    """Read the table that VarDict prints before its scripts make a VCF of it."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if len(fields) > 6 and fields[3].isdigit() and set(fields[6]) <= set("ACGT"):
            found.append(Called(int(fields[3]), fields[5].upper(), fields[6].upper(), True))
    return found


def spells(called: Called, haplotype: str) -> bool:
    """Return whether a record turns the stretch's reference into a haplotype of the stretch."""
    own = gene()
    bases = own.reference.slice(*own.placed.window)
    at = called.pos - 1
    made = bases[:at] + called.alt + bases[at + len(called.ref) :]
    return made == haplotype
