"""Reads that none of the project's own code has made: other simulators, other aligners.

Haplotypes are written from the hand-made genome by replacing bases, read by art_illumina or dwgsim,
and aligned by bwa mem (RNA by minimap2) to the gene's stretch of the reference:

    bam = shotgun_bam(folder, "art", [Clone(0.05, (Edit(47199052, "T", "C"),))], seed=1)

Of the project's code only the hand-made genome and the writer of BAM files are used.
"""

from __future__ import annotations

import gzip
import math
import random
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from builders.cases import HandGenome, hand_genome
from builders.loci import bundled
from builders.sam import SamBuilder, write_fasta

PACKAGES = {
    "art_illumina": "art-nextgen-simulation-tools",
    "dwgsim": "dwgsim",
    "bwa": "bwa",
    "minimap2": "minimap2",
}
CODON1, EXON3 = 47199051, (47199048, 47199106)  # 1-based, GRCh38
INSERT_SD = 30
_FLANK = 400  # bases that are read on either side of exon 3
_EXONS_OF_RNA = 6
_UMI_LENGTH = 10
_POSITION, _MATE_POSITION, _FIRST_TAG = 3, 7, 11


@dataclass(frozen=True)
class Shape:
    """Length of the reads and mean length of the fragments, in bases; mates overlap by default."""

    read: int = 150
    insert: int = 220


@dataclass(frozen=True)
class Edit:
    """``removed`` is replaced by ``put`` from a 1-based position of GRCh38 on."""

    start1: int
    removed: str
    put: str


@dataclass(frozen=True)
class Clone:
    """A share of the molecules, all of them with the same edits in cis."""

    share: float
    edits: tuple[Edit, ...]


def missing_programs() -> str:
    """Return why the reads cannot be made here; empty if they can."""
    absent = [program for program in PACKAGES if shutil.which(program) is None]
    packages = ", ".join(PACKAGES[program] for program in absent)
    return f"not installed: {', '.join(absent)} (Debian: {packages})" if absent else ""


def shotgun_bam(
    folder: Path,
    simulator: str,
    clones: Sequence[Clone] = (),
    *,
    seed: int,
    fragments: int = 3000,
    shape: Shape = Shape(),
    copies: int = 1,
) -> Path:
    """Simulate pairs with random ends around exon 3; about 0.34 of the fragments cover the codon.

    Args:
        folder: To work in.
        simulator: ``art`` or ``dwgsim``.
        clones: The rest of the fragments are the reference.
        seed: Of the simulator.
        fragments: Of all clones and the reference.
        shape: Of reads and fragments.
        copies: Records of each fragment, under names of their own and without a flag.
    """
    simulate = {"art": _read_by_art, "dwgsim": _read_by_dwgsim}[simulator]
    start1, end1 = EXON3[0] - _FLANK, EXON3[1] + _FLANK
    files = []
    for number, clone in enumerate(_all(clones)):
        bases = haplotype(hand_genome(), start1, end1, clone.edits)
        fasta = write_fasta(folder / f"haplotype{number}.fa", {f"h{number}": bases})
        count = round(fragments * clone.share)
        files.append(simulate(fasta, folder / f"h{number}-", count, shape, seed + number))
    lines = _aligned(_joined(folder, files), folder)
    return _written(folder, [_renamed(line, copy) for line in lines for copy in range(copies)])


def amplicon_bam(
    folder: Path, clones: Sequence[Clone] = (), *, seed: int, fragments: int = 1000
) -> Path:
    """Simulate pairs by art_illumina that all begin and end at the same two places."""
    start1, end1 = CODON1 - 90, CODON1 + 109
    files = []
    for number, clone in enumerate(_all(clones)):
        bases = haplotype(hand_genome(), start1, end1, clone.edits)
        fasta = write_fasta(folder / f"haplotype{number}.fa", {f"h{number}": bases})
        count = round(fragments * clone.share)
        files.append(_copy_by_art(fasta, folder / f"h{number}-", count, seed + number))
    return _written(folder, _aligned(_joined(folder, files), folder))


def umi_bam(
    folder: Path,
    clones: Sequence[Clone] = (),
    *,
    seed: int,
    molecules: int = 600,
    copies: int = 4,
) -> Path:
    """Simulate molecules over the codon that art_illumina reads ``copies`` times each, UMI in RX.

    The UMIs have no errors; those of the reads are drawn for each copy.
    """
    generator = random.Random(seed)
    names: list[str] = []
    bases: dict[str, str] = {}
    for clone in _all(clones):
        for _ in range(round(molecules * clone.share)):
            start1 = CODON1 - generator.randrange(20, 130)
            end1 = start1 + generator.randrange(170, 250)
            names.append("".join(generator.choices("ACGT", k=_UMI_LENGTH)) + f"n{len(names)}")
            bases[names[-1]] = haplotype(hand_genome(), start1, end1, clone.edits)
    fasta = write_fasta(folder / "molecules.fa", bases)
    files = [_copy_by_art(fasta, folder / "m-", copies, seed)]
    lines = _aligned(_joined(folder, files), folder)
    return _written(folder, [f"{line}\tRX:Z:{line[:_UMI_LENGTH]}" for line in lines])


def rna_bam(folder: Path, clones: Sequence[Clone] = (), *, seed: int, reads: int = 4000) -> Path:
    """Simulate single reads of the first exons' transcript and align them across introns."""
    files = []
    for number, clone in enumerate(_all(clones)):
        bases = transcript(clone.edits)
        fasta = write_fasta(folder / f"haplotype{number}.fa", {f"h{number}": bases})
        prefix = folder / f"h{number}-"
        _art("-l", 100, "-c", round(reads * clone.share), "-rs", seed + number, "-i", fasta,
             "-o", prefix)  # fmt: skip
        files.append((Path(f"{prefix}.fq"),))
    lines = _aligned(_joined(folder, files), folder, _minimap2)
    # Single reads of few bases share their ends; the file says that this was looked at.
    return _written(folder, lines, ["@PG\tID:MarkDuplicates\tPN:MarkDuplicates"])


def split_rna_bam(
    folder: Path,
    simulator: str,
    clones: Sequence[Clone] = (),
    *,
    seed: int,
    fragments: int = 6000,
    shape: Shape = Shape(),
) -> Path:
    """Simulate pairs of the first exons' transcript, which bwa splits at the junctions."""
    simulate = {"art": _read_by_art, "dwgsim": _read_by_dwgsim}[simulator]
    files = []
    for number, clone in enumerate(_all(clones)):
        bases = transcript(clone.edits)
        fasta = write_fasta(folder / f"haplotype{number}.fa", {f"h{number}": bases})
        count = round(fragments * clone.share)
        files.append(simulate(fasta, folder / f"h{number}-", count, shape, seed + number))
    lines = _aligned(_joined(folder, files), folder)
    return _written(folder, lines, ["@PG\tID:MarkDuplicates\tPN:MarkDuplicates"])


def fragments_over_codon_by_transcript(folder: Path) -> dict[str, int]:
    """Count the fragments over the whole codon by haplotype (``h0`` is the reference).

    What :func:`split_rna_bam` read is aligned to the transcript, end to end.
    """
    fasta = write_fasta(folder / "transcript.fa", {"t": transcript()})
    over = set()
    # Clips cost more than all that can differ, so ends at a variant are aligned too.
    for line in _bwa(fasta, sorted(folder.glob("reads_?.fq")), "-L", 50).splitlines():
        if line[0] != "@" and _covers_codon(line):
            over.add(line.split("\t")[0])
    return dict(Counter(name[:2] for name in over))


