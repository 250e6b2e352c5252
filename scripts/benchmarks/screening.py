"""Part of `make benchmark-scale`: a screen of many BAM files, beside a loop of public tools.

    python -m benchmarks.screening [--small 2000] [--large 200] [--jobs 2] [--page PAGE]

All files are made up: small ones with reads of the gene alone, CRAMs with those beside it as in a
genome, large ones with many of other contigs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pysam

from benchmarks.others import Cost, run
from benchmarks.pages import head, put_into, row
from vexas_uba1.simulate.genome import open_genome_of
from vexas_uba1.simulate.run import simulate
from vexas_uba1.simulate.spec import GenomeSpec, Simulation

SECTION = "benchmark-screening"
_HEAD = head(
    (
        "Files",
        "Size, GB",
        "Program",
        "Samples a second",
        "CPU seconds a sample",
        "A further sample",
        "Peak memory of one process, MB",
    ),
    1,
)
_DEPTH = 65
"""Molecules over a coding base: an exome in which a negative can be told."""
_LOOPED = 50
"""Files that the loop is measured on; it does the same with each."""
_UNLIKE = 20
"""Small files that differ; the others are copies of them."""
_BACKGROUND = 300_000
"""Reads elsewhere in a large file."""
_ASIDE, _DEPTH_ASIDE = 100_000, 30
"""Bases on either side of the gene that a CRAM has reads of, and how many over each."""
_READ = 150


def small_files(folder: Path, count: int) -> list[Path]:
    """Write BAM files of the gene alone, all negative, and return them."""
    genome = open_genome_of(GenomeSpec())
    fasta: Path | None = None
    made: list[Path] = []
    for number in range(min(_UNLIKE, count)):
        spec = Simulation(sample=f"U{number}", depth_fragments=_DEPTH, seed=number + 1)
        drawn = simulate(spec, folder / "unlike", genome=genome, fasta=fasta)
        assert drawn.bam is not None
        made.append(drawn.bam)
    files = []
    for number in range(count):
        source, file = made[number % len(made)], folder / f"S{number}.bam"
        shutil.copyfile(source, file)
        shutil.copyfile(f"{source}.bai", f"{file}.bai")
        files.append(file)
    return files


def large_files(folder: Path, small: Path, count: int) -> list[Path]:
    """Write files with the reads of a small one among many of other contigs, and return them."""
    generator = np.random.default_rng(7)
    first = folder / "L0.bam"
    with pysam.AlignmentFile(str(small), check_sq=False) as reads:
        own = [contig for contig in reads.references if contig.endswith("X")]
        lengths = [200_000_000] * 22 + [reads.lengths[reads.references.index(own[0])]]
        names = [f"chr{number}" for number in range(1, 23)] + own
        header = reads.header.to_dict() | {
            "SQ": [{"SN": n, "LN": length} for n, length in zip(names, lengths, strict=True)]
        }
        with pysam.AlignmentFile(str(first), "wb", header=header) as out:
            letters = np.frombuffer(b"ACGT", dtype=np.uint8)
            for contig in range(22):
                starts = np.sort(generator.integers(0, 199_000_000, _BACKGROUND // 22))
                bases = letters[generator.integers(0, 4, (starts.size, _READ))]
                for at, start in enumerate(starts.tolist()):
                    shown = bases[at].tobytes().decode()
                    out.write(
                        _read_at(out.header, contig, f"b{contig}.{at}", start, shown, generator)
                    )
            for read in reads.fetch(own[0]):
                out.write(pysam.AlignedSegment.fromstring(read.to_string(), out.header))
    pysam.index(str(first))
    files = [first]
    for number in range(1, count):
        file = folder / f"L{number}.bam"
        shutil.copyfile(first, file)
        shutil.copyfile(f"{first}.bai", f"{file}.bai")
        files.append(file)
    return files


def cram_files(folder: Path, small: Path, fasta: Path, count: int) -> list[Path]:
    """Write CRAMs with the reads of a small file, and others on either side as in a genome."""
    bam = folder / "C.bam"
    generator = np.random.default_rng(8)
    start, end = open_genome_of(GenomeSpec()).placed.window
    with pysam.AlignmentFile(str(small)) as reads:
        own = list(reads.fetch(until_eof=True))
        with pysam.AlignmentFile(str(bam), "wb", header=reads.header) as out:
            for low, high in ((start - _ASIDE, start - _READ), (end, end + _ASIDE)):
                if low == end:
                    for read in own:
                        out.write(read)
                starts = np.sort(
                    generator.integers(low, high, _DEPTH_ASIDE * (high - low) // _READ)
                )
                for at, position in enumerate(starts.tolist()):
                    # The made-up genome has no other bases there: as in a CRAM, none is stored.
                    name, contig = f"c{low}.{at}", own[0].reference_id
                    out.write(_read_at(out.header, contig, name, position, "N" * _READ, generator))
    first = folder / "C0.cram"
    pysam.view("-C", "-T", str(fasta), "-o", str(first), str(bam), catch_stdout=False)
    pysam.index(str(first))
    files = [first]
    for number in range(1, count):
        files.append(folder / f"C{number}.cram")
        shutil.copyfile(first, files[-1])
        shutil.copyfile(f"{first}.crai", f"{files[-1]}.crai")
    return files


def _read_at(
    header: pysam.AlignmentHeader,
    contig: int,
    name: str,
    start: int,
    bases: str,
    generator: np.random.Generator,
) -> pysam.AlignedSegment:
    record = pysam.AlignedSegment(header)
    record.query_name, record.query_sequence = name, bases
    quality = generator.choice([12, 23, 37], len(bases), p=[0.01, 0.04, 0.95])
    record.query_qualities = quality.tolist()
    record.reference_id, record.reference_start, record.mapping_quality = contig, start, 60
    record.cigarstring, record.flag = f"{len(bases)}M", 0
    return record


def screened(files: Sequence[Path], folder: Path, jobs: int, fasta: Path) -> tuple[float, Cost]:
    """Screen the files; raise unless each got its verdict."""
    manifest, out = folder / "manifest.tsv", folder / "screened"
    config = folder / "config.yaml"
    config.write_text(f"reference: {fasta}\n", encoding="utf-8")
    lines = [f"{file.stem}\t{file}\twes\tmale\n" for file in files]
    manifest.write_text("sample\talignment\tassay\tsex\n" + "".join(lines), encoding="utf-8")
    program = [sys.executable, "-m", "vexas_uba1", "screen", str(manifest), "--out", str(out)]
    cost = _measured([[*program, "--jobs", str(jobs), "--config", str(config)]])
    rows = (out / "screen.tsv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == len(files) + 1 and all(line.split("\t")[7] for line in rows)
    shutil.rmtree(out)
    return cost


def looped(files: Sequence[Path], folder: Path, fasta: Path, region: str) -> tuple[float, Cost]:
    """Cut the region out of each file with samtools and call it with bcftools, as a loop does."""
    cut, script = folder / "cut.bam", (
        'samtools view -b -o "$2" "$1" "$4" && samtools index "$2" && '
        'bcftools mpileup -d 100000 -r "$4" -f "$3" "$2" 2>/dev/null | '
        'bcftools call -mv -Oz -o "$2.vcf.gz"'
    )  # fmt: skip
    lines = [["bash", "-c", script, "-", str(file), str(cut), str(fasta), region] for file in files]
    return _measured(lines)


def _measured(lines: Sequence[Sequence[str]]) -> tuple[float, Cost]:
    """Run command lines one after the other; return seconds of wall time, and what they cost."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    began = time.perf_counter()
    costs = [run([line], None, environment) for line in lines]
    cost = Cost(sum(each.cpu_s for each in costs), max(each.peak_mb for each in costs))
    return time.perf_counter() - began, cost


