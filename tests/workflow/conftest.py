"""Reads and finished runs that many tests look at; each is made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from builders.sam import SamBuilder
from builders.simulated import clone, sample_of
from builders.workflow import HOSTILE, Outcome, project, run, shared

CHR_X = ("chrX", 156_040_895)


@dataclass(frozen=True)
class FinishedRun:
    """A project whose run is through: its configuration, results and what the terminal showed."""

    config: Path
    results: Path
    said: Outcome


@pytest.fixture(scope="session")
def reads(tmp_path_factory):
    """A folder of small samples on one synthetic genome, ``synthetic_GRCh38.fa.gz``."""

    def make(folder):
        sample_of(folder, sample="POS", clones=[clone(0.3, "c.122T>C")])
        sample_of(folder, sample="NEG", seed=2)
        sample_of(folder, sample="CRM", clones=[clone(0.2, "c.121A>G")], formats=["cram"])
        sample_of(
            folder,
            sample="PAIR",
            clones=[clone(0.3, "c.122T>C")],
            formats=["fastq"],
            library__lanes=2,
        )
        sample_of(
            folder,
            sample="SINGLE",
            clones=[clone(0.25, "c.121A>C")],
            formats=["fastq"],
            library__paired=False,
        )
        SamBuilder([CHR_X]).read("away", 1_000_000, "ACGT" * 25).write_bam(folder / "NONE.bam")

    return shared(tmp_path_factory, "reads", make)


@pytest.fixture(scope="session")
def from_alignments(tmp_path_factory, reads):
    """A finished run on BAM and CRAM, two of them of one sequencing run."""

    def rows():
        for name, kind, batch in (
            ("POS", "bam", "RUN1"),
            ("NEG", "bam", "RUN1"),
            ("CRM", "cram", ""),
            ("NONE", "bam", ""),
        ):
            yield {
                "sample": name,
                "alignment": str(reads / f"{name}.{kind}"),
                "patient": HOSTILE if name == "POS" else "",
                "run": batch,
                "index_type": "unique_dual" if batch else "",
            }

    return _finished(tmp_path_factory, "from_alignments", list(rows()), reads, lab_name=HOSTILE)


@pytest.fixture(scope="session")
def from_fastq(tmp_path_factory, reads):
    """A finished run on FASTQ: paired on two lanes, and single."""
    lanes = [
        {
            "sample": "PAIR",
            "unit": lane,
            "fq1": str(reads / f"PAIR_{lane}_R1.fastq.gz"),
            "fq2": str(reads / f"PAIR_{lane}_R2.fastq.gz"),
        }
        for lane in ("L001", "L002")
    ]
    single = {"sample": "SINGLE", "unit": "L001", "fq1": str(reads / "SINGLE_L001_R1.fastq.gz")}
    return _finished(tmp_path_factory, "from_fastq", [*lanes, single], reads)


def _finished(factory, name, rows, reads, **settings):
    def make(folder):
        reference = {"reference": str(reads / "synthetic_GRCh38.fa.gz")}
        config = project(folder, rows, {**reference, **settings})
        said = run(config)
        assert said.code == 0, said.err
        for stream in ("out", "err"):
            (folder / stream).write_text(getattr(said, stream), encoding="utf-8")

    folder = shared(factory, name, make)
    said = Outcome(
        0,
        (folder / "out").read_text(encoding="utf-8"),
        (folder / "err").read_text(encoding="utf-8"),
    )
    return FinishedRun(folder / "config.yaml", folder / "results", said)
