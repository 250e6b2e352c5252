"""Part of `make benchmark-scale`: CPU per pair of targeted FASTQ, against bwa mem of all pairs.

    python -m benchmarks.targeted [--pairs N] [--megabases N] [--folder DIR] [--page PAGE]

A made-up genome with repeats, the pairs of a whole-genome library and UBA1's own. The steps are the
workflow's own functions; both ways end in a call, whose counts are compared. The genome's index is
built before, and kept in the folder.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.made_up_genome import BUILD, MadeUpGenome, make_genome, write_pairs
from benchmarks.pages import put_into, row
from vexas_uba1.files import sha256_of
from vexas_uba1.mapping.selecting import opened
from vexas_uba1.result import SampleInfo, read_call
from vexas_uba1.samples.sources import LocalFile
from vexas_uba1.steps import calling, mapping
from vexas_uba1.steps.sample_jobs import CallJob, ExtractJob

SECTION = "benchmark-targeted"
SAMPLE = "made_up"
_SEED = 41
_CHUNK = 1 << 18
_HEAD = "| Step | CPU s | µs a pair |\n|---|---:|---:|\n"


@dataclass(frozen=True)
class Library:
    """A library and what it is aligned to.

    Attributes:
        genome: Its genome.
        index: Prefix of bwa's index.
        files: Read 1 and read 2.
        pairs: Their number.
        first: The files of the first pair alone, whose cost is that of starting.
    """

    genome: MadeUpGenome
    index: Path
    files: tuple[LocalFile, ...]
    pairs: int
    first: tuple[LocalFile, ...]


def prepare(folder: Path, pairs: int, megabases: float) -> Library:
    """Make genome, index and reads in a folder, or take the index that is there for them."""
    own = folder / f"{megabases:g}"
    own.mkdir(parents=True, exist_ok=True)
    genome = make_genome(own, megabases, _SEED)
    prefix = own / "bwa" / "genome"
    known = own / "bwa" / "made_of"
    made_of = sha256_of(genome.fasta)
    if not known.is_file() or known.read_text(encoding="ascii") != made_of:
        prefix.parent.mkdir(exist_ok=True)
        command = ["bwa", "index", "-p", str(prefix), str(genome.fasta)]
        subprocess.run(command, check=True, capture_output=True)
        known.write_text(made_of, encoding="ascii")
    files = (own / "reads_1.fastq.gz", own / "reads_2.fastq.gz")
    written = write_pairs(genome, pairs, _SEED, files)
    local = tuple(LocalFile(file.name, file) for file in files)
    return Library(genome, prefix, local, written, _first(local, 1, own / "first"))


def table(library: Library, folder: Path, tell: Callable[[str], object]) -> str:
    """Measure and return the table; ``tell`` gets each row when made."""
    rows: list[str] = []

    def add(name: str, cpu_s: float, share: str | None = None) -> None:
        each = f"{1e6 * cpu_s / library.pairs:.2f}" if share is None else share
        rows.append(row((name, f"{cpu_s:.1f}", each)))
        tell(rows[-1])

    _, decompressing = measured(lambda: _read_through(library.files))
    _, checksums = measured(lambda: [sha256_of(file.path) for file in library.files])
    trim_start, align_start = _map(library, library.first, folder / "start", targeted=True)
    trim_s, align_s = _map(library, library.files, folder / "targeted", targeted=True)
    report = folder / "targeted" / "trimmed" / mapping.TRIM_REPORT
    kept = json.loads(report.read_text(encoding="utf-8"))["targeted"]["kept"]
    full_trim_s, full_align_s = _map(library, library.files, folder / "full", targeted=False)
    bwa_s = _bwa(library, folder)
    selecting = max(0.0, trim_s - trim_start - decompressing - checksums)
    aligning = max(0.0, align_s - align_start)
    targeted = selecting + checksums + aligning
    bwa = bwa_s * library.pairs
    add("unpacking both files", decompressing)
    add("SHA-256 of both files", checksums)
    add(f"reading records and selecting, then trimming the {kept:,} kept", selecting)
    add("aligning the kept with bwa mem, duplicates", aligning)
    add("**targeted, without unpacking**", targeted)
    add(
        "once a unit: the gene's words, start of cutadapt and bwa, loading of its index",
        trim_start + align_start,
        "–",
    )
    add("**bwa mem of all pairs, unpacked before, index loaded**", bwa)
    add("the same as a step, all pairs trimmed too", full_trim_s + full_align_s)
    counts = [_called(library, folder / name) for name in ("targeted", "full")]
    same = "the same both ways" if counts[0] == counts[1] else f"in full {_shown(counts[1])}"
    bases = sum(map(len, library.genome.contigs.values()))
    lines = (
        f"{library.pairs:,} pairs of 2 × 150 bases, {bases / 1e6:,.0f} million bases, one core. "
        f"**bwa mem takes {bwa / targeted:.0f} times the CPU of targeted FASTQ without unpacking, "
        f"{bwa / (targeted + decompressing):.0f} times with it.** "
        f"Codon 41: {_shown(counts[0])}, {same}.\n\n"
    )
    return lines + _HEAD + "".join(rows)


def measured(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what ``work`` returns, and the CPU seconds of it and of the programs it ran."""
    before = _cpu_s()
    made = work()
    return made, _cpu_s() - before


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _read_through(files: Sequence[LocalFile]) -> None:
    for file in files:
        with opened(file) as handle:
            while handle.read(_CHUNK):
                pass


