"""A call's settings, from what its step is told."""

from __future__ import annotations

from vexas_uba1.observing import CallOptions
from vexas_uba1.panel.panel import Panel
from vexas_uba1.samples.primers import Primers
from vexas_uba1.steps.sample_jobs import CallJob


def call_options(job: CallJob, primers: Primers | None, panel: Panel | None) -> CallOptions:
    """Return a job's settings, with its files read."""
    return CallOptions(
        sample=job.sample,
        reporting_limit_vaf=job.reporting_limit_vaf,
        required_limit_vaf=job.required_limit_vaf,
        amplicon_limit_floor_vaf=job.amplicon_limit_floor_vaf,
        umi_tags=job.umi_tags,
        input_ng=job.input_ng,
        primers=primers,
        panel=panel,
        bundled_locus=job.bundled_locus,
    )
