"""One sample of a screen, in a process that has called others before."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

from vexas_uba1.alignments.extraction import extract_region
from vexas_uba1.alignments.fasta import Genome, open_genome
from vexas_uba1.caller.exact import FEWEST_MOLECULES
from vexas_uba1.calling import call_observed
from vexas_uba1.catalogue import Catalogue, load_catalogue
from vexas_uba1.cohort.entries import CohortEntry
from vexas_uba1.cohort.table import cells_of
from vexas_uba1.errors import UserError
from vexas_uba1.locus.record import Locus, load_locus
from vexas_uba1.observing import observe_sample
from vexas_uba1.panel.panel import Panel, read_panel
from vexas_uba1.result import SampleResult, write_result
from vexas_uba1.samples.primers import Primers, load_primers
from vexas_uba1.samples.sources import LocalFile
from vexas_uba1.screen.task import Task, failed_row, result_file
from vexas_uba1.status import SCHEMA_VERSION, SampleStatus
from vexas_uba1.steps.call_options import call_options
from vexas_uba1.verdict import decide

WHOLE_FILE_LIMIT = 1 << 23
"""Bytes of a file that is read once more for its checksum; of larger ones only what is needed is
read."""


def screen_sample(task: Task, out: Path, scratch: Path) -> dict[str, object]:
    """Call one sample; write its result unless it is a clean negative; return its row.

    A clean negative is ``not_detected`` with no variant at all, flagged and silent ones included,
    and no more than one molecule that shows an allele of class ``vexas``.

    Args:
        task: The sample.
        out: The screen's folder.
        scratch: For passing files.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    work = scratch / task.sample
    try:
        return _screened(task, out, work)
    except UserError as error:
        return failed_row(task.call.sample, "screen", error)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def is_clean_negative(result: SampleResult) -> bool:
    """Return whether its row says all that there is to say of a sample."""
    shown = [
        allele.alt_fragments
        for allele in result.call.forced_alleles
        if allele.verdict_class == "vexas"
    ]
    return (
        result.verdict.code == "not_detected"
        and not result.call.variants
        and max(shown, default=0) < FEWEST_MOLECULES
    )


def _screened(task: Task, out: Path, work: Path) -> dict[str, object]:
    locus, catalogue = _gene(task.extract.locus)
    genomes = [_genome(file, out / "work" / "fasta") for file in task.extract.references]
    bam = work / "uba1.bam"
    extraction = extract_region(
        task.address if "://" in task.address else Path(task.address),
        locus=locus,
        genomes=genomes,
        sample_id=task.sample,
        out_bam=bam,
        scratch=work / "scratch",
        wanted_build=task.extract.build,
        read_group_sample=task.extract.read_group_sample,
        umi_tags=task.extract.umi_tags,
        shown=task.shown,
        whole_file_limit=WHOLE_FILE_LIMIT,
        compressed=False,
    )
    options = call_options(task.call, _primers(task.call.primers), _panel(task.call.panel))

    seen = observe_sample(
        bam, extraction, locus=locus, catalogue=catalogue, genomes=genomes, options=options
    )

    def called(*, brief: bool) -> SampleResult:
        made = call_observed(
            seen, extraction, locus=locus, catalogue=catalogue, options=options, brief=brief
        )
        return SampleResult(made, decide(made))

    result = called(brief=True)
    if not is_clean_negative(result):
        result = called(brief=False)
        write_result(result_file(out, task.sample), result)
    status = SampleStatus(SCHEMA_VERSION, task.sample, "ok")
    return cells_of(CohortEntry(task.call.sample, status, result))


@cache
def _gene(record: str | None) -> tuple[Locus, Catalogue]:
    locus = load_locus(None if record is None else Path(record))
    return locus, load_catalogue(locus)


@cache
def _genome(file: LocalFile, index_dir: Path) -> Genome:
    return open_genome(file.path, index_dir=index_dir, shown=file.name)


@cache
def _primers(file: LocalFile | None) -> Primers | None:
    return None if file is None else load_primers(file.path)


@cache
def _panel(file: LocalFile | None) -> Panel | None:
    return None if file is None else read_panel(file.path)
