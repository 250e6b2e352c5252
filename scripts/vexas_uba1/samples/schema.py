"""Checking values against the project's JSON schemas, with faults said in plain language.

The schemas carry the words: ``x-rule`` (what a value must look like), ``x-remedy`` (what to do
about a wrong one), ``x-also-called`` (foreign names of a key), ``x-maximum`` (of a number written
as text), ``x-message`` and ``x-column`` (rules between columns).
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, TypeChecker, ValidationError
from jsonschema.validators import extend

from vexas_uba1 import paths

Key = tuple[str, ...]
"""Where a value is: the keys that lead to it, list positions left out."""

_TYPE_NAMES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
    "null": "null",
}


@dataclass(frozen=True)
class Fault:
    """One value, key or combination that a schema does not allow.

    Attributes:
        key: Where it is.
        message: What is wrong, in plain words.
        remedy: What to do about it.
        value: The value as YAML writes it, or None where the key itself or its absence is at fault.
    """

    key: Key
    message: str
    remedy: str
    value: str | None = None


@cache
def load_schema(name: str) -> dict[str, Any]:
    """Return the schema ``workflow/schemas/{name}.schema.json``."""
    text = (paths.schemas() / f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def find_faults(instance: Any, schema: Mapping[str, Any], *, noun: str) -> list[Fault]:
    """Return everything in ``instance`` that ``schema`` does not allow, one fault per place.

    Args:
        instance: Plain values, as JSON has them.
        schema: A schema of this project.
        noun: What to call a name in messages: ``key`` or ``column``.
    """
    found: dict[Key, Fault] = {}
    for error in _Validator(schema, format_checker=_FORMATS).iter_errors(instance):
        for fault in _faults_of(error, noun):
            found.setdefault(fault.key, fault)
    return list(found.values())


def with_defaults(instance: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a valid ``instance`` with the defaults put in, in nested objects too."""
    filled = dict(instance)
    for name, about in schema["properties"].items():
        if name not in filled and "default" in about:
            filled[name] = deepcopy(about["default"])
        branches = [about, *about.get("anyOf", ())]
        nested = [branch for branch in branches if "properties" in branch]
        if nested and isinstance(filled.get(name), Mapping):
            filled[name] = with_defaults(filled[name], nested[0])
    return filled


def unknown_name(name: str, known: Mapping[str, Any], *, noun: str) -> tuple[str, str]:
    """Return message and remedy for a key or column that is not known, with the nearest known one.

    Args:
        name: What the user wrote.
        known: The schema's properties.
        noun: ``key`` or ``column``.
    """
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    aliases = {
        alias: ours for ours, about in known.items() for alias in about.get("x-also-called", ())
    }
    near = difflib.get_close_matches(plain, known, n=1)
    nearest = aliases.get(plain) or (near[0] if near else None)
    listed = ", ".join(known)
    if nearest is not None:
        return f"unknown {noun}", f"Did you mean {nearest!r}? Known: {listed}"
    return f"unknown {noun}", f"Remove or rename it. Known: {listed}"


def _pattern(
    validator: Any, pattern: str, instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    # The library searches, and Python's $ also stands before a final line feed: match it whole.
    if validator.is_type(instance, "string") and re.fullmatch(pattern, instance) is None:
        yield ValidationError(f"{instance!r} does not match")


def _is_number(_checker: TypeChecker, instance: Any) -> bool:
    # YAML has .nan and .inf, which would pass every comparison or none.
    if isinstance(instance, float):
        return math.isfinite(instance)
    return isinstance(instance, int) and not isinstance(instance, bool)


_FORMATS = FormatChecker(formats=["date"])
_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("number", _is_number),
)


def _faults_of(
    error: ValidationError, noun: str, outer: Mapping[str, Any] | None = None
) -> Iterator[Fault]:
    instance: Any = error.instance
    wanted: Any = error.validator_value
    about = error.schema if isinstance(error.schema, Mapping) else {}
    key = tuple(str(step) for step in error.absolute_path if isinstance(step, str))
    if "x-message" in about:
        yield Fault((*key, about["x-column"]), about["x-message"], about["x-remedy"])
        return
    if error.validator == "additionalProperties":
        known = about["properties"]
        for name in instance:
            if name not in known:
                yield Fault((*key, str(name)), *unknown_name(str(name), known, noun=noun))
        return
    if error.validator == "required":
        missing = next(name for name in wanted if name not in instance)
        remedy = about["properties"][missing]["x-rule"]
        yield Fault((*key, missing), f"{missing!r} is empty", f"Fill it in: {remedy}")
        return
    if error.validator == "anyOf":
        # The alternatives differ in type: the one of the value's own type knows what is wrong.
        causes = error.context or ()
        other_type = {
            cause.schema_path[0] for cause in causes if cause.validator == "type" and not cause.path
        }
        inner = [cause for cause in causes if cause.schema_path[0] not in other_type]
        for cause in inner:
            yield from _faults_of(cause, noun, about)
        if inner:
            return
    yield Fault(key, *_words(error, about, outer or {}), _as_text(instance))


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)


def _words(
    error: ValidationError, about: Mapping[str, Any], outer: Mapping[str, Any]
) -> tuple[str, str]:
    """Return message and remedy of a wrong value."""
    instance: Any = error.instance
    wanted: Any = error.validator_value
    rule = about.get("x-rule", outer.get("x-rule"))
    remedy = about.get("x-remedy", outer.get("x-remedy"))
    if error.validator == "enum":
        choices = [str(choice) for choice in wanted]
        near = difflib.get_close_matches(str(instance).strip().lower(), choices, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        choose = outer.get("x-remedy", f"Write one of {', '.join(choices)}")
        return "not one of the choices", f"{hint}{choose}"
    if error.validator == "type":
        names = [wanted] if isinstance(wanted, str) else wanted
        expected = rule or " or ".join(_TYPE_NAMES[name] for name in names)
        fallback = f"Write {' or '.join(_TYPE_NAMES[name] for name in names)}, without quotes"
        if "string" in names and isinstance(instance, int | float):
            remedy = "Put the value in quotes, so that it is text"
        return f"must be {expected}", remedy or fallback
    return f"must be {rule}", remedy or f"Write {rule}"
