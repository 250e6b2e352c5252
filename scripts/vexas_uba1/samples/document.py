"""A YAML file as plain values, with the line of each key and every key that is there twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vexas_uba1.errors import Problem, UserError
from vexas_uba1.samples.schema import Key
from vexas_uba1.samples.sources import read_text, shown_value

_YAML = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """A YAML mapping.

    Attributes:
        values: As plain Python values; dates stay text.
        lines: 1-based line of each key.
        problems: Keys that are there twice.
    """

    values: dict[str, Any]
    lines: dict[Key, int]
    problems: tuple[Problem, ...]


class _Loader(yaml.SafeLoader):
    """The safe loader without dates, which JSON schemas do not know."""


_Loader.yaml_implicit_resolvers = {
    first: [resolver for resolver in resolvers if resolver[0] != _YAML + "timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_document(path: Path, shown: str) -> Document:
    """Read a YAML file that holds a mapping.

    Args:
        path: The file.
        shown: How to name it in messages.

    Raises:
        UserError: it cannot be read, is not YAML, or holds something else than keys and values.
    """
    text = read_text(path, shown, what="configuration")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        values = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        row = None if mark is None else mark.line + 1
        raise _not_yaml(shown, row, error.problem or "it cannot be read") from None
    except yaml.reader.ReaderError as error:
        row = text.count("\n", 0, error.position) + 1
        raise _not_yaml(shown, row, "a control character") from None
    except ValueError as error:
        # A value with an explicit tag that it does not fit, such as `!!int x`.
        raise _not_yaml(shown, None, str(error)) from None
    if not isinstance(values, dict):
        raise UserError(
            f"the configuration {'is empty' if values is None else 'is not keys and values'}",
            remedy="Write lines such as `samples: samples.tsv`; start with `vexas-uba1 init DIR`",
            file=shown,
        )
    lines: dict[Key, int] = {}
    problems = []
    for key, line in _keys(node, ()):
        if key in lines:
            problems.append(
                Problem(
                    f"the key is there twice, first in row {lines[key]}",
                    "Keep one of the two",
                    file=shown,
                    row=line,
                    column=shown_value(".".join(key)),
                )
            )
        lines.setdefault(key, line)
    return Document(values, lines, tuple(problems))


def _keys(node: yaml.Node | None, above: Key) -> Iterator[tuple[Key, int]]:
    """Yield each key of nested mappings with its line, not deep enough for an alias to loop."""
    if not isinstance(node, yaml.MappingNode) or len(above) > 3:
        return
    for name, value in node.value:
        if isinstance(name, yaml.ScalarNode):
            key = (*above, str(name.value))
            yield key, name.start_mark.line + 1
            yield from _keys(value, key)


def _not_yaml(shown: str, row: int | None, why: str) -> UserError:
    return UserError(
        f"the configuration is not YAML: {why}",
        remedy="Mend the line: values with ':' or '#' need quotes, indentation is made of spaces",
        file=shown,
        row=row,
    )
