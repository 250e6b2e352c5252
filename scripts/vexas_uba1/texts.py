"""Sentences for readers, from the template that a laboratory can edit."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from vexas_uba1 import numbers, paths
from vexas_uba1.errors import UserError

if TYPE_CHECKING:
    from jinja2 import Template


TEMPLATE = "wording.j2"
_REMEDY = "Mend workflow/report/wording.j2, or take it from the release again"
_CODES = (
    "detected",
    "low_level",
    "indeterminate",
    "other_variant",
    "not_assessable",
    "not_detected",
)
_TEXTS: dict[str, str | dict[str, str]] = {
    "use": "",
    "cohort_note": "gene codon",
    "series_note": "",
    "headlines": dict.fromkeys(_CODES, ""),
    "labels": dict.fromkeys((*_CODES, "failed"), ""),
    "meanings": dict.fromkeys(
        ("vexas", "vexas_flagged", "other", "other_disease", "uncatalogued"), ""
    ),
    "cautions": {
        **dict.fromkeys(("bundled_locus", "rna", "reads", "allogeneic"), ""),
        "carry_over": "allele donors",
        "warning": "warning",
    },
    "limitations": {
        **dict.fromkeys(("origin", "estimate", "clone", "negative", "introns", "use"), ""),
        **dict.fromkeys(("scope", "targeted"), "gene"),
    },
}
"""What the program takes from the template, each with the words in braces that it fills in."""


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
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

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
    try:
        template = environment.get_template(TEMPLATE)
        _check(template)
    except TemplateError as error:
        row = getattr(error, "lineno", None)
        raise UserError(str(error), remedy=_REMEDY, file=TEMPLATE, row=row) from None
    return template


def check_wording() -> None:
    """Make sure that the template can be used.

    Raises:
        UserError: it is no template, or a text or a word in braces is missing or unknown.
    """
    _template()


def _check(template: Template) -> None:
    for name, wanted in _TEXTS.items():
        found = getattr(template.module, name, None)
        if isinstance(wanted, str):
            _check_text(name, found, wanted)
        elif not isinstance(found, dict) or set(found) != set(wanted):
            raise UserError(
                f"the texts of {name} are not those that are needed: {', '.join(wanted)}",
                remedy=_REMEDY,
                file=TEMPLATE,
            )
        else:
            for key, words in wanted.items():
                each = found[key]
                # A caution has a title and a text.
                _check_text(f"{name}.{key}", each if isinstance(each, str) else each[-1], words)


def _check_text(name: str, text: object, words: str) -> None:
    if not isinstance(text, str):
        raise UserError(f"{name} is missing", remedy=_REMEDY, file=TEMPLATE)
    try:
        text.format(**dict.fromkeys(words.split(), ""))
    except (KeyError, IndexError, ValueError) as error:
        raise UserError(
            f"{name} has braces that cannot be filled in ({error}); words in braces: "
            f"{words or 'none'}",
            remedy=_REMEDY,
            file=TEMPLATE,
        ) from None


def _unit(count: int, plural: str) -> str:
    singular = {"input copies": "input copy"}.get(plural, plural.removesuffix("s"))
    return singular if count == 1 else plural
