"""The gene record: the facts of one gene on one or more builds, read from a file and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vexas_uba1 import paths
from vexas_uba1.errors import Problem, UserError

if TYPE_CHECKING:
    from vexas_uba1.locus.placed import PlacedLocus

Interval = tuple[int, int]
"""0-based half-open stretch of a contig."""

DEFAULT_VERSION = "unversioned"
DEFAULT_FLANK = 500


@dataclass(frozen=True)
class Exon:
    """One exon.

    Attributes:
        number: As the annotation counts it.
        bases: On the transcript's strand, A, C, G, T, or N where unknown.
    """

    number: int
    bases: str


@dataclass(frozen=True)
class Cds:
    """Where the coding sequence lies in the transcript.

    Attributes:
        start_exon: Number of the exon that holds c.1.
        start_base: 0-based base of that exon that is c.1.
        length: Bases, stop codon included.
    """

    start_exon: int
    start_base: int
    length: int


@dataclass(frozen=True)
class SpliceSites:
    """The intron's first two and last two bases, on the transcript's strand."""

    donor: str
    acceptor: str


@dataclass(frozen=True)
class BuildRecord:
    """The gene's place in one build.

    Attributes:
        name: Of the build.
        contigs: Names that the gene's contig may have, the usual one first.
        length: Of the contig, in bases.
        m5: MD5 of the contig's bases as in SAM headers, or None.
        codon_positions: 0-based, in the transcript's order.
        exons: In the order of ``Locus.exons``; empty if unknown.
    """

    name: str
    contigs: tuple[str, ...]
    length: int
    m5: str | None
    codon_positions: tuple[int, int, int]
    exons: tuple[Interval, ...]


@dataclass(frozen=True)
class Assembly:
    """An assembly that is recognised although the gene's place in it is not recorded."""

    name: str
    contigs: tuple[str, ...]
    length: int


@dataclass(frozen=True)
class Locus:
    """What is known of a gene, on all builds.

    Attributes:
        gene: Symbol.
        transcript: Accession with version, to which c. and p. names refer.
        transcript_aliases: The same transcript in other collections.
        strand: ``+`` or ``-``.
        version: Of these facts.
        codon_number: Of the codon of interest in the protein, or None.
        codon_reference: Its bases on the transcript's strand.
        codon_note: What a report says about it, or None.
        exons: In the transcript's order; empty if unknown.
        cds: None exactly if ``exons`` is empty.
        window_flank: Bases kept on either side of the gene.
        splice: The only intron bases that are known, or None.
        catalogue_path: Table of known variants, or None.
        builds: In the record's order, at least one.
        other_assemblies: Recognised for a helpful message only.
        sha256: Of the record file.
        file: The record file as the user named it.
    """

    gene: str
    transcript: str
    transcript_aliases: tuple[str, ...]
    strand: str
    version: str
    codon_number: int | None
    codon_reference: str
    codon_note: str | None
    exons: tuple[Exon, ...]
    cds: Cds | None
    window_flank: int
    splice: SpliceSites | None
    catalogue_path: Path | None
    builds: tuple[BuildRecord, ...]
    other_assemblies: tuple[Assembly, ...]
    sha256: str
    file: str

    @property
    def coding_start(self) -> int:
        """0-based base of the spliced transcript that is c.1; needs exons."""
        if self.cds is None:
            raise ValueError(f"the record of {self.gene} has no exons")
        before = 0
        for exon in self.exons:
            if exon.number == self.cds.start_exon:
                break
            before += len(exon.bases)
        return before + self.cds.start_base

    def placed(self, build_name: str) -> PlacedLocus:
        """Return the gene on one of the record's builds.

        Raises:
            UserError: the record has no such build.
        """
        from vexas_uba1.locus.placed import place

        for build in self.builds:
            if build.name == build_name:
                return place(self, build, build.contigs[0])
        known = ", ".join(build.name for build in self.builds)
        raise UserError(
            f"the gene record knows no build of this name, only {known}",
            remedy="Name one of these builds, or add the build to the record",
            file=self.file,
            value=build_name,
        )

    def with_build(self, build: BuildRecord) -> Locus:
        """Return this record with one more build, such as one placed in the user's own assembly."""
        others = tuple(known for known in self.builds if known.name != build.name)
        return replace(self, builds=(*others, build))


