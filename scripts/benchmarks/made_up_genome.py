"""A made-up genome with repeats, with UBA1 and relatives of it, and FASTQ of a library from it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import load_locus
from vexas_uba1.paths import resources
from vexas_uba1.simulate.genome import draw_bases

READ_LENGTH = 150
BUILD = "made_up"
_LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
_COMPLEMENT = np.zeros(256, dtype=np.uint8)
_COMPLEMENT[_LETTERS] = _LETTERS[::-1]
_CONTIG = 50_000_000  # bases of a contig at most
_GENE_AT = 100_000  # of its window on its contig
_FAMILIES = ((300, 0.10, 0.20), (300, 0.05, 0.03), (2_000, 0.10, 0.12), (6_000, 0.15, 0.08))
"""Repeats: bases of a copy, share of the genome, share of bases changed in each copy."""
_RELATIVES, _RELATIVE_CHANGED = 5, 0.08
_INSERT, _INSERT_SD = 350, 60
_ERROR_RATE = 0.003
_GENE_DEPTH, _CODON_DEPTH, _CODON_FLANK, _VAF = 30, 150, 300, 0.2
_AT_ONCE = 100_000  # pairs

Bases = NDArray[np.uint8]


@dataclass(frozen=True)
class MadeUpGenome:
    """The genome, on disk and in memory.

    Attributes:
        fasta: One contig of the gene and others.
        record: A gene record of its build.
        contigs: Bases by name.
        placed: The gene on it.
    """

    fasta: Path
    record: Path
    contigs: dict[str, Bases]
    placed: PlacedLocus


def make_genome(folder: Path, megabases: float, seed: int) -> MadeUpGenome:
    """Make a genome of a size; the same size and seed give the same bases."""
    rng = np.random.default_rng(seed)
    left = round(megabases * 1e6)
    contigs: dict[str, Bases] = {}
    families = [rng.choice(_LETTERS, length) for length, _, _ in _FAMILIES]
    while left > 0:
        bases = rng.choice(_LETTERS, min(left, _CONTIG))
        for consensus, (length, share, changed) in zip(families, _FAMILIES, strict=True):
            copies = round(share * len(bases) / length)
            _insert(rng, bases, consensus, rng.integers(0, len(bases) - length, copies), changed)
        contigs["chrX" if not contigs else f"chr{len(contigs)}"] = bases
        left -= len(bases)
    record, placed = _write_record(folder, len(contigs["chrX"]))
    start, end = placed.window
    # As in a real gene, introns hold repeats. Another seed: the same draws made the repeats.
    window = np.frombuffer(draw_bases(placed, seed + 1).encode("ascii"), np.uint8).copy()
    exons = placed.exon_intervals
    for family, intron in zip(families[:3], (1, 14, 16), strict=True):
        at = exons[intron - 1][1][1] - start + 300
        room = min(len(family), exons[intron][1][0] - start - 300 - at)
        _insert(rng, window, family[:room], np.array([at]), 0.05)
    contigs["chrX"][start:end] = window
    codon = placed.codon_positions[0]
    last = list(contigs.values())[-1]
    relative = contigs["chrX"][codon - 500 : codon + 1500].copy()
    places = rng.integers(len(last) // 2, len(last) - len(relative), _RELATIVES)
    _insert(rng, last, relative, places, _RELATIVE_CHANGED)
    fasta = folder / "genome.fa"
    with fasta.open("wb") as out:
        for name, bases in contigs.items():
            out.write(f">{name}\n".encode("ascii"))
            whole = len(bases) // 100 * 100
            lines = np.full((whole // 100, 101), ord("\n"), np.uint8)
            lines[:, :100] = bases[:whole].reshape(-1, 100)
            out.write(lines.tobytes())
            if whole < len(bases):
                out.write(bases[whole:].tobytes() + b"\n")
    return MadeUpGenome(fasta, record, contigs, placed)


def write_pairs(genome: MadeUpGenome, pairs: int, seed: int, files: tuple[Path, Path]) -> int:
    """Write the FASTQ of a library, gzip-compressed; return its pairs.

    ``pairs`` come from the whole genome and some thousands more from the gene, of those over the
    codon a fifth with c.122T>C; they are mixed.
    """
    rng = np.random.default_rng(seed)
    names = list(genome.contigs)
    lengths = np.array([len(bases) for bases in genome.contigs.values()])
    contig = rng.choice(len(names), pairs, p=lengths / lengths.sum())
    size = np.maximum(READ_LENGTH, rng.normal(_INSERT, _INSERT_SD, pairs).round().astype(np.int64))
    start = (rng.random(pairs) * (lengths[contig] - size)).astype(np.int64)
    gene, gene_size = _over_gene(rng, genome.placed)
    start, size = np.concatenate([start, gene]), np.concatenate([size, gene_size])
    contig = np.concatenate([contig, np.zeros(len(gene), np.int64)])
    order = rng.permutation(len(start))
    changed = genome.placed.codon_positions[1]
    with gzip.open(files[0], "wb", 1) as one, gzip.open(files[1], "wb", 1) as two:
        for chosen in np.array_split(order, max(1, len(order) // _AT_ONCE)):
            for mate, text in enumerate(
                _texts(rng, genome, names, contig[chosen], start[chosen], size[chosen], changed)
            ):
                (one, two)[mate].write(text)
    return len(start)


def _over_gene(
    rng: np.random.Generator, placed: PlacedLocus
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    codon = placed.codon_positions[0]
    starts = []
    for (low, high), depth in (
        (placed.window, _GENE_DEPTH),
        ((codon - _CODON_FLANK, codon + _CODON_FLANK), _CODON_DEPTH),
    ):
        count = round(depth * (high - low) / _INSERT)
        starts.append(rng.integers(low - _INSERT // 2, high - _INSERT // 2, count))
    start = np.concatenate(starts)
    return start, np.full(len(start), _INSERT)


def _texts(
    rng: np.random.Generator,
    genome: MadeUpGenome,
    names: list[str],
    contig: NDArray[np.int64],
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    changed: int,
) -> Iterator[bytes]:
    """Yield the FASTQ of read 1 and of read 2."""
    reach = np.arange(READ_LENGTH)
    left, right = np.empty((2, len(start), READ_LENGTH), np.uint8)
    mutant = (rng.random(len(start)) < _VAF)[:, None]
    for index, name in enumerate(names):
        own = np.flatnonzero(contig == index)
        bases = genome.contigs[name]
        for ends, first in ((left, start[own]), (right, start[own] + size[own] - READ_LENGTH)):
            at = first[:, None] + reach
            ends[own] = bases[at]
            if index == 0:
                ends[own] = np.where((at == changed) & mutant[own], ord("C"), ends[own])
    right = _COMPLEMENT[right[:, ::-1]]
    flipped = (rng.random(len(start)) < 0.5)[:, None]
    serial = np.char.zfill(rng.permutation(len(start)).astype("S"), 9)
    for mate, reads in enumerate((np.where(flipped, right, left), np.where(flipped, left, right))):
        wrong = rng.random(reads.shape) < _ERROR_RATE
        reads[wrong] = rng.choice(_LETTERS, int(wrong.sum()))
        head = np.frombuffer(
            b"@LH00123:45:22ABCDEFG:1:1101:%09d %d:N:0:ACGTACGT+TGCATGCA\n" % (0, mate + 1),
            np.uint8,
        )
        length = len(head) + 2 * READ_LENGTH + 4
        text = np.empty((len(reads), length), np.uint8)
        text[:, : len(head)] = head
        place = len(b"@LH00123:45:22ABCDEFG:1:1101:")
        text[:, place : place + 9] = serial.view(np.uint8).reshape(-1, serial.itemsize)[:, :9]
        body = text[:, len(head) :]
        body[:, :READ_LENGTH] = reads
        body[:, READ_LENGTH : READ_LENGTH + 3] = np.frombuffer(b"\n+\n", np.uint8)
        body[:, READ_LENGTH + 3 : -1] = rng.choice(
            np.frombuffer(b"FFFFFFFFFFFFFFFF:,", np.uint8), reads.shape
        )
        body[:, -1] = ord("\n")
        yield text.tobytes()


def _insert(
    rng: np.random.Generator, bases: Bases, copy: Bases, places: NDArray[np.int64], changed: float
) -> None:
    """Put copies, each with changes of its own and on either strand, into ``bases``."""
    for place in places.tolist():
        own = copy if rng.random() < 0.5 else _COMPLEMENT[copy[::-1]]
        at = np.flatnonzero(rng.random(len(own)) < changed)
        target = bases[place : place + len(own)]
        target[:] = own
        target[at] = rng.choice(_LETTERS, len(at))


def _write_record(folder: Path, length: int) -> tuple[Path, PlacedLocus]:
    """Write the bundled gene record, moved to the made-up contig."""
    source = resources() / "uba1" / "locus.yaml"
    record = yaml.safe_load(source.read_text(encoding="utf-8"))
    known = record["builds"]["GRCh38"]
    move = _GENE_AT - min(first for first, _ in known["exons1"])
    record["builds"] = {
        BUILD: {
            "contigs": ["chrX"],
            "length": length,
            "codon_positions1": [at + move for at in known["codon_positions1"]],
            "exons1": [[first + move, last + move] for first, last in known["exons1"]],
        }
    }
    record["catalogue"] = str((source.parent / record["catalogue"]).resolve())
    file = folder / "locus.yaml"
    file.write_text(yaml.safe_dump(record, sort_keys=False), encoding="utf-8")
    return file, load_locus(file).placed(BUILD)
