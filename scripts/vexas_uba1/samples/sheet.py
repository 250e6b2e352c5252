"""The samples sheet: which reads belong to which sample, and what is known about it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vexas_uba1.errors import Problem, UserError
from vexas_uba1.samples.schema import find_faults, load_schema, unknown_name
from vexas_uba1.samples.sources import (
    ALIGNMENT_SUFFIXES,
    FASTQ_SUFFIXES,
    LocalFile,
    Source,
    UnusableError,
    find_source,
    identity,
    read_text,
    shown_value,
)
from vexas_uba1.samples.umi import UmiSpec, parse_umi

# What other tools write for "nothing"; as the name of a run or a patient it would do harm.
_PLACEHOLDERS = frozenset({"NA", "N/A", "n/a", "nan", "NaN", "null", "NULL", "."})

_PATH_COLUMNS = {"fq1": FASTQ_SUFFIXES, "fq2": FASTQ_SUFFIXES, "alignment": ALIGNMENT_SUFFIXES}


@dataclass(frozen=True)
class Unit:
    """A lane: one FASTQ file or a pair of them.

    Attributes:
        unit: Name, unique within the sample.
        library: Name of the sequencing library.
        fq1: Read 1, or single-end reads.
        fq2: Read 2, or None.
    """

    unit: str
    library: str
    fq1: LocalFile
    fq2: LocalFile | None


@dataclass(frozen=True)
class Sample:
    """A sample with its reads: either ``units`` or ``alignment``.

    The other fields are the sheet's columns; text that the sheet does not give is empty.
    """

    id: str
    units: tuple[Unit, ...]
    alignment: Source | None
    patient: str
    collected: str
    specimen: str
    sex: str
    transplant: str
    donor_sex: str
    assay: str
    umi: UmiSpec | None
    input_ng: float | None
    run: str
    index_type: str
    read_group_sample: str | None

    @property
    def is_fastq(self) -> bool:
        """Whether the reads have to be aligned first."""
        return self.alignment is None

    @property
    def is_remote(self) -> bool:
        """Whether the reads come from a URL."""
        return self.alignment is not None and not isinstance(self.alignment, LocalFile)

    @property
    def is_cram(self) -> bool:
        """Whether the reads can only be read with their FASTA."""
        return self.alignment is not None and self.alignment.name.lower().endswith(".cram")


@dataclass(frozen=True)
class Row:
    """A row of the sheet.

    Attributes:
        line: 1-based line of the file, comments and blank lines counted.
        cells: What is not empty, by column; unknown columns left out.
    """

    line: int
    cells: Mapping[str, str]

    def value(self, column: str) -> str:
        """Return a cell, or the column's default."""
        default: str = load_schema("samples")["properties"][column].get("default", "")
        return self.cells.get(column, default)


@dataclass(frozen=True)
class ReadSheet:
    """A sheet as it was read.

    Attributes:
        rows: Every row that has as many cells as the header.
        samples: In the sheet's order; empty if there are problems.
        problems: Everything that is wrong with the sheet by itself.
        shown: How messages name the sheet.
        fingerprint: Of its place and content.
    """

    rows: tuple[Row, ...]
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...]
    shown: str
    fingerprint: str


def read_sheet(sheet: LocalFile, checked: str = "") -> ReadSheet:
    """Read a samples sheet and check it by itself.

    Args:
        sheet: The file.
        checked: Fingerprint of a sheet without problems. If it is this one's, nothing is checked
            again: in a run of thousands of samples that takes longer than a job's work.

    Raises:
        UserError: the file cannot be read or is no tab-separated table with rows; anything else
            is among the problems.
    """
    text = read_text(sheet.path, sheet.shown, what="samples sheet")
    place = str(sheet.path).encode("utf-8", "surrogateescape")
    fingerprint = hashlib.sha256(place + b"\0" + text.encode("utf-8")).hexdigest()
    return _Sheet(sheet).read(text, fingerprint, is_checked=fingerprint == checked)


