"""A codon on a short contig, so that whole BAMs, CRAMs and FASTAs are made in milliseconds."""

from __future__ import annotations

import random
from pathlib import Path

from builders.sam import SamBuilder, md5_of
from vexas_uba1.locus.record import Locus, load_locus

CONTIG = "chrX"
LENGTH = 20_000
OTHER_LENGTH = 21_000  # of the same contig in another build
CODON = 10_000  # 0-based
WINDOW = (9_000, 11_003)  # the codon and 1,000 bases on either side

_RECORD = f"""\
gene: UBA1
transcript: NM_003334.4
strand: "+"
codon: {{number: 41, reference: ATG}}
builds:
  GRCh38:
    contigs: [chrX, X]
    length: {LENGTH}
    codon_positions1: [{CODON + 1}, {CODON + 2}, {CODON + 3}]
  GRCh37:
    contigs: [chrX, X]
    length: {OTHER_LENGTH}
    codon_positions1: [{CODON + 501}, {CODON + 502}, {CODON + 503}]
"""


def small_locus(folder: Path) -> Locus:
    """Write the gene record into ``folder`` and load it."""
    record = folder / "small-locus.yaml"
    record.write_text(_RECORD, encoding="utf-8")
    return load_locus(record)


def random_bases(length: int, seed: int) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def small_sequence() -> str:
    """Return the contig's bases."""
    bases = random_bases(LENGTH, 41)
    return bases[:CODON] + "ATG" + bases[CODON + 3 :]


def small_reads(count: int = 40, **options: object) -> SamBuilder:
    """Return a builder with ``count`` pairs that match the contig, most of them over the codon."""
    bases = small_sequence()
    options.setdefault("contigs", [(CONTIG, LENGTH, md5_of(bases)), ("chr1", 400)])
    builder = SamBuilder(**options)
    for number in range(count):
        start = CODON - 80 + 2 * number
        mate = start + 60
        builder.pair(
            f"frag{number}", start + 1, bases[start:][:100], mate + 1, bases[mate:][:100],
            tags={"NM": 0, "MD": "100"},
        )  # fmt: skip
    return builder


def small_genome() -> dict[str, str]:
    """Return the sequences of the whole FASTA."""
    return {CONTIG: small_sequence(), "chr1": random_bases(400, 1)}


def listing(folder: Path) -> set[tuple[str, int, int]]:
    """Return name, size and time of everything in a folder, to see that nothing was written."""
    return {
        (str(path.relative_to(folder)), path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }
