"""The page ``config/README.md``, made from the two schemas.

Renew it with ``python -m vexas_uba1.samples.docs > config/README.md``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from vexas_uba1.samples.schema import load_schema

_TYPES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
    "object": "settings",
    "null": "null",
}

_HEAD = """\
# Your two files: config.yaml and samples.tsv

This page is made from the schemas in `workflow/schemas/` (`config` and `samples`); change it there.

```
vexas-uba1 init mybatch                            # writes both files with comments
vexas-uba1 check --config mybatch/config.yaml      # everything that is wrong, at once, in seconds
vexas-uba1 run --config mybatch/config.yaml
```

The shortest that works, for BAM files:

```
# config.yaml
samples: samples.tsv
```
```
# samples.tsv, the cells separated by tabs
sample	alignment	assay
P07	bam/P07.bam	panel
```

What holds for both files:

- Text in UTF-8. Windows line ends and a byte-order mark do no harm.
- A relative path starts at the folder of the file that names it. `~` and variables such as `$HOME`
  are not expanded: write the path out. Paths may hold spaces.
- An unknown key or column is an error and the nearest known one is suggested, so that a typing
  mistake cannot pass silently.
- All mistakes of both files are told at once, with file, row, column, value and what to do.
"""

_SHEET_HEAD = """\
## samples.tsv

One row per sample, or per lane of a FASTQ sample. Tab-separated, with a header line; the order of
columns is yours.

- All values are text: `007` and `1e5` stay as they are. Quotation marks are ordinary characters, so
  switch quoting off when you export.
- An empty cell takes the default. Only the empty cell does: `NA`, `.` and the like are refused.
- Blank lines and lines that begin with `#` are skipped; row numbers in messages are line numbers of
  the file.
- Rows with the same `sample` are merged. What describes the sample (all columns but `unit`,
  `library`, `fq1` and `fq2`) must be the same in each of its rows.
- A file may be named once only, so that no read counts twice. The exception is a BAM or CRAM of
  several samples, named once for each with its `read_group_sample`.
- In messages a URL is shown without its query, and a URL with a password is refused.
"""


def render_config_readme() -> str:
    """Return the page that explains each key and each column."""
    config, sheet = load_schema("config"), load_schema("samples")
    lines = [_HEAD, "## config.yaml\n"]
    for name, about in config["properties"].items():
        lines += _entry(name, about, "example")
        for inner, inner_about in _nested(about).items():
            lines.append(_nested_line(f"{name}.{inner}", inner_about))
        if _nested(about):
            lines.append("")
    lines.append(_SHEET_HEAD)
    for name, about in sheet["properties"].items():
        lines += _entry(name, about, "example", required=name in sheet["required"])
    return "\n".join(lines).rstrip("\n") + "\n"


def _entry(
    name: str, about: Mapping[str, Any], word: str, *, required: bool = False
) -> Iterator[str]:
    examples = about["examples"]
    facts = [_kind(about), "required" if required else _default(about)]
    facts.append(f"{word if len(examples) == 1 else word + 's'} {_listing(examples)}")
    yield f"### `{name}`\n"
    yield f"*{'; '.join(fact for fact in facts if fact)}*\n"
    yield f"{about['description']}\n"
    yield f"Why: {about['x-why']}\n"


def _nested_line(name: str, about: Mapping[str, Any]) -> str:
    why = f" {about['x-why']}" if "x-why" in about else ""
    return f"- `{name}` *({_kind(about)}; {_default(about)})* {about['description']}{why}"


def _nested(about: Mapping[str, Any]) -> Mapping[str, Any]:
    for branch in (about, *about.get("anyOf", ())):
        if "properties" in branch:
            properties: Mapping[str, Any] = branch["properties"]
            return properties
    return {}


def _kind(about: Mapping[str, Any]) -> str:
    if "enum" in about:
        return "one of " + ", ".join(f"`{choice}`" for choice in about["enum"])
    if "x-rule" in about:
        return str(about["x-rule"])
    types = [about["type"]] if isinstance(about["type"], str) else about["type"]
    return " or ".join(_TYPES[name] for name in types)


def _default(about: Mapping[str, Any]) -> str:
    default = about.get("default", "")
    if default in ("", [], {}):
        return "default: see below" if default == {} else "default: none"
    return f"default {_code(default)}"


def _listing(examples: list[Any]) -> str:
    return ", ".join(_code(example) for example in examples)


def _code(value: Any) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


if __name__ == "__main__":
    sys.stdout.write(render_config_readme())
