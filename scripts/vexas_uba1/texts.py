"""Sentences for readers, from templates that a laboratory can edit."""

from __future__ import annotations

from typing import Any

from vexas_uba1 import numbers, paths


def render_text(template: str, **values: Any) -> str:
    """Return a template's text on one line; whoever puts it into a page escapes it there.

    Args:
        template: File name below ``workflow/report``.
        values: What it names; a missing one is an error.
    """
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
    return " ".join(environment.get_template(template).render(**values).split())


def _unit(count: int, plural: str) -> str:
    singular = {"input copies": "input copy"}.get(plural, plural.removesuffix("s"))
    return singular if count == 1 else plural
