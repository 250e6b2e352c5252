"""Short words of the gene by which reads that can come from it are told from all others.

A word is a run of bases, held as a number of two bits a base. A read is of the gene if it holds a
near word, from around the codon, begun at any of its bases, or a wide one, from the whole window,
begun at every second; either strand counts. So no read is passed over that shares ``NEAR_WORD``
bases in a row with the codon's surroundings, or ``WIDE_WORD`` + 1 with any other part of the gene
that is not left out as a repeat.

Of a repeat within ``REACH`` of the codon the words say too little by themselves; but bwa can place
a read by its mate alone. So a read that holds one is of the gene if its mate holds a short word,
from around the codon.

An aligner begins with bases in a row that a read shares with the genome: bwa with 19, minimap2 with
21, for RNA with 15, on the bundled locus with 11. Whatever one of them places on the codon by bases
of its own is therefore taken.
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

NEAR_WORD, WIDE_WORD, SHORT_WORD = 14, 16, 10
BUNDLED_NEAR_WORD = 11
"""Bases of a near word without a genome: alignment to the bundled locus begins with no fewer."""
NEAR = 300
"""Bases on either side of the codon that near words are cut from: the longest short read's."""

REACH = 1_000
"""Bases on either side of the codon where a mate of a read over it lies, at most."""

_STRETCH = 1 << 20  # bases of the genome that are looked at in one place
_STRETCHES = 64
_FEW, _USUAL = 4, 8  # found so often, and so many times what chance gives, more is a repeat
_FIRST = 11  # first bases of a wide word, by which most of what is none is passed over

TAKEN, WITH_MATE = 2, 1
"""What a read holds: a word of the gene, or one that counts if its mate holds a short one."""

