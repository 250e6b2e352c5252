"""Aligning one unit's trimmed reads: to the user's genome, or to the bundled locus.

Only fragments near the gene are written, of which a mate overlaps the window or ``MARGIN`` bases
beside it: the competition with the rest of the genome is over once a read is aligned, and a whole
genome's BAM would be read by nobody. The report counts all of them.
"""

from __future__ import annotations

import signal
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dnaio
import pysam

from vexas_uba1.errors import UserError
from vexas_uba1.files import replacing
from vexas_uba1.locus.builds import Contig
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.mapping.index import AlignerIndex, check_aligner, preset
from vexas_uba1.mapping.programs import failure, find_program, samtools
from vexas_uba1.mapping.sam import MATCH, Cigar, Hit, Read, choose_primary, faces, sam_lines

MARGIN = 10_000
"""Bases on either side of the gene's window whose reads are kept."""

_BATCH = 1000  # fragments a thread aligns at a time
_BWA_BATCH_BASES = "10000000"  # fixed, or bwa's insert-size statistics would follow the threads
_LARGEST_FRAGMENT = 800  # as minimap2's preset sr
_SMALLEST_GAP = 100  # likewise
_LARGEST_INTRON = 200_000  # as minimap2's spliced presets

# The bundled locus is N between its exons. With minimap2's usual scores N is a mismatch of weight
# 1, so that alignments break or are clipped at every intron, and those of a changed codon 41, four
# bases from the border, more often than those of the reference. Here N costs nothing: that takes
# both sc_ambi = 0 and a second gap extension of 0, since minimap2 puts the latter in place of the
# former when it is 0. Seeds are short and every position has one, and a hit is kept by the known
# bases it covers, not by its score, so that a variant costs a read nothing.
_BUNDLED_DNA = {
    "scoring": (2, 8, 12, 2, 24, 0, 0),
    "k": 11,
    "w": 1,
    "min_cnt": 1,
    "min_chain_score": 11,
}
FEWEST_KNOWN_BASES = 30
"""Known reference bases that a DNA read must cover to count as aligned to the bundled locus."""


@dataclass(frozen=True)
class ReadGroup:
    """Whose reads they are; each becomes a field of the header's @RG line."""

    unit: str
    library: str
    sample: str


@dataclass(frozen=True)
class AlignOptions:
    """What is aligned, to what, and where the result goes.

    Attributes:
        reads: Trimmed FASTQ of :func:`vexas_uba1.mapping.trimming.trim_unit`: one file, or read 1
            and read 2.
        read_group: Of all the reads.
        placed: The gene on the genome's build, under the genome's contig name.
        index: Of the genome; None for the bundled locus.
        contigs: Of the genome, as its FASTA states them; empty for the bundled locus.
        rna: Whether reads are spliced.
        bam: Output, sorted by position, with mate tags.
        scratch: Folder for files needed meanwhile.
        threads: For the aligner; the output does not depend on it.
    """

    reads: tuple[Path, ...]
    read_group: ReadGroup
    placed: PlacedLocus
    index: AlignerIndex | None
    contigs: tuple[Contig, ...]
    rna: bool
    bam: Path
    scratch: Path
    threads: int = 1


@dataclass(frozen=True)
class AlignReport:
    """What alignment did.

    Attributes:
        aligner: Program and, for minimap2, preset.
        aligner_version: Of the program.
        bundled_locus: Whether reads were aligned to the bundled locus only.
        reads: Reads aligned or not; a pair has two.
        mapped_reads: Those with an alignment.
        fragments_written: Reads or pairs near the gene.
    """

    aligner: str
    aligner_version: str
    bundled_locus: bool
    reads: int
    mapped_reads: int
    fragments_written: int


@dataclass
class _Counts:
    reads: int = 0
    mapped: int = 0
    written: int = 0


