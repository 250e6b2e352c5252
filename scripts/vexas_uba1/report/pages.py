"""What every HTML page shares: how templates are found, escaped and given their filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vexas_uba1 import numbers
from vexas_uba1.paths import templates
from vexas_uba1.report import wording

if TYPE_CHECKING:
    from jinja2 import Environment


def page_environment() -> Environment:
    """Return the environment of the pages: everything is escaped, a missing value is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(templates(), encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": numbers.percent,
        "limit": numbers.limit,
        "quality": numbers.quality,
        "about": numbers.about,
        "count": numbers.count,
        "words": _words,
        "reason": wording.reason,
        "unbroken": wording.unbroken,
        "css_string": _css_string,
    }
    environment.globals |= {
        "interval": numbers.interval,
        "meaning": wording.meaning,
        "role": wording.role,
        "seen": wording.seen,
    }
    return environment


def _words(name: str) -> str:
    """Turn a value such as ``bone_marrow`` into words."""
    return name.replace("_", " ")


def _css_string(text: str) -> str:
    """Escape ``text`` for a style sheet's string: all but plain characters by code point."""
    return "".join(
        char if char.isascii() and (char.isalnum() or char in " ._-") else f"\\{ord(char):x} "
        for char in text
    )
