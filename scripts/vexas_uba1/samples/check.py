"""Both files together: everything that is wrong, told at once, before any work begins."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from vexas_uba1.errors import Problem, UserError
from vexas_uba1.locus.record import load_locus
from vexas_uba1.samples.config import Config, ReadConfig, read_config
from vexas_uba1.samples.primers import load_primers
from vexas_uba1.samples.sheet import ReadSheet, Row, Sample, read_sheet
from vexas_uba1.samples.sources import shown_value

_RESULTS = ("samples", "work", "cohort", "logs")
"""Folders below the output folder in which files are replaced and removed."""
_WILDCARD = re.compile(r"\{\s*\w+\s*(?:,[^{}]*)?\}")


@dataclass(frozen=True)
class Run:
    """What is to be done: a checked configuration and its samples, in the sheet's order.

    Attributes:
        config: The configuration.
        samples: The samples.
        sheet: Fingerprint of their sheet, for who reads it once more.
    """

    config: Config
    samples: tuple[Sample, ...]
    sheet: str = ""

    def sample(self, sample_id: str) -> Sample:
        """Return the sample of this name.

        Raises:
            KeyError: there is none.
        """
        for sample in self.samples:
            if sample.id == sample_id:
                return sample
        raise KeyError(sample_id)

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the sequencing runs, in the sheet's order; samples without one are left out."""
        return tuple(dict.fromkeys(sample.run for sample in self.samples if sample.run))

    def of_run(self, name: str) -> tuple[Sample, ...]:
        """Return the samples of a sequencing run."""
        return tuple(sample for sample in self.samples if sample.run == name)


def check(config: Path) -> Run:
    """Return what a configuration file asks for.

    Raises:
        UserError: carries every problem of the configuration and of its sheet.
    """
    return load_run(config)


def load_run(
    config: Path | Mapping[str, Any],
    *,
    base: Path | None = None,
    checked: str = "",
    by_snakemake: bool = True,
) -> Run:
    """Return what a configuration asks for.

    Args:
        config: A YAML file, or the values themselves as Snakemake hands them over.
        base: The folder at which the configuration's relative paths start; the file's own by
            default, the working directory for values. The sheet's start at the sheet's folder.
        checked: Fingerprint of a sheet that has been checked, and needs no more of it.
        by_snakemake: Whether Snakemake will be told of the inputs, which takes braces in their
            paths for wildcards.

    Raises:
        UserError: carries every problem of the configuration and of its sheet.
    """
    read = read_config(config, base)
    problems = [*read.problems, *_build_problems(read), *_primer_problems(read)]
    problems += _panel_problems(read)
    samples: tuple[Sample, ...] = ()
    fingerprint = ""
    if "samples" not in read.faulty:
        try:
            sheet = read_sheet(read.config.samples, checked)
        except UserError as error:
            problems += error.problems
        else:
            samples, fingerprint = sheet.samples, sheet.fingerprint
            problems += [*sheet.problems, *_between(read, sheet)]
            if not checked:
                problems += _input_problems(read, sheet, by_snakemake=by_snakemake)
    if problems:
        raise UserError.of(problems)
    return Run(read.config, samples, fingerprint)


def _build_problems(read: ReadConfig) -> Iterator[Problem]:
    """Yield problems of the gene record and of a build that it does not know."""
    if "locus" in read.faulty:
        return
    record = read.config.locus
    try:
        locus = load_locus(None if record is None else record.path)
    except UserError as error:
        for problem in error.problems:
            yield problem if record is None else replace(problem, file=record.shown)
        return
    build, known = read.config.build, [build.name for build in locus.builds]
    # With a FASTA it may be any assembly in which the gene is found; the name is the user's then.
    if build in ("auto", *known) or read.config.references or {"build", "reference"} & read.faulty:
        return
    yield read.problem(
        ("build",),
        "the gene record knows no such build",
        f"Write auto or one of {', '.join(known)}; another assembly needs its FASTA in reference",
        build,
    )


def _primer_problems(read: ReadConfig) -> Iterator[Problem]:
    """Yield problems of the primers' BED; whether they fit the reads is seen when those are."""
    primers = read.config.primers
    if primers is None or "primers" in read.faulty:
        return
    try:
        load_primers(primers.path, primers.shown)
    except UserError as error:
        yield from error.problems


def _panel_problems(read: ReadConfig) -> Iterator[Problem]:
    """Yield problems of the panel; whether it fits the gene record is seen when samples are."""
    panel = read.config.panel
    if panel is None or "panel" in read.faulty:
        return
    # Imported late: numpy is not needed to check a sheet.
    from vexas_uba1.panel.panel import read_panel

    try:
        read_panel(panel.path, panel.shown)
    except UserError as error:
        yield from error.problems