def align_unit(options: AlignOptions) -> AlignReport:
    """Align one unit's reads and write those near the gene.

    Raises:
        UserError: the aligner is not installed, cannot do what is asked, or its index is not that
            of the genome.
        OSError: the disk is full.
        RuntimeError: the aligner failed.
    """
    aligner = options.index.aligner if options.index else "minimap2"
    check_aligner(aligner, rna=options.rna, bundled=options.index is None)
    options.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="align-", dir=options.scratch) as name:
        folder = Path(name)
        grouped = folder / "grouped.bam"
        counts = _Counts()
        if aligner == "minimap2":
            version = _run_minimap2(options, grouped, counts)
        else:
            version = _run_bwa(options, aligner, grouped, counts, folder)
        mated = folder / "mated.bam"
        samtools("fixmate", "--no-PG", "-m", str(grouped), str(mated))
        with replacing(options.bam) as part:
            arguments = ["--no-PG", "-m", "256M", "-T", str(folder / "sort"), "-o", str(part)]
            samtools("sort", *arguments, str(mated))
    mode = f" {preset(rna=options.rna)}" if aligner == "minimap2" else ""
    return AlignReport(
        aligner=f"{aligner}{mode}",
        aligner_version=version,
        bundled_locus=options.index is None,
        reads=counts.reads,
        mapped_reads=counts.mapped,
        fragments_written=counts.written,
    )


class _Minimap2:
    """minimap2 on the genome's index or on the bundled locus, giving hits in genome coordinates."""

    def __init__(self, options: AlignOptions) -> None:
        import mappy

        self._rna = options.rna
        self._offset, self._contig = 0, None
        self._fewest_known = 0
        name = preset(rna=options.rna)
        if options.index is None:
            self._offset, self._contig = options.placed.window[0], options.placed.contig
            scores: dict[str, Any] = {} if options.rna else _BUNDLED_DNA
            self._fewest_known = 0 if options.rna else FEWEST_KNOWN_BASES
            self._bases = options.placed.reference_bases()
            self._aligner = mappy.Aligner(seq=self._bases, preset=name, **scores)
            return
        self._aligner = mappy.Aligner(str(options.index.location), preset=name)
        names = set(self._aligner.seq_names) if self._aligner else set()
        if names != {contig.name for contig in options.contigs}:
            raise _other_genome(options.index)

    def reference(self, contig: str, start: int, end: int) -> str:
        """Return reference bases, N where unknown."""
        if self._contig is not None:
            return self._bases[start - self._offset : end - self._offset]
        bases: str = self._aligner.seq(contig, start, end)
        return bases

    def map(self, name: str, reads: tuple[str, ...], buffer: Any) -> list[list[Hit]]:
        """Return each read's hits, best first, without secondary ones."""
        found: list[list[Hit]] = [[] for _ in reads]
        if len(reads) == 2 and not self._rna:
            for hit in self._aligner.map(*reads, name=name, buf=buffer):
                if hit.is_primary:
                    mate = hit.read_num - 1
                    found[mate].append(self._hit(hit, len(reads[mate]), is_flipped=mate == 1))
        else:
            # A pair in one call would lose which mate a spliced hit belongs to (mappy 2.31).
            for mate, bases in enumerate(reads):
                for hit in self._aligner.map(bases, name=name, buf=buffer):
                    if hit.is_primary:
                        found[mate].append(self._hit(hit, len(bases), is_flipped=False))
        if self._fewest_known:
            found = [[hit for hit in hits if self._is_known(hit)] for hits in found]
        return found

    def is_proper(self, one: Hit, other: Hit, read_bases: int) -> bool:
        """Whether two mates' hits make a proper pair, by minimap2's own rule."""
        largest_gap = max(_LARGEST_FRAGMENT - read_bases, _SMALLEST_GAP)
        return faces(one, other, _LARGEST_INTRON if self._rna else largest_gap)

    def _hit(self, hit: Any, length: int, *, is_flipped: bool) -> Hit:
        # mappy turns mate 2 round before mapping and turns only the strand back, not the query's
        # interval.
        is_reverse = hit.strand < 0
        left, right = hit.q_st, length - hit.q_en
        if is_reverse != is_flipped:
            left, right = right, left
        return Hit(
            contig=self._contig or hit.ctg,
            start=hit.r_st + self._offset,
            end=hit.r_en + self._offset,
            is_reverse=is_reverse,
            mapping_quality=hit.mapq,
            cigar=tuple((length, operation) for length, operation in hit.cigar),
            clip_left=left,
            clip_right=right,
        )

    def _is_known(self, hit: Hit) -> bool:
        return _known_bases(
            hit.start, hit.cigar, self.reference(hit.contig, hit.start, hit.end)
        ) >= (self._fewest_known)


