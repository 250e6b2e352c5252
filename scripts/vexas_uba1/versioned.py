"""Reading the project's own JSON files: each states the version of its layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from vexas_uba1.errors import UserError

if TYPE_CHECKING:
    from cattrs import Converter

_Kind = TypeVar("_Kind")


def read_versioned(
    path: Path,
    kind: type[_Kind],
    *,
    version: str,
    what: str,
    remedy: str,
    shape: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> _Kind:
    """Return the dataclass that a file holds.

    Args:
        path: The file.
        kind: The dataclass.
        version: The only ``schema_version`` that is read.
        what: What the file is, for messages.
        remedy: What to do if it is none.
        shape: Turns the file's fields, without the version, into those of ``kind``.

    Raises:
        UserError: the file is missing or is not of this kind and version.
    """
    # Imported late: `vexas-uba1 --version` and the sheet check do without it.
    from cattrs import transform_error
    from cattrs.errors import BaseValidationError

    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError("no such file", remedy=remedy, file=path.name) from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise UserError("is not JSON", remedy=remedy, file=path.name) from None
    found = fields.pop("schema_version", None) if isinstance(fields, dict) else None
    if found != version:
        raise UserError(
            f"is not {what} of schema version {version}",
            remedy=remedy,
            file=path.name,
            value=str(found),
        )
    try:
        return _converter().structure(shape(fields), kind)
    except BaseValidationError as error:
        raise UserError("; ".join(transform_error(error)), remedy=remedy, file=path.name) from error


@cache
def _converter() -> Converter:
    """Return the only one: it writes code for each dataclass when it first meets it."""
    from cattrs import Converter

    return Converter(forbid_extra_keys=True)
