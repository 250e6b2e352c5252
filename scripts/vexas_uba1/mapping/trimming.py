"""Trimming one unit's reads: UMIs taken off, read-through, adapters, poly-G and poor ends cut."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import dnaio

from vexas_uba1.errors import UserError
from vexas_uba1.files import replacing, sha256_of
from vexas_uba1.locus.bases import reverse_complement
from vexas_uba1.mapping.bait import Bait
from vexas_uba1.mapping.fastq import QualityRange, read_fragments
from vexas_uba1.mapping.programs import failure
from vexas_uba1.mapping.selecting import Selection, select_fragments
from vexas_uba1.result import InputFile, TargetedUse
from vexas_uba1.samples.sources import LocalFile
from vexas_uba1.samples.umi import ReadStructure

UMI_TAG = "RX"
_TRUSEQ = ("AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT")
_NEXTERA = "CTGTCTCTTATACACATCT"
ILLUMINA_ADAPTERS = ((_TRUSEQ[0], _NEXTERA), (_TRUSEQ[1], _NEXTERA))
"""Adapters at the 3' ends of read 1 and of read 2 (Illumina, document 1000000002694)."""

# A whole trailing run, never a single G: a rule that eats every last G would shorten reads that end
# in the reference's ATG but not those that end in another base there.
_POLY_G = "G{100}X;min_overlap=10"
_ROUNDS = 2  # what dark cycles wrote, and the adapter before it
# Bases of an adapter that are enough to cut it. A pair's read-through is found without them, and
# each base less cuts more reads that only happen to end so.
_SINGLE_OVERLAP, _PAIRED_OVERLAP = "3", "5"
_SEED = 20  # bases of one mate sought in the other
_MISMATCH_FRACTION = 0.1


@dataclass(frozen=True)
class TrimOptions:
    """What is trimmed, and how.

    Attributes:
        reads: The user's FASTQ files: one, or those of read 1 and read 2.
        trimmed: Where the trimmed reads go, as many gzip-compressed FASTQ files.
        structures: Where the UMIs are, one structure per file; empty without UMIs in the reads.
        enabled: Without it reads are only checked and their UMIs taken off.
        quality: Phred below which the 3' end is cut; 0 for never.
        poly_g: Whether trailing runs of ten or more G are cut.
        min_length: Fragments with a shorter read are dropped.
        adapters: Sought in both reads; None for the usual ones of Illumina.
        bait: Only fragments that hold a word of it go on; None for all.
    """

    reads: tuple[LocalFile, ...]
    trimmed: tuple[Path, ...]
    structures: tuple[ReadStructure, ...] = ()
    enabled: bool = True
    quality: int = 15
    poly_g: bool = True
    min_length: int = 30
    adapters: tuple[str, ...] | None = None
    bait: Bait | None = None


@dataclass(frozen=True)
class TrimReport:
    """What trimming did.

    Attributes:
        files: The input files.
        fragments_in: Reads, or pairs of reads, in the input.
        fragments_out: Those kept.
        read_through: Pairs whose mates reach past each other's start.
        warnings: What a reader of the result should know.
        targeted: What was selected before trimming; None if all went on.
    """

    files: tuple[InputFile, ...]
    fragments_in: int
    fragments_out: int
    read_through: int
    warnings: tuple[str, ...]
    targeted: TargetedUse | None = None


@dataclass
class _Counts:
    selection: Selection
    seen: int = 0
    handed_on: int = 0
    read_through: int = 0


def trim_unit(options: TrimOptions) -> TrimReport:
    """Check, trim and write one unit's reads.

    UMIs travel in the FASTQ comment as a SAM tag (``RX:Z:``), those of several segments joined with
    ``-``; read names lose their comment and mate suffix.

    Raises:
        UserError: the input is not usable (see :func:`vexas_uba1.mapping.fastq.read_fragments`),
            the two files are the same, or no read is as long as the read structure.
        OSError: the output cannot be written.
    """
    counts = _Counts(Selection())
    qualities = QualityRange()
    fragments = _prepared(options, counts, qualities)
    with ExitStack() as stack:
        parts = [stack.enter_context(replacing(path)) for path in options.trimmed]
        kept = (
            _write_trimmed(fragments, parts, options)
            if options.enabled
            else _write_plain(fragments, parts)
        )
        # Within the block, so that nothing is left behind.
        if counts.seen and not counts.handed_on:
            raise UserError(
                "no read is as long as the identifiers and skipped bases of the read structure",
                remedy="Correct the column umi",
                file=options.reads[0].shown,
            )
        files = _described(options.reads)
    return TrimReport(
        files=files,
        fragments_in=counts.selection.fragments if options.bait else counts.seen,
        fragments_out=kept,
        read_through=counts.read_through,
        warnings=_warnings(options.reads, qualities),
        targeted=TargetedUse(counts.selection.fragments, counts.selection.kept)
        if options.bait
        else None,
    )


def _prepared(
    options: TrimOptions, counts: _Counts, qualities: QualityRange
) -> Iterator[tuple[dnaio.SequenceRecord, ...]]:
    """Yield the fragments without UMIs and read-through, as trimming goes on with them."""
    fragments = (
        read_fragments(options.reads, qualities)
        if options.bait is None
        else select_fragments(options.reads, qualities, options.bait, counts.selection)
    )
    for name, records in fragments:
        counts.seen += 1
        if options.structures and not _take_umi(name, records, options.structures):
            continue
        if not options.structures:
            for record in records:
                record.name = name
        if options.enabled and len(records) == 2:
            length = insert_length(records[0].sequence, records[1].sequence)
            if length is not None:
                counts.read_through += 1
                records = (records[0][:length], records[1][:length])
        counts.handed_on += 1
        yield records