def long_bam(
    folder: Path, edits: Sequence[Edit], errors: float, *, seed: int, share: float, reads: int
) -> tuple[Path, int]:
    """Draw long reads over exon 3 that err mostly in length, and align them by minimap2.

    Two fifths of the errors are other bases, a quarter bases put in, the rest lacking ones; they
    are told honestly by the qualities.

    Returns:
        The BAM, and how many of the reads hold the edits.
    """
    generator = random.Random(seed)
    start1, end1 = EXON3[0] - 3_000, EXON3[1] + 3_000
    haplotypes = [haplotype(hand_genome(), start1, end1, some) for some in ((), edits)]
    quality = chr(33 + round(-10 * math.log10(errors)))
    lines, held = [], 0
    for number in range(reads):
        holds = generator.random() < share
        held += holds
        begin, end = generator.randrange(0, 2_000), generator.randrange(4_000, 6_000)
        text = "".join(_misread(base, generator, errors) for base in haplotypes[holds][begin:end])
        if generator.random() < 0.5:
            text = text[::-1].translate(str.maketrans("ACGT", "TGCA"))
        lines.append(f"@n{number}\n{text}\n+\n{quality * len(text)}\n")
    fastq = folder / "long.fq"
    fastq.write_text("".join(lines), encoding="ascii")
    return _written(folder, _aligned([fastq], folder, _minimap2_long)), held


def _misread(base: str, generator: random.Random, errors: float) -> str:
    drawn = generator.random() / errors
    if drawn < 0.4:
        return generator.choice("ACGT")
    if drawn < 0.65:
        return base + generator.choice("ACGT")
    return base if drawn >= 1 else ""


def transcript(edits: Sequence[Edit] = ()) -> str:
    """Return the first exons' bases, spliced, with the edits."""
    bases = ""
    for first, last in _exons():
        inside = [edit for edit in edits if first <= edit.start1 <= last]
        bases += haplotype(hand_genome(), first, last, inside)
    return bases


def reads_over_codon_by_transcript(folder: Path) -> int:
    """Align what :func:`rna_bam` read to the transcript; count the reads over the whole codon."""
    fasta = write_fasta(folder / "transcript.fa", {"t": transcript()})
    lines = _bwa(fasta, [folder / "reads_1.fq"]).splitlines()
    return sum(line[0] != "@" and _covers_codon(line) for line in lines)


def _covers_codon(line: str) -> bool:
    """Whether a record aligned to the transcript covers all three bases."""
    before = [last - first + 1 for first, last in _exons() if last < CODON1]
    codon1 = sum(before) + CODON1 - EXON3[0] + 1
    _, _, _, start, _, cigar, *_ = line.split("\t")
    length = sum(int(bases) for bases in re.findall(r"(\d+)[MD]", cigar))
    return 0 < int(start) <= codon1 and codon1 + 3 <= int(start) + length


def haplotype(genome: HandGenome, start1: int, end1: int, edits: Sequence[Edit]) -> str:
    """Return the bases of ``[start1, end1]`` with the edits."""
    bases, done = "", start1
    for edit in sorted(edits, key=lambda edit: edit.start1):
        bases += genome.slice1(done, edit.start1 - done)
        assert genome.slice1(edit.start1, len(edit.removed)) == edit.removed
        bases += edit.put
        done = edit.start1 + len(edit.removed)
    return bases + genome.slice1(done, end1 - done + 1)


@cache
def _exons() -> list[tuple[int, int]]:
    """Return 1-based first and last positions of the first exons."""
    exons = bundled()["builds"]["GRCh38"]["exons1"]
    return [(first, last) for first, last in exons[:_EXONS_OF_RNA]]


def _all(clones: Sequence[Clone]) -> tuple[Clone, ...]:
    return (Clone(1 - sum(clone.share for clone in clones), ()), *clones)


def _art(*arguments: object) -> None:
    """Run art_illumina with the profile of a HiSeq 2500."""
    _run("art_illumina", "-ss", "HS25", "-na", "-q", *arguments)


def _read_by_art(
    fasta: Path, prefix: Path, count: int, shape: Shape, seed: int
) -> tuple[Path, ...]:
    _art("-p", "-l", shape.read, "-m", shape.insert, "-s", INSERT_SD, "-c", count, "-rs", seed,
         "-i", fasta, "-o", prefix)  # fmt: skip
    return Path(f"{prefix}1.fq"), Path(f"{prefix}2.fq")