def _between(read: ReadConfig, sheet: ReadSheet) -> Iterator[Problem]:
    """Yield where the sheet and the configuration do not go together."""
    config = read.config
    fastq = [row for row in sheet.rows if "fq1" in row.cells]
    cram = [row for row in sheet.rows if _path(row.value("alignment")).endswith(".cram")]
    has_reference = bool(config.references) or "reference" in read.faulty
    may_use_bundled = config.allow_bundled_locus or "allow_bundled_locus" in read.faulty

    def problem(rows: list[Row], column: str, message: str, remedy: str) -> Problem:
        first, more = rows[0], len(rows) - 1
        others = f" (and {more} more {'row' if more == 1 else 'rows'})" if more else ""
        value = first.cells.get(column)
        shown = None if value is None else shown_value(value)
        return Problem(message + others, remedy, sheet.shown, first.line, column, shown)

    if fastq and not has_reference and not may_use_bundled:
        yield problem(
            fastq,
            "fq1",
            "FASTQ reads need a genome to be aligned to",
            f"Name your genome FASTA in reference ({read.shown}); to try things out without one, "
            "set allow_bundled_locus: true, which every report then shows",
        )
    if cram and not has_reference:
        yield problem(
            cram,
            "alignment",
            "a CRAM can only be read with the FASTA it was made with",
            f"Name that FASTA in reference ({read.shown})",
        )
    amplicons = [row for row in sheet.rows if row.value("assay") == "amplicon"]
    if config.primers is not None and not amplicons and sheet.rows:
        yield read.problem(
            ("primers",),
            "primers are for samples of assay amplicon, and the sheet has none",
            "Write amplicon in the column assay of those samples, or leave the key out",
            config.primers.shown,
        )
    if "aligner" in read.faulty or not fastq:
        return
    spliced = [row for row in fastq if row.value("assay") == "rna"]
    if config.aligner == "minimap2":
        if config.aligner_index is not None and 0 < len(spliced) < len(fastq):
            yield read.problem(
                ("aligner_index",),
                "minimap2 needs one index for DNA and another for RNA; the sheet has both",
                "Leave the key out to have both built, or give DNA and RNA a configuration each",
                config.aligner_index.shown,
            )
        return
    if not has_reference and config.allow_bundled_locus:
        yield read.problem(
            ("aligner",),
            f"{config.aligner} cannot align to the bundled locus, whose introns are unknown",
            "Set aligner: minimap2, or name your genome FASTA in reference",
            config.aligner,
        )
    if spliced:
        yield problem(
            spliced,
            "assay",
            f"{config.aligner} cannot align RNA across introns",
            f"Set aligner: minimap2 ({read.shown}), or give these samples as aligned BAM",
        )
    if shutil.which(config.aligner) is None:
        yield read.problem(
            ("aligner",),
            f"the program {config.aligner} is not installed, or not on PATH",
            f"Install {config.aligner}, or set aligner: minimap2, which is built in",
            config.aligner,
        )


def _input_problems(read: ReadConfig, sheet: ReadSheet, *, by_snakemake: bool) -> Iterator[Problem]:
    """Yield problems of where inputs lie."""
    ours: tuple[str, ...] = ()
    if "outdir" not in read.faulty:
        outdir = os.path.realpath(read.config.outdir.path)
        ours = tuple(f"{outdir}{os.sep}{name}{os.sep}" for name in _RESULTS)
    for path, problem in _inputs(read, sheet):
        if os.path.realpath(path).startswith(ours):
            yield problem(
                "this file lies among the results of this output folder, where it would be "
                "replaced or removed",
                "Move or copy it elsewhere, or name another output folder",
            )
        if by_snakemake and _WILDCARD.search(str(path)):
            yield problem(
                "Snakemake takes what stands in braces in a path for a wildcard",
                "Rename the file or its folder, or give it by a link whose name has no braces",
            )


def _inputs(
    read: ReadConfig, sheet: ReadSheet
) -> Iterator[tuple[Path, Callable[[str, str], Problem]]]:
    """Yield each local input, and what makes a problem of its message and remedy."""
    base = read.config.samples.path.parent
    for row in sheet.rows:
        for column in ("alignment", "fq1", "fq2"):
            given = row.cells.get(column, "")
            if given and "://" not in given:
                place = (sheet.shown, row.line, column, shown_value(given))
                yield base / given, partial(_problem_at, place)
    for key in ("reference", "primers", "panel"):
        found = getattr(read.config, "references" if key == "reference" else key)
        for file in found if isinstance(found, tuple) else (found,):
            if file is not None and key not in read.faulty:
                yield file.path, partial(_problem_of_key, read, key, file.shown)


def _problem_at(place: tuple[str, int, str, str], message: str, remedy: str) -> Problem:
    return Problem(message, remedy, *place)


def _problem_of_key(read: ReadConfig, key: str, shown: str, message: str, remedy: str) -> Problem:
    return read.problem((key,), message, remedy, shown)


def _path(source: str) -> str:
    """Return a path or URL in lower case, without a URL's query and fragment."""
    return (shown_value(source) if "://" in source else source).lower()
