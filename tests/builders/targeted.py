"""UBA1 with introns on a made-up genome that also has a copy of the codon's exon elsewhere."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from builders.fastq import random_bases, read, reverse_complement, write_fasta, write_fastq
from vexas_uba1.alignments.fasta import Genome, open_genome
from vexas_uba1.alignments.genomes import place_reads
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import load_locus

BEFORE = 15_000  # bases of chrX before the gene's window
COPIES = 60
COPY_DIFFERENCES = 0.03


@dataclass(frozen=True)
class MadeUpGenome:
    """A genome of some hundred thousand bases.

    Attributes:
        fasta: chrX with the gene; chr1 with the repeats and with a copy of the codon's exon and
            400 bases on either side, of which some differ.
        genome: The same, opened.
        placed: The gene on it.
        contigs: Bases by name.
        codon: 0-based first base of the codon on chrX.
        copy: 0-based first base of the copy on chr1.
        repeat: Bases of the gene's window that are also ``COPIES`` times on chr1.
    """

    fasta: Path
    genome: Genome
    placed: PlacedLocus
    contigs: dict[str, str]
    codon: int
    copy: int
    repeat: str


def made_up_genome(
    folder: Path, *, repeat=(-4_300, -4_000), seed: int = 5, unlike: float = 0.0
) -> MadeUpGenome:
    """Write the genome; the repeat's first base and its end are counted from the codon's first.

    ``unlike``: share of a copy's bases that differ from the gene's.
    """
    rng = random.Random(seed)
    record = load_locus().placed("GRCh38")
    window = "".join(
        rng.choice("ACGT") if base == "N" else base for base in record.reference_bases()
    )
    codon = min(record.codon_positions) - record.window[0]
    element = window[codon + repeat[0] : codon + repeat[1]]
    chr_x = random_bases(rng, BEFORE) + window + random_bases(rng, BEFORE)
    copied = window[codon - 400 : codon + 459]
    copied = "".join(
        rng.choice("ACGT") if rng.random() < COPY_DIFFERENCES else base for base in copied
    )
    chr_1 = random_bases(rng, 20_000) + reverse_complement(copied)
    for _ in range(COPIES):
        chr_1 += random_bases(rng, 500) + "".join(
            rng.choice("ACGT".replace(base, "")) if rng.random() < unlike else base
            for base in element
        )
    contigs = {"chr1": chr_1 + random_bases(rng, 1_000), "chrX": chr_x}
    fasta = write_fasta(folder / "genome.fa", contigs)
    genome = open_genome(fasta, index_dir=folder / "index")
    placed = place_reads(genome.contigs, load_locus(), [genome], file="genome.fa").placed
    return MadeUpGenome(
        fasta, genome, placed, contigs, min(placed.codon_positions), 20_000, element
    )


def pair_over(rng, bases, place, length, *, insert=(300, 50), name="pair"):
    """Return a pair of which the first or the second mate covers a place, from either strand."""
    size = max(length, round(rng.gauss(*insert)))
    offset = rng.randrange(3, length - 3)
    start = place - offset if rng.random() < 0.5 else place - (size - length) - offset
    fragment = bases[start : start + size]
    if rng.random() < 0.5:
        fragment = reverse_complement(fragment)
    return (
        read(name, fragment[:length]),
        read(name, reverse_complement(fragment)[:length]),
    )


KINDS = ("same", "met41thr", "acceptor", "deleted", "inserted", "clipped", "unknown", "lower")


def pairs_over_codon(made: MadeUpGenome, count, length, *, seed):
    """Pairs of which a mate has the codon, in all ``KINDS``, with 0 to 5 % of errors.

    Among them are the acceptor's deletion, up to 50 bases deleted over the codon or put in, a part
    that comes from elsewhere, N, and lower case. Names tell which.
    """
    rng = random.Random(seed)
    chr_x, codon = made.contigs["chrX"], made.codon
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        error = (0.0, 0.01, 0.03, 0.05)[number // len(KINDS) % 4]
        size = rng.randint(1, 50)
        first = codon + 2 - rng.randrange(size)
        bases = {
            "met41thr": chr_x[: codon + 1] + "C" + chr_x[codon + 2 :],
            "acceptor": chr_x[: codon - 12] + chr_x[codon - 4 :],
            "deleted": chr_x[:first] + chr_x[first + size :],
            "inserted": chr_x[: codon + 1] + random_bases(rng, size) + chr_x[codon + 1 :],
        }.get(kind, chr_x)
        pair = _with_errors(rng, pair_over(rng, bases, codon, length), error)
        texts = [one.bases for one in pair]
        if kind == "clipped":
            cut = rng.randint(length // 4, length // 2)
            foreign = random_bases(rng, cut)
            texts = [rng.choice((foreign + text[cut:], text[:-cut] + foreign)) for text in texts]
        elif kind == "unknown":
            texts = ["".join("N" if rng.random() < 0.02 else base for base in x) for x in texts]
        elif kind == "lower":
            texts = [text.lower() for text in texts]
        yield tuple(read(f"{kind}-{error}-{number}", text) for text in texts)


def write_sample(folder: Path, made: MadeUpGenome, *, vaf=0.3, seed=11) -> list[dict[str, str]]:
    """Write two lanes and return the sheet's rows.

    Their pairs are over the codon, some with c.122T>C, from the copy, and from all over the genome.
    Reads of the gene have up to 5 % of errors.
    """
    rng = random.Random(seed)
    pairs = []
    chr_x, chr_1 = made.contigs["chrX"], made.contigs["chr1"]
    mutant = chr_x[: made.codon + 1] + "C" + chr_x[made.codon + 2 :]
    for _ in range(250):
        bases = mutant if rng.random() < vaf else chr_x
        error = rng.choice((0.0, 0.0, 0.01, 0.05))
        pairs.append(_with_errors(rng, pair_over(rng, bases, made.codon, 100), error))
    pairs += [pair_over(rng, chr_1, made.copy + 430, 100) for _ in range(150)]
    for _ in range(3_000):
        contig = rng.choice((chr_1, chr_x))
        pairs.append(pair_over(rng, contig, rng.randrange(600, len(contig) - 600), 100))
    rng.shuffle(pairs)
    named = [
        tuple(read(f"p{number}", one.bases) for one in pair) for number, pair in enumerate(pairs)
    ]
    rows = []
    for lane in (0, 1):
        row = {"sample": "S", "unit": f"L{lane}", "assay": "wgs"}
        for mate in (0, 1):
            path = folder / f"S_L{lane}_R{mate + 1}.fastq.gz"
            write_fastq(path, [pair[mate] for pair in named[lane::2]], packed=True)
            row[f"fq{mate + 1}"] = str(path)
        rows.append(row)
    return rows


def _with_errors(rng, pair, error):
    return tuple(
        read(
            one.name,
            "".join(
                rng.choice("ACGT".replace(base, "")) if rng.random() < error else base
                for base in one.bases
            ),
        )
        for one in pair
    )