def _copy_by_art(fasta: Path, prefix: Path, count: int, seed: int) -> tuple[Path, ...]:
    """Read each sequence of the FASTA ``count`` times from its very ends."""
    _art("-amp", "-p", "-l", 150, "-c", count, "-rs", seed, "-i", fasta, "-o", prefix)
    return Path(f"{prefix}1.fq"), Path(f"{prefix}2.fq")


def _read_by_dwgsim(
    fasta: Path, prefix: Path, count: int, shape: Shape, seed: int
) -> tuple[Path, ...]:
    """Read both ends with 0.2 % of the bases wrong, no mutations and no foreign reads."""
    _run(
        "dwgsim", "-H", "-r", 0, "-y", 0, "-e", 0.002, "-E", 0.002, "-1", shape.read,
        "-2", shape.read, "-d", shape.insert, "-s", INSERT_SD, "-N", count, "-z", seed, "-o", 1,
        fasta, prefix,
    )  # fmt: skip
    return Path(f"{prefix}.bwa.read1.fastq.gz"), Path(f"{prefix}.bwa.read2.fastq.gz")


def _joined(folder: Path, parts: Sequence[tuple[Path, ...]]) -> list[Path]:
    """Return one FASTQ file for each end."""
    files = []
    for number, paths in enumerate(zip(*parts, strict=True), 1):
        files.append(folder / f"reads_{number}.fq")
        with files[-1].open("wb") as joined:
            for path in paths:
                content = path.read_bytes()
                joined.write(gzip.decompress(content) if path.suffix == ".gz" else content)
    return files


def _bwa(fasta: Path, files: Sequence[Path], *options: object) -> str:
    _run("bwa", "index", fasta)
    return _run("bwa", "mem", "-v", 1, *options, fasta, *files)


def _minimap2(fasta: Path, files: Sequence[Path]) -> str:
    return _run("minimap2", "-ax", "splice", "--MD", "--secondary=no", fasta, *files)


def _minimap2_long(fasta: Path, files: Sequence[Path]) -> str:
    return _run("minimap2", "-ax", "map-ont", "--MD", "--secondary=no", fasta, *files)


def _aligned(
    files: Sequence[Path], folder: Path, align: Callable[[Path, Sequence[Path]], str] = _bwa
) -> list[str]:
    """Return the lines of SAM in the coordinates of the whole contig."""
    genome = hand_genome()
    # Of the contig only the gene's stretch is known, so the reads are aligned to that.
    fasta = write_fasta(folder / "stretch.fa", {genome.contig: genome.bases})
    sam = align(fasta, files)
    return [_shifted(line, genome.start1 - 1) for line in sam.splitlines() if line[0] != "@"]


def _shifted(line: str, shift: int) -> str:
    fields = line.split("\t")
    for at in (_POSITION, _MATE_POSITION):
        if fields[at] != "0":
            fields[at] = str(int(fields[at]) + shift)
    tags = [_shifted_tag(tag, shift) for tag in fields[_FIRST_TAG:] if not tag.startswith("XA:")]
    return "\t".join(fields[:_FIRST_TAG] + tags)


def _shifted_tag(tag: str, shift: int) -> str:
    if not tag.startswith("SA:Z:"):
        return tag
    # name,position,strand,CIGAR,mapping quality,mismatches; for each other part of the read
    return re.sub(r"(?<=,)\d+(?=,[+-],)", lambda found: str(int(found[0]) + shift), tag)


def _renamed(line: str, copy: int) -> str:
    name, rest = line.split("\t", 1)
    return f"{name}.{copy}\t{rest}"


def _written(folder: Path, lines: Sequence[str], header_lines: Sequence[str] = ()) -> Path:
    genome = hand_genome()
    builder = SamBuilder([(genome.contig, genome.length)], header_lines=header_lines)
    for line in lines:
        builder.line(line)
    return builder.write_bam(folder / "reads.bam")


def _run(*arguments: object) -> str:
    done = subprocess.run(
        [str(argument) for argument in arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
