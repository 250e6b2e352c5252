"""Changes that could be one allele are looked at together, in a cluster.

A cluster holds substitutions, insertions and deletions of one or of neighbouring codons, and what
touches an insertion or deletion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vexas_uba1.alleles.placements import Indel
from vexas_uba1.locus.placed import PlacedLocus

CIS_REACH = 5
"""Bases between changes of neighbouring codons at most; beyond it an intron lies between them."""


@dataclass(frozen=True)
class Cluster:
    """Places whose changes could be one allele.

    Attributes:
        positions: 0-based, ascending.
        indels: Insertions and deletions, by place.
    """

    positions: tuple[int, ...]
    indels: tuple[Indel, ...] = ()


def clusters(
    candidates: Iterable[int], indels: Iterable[Indel], placed: PlacedLocus
) -> list[Cluster]:
    """Group changes that could be one allele: of one or of neighbouring codons, or touching.

    The codon of interest is always looked at whole.

    Args:
        candidates: 0-based positions of substitutions.
        indels: Insertions and deletions.
        placed: The gene on the input's build.
    """
    codon = set(placed.codon_positions)
    groups: list[list[int | Indel]] = []
    items: list[int | Indel] = [*codon.union(candidates), *indels]
    for item in sorted(items, key=_extent):
        near = [group for group in groups if any(linked(one, item, placed) for one in group)]
        groups = [group for group in groups if group not in near]
        groups.append([*(one for group in near for one in group), item])
    found = []
    for group in sorted(groups, key=lambda group: _extent(group[0])):
        positions = {item for item in group if isinstance(item, int)}
        if positions & codon:
            positions |= codon
        held = sorted((item for item in group if isinstance(item, Indel)), key=_extent)
        found.append(Cluster(tuple(sorted(positions)), tuple(held)))
    return found


def linked(one: int | Indel, other: int | Indel, placed: PlacedLocus) -> bool:
    """Return whether two changes could be one allele if they are in cis."""
    (low, high), (after_low, after_high) = sorted((_extent(one)[:2], _extent(other)[:2]))
    if after_low - high > CIS_REACH:
        return False
    if after_low - high <= 1 and (isinstance(one, Indel) or isinstance(other, Indel)):
        return True
    index = placed.coding_index
    return any(
        first in index and second in index and abs(index[first] // 3 - index[second] // 3) <= 1
        for first in (low, high)
        for second in (after_low, after_high)
    )


def _extent(item: int | Indel) -> tuple[int, int, str]:
    """Return first and last base that a change touches in any placement.

    An insertion touches those beside it.
    """
    if isinstance(item, int):
        return item, item, ""
    low, high = item.edit.start, item.last + item.size - 1
    return (low - 1, high + 1, item.edit.alt) if item.is_insertion else (low, high, "")
