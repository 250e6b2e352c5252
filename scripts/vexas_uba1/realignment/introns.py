"""Unknown intron bases beside a listed indel, as the reads that do not have it agree on them.

They serve to tell one haplotype from another and are not taken for the reference elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.locus.edits import Edit
from vexas_uba1.realignment.tracks import Track
from vexas_uba1.reference import UNKNOWN

_BESIDE = 80  # bases at either side of the indel that are looked at
_FEWEST_VOTES = 3
_AGREEMENT = 0.9  # of the votes (assumed)
_CELLS = 1 << 21


def learn_beside(reads: Reads, genome: Track, edits: Iterable[Edit]) -> NDArray[np.uint8]:
    """Return the window's base codes, more of them known beside insertions and deletions.

    A read votes that shows all known bases at the indel, for they would be others if it had it. One
    that ends before them votes as far as the indel's first base, up to which nothing changes.
    """
    codes = genome.code.copy()
    for edit in edits:
        low, high = edit.start - _BESIDE, edit.end + _BESIDE
        offset = np.arange(max(low, genome.start), min(high, genome.start + genome.size))
        unknown = offset[genome.codes_at(offset) == UNKNOWN]
        tells = np.arange(edit.start, max(edit.end, edit.start + 1))
        tells = tells[genome.codes_at(tells) < UNKNOWN]
        if unknown.size == 0 or tells.size == 0:
            continue
        codes[unknown - genome.start] = _agreed(reads, genome, edit, unknown, tells)
    return codes


def _agreed(
    reads: Reads,
    genome: Track,
    edit: Edit,
    unknown: NDArray[np.int64],
    tells: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Return the code of each unknown position, still unknown without an agreement."""
    blocks = reads.blocks
    ends = blocks.position + blocks.length
    over = np.flatnonzero((blocks.position <= unknown[-1]) & (ends > unknown[0]))
    votes = np.zeros((unknown.size, UNKNOWN), dtype=np.int64)
    for at in range(0, over.size, step := max(1, _CELLS // unknown.size)):
        some = over[at : at + step]
        intact = (shown_codes(reads, some, tells) == genome.codes_at(tells)).all(axis=1)
        # Its alignment reaches this far from known bases before the indel.
        before = ends[some] <= tells[0]
        code = shown_codes(reads, some, unknown)
        counts = (intact[:, None] | (before[:, None] & (unknown < edit.start))) & (code < UNKNOWN)
        for base in range(UNKNOWN):
            votes[:, base] += (counts & (code == base)).sum(axis=0)
    total = votes.sum(axis=1)
    agreed = (total >= _FEWEST_VOTES) & (votes.max(axis=1) >= _AGREEMENT * total)
    codes: NDArray[np.uint8] = np.where(agreed, votes.argmax(axis=1), UNKNOWN).astype(np.uint8)
    return codes


def shown_codes(
    reads: Reads, blocks: NDArray[np.int64], positions: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return the base codes of some blocks at positions, unknown beyond their ends."""
    offset = positions - reads.blocks.position[blocks][:, None]
    inside = (offset >= 0) & (offset < reads.blocks.length[blocks][:, None])
    base = np.where(inside, reads.blocks.base[blocks][:, None] + offset, 0)
    codes: NDArray[np.uint8] = np.where(inside, reads.code[base], UNKNOWN).astype(np.uint8)
    return codes
