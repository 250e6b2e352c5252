"""The configuration: every key typed, checked and with its default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vexas_uba1.errors import Problem
from vexas_uba1.samples.document import read_document
from vexas_uba1.samples.schema import Key, find_faults, load_schema, with_defaults
from vexas_uba1.samples.sources import (
    LocalFile,
    UnusableError,
    find_source,
    identity,
    local_file,
    shown_value,
)

Aligner = Literal["minimap2", "bwa", "bwa-mem2"]

# What each aligner's own index command leaves behind the prefix.
_INDEX_SUFFIXES: dict[Aligner, tuple[str, ...]] = {
    "minimap2": ("",),
    "bwa": (".amb", ".ann", ".bwt", ".pac", ".sa"),
    "bwa-mem2": (".0123", ".amb", ".ann", ".bwt.2bit.64", ".pac"),
}


@dataclass(frozen=True)
class Trimming:
    """What is cut off FASTQ reads.

    Attributes:
        enabled: Whether anything is.
        quality: Phred quality below which bases go from the 3' end; 0 for none.
        poly_g: Whether runs of G go from the 3' end.
        min_length: Shorter reads are dropped, in bases.
        adapters: Sequences sought at the 3' end of both reads; None for the usual ones of Illumina.
    """

    enabled: bool
    quality: int
    poly_g: bool
    min_length: int
    adapters: tuple[str, ...] | None


@dataclass(frozen=True)
class Resources:
    """What one alignment job may use; without a memory it is estimated."""

    align_threads: int
    align_memory_mb: int | None


@dataclass(frozen=True)
class Remission:
    """What a laboratory calls a sample of a series without a variant, by its own definition.

    Attributes:
        limit_vaf: Limit of detection that such a sample has at most; None for the required one.
        wording: Its words.
    """

    limit_vaf: float | None
    wording: str


@dataclass(frozen=True)
class Config:
    """The whole configuration; each field is described in ``workflow/schemas/config.schema.json``.

    Attributes:
        samples: The sheet.
        outdir: The output folder.
        references: Genome FASTAs; FASTQ reads are aligned to the first.
        build: ``auto`` or the build that every BAM and CRAM must have.
        allow_bundled_locus: Whether FASTQ may be aligned to the bundled locus without a reference.
        aligner: Program for FASTQ reads.
        aligner_index: An index of the first reference that is there already, or None.
        targeted: Whether only FASTQ reads that can come from the gene are aligned.
        locus: A gene record in place of the bundled one, or None.
        trimming: What is cut off FASTQ reads.
        reporting_limit_vaf: By assay, every assay named.
        required_limit_vaf: By assay, every assay named.
        amplicon_limit_floor_vaf: For amplicons without UMIs and input.
        primers: The primers of the amplicon samples, or None.
        panel: A panel of normals, or None.
        index_hopping_rate: By index type, every type named.
        lab_name: For the reports; may be empty.
        remission: The laboratory's definition, or None.
        resources: Of one alignment job.
    """

    samples: LocalFile
    outdir: LocalFile
    references: tuple[LocalFile, ...]
    build: str
    allow_bundled_locus: bool
    aligner: Aligner
    aligner_index: LocalFile | None
    targeted: bool
    locus: LocalFile | None
    trimming: Trimming
    reporting_limit_vaf: Mapping[str, float]
    required_limit_vaf: Mapping[str, float]
    amplicon_limit_floor_vaf: float
    primers: LocalFile | None
    panel: LocalFile | None
    index_hopping_rate: Mapping[str, float]
    lab_name: str
    remission: Remission | None
    resources: Resources


@dataclass(frozen=True)
class ReadConfig:
    """A configuration as it was read.

    Attributes:
        config: With the default in place of each faulty key.
        problems: Everything that is wrong with the file by itself.
        faulty: Top-level keys with a problem; what ``config`` says of them means nothing.
        shown: How messages name the configuration.
        lines: 1-based line of each key, empty for a mapping.
    """

    config: Config
    problems: tuple[Problem, ...]
    faulty: frozenset[str]
    shown: str
    lines: Mapping[Key, int]

    def problem(self, key: Key, message: str, remedy: str, value: str | None = None) -> Problem:
        """Return a problem of one key."""
        return Problem(
            message,
            remedy,
            file=self.shown,
            row=self.lines.get(key),
            column=shown_value(".".join(key)),
            value=None if value is None else shown_value(value),
        )


def read_config(source: Path | Mapping[str, Any], base: Path | None = None) -> ReadConfig:
    """Read a configuration and check it by itself.

    Args:
        source: A YAML file, or the values themselves as Snakemake hands them over.
        base: The folder at which relative paths start; the file's own by default, the
            working directory for a mapping.

    Raises:
        UserError: the file cannot be read or is not YAML; anything else is among the problems.
    """
    if isinstance(source, Mapping):
        shown, values, folder = "configuration", dict(source), base or Path.cwd()
        lines: Mapping[Key, int] = {}
        problems: list[Problem] = []
    else:
        shown, folder = shown_value(str(source)), base or source.parent
        document = read_document(source, shown)
        values, lines, problems = document.values, document.lines, list(document.problems)
    schema = load_schema("config")
    faults = find_faults(values, schema, noun="key")
    faulty = {fault.key[0] for fault in faults}
    sound = {name: value for name, value in values.items() if str(name) not in faulty}
    read = ReadConfig(
        _build(with_defaults(sound, schema), folder), (), frozenset(faulty), shown, lines
    )
    problems += [
        read.problem(fault.key, fault.message, fault.remedy, fault.value) for fault in faults
    ]
    for problem in _unusable_files(read, with_defaults(sound, schema), folder):
        problems.append(problem)
        faulty.add(str(problem.column))
    return ReadConfig(read.config, tuple(problems), frozenset(faulty), shown, lines)


def _build(values: Mapping[str, Any], folder: Path) -> Config:
    """Return the typed form of valid values in which every key is present."""
    trimming, resources = values["trimming"], values["resources"]
    memory_mb = resources["align_memory_mb"]
    adapters: str | list[str] = trimming["adapters"]
    index, locus = values["aligner_index"], values["locus"]
    primers, panel = values["primers"], values["panel"]
    return Config(
        samples=local_file(values["samples"], folder),
        outdir=local_file(values["outdir"], folder),
        references=tuple(local_file(text, folder) for text in _listed(values["reference"])),
        build=values["build"],
        allow_bundled_locus=values["allow_bundled_locus"],
        aligner=values["aligner"],
        aligner_index=None if index is None else local_file(index, folder),
        targeted=values["targeted"],
        locus=None if locus is None else local_file(locus, folder),
        trimming=Trimming(
            enabled=trimming["enabled"],
            quality=int(trimming["quality"]),
            poly_g=trimming["poly_g"],
            min_length=int(trimming["min_length"]),
            adapters=None if isinstance(adapters, str) else tuple(adapters),
        ),
        reporting_limit_vaf=_per_assay(values, "reporting_limit_vaf"),
        required_limit_vaf=_per_assay(values, "required_limit_vaf"),
        amplicon_limit_floor_vaf=float(values["amplicon_limit_floor_vaf"]),
        primers=None if primers is None else local_file(primers, folder),
        panel=None if panel is None else local_file(panel, folder),
        index_hopping_rate={
            name: float(rate) for name, rate in values["index_hopping_rate"].items()
        },
        lab_name=values["lab_name"],
        remission=Remission(values["remission"]["limit_vaf"], values["remission"]["wording"])
        if values["remission"]["wording"]
        else None,
        resources=Resources(
            align_threads=int(resources["align_threads"]),
            align_memory_mb=None if memory_mb is None else int(memory_mb),
        ),
    )


def _per_assay(values: Mapping[str, Any], key: str) -> dict[str, float]:
    limit = values[key]
    assays = load_schema("samples")["properties"]["assay"]["enum"]
    return {assay: float(limit[assay] if isinstance(limit, Mapping) else limit) for assay in assays}


def _unusable_files(read: ReadConfig, values: Mapping[str, Any], folder: Path) -> list[Problem]:
    """Return the problems of files and folders that sound values name."""
    problems: list[Problem] = []
    seen: set[object] = set()
    references = _listed(values["reference"])
    named = [("samples", values["samples"]), *(("reference", text) for text in references)]
    named += [
        (key, values[key]) for key in ("locus", "primers", "panel") if values[key] is not None
    ]
    for key, text in named:
        if key in read.faulty:
            continue
        try:
            found = find_source(text, folder, suffixes=(), remote=False)
        except UnusableError as error:
            problems.append(read.problem((key,), error.message, error.remedy, text))
            continue
        if identity(found) in seen:
            message, remedy = "the file is named twice", "Name each file once"
            problems.append(read.problem((key,), message, remedy, text))
        seen.add(identity(found))
    if read.config.aligner_index is not None and not {"aligner", "reference"} & read.faulty:
        problems += _unusable_index(read, read.config.aligner_index)
    if "outdir" not in read.faulty:
        problems += _unusable_outdir(read)
    return problems


def _unusable_index(read: ReadConfig, index: LocalFile) -> list[Problem]:
    key, aligner = ("aligner_index",), read.config.aligner
    problems = []
    missing = [
        suffix for suffix in _INDEX_SUFFIXES[aligner] if not Path(f"{index.path}{suffix}").is_file()
    ]
    if missing:
        what = ", ".join(suffix for suffix in missing if suffix) or "the file itself"
        message = f"this is no index of {aligner}; not there: {what}"
        remedy = "Correct the path, or leave the key out to have the index built"
        problems.append(read.problem(key, message, remedy, index.shown))
    if not read.config.references:
        message = "an index needs the FASTA it was made from"
        remedy = "Name that FASTA in reference"
        problems.append(read.problem(key, message, remedy, index.shown))
    return problems[:1]


def _unusable_outdir(read: ReadConfig) -> list[Problem]:
    outdir = read.config.outdir
    if "://" in outdir.shown:
        message, remedy = "a URL cannot be used here", "Write the path of a local folder"
        return [read.problem(("outdir",), message, remedy, outdir.shown)]
    try:
        nearest = next(
            path for path in (outdir.path, *outdir.path.parents) if os.path.lexists(path)
        )
        is_folder = nearest.is_dir()
    except OSError as error:
        message = f"the path cannot be used ({error.strerror})"
        return [read.problem(("outdir",), message, "Write another path", outdir.shown)]
    if not is_folder:
        message = (
            "this is a file, not a folder"
            if nearest == outdir.path
            else "a part of the path is a file"
        )
        remedy = "Name another folder; nothing is overwritten"
        return [read.problem(("outdir",), message, remedy, outdir.shown)]
    if not os.access(nearest, os.W_OK | os.X_OK):
        message = "the folder may not be written"
        remedy = "Name another folder, or ask its owner for permission to write"
        return [read.problem(("outdir",), message, remedy, outdir.shown)]
    return []


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
