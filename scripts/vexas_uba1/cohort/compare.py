"""What changed between two result folders, as after an update: verdicts first of all.

Only keys that every version of the files has are read, so that the older folder may be an old one.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vexas_uba1.errors import UserError

COLUMNS = (
    "sample",
    "change",
    "old_verdict",
    "new_verdict",
    "old_variants",
    "new_variants",
    "old_limit_of_detection_vaf",
    "new_limit_of_detection_vaf",
)
FAILED = "failed"
_REMEDY = "Name a folder that a run or `vexas-uba1 call` has written"


@dataclass(frozen=True)
class Outcome:
    """How a sample ended.

    Attributes:
        verdict: Its code; ``failed`` without a result.
        variants: VAF of each allele by its name, behind which its flags stand.
        limit: Codon 41's limit of detection; None if no VAF reaches it, or without a result.
    """

    verdict: str
    variants: Mapping[str, float]
    limit: float | None


@dataclass(frozen=True)
class Comparison:
    """One sample in both folders; None where it is in one only."""

    sample: str
    old: Outcome | None
    new: Outcome | None

    @property
    def change(self) -> str:
        """What changed: ``verdict``, ``variants``, ``only_old``, ``only_new``, or ``same``."""
        if self.old is None or self.new is None:
            return "only_new" if self.old is None else "only_old"
        if self.old.verdict != self.new.verdict:
            return "verdict"
        return "same" if set(self.old.variants) == set(self.new.variants) else "variants"


def compare(old: Path, new: Path) -> list[Comparison]:
    """Compare the samples of two result folders, those whose verdict changed first.

    Args:
        old: A folder that holds ``samples/``.
        new: Another one.

    Raises:
        UserError: one of them does not, or holds a file that is no result.
    """
    before, after = read_outcomes(old), read_outcomes(new)
    found = [
        Comparison(sample, before.get(sample), after.get(sample))
        for sample in sorted(before | after)
    ]
    order = ("verdict", "variants", "only_old", "only_new", "same")
    return sorted(found, key=lambda one: order.index(one.change))


def read_outcomes(folder: Path) -> dict[str, Outcome]:
    """Return how each sample of a result folder ended.

    Raises:
        UserError: the folder holds no samples, or a file that is no result.
    """
    statuses = sorted((folder / "samples").glob("*/*.status.json"))
    if not statuses:
        raise UserError("it holds no samples", remedy=_REMEDY, file=folder.name or str(folder))
    outcomes = {}
    for file in statuses:
        status = _content(file)
        sample = file.name.removesuffix(".status.json")
        if status.get("state") == "ok":
            outcomes[sample] = _outcome(file.with_name(f"{sample}.result.json"))
        else:
            outcomes[sample] = Outcome(FAILED, {}, None)
    return outcomes


def _outcome(file: Path) -> Outcome:
    result = _content(file)
    try:
        variants = {
            " ".join((str(variant["hgvs_c"]), *map(str, variant["filters"]))): float(variant["vaf"])
            for variant in result["variants"]
        }
        limit = result["codon41"]["limit_of_detection_vaf"]
        return Outcome(
            str(result["verdict"]["code"]), variants, None if limit is None else float(limit)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"this is no result: {error!r} is missing or wrong", remedy=_REMEDY, file=str(file)
        ) from None


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is not JSON: {error}"
        raise UserError(str(reason), remedy=_REMEDY, file=str(file)) from None
    if not isinstance(content, dict):
        raise UserError("this is no result", remedy=_REMEDY, file=str(file))
    return content


def render(comparisons: list[Comparison]) -> str:
    """Return a table of tab-separated ``COLUMNS``, one line for each of some samples."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in comparisons:
        cells = (each(of) for each in (_verdict, _variants, _limit) for of in (one.old, one.new))
        writer.writerow([one.sample, one.change, *cells])
    return text.getvalue()


def _verdict(outcome: Outcome | None) -> str:
    return "" if outcome is None else outcome.verdict


def _variants(outcome: Outcome | None) -> str:
    variants = {} if outcome is None else outcome.variants
    return "; ".join(f"{name} {vaf:.4g}" for name, vaf in sorted(variants.items()))


def _limit(outcome: Outcome | None) -> str:
    return "" if outcome is None or outcome.limit is None else f"{outcome.limit:.4g}"
