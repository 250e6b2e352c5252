"""Reads to the finished files of one sample."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vexas_uba1.alignments.extraction import Extraction, extract_region
from vexas_uba1.alignments.fasta import Genome, open_genome
from vexas_uba1.calling import call_sample
from vexas_uba1.catalogue import load_catalogue
from vexas_uba1.cohort.carried_over import apply_carry_over
from vexas_uba1.cohort.carryover import read_run_check
from vexas_uba1.errors import UserError
from vexas_uba1.files import copy, sweep, write_json
from vexas_uba1.locus.record import load_locus
from vexas_uba1.panel.panel import read_panel
from vexas_uba1.report.sample import RENDERED, render_sample
from vexas_uba1.result import (
    InputFile,
    SampleResult,
    TargetedUse,
    read_call,
    write_call,
    write_result,
)
from vexas_uba1.samples.primers import load_primers
from vexas_uba1.samples.sources import LocalFile
from vexas_uba1.status import SCHEMA_VERSION, SampleStatus, write_status
from vexas_uba1.steps import mapping
from vexas_uba1.steps.call_options import call_options
from vexas_uba1.steps.limited import within
from vexas_uba1.steps.outcome import Failure
from vexas_uba1.steps.sample_jobs import CallJob, ExtractJob
from vexas_uba1.verdict import decide

EXTRACTED = "uba1.bam"
EXTRACTION = "extraction.json"
ORIGIN = "fastq.json"
CALL = "call.json"
PUBLISHED = (
    "call.json",
    "result.json",
    *RENDERED,
    "uba1.bam",
    "uba1.bam.bai",
)
"""Files of a finished sample, after ``{sample}.``; ``status.json`` is written last and always."""


def extract(
    job: ExtractJob,
    address: str,
    shown: str,
    folder: Path,
    work: Path,
    trimmed: Sequence[Path] = (),
) -> None:
    """Take the reads of the gene's window out of a BAM or CRAM into ``folder``.

    Args:
        job: Which reads.
        address: Path or URL; a URL is never written anywhere.
        shown: How messages name it.
        folder: For the small BAM and what is known of it.
        work: For indexes and passing files.
        trimmed: The folders of the units' trimming, if the file was aligned here: the sample's
            files are the FASTQ ones then.
    """
    locus = load_locus(None if job.locus is None else Path(job.locus))
    scratch = work / "scratch" / job.sample
    try:
        extraction = extract_region(
            address if "://" in address else Path(address),
            locus=locus,
            genomes=_genomes(job.references, work),
            sample_id=job.sample,
            out_bam=folder / EXTRACTED,
            scratch=scratch,
            wanted_build=None if trimmed else job.build,
            read_group_sample=job.read_group_sample,
            umi_tags=job.umi_tags,
            shown=shown,
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    files, warnings = _source_files(trimmed)
    extraction = replace(extraction, warnings=(*extraction.warnings, *warnings))
    write_json(folder / EXTRACTION, extraction.to_json())
    software = mapping.software_of(Path(address).parent) if trimmed else {}
    targeted = _targeted(trimmed)
    origin = {
        "files": [asdict(file) for file in files],
        "software": software,
        "targeted": None if targeted is None else asdict(targeted),
    }
    write_json(folder / ORIGIN, origin)


def extract_url(
    job: ExtractJob, url: str, shown: str, folder: Path, work: Path, seconds: float
) -> None:
    """Do what :func:`extract` does of a URL, in so many seconds.

    Raises:
        UserError: it took longer, too.
    """
    try:
        within(seconds, shown, extract, job, url, shown, folder, work)
    finally:
        shutil.rmtree(work / "scratch" / job.sample, ignore_errors=True)


def call(job: CallJob, extracted: Path, folder: Path, work: Path) -> None:
    """Call one sample into ``folder``.

    Args:
        job: How.
        extracted: The folder of :func:`extract`.
        folder: For ``call.json``.
        work: For indexes of FASTAs.
    """
    locus = load_locus(None if job.locus is None else Path(job.locus))
    extraction = _extraction(extracted)
    origin = json.loads((extracted / ORIGIN).read_text(encoding="utf-8"))
    options = replace(
        call_options(
            job,
            None if job.primers is None else load_primers(job.primers.path),
            None if job.panel is None else read_panel(job.panel.path),
        ),
        source_files=tuple(InputFile(**file) for file in origin["files"]),
        source_software=origin["software"],
        source_targeted=TargetedUse(**origin["targeted"]) if origin["targeted"] else None,
    )
    called = call_sample(
        extracted / EXTRACTED,
        extraction,
        locus=locus,
        catalogue=load_catalogue(locus),
        genomes=() if job.bundled_locus else _genomes(job.references, work),
        options=options,
    )
    write_call(folder / CALL, called)


def finalise(
    sample: str,
    called: Path,
    extracted: Path,
    run_check: Path | None,
    lab_name: str,
    out: Path,
    failure: Failure | None,
) -> Failure | None:
    """Write the finished files of a sample, its status last; return why there are none, if so.

    A failed sample keeps no file of an earlier run: nothing old can be taken for its result.

    Args:
        sample: Its id.
        called: The folder of :func:`call`.
        extracted: The folder of :func:`extract`.
        run_check: The carry-over check of its run, or None.
        lab_name: For the report.
        out: The sample's folder.
        failure: Why it stopped, or None.
    """
    names = tuple(f"{sample}.{name}" for name in PUBLISHED)
    status_file = out / f"{sample}.status.json"
    status_file.unlink(missing_ok=True)
    sweep(out)
    if failure is None:
        try:
            _publish(sample, called, extracted, run_check, lab_name, out)
        except UserError as error:
            failure = Failure("finalise_result", error.problems)
    if failure is not None:
        for name in names:
            (out / name).unlink(missing_ok=True)
        status = SampleStatus(SCHEMA_VERSION, sample, "failed", failure.step, failure.problems)
    else:
        status = SampleStatus(SCHEMA_VERSION, sample, "ok", files=names)
    write_status(status_file, status)
    return failure


def _publish(
    sample: str, called: Path, extracted: Path, run_check: Path | None, lab_name: str, out: Path
) -> None:
    made = read_call(called / CALL)
    if run_check is not None:
        made = apply_carry_over(made, read_run_check(run_check))
    copy(called / CALL, out / f"{sample}.call.json")
    copy(extracted / EXTRACTED, out / f"{sample}.uba1.bam")
    copy(extracted / f"{EXTRACTED}.bai", out / f"{sample}.uba1.bam.bai")
    write_result(out / f"{sample}.result.json", SampleResult(made, decide(made)))
    render_sample(out / f"{sample}.result.json", out, lab_name)


def _genomes(references: Sequence[LocalFile], work: Path) -> list[Genome]:
    # By its own name: what a message says of it may be stored with the results.
    return [
        open_genome(file.path, index_dir=work / "fasta", shown=file.name) for file in references
    ]


def _extraction(folder: Path) -> Extraction:
    return Extraction.from_json(json.loads((folder / EXTRACTION).read_text(encoding="utf-8")))


def _source_files(trimmed: Sequence[Path]) -> tuple[tuple[InputFile, ...], tuple[str, ...]]:
    """Return the FASTQ files that trimming read, and what it warned of."""
    files: list[InputFile] = []
    warnings: dict[str, None] = {}
    for folder in trimmed:
        report = _trim_report(folder)
        files += [InputFile(**file) for file in report["files"]]
        warnings |= dict.fromkeys(report["warnings"])
    return tuple(files), tuple(warnings)


def _targeted(trimmed: Sequence[Path]) -> TargetedUse | None:
    """Return how many reads of all units were selected, if they were."""
    uses = [report["targeted"] for report in map(_trim_report, trimmed) if report["targeted"]]
    if not uses:
        return None
    return TargetedUse(sum(use["fragments"] for use in uses), sum(use["kept"] for use in uses))


def _trim_report(folder: Path) -> Any:
    return json.loads((folder / mapping.TRIM_REPORT).read_text(encoding="utf-8"))