def _known_bases(start: int, cigar: Cigar, reference: str) -> int:
    """Count the aligned reference bases that are not N."""
    known, at = 0, 0
    for length, operation in cigar:
        if operation == MATCH:
            known += length - reference.count("N", at, at + length)
        at += length if operation != 1 else 0
    return known


def _run_minimap2(options: AlignOptions, grouped: Path, counts: _Counts) -> str:
    import mappy

    aligner = _Minimap2(options)
    low, high = _kept_interval(options.placed)

    def is_near(hit: Hit) -> bool:
        return hit.contig == options.placed.contig and hit.start < high and hit.end > low

    def align(batch: list[tuple[dnaio.SequenceRecord, ...]]) -> tuple[list[str], _Counts]:
        buffer = mappy.ThreadBuffer()
        lines: list[str] = []
        seen = _Counts()
        for records in batch:
            bases = tuple(record.sequence for record in records)
            hits = aligner.map(records[0].id, bases, buffer)
            seen.reads += len(hits)
            seen.mapped += sum(map(bool, hits))
            if not any(is_near(hit) for of_read in hits for hit in of_read):
                continue
            seen.written += 1
            total = sum(map(len, bases))

            def is_proper(one: Hit, other: Hit, total: int = total) -> bool:
                return aligner.is_proper(one, other, total)

            reads = [
                Read(record.id, record.sequence, record.qualities or "", _tags(record), of_read)
                for record, of_read in zip(records, choose_primary(hits, is_proper), strict=True)
            ]
            lines += sam_lines(
                reads,
                read_group=options.read_group.unit,
                is_proper=is_proper,
                reference=aligner.reference,
            )
        return lines, seen

    header = _header(options, "minimap2", mappy.__version__)
    with pysam.AlignmentFile(str(grouped), "wb", header=header) as out:
        for lines, seen in _in_order(align, _batches(options.reads), options.threads):
            counts.reads += seen.reads
            counts.mapped += seen.mapped
            counts.written += seen.written
            for line in lines:
                out.write(pysam.AlignedSegment.fromstring(line, header))
    version: str = mappy.__version__
    return version


def _batches(files: tuple[Path, ...]) -> Iterator[list[tuple[dnaio.SequenceRecord, ...]]]:
    with ExitStack() as stack:
        readers = [stack.enter_context(dnaio.open(path, open_threads=0)) for path in files]
        fragments = zip(*readers, strict=True)
        while batch := list(islice(fragments, _BATCH)):
            yield batch


