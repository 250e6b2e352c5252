"""What the steps from a sample's reads to its call are told."""

from __future__ import annotations

from dataclasses import dataclass

from vexas_uba1.result import SampleInfo
from vexas_uba1.samples.sources import LocalFile


@dataclass(frozen=True)
class ExtractJob:
    """Where a sample's reads are and which of them are meant."""

    sample: str
    references: tuple[LocalFile, ...]
    locus: str | None
    build: str
    read_group_sample: str | None
    umi_tags: tuple[str, ...]


@dataclass(frozen=True)
class CallJob:
    """How a sample is called."""

    sample: SampleInfo
    references: tuple[LocalFile, ...]
    locus: str | None
    reporting_limit_vaf: float
    required_limit_vaf: float
    amplicon_limit_floor_vaf: float
    umi_tags: tuple[str, ...]
    input_ng: float | None
    primers: LocalFile | None
    panel: LocalFile | None
    bundled_locus: bool
