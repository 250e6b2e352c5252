"""`make benchmark-targeted`: what it costs to select a gene's reads, beside aligning all of them.

    python -m benchmarks.targeted [--megabases 200] [--pairs 400000] [--folder F] [--page PAGE]

Reads are drawn from a made-up genome, a tenth of it copies of one element as Alu is, some of them
in the gene's introns, and a tenth pieces of another, as L1 is. All is measured on one core, in CPU
seconds of this process and of the programs that it starts. The table is printed, or put between its
two marks in a page.
"""

from __future__ import annotations

import argparse
import gzip
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.pages import head, put_into, row
from vexas_uba1.alignments.fasta import open_genome
from vexas_uba1.alignments.genomes import place_reads
from vexas_uba1.files import replacing
from vexas_uba1.locus.record import load_locus
from vexas_uba1.mapping.bait import Bait, make_bait
from vexas_uba1.mapping.fastq import QualityRange
from vexas_uba1.mapping.programs import find_program
from vexas_uba1.mapping.selecting import Selection, opened, select_fragments
from vexas_uba1.mapping.trimming import TrimOptions, trim_unit
from vexas_uba1.samples.sources import LocalFile

SECTION = "benchmark-targeted"
LENGTHS = (75, 100, 150)
_HEAD = head(
    (
        "Reads",
        "Pairs",
        "Kept",
        "Decompression, µs a pair",
        "Selection, µs a pair",
        "Trimming all, µs a pair",
        "bwa mem, µs a pair",
        "bwa mem / selection",
    ),
    1,
)
_SEED = 41
_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
_SHORT, _LONG = 300, 6_000  # bases of the elements
_SHARE = 0.1  # of the genome, each element's
_DIVERGENCE = 0.1  # of a copy
_INTRON_COPIES = 20
_CONTIG = 25_000_000
_ERROR = 0.003
_INSERT = (350, 70)

_Bytes = NDArray[np.uint8]


