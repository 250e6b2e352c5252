"""The reads of the gene's window, taken into a small BAM that holds nothing private."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pysam

from vexas_uba1.alignments.coverage import ContigReads
from vexas_uba1.alignments.fasta import Genome
from vexas_uba1.alignments.genomes import choose_reference, place_reads
from vexas_uba1.alignments.marking import names_marking_program
from vexas_uba1.alignments.opening import make_index, open_alignment
from vexas_uba1.alignments.quiet import quiet_htslib
from vexas_uba1.alignments.sources import AlignmentHeader, Source, check_alignment_file
from vexas_uba1.errors import UserError
from vexas_uba1.files import replacing, sha256_of
from vexas_uba1.locus.placed import PlacedLocus, place
from vexas_uba1.locus.record import BuildRecord, Locus
from vexas_uba1.result import InputFile

WHOLE_FILE_LIMIT = 1 << 31  # bytes; a larger file is known by its records of the window
# Read groups are kept too, under names of ours.
_KEPT_TAGS = frozenset({"AS", "MC", "MD", "MQ", "NM", "SA", "XS", "CB", "MI", "RX", "UB"})
_FIRST_TAG = 11  # field of a SAM line
# The fastest: the small BAM gets a quarter larger than by default, in a third of the time.
_KEPT, _PASSING = ["level=1"], ["level=0"]
"""How a BAM is compressed that is kept, and one that is read once."""
# SAM specification 1.6, section 1.3, PL.
_PLATFORMS = frozenset(
    {"CAPILLARY", "DNBSEQ", "ELEMENT", "HELICOS", "ILLUMINA", "IONTORRENT", "LS454", "ONT"}
    | {"PACBIO", "SINGULAR", "SOLID", "ULTIMA"}
)


@dataclass(frozen=True)
class ReadGroup:
    """A read group of the extracted BAM, under a name of ours.

    Attributes:
        id: ``rg1``, ``rg2``, … in the header's order.
        library: ``lib1``, … ; empty where the header names none.
        platform: As in the SAM specification; empty where unknown.
    """

    id: str
    library: str
    platform: str


@dataclass(frozen=True)
class Extraction:
    """What was taken out of the user's file, and what its header said.

    Attributes:
        build: Name of the build.
        contig: The gene's contig in the user's file.
        contig_length: In bases.
        m5: Its checksum in the header, or None.
        placement: The gene's place where it had to be sought in the FASTA; None for a build of the
            record.
        files: The input.
        records: Records in the extracted BAM; the four next are how many of them carry that flag.
        duplicates: Flag 0x400.
        secondary: Flag 0x100.
        supplementary: Flag 0x800.
        qc_failed: Flag 0x200.
        unmapped: Unmapped reads placed in the window, left out.
        other_read_groups: Records left out since they belong to no read group of
            ``read_group_sample``.
        read_groups: Of the extracted BAM.
        foreign_samples: Sample names (SM) of the header that are not this sample's id.
        marked_duplicates: Whether a record is flagged as duplicate or the header names a program
            that does so.
        chromosomes: Records on autosomes, X and Y; empty where the file does not tell, or holds
            other people's reads too.
        warnings: Plain sentences for the result.
    """

    build: str
    contig: str
    contig_length: int
    m5: str | None
    placement: BuildRecord | None
    files: tuple[InputFile, ...]
    records: int
    duplicates: int
    secondary: int
    supplementary: int
    qc_failed: int
    unmapped: int
    other_read_groups: int
    read_groups: tuple[ReadGroup, ...]
    foreign_samples: tuple[str, ...]
    marked_duplicates: bool
    chromosomes: tuple[ContigReads, ...]
    warnings: tuple[str, ...]

    def placed(self, locus: Locus) -> PlacedLocus:
        """Return the gene in the coordinates of the extracted BAM."""
        if self.placement is not None:
            return place(locus, self.placement, self.contig)
        return locus.placed(self.build).with_contig(self.contig)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Extraction:
        """Return what :meth:`to_json` gave."""
        from cattrs import Converter

        return Converter(forbid_extra_keys=True).structure(values, cls)


@dataclass(frozen=True)
class _Groups:
    """The read groups to take.

    Attributes:
        renamed: Our name for each read group of the header that is taken.
        exclusive: Whether reads of no such group are left out.
        kept: As the extracted BAM names them.
        foreign: Sample names that are not this sample's.
    """

    renamed: Mapping[str, str]
    exclusive: bool
    kept: tuple[ReadGroup, ...]
    foreign: tuple[str, ...]


def extract_region(
    source: Path | str,
    *,
    locus: Locus,
    genomes: Sequence[Genome],
    sample_id: str,
    out_bam: Path,
    scratch: Path,
    wanted_build: str | None = None,
    read_group_sample: str | None = None,
    umi_tags: Sequence[str] = (),
    shown: str | None = None,
    whole_file_limit: int = WHOLE_FILE_LIMIT,
    compressed: bool = True,
) -> Extraction:
    """Write the mapped records that overlap the gene's window to a sorted, indexed BAM.

    Duplicates, secondary and supplementary records are kept, whatever the depth. Records of one
    position stay in the file's order; only one record is held at a time. The header keeps contigs
    with their checksums and renamed read groups only, records keep the tags that calling needs.

    Args:
        source: Path or URL of the BAM or CRAM.
        locus: The gene record.
        genomes: The user's FASTAs, of any builds; a CRAM needs its own among them.
        sample_id: Becomes the read groups' sample name.
        out_bam: Where to write; the index gets the same name and ``.bai``.
        scratch: A folder of ours for indexes.
        wanted_build: The build that the configuration asks for; None or ``auto`` if it leaves that
            open.
        read_group_sample: The sample name (SM) to take from a file that holds several.
        umi_tags: Further tags to keep.
        shown: The file as the user named it, for messages; ``source`` by default.
        whole_file_limit: A local file of so many bytes at most is known by the checksum of all of
            them, a larger one by that of the gene's records, as a remote one.
        compressed: Whether ``out_bam`` is to be kept, and so to be small.

    Raises:
        UserError: the file cannot be used; see :mod:`vexas_uba1.alignments.opening` and
            :mod:`vexas_uba1.alignments.genomes`. A window without reads is not an error.
        OSError: ``out_bam`` cannot be written.
    """
    file = Source.of(source, shown)
    header = check_alignment_file(file)
    detected = place_reads(header.contigs, locus, genomes, file=file.shown, wanted=wanted_build)
    placed = detected.placed
    contig = header.contig(placed.contig)
    reference = choose_reference(genomes, placed, m5=contig.m5, file=file.shown)
    groups = _choose_groups(header, sample_id, read_group_sample, file.shown)
    as_a_whole = not file.is_remote and Path(file.location).stat().st_size <= whole_file_limit
    checksum = None if as_a_whole else _RecordsChecksum()
    stripper = _Stripper(groups, _KEPT_TAGS | set(umi_tags), file.shown, checksum)
    genome = None if reference is None else reference.genome
    with open_alignment(
        file, header, contig=contig.name, window=placed.window, genome=genome, scratch=scratch
    ) as alignment:
        chromosomes = () if groups.exclusive else alignment.chromosomes()
        records = stripper.taken(alignment.fetch(contig.name, *placed.window))
        _write(
            records,
            _header_text(header, groups, sample_id),
            out_bam,
            _KEPT if compressed else _PASSING,
        )
        warnings = (
            *detected.warnings,
            *alignment.warnings,
            *_group_warnings(groups, stripper.other_read_groups, sample_id),
        )
    return Extraction(
        build=placed.build.name,
        contig=contig.name,
        contig_length=contig.length,
        m5=contig.m5,
        placement=None if placed.build in locus.builds else placed.build,
        files=(_input_file(file, checksum),),
        records=stripper.flags.total(),
        duplicates=stripper.flagged(pysam.FDUP),
        secondary=stripper.flagged(pysam.FSECONDARY),
        supplementary=stripper.flagged(pysam.FSUPPLEMENTARY),
        qc_failed=stripper.flagged(pysam.FQCFAIL),
        unmapped=stripper.unmapped,
        other_read_groups=stripper.other_read_groups,
        read_groups=groups.kept,
        foreign_samples=groups.foreign,
        marked_duplicates=stripper.flagged(pysam.FDUP) > 0
        or names_marking_program(header.programs),
        chromosomes=chromosomes,
        warnings=warnings,
    )


def _choose_groups(
    header: AlignmentHeader, sample_id: str, wanted: str | None, file: str
) -> _Groups:
    names = list(dict.fromkeys(group["SM"] for group in header.read_groups if group.get("SM")))
    if wanted is not None and wanted not in names:
        raise UserError(
            "no read group of the file has the sample name that read_group_sample asks for; "
            f"it has {', '.join(names) or 'none'}",
            remedy="Correct read_group_sample, or leave it empty if the file holds one sample",
            file=file,
            column="read_group_sample",
            value=wanted,
        )
    if wanted is None and len(names) > 1:
        raise UserError(
            f"the file holds reads of several samples: {', '.join(names)}",
            remedy=f"Name the one to use in the column read_group_sample, for example {names[0]}",
            file=file,
            column="read_group_sample",
        )
    taken = [group for group in header.read_groups if wanted is None or group.get("SM") == wanted]
    libraries: dict[str, str] = {}
    kept: list[ReadGroup] = []
    renamed: dict[str, str] = {}
    for number, group in enumerate(taken, 1):
        library = ""
        if group.get("LB"):
            library = libraries.setdefault(group["LB"], f"lib{len(libraries) + 1}")
        platform = group.get("PL", "").upper()
        kept.append(ReadGroup(f"rg{number}", library, platform if platform in _PLATFORMS else ""))
        renamed[group.get("ID", "")] = f"rg{number}"
    # A name that read_group_sample asks for is the user's own choice, so it is not foreign.
    foreign = () if wanted is not None else tuple(name for name in names if name != sample_id)
    return _Groups(renamed, wanted is not None, tuple(kept), foreign)


def _group_warnings(groups: _Groups, others: int, sample_id: str) -> Iterator[str]:
    for name in groups.foreign:
        yield f"the file's read groups name another sample ({name}) than {sample_id}"
    if others:
        yield (
            f"{others} reads in the window were left out: they belong to "
            "other read groups or to none"
        )


class _RecordsChecksum:
    """SHA-256 of the sum, modulo 2^256, of the records' own SHA-256: their order does not matter.

    A record is its line of SAM with its tags sorted by name.
    """

    def __init__(self) -> None:
        self._sum = 0

    def add(self, fields: str, tags: Sequence[str]) -> None:
        """Take in a record: its line as far as it has no tags, and these."""
        line = "\t".join([fields, *sorted(tags)])
        digest = hashlib.sha256(line.encode("utf-8")).digest()
        self._sum += int.from_bytes(digest, "big")

    def hexdigest(self) -> str:
        """Return the checksum of all records so far."""
        return hashlib.sha256((self._sum % (1 << 256)).to_bytes(32, "big")).hexdigest()


@dataclass(frozen=True)
class _Layout:
    """A record's tags: those not kept as they are, the places of the others, and of its last RG."""

    foreign: Sequence[str]
    kept: Sequence[int]
    group: int | None