def table(small: int, large: int, jobs: int, folder: Path) -> str:
    """Measure and return the table."""
    placed = open_genome_of(GenomeSpec()).placed
    region = f"{placed.contig}:{placed.window[0] + 1}-{placed.window[1]}"
    files = small_files(folder, small)
    fasta = next((folder / "unlike").glob("*.fa.gz"))
    few = files[: max(1, small // 10)]
    kinds = [(f"{len(few):,} small", few), (f"{small:,} small", files)]
    kinds.append((f"{len(few):,} CRAM", cram_files(folder, files[0], fasta, len(few))))
    kinds.append((f"{large:,} large", large_files(folder, files[0], large)))
    rows = []
    for name, chosen in kinds:
        size = sum(file.stat().st_size for file in chosen) / 1e9
        some = chosen[:_LOOPED]
        # Each process has begun then.
        _, first = screened(chosen[:jobs], folder, jobs, fasta)
        programs = [
            ("samtools and bcftools, a loop", len(some), 0.0, looped(some, folder, fasta, region)),
            (
                f"vexas-uba1 screen, {jobs} jobs",
                len(chosen),
                first.cpu_s,
                screened(chosen, folder, jobs, fasta),
            ),
        ]
        for program, samples, first_s, (wall_s, cost) in programs:
            others = samples - jobs if first_s else samples
            further = f"{(cost.cpu_s - first_s) / others:.3f}" if others > 0 else "–"
            rows.append(
                row(
                    (
                        name,
                        f"{size:.2f}",
                        program,
                        f"{samples / wall_s:.1f}",
                        f"{cost.cpu_s / samples:.3f}",
                        further,
                        f"{cost.peak_mb:,.0f}",
                    )
                )
            )
            sys.stdout.write(rows[-1])
            sys.stdout.flush()
    return _HEAD + "".join(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and put it into a page."""
    parser = argparse.ArgumentParser(prog="benchmarks.screening", description=__doc__)
    parser.add_argument("--small", type=int, default=2_000, help="small files")
    parser.add_argument("--large", type=int, default=200, help="large files of some 25 MB")
    parser.add_argument("--jobs", type=int, default=2, help="processes of the screen")
    parser.add_argument("--page", type=Path, help="put the table between this page's marks")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        made = table(given.small, given.large, given.jobs, Path(folder))
    if given.page is not None:
        put_into(given.page, SECTION, made)


if __name__ == "__main__":
    main()