def write_genome(fasta: Path, bases: int) -> None:
    """Write a genome of about so many bases; chrX, the last contig, holds the gene."""
    rng = np.random.default_rng(_SEED)
    short, long = rng.choice(_BASES, _SHORT), rng.choice(_BASES, _LONG)
    window = _window(rng, short)
    contigs = max(2, bases // _CONTIG)
    with replacing(fasta) as part, part.open("wb") as out:
        for number in range(1, contigs + 1):
            text = rng.choice(_BASES, bases // contigs)
            for element, pieces in ((short, (_SHORT, _SHORT)), (long, (300, 2_000))):
                _scatter(rng, text, element, pieces)
            if number == contigs:
                middle = text.size // 2
                text[middle : middle + window.size] = window
            name = "chrX" if number == contigs else f"chr{number}"
            out.write(b">%b\n%b\n" % (name.encode(), text.tobytes()))


def _window(rng: np.random.Generator, element: _Bytes) -> _Bytes:
    """Return the gene's window; its introns hold copies of the element, of both strands."""
    placed = load_locus().placed("GRCh38")
    window = np.frombuffer(placed.reference_bases().encode(), dtype=np.uint8).copy()
    unknown = window == ord("N")
    window[unknown] = rng.choice(_BASES, int(unknown.sum()))
    before = np.append(0, np.cumsum(unknown))
    free = np.flatnonzero(before[_SHORT:] - before[:-_SHORT] == _SHORT)
    for at in rng.choice(free, _INTRON_COPIES):
        window[at : at + _SHORT] = _copy(rng, element)
    return window


def _scatter(
    rng: np.random.Generator, text: _Bytes, element: _Bytes, pieces: tuple[int, int]
) -> None:
    number = int(_SHARE * text.size / np.mean(pieces))
    sizes = rng.integers(pieces[0], pieces[1] + 1, number)
    for at, size in zip(rng.integers(0, text.size - pieces[1], number), sizes, strict=True):
        start = rng.integers(0, element.size - size + 1)
        text[at : at + size] = _copy(rng, element[start : start + size])


def _copy(rng: np.random.Generator, element: _Bytes) -> _Bytes:
    copied = np.where(
        rng.random(element.size) < _DIVERGENCE, rng.choice(_BASES, element.size), element
    )
    return copied if rng.random() < 0.5 else _reverse_complement(copied)


def _reverse_complement(bases: _Bytes) -> _Bytes:
    table = np.zeros(256, dtype=np.uint8)
    table[_BASES] = _BASES[::-1]
    turned: _Bytes = table[bases[..., ::-1]]
    return turned


def write_reads(fasta: Path, folder: Path, pairs: int, length: int) -> tuple[LocalFile, LocalFile]:
    """Write pairs of the genome with errors and binned qualities, as sequencers write them."""
    rng = np.random.default_rng(_SEED + length)
    lines = fasta.read_bytes().split(b"\n")[1::2]
    contigs = [np.frombuffer(line, dtype=np.uint8) for line in lines]
    files = tuple(folder / f"{length}_{mate}.fastq.gz" for mate in (1, 2))
    with gzip.open(files[0], "wb", 6) as first, gzip.open(files[1], "wb", 6) as second:
        chosen = rng.integers(0, len(contigs), pairs)
        sizes = np.maximum(length, rng.normal(*_INSERT, pairs).astype(int))
        for number, (contig, size) in enumerate(zip(chosen, sizes, strict=True)):
            text = contigs[contig]
            start = rng.integers(0, text.size - size)
            fragment = text[start : start + size]
            mates = (fragment[:length], _reverse_complement(fragment[-length:]))
            if number % 2:
                mates = mates[::-1]
            for mate, (handle, bases) in enumerate(zip((first, second), mates, strict=True), 1):
                wrong = rng.random(length) < _ERROR
                seen = np.where(wrong, rng.choice(_BASES, length), bases)
                draw = rng.random(length)
                quality = np.select([draw < 0.9, draw < 0.97], [ord("F"), ord(":")], ord(","))
                handle.write(
                    b"@A00001:1:HXXXXDSXX:1:%d:%d:%d %d:N:0:ACGTACGT+TGCATGCA\n%b\n+\n%b\n"
                    % (
                        1101 + number // 5_000,
                        1_000 + number * 7 % 31_000,
                        1_000 + number * 13 % 36_000,
                        mate,
                        seen.tobytes(),
                        quality.astype(np.uint8).tobytes(),
                    )
                )
    return LocalFile(files[0].name, files[0]), LocalFile(files[1].name, files[1])


def _cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of this process and of those it started and awaited."""

    def spent() -> float:
        usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    before = spent()
    work()
    return spent() - before


def _decompress(files: Sequence[LocalFile]) -> None:
    for file in files:
        with opened(file) as handle:
            while handle.read(1 << 19):
                pass


def _align(index: Path, files: Sequence[LocalFile]) -> None:
    command = [find_program("bwa"), "mem", "-t", "1", str(index)]
    subprocess.run(
        [*command, *(str(file.path) for file in files)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def _row(folder: Path, fasta: Path, bait: Bait, pairs: int, length: int) -> str:
    files = write_reads(fasta, folder, pairs, length)
    few = max(1, pairs // 8)
    (folder / "few").mkdir(exist_ok=True)
    subset = write_reads(fasta, folder / "few", few, length)
    selection = Selection()

    def select() -> None:
        for _ in select_fragments(files, QualityRange(), bait, selection):
            pass

    def trim() -> None:
        out = (folder / "1.fastq.gz", folder / "2.fastq.gz")
        trim_unit(TrimOptions(reads=subset, trimmed=out))

    plain = _cpu_seconds(lambda: _decompress(files)) / pairs
    selected = _cpu_seconds(select) / pairs - plain
    trimmed = _cpu_seconds(trim) / few - plain
    # Loading the index is no cost of a pair's.
    one = write_reads(fasta, folder, 1, length)
    loading = _cpu_seconds(lambda: _align(fasta, one))
    aligned = (_cpu_seconds(lambda: _align(fasta, subset)) - loading) / few - plain
    return row(
        (
            f"2 × {length}",
            f"{pairs:,}",
            f"{selection.kept / pairs:.2%}",
            *(f"{1e6 * cost:.2f}" for cost in (plain, selected, trimmed, aligned)),
            f"{aligned / selected:.0f}",
        )
    )


def table(folder: Path, megabases: int, pairs: int, tell: Callable[[str], object]) -> str:
    """Measure in ``folder``, where genome and index are kept, and return the table."""
    fasta = folder / f"genome{megabases}.fa"
    if not fasta.is_file():
        write_genome(fasta, megabases * 1_000_000)
    if not Path(f"{fasta}.sa").is_file():
        command = [find_program("bwa"), "index", str(fasta)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    genome = open_genome(fasta, index_dir=folder / "fasta")
    placed = place_reads(genome.contigs, load_locus(), [genome], file=fasta.name).placed
    made: list[Bait] = []
    seconds = _cpu_seconds(lambda: made.append(make_bait(placed, genome)))
    tell(f"bait: {seconds:.1f} CPU s\n{_HEAD}")
    rows = []
    for length in LENGTHS:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            rows.append(_row(Path(own), fasta, made[0], pairs, length))
        tell(rows[-1])
    note = (
        f"A genome of {megabases} Mb; finding which of the gene's words are repeats took "
        f"{seconds:.1f} CPU s, once a unit."
    )
    return f"{_HEAD}{''.join(rows)}\n{note}\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, then print the table or put it into a page."""
    parser = argparse.ArgumentParser(prog="benchmarks.targeted", description=__doc__)
    parser.add_argument("--megabases", type=int, default=200, help="of the made-up genome")
    parser.add_argument("--pairs", type=int, default=400_000, help="an eighth of them is aligned")
    parser.add_argument("--folder", type=Path, help="keep genome and index here")
    parser.add_argument("--page", type=Path, help="put the table between this page's marks")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="benchmark-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        made = table(folder, given.megabases, given.pairs, sys.stdout.write)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    if given.page is not None:
        put_into(given.page, SECTION, made)


if __name__ == "__main__":
    main()
