"""A small random genome and paired reads from it, with known differences, as FASTQ files."""

import gzip
import random
from dataclasses import dataclass
from pathlib import Path

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
TRUSEQ_1 = "AGATCGGAAGAGCACACGTCTGAACTCCAGTCA"
TRUSEQ_2 = "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT"


def reverse_complement(bases):
    return bases.translate(COMPLEMENT)[::-1]


def random_bases(rng, length):
    return "".join(rng.choices("ACGT", k=length))


@dataclass(frozen=True)
class FastqRead:
    name: str
    bases: str
    qualities: str

    def text(self):
        return f"@{self.name}\n{self.bases}\n+\n{self.qualities}\n"


def read(name, bases, quality="I"):
    return FastqRead(name, bases, quality * len(bases))


def write_fastq(path, reads, *, packed=False):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(one.text() for one in reads).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return path


def write_fasta(path, contigs):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    return path


def small_genome(seed=1):
    """Two contigs; 1,500 bases of the first lie in it twice, and once on the other with changes."""
    rng = random.Random(seed)
    first, second = random_bases(rng, 50_000), random_bases(rng, 20_000)
    repeat = first[10_000:11_500]
    changed = "".join(rng.choice("ACGT") if rng.random() < 0.02 else base for base in repeat)
    first = first[:30_000] + repeat + first[31_500:]
    second = second[:5_000] + reverse_complement(changed) + second[6_500:]
    return {"chrT": first, "chrU": second}


def sequenced(rng, bases, *, error=0.002):
    return "".join(rng.choice("ACGT") if rng.random() < error else base for base in bases)


def with_indel(rng, bases):
    at = rng.randrange(len(bases) // 4, 3 * len(bases) // 4)
    size = rng.randint(1, 6)
    if rng.random() < 0.5:
        return bases[:at] + bases[at + size :]
    return bases[:at] + random_bases(rng, size) + bases[at:]


def simulate_pairs(genome, count, *, length=100, seed=2, insert=(260, 60), indels=0.1):
    """Pairs of both strands; some with an indel, some chimeric, some read through into adapters."""
    rng = random.Random(seed)
    firsts, seconds = [], []
    for number in range(count):
        contig = genome[rng.choices(list(genome), weights=list(map(len, genome.values())))[0]]
        size = max(60, round(rng.gauss(*insert)))
        start = rng.randrange(len(contig) - size - 20)
        fragment = contig[start : start + size]
        if rng.random() < indels:
            fragment = with_indel(rng, fragment)
        if rng.random() < 0.02:
            other = rng.randrange(len(contig) - size)
            fragment = fragment[: size // 2] + contig[other : other + size // 2]
        if rng.random() < 0.5:
            fragment = reverse_complement(fragment)
        one = (fragment + TRUSEQ_1 + "G" * length)[:length]
        two = (reverse_complement(fragment) + TRUSEQ_2 + "G" * length)[:length]
        firsts.append(read(f"pair{number}", sequenced(rng, one)))
        seconds.append(read(f"pair{number}", sequenced(rng, two)))
    return firsts, seconds
