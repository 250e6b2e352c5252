"""The files: FASTQ as an instrument writes it, BAM and CRAM with the true alignments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import pysam

from vexas_uba1.files import replacing, write_gzip
from vexas_uba1.simulate.cram_header import replace_header
from vexas_uba1.simulate.genome import SimulatedGenome
from vexas_uba1.simulate.haplotypes import Alignment, Haplotype
from vexas_uba1.simulate.molecules import Molecules
from vexas_uba1.simulate.sequencing import COMPLEMENT, Copies
from vexas_uba1.simulate.spec import Simulation

MAPPING_QUALITY = 60
COMMENT = "synthetic reads drawn by vexas-uba1 simulate; no person's data"

_PAIRED, _PROPER, _REVERSE, _MATE_REVERSE, _FIRST, _SECOND, _DUPLICATE = 1, 2, 16, 32, 64, 128, 1024


@dataclass(frozen=True)
class FastqFiles:
    """One lane's files."""

    lane: str
    fq1: Path
    fq2: Path | None


@dataclass(frozen=True)
class _Placed:
    """One read on the reference, ready to be written."""

    copy: int
    mate: int
    is_reverse: bool
    alignment: Alignment
    end: int


def write_fastq(out: Path, spec: Simulation, copies: Copies) -> tuple[FastqFiles, ...]:
    """Write gzipped FASTQ, a file or a pair of files per lane, in the order drawn.

    UMIs stand at the start of the reads; short molecules are read through into the adapter.
    """
    names = _names(spec, copies)
    found = []
    for lane in range(spec.library.lanes):
        rows = np.flatnonzero(copies.lane == lane).tolist()
        written: list[Path] = []
        for number, mate in enumerate(copies.mates, start=1):
            bases = np.hstack([mate.umi, mate.bases])
            qualities = np.hstack([mate.umi_qualities, mate.qualities]) + np.uint8(33)
            comment = f" {number}:N:0:1\n".encode("ascii")
            parts: list[bytes] = []
            for row in rows:
                parts += [b"@", names[row].encode("ascii"), comment, bases[row].tobytes()]
                parts += [b"\n+\n", qualities[row].tobytes(), b"\n"]
            path = out / f"{spec.sample}_{lane_name(lane)}_R{number}.fastq.gz"
            write_gzip(path, b"".join(parts))
            written.append(path)
        found.append(FastqFiles(lane_name(lane), written[0], written[1] if written[1:] else None))
    return tuple(found)


def write_alignments(
    path: Path,
    spec: Simulation,
    genome: SimulatedGenome,
    haplotypes: Sequence[Haplotype],
    molecules: Molecules,
    copies: Copies,
    *,
    fasta: Path | None = None,
) -> None:
    """Write a coordinate-sorted BAM, or a CRAM for a path that ends in .cram, with its index.

    Reads hold only bases of the molecule, as after trimming; a UMI is in RX, its qualities in QX.

    Args:
        path: Where to write.
        spec: What was asked for.
        genome: What the contigs are.
        haplotypes: What the molecules are cut from.
        molecules: Where.
        copies: What was read of them.
        fasta: The indexed FASTA of the genome; needed for a CRAM.
    """
    is_cram = path.suffix == ".cram"
    text = _header_text(spec, genome, with_all_m5=is_cram)
    header = pysam.AlignmentHeader.from_text(text)
    lines = _sam_lines(spec, genome, haplotypes, molecules, copies)
    with replacing(path) as temporary:
        if is_cram:
            with TemporaryDirectory() as folder:
                draft = Path(folder) / path.name
                _write_records(draft, "wc", header, lines, fasta)
                replace_header(draft, temporary, text, COMMENT)
        else:
            _write_records(temporary, "wb", header, lines)
    with replacing(path.with_name(path.name + (".crai" if is_cram else ".bai"))) as temporary:
        pysam.index("-o", str(temporary), str(path))


def lane_name(lane: int) -> str:
    """Return the name of the lane counted from 0."""
    return f"L{lane + 1:03}"


def _write_records(
    path: Path,
    mode: Literal["wb", "wc"],
    header: pysam.AlignmentHeader,
    lines: Iterator[str],
    fasta: Path | None = None,
) -> None:
    reference = None if fasta is None else str(fasta)
    with pysam.AlignmentFile(
        str(path), mode, header=header, reference_filename=reference
    ) as handle:
        for line in lines:
            handle.write(pysam.AlignedSegment.fromstring(line, header))


def _names(spec: Simulation, copies: Copies) -> list[str]:
    columns = zip(*(c.tolist() for c in (copies.lane, copies.molecule, copies.number)), strict=True)
    return [
        f"SYNTHETIC:{spec.sample}:{lane + 1}:{molecule + 1}:{number + 1}"
        for lane, molecule, number in columns
    ]


def _header_text(spec: Simulation, genome: SimulatedGenome, *, with_all_m5: bool) -> str:
    # Without an M5 of every contig htslib would look for it, and put the FASTA's path into a
    # CRAM's header.
    m5 = genome.all_m5() if with_all_m5 else {genome.placed.contig: genome.m5}
    lines = ["@HD\tVN:1.6\tSO:coordinate"]
    for name, length in genome.contigs:
        checksum = f"\tM5:{m5[name]}" if name in m5 else ""
        lines.append(f"@SQ\tSN:{name}\tLN:{length}{checksum}")
    for lane in range(spec.library.lanes):
        group = f"{spec.sample}.{lane_name(lane)}"
        lines.append(f"@RG\tID:{group}\tSM:{spec.sample}\tLB:{spec.sample}\tPL:ILLUMINA")
    lines.append(f"@CO\t{COMMENT}")
    return "".join(line + "\n" for line in lines)


