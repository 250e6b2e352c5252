"""From an aligner's hits to SAM records: flags, clips, mates, MD and NM (SAM specification)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vexas_uba1.locus.bases import reverse_complement

MATCH, INSERTION, DELETION, SKIP = 0, 1, 2, 3
Cigar = tuple[tuple[int, int], ...]
"""Pairs of length and operation, along the reference, without clips."""
Reference = Callable[[str, int, int], str]
"""Bases of a contig's 0-based half-open interval."""

PAIRED, PROPER, UNMAPPED, MATE_UNMAPPED = 0x1, 0x2, 0x4, 0x8
REVERSE, MATE_REVERSE, FIRST, LAST, SUPPLEMENTARY = 0x10, 0x20, 0x40, 0x80, 0x800


@dataclass(frozen=True, slots=True)
class Hit:
    """One alignment of a read.

    Attributes:
        contig: Name.
        start: 0-based first aligned reference base.
        end: Exclusive end on the reference.
        is_reverse: Whether the reverse complement of the read is aligned.
        mapping_quality: Phred.
        cigar: Without clips.
        clip_left: Read bases before ``start``, in reference order.
        clip_right: Those after ``end``.
    """

    contig: str
    start: int
    end: int
    is_reverse: bool
    mapping_quality: int
    cigar: Cigar
    clip_left: int
    clip_right: int


@dataclass(frozen=True, slots=True)
class Read:
    """One read as sequenced, with its alignments.

    Attributes:
        name: Of the fragment.
        bases: In sequencing order.
        qualities: Phred+33 characters.
        tags: SAM tags to carry along, such as ``RX:Z:ACGT``.
        hits: Those that cover different parts of the read, best first; empty if it is not aligned.
    """

    name: str
    bases: str
    qualities: str
    tags: tuple[str, ...]
    hits: tuple[Hit, ...]


def differences(bases: str, cigar: Cigar, reference: str) -> tuple[int, str]:
    """Return NM and MD of an alignment (SAM optional fields specification).

    N on either side differs from everything, as in samtools: an unknown reference base is named in
    MD.

    Args:
        bases: The aligned read bases, clips excluded, in reference order.
        cigar: Of the alignment.
        reference: From its first to its last base.
    """
    edits, run, at, read_at = 0, 0, 0, 0
    md: list[str] = []
    for length, operation in cigar:
        if operation == MATCH:
            for offset in range(length):
                known = reference[at + offset]
                if known == bases[read_at + offset] and known != "N":
                    run += 1
                else:
                    md.append(f"{run}{known}")
                    run = 0
                    edits += 1
            at += length
            read_at += length
        elif operation == INSERTION:
            edits += length
            read_at += length
        elif operation == DELETION:
            md.append(f"{run}^{reference[at : at + length]}")
            run = 0
            edits += length
            at += length
        else:
            at += length
    md.append(str(run))
    return edits, "".join(md)


def choose_primary(
    hits: Sequence[Sequence[Hit]], is_proper: Callable[[Hit, Hit], bool]
) -> list[tuple[Hit, ...]]:
    """Order each mate's hits, the primary first: those of a proper pair, else the best."""
    if len(hits) == 2:
        for one in hits[0]:
            for other in hits[1]:
                if is_proper(one, other):
                    return [_first(one, hits[0]), _first(other, hits[1])]
    return [tuple(of_read) for of_read in hits]


def _first(hit: Hit, hits: Sequence[Hit]) -> tuple[Hit, ...]:
    return (hit, *(other for other in hits if other is not hit))


def faces(one: Hit, other: Hit, largest_gap: int) -> bool:
    """Whether two mates point at each other with at most ``largest_gap`` bases between them."""
    if one.contig != other.contig or one.is_reverse == other.is_reverse:
        return False
    left, right = (other, one) if one.is_reverse else (one, other)
    return left.start <= right.start and right.start - left.end <= largest_gap


