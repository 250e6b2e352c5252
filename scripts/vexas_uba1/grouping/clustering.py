"""UMIs of one place that are the same but for an error of reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.grouping.labels import Label, group_sizes, is_repeated, label_rows

MISREADING = 1e-3 / 3
"""Chance that a copy shows a certain other base at a certain letter of its UMI (assumed)."""
_ALPHABET = 256
_DASH = ord("-")
_MOST_ALIKE = 5  # UMIs that differ at one place only: four bases and N


def cluster(place: Label, umi: Sequence[str], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each of n UMIs the index of the one that it is a misreading of, or its own.

    The directional rule of UMI-tools (doi:10.1101/gr.209601.116): from the most frequent UMI on, a
    UMI takes in every other one of its place at Hamming distance 1 that is not taken yet, if its
    own count is at least twice the other's less one; those take in theirs in turn.

    Where UMIs crowd this would join molecules that happen to be neighbours. So where chance alone
    would make a pair of them, ``d(d−1)/2 · 3L/4^L ≥ 1`` for d UMIs of L letters, only what was read
    once is taken in, and only where a misreading is likelier than a molecule:
    ``count · MISREADING ≥ s/4^L``. Of the s molecules read once those that have no neighbour of
    several copies are known for such; chance gives a neighbour to all but a share e^(−3L·n/4^L) of
    them, n UMIs having several copies.

    N is a letter like others, so it differs from each of them. UMIs of unlike length, or unlike
    lengths of their parts, are never joined.

    Args:
        place: Only UMIs of one place are compared (n).
        umi: Each once for each place (n); parts separated by ``-``.
        count: Fragments with that UMI (n).
    """
    root = np.arange(count.size)
    shape_of: dict[tuple[int, ...], int] = {}
    shapes = ((len(one), one.find("-"), one.rfind("-")) for one in umi)
    shape = np.array([shape_of.setdefault(one, len(shape_of)) for one in shapes], dtype=np.int64)
    if not count.size:
        return root
    group = label_rows(place, shape)
    crowded = is_repeated(group)
    for number in shape_of.values():
        nodes = np.flatnonzero(crowded & (shape == number))
        if nodes.size:
            _cluster_alike(nodes, group[nodes], [umi[node] for node in nodes.tolist()], count, root)
    return root


def _cluster_alike(
    nodes: NDArray[np.int64],
    group: Label,
    umi: Sequence[str],
    count: NDArray[np.int64],
    root: NDArray[np.int64],
) -> None:
    """Write the roots of nodes whose UMIs are of one shape."""
    # By count, then by letters: the order in which they take in others.
    by_letters = np.argsort(np.array(umi))
    ranked = by_letters[np.argsort(-count[nodes][by_letters], kind="stable")]
    nodes, group = nodes[ranked], group[ranked]
    letters = np.array(umi, dtype=bytes)[ranked].view(np.uint8).reshape(nodes.size, -1)
    parent, child = _neighbours(group, letters)
    copies = count[nodes]
    joins = copies[parent] >= 2 * copies[child] - 1
    joins &= _likelier_misread(group, copies, parent, child, int((letters[0] != _DASH).sum()))
    top = _taken_by(parent[joins], child[joins], nodes.size)
    root[nodes] = nodes[top]


def _taken_by(parent: NDArray[np.int64], child: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return which of ``size`` nodes each is reached from; those before have the first choice."""
    children: dict[int, list[int]] = {}
    for taker, taken in zip(parent.tolist(), child.tolist(), strict=True):
        children.setdefault(taker, []).append(taken)
    top = np.arange(size)
    is_taken = bytearray(size)
    for first in sorted(children):
        if is_taken[first]:
            continue
        is_taken[first] = 1
        reached = [first]
        for taker in reached:
            for taken in children.get(taker, ()):
                if not is_taken[taken]:
                    is_taken[taken] = 1
                    top[taken] = first
                    reached.append(taken)
    return top


def _likelier_misread(
    group: Label,
    copies: NDArray[np.int64],
    parent: NDArray[np.int64],
    child: NDArray[np.int64],
    letters: int,
) -> NDArray[np.bool_]:
    """Return for each pair of neighbours whether the child is likelier misread than a molecule."""
    possible = 4.0**letters
    size = group_sizes(group)
    crowded = size * (size - 1.0) / 2 * 3 * letters / possible >= 1
    several = np.bincount(group, weights=copies > 1)
    alone = copies == 1
    alone[child[copies[parent] > 1]] = False
    once = np.bincount(group, weights=alone) * np.exp(3 * letters * several / possible)
    limit = (np.minimum(once, size) / possible)[group[parent]]
    misread = (copies[child] == 1) & (copies[parent] * MISREADING >= limit)
    likelier: NDArray[np.bool_] = ~crowded[group[parent]] | misread
    return likelier


def _neighbours(
    group: Label, letters: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of rows of one group that differ in one letter, each in both directions.

    Rows that are equal once a column is left out have equal checksums then; a sort for each column
    finds them, so that no row is compared with all others.
    """
    length = letters.shape[1]
    generator = np.random.Generator(np.random.PCG64(0))
    weights = generator.integers(0, 2**64, size=(length, _ALPHABET), dtype=np.uint64)
    total = group.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for column in range(length):
        total += weights[column][letters[:, column]]
    ones, others = [], []
    for column in range(length):
        without = total - weights[column][letters[:, column]]
        order = np.argsort(without)
        ranked = without[order]
        for step in range(1, _MOST_ALIKE):
            found = np.flatnonzero(ranked[step:] == ranked[:-step])
            if not found.size:
                break
            ones.append(order[found])
            others.append(order[found + step])
    one, other = np.concatenate(ones or [group[:0]]), np.concatenate(others or [group[:0]])
    differ = (letters[one] != letters[other]).sum(axis=1)
    real = (differ == 1) & (group[one] == group[other])
    one, other = one[real], other[real]
    return np.concatenate((one, other)), np.concatenate((other, one))