class _Sheet:
    """Collects the problems of one sheet."""

    def __init__(self, sheet: LocalFile) -> None:
        self.shown = sheet.shown
        self.folder = sheet.path.parent
        self.schema = load_schema("samples")
        self.columns: Mapping[str, Mapping[str, str]] = self.schema["properties"]
        self.problems: list[Problem] = []
        self.faulty: set[tuple[int, str]] = set()
        self.missing: set[str] = set()

    def fault(self, row: Row, column: str, message: str, remedy: str) -> None:
        """Note a problem of a cell; a second one of the same cell says nothing new."""
        if (row.line, column) in self.faulty:
            return
        self.faulty.add((row.line, column))
        value = row.cells.get(column)
        shown = None if value is None else shown_value(value)
        self.problems.append(Problem(message, remedy, self.shown, row.line, column, shown))

    def read(self, text: str, fingerprint: str, *, is_checked: bool) -> ReadSheet:
        rows = self.table(text)
        if is_checked:
            samples = _samples(rows, [self.files(row) for row in rows])
            return ReadSheet(tuple(rows), samples, (), self.shown, fingerprint)
        sources = [self.check_row(row) for row in rows]
        self.check_case(rows, "run")
        self.check_case(rows, "sample")
        named = [row for row in rows if self.is_sound(row, "sample")]
        self.check_units(named)
        self.check_samples(named)
        self.check_files(rows, sources)
        problems = sorted(self.problems, key=lambda problem: problem.row or 0)
        samples = () if problems else _samples(rows, sources)
        return ReadSheet(tuple(rows), samples, tuple(problems), self.shown, fingerprint)

    def files(self, row: Row) -> dict[str, Source]:
        """Return the files of a row that was checked before."""
        return {
            column: find_source(
                row.cells[column],
                self.folder,
                suffixes=suffixes,
                remote=column == "alignment",
                looked_at=True,
            )
            for column, suffixes in _PATH_COLUMNS.items()
            if column in row.cells
        }

    def is_sound(self, row: Row, column: str) -> bool:
        """Return whether a cell is filled and has no problem so far."""
        return column in row.cells and (row.line, column) not in self.faulty

    def table(self, text: str) -> list[Row]:
        """Return the rows; the problems of header and row lengths are noted.

        There is no quoting: a quotation mark is an ordinary character, so that no mark, forgotten
        or put in by a spreadsheet, can join lines or hide in a name.
        """
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        filled = [
            (number, line.split("\t"))
            for number, line in enumerate(lines, start=1)
            if line.strip() and not line.startswith("#")
        ]
        if not filled:
            raise UserError(
                "the samples sheet is empty",
                remedy="Write a header and one line per sample or lane (columns: config/README.md)",
                file=self.shown,
            )
        (header_line, header), *body = filled
        known = self.check_header(header_line, header)
        if not body:
            raise UserError.of(
                [
                    *self.problems,
                    Problem(
                        "the samples sheet has a header but no samples",
                        "Write one line per sample or lane below it; # at the start hides a line",
                        self.shown,
                        header_line,
                    ),
                ]
            )
        rows = []
        for number, cells in body:
            if len(cells) != len(header):
                self.problems.append(
                    Problem(
                        f"the row has {len(cells)} cells, the header has {len(header)}",
                        "Separate the cells by single tabs and keep the tabs of empty cells",
                        self.shown,
                        number,
                    )
                )
                continue
            pairs = zip(header, cells, strict=True)
            rows.append(Row(number, {name: cell for name, cell in pairs if name in known and cell}))
        return rows

    def check_header(self, line: int, header: list[str]) -> set[str]:
        """Return the columns that are known; raise if the file is no tab-separated table at all."""
        if len(header) == 1 and header[0] not in self.columns:
            for separator, name in ((",", "commas"), (";", "semicolons"), (" ", "spaces")):
                if separator in header[0].strip():
                    raise UserError(
                        f"the samples sheet is separated by {name}, not by tabs",
                        remedy="Save it as tab-separated text (spreadsheets: Text, tab delimited)",
                        file=self.shown,
                        row=line,
                        value=shown_value(header[0]),
                    )
        for name, times in Counter(header).items():
            if name == "":
                message, remedy = (
                    "a column has no name",
                    "Name it, or remove the column and its tabs",
                )
            elif name not in self.columns:
                message, remedy = unknown_name(name, self.columns, noun="column")
            elif times > 1:
                message, remedy = f"the column is there {times} times", "Keep one of them"
            else:
                continue
            shown = shown_value(name)
            self.problems.append(Problem(message, remedy, self.shown, line, shown, shown))
        if "sample" not in header:
            message = "the column is missing"
            remedy = (
                "Add it; the header is the first line that is not blank and does not begin with #"
            )
            self.problems.append(Problem(message, remedy, self.shown, line, "sample"))
        if not {"fq1", "alignment"} & set(header):
            message = "there is no column of reads"
            remedy = "Add the column fq1 (and fq2) for FASTQ, or alignment for BAM and CRAM"
            self.problems.append(Problem(message, remedy, self.shown, line, "fq1"))
        self.missing = {"sample", "fq1", "alignment"} - set(header)
        return set(self.columns)

    def check_row(self, row: Row) -> dict[str, Source]:
        """Note what is wrong within a row; return its files."""
        for column, value in row.cells.items():
            if value in _PLACEHOLDERS and column != "sample":
                remedy = "Leave the cell empty: only an empty cell stands for 'not given'"
                self.fault(row, column, "this looks like a missing value", remedy)
        for fault in find_faults(dict(row.cells), self.schema, noun="column"):
            column = fault.key[-1]
            if column == "fq1" and column in self.missing:
                column = "alignment"
            if column not in self.missing:  # otherwise the header's problem says it once
                self.fault(row, column, fault.message, fault.remedy)
        sources: dict[str, Source] = {}
        for column, suffixes in _PATH_COLUMNS.items():
            if column not in row.cells:
                continue
            text = row.cells[column]
            try:
                sources[column] = find_source(
                    text, self.folder, suffixes=suffixes, remote=column == "alignment"
                )
            except UnusableError as error:
                quoted = len(text) > 1 and text[0] == text[-1] == '"'
                hint = "Remove the quotation marks: cells are taken as they are. " if quoted else ""
                self.fault(row, column, error.message, hint + error.remedy)
        about = self.columns["input_ng"]
        amount = _number(row.cells["input_ng"]) if "input_ng" in row.cells else 1.0
        if amount is None or amount > float(about["x-maximum"]):
            self.fault(row, "input_ng", f"must be {about['x-rule']}", about["x-remedy"])
        self.check_umi(row)
        return sources

    def check_umi(self, row: Row) -> None:
        """Note a ``umi`` that cannot be or does not fit the row's reads."""
        try:
            umi = parse_umi(row.value("umi"))
        except ValueError as error:
            self.fault(row, "umi", str(error), self.columns["umi"]["x-remedy"])
            return
        if umi is None:
            return
        files = sum(column in row.cells for column in ("fq1", "fq2"))
        if umi.tags and "fq1" in row.cells:
            message = "SAM tags are for a BAM or CRAM; FASTQ needs read structures"
            remedy = "Write one read structure per FASTQ file such as 8M2S+T 8M2S+T, or none"
            self.fault(row, "umi", message, remedy)
        elif umi.structures and "alignment" in row.cells:
            message = "read structures are for FASTQ; a BAM or CRAM needs SAM tags"
            remedy = "Write the tags that hold the identifier, such as RX, or none"
            self.fault(row, "umi", message, remedy)
        elif umi.structures and files and len(umi.structures) != files:
            message = f"{len(umi.structures)} read structures for {files} FASTQ files"
            remedy = (
                "Write one read structure per FASTQ file, with a space between; +T for a plain read"
            )
            self.fault(row, "umi", message, remedy)

    def check_units(self, rows: list[Row]) -> None:
        """Note repeated units, and samples whose reads do not go together."""
        first: dict[str, Row] = {}
        units: dict[tuple[str, str], Row] = {}
        for row in rows:
            name = row.cells["sample"]
            before = first.setdefault(name, row)
            if before is row:
                units[name, row.value("unit").lower()] = row
                continue
            kinds = {"fq1", "alignment"} & {*before.cells, *row.cells}
            if len(kinds) == 2:
                message = f"sample {name!r} has both FASTQ and an alignment (row {before.line})"
                remedy = (
                    "Give the sample either FASTQ rows or one alignment, or use another sample name"
                )
                self.fault(row, "sample", message, remedy)
            elif kinds == {"alignment"}:
                message = (
                    f"sample {name!r} is there twice: row {before.line} has its alignment already"
                )
                remedy = (
                    "Only one BAM or CRAM per sample: merge them before, or use another sample name"
                )
                self.fault(row, "sample", message, remedy)
            else:
                unit = row.value("unit")
                known = units.setdefault((name, unit.lower()), row)
                if known is not row:
                    column = "unit" if "unit" in row.cells else "sample"
                    message = (
                        f"sample {name!r} with unit {unit!r} is there already, in row {known.line}"
                    )
                    remedy = "Give each lane a clearly different unit, or remove the row"
                    self.fault(row, column, message, remedy)

    def check_samples(self, rows: list[Row]) -> None:
        """Note columns in which the rows of one sample disagree."""
        shared = [name for name, about in self.columns.items() if about["x-scope"] == "sample"]
        first: dict[str, Row] = {}
        for row in rows:
            name = row.cells["sample"]
            before = first.setdefault(name, row)
            for column in shared:
                if row.value(column) != before.value(column):
                    theirs = shown_value(before.value(column)) or "nothing"
                    message = (
                        f"the rows of sample {name!r} disagree: row {before.line} has {theirs}"
                    )
                    remedy = "Write the same value in every row of the sample"
                    self.fault(row, column, message, remedy)

    def check_case(self, rows: list[Row], column: str) -> None:
        """Note names of files-to-be that differ only in upper and lower case."""
        first: dict[str, Row] = {}
        for row in rows:
            if not self.is_sound(row, column):
                continue
            before = first.setdefault(row.cells[column].lower(), row)
            if (known := before.cells[column]) != row.cells[column]:
                message = (
                    f"differs only in upper and lower case from {known!r} in row {before.line}"
                )
                remedy = f"Write the same {column} alike, and two in clearly different ways"
                self.fault(row, column, message, remedy)

    def check_files(self, rows: list[Row], sources: list[dict[str, Source]]) -> None:
        """Note files that are named twice, but for one of several read-group samples."""
        first: dict[object, tuple[Row, str]] = {}
        picked: set[tuple[object, str]] = set()
        for row, files in zip(rows, sources, strict=True):
            for column, source in files.items():
                same = identity(source)
                before, other = first.setdefault(same, (row, column))
                group = row.cells.get("read_group_sample", "")
                is_new = (before, other) == (row, column) or (
                    column == other == "alignment"
                    and bool(group)
                    and "read_group_sample" in before.cells
                    and (same, group) not in picked
                )
                picked.add((same, group))
                if not is_new:
                    place = f"column {other}" + (
                        f" of row {before.line}" if before is not row else ""
                    )
                    message = f"the same file is in {place} already"
                    remedy = "Give each row its own file: reads must not be counted twice"
                    self.fault(row, column, message, remedy)


