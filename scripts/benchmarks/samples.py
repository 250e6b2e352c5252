"""Samples of reads with a known truth: by art_illumina or dwgsim and bwa, or by the own simulator.

The reads lie around exon 3 of the bundled gene. Many samples are read and aligned in one go, since
the programs' reads are independent of each other, and told apart by the reads' names.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pysam

from benchmarks.reads import bundled_genome
from benchmarks.spiked import EXON3, gene
from vexas_uba1.alignments.extraction import extract_region
from vexas_uba1.calling import CallOptions, call_sample
from vexas_uba1.catalogue import load_catalogue
from vexas_uba1.locus.edits import Allele
from vexas_uba1.locus.record import load_locus
from vexas_uba1.result import SampleCall, SampleInfo, Verdict
from vexas_uba1.samples.config import read_config
from vexas_uba1.simulate.run import simulate
from vexas_uba1.simulate.spec import (
    ArtefactSpec,
    Clone,
    ErrorSpec,
    LibrarySpec,
    Simulation,
)
from vexas_uba1.verdict import decide

ART, DWGSIM, OWN = "art_illumina", "dwgsim", "own simulator"
_READ, _INSERT, _INSERT_SD, _FLANK = 150, 220, 30, 400
_LENGTH = EXON3[1] - EXON3[0] + 2 * _FLANK
# Of fragments with an even start in the stretch, those that hold the codon's three bases.
_COVERING = (_INSERT - 2) / (_LENGTH - _INSERT + 1)
_DWGSIM_ERROR = 0.002
# No read is a copy of another; the file says that this was looked at.
_HEADER_LINES = "@PG\tID:MarkDuplicates\tPN:MarkDuplicates\n"
_POSITION, _MATE_POSITION, _FIRST_TAG = 3, 7, 11


def missing(simulator: str) -> tuple[str, ...]:
    """Return the programs that a simulator needs and that are not found."""
    needed = () if simulator == OWN else (simulator, "bwa")
    return tuple(program for program in needed if shutil.which(program) is None)


def allele_of(name: str) -> Allele:
    """Return the catalogue's allele of a c. name."""
    own = gene()
    entries = load_catalogue(load_locus()).place(own.placed, own.reference)
    return next(allele for allele, entry in entries.items() if entry.hgvs_c == name)


def haplotype(allele: Allele | None, start: int, end: int) -> str:
    """Return the bases of ``[start, end)`` with an allele, which lies inside."""
    bases, done = "", start
    for edit in sorted(allele.edits if allele is not None else ()):
        bases += gene().reference.slice(done, edit.start) + edit.alt
        done = edit.end
    return bases + gene().reference.slice(done, end)


@dataclass(frozen=True)
class Made:
    """One sample's files.

    Attributes:
        bam: Sorted, with its index, on the coordinates of GRCh38.
        stretch_bam: The same reads on a contig that is the gene's window alone; None if not asked
            for.
    """

    bam: Path
    stretch_bam: Path | None


def stretch_fasta(folder: Path) -> Path:
    """Write the gene's window as a FASTA with its index, under the contig's name."""
    return _fasta(folder / "stretch.fa", bundled_genome().bases)


