"""Sheets and configurations in a folder, with read files that exist but hold nothing of use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

FILES = (
    "a_R1.fastq.gz",
    "a_R2.fastq.gz",
    "b_R1.fastq.gz",
    "b_R2.fastq.gz",
    "a.bam",
    "b.bam",
    "c.bam",
    "a.cram",
    "genome.fa",
)


def touch_reads(folder: Path, names: Sequence[str] = FILES) -> None:
    """Make files that are there and not empty."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not read here\n")


def write_sheet(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    """Write rows as a sheet whose columns are those of all rows, in order of appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    text = "".join("\t".join(cells) + "\n" for cells in lines)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def write_config(path: Path, values: Mapping[str, Any]) -> Path:
    """Write values as a YAML configuration."""
    path.write_text(yaml.safe_dump(dict(values), sort_keys=False), encoding="utf-8")
    return path


def make_project(
    folder: Path, rows: Sequence[Mapping[str, str]], config: Mapping[str, Any] | None = None
) -> Path:
    """Write reads, sheet and configuration; return the configuration.

    Args:
        folder: Where to.
        rows: The sheet; ``a.bam``, ``a_R1.fastq.gz`` and so on are there.
        config: Keys beside ``samples``.
    """
    touch_reads(folder)
    write_sheet(folder / "samples.tsv", rows)
    return write_config(folder / "config.yaml", {"samples": "samples.tsv", **(config or {})})
