"""Short words of the gene by which reads that can come from it are told from all others.

A word is a run of bases, held as a number of two bits a base. A read is of the gene if it holds one
of ``NEAR_WORD`` bases from around the codon, begun at any of its bases, or one of ``WIDE_WORD``
bases of the whole window, begun at every second; either strand counts. So no read is passed over
that shares ``NEAR_WORD`` bases in a row with the codon's surroundings, or ``WIDE_WORD`` + 1 with
any other part of the gene that is not left out as a repeat.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.fasta import Genome
from vexas_uba1.errors import UserError
from vexas_uba1.locus.bases import reverse_complement
from vexas_uba1.locus.placed import PlacedLocus

NEAR_WORD, WIDE_WORD = 13, 15
NEAR = 500
"""Bases on either side of the codon whose short words count: a usual fragment's reach."""
PROTECTED = 150
"""Those of a usual read: none of their short words is left out, however often the genome has it."""

_STRETCH = 1 << 20  # bases of the genome that are looked at in one place
_STRETCHES = 64
_FEW, _USUAL = 4, 8  # a repeat is found more often than _FEW + _USUAL times what chance gives
_FIRST = 11  # first bases of a wide word, by which most of what is none is passed over

_Words = NDArray[np.uint32]
_Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Bait:
    """The words, each kind with a table that passes over most of what is none.

    Attributes:
        near: Words of ``NEAR_WORD`` bases, ascending.
        near_parts: For each run of eight bases whether a near word begins or ends with it.
        wide: Words of ``WIDE_WORD`` bases, ascending.
        wide_parts: For each run of ``_FIRST`` bases whether a wide word begins with it.
    """

    near: _Words
    near_parts: NDArray[np.bool_]
    wide: _Words
    wide_parts: NDArray[np.bool_]

    def takes(self, reads: NDArray[np.uint8], lengths: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which reads hold a word (R).

        Args:
            reads: Characters of the reads, upper or lower case, each filled up with anything; the
                width is even and at least 16 (R, W).
            lengths: Of the reads (R).
        """
        taken = np.zeros(len(reads), dtype=bool)
        eights = _eights(reads.reshape(-1))
        for size, (at, _) in (
            (NEAR_WORD, self._near_in(eights)),
            (WIDE_WORD, self._wide_in(eights)),
        ):
            read, start = np.divmod(at, reads.shape[1])
            taken[read[start + size <= lengths[read]]] = True
        return taken

    def counts(self, bases: NDArray[np.uint8]) -> tuple[_Indices, _Indices]:
        """Return how often each near and each wide word is in a text of known bases and N."""
        unknown = np.append(0, np.cumsum(bases == ord("N")))
        eights = _eights(bases)
        near_at, near = self._near_in(eights)
        even_at, even = self._wide_in(eights)
        odd_at, odd = self._wide_in(eights[1:])
        found = (
            (self.near, NEAR_WORD, near_at, near),
            (self.wide, WIDE_WORD, np.append(even_at, odd_at + 1), np.append(even, odd)),
        )
        of_near, of_wide = (
            np.bincount(index[unknown[at + size] == unknown[at]], minlength=words.size)
            for words, size, at, index in found
        )
        return of_near, of_wide

    def _near_in(self, eights: NDArray[np.uint16]) -> tuple[_Indices, _Indices]:
        """Return where near words begin, and which."""
        parts = self.near_parts.take(eights)
        tail = NEAR_WORD - 8
        at = np.flatnonzero(parts[:-tail] & parts[tail:])
        return _known(self.near, _joined(eights, at, NEAR_WORD), at)

    def _wide_in(self, eights: NDArray[np.uint16]) -> tuple[_Indices, _Indices]:
        """Return where wide words begin at every second place, and which."""
        heads = eights[: 8 - WIDE_WORD : 2].astype(np.intp)
        heads <<= 2 * (_FIRST - 8)
        heads |= eights[_FIRST - 8 : _FIRST - WIDE_WORD : 2] & _mask(_FIRST - 8)
        at = 2 * np.flatnonzero(self.wide_parts.take(heads))
        return _known(self.wide, _joined(eights, at, WIDE_WORD), at)


def make_bait(placed: PlacedLocus, genome: Genome | None) -> Bait:
    """Return the words of a gene.

    The gene is looked at as it lies in the genome and as its exons are joined. Words that the
    genome has often, such as those of Alu elements, are left out, but for the wide words of the
    exons and the near words within ``PROTECTED`` bases of the codon. How often is judged from
    stretches at even distances.

    Args:
        placed: The gene in the genome's coordinates.
        genome: The user's; without it the record's exons are all that is known, and no word is
            left out.

    Raises:
        UserError: the FASTA cannot be read, or nothing is known of the codon's surroundings.
    """
    start, end = placed.window
    bases = genome.fetch(placed.contig, start, end) if genome else placed.reference_bases()
    codon = min(placed.codon_positions) - start
    texts = [(bases, codon)]
    if placed.locus.exons:
        joined = placed.transcript_bases
        places = [placed.transcript_index[position] for position in placed.codon_positions]
        texts.append((joined, min(places)))
    near = _words([_around(*text, NEAR) for text in texts], NEAR_WORD)
    if not near.size:
        raise UserError(
            f"the bases around the codon of {placed.locus.gene} are not known, so that no reads "
            "can be selected by them",
            remedy="Give a genome FASTA as reference, or set targeted: false",
            file=placed.locus.file,
        )
    protected = _words([_around(*text, PROTECTED) for text in texts], NEAR_WORD)
    wide = _words([text for text, _ in texts], WIDE_WORD)
    if genome is not None:
        often = _found_often(_with_tables(near, wide), genome)
        near = near[~often[0] | np.isin(near, protected)]
        wide = wide[~often[1] | np.isin(wide, _words([text for text, _ in texts[1:]], WIDE_WORD))]
    return _with_tables(near, wide)


def _around(bases: str, codon: int, reach: int) -> str:
    return bases[max(0, codon - reach) : codon + 3 + reach]


def _words(texts: Iterable[str], size: int) -> _Words:
    """Return the words of both strands that hold known bases alone, ascending."""
    found = [np.empty(0, dtype=np.uint32)]
    for text in texts:
        for strand in (text, reverse_complement(text)):
            if len(strand) < size:
                continue
            bases = np.frombuffer(strand.encode("ascii"), dtype=np.uint8)
            unknown = np.append(0, np.cumsum(~np.isin(bases, np.frombuffer(b"ACGT", np.uint8))))
            at = np.flatnonzero(unknown[size:] == unknown[:-size])
            found.append(_joined(_eights(bases), at, size))
    return np.unique(np.concatenate(found))


def _with_tables(near: _Words, wide: _Words) -> Bait:
    near_parts = np.zeros(1 << 16, dtype=bool)
    near_parts[near >> (2 * (NEAR_WORD - 8))] = True
    near_parts[near & _mask(8)] = True
    wide_parts = np.zeros(1 << (2 * _FIRST), dtype=bool)
    wide_parts[wide >> (2 * (WIDE_WORD - _FIRST))] = True
    return Bait(near, near_parts, wide, wide_parts)


def _found_often(bait: Bait, genome: Genome) -> list[NDArray[np.bool_]]:
    """Return which near and which wide words are repeats."""
    counts = [np.zeros(bait.near.size, dtype=np.intp), np.zeros(bait.wide.size, dtype=np.intp)]
    seen = 0
    for text in _stretches(genome):
        bases = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
        if bases.size < 2 * WIDE_WORD:
            continue
        seen += bases.size
        for count, more in zip(counts, bait.counts(bases), strict=True):
            count += more
    return [
        count > _FEW + _USUAL * seen / 4**size
        for count, size in zip(counts, (NEAR_WORD, WIDE_WORD), strict=True)
    ]


def _stretches(genome: Genome) -> Iterator[str]:
    """Yield bases of the genome from places at even distances; a small genome's from all of it."""
    total = sum(contig.length for contig in genome.contigs)
    step = max(_STRETCH, total // _STRETCHES)
    wanted, before = 0, 0
    for contig in genome.contigs:
        while wanted < before + contig.length:
            start = wanted - before
            yield genome.fetch(contig.name, start, min(start + _STRETCH, contig.length))
            wanted += step
        before += contig.length


def _eights(bases: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Return the run of eight bases that begins at each place but the last seven.

    Two bits of the characters tell A, C, T and G apart, in either case; all else is taken for one
    of them, so that it may add a word but hides none.
    """
    one = (bases >> 1) & 3
    two = (one[:-1] << 2) | one[1:]
    four = (two[:-2] << 4) | two[2:]
    wide = four.astype(np.uint16)
    eight = wide[:-4] << np.uint16(8)
    eight |= wide[4:]
    return eight


def _joined(eights: NDArray[np.uint16], at: NDArray[np.intp], size: int) -> _Words:
    """Return the words of ``size`` bases, 8 to 16, at some places, from two runs of eight each."""
    more = size - 8
    words = eights[at].astype(np.uint32)
    words <<= np.uint32(2 * more)
    words |= eights[at + more] & _mask(more)
    return words


def _mask(bases: int) -> np.uint16:
    return np.uint16((1 << (2 * bases)) - 1)


def _known(words: _Words, seen: _Words, at: NDArray[np.intp]) -> tuple[_Indices, _Indices]:
    """Return the places where one of ``words`` was seen, and which."""
    if not words.size:
        return at[:0], at[:0]
    index = np.minimum(np.searchsorted(words, seen), words.size - 1)
    same = words[index] == seen
    return at[same], index[same]
