"""Reads written by hand, record by record, as SAM text, BAM or CRAM.

    SamBuilder(contigs=[("chrX", 156_040_895)])
        .pair("frag1", 47_199_000, "ACGT...", 47_199_060, "TTAG...")
        .read("single", 47_199_040, "ACGT...", cigar="10S90M", reverse=True, tags={"RX": "ACGT"})
        .write_bam(path)

Positions are 1-based as in SAM. Bases are on the forward strand as in SAM, whichever way the read
was sequenced.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pysam

Tag = int | str | tuple[str, str | int]  # a tuple gives the SAM type too: ("A", "+")
Quality = int | str | Sequence[int]  # one Phred value for all bases, SAM text, or one value a base

PAIRED, PROPER, UNMAPPED, MATE_UNMAPPED, REVERSE, MATE_REVERSE = 1, 2, 4, 8, 16, 32
READ1, READ2, SECONDARY, QC_FAILED, DUPLICATE, SUPPLEMENTARY = 64, 128, 256, 512, 1024, 2048


class SamBuilder:
    """Collects header lines and records; each method that adds returns the builder.

    Args:
        contigs: Name and length, or name, length and M5.
        order: ``coordinate`` (records are sorted when written; ties stay as given), ``queryname``
            (sorted by name), ``unsorted`` (as given, header says so) or ``unknown`` (as given,
            header says nothing).
        groups: Read groups as ``{"ID": ..., "SM": ..., "LB": ...}``; records get the first unless
            ``group`` says otherwise.
        header_lines: Further header lines as text, such as ``"@CO\\tsome comment"``.
    """

    def __init__(
        self,
        contigs: Sequence[tuple[str, int] | tuple[str, int, str]],
        *,
        order: str = "coordinate",
        groups: Sequence[Mapping[str, str]] = (),
        header_lines: Sequence[str] = (),
    ) -> None:
        self.contigs = list(contigs)
        self.order = order
        self.groups = [dict(group) for group in groups]
        self.header_lines = list(header_lines)
        self.lines: list[str] = []

    def read(
        self,
        name: str,
        start1: int,
        seq: str,
        *,
        contig: str | None = None,
        cigar: str | None = None,
        qual: Quality = 37,
        reverse: bool = False,
        flag: int = 0,
        mapq: int = 60,
        mate: tuple[str, int] | None = None,
        tlen: int = 0,
        group: str | None = None,
        tags: Mapping[str, Tag] | None = None,
    ) -> SamBuilder:
        """Add a record; ``cigar`` is all M by default, ``reverse`` adds 0x10 to ``flag``."""
        contig = contig or self.contigs[0][0]
        cigar = cigar or f"{len(seq)}M"
        flag |= REVERSE if reverse else 0
        mate_contig, mate_start1 = mate or ("*", 0)
        if mate_contig == contig:
            mate_contig = "="
        all_tags: dict[str, Tag] = {}
        if group is None and self.groups:
            group = self.groups[0]["ID"]
        if group:
            all_tags["RG"] = group
        all_tags.update(tags or {})
        fields = [
            name,
            flag,
            contig,
            start1,
            mapq,
            cigar,
            mate_contig,
            mate_start1,
            tlen,
            seq,
            _quality(qual, len(seq)),
        ]
        return self.line(
            "\t".join([*map(str, fields), *(_tag(*item) for item in all_tags.items())])
        )

    def pair(
        self,
        name: str,
        start1: int,
        seq: str,
        mate_start1: int,
        mate_seq: str,
        *,
        cigar: str | None = None,
        mate_cigar: str | None = None,
        qual: Quality = 37,
        mate_qual: Quality = 37,
        first: str = "forward",
        flag: int = 0,
        mapq: int = 60,
        contig: str | None = None,
        group: str | None = None,
        tags: Mapping[str, Tag] | None = None,
    ) -> SamBuilder:
        """Add a proper pair: ``seq`` on the forward strand, ``mate_seq`` on the reverse one.

        ``first`` says which is read 1: ``forward`` (F1R2) or ``reverse`` (F2R1). ``flag`` and
        ``tags`` go to both.
        """
        contig = contig or self.contigs[0][0]
        cigar, mate_cigar = cigar or f"{len(seq)}M", mate_cigar or f"{len(mate_seq)}M"
        tlen = mate_start1 + _reference_length(mate_cigar) - start1
        common = flag | PAIRED | PROPER
        numbers = (READ1, READ2) if first == "forward" else (READ2, READ1)
        self.read(
            name, start1, seq, contig=contig, cigar=cigar, qual=qual,
            flag=common | MATE_REVERSE | numbers[0], mapq=mapq, mate=(contig, mate_start1),
            tlen=tlen, group=group, tags={"MC": mate_cigar, **(tags or {})},
        )  # fmt: skip
        return self.read(
            name, mate_start1, mate_seq, contig=contig, cigar=mate_cigar, qual=mate_qual,
            reverse=True, flag=common | numbers[1], mapq=mapq, mate=(contig, start1), tlen=-tlen,
            group=group, tags={"MC": cigar, **(tags or {})},
        )  # fmt: skip

    def line(self, sam_line: str) -> SamBuilder:
        """Add a record given as a line of SAM."""
        self.lines.append(sam_line)
        return self

    @property
    def header_text(self) -> str:
        """The header as SAM text."""
        order = "" if self.order == "unknown" else f"\tSO:{self.order}"
        lines = [f"@HD\tVN:1.6{order}"]
        for name, length, *m5 in self.contigs:
            lines.append(f"@SQ\tSN:{name}\tLN:{length}" + (f"\tM5:{m5[0]}" if m5 else ""))
        for group in self.groups:
            lines.append("@RG\t" + "\t".join(f"{key}:{value}" for key, value in group.items()))
        return "\n".join([*lines, *self.header_lines]) + "\n"

    @property
    def sam_text(self) -> str:
        """Header and records as SAM text, in the order they are written."""
        return self.header_text + "".join(f"{line}\n" for line in self._ordered())

    def write_sam(self, path: Path) -> Path:
        """Write SAM text."""
        path.write_text(self.sam_text, encoding="utf-8")
        return path

    def write_bam(self, path: Path, *, index: bool = True) -> Path:
        """Write a BAM, with its .bai unless ``index`` is false."""
        self._write(pysam.AlignmentFile(str(path), "wb", header=self._header()))
        if index:
            pysam.index(str(path))
        return path

    def write_cram(self, path: Path, fasta: Path, *, index: bool = True) -> Path:
        """Write a CRAM; ``fasta`` gets a .fai, the header M5 and UR of each contig."""
        self._write(
            pysam.AlignmentFile(
                str(path), "wc", header=self._header(), reference_filename=str(fasta)
            )
        )
        if index:
            pysam.index(str(path))
        return path

    def _write(self, file: pysam.AlignmentFile) -> None:
        with file:
            for line in self._ordered():
                file.write(pysam.AlignedSegment.fromstring(line, file.header))

    def _header(self) -> pysam.AlignmentHeader:
        return pysam.AlignmentHeader.from_text(self.header_text)

    def _ordered(self) -> list[str]:
        ranks = {contig[0]: rank for rank, contig in enumerate(self.contigs)}

        def place(line: str) -> tuple[int, int]:
            fields = line.split("\t")
            return ranks.get(fields[2], len(ranks)), int(fields[3])

        if self.order == "coordinate":
            return sorted(self.lines, key=place)
        if self.order == "queryname":
            return sorted(self.lines, key=lambda line: line.split("\t", 1)[0])
        return self.lines


def write_fasta(path: Path, contigs: Mapping[str, str], width: int = 60) -> Path:
    """Write sequences as FASTA, without an index."""
    with path.open("w", encoding="ascii") as handle:
        for name, bases in contigs.items():
            handle.write(f">{name}\n")
            handle.writelines(f"{bases[at : at + width]}\n" for at in range(0, len(bases), width))
    return path


def md5_of(bases: str) -> str:
    """Return the M5 of a sequence as SAM headers hold it."""
    return hashlib.md5(bases.upper().encode("ascii"), usedforsecurity=False).hexdigest()


def _quality(qual: Quality, length: int) -> str:
    if isinstance(qual, str):
        return qual
    values = [qual] * length if isinstance(qual, int) else list(qual)
    return "".join(chr(value + 33) for value in values)


def _tag(name: str, value: Tag) -> str:
    if isinstance(value, tuple):
        return f"{name}:{value[0]}:{value[1]}"
    return f"{name}:{'i' if isinstance(value, int) else 'Z'}:{value}"


def _reference_length(cigar: str) -> int:
    return sum(int(count) for count, kind in re.findall(r"(\d+)([MDN=X])", cigar))
