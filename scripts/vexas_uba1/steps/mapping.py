"""FASTQ to one duplicate-marked BAM of the sample."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vexas_uba1.alignments.fasta import Genome, open_genome
from vexas_uba1.alignments.genomes import place_reads
from vexas_uba1.files import write_json
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import Locus, load_locus
from vexas_uba1.mapping.aligning import AlignOptions, ReadGroup, align_unit
from vexas_uba1.mapping.bait import Bait, make_bait
from vexas_uba1.mapping.duplicates import AlignedUnit, DuplicateOptions, mark_duplicates
from vexas_uba1.mapping.index import (
    AlignerIndex,
    AlignerName,
    build_index,
    built_index,
    users_index,
)
from vexas_uba1.mapping.trimming import TrimOptions, trim_unit
from vexas_uba1.samples.sources import LocalFile
from vexas_uba1.samples.umi import parse_umi

TRIM_REPORT = "trimmed.json"
ALIGN_REPORT = "aligned.json"
MARK_REPORT = "marked.json"
ALIGNED = "aligned.bam"
MARKED = "marked.bam"
BUNDLED_BUILD = "GRCh38"
"""Build whose coordinates reads aligned to the bundled locus get; else the record's first."""


@dataclass(frozen=True)
class BaitJob:
    """The gene that reads are selected for; ``reference`` is None for the bundled locus."""

    reference: LocalFile | None
    locus: str | None
    build: str


@dataclass(frozen=True)
class TrimJob:
    """One unit's reads.

    ``umi`` is the sheet's text, ``adapters`` None for the usual ones, ``bait`` None for all reads.
    """

    reads: tuple[LocalFile, ...]
    umi: str
    enabled: bool
    quality: int
    poly_g: bool
    min_length: int
    adapters: tuple[str, ...] | None
    bait: BaitJob | None


@dataclass(frozen=True)
class IndexJob:
    """The genome to index; ``reference`` is None for the bundled locus, which needs no index."""

    reference: LocalFile | None
    aligner: AlignerName
    users_index: LocalFile | None
    rna: bool


@dataclass(frozen=True)
class AlignJob:
    """One unit's alignment."""

    sample: str
    unit: str
    library: str
    rna: bool
    index: IndexJob
    locus: str | None
    build: str


@dataclass(frozen=True)
class MarkJob:
    """One sample's units, as (folder name, library), and how their duplicates are sought."""

    units: tuple[tuple[str, str], ...]
    mark: bool
    has_umis: bool


def trim_reads(job: TrimJob, folder: Path, work: Path) -> None:
    """Check and trim one unit's reads into ``folder``; ``work`` is for indexes of FASTAs."""
    umi = parse_umi(job.umi)
    report = trim_unit(
        TrimOptions(
            reads=tuple(map(_without_folders, job.reads)),
            trimmed=tuple(
                folder / f"read{number}.fastq.gz" for number, _ in enumerate(job.reads, 1)
            ),
            structures=umi.structures if umi else (),
            enabled=job.enabled,
            quality=job.quality,
            poly_g=job.poly_g,
            min_length=job.min_length,
            adapters=job.adapters,
            bait=None if job.bait is None else _bait(job.bait, work),
        )
    )
    write_json(folder / TRIM_REPORT, _plain(report))


def index_genome(job: IndexJob, folder: Path, threads: int) -> None:
    """Build the index of the genome that reads are aligned to, in ``folder``."""
    if job.reference is None:
        raise ValueError("the bundled locus needs no index")
    open_genome(job.reference.path, index_dir=folder.parent / "fasta", shown=job.reference.name)
    build_index(job.reference.path, job.aligner, folder / "index", rna=job.rna, threads=threads)


def align_reads(
    job: AlignJob, trimmed: Path, index: Path | None, folder: Path, work: Path, threads: int
) -> None:
    """Align one unit's trimmed reads into ``folder``.

    Args:
        job: What to align.
        trimmed: The folder of :func:`trim_reads`.
        index: The folder of :func:`index_genome`; None with the user's own index or the bundled
            locus.
        folder: For the result.
        work: For indexes of FASTAs and passing files.
        threads: For the aligner.
    """
    locus = load_locus(None if job.locus is None else Path(job.locus))
    placed, genome = _placed(job.index.reference, locus, job.build, work)
    report = align_unit(
        AlignOptions(
            reads=tuple(sorted(trimmed.glob("read*.fastq.gz"))),
            read_group=ReadGroup(job.unit, job.library, job.sample),
            placed=placed,
            index=_index(job.index, index),
            contigs=genome.contigs if genome else (),
            rna=job.rna,
            bam=folder / ALIGNED,
            scratch=work / "scratch",
            threads=threads,
        )
    )
    write_json(folder / ALIGN_REPORT, _plain(report))


def merge_units(job: MarkJob, aligned: Path, folder: Path, work: Path) -> None:
    """Join one sample's units into one BAM, duplicates marked within each library."""
    report = mark_duplicates(
        DuplicateOptions(
            units=tuple(
                AlignedUnit(aligned / name / ALIGNED, library) for name, library in job.units
            ),
            bam=folder / MARKED,
            scratch=work / "scratch",
            mark=job.mark,
            has_umis=job.has_umis,
        )
    )
    reports = [_read(aligned / name / ALIGN_REPORT) for name, _ in job.units]
    software = {report["aligner"]: report["aligner_version"] for report in reports}
    write_json(folder / MARK_REPORT, {"duplicates": _plain(report), "software": software})


def software_of(marked: Path) -> dict[str, str]:
    """Return the versions of the programs that made the reads of a :func:`merge_units` folder."""
    aligners: dict[str, str] = _read(marked / MARK_REPORT)["software"]
    return {"cutadapt": version("cutadapt"), **aligners}


def _without_folders(file: LocalFile) -> LocalFile:
    """Return a file whose absolute path no message holds: messages are stored with the results."""
    return replace(file, shown=file.name) if Path(file.shown).is_absolute() else file


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _bait(job: BaitJob, work: Path) -> Bait:
    locus = load_locus(None if job.locus is None else Path(job.locus))
    return make_bait(*_placed(job.reference, locus, job.build, work))


def _placed(
    reference: LocalFile | None, locus: Locus, build: str, work: Path
) -> tuple[PlacedLocus, Genome | None]:
    """Return the gene in the genome that reads are aligned to, and the genome if there is one."""
    if reference is None:
        return _bundled(locus), None
    genome = open_genome(reference.path, index_dir=work / "fasta", shown=reference.name)
    found = place_reads(genome.contigs, locus, [genome], file=reference.name, wanted=build)
    return found.placed, genome


def _bundled(locus: Locus) -> PlacedLocus:
    names = [build.name for build in locus.builds]
    return locus.placed(BUNDLED_BUILD if BUNDLED_BUILD in names else names[0])


def _index(job: IndexJob, folder: Path | None) -> AlignerIndex | None:
    if job.users_index is not None:
        return users_index(job.users_index.path, job.aligner, job.users_index.name)
    return None if folder is None else built_index(folder / "index", job.aligner)


def _plain(report: object) -> object:
    from cattrs import unstructure

    return unstructure(report)