def sam_lines(
    reads: Sequence[Read],
    *,
    read_group: str,
    is_proper: Callable[[Hit, Hit], bool],
    reference: Reference,
) -> list[str]:
    """Return the SAM lines of one fragment: each read's primary record, then supplementary ones.

    Supplementary records are hard-clipped, as the aligners' own are. An unaligned read lies at its
    mate's place.

    Args:
        reads: One read or two mates; at least one has a hit.
        read_group: ID for the RG tag.
        is_proper: Whether two hits make a proper pair.
        reference: The genome, for MD and NM.
    """
    lines: list[str] = []
    primaries = [read.hits[0] if read.hits else None for read in reads]
    for index, read in enumerate(reads):
        own, mate = primaries[index], None
        common = 0
        if len(reads) == 2:
            mate = primaries[1 - index]
            common = PAIRED | (FIRST, LAST)[index]
            if mate is None:
                common |= MATE_UNMAPPED
            elif mate.is_reverse:
                common |= MATE_REVERSE
        tags = (*read.tags, f"RG:Z:{read_group}")
        if own is None:
            assert mate is not None
            at = mate.start + 1
            place = (mate.contig, at, 0, "*", "=", at, 0)
            seen = (read.bases, read.qualities)
            lines.append(_line(read.name, common | UNMAPPED, *place, *seen, *tags))
            continue
        is_pair = mate is not None and is_proper(own, mate)
        described = [_describe(read, hit, reference) for hit in read.hits]
        for number, (hit, (edits, md)) in enumerate(zip(read.hits, described, strict=True)):
            flag = common | (REVERSE if hit.is_reverse else 0)
            flag |= SUPPLEMENTARY if number else (PROPER if is_pair else 0)
            notes = [f"NM:i:{edits}", f"MD:Z:{md}"]
            if len(read.hits) > 1:
                others = zip(read.hits, described, strict=True)
                parts = (_sa(other, nm) for other, (nm, _) in others if other is not hit)
                notes.append(f"SA:Z:{''.join(parts)}")
            bases, qualities = _oriented(read, hit)
            if number:
                kept = slice(hit.clip_left, len(bases) - hit.clip_right)
                bases, qualities = bases[kept], qualities[kept]
            cigar = _cigar(hit, "H" if number else "S")
            aligned = (hit.contig, hit.start + 1, hit.mapping_quality, cigar)
            mates = _mate_fields(hit, mate, common)
            notes += tags
            lines.append(_line(read.name, flag, *aligned, *mates, bases, qualities, *notes))
    return lines


def _line(*fields: str | int) -> str:
    return "\t".join(map(str, fields))


def _oriented(read: Read, hit: Hit) -> tuple[str, str]:
    if hit.is_reverse:
        return reverse_complement(read.bases), read.qualities[::-1]
    return read.bases, read.qualities


def _describe(read: Read, hit: Hit, reference: Reference) -> tuple[int, str]:
    bases, _ = _oriented(read, hit)
    aligned = bases[hit.clip_left : len(bases) - hit.clip_right]
    return differences(aligned, hit.cigar, reference(hit.contig, hit.start, hit.end))


def _mate_fields(hit: Hit, mate: Hit | None, common: int) -> tuple[str, int, int]:
    """Return RNEXT, PNEXT (1-based) and TLEN, the signed distance of 5' ends as samtools' own."""
    if not common & PAIRED:
        return "*", 0, 0
    if mate is None:
        return "=", hit.start + 1, 0
    if mate.contig != hit.contig:
        return mate.contig, mate.start + 1, 0
    own_end, mate_end = (seen.end if seen.is_reverse else seen.start for seen in (hit, mate))
    return "=", mate.start + 1, mate_end - own_end


def _cigar(hit: Hit, clip: str) -> str:
    inner = "".join(f"{length}{'MIDN'[operation]}" for length, operation in hit.cigar)
    left, right = (f"{n}{clip}" if n else "" for n in (hit.clip_left, hit.clip_right))
    return f"{left}{inner}{right}"


def _sa(hit: Hit, edits: int) -> str:
    strand = "-" if hit.is_reverse else "+"
    return (
        f"{hit.contig},{hit.start + 1},{strand},{_cigar(hit, 'S')},{hit.mapping_quality},{edits};"
    )
