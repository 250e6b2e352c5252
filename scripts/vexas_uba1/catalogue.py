"""Known variants of the gene with their evidence, placed on a build by their c. names."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vexas_uba1 import paths
from vexas_uba1.errors import Problem, UserError
from vexas_uba1.locus.bases import Bases
from vexas_uba1.locus.edits import Allele
from vexas_uba1.locus.hgvs import is_c_form, parse_c
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import Locus

VERDICT_CLASSES = ("vexas", "other", "other_disease")
COLUMNS = (
    "hgvs_c",
    "hgvs_p",
    "grch38_pos",
    "grch37_pos",
    "ref",
    "alt",
    "category",
    "verdict_class",
    "evidence",
    "sources",
    "source_read",
    "note",
)
_FOR_READERS = frozenset({"grch38_pos", "grch37_pos", "ref", "alt"})
_VERSION = re.compile(r"#\s*catalogue_version:\s*(\S+)\s*")


@dataclass(frozen=True)
class CatalogueEntry:
    """One known variant.

    Attributes:
        hgvs_c: Name without transcript, such as ``c.122T>C``.
        hgvs_p: Name of the protein change.
        category: Place and kind, such as ``met41_canonical``.
        verdict_class: ``vexas`` (counts for the verdict), ``other`` or ``other_disease`` (never
            VEXAS wording).
        evidence: Kind of the evidence.
        sources: PMIDs, DOIs.
        sources_read: Whether the statement was checked in the sources themselves.
        note: For the reader of a report.
    """

    hgvs_c: str
    hgvs_p: str
    category: str
    verdict_class: str
    evidence: str
    sources: tuple[str, ...]
    sources_read: bool
    note: str

    @property
    def is_canonical(self) -> bool:
        """Whether it is one of the alleles that nearly all patients have."""
        return self.verdict_class == "vexas" and self.evidence == "canonical"


@dataclass(frozen=True)
class Catalogue:
    """All known variants.

    Attributes:
        version: As the table states it; ``none`` if there is no table.
        sha256: Of the table; empty if there is none.
        entries: In the table's order.
        file: The table as messages name it.
    """

    version: str
    sha256: str
    entries: tuple[CatalogueEntry, ...]
    file: str = ""

    @cached_property
    def vexas_entries(self) -> tuple[CatalogueEntry, ...]:
        """The variants that count for the verdict."""
        return tuple(entry for entry in self.entries if entry.verdict_class == "vexas")

    def place(self, placed: PlacedLocus, reference: Bases) -> dict[Allele, CatalogueEntry]:
        """Return the variants as alleles of one build, from their c. names alone.

        Alleles come in the form that :func:`vexas_uba1.locus.normalise.normalise` gives under the
        same reference, so that an observed allele brought to that form is found by equality,
        however an aligner placed it.

        Raises:
            UserError: a name lies beyond what the record knows, or contradicts the reference; or
                two names are the same allele.
        """
        alleles: dict[Allele, CatalogueEntry] = {}
        for entry in self.entries:
            try:
                allele = parse_c(entry.hgvs_c, placed, reference)
            except ValueError as error:
                raise UserError(
                    f"the catalogue's variant cannot be placed on {placed.build.name}: {error}",
                    remedy="Correct the name, take the row out, or give a reference that it fits",
                    file=self.file,
                    column="hgvs_c",
                    value=entry.hgvs_c,
                ) from error
            if allele in alleles:
                raise UserError(
                    f"the catalogue lists {alleles[allele].hgvs_c} again under another name",
                    remedy="Keep one of the two rows",
                    file=self.file,
                    column="hgvs_c",
                    value=entry.hgvs_c,
                )
            alleles[allele] = entry
        return alleles


def load_catalogue(locus: Locus) -> Catalogue:
    """Read the table that the gene record names; if it names none, an empty one (``none``).

    Raises:
        UserError: the table is missing or malformed; carries every problem found.
    """
    if locus.catalogue_path is None:
        return Catalogue("none", "", ())
    path = locus.catalogue_path
    shown = _shown(path)
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(
            "the catalogue that the gene record names is not there",
            remedy="Put the table into the record's folder, or take the line `catalogue:` out",
            file=shown,
        ) from None
    except UnicodeDecodeError:
        raise UserError(
            "the catalogue is not UTF-8 text", remedy="Save it as UTF-8", file=shown
        ) from None
    version, rows = _parse_table(text, shown)
    problems = [problem for number, row in rows for problem in _row_problems(row, number, shown)]
    problems += _repeated(rows, shown)
    if problems:
        raise UserError.of(problems)
    entries = tuple(_entry(row) for _, row in rows)
    return Catalogue(version, hashlib.sha256(content).hexdigest(), entries, shown)


def _shown(path: Path) -> str:
    """Name the table as the user did, the bundled one without the place of the installation."""
    root = paths.product_root()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _parse_table(text: str, shown: str) -> tuple[str, list[tuple[int, dict[str, str]]]]:
    """Return the version and the rows with their 1-based line numbers."""
    lines = text.splitlines()
    version = _VERSION.fullmatch(lines[0]) if lines else None
    if version is None:
        raise UserError(
            "the catalogue's first line does not state its version",
            remedy="Begin the table with a line such as `# catalogue_version: 2026.11`",
            file=shown,
            row=1,
        )
    reader = csv.reader(io.StringIO("\n".join(lines[1:])), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = next(reader, [])
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in COLUMNS if name not in header and name not in _FOR_READERS]
    if unknown or missing or len(set(header)) != len(header):
        raise UserError(
            "the catalogue's columns are not the right ones"
            + (f"; unknown: {', '.join(unknown)}" if unknown else "")
            + (f"; missing: {', '.join(missing)}" if missing else ""),
            remedy=f"Use the columns {', '.join(COLUMNS)}, each once and separated by tabs",
            file=shown,
            row=2,
        )
    rows: list[tuple[int, dict[str, str]]] = []
    for number, fields in enumerate(reader, start=3):
        if not any(field.strip() for field in fields):
            continue
        if len(fields) != len(header):
            raise UserError(
                f"the row has {len(fields)} fields where the header has {len(header)}",
                remedy="Separate the fields by single tabs",
                file=shown,
                row=number,
            )
        rows.append(
            (number, {name: field.strip() for name, field in zip(header, fields, strict=True)})
        )
    return version.group(1), rows


def _row_problems(row: dict[str, str], number: int, shown: str) -> Iterator[Problem]:
    def wrong(column: str, message: str, remedy: str) -> Problem:
        return Problem(message, remedy, file=shown, row=number, column=column, value=row[column])

    if not is_c_form(row["hgvs_c"]):
        yield wrong(
            "hgvs_c",
            "this is not a c. name that can be placed",
            "Write it like c.122T>C, c.118-9_118-2del, c.20_21insA, c.20dup, c.121_122delinsGC or "
            "c.[119G>C;121A>T], without the transcript",
        )
    if row["verdict_class"] not in VERDICT_CLASSES:
        yield wrong(
            "verdict_class", "the class is unknown", f"Use one of {', '.join(VERDICT_CLASSES)}"
        )
    if row["source_read"] not in ("yes", "no"):
        yield wrong("source_read", "this is neither yes nor no", "Write yes or no")
    for column in ("category", "evidence"):
        if not row[column]:
            yield wrong(column, "the value is missing", "Fill it in")


def _repeated(rows: list[tuple[int, dict[str, str]]], shown: str) -> list[Problem]:
    first: dict[str, int] = {}
    problems = []
    for number, row in rows:
        name = row["hgvs_c"]
        if name in first:
            problems.append(
                Problem(
                    f"the variant is listed in row {first[name]} already",
                    "Keep one of the two rows",
                    file=shown,
                    row=number,
                    column="hgvs_c",
                    value=name,
                )
            )
        first.setdefault(name, number)
    return problems


def _entry(row: dict[str, str]) -> CatalogueEntry:
    return CatalogueEntry(
        hgvs_c=row["hgvs_c"],
        hgvs_p=row["hgvs_p"],
        category=row["category"],
        verdict_class=row["verdict_class"],
        evidence=row["evidence"],
        sources=tuple(source.strip() for source in row["sources"].split(";") if source.strip()),
        sources_read=row["source_read"] == "yes",
        note=row["note"],
    )
