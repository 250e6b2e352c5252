"""One sample's units become one BAM, duplicates marked within each library."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pysam
from pysam.version import __samtools_version__

from vexas_uba1.files import replacing
from vexas_uba1.mapping.programs import samtools
from vexas_uba1.mapping.trimming import UMI_TAG

MARKER = "samtools.markdup"
"""ID of the header's @PG line that says that duplicates were marked."""
_LONGEST_READ = "1000"


@dataclass(frozen=True)
class AlignedUnit:
    """A unit's BAM from :func:`vexas_uba1.mapping.aligning.align_unit`, and its library."""

    bam: Path
    library: str


@dataclass(frozen=True)
class DuplicateOptions:
    """What is put together, and how.

    Attributes:
        units: Of one sample, all aligned to the same contigs.
        bam: Output, sorted by position; its index is written beside it as ``.bai``.
        scratch: Folder for files needed meanwhile.
        mark: False for amplicons, whose fragments all begin at the primers: nothing is marked.
        has_umis: Whether only fragments of the same UMI are copies of each other.
    """

    units: tuple[AlignedUnit, ...]
    bam: Path
    scratch: Path
    mark: bool = True
    has_umis: bool = False


@dataclass(frozen=True)
class DuplicateReport:
    """What was marked.

    Attributes:
        marked: Whether duplicates were sought.
        libraries: Number of them; each was searched by itself.
        records: In the output.
        duplicate_records: Those marked.
    """

    marked: bool
    libraries: int
    records: int
    duplicate_records: int


def mark_duplicates(options: DuplicateOptions) -> DuplicateReport:
    """Mark duplicates across the units of each library, and write all units to one indexed BAM.

    Raises:
        OSError: the disk is full.
    """
    libraries: dict[str, list[Path]] = {}
    for unit in options.units:
        libraries.setdefault(unit.library, []).append(unit.bam)
    options.scratch.mkdir(parents=True, exist_ok=True)
    records = duplicates = 0
    with ExitStack() as stack:
        scratch = TemporaryDirectory(prefix="duplicates-", dir=options.scratch)
        folder = Path(stack.enter_context(scratch))
        sources = [path for paths in libraries.values() for path in paths]
        if options.mark:
            sources = [
                _marked(paths, folder / f"library{number}", has_umis=options.has_umis)
                for number, paths in enumerate(libraries.values())
            ]
        index = stack.enter_context(replacing(options.bam.with_name(options.bam.name + ".bai")))
        part = stack.enter_context(replacing(options.bam))
        opened = [stack.enter_context(_opened(path)) for path in sources]
        header = _joint_header([file.header.to_dict() for file in opened], mark=options.mark)
        with pysam.AlignmentFile(str(part), "wb", header=header) as out:
            for record in _merged(opened):
                records += 1
                duplicates += record.is_duplicate
                out.write(record)
        samtools("index", "-o", str(index), str(part))
    return DuplicateReport(
        marked=options.mark,
        libraries=len(libraries),
        records=records,
        duplicate_records=duplicates,
    )


def _marked(paths: list[Path], stem: Path, *, has_umis: bool) -> Path:
    """Return a BAM of one library's units with its duplicates marked."""
    merged, marked = stem.with_suffix(".merged.bam"), stem.with_suffix(".marked.bam")
    with ExitStack() as stack:
        opened = [stack.enter_context(_opened(path)) for path in paths]
        header = _joint_header([file.header.to_dict() for file in opened], mark=False)
        with pysam.AlignmentFile(str(merged), "wb", header=header) as out:
            for record in _merged(opened):
                out.write(record)
    arguments = ["--no-PG", "-S", "-l", _LONGEST_READ, "-T", str(stem.with_suffix(".tmp"))]
    if has_umis:
        arguments += ["--barcode-tag", UMI_TAG]
    samtools("markdup", *arguments, str(merged), str(marked))
    merged.unlink()
    return marked


def _opened(path: Path) -> pysam.AlignmentFile:
    return pysam.AlignmentFile(str(path), "rb")


def _merged(files: Iterable[pysam.AlignmentFile]) -> Iterator[pysam.AlignedSegment]:
    """Yield the records of sorted files by position; where equal, those of the first file first."""
    return heapq.merge(
        *(file.fetch(until_eof=True) for file in files),
        key=lambda record: (record.reference_id, record.reference_start),
    )


def _joint_header(headers: list[dict[str, Any]], *, mark: bool) -> pysam.AlignmentHeader:
    """Return one header: the contigs of all, every read group, no program twice."""
    first = headers[0]
    if any(header["SQ"] != first["SQ"] for header in headers):
        raise ValueError("units aligned to different contigs cannot be merged")
    groups = [group for header in headers for group in header["RG"]]
    programs = {program["ID"]: program for header in headers for program in header["PG"]}
    if mark:
        marker = {"ID": MARKER, "PN": "samtools", "VN": __samtools_version__}
        programs[MARKER] = marker | {"PP": first["PG"][0]["ID"]}
    return pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": first["SQ"],
            "RG": groups,
            "PG": list(programs.values()),
        }
    )