def _samples(rows: list[Row], sources: list[dict[str, Source]]) -> tuple[Sample, ...]:
    """Return the samples of rows without problems."""
    grouped: dict[str, list[tuple[Row, dict[str, Source]]]] = {}
    for row, files in zip(rows, sources, strict=True):
        grouped.setdefault(row.cells["sample"], []).append((row, files))
    return tuple(_sample(parts) for parts in grouped.values())


def _sample(parts: list[tuple[Row, dict[str, Source]]]) -> Sample:
    row, files = parts[0]
    return Sample(
        id=row.cells["sample"],
        units=tuple(_units(parts)),
        alignment=files.get("alignment"),
        patient=row.value("patient"),
        collected=row.value("collected"),
        specimen=row.value("specimen"),
        sex=row.value("sex"),
        transplant=row.value("transplant"),
        donor_sex=row.value("donor_sex"),
        assay=row.value("assay"),
        umi=parse_umi(row.value("umi")),
        input_ng=_number(row.value("input_ng")),
        run=row.value("run"),
        index_type=row.value("index_type"),
        read_group_sample=row.value("read_group_sample") or None,
    )


def _units(parts: list[tuple[Row, dict[str, Source]]]) -> Iterator[Unit]:
    for row, files in parts:
        fq1, fq2 = files.get("fq1"), files.get("fq2")
        if isinstance(fq1, LocalFile):
            mate = fq2 if isinstance(fq2, LocalFile) else None
            yield Unit(row.value("unit"), row.value("library"), fq1, mate)


def _number(text: str) -> float | None:
    """Return a finite number above 0, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None