def samples(
    simulator: str,
    folder: Path,
    name: str | None,
    vaf: float,
    depth: int,
    runs: int,
    seed: int,
    *,
    stretch: bool = False,
) -> Iterator[Made]:
    """Make samples, one after the other.

    Args:
        simulator: ``ART``, ``DWGSIM`` or ``OWN``.
        folder: To work in; its files are the caller's to remove.
        name: Of the allele, or None in negatives.
        vaf: Its share of the molecules.
        depth: Fragments over the codon, on average.
        runs: How many.
        seed: Of all of them.
        stretch: Whether files on the stretch are wanted too.
    """
    if simulator == OWN:
        for run in range(runs):
            yield _own(folder, name, vaf, depth, seed + run, stretch)
        return
    generator = np.random.default_rng(seed)
    fragments = round(depth / _COVERING)
    mutants = generator.binomial(fragments, vaf if name is not None else 0.0, runs)
    allele = None if name is None else allele_of(name)
    mates = _read_out(simulator, folder, allele, mutants.tolist(), fragments, seed)
    fasta = stretch_fasta(folder)
    _run("bwa", "index", fasta)
    with subprocess.Popen(
        ["bwa", "mem", "-v", "1", str(fasta), *map(str, mates)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as aligning:
        assert aligning.stdout is not None
        lines: list[str] = []
        at = "0"
        # bwa keeps the order of the reads, and so the samples lie one behind the other.
        for line in aligning.stdout:
            if line[0] == "@":
                continue
            sample = line.split("_", 1)[0]
            if sample != at:
                yield _written(folder, lines, at, stretch)
                lines, at = [], sample
            lines.append(line)
        yield _written(folder, lines, at, stretch)
    assert aligning.returncode == 0


def artefact_sample(folder: Path, rate: float, depth: int, seed: int) -> Path:
    """Draw a negative in which reverse reads show T as G before T or G at a rate; return its BAM.

    The own simulator; the wrong bases keep their qualities.
    """
    artefacts = tuple(ArtefactSpec(f"[T]{behind}", "G", rate, strand="reverse") for behind in "TG")
    spec = _spec(None, 0.0, depth, seed, artefacts)
    return _simulated(spec, folder)


def call_bam(bam: Path, folder: Path) -> tuple[SampleCall, Verdict]:
    """Call a BAM by the workflow's functions, as of a panel."""
    locus = load_locus()
    extraction = extract_region(
        bam,
        locus=locus,
        genomes=(),
        sample_id="benchmark",
        out_bam=folder / "extracted.bam",
        scratch=folder / "scratch",
        umi_tags=(),
    )
    called = call_sample(
        folder / "extracted.bam",
        extraction,
        locus=locus,
        catalogue=load_catalogue(locus),
        genomes=(),
        options=options_of("panel"),
    )
    return called, decide(called)


def options_of(assay: str) -> CallOptions:
    """Return the settings of an assay by default."""
    config = read_config({}).config
    return CallOptions(
        sample=SampleInfo("benchmark", sex="male", assay=assay),
        reporting_limit_vaf=config.reporting_limit_vaf[assay],
        required_limit_vaf=config.required_limit_vaf[assay],
    )


def _own(folder: Path, name: str | None, vaf: float, depth: int, seed: int, stretch: bool) -> Made:
    bam = _simulated(_spec(name, vaf, depth, seed), folder)
    if not stretch:
        return Made(bam, None)
    start = gene().placed.window[0]
    with pysam.AlignmentFile(str(bam)) as opened:
        lines = [_shifted(f"{read.to_string()}\n", -start) for read in opened]
    return Made(bam, _bam(folder / "stretch.bam", lines, len(bundled_genome().bases)))


def _spec(
    name: str | None,
    vaf: float,
    depth: int,
    seed: int,
    artefacts: tuple[ArtefactSpec, ...] = (),
) -> Simulation:
    return Simulation(
        sample="reads",
        seed=seed,
        clones=(Clone((name,), vaf),) if name is not None and vaf else (),
        depth_fragments=depth,
        regions=("exon 3",),
        library=LibrarySpec(
            read_length=_READ, insert_mean=_INSERT, insert_sd=_INSERT_SD, flag_duplicates=True
        ),
        errors=ErrorSpec(artefacts=artefacts),
    )


def _simulated(spec: Simulation, folder: Path) -> Path:
    # Only the name of the FASTA is asked for, and only for a CRAM is the file.
    made = simulate(spec, folder, genome=bundled_genome(), fasta=folder / "none.fa")
    assert made.bam is not None
    return made.bam


def _read_out(
    simulator: str,
    folder: Path,
    allele: Allele | None,
    mutants: Sequence[int],
    fragments: int,
    seed: int,
) -> list[Path]:
    """Read all samples' molecules and return one FASTQ for each end, sample by sample."""
    start, end = EXON3[0] - _FLANK, EXON3[1] + _FLANK
    pools = []
    counts = ([fragments - count for count in mutants], list(mutants))
    for number, count in enumerate(map(sum, counts)):
        bases = haplotype(allele if number else None, start, end)
        fasta = _fasta(folder / f"pool{number}.fa", bases)
        prefix = folder / f"pool{number}-"
        read = _art if simulator == ART else _dwgsim
        pools.append(read(fasta, prefix, count, seed % 100_000 + number) if count else ())
    files = []
    for mate in range(2):
        file = folder / f"mates{mate + 1}.fq"
        sources = [_records(pool[mate]) if pool else iter(()) for pool in pools]
        with file.open("w", encoding="ascii") as handle:
            for sample, each in enumerate(zip(*counts, strict=True)):
                number = 0
                for source, count in zip(sources, each, strict=True):
                    for record in islice(source, count):
                        handle.write(f"@{sample}_{number}\n{record}")
                        number += 1
        files.append(file)
    return files


def _records(path: Path) -> Iterator[str]:
    """Give the records of a FASTQ without their names."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as handle:
        while handle.readline():
            yield f"{handle.readline()}{handle.readline()}{handle.readline()}"


def _art(fasta: Path, prefix: Path, count: int, seed: int) -> tuple[Path, Path]:
    """Read with the profile of a HiSeq 2500."""
    _run(
        *("art_illumina", "-ss", "HS25", "-na", "-q", "-p", "-l", _READ, "-m", _INSERT),
        *("-s", _INSERT_SD, "-c", count, "-rs", seed, "-i", fasta, "-o", prefix),
    )
    return Path(f"{prefix}1.fq"), Path(f"{prefix}2.fq")


def _dwgsim(fasta: Path, prefix: Path, count: int, seed: int) -> tuple[Path, Path]:
    """Read with 0.2 % of the bases wrong, no mutations and no foreign reads."""
    error = _DWGSIM_ERROR
    _run(
        *("dwgsim", "-H", "-r", 0, "-y", 0, "-e", error, "-E", error, "-1", _READ, "-2", _READ),
        *("-d", _INSERT, "-s", _INSERT_SD, "-N", count, "-z", seed, "-o", 1, fasta, prefix),
    )
    return Path(f"{prefix}.bwa.read1.fastq.gz"), Path(f"{prefix}.bwa.read2.fastq.gz")


def _written(folder: Path, lines: Sequence[str], sample: str, stretch: bool) -> Made:
    placed = gene().placed
    moved = [_shifted(line, placed.window[0]) for line in lines]
    bam = _bam(folder / f"sample{sample}.bam", moved, placed.build.length)
    if not stretch:
        return Made(bam, None)
    own = _bam(folder / f"stretch{sample}.bam", lines, len(bundled_genome().bases))
    return Made(bam, own)


def _bam(path: Path, lines: Sequence[str], length: int) -> Path:
    header = pysam.AlignmentHeader.from_text(
        f"@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:{gene().placed.contig}\tLN:{length}\n"
        f"@RG\tID:lane1\tSM:benchmark\tLB:library\tPL:ILLUMINA\n{_HEADER_LINES}"
    )
    records = [pysam.AlignedSegment.fromstring(_with_group(line), header) for line in lines]
    # Unplaced pairs last.
    records.sort(key=lambda record: (record.reference_id < 0, record.reference_start))
    with pysam.AlignmentFile(str(path), "wb", header=header) as bam:
        for record in records:
            bam.write(record)
    pysam.index(str(path))
    return path


def _with_group(line: str) -> str:
    fields = line.rstrip("\n").split("\t")
    kept = [field for field in fields[_FIRST_TAG:] if not field.startswith("RG:")]
    return "\t".join([*fields[:_FIRST_TAG], *kept, "RG:Z:lane1"])


def _shifted(line: str, shift: int) -> str:
    fields = line.rstrip("\n").split("\t")
    for at in (_POSITION, _MATE_POSITION):
        if fields[at] != "0":
            fields[at] = str(int(fields[at]) + shift)
    # Where else parts of a read may lie is on the stretch's coordinates; few reads have any.
    kept = [tag for tag in fields[_FIRST_TAG:] if not tag.startswith(("XA:", "SA:"))]
    return "\t".join([*fields[:_FIRST_TAG], *kept])


def _fasta(path: Path, bases: str) -> Path:
    contig = gene().placed.contig
    path.write_text(f">{contig}\n{bases}\n", encoding="ascii")
    path.with_name(f"{path.name}.fai").write_text(
        f"{contig}\t{len(bases)}\t{len(contig) + 2}\t{len(bases)}\t{len(bases) + 1}\n",
        encoding="ascii",
    )
    return path


def _run(*arguments: object) -> None:
    subprocess.run(
        [str(argument) for argument in arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
