"""`make benchmark` and `make benchmark-full`: how well codon 41 is called, beside the best test.

    python -m benchmarks.calling [--full] [--page docs/performance.md] [--only PART] [--real FOLDER]

Each part prints its rows as they come; its tables are put between their marks in a page as soon as
they are made.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import limits, merit, negatives, readings, real
from benchmarks.pages import put_into

Tell = Callable[[str], object]
Tables = Iterator[tuple[str, str]]


def _merit(full: bool, real_folder: Path | None, tell: Tell) -> Tables:
    effort = merit.FULL if full else merit.SMALL
    yield "merit", merit.need_table(effort, tell)
    yield "vaf", merit.vaf_table(effort, tell)


def _false(full: bool, real_folder: Path | None, tell: Tell) -> Tables:
    effort = negatives.FULL if full else negatives.SMALL
    of_reads = readings.FULL if full else readings.SMALL
    yield "negatives-rare", negatives.rare_table(effort, tell)
    yield "negatives-drawn", negatives.plain_table(effort, tell)
    yield "negatives-reads", readings.negative_table(of_reads, tell)
    yield "artefact-drawn", negatives.artefact_table(effort, tell)
    yield "artefact-reads", readings.artefact_table(of_reads, tell)


def _tables(full: bool, real_folder: Path | None, tell: Tell) -> Tables:
    calls, costs = readings.calls_tables(readings.FULL if full else readings.SMALL, tell)
    yield "callers", calls
    yield "costs", costs


def _limits(full: bool, real_folder: Path | None, tell: Tell) -> Tables:
    yield "limits", limits.table(limits.FULL if full else limits.SMALL, tell)


def _real(full: bool, real_folder: Path | None, tell: Tell) -> Tables:
    yield "real", real.table(real_folder, tell)


PARTS: dict[str, Callable[[bool, Path | None, Tell], Tables]] = {
    "merit": _merit,
    "false": _false,
    "tables": _tables,
    "limits": _limits,
    "real": _real,
}
HEADS = {
    "merit": merit.NEED_HEAD,
    "vaf": merit.VAF_HEAD,
    "negatives-rare": negatives.RARE_HEAD,
    "negatives-drawn": negatives.PLAIN_HEAD,
    "negatives-reads": readings.NEGATIVE_HEAD,
    "artefact-drawn": negatives.ARTEFACT_HEAD,
    "artefact-reads": readings.ARTEFACT_HEAD,
    "callers": readings.CALLS_HEAD,
    "costs": readings.COST_HEAD,
    "limits": limits.HEAD,
    "real": real.HEAD,
}
"""Heads of the tables by the name of their section."""


def section(name: str) -> str:
    """Return the name of a table's section in a page."""
    return f"benchmark-{name}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts, print their tables and put them into a page."""
    parser = argparse.ArgumentParser(prog="benchmarks.calling", description=__doc__)
    parser.add_argument("--full", action="store_true", help="hours instead of minutes")
    parser.add_argument("--page", type=Path, help="put the tables between this page's marks")
    parser.add_argument("--only", choices=PARTS, action="append", help="part; may be repeated")
    parser.add_argument("--real", type=Path, help="folder of RNA reads, FASTQ pairs or BAM")
    given = parser.parse_args(arguments)

    def tell(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    for part in given.only or PARTS:
        # Nothing is said of reads that were not given, and no older table of them is overwritten.
        if part == "real" and given.real is None and given.only is None:
            continue
        began = time.monotonic()
        for name, made in PARTS[part](given.full, given.real, tell):
            spent, began = time.monotonic() - began, time.monotonic()
            size = "full" if given.full else "small"
            noted = f"{made}\nThe {size} set; {_told(spent)}.\n"
            tell(f"\n{section(name)}: {_told(spent)}\n\n")
            if given.page is not None:
                put_into(given.page, section(name), noted)


def _told(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


if __name__ == "__main__":
    main()
