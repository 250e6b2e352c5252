"""Made-up aligned reads in great numbers, with a known truth, written straight to a sorted BAM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from vexas_uba1.simulate.genome import SimulatedGenome, open_genome_of
from vexas_uba1.simulate.spec import GenomeSpec

READ_LENGTH = 150
_INSERT_MEAN, _INSERT_SD = 250.0, 40.0
_AMPLICON_LENGTH = 240
_AMPLICON_BEFORE_CODON = 120
_UMI_LENGTH = 10
_UMI_ERROR_RATE = 0.001  # per base (assumed)
# Phred values and their shares as a recent two-colour instrument bins them (shares assumed). The
# errors drawn are those that the qualities announce: 0.09 % of the bases.
_QUALITIES = np.array([37, 23, 12], dtype=np.uint8)
_SHARES = (0.952, 0.040, 0.008)
_LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
_RECORDS_AT_ONCE = 20_000

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Library:
    """Fragments to read from both ends; F fragments.

    Attributes:
        starts: 0-based first position of each (F).
        lengths: In bases, a read's at least (F).
        mutant: Which carry c.122T>C (F).
        umis: UMI of each as letters (F, 10), or None.
        molecule: Index of the molecule that each is a copy of (F), or None without copies.
    """

    starts: Numbers
    lengths: Numbers
    mutant: NDArray[np.bool_]
    umis: NDArray[np.uint8] | None = None
    molecule: Numbers | None = None


def bundled_genome() -> SimulatedGenome:
    """Return the bundled gene on GRCh38 with drawn introns."""
    return open_genome_of(GenomeSpec())


def amplicon(genome: SimulatedGenome, fragments: int, vaf: float) -> Library:
    """Return fragments of one amplicon over exon 3, whose mates overlap on codon 41."""
    start = genome.placed.codon_positions[0] - _AMPLICON_BEFORE_CODON
    return Library(
        np.full(fragments, start),
        np.full(fragments, _AMPLICON_LENGTH),
        _mutants(fragments, vaf),
    )


def panel(genome: SimulatedGenome, read_depth: float, vaf: float, seed: int) -> Library:
    """Return fragments about all coding bases, with ``read_depth`` reads a base on average."""
    generator = np.random.default_rng(seed)
    coding = np.array(sorted(genome.placed.coding_positions), dtype=np.int64)
    tried = 10_000
    depth = _mean_read_depth(_about(coding, tried, generator), coding)
    fragments = round(tried * read_depth / depth)
    starts, lengths = _about(coding, fragments, generator)
    return Library(starts, lengths, _mutants(fragments, vaf))


def umi_families(
    genome: SimulatedGenome, molecules: int, copies_mean: float, vaf: float, seed: int
) -> Library:
    """Return copies of molecules over exon 3; a molecule has one at least."""
    generator = np.random.default_rng(seed)
    exon = dict(genome.placed.exon_intervals)
    first, last = next(
        place for place in exon.values() if place[0] <= genome.placed.codon_positions[0] < place[1]
    )
    starts, lengths = _about(np.arange(first, last), molecules, generator)
    copies = 1 + generator.poisson(copies_mean - 1, molecules)
    umis = np.repeat(_LETTERS[generator.integers(0, 4, (molecules, _UMI_LENGTH))], copies, axis=0)
    wrong = generator.random(umis.shape) < _UMI_ERROR_RATE
    umis[wrong] = _LETTERS[generator.integers(0, 4, int(wrong.sum()))]
    return Library(
        np.repeat(starts, copies),
        np.repeat(lengths, copies),
        np.repeat(_mutants(molecules, vaf), copies),
        umis,
        np.repeat(np.arange(molecules), copies),
    )


def write_bam(path: Path, genome: SimulatedGenome, library: Library, seed: int) -> None:
    """Write both reads of each fragment to a sorted BAM with its index."""
    header = pysam.AlignmentHeader.from_text(_header_text(genome))
    with pysam.AlignmentFile(str(path), "wb", header=header, format_options=["level=1"]) as bam:
        for line in _lines(genome, library, np.random.default_rng(seed)):
            bam.write(pysam.AlignedSegment.fromstring(line, header))
    pysam.index(str(path))


def _mutants(fragments: int, vaf: float) -> NDArray[np.bool_]:
    """Return a share of exactly ``vaf`` (rounded to a fragment), spread evenly."""
    mutant: NDArray[np.bool_] = np.diff(np.floor(np.arange(fragments + 1) * vaf + 0.5)) > 0
    return mutant


def _about(
    positions: Numbers, fragments: int, generator: np.random.Generator
) -> tuple[Numbers, Numbers]:
    """Return starts and lengths of fragments whose middles are drawn from ``positions``."""
    drawn = generator.normal(_INSERT_MEAN, _INSERT_SD, fragments).round().astype(np.int64)
    lengths = np.clip(drawn, READ_LENGTH, int(_INSERT_MEAN + 4 * _INSERT_SD))
    return generator.choice(positions, fragments) - lengths // 2, lengths


def _mean_read_depth(placed: tuple[Numbers, Numbers], positions: Numbers) -> float:
    starts, lengths = placed
    begins = np.sort(np.concatenate((starts, starts + lengths - READ_LENGTH)))
    begun = np.searchsorted(begins, positions, side="right")
    ended = np.searchsorted(begins, positions - READ_LENGTH, side="right")
    return float((begun - ended).mean())


def _header_text(genome: SimulatedGenome) -> str:
    placed = genome.placed
    return (
        "@HD\tVN:1.6\tSO:coordinate\n"
        f"@SQ\tSN:{placed.contig}\tLN:{placed.build.length}\n"
        "@RG\tID:lane1\tSM:benchmark\tLB:library\tPL:ILLUMINA\n"
        "@PG\tID:MarkDuplicates\tPN:MarkDuplicates\n"
    )


def _lines(
    genome: SimulatedGenome, library: Library, generator: np.random.Generator
) -> Iterator[str]:
    """Give the records as lines of SAM in the order of positions."""
    fragments = library.starts.size
    mates = library.starts + library.lengths - READ_LENGTH
    begins = np.concatenate((library.starts, mates))
    # Each orientation of a molecule, F1R2 or F2R1, is as likely; its copies share it.
    kind = np.arange(fragments) if library.molecule is None else library.molecule
    forward_is_first = generator.random(fragments)[kind] < 0.5
    order = np.argsort(begins, kind="stable")
    for low in range(0, order.size, _RECORDS_AT_ONCE):
        rows = order[low : low + _RECORDS_AT_ONCE]
        fragment, reverse = rows % fragments, rows >= fragments
        bases, references = _read_bases(genome, begins[rows], library.mutant[fragment])
        qualities = generator.choice(_QUALITIES, bases.shape, p=_SHARES)
        wrong = generator.random(bases.shape) < 10.0 ** (qualities / -10.0)
        step = generator.integers(1, 4, int(wrong.sum()))
        bases[wrong] = _LETTERS[(np.searchsorted(_LETTERS, bases[wrong]) + step) % 4]
        differing = bases != references
        texts = bases.tobytes().decode("ascii")
        quality_texts = (qualities + 33).tobytes().decode("ascii")
        for row, (number, is_reverse) in enumerate(
            zip(fragment.tolist(), reverse.tolist(), strict=True)
        ):
            is_first = bool(forward_is_first[number]) != is_reverse
            flag = 3 + (16 if is_reverse else 32) + (64 if is_first else 128)
            start, mate = int(library.starts[number]) + 1, int(mates[number]) + 1
            length = int(library.lengths[number])
            here, there, span = (mate, start, -length) if is_reverse else (start, mate, length)
            part = slice(row * READ_LENGTH, (row + 1) * READ_LENGTH)
            at = np.flatnonzero(differing[row])
            umi = (
                "" if library.umis is None else f"\tRX:Z:{library.umis[number].tobytes().decode()}"
            )
            yield (
                f"A00001:1:HMADEUPXX:1:1101:{number % 9973}:{number}\t{flag}\t"
                f"{genome.placed.contig}\t{here}\t60\t{READ_LENGTH}M\t=\t{there}\t{span}\t"
                f"{texts[part]}\t{quality_texts[part]}\tNM:i:{at.size}\t"
                f"MD:Z:{_md(at.tolist(), references[row])}\tMC:Z:{READ_LENGTH}M\tAS:i:"
                f"{READ_LENGTH - 5 * at.size}\tXS:i:20\tRG:Z:lane1{umi}"
            )


def _read_bases(
    genome: SimulatedGenome, begins: Numbers, mutant: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return what reads that begin at ``begins`` show without errors, and the reference there."""
    window = np.frombuffer(genome.bases.encode("ascii"), dtype=np.uint8)
    positions = begins[:, None] + np.arange(READ_LENGTH)
    references = window[positions - genome.placed.window[0]]
    changed = mutant[:, None] & (positions == genome.placed.codon_positions[1])
    return np.where(changed, np.uint8(ord("C")), references), references


def _md(differing: list[int], references: NDArray[np.uint8]) -> str:
    parts, done = [], 0
    for at in differing:
        parts.append(f"{at - done}{chr(references[at])}")
        done = at + 1
    return "".join(parts) + str(READ_LENGTH - done)