class _Stripper:
    """Takes private tags off records, renames their read groups, and counts.

    Attributes:
        flags: Records taken, by flag.
        unmapped: Records left out since they are unmapped.
        other_read_groups: Records left out for their read group.
    """

    def __init__(
        self, groups: _Groups, tags: frozenset[str], file: str, checksum: _RecordsChecksum | None
    ) -> None:
        self.flags: Counter[int] = Counter()
        self.unmapped = 0
        self.other_read_groups = 0
        self._groups = groups
        self._tags = tags
        self._file = file
        self._checksum = checksum
        self._layouts: dict[tuple[str, ...], _Layout] = {}

    def taken(self, records: Iterable[pysam.AlignedSegment]) -> Iterator[pysam.AlignedSegment]:
        """Give the records to write, each changed in place."""
        for record in records:
            flag = record.flag
            if flag & pysam.FUNMAP:
                self.unmapped += 1
            elif self._strip(record):
                self.flags[flag] += 1
                yield record
            else:
                self.other_read_groups += 1

    def flagged(self, bit: int) -> int:
        """Return how many of the taken records carry a bit of the flag."""
        return sum(count for flag, count in self.flags.items() if flag & bit)

    def _strip(self, record: pysam.AlignedSegment) -> bool:
        """Return whether the record is taken; if so, it has the tags to keep and no other."""
        # htslib checks a record when it writes it as text; read as values, tags of a damaged one
        # lead beyond its memory.
        line = self._checked_line(record)
        parts = line.split("\t", _FIRST_TAG)
        tags = parts[_FIRST_TAG].split("\t") if len(parts) > _FIRST_TAG else []
        names = tuple([tag[:2] for tag in tags])
        # Most records of a file carry the same tags.
        layout = self._layouts.get(names)
        if layout is None:
            layout = self._layouts[names] = self._layout(names)
        group = "" if layout.group is None else tags[layout.group][5:]
        renamed = self._groups.renamed.get(group)
        if renamed is None and self._groups.exclusive:
            return False
        for tag in layout.foreign:
            record.set_tag(tag, None)
        if renamed is not None:
            record.set_tag("RG", renamed, "Z")
        if self._checksum is not None:
            kept = [tags[place] for place in layout.kept]
            if renamed is not None:
                kept.append(f"RG:Z:{renamed}")
            self._checksum.add("\t".join(parts[:_FIRST_TAG]), kept)
        return True

    def _layout(self, names: tuple[str, ...]) -> _Layout:
        places = dict(zip(names, range(len(names)), strict=True))
        foreign = [name for name in names if name == "RG" or name not in self._tags]
        kept = [place for place, name in enumerate(names) if name not in foreign]
        return _Layout(foreign, kept, places.get("RG"))

    def _checked_line(self, record: pysam.AlignedSegment) -> str:
        try:
            return record.to_string()
        except ValueError as error:
            raise UserError(
                f"the record of read {record.query_name} contradicts itself or is no SAM (such as "
                "a tag without an end or with letters beyond ASCII)",
                remedy="Align the reads again; `picard ValidateSamFile` lists such records",
                file=self._file,
            ) from error


