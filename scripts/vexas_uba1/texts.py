"""Sentences for readers, from the template that a laboratory can edit."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from vexas_uba1 import numbers, paths

if TYPE_CHECKING:
    from jinja2 import Template


TEMPLATE = "wording.j2"


def render_text(part: str, **values: Any) -> str:
    """Return a part of the template as one line; whoever puts it into a page escapes it there.

    Args:
        part: ``verdict``, ``series_result`` or ``series_change``.
        values: What the part names; a missing one is an error.
    """
    return " ".join(_template().render(part=part, **values).split())


def phrases(name: str) -> Any:
    """Return what the template sets by a name: a text, or texts by name."""
    return getattr(_template().module, name)


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(paths.templates(), encoding="utf-8"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
    )
    environment.filters |= {
        "units": lambda count, unit: f"{numbers.count(count)} informative {_unit(count, unit)}",
        "percent": numbers.percent,
        "points": numbers.points,
        "limit": numbers.limit,
        "count": numbers.count,
        "about": numbers.about,
        "interval": lambda measured: numbers.interval(measured.vaf_low95, measured.vaf_high95),
    }
    return environment.get_template(TEMPLATE)


def _unit(count: int, plural: str) -> str:
    singular = {"input copies": "input copy"}.get(plural, plural.removesuffix("s"))
    return singular if count == 1 else plural