def _first(files: Sequence[LocalFile], pairs: int, folder: Path) -> tuple[LocalFile, ...]:
    """Write the first pairs into files of their own, unpacked."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for file in files:
        target = folder / file.path.name.removesuffix(".gz")
        with opened(file) as handle, target.open("wb") as out:
            for _ in range(4 * pairs):
                out.write(handle.readline())
        written.append(LocalFile(target.name, target))
    return tuple(written)


def _map(
    library: Library, files: tuple[LocalFile, ...], folder: Path, *, targeted: bool
) -> tuple[float, float]:
    """Trim and align some reads as the workflow does; return the CPU seconds of both."""
    trimmed, aligned, marked, work = (
        folder / name for name in ("trimmed", "aligned/1", "marked", "work")
    )
    for one in (trimmed, aligned, marked):
        one.mkdir(parents=True)
    reference, record = LocalFile("genome.fa", library.genome.fasta), str(library.genome.record)
    bait = mapping.BaitJob(reference, record, BUILD) if targeted else None
    trimming = mapping.TrimJob(files, "none", True, 15, True, 30, None, bait)
    index = mapping.IndexJob(reference, "bwa", LocalFile("genome", library.index), False)
    job = mapping.AlignJob(SAMPLE, "1", "1", False, index, record, BUILD)
    _, trim_s = measured(lambda: mapping.trim_reads(trimming, trimmed, work))

    def align() -> None:
        mapping.align_reads(job, trimmed, None, aligned, work, 1)
        mapping.merge_units(
            mapping.MarkJob((("1", "1"),), True, False), aligned.parent, marked, work
        )

    return trim_s, measured(align)[1]


def _bwa(library: Library, folder: Path) -> float:
    """Return the CPU seconds of ``bwa mem`` for a pair, on a part of them, without its start."""
    pairs = min(library.pairs, 200_000)
    some = _first(library.files, pairs, folder / "some")

    def run(files: Sequence[LocalFile]) -> float:
        command = ["bwa", "mem", "-t", "1", str(library.index), *(str(file.path) for file in files)]
        return measured(
            lambda: subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )[1]

    return (run(some) - run(library.first)) / pairs


def _called(library: Library, folder: Path) -> dict[str, int]:
    """Return the codon's haplotypes of the reads that :func:`_map` aligned."""
    reference = LocalFile("genome.fa", library.genome.fasta)
    record = str(library.genome.record)
    extracted, called = folder / "extracted", folder / "called"
    for one in (extracted, called):
        one.mkdir()
    calling.extract(
        ExtractJob(SAMPLE, (reference,), record, BUILD, None, ()),
        str(folder / "marked" / mapping.MARKED),
        SAMPLE,
        extracted,
        folder / "work",
        [folder / "trimmed"],
    )
    job = CallJob(
        sample=SampleInfo(SAMPLE, assay="wgs"),
        references=(reference,),
        locus=record,
        reporting_limit_vaf=0.02,
        required_limit_vaf=0.2,
        amplicon_limit_floor_vaf=0.01,
        umi_tags=(),
        input_ng=None,
        primers=None,
        panel=None,
        bundled_locus=False,
    )
    calling.call(job, extracted, called, folder / "work")
    return read_call(called / calling.CALL).codon41.haplotypes


def _shown(haplotypes: dict[str, int]) -> str:
    return ", ".join(f"{bases} {count}" for bases, count in haplotypes.items())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, then print the table or put it into a page."""
    parser = argparse.ArgumentParser(prog="benchmarks.targeted", description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000, help="of the whole genome")
    parser.add_argument("--megabases", type=float, default=210, help="of the genome")
    parser.add_argument("--folder", type=Path, help="for genome, index and reads, which are kept")
    parser.add_argument("--page", type=Path, help="put the table between this page's marks")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        library = prepare(given.folder or Path(name) / "made", given.pairs, given.megabases)
        sys.stdout.write(_HEAD)
        made = table(library, Path(name), sys.stdout.write)
    if given.page is not None:
        put_into(given.page, SECTION, made)
    else:
        sys.stdout.write(f"\n{made}")


if __name__ == "__main__":
    main()