def _sam_lines(
    spec: Simulation,
    genome: SimulatedGenome,
    haplotypes: Sequence[Haplotype],
    molecules: Molecules,
    copies: Copies,
) -> Iterator[str]:
    """Yield SAM records in coordinate order."""
    names = _names(spec, copies)
    groups = [f"{spec.sample}.{lane_name(lane)}" for lane in copies.lane.tolist()]
    placed = _place_reads(spec, haplotypes, molecules, copies)
    order = [read for reads in placed for read in reads]
    order.sort(key=lambda read: (read.alignment.position, read.copy, read.mate))
    umis = _umi_tags(copies)
    for read in order:
        mate = copies.mates[read.mate]
        size = int(mate.size[read.copy])
        bases, qualities = mate.bases[read.copy, :size], mate.qualities[read.copy, :size]
        if read.is_reverse:
            bases, qualities = COMPLEMENT[bases[::-1]], qualities[::-1]
        sequence = bases.tobytes().decode("ascii")
        flag = _REVERSE if read.is_reverse else 0
        pairing = "*\t0\t0"
        if len(copies.mates) == 2:
            other = placed[1 - read.mate][read.copy]
            flag |= _PAIRED | _PROPER | (_FIRST if read.mate == 0 else _SECOND)
            flag |= _MATE_REVERSE if other.is_reverse else 0
            pairing = f"=\t{other.alignment.position + 1}\t{_template_length(read, other)}"
        if spec.library.flag_duplicates and copies.is_duplicate[read.copy]:
            flag |= _DUPLICATE
        md, nm = _md_and_nm(genome, read.alignment, sequence)
        yield "\t".join(
            [
                names[read.copy],
                str(flag),
                genome.placed.contig,
                str(read.alignment.position + 1),
                str(MAPPING_QUALITY),
                "".join(f"{length}{operation}" for operation, length in read.alignment.cigar),
                pairing,
                sequence,
                (qualities + np.uint8(33)).tobytes().decode("ascii"),
                f"NM:i:{nm}",
                f"MD:Z:{md}",
                f"RG:Z:{groups[read.copy]}",
                *umis[read.copy],
            ]
        )


def _place_reads(
    spec: Simulation, haplotypes: Sequence[Haplotype], molecules: Molecules, copies: Copies
) -> list[list[_Placed]]:
    """Return for each mate the placed read of each copy."""

    @cache
    def align(clone: int, start: int, end: int) -> tuple[Alignment, int]:
        alignment = haplotypes[clone].align(start, end)
        return alignment, alignment.position + sum(n for op, n in alignment.cigar if op in "MDN")

    starts, ends = (edge[copies.molecule] for edge in molecules.cut(haplotypes))
    clones = molecules.clone[copies.molecule].tolist()
    found = []
    for which, mate in enumerate(copies.mates):
        reverse = copies.reverse ^ (which == 1)
        low = np.where(reverse, ends - mate.size, starts).tolist()
        high = np.where(reverse, ends, starts + mate.size).tolist()
        found.append(
            [
                _Placed(copy, which, is_reverse, *align(clones[copy], low[copy], high[copy]))
                for copy, is_reverse in enumerate(reverse.tolist())
            ]
        )
    return found


def _template_length(read: _Placed, other: _Placed) -> int:
    """Return TLEN, positive for the left read, or for the forward one if both start alike."""
    length = max(read.end, other.end) - min(read.alignment.position, other.alignment.position)
    own, mates = read.alignment.position, other.alignment.position
    is_left = own < mates or (own == mates and not read.is_reverse)
    return length if is_left else -length


def _umi_tags(copies: Copies) -> list[list[str]]:
    parts = [mate for mate in copies.mates if mate.umi.shape[1]]
    if not parts:
        return [[] for _ in range(copies.molecule.size)]
    return [
        [
            "RX:Z:" + "-".join(mate.umi[row].tobytes().decode("ascii") for mate in parts),
            "QX:Z:"
            + " ".join(
                (mate.umi_qualities[row] + np.uint8(33)).tobytes().decode("ascii") for mate in parts
            ),
        ]
        for row in range(copies.molecule.size)
    ]


def _md_and_nm(genome: SimulatedGenome, alignment: Alignment, sequence: str) -> tuple[str, int]:
    """Return MD and NM of a read (SAM optional fields specification)."""
    reference = genome.bases
    at = alignment.position - genome.sequence.start
    read_at = matched = distance = 0
    md: list[str] = []
    for operation, length in alignment.cigar:
        if operation == "M":
            known = reference[at : at + length]
            seen = sequence[read_at : read_at + length]
            if known == seen:
                matched += length
            else:
                for base, letter in zip(known, seen, strict=True):
                    if base == letter:
                        matched += 1
                    else:
                        md += [str(matched), base]
                        matched = 0
                        distance += 1
        elif operation == "D":
            md += [str(matched), "^", reference[at : at + length]]
            matched = 0
        if operation in "ID":
            distance += length
        at += length if operation in "MDN" else 0
        read_at += length if operation in "MIS" else 0
    return "".join([*md, str(matched)]), distance