_Words = NDArray[np.uint32]
_Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Bait:
    """The words, each kind with a table that passes over most of what is none.

    Attributes:
        near_word: Bases of a near word, 8 to 16.
        near: Near words, ascending.
        near_parts: For each run of eight bases whether a near word begins or ends with it.
        wide: Wide words, of ``WIDE_WORD`` bases, ascending.
        wide_parts: For each run of ``_FIRST`` bases whether a wide word begins with it.
        with_mate: Which wide words count only if the mate holds a short word.
        short: Short words, ascending; none where no word counts only with a mate.
        short_parts: As of near words.
    """

    near_word: int
    near: _Words
    near_parts: NDArray[np.bool_]
    wide: _Words
    wide_parts: NDArray[np.bool_]
    with_mate: NDArray[np.bool_]
    short: _Words
    short_parts: NDArray[np.bool_]

    def takes(self, reads: NDArray[np.uint8], lengths: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return what reads hold: ``TAKEN``, ``WITH_MATE`` or 0 (R).

        Args:
            reads: Characters of the reads, upper or lower case, each filled up with anything; the
                width is even and at least 16 (R, W).
            lengths: Of the reads (R).
        """
        taken = np.zeros(len(reads), dtype=np.uint8)
        eights = _eights(reads.reshape(-1))
        wide, which = self._wide_in(eights)
        alone = ~self.with_mate[which]
        near, _ = _in_two_parts(eights, self.near, self.near_parts, self.near_word)
        for size, at, found in (
            (WIDE_WORD, wide[~alone], WITH_MATE),
            (WIDE_WORD, wide[alone], TAKEN),
            (self.near_word, near, TAKEN),
        ):
            taken[_reads_of(at, size, reads.shape[1], lengths)] = found
        return taken

    def holds_short(self, reads: NDArray[np.uint8], lengths: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which reads hold a short word, of reads as :meth:`takes` has them (R)."""
        holds = np.zeros(len(reads), dtype=bool)
        eights = _eights(reads.reshape(-1))
        at, _ = _in_two_parts(eights, self.short, self.short_parts, SHORT_WORD)
        holds[_reads_of(at, SHORT_WORD, reads.shape[1], lengths)] = True
        return holds

    def wide_counts(self, bases: NDArray[np.uint8]) -> _Indices:
        """Return how often each wide word is in a text of known bases and N."""
        unknown = np.append(0, np.cumsum(bases == ord("N")))
        eights = _eights(bases)
        (even_at, even), (odd_at, odd) = self._wide_in(eights), self._wide_in(eights[1:])
        at, index = np.append(even_at, odd_at + 1), np.append(even, odd)
        known = unknown[at + WIDE_WORD] == unknown[at]
        return np.bincount(index[known], minlength=self.wide.size)

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
    genome has often, such as those of Alu elements, are left out, but for near words and those of
    the exons. How often is judged from stretches at even distances.

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
    near_word = NEAR_WORD if genome else BUNDLED_NEAR_WORD
    around = [bases[max(0, at - NEAR) : at + 3 + NEAR] for bases, at in texts]
    near = _words(around, near_word)
    if not near.size:
        raise UserError(
            f"the bases around the codon of {placed.locus.gene} are not known, so that no reads "
            "can be selected by them",
            remedy="Give a genome FASTA as reference, or set targeted: false",
            file=placed.locus.file,
        )
    wide = _words([text for text, _ in texts], WIDE_WORD)
    none = np.empty(0, dtype=np.uint32)
    bait = _with_tables(near_word, near, wide, none, none)
    if genome is None:
        return bait
    exons = _words([text for text, _ in texts[1:]], WIDE_WORD)
    alone = ~_found_often(bait, genome) | np.isin(wide, exons)
    in_reach = _words([bases[max(0, codon - REACH) : codon + 3 + REACH]], WIDE_WORD)
    with_mate = wide[~alone & np.isin(wide, in_reach)]
    short = _words(around, SHORT_WORD) if with_mate.size else none
    return _with_tables(near_word, near, wide[alone], with_mate, short)


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


def _with_tables(
    near_word: int, near: _Words, alone: _Words, with_mate: _Words, short: _Words
) -> Bait:
    wide = np.union1d(alone, with_mate)
    wide_parts = np.zeros(1 << (2 * _FIRST), dtype=bool)
    wide_parts[wide >> (2 * (WIDE_WORD - _FIRST))] = True
    return Bait(
        near_word,
        near,
        _parts_of(near, near_word),
        wide,
        wide_parts,
        np.isin(wide, with_mate),
        short,
        _parts_of(short, SHORT_WORD),
    )


def _parts_of(words: _Words, size: int) -> NDArray[np.bool_]:
    """Return for each run of eight bases whether a word begins or ends with it."""
    parts = np.zeros(1 << 16, dtype=bool)
    parts[words >> (2 * (size - 8))] = True
    parts[words & _mask(8)] = True
    return parts


def _in_two_parts(
    eights: NDArray[np.uint16], words: _Words, parts: NDArray[np.bool_], size: int
) -> tuple[_Indices, _Indices]:
    """Return where words of this size begin, and which."""
    seen = parts.take(eights)
    tail = size - 8
    at = np.flatnonzero(seen[:-tail] & seen[tail:])
    return _known(words, _joined(eights, at, size), at)


def _reads_of(at: _Indices, size: int, width: int, lengths: NDArray[np.intp]) -> _Indices:
    """Return the reads, laid side by side, that hold all of a word at these places."""
    read, start = np.divmod(at, width)
    found: _Indices = read[start + size <= lengths[read]]
    return found


def _found_often(bait: Bait, genome: Genome) -> NDArray[np.bool_]:
    """Return which wide words are repeats."""
    counts = np.zeros(bait.wide.size, dtype=np.intp)
    seen = 0
    for text in _stretches(genome):
        if len(text) >= 2 * WIDE_WORD:
            seen += len(text)
            counts += bait.wide_counts(np.frombuffer(text.encode("ascii"), dtype=np.uint8))
    often: NDArray[np.bool_] = counts > _FEW + _USUAL * seen / 4**WIDE_WORD
    return often


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