def _in_order(work: Any, batches: Iterable[Any], threads: int) -> Iterator[Any]:
    """Yield ``work(batch)`` of each batch in the batches' order, working on several at a time."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Any]] = deque()
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _tags(record: dnaio.SequenceRecord) -> tuple[str, ...]:
    comment = record.comment
    return (comment,) if comment else ()


def _run_bwa(
    options: AlignOptions, aligner: str, grouped: Path, counts: _Counts, folder: Path
) -> str:
    index = options.index
    assert index is not None
    command = [find_program(aligner), "mem", "-t", str(options.threads), "-K", _BWA_BATCH_BASES]
    command += ["-C", str(index.location), *map(str, options.reads)]
    messages = folder / "messages"
    with messages.open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None
    version, unreadable = None, None
    try:
        with process.stdout as stream:
            version = _keep_near(options, aligner, stream, grouped, counts)
    except OSError as error:
        unreadable = error
    except BaseException:
        process.kill()
        raise
    finally:
        status = process.wait()
    # An aligner that dies leaves half a line behind: its own status then says more than the
    # reader's error.
    if unreadable is not None and status in (0, -signal.SIGPIPE):
        raise unreadable
    if status != 0 or version is None:
        raise failure(aligner, status, messages.read_text(encoding="utf-8", errors="replace"))
    return version


def _keep_near(
    options: AlignOptions, aligner: str, stream: Any, grouped: Path, counts: _Counts
) -> str | None:
    """Write the fragments near the gene from a SAM stream; return the aligner's version, if any."""
    try:
        source = pysam.AlignmentFile(stream, "r")
    except (OSError, ValueError):
        return None
    low, high = _kept_interval(options.placed)
    with source:
        found = dict(zip(source.references, source.lengths, strict=True))
        if found != {contig.name: contig.length for contig in options.contigs}:
            assert options.index is not None
            raise _other_genome(options.index)
        programs: list[dict[str, str]] = source.header.to_dict().get("PG", [{}])
        version = programs[0].get("VN", "unknown")
        header = _header(options, aligner, version)
        contig = source.get_tid(options.placed.contig)
        renumbered = [header.get_tid(name) for name in source.references]
        with pysam.AlignmentFile(str(grouped), "wb", header=header) as out:
            for records in _fragments(source):
                primaries = [r for r in records if not r.is_secondary and not r.is_supplementary]
                counts.reads += len(primaries)
                counts.mapped += sum(not record.is_unmapped for record in primaries)
                if not any(_is_near(record, contig, low, high) for record in records):
                    continue
                counts.written += 1
                for record in records:
                    record.set_tag("RG", options.read_group.unit)
                    if record.reference_id >= 0:
                        record.reference_id = renumbered[record.reference_id]
                    if record.next_reference_id >= 0:
                        record.next_reference_id = renumbered[record.next_reference_id]
                    out.write(record)
    return version


def _fragments(records: Iterable[pysam.AlignedSegment]) -> Iterator[list[pysam.AlignedSegment]]:
    """Yield the consecutive records of each fragment; a new first read begins a new one."""
    fragment: list[pysam.AlignedSegment] = []
    for record in records:
        begins = not record.is_supplementary and not record.is_secondary and not record.is_read2
        if begins and fragment:
            yield fragment
            fragment = []
        fragment.append(record)
    if fragment:
        yield fragment


def _is_near(record: pysam.AlignedSegment, contig: int, low: int, high: int) -> bool:
    if record.is_unmapped or record.is_secondary or record.reference_id != contig:
        return False
    end = record.reference_end
    return end is not None and record.reference_start < high and end > low


def _kept_interval(placed: PlacedLocus) -> tuple[int, int]:
    low, high = placed.window
    return low - MARGIN, high + MARGIN


def _header(options: AlignOptions, program: str, version: str) -> pysam.AlignmentHeader:
    """Return a header without paths and command lines."""
    contigs = options.contigs
    if options.index is None:
        contigs = (Contig(options.placed.contig, options.placed.build.length),)
    group = options.read_group
    return pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "unsorted", "GO": "query"},
            "SQ": [
                {"SN": contig.name, "LN": contig.length} | ({"M5": contig.m5} if contig.m5 else {})
                for contig in contigs
            ],
            "RG": [
                {
                    "ID": group.unit,
                    "SM": group.sample,
                    "LB": group.library,
                    "PU": group.unit,
                    "PL": "ILLUMINA",
                }
            ],
            "PG": [{"ID": program, "PN": program, "VN": version}],
        }
    )


def _other_genome(index: AlignerIndex) -> UserError:
    return UserError(
        "the aligner's index was not made from the first reference: their contigs differ",
        remedy="Name the index of that very FASTA, or leave aligner_index out to have one built",
        column="aligner_index",
        value=index.shown,
    )