def load_locus(path: Path | None = None) -> Locus:
    """Read and check a gene record.

    Args:
        path: The record (YAML, ``workflow/schemas/locus.schema.json``); None for the bundled UBA1
            record.

    Raises:
        UserError: the file is missing, not YAML, breaks the schema, contradicts itself, or names a
            catalogue that is not there; carries every problem found.
    """
    source = paths.resources() / "uba1" / "locus.yaml" if path is None else path
    shown = str(path) if path is not None else "resources/uba1/locus.yaml"
    try:
        content = source.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise UserError(
            "the gene record is not there",
            remedy="Give the path of an existing YAML record, or leave the setting out for UBA1",
            file=shown,
        ) from None
    record = _parse_yaml(content, shown)
    problems = list(_schema_problems(record, shown))
    if problems:
        raise UserError.of(problems)
    locus = _build_locus(record, source.parent, shown, hashlib.sha256(content).hexdigest())
    problems = list(_contradictions(locus))
    if problems:
        raise UserError.of(problems)
    if locus.codon_number is None and locus.exons:
        coding = locus.placed(locus.builds[0].name).coding_positions
        locus = replace(
            locus, codon_number=coding.index(locus.builds[0].codon_positions[0]) // 3 + 1
        )
    return locus


def _parse_yaml(content: bytes, shown: str) -> Any:
    import yaml

    try:
        return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError(
            f"the gene record is not YAML: {getattr(error, 'problem', None) or 'unreadable'}",
            remedy="Mend the line; resources/uba1/locus.yaml shows the form",
            file=shown,
            row=None if mark is None else mark.line + 1,
        ) from None


def _schema_problems(record: Any, shown: str) -> Iterator[Problem]:
    import jsonschema

    schema = json.loads((paths.schemas() / "locus.schema.json").read_text(encoding="utf-8"))
    errors = jsonschema.Draft202012Validator(schema).iter_errors(record)
    for error in sorted(errors, key=lambda found: [str(step) for step in found.absolute_path]):
        yield Problem(
            f"the gene record breaks its schema: {_shortened(error.message)}",
            "Mend the entry; workflow/schemas/locus.schema.json describes each",
            file=shown,
            column=".".join(str(step) for step in error.absolute_path) or None,
        )


def _shortened(message: str, limit: int = 200) -> str:
    return message if len(message) <= limit else f"{message[:90]} ... {message[-90:]}"


def _build_locus(record: dict[str, Any], folder: Path, shown: str, sha256: str) -> Locus:
    codon = record["codon"]
    cds = record.get("cds")
    splice = record.get("splice_dinucleotides")
    catalogue = record.get("catalogue")
    return Locus(
        gene=record["gene"],
        transcript=record["transcript"],
        transcript_aliases=tuple(record.get("transcript_aliases", ())),
        strand=record["strand"],
        version=record.get("locus_version", DEFAULT_VERSION),
        codon_number=codon.get("number"),
        codon_reference=codon["reference"],
        codon_note=codon.get("note"),
        exons=tuple(Exon(exon["number"], exon["bases"]) for exon in record.get("exons", ())),
        cds=None if cds is None else Cds(cds["start_exon"], cds["start_base1"] - 1, cds["length"]),
        window_flank=record.get("window_flank", DEFAULT_FLANK),
        splice=None if splice is None else SpliceSites(splice["donor"], splice["acceptor"]),
        catalogue_path=None if catalogue is None else folder / catalogue,
        builds=tuple(_build_record(name, entry) for name, entry in record["builds"].items()),
        other_assemblies=tuple(
            Assembly(name, tuple(entry["contigs"]), entry["length"])
            for name, entry in record.get("other_assemblies", {}).items()
        ),
        sha256=sha256,
        file=shown,
    )


def _build_record(name: str, entry: dict[str, Any]) -> BuildRecord:
    first, second, third = (position - 1 for position in entry["codon_positions1"])
    return BuildRecord(
        name=name,
        contigs=tuple(entry["contigs"]),
        length=entry["length"],
        m5=entry.get("m5"),
        codon_positions=(first, second, third),
        exons=tuple((start1 - 1, end) for start1, end in entry.get("exons1", ())),
    )