def _take_umi(
    name: str, records: tuple[dnaio.SequenceRecord, ...], structures: tuple[ReadStructure, ...]
) -> bool:
    """Cut each record down to its template and note the UMI; False if a read is too short."""
    identifiers: list[str] = []
    templates: list[slice] = []
    for record, structure in zip(records, structures, strict=True):
        start = 0
        for segment in structure.segments:
            end = len(record) if segment.length is None else start + segment.length
            if segment.kind == "T":
                templates.append(slice(start, end))
                if start >= len(record):
                    return False
            elif end > len(record):
                return False
            elif segment.kind == "M":
                identifiers.append(record.sequence[start:end])
            start = end
    named = f"{name}\t{UMI_TAG}:Z:{'-'.join(identifiers)}"
    for record, template in zip(records, templates, strict=True):
        quality = record.qualities or ""
        record.name, record.sequence = named, record.sequence[template]
        record.qualities = quality[template]
    return True


def insert_length(first: str, second: str) -> int | None:
    """Return the insert's length if the mates read through it, else None.

    One mate's first bases are sought, reverse-complemented, in the other; where they end, the
    insert ends. This finds adapters of any sequence, and a mate's inline UMI, down to a single
    base, which a search for the adapter's bases cannot.
    """
    for one, other in ((first, second), (second, first)):
        seed = reverse_complement(other[:_SEED])
        found = one.find(seed) if len(seed) == _SEED else -1
        if found < 0 or one.find(seed, found + 1) >= 0:
            continue
        length = found + _SEED
        if length >= max(len(first), len(second)):
            return None
        overlap = min(length, len(other))
        expected = reverse_complement(other[:overlap])
        seen = one[length - overlap : length]
        mismatches = sum(a != b for a, b in zip(seen, expected, strict=True))
        if mismatches <= _MISMATCH_FRACTION * overlap:
            return length
    return None


def _write_plain(fragments: Iterator[tuple[dnaio.SequenceRecord, ...]], parts: list[Path]) -> int:
    """Write the fragments as they are and return their number."""
    written = 0
    with ExitStack() as stack:
        handles = []
        for part in parts:
            raw = stack.enter_context(part.open("wb"))
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0)
            handles.append(stack.enter_context(packed))
        for records in fragments:
            written += 1
            for handle, record in zip(handles, records, strict=True):
                handle.write(record.fastq_bytes())
    return written


def _write_trimmed(
    fragments: Iterator[tuple[dnaio.SequenceRecord, ...]], parts: list[Path], options: TrimOptions
) -> int:
    """Pass the fragments through cutadapt and return the number of those kept."""
    with tempfile.TemporaryDirectory(prefix=".part-", dir=parts[0].parent) as folder:
        summary = Path(folder) / "cutadapt.json"
        command = _cutadapt_command(options, parts, summary)
        # A pipe holds its few messages, which a file on a full disk could not.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert process.stdin is not None and process.stderr is not None
        try:
            # A broken pipe means that it ended early; its status and messages say why.
            with suppress(BrokenPipeError):
                for records in fragments:
                    for record in records:
                        process.stdin.write(record.fastq_bytes())
        except BaseException:
            process.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            with process.stderr:
                messages = process.stderr.read().decode(errors="replace")
            status = process.wait()
        if status != 0:
            raise failure("cutadapt", status, messages)
        kept: int = json.loads(summary.read_text(encoding="utf-8"))["read_counts"]["output"]
    return kept


def _cutadapt_command(options: TrimOptions, parts: list[Path], summary: Path) -> list[str]:
    paired = len(parts) == 2
    command = [sys.executable, "-m", "cutadapt", "--quiet", "--json", str(summary)]
    # One core, since more would change how the output is packed; checking the input takes another
    # meanwhile.
    command += ["--cores", "1", "--compression-level", "1"]
    command += ["--overlap", _PAIRED_OVERLAP if paired else _SINGLE_OVERLAP]
    command += ["--times", str(_ROUNDS), "--minimum-length", str(options.min_length)]
    if options.quality:
        command += ["--quality-cutoff", str(options.quality)]
    for mate, flag in enumerate(("-a", "-A")[: len(parts)]):
        adapters = ILLUMINA_ADAPTERS[mate] if options.adapters is None else options.adapters
        for adapter in (*adapters, _POLY_G) if options.poly_g else adapters:
            command += [flag, adapter]
    # cutadapt chooses the format by the name's ending, which the part keeps.
    command += ["--output", str(parts[0])]
    if paired:
        command += ["--interleaved", "--paired-output", str(parts[1])]
    return [*command, "-"]


def _described(reads: tuple[LocalFile, ...]) -> tuple[InputFile, ...]:
    return tuple(
        InputFile(file.name, file.path.stat().st_size, sha256_of(file.path)) for file in reads
    )


def _warnings(reads: tuple[LocalFile, ...], qualities: QualityRange) -> tuple[str, ...]:
    if not qualities.looks_like_phred64:
        return ()
    names = " and ".join(file.name for file in reads)
    return (f"{names}: base qualities look like the old Phred+64 and would be read far too high",)
