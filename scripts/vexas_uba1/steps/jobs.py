"""The door between a rule and its step; each file in ``scripts/`` is one call of this module."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from vexas_uba1.errors import Problem, UserError, disk_problem
from vexas_uba1.result import SampleInfo
from vexas_uba1.samples.config import Remission, read_config
from vexas_uba1.steps import calling, cohort, mapping
from vexas_uba1.steps.carried import carry_report
from vexas_uba1.steps.outcome import failure_in, produce
from vexas_uba1.steps.sample_jobs import CallJob, ExtractJob

WORK = Path("work")


def trim_reads(snakemake: Any) -> None:
    """Rule ``trim_reads``."""
    with _logged(snakemake):
        job = _structured(snakemake.params.job, mapping.TrimJob)
        folder = Path(snakemake.output[0])
        produce(
            folder,
            snakemake.rule,
            (),
            lambda out: mapping.trim_reads(job, out, WORK),
        )


def build_index(snakemake: Any) -> None:
    """Rule ``build_index``."""
    with _logged(snakemake):
        job = _structured(snakemake.params.job, mapping.IndexJob)
        folder = Path(snakemake.output[0])
        produce(
            folder,
            snakemake.rule,
            (),
            lambda out: mapping.index_genome(job, out, snakemake.threads),
        )


def align_reads(snakemake: Any) -> None:
    """Rule ``align_reads``."""
    with _logged(snakemake):
        job = _structured(snakemake.params.job, mapping.AlignJob)
        trimmed = Path(snakemake.input.trimmed)
        index = Path(snakemake.input.index[0]) if snakemake.input.get("index") else None
        produce(
            Path(snakemake.output[0]),
            snakemake.rule,
            [trimmed, *([index] if index else [])],
            lambda out: mapping.align_reads(job, trimmed, index, out, WORK, snakemake.threads),
        )


def mark_duplicates(snakemake: Any) -> None:
    """Rule ``mark_duplicates``."""
    with _logged(snakemake):
        job = _structured(snakemake.params.job, mapping.MarkJob)
        units = [Path(folder) for folder in snakemake.input.aligned]
        produce(
            Path(snakemake.output[0]),
            snakemake.rule,
            units,
            lambda out: mapping.merge_units(job, units[0].parent, out, WORK),
        )


def extract_region(snakemake: Any) -> None:
    """Rule ``extract_region``."""
    with _logged(snakemake):
        job = _structured(snakemake.params.job, ExtractJob)
        marked = [Path(folder) for folder in snakemake.input.get("marked", [])]
        trimmed = [Path(folder) for folder in snakemake.input.get("trimmed", [])]

        def work(out: Path) -> None:
            from vexas_uba1.steps.plan import address_of

            if marked:
                reads = str(marked[0] / mapping.MARKED)
                shown = f"{job.sample}, aligned"
                calling.extract(job, reads, shown, out, WORK, trimmed)
            else:
                local = snakemake.input.get("reads")
                shown = snakemake.params.shown
                if local:
                    calling.extract(job, local[0], shown, out, WORK)
                else:
                    url = address_of(Path(snakemake.params.sheet), job.sample)
                    # No parameter of the rule: another limit makes no sample old.
                    limit = read_config(snakemake.config).config.url_timeout_s
                    calling.extract_url(job, url, shown, out, WORK, limit)

        produce(Path(snakemake.output[0]), snakemake.rule, marked, work)


def call_variants(snakemake: Any) -> None:
    """Rule ``call_variants``."""
    with _logged(snakemake):
        job = _structured(snakemake.params.job, CallJob)
        extracted = Path(snakemake.input.extracted)
        produce(
            Path(snakemake.output[0]),
            snakemake.rule,
            [extracted],
            lambda out: calling.call(job, extracted, out, WORK),
        )


def check_run(snakemake: Any) -> None:
    """Rule ``check_run``."""
    with _logged(snakemake):
        called = {Path(folder).name: Path(folder) for folder in snakemake.input.called}
        cohort.check_carry_over(
            snakemake.wildcards.run, called, snakemake.params.rates, Path(snakemake.output[0])
        )


def finalise_result(snakemake: Any) -> None:
    """Rule ``finalise_result``."""
    with _logged(snakemake):
        called = Path(snakemake.input.called)
        check = snakemake.input.get("check")
        sample, out = snakemake.wildcards.sample, Path(snakemake.output.status).parent
        calling.finalise(
            sample,
            called,
            Path(snakemake.input.extracted),
            Path(check[0]) if check else None,
            json.loads(snakemake.params.lab_name),
            out,
            failure_in(called),
        )
        carry_report(sample, out, Path(snakemake.output.report))


def summarise_cohort(snakemake: Any) -> None:
    """Rule ``summarise_cohort``."""
    with _logged(snakemake):
        told = json.loads(snakemake.params.samples)
        infos = [_structured(info, SampleInfo) for info in told]
        remission = json.loads(snakemake.params.remission)
        cohort.summarise(
            infos,
            json.loads(snakemake.params.lab_name),
            _structured(remission, Remission) if remission else None,
            snakemake.params.versions,
            Path(),
        )


def require_all(snakemake: Any) -> None:
    """Rule ``require_all``: the run is complete only if no sample failed."""
    with _logged(snakemake):
        failed = cohort.failed_samples(list(snakemake.params.samples), Path())
        if failed:
            raise UserError.of([problem for status in failed for problem in status.problems])
        Path(snakemake.output[0]).touch()


def _structured(values: Any, kind: type[Any]) -> Any:
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Path, lambda value, _: Path(value))
    return converter.structure(dict(values), kind)


@contextmanager
def _logged(snakemake: Any) -> Iterator[None]:
    """Send all output to the job's log; no traceback where the user can mend the cause."""
    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as handle:
        # htslib and the aligners write to the descriptors themselves.
        sys.stdout.flush()
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(handle.fileno(), 1)
        os.dup2(handle.fileno(), 2)
    try:
        yield
    except UserError as error:
        _end(terminal, error.problems)
    except OSError as error:
        problem = disk_problem(error)
        if problem is None:
            raise
        _end(terminal, [problem])


def _end(terminal: int, problems: Sequence[Problem]) -> NoReturn:
    said = "".join(f"error: {problem}\n" for problem in problems).encode()
    os.write(terminal, said)
    # The log may lie on the very disk that is full.
    with suppress(OSError):
        os.write(2, said)
    sys.exit(2)