def _contradictions(locus: Locus) -> Iterator[Problem]:
    """Yield what the schema cannot say: entries that do not agree with each other."""

    def wrong(message: str, remedy: str, column: str, value: str | None = None) -> Problem:
        return Problem(message, remedy, file=locus.file, column=column, value=value)

    if locus.catalogue_path is not None and not locus.catalogue_path.is_file():
        yield wrong(
            "the catalogue that the gene record names is not there",
            "Put the table into the record's folder, or take the line `catalogue:` out",
            "catalogue",
            locus.catalogue_path.name,
        )
    numbers = [exon.number for exon in locus.exons]
    if len(set(numbers)) != len(numbers):
        yield wrong("two exons have the same number", "Number each exon once", "exons")
    cds_fits = True
    if locus.cds is not None:
        problem = _cds_problem(locus)
        if problem is not None:
            cds_fits = False
            yield wrong(problem, "Correct start_exon, start_base1 or length", "cds")
    for build in locus.builds:
        for message, remedy, key in _build_contradictions(locus, build, cds_fits):
            yield wrong(message, remedy, f"builds.{build.name}.{key}")
    for index, build in enumerate(locus.builds):
        for other in locus.builds[:index]:
            if build.length == other.length and set(build.contigs) & set(other.contigs):
                yield wrong(
                    f"builds {other.name} and {build.name} have the same contig name and length, "
                    "so that a file's build could not be told",
                    "Keep one of them, or give them different contig names",
                    f"builds.{build.name}",
                )


def _cds_problem(locus: Locus) -> str | None:
    assert locus.cds is not None
    starts = {exon.number: len(exon.bases) for exon in locus.exons}
    if locus.cds.start_exon not in starts:
        return f"there is no exon {locus.cds.start_exon}"
    if locus.cds.start_base >= starts[locus.cds.start_exon]:
        return f"exon {locus.cds.start_exon} has only {starts[locus.cds.start_exon]} bases"
    known = sum(len(exon.bases) for exon in locus.exons) - locus.coding_start
    if locus.cds.length > known:
        return f"the exons have only {known} bases from c.1 on, not {locus.cds.length}"
    return None


def _build_contradictions(
    locus: Locus, build: BuildRecord, cds_fits: bool
) -> Iterator[tuple[str, str, str]]:
    """Yield (message, remedy, key) for one build."""
    step = 1 if locus.strand == "+" else -1
    first, second, third = build.codon_positions
    if not first * step < second * step < third * step:
        order = "ascend" if step == 1 else "descend"
        yield (
            f"the codon's positions must {order} on strand {locus.strand}",
            "List them in the transcript's order",
            "codon_positions1",
        )
        return
    if max(build.codon_positions) >= build.length:
        yield (
            f"the codon lies beyond the contig's {build.length} bases",
            "Correct the positions or the length",
            "codon_positions1",
        )
        return
    if len(build.exons) != len(locus.exons):
        yield (
            f"the build places {len(build.exons)} exons, "
            f"the record has bases of {len(locus.exons)}",
            "Give every exon's place on every build and its bases, or neither",
            "exons1",
        )
        return
    if not locus.exons:
        return
    faults = list(_exon_faults(locus, build, step))
    for fault in faults:
        yield fault, "Correct the exon's place or its bases", "exons1"
    if not faults and cds_fits:
        fault_of_codon = _codon_fault(locus, build)
        if fault_of_codon is not None:
            yield (
                fault_of_codon,
                "Correct the codon's positions, number or bases",
                "codon_positions1",
            )


def _exon_faults(locus: Locus, build: BuildRecord, step: int) -> Iterator[str]:
    previous: Interval | None = None
    for exon, (start, end) in zip(locus.exons, build.exons, strict=True):
        if end - start != len(exon.bases):
            yield (
                f"exon {exon.number} spans {end - start} positions but has {len(exon.bases)} bases"
            )
        if end > build.length:
            yield f"exon {exon.number} ends beyond the contig's {build.length} bases"
        if previous is not None:
            gap = start - previous[1] if step == 1 else previous[0] - end
            if gap < 1:
                yield (
                    f"exon {exon.number} does not follow the exon before it "
                    f"on strand {locus.strand}"
                )
        previous = (start, end)


def _codon_fault(locus: Locus, build: BuildRecord) -> str | None:
    placed = locus.placed(build.name)
    coding = placed.coding_positions
    first = build.codon_positions[0]
    if first not in coding:
        return "the codon's first position is not coding"
    index = coding.index(first)
    if index % 3 or tuple(coding[index : index + 3]) != build.codon_positions:
        return "the codon's positions are not one codon of the coding sequence"
    if locus.codon_number is not None and index // 3 + 1 != locus.codon_number:
        return f"the codon's positions are codon {index // 3 + 1}, not {locus.codon_number}"
    bases = placed.transcript_bases[locus.coding_start + index :][:3]
    if bases != locus.codon_reference:
        return f"the exon has {bases} where the codon's reference is {locus.codon_reference}"
    return None
