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
        for size, at, _ in self.found(reads.reshape(-1)):
            read, start = np.divmod(at, reads.shape[1])
            taken[read[start + size <= lengths[read]]] = True
        return taken

    def found(
        self, bases: NDArray[np.uint8]
    ) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the size, the places and the indices of the near words found, then of the wide."""
        eights = _eights(bases)
        parts = self.near_parts.take(eights)
        tail = NEAR_WORD - 8
        at = np.flatnonzero(parts[:-tail] & parts[tail:])
        yield NEAR_WORD, *_known(self.near, _joined(eights, at, NEAR_WORD), at)
        heads = eights[: -(WIDE_WORD - 8) : 2].astype(np.intp)
        heads <<= 2 * (_FIRST - 8)
        heads |= eights[_FIRST - 8 : _FIRST - WIDE_WORD : 2] & _mask(_FIRST - 8)
        at = 2 * np.flatnonzero(self.wide_parts.take(heads))
        yield WIDE_WORD, *_known(self.wide, _joined(eights, at, WIDE_WORD), at)


def make_bait(placed: PlacedLocus, genome: Genome | None) -> Bait:
    """Return the words of a gene.

    The gene is looked at as it lies in the genome and as its exons are joined. Words that the
    genome has often, such as those of Alu elements, are left out, but for the near words within
    ``PROTECTED`` bases of the codon. How often is judged from stretches at even distances.

    Args:
        placed: The gene in the genome's coordinates.
        genome: The user's; without it the record's exons are all that is known, and no word is
            left out.

    Raises:
        UserError: the FASTA cannot be read.
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
    protected = _words([_around(*text, PROTECTED) for text in texts], NEAR_WORD)
    wide = _words([text for text, _ in texts], WIDE_WORD)
    if genome is not None:
        often = _found_often(_with_tables(near, wide), genome)
        near = near[~often[0] | np.isin(near, protected)]
        wide = wide[~often[1]]
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
        for count, (size, at, index) in zip(counts, bait.found(bases), strict=True):
            known = (bases[at] != ord("N")) & (bases[at + size - 1] != ord("N"))
            count += np.bincount(index[known], minlength=count.size)
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


def _known(
    words: _Words, seen: _Words, at: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places where one of ``words`` was seen, and which."""
    if not words.size:
        return at[:0], at[:0]
    index = np.minimum(np.searchsorted(words, seen), words.size - 1)
    same = words[index] == seen
    return at[same], index[same]
