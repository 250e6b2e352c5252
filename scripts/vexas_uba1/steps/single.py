"""One BAM or CRAM without the workflow: the same steps, the same files."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from vexas_uba1.alignments.sources import Source, check_alignment_file
from vexas_uba1.errors import Problem, UserError
from vexas_uba1.locus.record import load_locus
from vexas_uba1.panel.panel import read_panel
from vexas_uba1.result import SampleInfo
from vexas_uba1.samples.config import read_config
from vexas_uba1.samples.primers import load_primers
from vexas_uba1.samples.schema import load_schema
from vexas_uba1.samples.sources import local_file, shown_value
from vexas_uba1.samples.umi import parse_umi
from vexas_uba1.status import status_file
from vexas_uba1.steps import calling
from vexas_uba1.steps.folders import refuse_a_screens
from vexas_uba1.steps.limited import within
from vexas_uba1.steps.outcome import failure_in, produce
from vexas_uba1.steps.sample_jobs import CallJob, ExtractJob


def call_one(
    reads: str,
    out: Path,
    *,
    sample: str | None,
    sex: str,
    assay: str,
    umi: str,
    input_ng: float | None,
    primers: Path | None,
    panel: Path | None,
    read_group_sample: str | None,
    references: tuple[Path, ...],
    build: str,
    locus: Path | None,
    lab_name: str,
    url_timeout: float,
) -> Path:
    """Call one file and return its ``result.json``.

    What is wrong with the arguments or with the file's head is told before anything is written;
    what is found while its reads are read ends in a status ``failed`` too.

    Raises:
        UserError: the arguments or the file cannot be used.
    """
    name = sample if sample is not None else _name_of(reads)
    tags = _checked(name, umi, input_ng)
    load_locus(locus)
    _check_primers(primers, assay)
    if panel is not None:
        read_panel(panel, str(panel))
    files = tuple(local_file(str(path), Path.cwd()) for path in references)
    source = Source.of(reads, None if "://" in reads else shown_value(reads))
    if source.is_remote:
        within(url_timeout, source.shown, check_alignment_file, source)
    else:
        check_alignment_file(source)
    _check_out(out)
    # An empty configuration is one of defaults.
    config = read_config({}).config
    work = out / "work"
    extracted, called = work / "extracted" / name, work / "called" / name
    extract = ExtractJob(
        sample=name,
        references=files,
        locus=None if locus is None else str(locus),
        build=build,
        read_group_sample=read_group_sample,
        umi_tags=tags,
    )
    call = CallJob(
        sample=SampleInfo(name, sex=sex, assay=assay),
        references=files,
        locus=extract.locus,
        reporting_limit_vaf=config.reporting_limit_vaf[assay],
        required_limit_vaf=config.required_limit_vaf[assay],
        amplicon_limit_floor_vaf=config.amplicon_limit_floor_vaf,
        umi_tags=tags,
        input_ng=input_ng,
        primers=None if primers is None else local_file(str(primers), Path.cwd()),
        panel=None if panel is None else local_file(str(panel), Path.cwd()),
        bundled_locus=False,
    )
    try:
        produce(
            extracted,
            "extract_region",
            (),
            lambda folder: (
                calling.extract_url(extract, reads, source.shown, folder, work, url_timeout)
                if source.is_remote
                else calling.extract(extract, reads, source.shown, folder, work)
            ),
        )
        produce(
            called,
            "call_variants",
            [extracted],
            lambda folder: calling.call(call, extracted, folder, work),
        )
        status = status_file(out, name)
        failure = failure_in(called)
        failure = calling.finalise(name, called, extracted, None, lab_name, status.parent, failure)
    finally:
        shutil.rmtree(extracted, ignore_errors=True)
        shutil.rmtree(called, ignore_errors=True)
        # Another call may be using the folder; indexes of FASTAs are kept for the next one.
        for folder in (extracted.parent, called.parent, work / "scratch", work):
            with suppress(OSError):
                folder.rmdir()
    if failure is not None:
        raise UserError.of(failure.problems)
    return status.with_name(f"{name}.result.json")


def _name_of(reads: str) -> str:
    path = urlsplit(reads).path if "://" in reads else reads
    return PurePosixPath(path).stem


def _checked(name: str, umi: str, input_ng: float | None) -> tuple[str, ...]:
    """Return the UMI tags; raise with every argument that cannot be used."""
    problems = []
    columns = load_schema("samples")["properties"]
    if not re.fullmatch(columns["sample"]["pattern"].strip("^$"), name):
        problems.append(
            Problem(
                "the sample id holds characters that are not allowed",
                "Pass --sample with letters, digits, '.', '_' and '-', 64 at most",
                value=name,
            )
        )
    tags: tuple[str, ...] = ()
    try:
        parsed = parse_umi(umi)
    except ValueError as error:
        problems.append(
            Problem(f"--umi-tag: {error}", "Name one or more tags, such as RX", value=umi)
        )
    else:
        tags = parsed.tags if parsed else ()
        if parsed and parsed.structures:
            problems.append(
                Problem("--umi-tag takes SAM tags", "Name one or more tags, such as RX", value=umi)
            )
    most = columns["input_ng"]["x-maximum"]
    if input_ng is not None and not 0 < input_ng <= most:
        problems.append(
            Problem(
                "--input-ng is no amount of DNA that a library holds",
                f"Give nanograms above 0 and up to {most:,}",
                column="input_ng",
                value=str(input_ng),
            )
        )
    if problems:
        raise UserError.of(problems)
    return tags


def _check_primers(primers: Path | None, assay: str) -> None:
    if primers is None:
        return
    load_primers(primers, str(primers))
    if assay != "amplicon":
        raise UserError(
            "primers are for amplicons",
            remedy="Pass --assay amplicon too, or leave --primers out",
            column="--primers",
            value=str(primers),
        )


def _check_out(out: Path) -> None:
    nearest = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise UserError(
            "a part of the output folder's path is a file",
            remedy="Name another folder; nothing is overwritten",
            file=str(out),
        )
    refuse_a_screens(out)
