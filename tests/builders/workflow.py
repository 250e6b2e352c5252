"""Runs of the whole workflow and of the command line, and what they leave behind."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.sheets import write_config, write_sheet
from vexas_uba1 import paths

# As in the contract, after "{sample}."; beside them only status.json.
SAMPLE_FILES = (
    "call.json",
    "igv.xml",
    "report.html",
    "result.json",
    "status.json",
    "uba1.bam",
    "uba1.bam.bai",
    "uba1.vcf.gz",
    "uba1.vcf.gz.tbi",
    "variants.tsv",
)


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


def command(*arguments: object, cwd: Path | None = None, **env: str) -> Outcome:
    """Run ``vexas-uba1`` as a process of its own."""
    return _outcome([sys.executable, "-m", "vexas_uba1", *map(str, arguments)], cwd, env)


def run(config: Path, *arguments: object, cwd: Path | None = None, **env: str) -> Outcome:
    """Run ``vexas-uba1 run`` on a configuration."""
    return command("run", "--config", config, "--cores", 2, *arguments, cwd=cwd, **env)


def snakemake(*arguments: object, cwd: Path) -> Outcome:
    """Run plain Snakemake on the product's Snakefile."""
    program = [sys.executable, "-m", "snakemake", "--snakefile", str(paths.snakefile())]
    return _outcome([*program, *map(str, arguments)], cwd, {})


def _outcome(line: Sequence[str], cwd: Path | None, env: Mapping[str, str]) -> Outcome:
    done = subprocess.run(
        line,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(paths.product_root() / "scripts"), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def here(capfd: Any, *arguments: object) -> Outcome:
    """Run ``vexas-uba1`` in this process, which is quicker; ``capfd`` is pytest's."""
    from vexas_uba1.cli import main

    capfd.readouterr()
    code: Any = 0
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        code = end.code or 0
    said = capfd.readouterr()
    return Outcome(int(code), said.out, said.err)


def project(
    folder: Path, rows: Sequence[Mapping[str, str]], config: Mapping[str, Any] | None = None
) -> Path:
    """Write sheet and configuration into ``folder``; return the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    write_sheet(folder / "samples.tsv", rows)
    return write_config(folder / "config.yaml", {"samples": "samples.tsv", **(config or {})})


def jobs_of(results: Path) -> list[str]:
    """Return the jobs of the last ``vexas-uba1 run``, by their messages."""
    return jobs_in((results / "logs" / "snakemake.log").read_text(encoding="utf-8"))


def jobs_in(said: str) -> list[str]:
    """Return the jobs that Snakemake tells of, by their messages."""
    return sorted(re.findall(r"^Job \d+: (.+)$", said, re.MULTILINE))


def result(results: Path, sample: str) -> dict[str, Any]:
    return _json(results, sample, "result")


def status(results: Path, sample: str) -> dict[str, Any]:
    return _json(results, sample, "status")


def _json(results: Path, sample: str, kind: str) -> dict[str, Any]:
    file = results / "samples" / sample / f"{sample}.{kind}.json"
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return values


def files_of(results: Path, sample: str) -> list[str]:
    """Return the names of a sample's files, without the sample's id."""
    folder = results / "samples" / sample
    return sorted(file.name.removeprefix(f"{sample}.") for file in folder.iterdir())


def cohort(results: Path) -> dict[str, dict[str, str]]:
    """Return the rows of cohort.tsv by sample."""
    text = (results / "cohort" / "cohort.tsv").read_text(encoding="utf-8")
    heading, *rows = [line.split("\t") for line in text.splitlines()]
    table = [dict(zip(heading, row, strict=True)) for row in rows]
    assert len({row["sample"] for row in table}) == len(table)
    return {row["sample"]: row for row in table}


def contents(folder: Path) -> dict[str, str]:
    """Return each file below ``folder`` with its checksum."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def delivered(results: Path) -> dict[str, str]:
    """Return the files that are handed on, with their checksums."""
    return {
        f"{part}/{name}": checksum
        for part in ("samples", "cohort")
        for name, checksum in contents(results / part).items()
    }


def shared(factory: Any, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that ``make`` fills once, however many processes the tests are spread over.

    Args:
        factory: pytest's ``tmp_path_factory``.
        name: Of the folder.
        make: Fills it.
    """
    root: Path = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, done = root / name, root / f"{name}.done"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
