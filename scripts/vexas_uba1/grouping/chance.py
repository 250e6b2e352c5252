"""How many molecules look like copies of each other by pure chance.

Two molecules may begin and end at the same bases, and with UMIs carry the same one. At high depth
that is common, and no mark tells it from a copy. What chance does is estimated from the sample
itself: where its fragments begin, their lengths, their UMIs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from vexas_uba1.grouping.ends import Ends
from vexas_uba1.grouping.labels import Label, group_sizes, label_rows

WINDOW = 25
"""Bases over which fragments are alike: their lengths vary as much wherever they begin, and single
reads begin anywhere with the same chance (assumed)."""
_REACH = 5
"""Bases to either side that tell how many single reads begin at one (assumed)."""
_LENGTHS = 100.0
"""Equally likely lengths of fragments, before any is seen: as those of a normal law with a standard
deviation of 28 bases (assumed)."""
_FEWEST_LENGTHS = 20.0
"""Fragments that are broken at random do not vary less (assumed)."""
DOUBT = 0.1
"""Share of the expected coincidences that there may be more of them, since libraries are not that
regular; but no more copies than this share of the fragments may hide in it (assumed)."""
LEVEL = 0.05
"""If so many coincidences have a smaller chance, there are copies among them (assumed)."""


def has_copies(ends: Ends) -> bool:
    """Return whether more fragments share their ends than chance explains.

    Counted are pairs of fragments with the same ends. If all fragments were molecules, their
    expected number would be

        Σ_s N_s(N_s − 1)/2 / K         N_s pairs of mates that begin at s, of K equally likely
                                       lengths
        Σ_s mean_k N_(s−k) N_(s+k)/2   N_s single reads of one strand that begin at s, k to 5

    since of two fragments that begin at one place the lengths are independent, and as many single
    reads begin at a place as to its left and right. K is such that fragments that begin at unlike
    places of the same window are of one length as often as they are. There are copies if
    P(Poisson(e) ≥ seen) < ``LEVEL``, e = expected + ``DOUBT`` · min(expected, fragments).
    """
    seen = _pairs(group_sizes(ends.labels()))
    paired, window = ends.chosen(ends.both), _windows(ends.chosen(ends.both))
    expected = float((_pairs_within(window, _starts(paired)) / _lengths(paired, window)).sum())
    expected += _neighbouring_pairs(ends.chosen(~ends.both))
    expected += DOUBT * min(expected, ends.first.size)
    return seen > 0 and float(gammainc(seen, expected)) < LEVEL


def molecules_behind(ends: Ends) -> float:
    """Return how many molecules are expected to have as many distinct ends as these fragments.

    Place by place by :func:`molecules_among`: of the pairs of mates that begin at one place the
    lengths differ, of the single reads of one strand in a window the places where they begin.

    Args:
        ends: Of fragments; how many copies there are of one does not matter.
    """
    distinct = ends.chosen(_firsts(ends.labels()))
    paired, single = distinct.chosen(distinct.both), distinct.chosen(~distinct.both)
    start, window = _starts(paired), _windows(paired)
    lengths = _lengths(paired, window)[window[_firsts(start)]]
    behind = molecules_among(group_sizes(start), lengths).sum()
    return float(behind + molecules_among(group_sizes(_windows(single)), WINDOW).sum())


def molecules_among(
    seen: NDArray[np.int64], values: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how many molecules are expected to show ``seen`` distinct values, of many as likely.

    Of m molecules K(1 − (1 − 1/K)^m) of K values are expected to be seen; solved for m. Where all
    are seen half a value is taken as missing, so the number is then rather too small.

    Args:
        seen: At each place (n).
        values: K, or K at each place (n).
    """
    every = np.clip(values, 1 + 1e-9, 1e12)
    taken = np.minimum(seen, every - 0.5) / every
    molecules: NDArray[np.float64] = np.log1p(-taken) / np.log1p(-1 / every)
    return np.maximum(seen, molecules)


def effective_values(label: Label, place: Label, beforehand: float) -> float:
    """Return K such that two rows of unlike places have the same label with chance 1/K.

    So many equally likely values would meet as often as these do. One meeting among ``beforehand``
    pairs is added to those of the sample, so that a few rows do not say too much.

    Args:
        label: (n).
        place: Rows of one place are not compared (n).
        beforehand: What is expected without a sample.
    """
    within = label_rows(label, place)
    compared = _pairs(np.array([label.size])) - _pairs(group_sizes(place))
    equal = _pairs(group_sizes(label)) - _pairs(group_sizes(within))
    return (compared + beforehand) / (equal + 1)


def _neighbouring_pairs(single: Ends) -> float:
    """Return how many pairs would begin at one place, were they as many as those to both sides."""
    strand = label_rows(single.library, single.first_reverse)
    pairs = 0.0
    for number in range(int(strand.max(initial=-1)) + 1):
        place = single.first[strand == number]
        begins = np.bincount(place - place.min()).astype(np.float64)
        products, asked = np.zeros(begins.size), np.zeros(begins.size)
        for k in range(1, min(_REACH, (begins.size - 1) // 2) + 1):
            products[k:-k] += begins[2 * k :] * begins[: -2 * k]
            asked[k:-k] += 1
        pairs += float((products / np.maximum(asked, 1)).sum()) / 2
    return pairs


def _lengths(paired: Ends, window: Label) -> NDArray[np.float64]:
    """Return by window how many equally likely lengths meet as often as those of its fragments."""
    start, length = _starts(paired), label_rows(paired.second - paired.first)
    anywhere = max(_FEWEST_LENGTHS, effective_values(length, start, _LENGTHS))
    everyone = np.zeros(window.size, dtype=np.int64)
    compared = _pairs_within(window, everyone) - _pairs_within(window, start)
    equal = _pairs_within(window, length) - _pairs_within(window, label_rows(start, length))
    return np.maximum(_FEWEST_LENGTHS, (compared + anywhere) / (equal + 1))


def _starts(paired: Ends) -> Label:
    return label_rows(paired.library, paired.first, paired.first_reverse, paired.second_reverse)


def _windows(ends: Ends) -> Label:
    return label_rows(ends.library, ends.first_reverse, ends.first // WINDOW)


def _firsts(label: Label) -> NDArray[np.int64]:
    """Return a row of each label, by label."""
    return np.unique(label, return_index=True)[1]


def _pairs(sizes: NDArray[np.int64]) -> float:
    """Return how many pairs there are within groups of these sizes."""
    return float((sizes * (sizes - 1)).sum()) / 2


def _pairs_within(place: Label, column: Label) -> NDArray[np.float64]:
    """Return for each place how many pairs of its rows are equal in a column."""
    label = label_rows(place, column)
    sizes = group_sizes(label)
    weights = sizes * (sizes - 1) / 2
    return np.bincount(place[_firsts(label)], weights=weights).astype(np.float64)
