"""Finding the gene in an assembly that the record does not know, by its exons' bases."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from vexas_uba1.errors import UserError
from vexas_uba1.locus.bases import reverse_complement
from vexas_uba1.locus.record import BuildRecord, Interval, Locus

MAX_INTRON = 100_000
"""Longest intron accepted, in bases."""

MIN_INTRON = 20
"""Shortest intron accepted, in bases."""

BASES_PER_MISMATCH = 50
"""One base in so many of an exon may differ from the record, as common alleles do."""

_SEED = 16


def place_in_sequence(
    locus: Locus, contig: str, sequence: str, *, name: str | None = None
) -> BuildRecord:
    """Place the record's exons in one contig of another assembly.

    The exon of the codon must be there base for base; from it the other exons are sought outwards,
    in order, on the same strand, introns of at most ``MAX_INTRON`` apart, each with at most one
    mismatch in ``BASES_PER_MISMATCH`` bases (unknown bases count as equal). Copies of the codon's
    exon without the other exons around them, as in a pseudogene, are passed over.

    Args:
        locus: A record with exons.
        contig: Name of the contig.
        sequence: All bases of the contig, forward strand.
        name: Of the new build; by default ``custom-`` and the first eight digits of the sequence's
            MD5.

    Raises:
        UserError: the record has no exons, or the gene is not found, or found more than once.
    """
    if not locus.exons:
        raise UserError(
            f"the gene record of {locus.gene} has no exons by which its place in another assembly "
            "could be found",
            remedy="Add this assembly's contig, length and codon positions to the record's builds",
            file=locus.file,
        )
    bases = sequence.upper()
    forward = locus.strand == "+"
    # Along the forward strand a gene of the minus strand begins with its last exon.
    exons = [exon.bases if forward else reverse_complement(exon.bases) for exon in locus.exons]
    if not forward:
        exons.reverse()
    anchor, offsets = _codon_exon(locus)
    chains = []
    for start in _exact_hits(exons[anchor], bases, 0, len(bases)):
        chain = _chain(exons, anchor, start, bases)
        if chain is not None:
            chains.append(chain)
    if len(chains) != 1:
        raise _not_placed(locus, contig, len(chains), exons[anchor], bases)
    codon = [chains[0][anchor][0] + offset for offset in offsets]
    placed = chains[0] if forward else chains[0][::-1]
    md5 = hashlib.md5(bases.encode("ascii"), usedforsecurity=False).hexdigest()
    return BuildRecord(
        name=name or f"custom-{md5[:8]}",
        contigs=(contig,),
        length=len(bases),
        m5=md5,
        codon_positions=(codon[0], codon[1], codon[2]),
        exons=tuple(placed),
    )


def _codon_exon(locus: Locus) -> tuple[int, list[int]]:
    """Return the codon's exon in forward order and the codon's offsets from its start.

    The offsets are in the transcript's order; of a split codon they would depend on the intron.

    Raises:
        UserError: the codon is split by an intron.
    """
    build = locus.builds[0]
    for index, (start, end) in enumerate(build.exons):
        if all(start <= position < end for position in build.codon_positions):
            forward_index = index if locus.strand == "+" else len(build.exons) - 1 - index
            return forward_index, [position - start for position in build.codon_positions]
    raise UserError(
        f"the codon of {locus.gene} is split by an intron, so that its place in another assembly "
        "cannot be found",
        remedy="Add this assembly to the record's builds",
        file=locus.file,
    )


def _chain(exons: list[str], anchor: int, start: int, bases: str) -> list[Interval] | None:
    """Extend a placed exon to all exons; None if one is missing, or twice in the gene's span."""
    chain: dict[int, Interval] = {anchor: (start, start + len(exons[anchor]))}
    for index in range(anchor + 1, len(exons)):
        low = chain[index - 1][1] + MIN_INTRON
        found = _places(exons[index], bases, low, low + MAX_INTRON + len(exons[index]))
        if not found:
            return None
        chain[index] = found[0]
    for index in range(anchor - 1, -1, -1):
        high = chain[index + 1][0] - MIN_INTRON
        found = _places(exons[index], bases, max(0, high - MAX_INTRON - len(exons[index])), high)
        if not found:
            return None
        chain[index] = found[-1]
    low, high = chain[0][0], chain[len(exons) - 1][1]
    if any(_places(exon, bases, low, high) != [chain[index]] for index, exon in enumerate(exons)):
        return None
    return [chain[index] for index in range(len(exons))]


def _places(exon: str, bases: str, low: int, high: int) -> list[Interval]:
    """Return an exon's places of fewest mismatches within ``low`` to ``high``, ascending."""
    starts = list(_exact_hits(exon, bases, low, high))
    if not starts:
        allowed = len(exon) // BASES_PER_MISMATCH
        counted = {
            start: _mismatches(exon, bases[start : start + len(exon)])
            for start in _seeded(exon, bases, low, high)
        }
        fewest = min(counted.values(), default=0)
        starts = sorted(start for start, found in counted.items() if found == fewest <= allowed)
    return [(start, start + len(exon)) for start in starts]


def _exact_hits(needle: str, bases: str, low: int, high: int) -> Iterator[int]:
    start = bases.find(needle, low, high)
    while start >= 0:
        yield start
        start = bases.find(needle, start + 1, high)


def _seeded(exon: str, bases: str, low: int, high: int) -> set[int]:
    """Return the starts at which some part of the exon matches exactly and the whole exon fits."""
    starts: set[int] = set()
    size = min(_SEED, len(exon))
    for offset in range(0, len(exon) - size + 1, size):
        seed = exon[offset : offset + size]
        if "N" not in seed:
            starts.update(hit - offset for hit in _exact_hits(seed, bases, low, high))
    return {
        start for start in starts if start >= low and start + len(exon) <= min(high, len(bases))
    }


def _mismatches(exon: str, other: str) -> int:
    return sum(a != b and "N" not in (a, b) for a, b in zip(exon, other, strict=True))


def _not_placed(locus: Locus, contig: str, found: int, exon: str, bases: str) -> UserError:
    if found > 1:
        message = f"{locus.gene} lies in {found} places of contig {contig}"
    elif reverse_complement(exon) in bases:
        message = (
            f"{locus.gene} lies on the other strand of contig {contig} than the gene record says"
        )
    elif exon in bases:
        message = (
            f"contig {contig} holds the codon's exon of {locus.gene}, but not all other exons "
            "around it in order"
        )
    else:
        message = f"contig {contig} does not hold the codon's exon of {locus.gene}"
    return UserError(
        message,
        remedy="Give a FASTA of the same species with the gene's whole contig, or add the assembly "
        "to a gene record of your own (locus)",
        file=locus.file,
    )