def _header_text(header: AlignmentHeader, groups: _Groups, sample_id: str) -> str:
    lines = ["@HD\tVN:1.6\tSO:coordinate"]
    for contig in header.contigs:
        checksum = f"\tM5:{contig.m5}" if contig.m5 else ""
        lines.append(f"@SQ\tSN:{contig.name}\tLN:{contig.length}{checksum}")
    for group in groups.kept:
        library = f"\tLB:{group.library}" if group.library else ""
        platform = f"\tPL:{group.platform}" if group.platform else ""
        lines.append(f"@RG\tID:{group.id}\tSM:{sample_id}{library}{platform}")
    return "\n".join(lines) + "\n"


def _write(
    records: Iterable[pysam.AlignedSegment],
    header_text: str,
    out_bam: Path,
    compression: Sequence[str],
) -> None:
    """Write the records and their index in one step each."""
    header = pysam.AlignmentHeader.from_text(header_text)
    # The index takes its place last, and is never older than the BAM.
    with replacing(Path(f"{out_bam}.bai")) as index, replacing(out_bam) as temporary:
        with (
            quiet_htslib(),
            pysam.AlignmentFile(
                str(temporary), "wb", header=header, format_options=compression
            ) as bam,
        ):
            for record in records:
                bam.write(record)
        make_index(temporary, index)


def _input_file(file: Source, records: _RecordsChecksum | None) -> InputFile:
    size = None if file.is_remote else Path(file.location).stat().st_size
    if records is None:
        return InputFile(file.name, size, sha256_of(Path(file.location)), "file")
    return InputFile(file.name, size, records.hexdigest(), "uba1_records")
