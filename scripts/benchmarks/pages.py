"""Tables that scripts write into marked sections of a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vexas_uba1.files import write_text


def marks(section: str) -> tuple[str, str]:
    """Return what stands before and after a section's table in a page."""
    return f"<!-- {section}: begin -->", f"<!-- {section}: end -->"


def put_into(page: Path, section: str, made: str) -> None:
    """Put a table between a section's two marks in a page.

    Raises:
        ValueError: the page lacks one of them.
    """
    begin, end = marks(section)
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, also, after = rest.partition(end)
    if not (found and also):
        raise ValueError(f"{page} lacks the marks {begin} and {end}")
    write_text(page, f"{before}{begin}\n{made}{end}{after}")


def section_of(page: Path, section: str) -> str:
    """Return what stands between a section's two marks in a page."""
    begin, end = marks(section)
    return page.read_text(encoding="utf-8").partition(f"{begin}\n")[2].partition(end)[0]


def row(cells: Sequence[str]) -> str:
    """Return one row of a table."""
    return f"| {' | '.join(cells)} |\n"


def head(names: Sequence[str], texts: int) -> str:
    """Return a table's head.

    Args:
        names: Of the columns.
        texts: How many of the first columns hold text; the others hold numbers.
    """
    rule = ["---"] * texts + ["---:"] * (len(names) - texts)
    return row(names) + f"|{'|'.join(rule)}|\n"
