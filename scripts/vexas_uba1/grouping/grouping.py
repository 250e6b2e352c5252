"""Fragments become molecules: by name, by their ends, or by their UMIs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.grouping.assigned import split_by_ends
from vexas_uba1.grouping.chance import (
    effective_values,
    has_copies,
    molecules_among,
    molecules_behind,
)
from vexas_uba1.grouping.clustering import cluster
from vexas_uba1.grouping.copies import best_fragments, repeated_fragments
from vexas_uba1.grouping.ends import Ends, complete_ends, fragment_ends
from vexas_uba1.grouping.identity import Identity
from vexas_uba1.grouping.labels import Label, group_sizes, label_rows
from vexas_uba1.grouping.report import DuplicateReport
from vexas_uba1.grouping.umis import UNNAMED, Names, fragment_names

LEFT_OUT = -1
_LONG_UMI = 100
"""Letters of which there are more UMIs than molecules in the world."""


@dataclass(frozen=True)
class Grouping:
    """The molecules of R reads; M molecules.

    Attributes:
        count: M.
        molecule: Of each read; ``LEFT_OUT`` for the reads of a copy that adds nothing (R).
        copies: Distinct fragments that were read of each molecule (M).
        repeats: Further fragments of it that are the same as one of these, base for base and
            quality for quality (M).
        strand: Which strand of the original molecule the read's fragment is a copy of, 0 or 1; all
            0 where that is not known (R).
        duplex: Whether copies of both strands were read (M).
        report: What was taken for copies.
    """

    count: int
    molecule: NDArray[np.int64]
    copies: NDArray[np.int32]
    repeats: NDArray[np.int32]
    strand: NDArray[np.uint8]
    duplex: NDArray[np.bool_]
    report: DuplicateReport


def group_reads(reads: Reads, identity: Identity) -> Grouping:
    """Return which molecule each read is a copy of.

    - ``names`` and ``flags``: a fragment is a molecule. If nothing is flagged although fragments
      share their ends beyond chance, this is counted.
    - ``ends``: the fragments of one library with the same ends (:func:`fragment_ends`) are copies,
      whichever read of a pair comes first; a fragment known by one end is a copy of a pair that
      has this end. One stays (:func:`best_fragments`), rather than their consensus, for two
      molecules that coincide must not make each other's variant a contradiction. All stay where
      chance explains the coincidences (:func:`has_copies`).
    - ``umi``: fragments of one library with the same UMI and ends, and the same read first unless
      the UMI has two parts; UMIs that differ in one letter as :func:`cluster` has it. Where the
      tags name the molecule (``MI``) the ends need not be the same to the base
      (:func:`split_by_ends`); with a cell they do not matter. One that is the same as another, base
      for base and quality for quality, is a repeat: a file merged with itself shows nothing new.
      A fragment without its UMI is a molecule of its own, unless it is flagged as a duplicate or
      has the ends of another one: of those without a UMI the best stays.

    The order of the reads changes nothing but the molecules' numbers. Each fragment has a read.

    Args:
        reads: R reads of F fragments.
        identity: What names a molecule.
    """
    if identity.kind == "umi":
        return _by_umi(reads, identity)
    if identity.kind == "ends":
        return _by_ends(reads)
    every = np.arange(reads.fragments)
    report = DuplicateReport(identity.kind, reads.fragments, reads.fragments)
    if identity.kind == "flags":
        report = _flags_report(reads)
    return _grouping(reads, every, np.zeros(reads.fragments, dtype=np.uint8), report)


def _grouping(
    reads: Reads,
    molecule: Label,
    strand: NDArray[np.uint8],
    report: DuplicateReport,
    repeated: Sequence[int] | NDArray[np.int64] = (),
) -> Grouping:
    """Return the grouping that the molecule (or ``LEFT_OUT``) of each fragment gives.

    Args:
        reads: Of F fragments.
        molecule: Any numbers from 0 on (F).
        strand: (F).
        report: Without its molecules.
        repeated: Fragments that are the same as another one of their molecule.
    """
    kept = molecule != LEFT_OUT
    numbers = np.full(molecule.size, LEFT_OUT, dtype=np.int64)
    numbers[kept] = label_rows(molecule[kept])
    count = int(numbers.max(initial=LEFT_OUT)) + 1
    fragments = np.bincount(numbers[kept], minlength=count)
    repeats = np.bincount(numbers[np.asarray(repeated, dtype=np.int64)], minlength=count)
    second = np.bincount(numbers[kept], weights=strand[kept], minlength=count)
    return Grouping(
        count=count,
        molecule=numbers[reads.fragment],
        copies=(fragments - repeats).astype(np.int32),
        repeats=repeats.astype(np.int32),
        strand=strand[reads.fragment],
        duplex=(second > 0) & (second < fragments),
        report=replace(report, molecules=count),
    )


def _flags_report(reads: Reads) -> DuplicateReport:
    """Return how many of the duplicates left out by flag are expected by chance."""
    kept, records = reads.fragments, reads.excluded.get("duplicate", 0)
    if not kept:
        return DuplicateReport("flags", kept, kept)
    if not records:
        return DuplicateReport("flags", kept, kept, coinciding=_unflagged_copies(reads))
    left_out = max(1, round(records * kept / max(1, int((~reads.supplementary).sum()))))
    hidden = molecules_behind(fragment_ends(reads)) - kept
    return DuplicateReport(
        "flags",
        kept + left_out,
        kept,
        left_out=left_out,
        expected_by_chance=min(max(hidden, 0.0), float(left_out)),
    )


def _unflagged_copies(reads: Reads) -> int:
    """Return how many fragments have the ends of another one; 0 if chance explains them."""
    ends = fragment_ends(reads)
    if not has_copies(ends):
        return 0
    return reads.fragments - int(np.unique(_completed(ends).labels()).size)


def _completed(ends: Ends) -> Ends:
    return complete_ends(ends, np.zeros(ends.first.size, dtype=np.int64))


def _by_ends(reads: Reads) -> Grouping:
    ends = fragment_ends(reads)
    strand = np.zeros(reads.fragments, dtype=np.uint8)
    completed = _completed(ends)
    label = completed.labels()
    coinciding = reads.fragments - int(np.unique(label).size)
    report = DuplicateReport("ends", reads.fragments, reads.fragments, coinciding=coinciding)
    if not has_copies(ends):
        report = replace(report, expected_by_chance=float(coinciding))
        return _grouping(reads, np.arange(reads.fragments), strand, report)
    best = best_fragments(reads, label, ends.both)
    molecule = np.full(reads.fragments, LEFT_OUT, dtype=np.int64)
    molecule[best] = best
    hidden = molecules_behind(completed) - best.size
    report = replace(report, left_out=coinciding, expected_by_chance=min(hidden, float(coinciding)))
    return _grouping(reads, molecule, strand, report)


def _by_umi(reads: Reads, identity: Identity) -> Grouping:
    ends = fragment_ends(reads)
    names = fragment_names(reads, identity, ends.swapped)
    named = names.umi != UNNAMED
    if not identity.is_positional:
        place = label_rows(ends.library, names.cell)
    else:
        # The strands of a molecule with one UMI were labelled apart, before they were copied.
        apart = np.where(names.stranded, 0, 1 + ends.swapped)
        completed = complete_ends(ends, label_rows(apart, names.umi))
        place = completed.labels(apart)
    family = np.where(named, label_rows(place, names.umi), LEFT_OUT)
    split = 0
    if identity.is_assigned:
        whole, family = family, np.where(named, split_by_ends(reads, family), LEFT_OUT)
        one_of_each = np.unique(family[named], return_index=True)[1]
        split = int((group_sizes(whole[named][one_of_each]) > 1).sum())
    # Copies of unlike strands are never the same fragment twice.
    repeated = repeated_fragments(reads, np.where(named, 2 * family + names.strand, LEFT_OUT))
    kept = named.copy()
    kept[repeated] = False
    of_family, chance = _joined_families(family, place, names, kept, identity)
    fragments = np.arange(reads.fragments)
    # Those without a UMI come behind all families.
    molecule = np.where(named, of_family[family], reads.fragments + fragments)
    copies = _copies_without_umi(reads, ends, named)
    molecule[copies] = LEFT_OUT
    grouping = _grouping(
        reads,
        molecule,
        np.where(named, names.strand, 0).astype(np.uint8),
        DuplicateReport(
            "umi", reads.fragments, 0, left_out=copies.size, split=split, expected_by_chance=chance
        ),
        repeated,
    )
    joined = reads.fragments - copies.size - grouping.count
    return replace(grouping, report=replace(grouping.report, joined=joined))


def _copies_without_umi(reads: Reads, ends: Ends, named: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the fragments without a UMI that may be copies of another molecule.

    Nothing but flag and ends tells of them. One that has the ends of a fragment with a UMI may be
    its copy, whose UMI could not be read.
    """
    if named.all():
        return np.array([], dtype=np.int64)
    label = _completed(ends).labels()
    is_copy = np.zeros(int(label.max()) + 1, dtype=np.bool_)
    is_copy[label[named]] = True
    left_out = ~named & is_copy[label]
    left_out[reads.fragment[reads.duplicate]] = True
    left_out &= ~named
    compared = ~named & ~left_out
    # Only these compete, each of the others has a label of its own.
    alone = label.size + np.arange(label.size)
    best = best_fragments(reads, np.where(compared, label, alone), ends.both)
    compared[best] = False
    return np.flatnonzero(left_out | compared)


def _joined_families(
    family: Label, place: Label, names: Names, kept: NDArray[np.bool_], identity: Identity
) -> tuple[Label, float]:
    """Join the families whose UMIs are misreadings of another's.

    Returns:
        The molecule of each family; the molecules expected to be hidden among others by chance.
    """
    member = np.flatnonzero(kept)
    family_of, first = np.unique(family[member], return_index=True)
    fragment = member[first]
    count = group_sizes(family[member])[family_of] if member.size else member
    umis = [names.umis[index] for index in names.umi[fragment].tolist()]
    if identity.is_exact:
        root = np.arange(family_of.size)
    else:
        root = cluster(place[fragment], umis, count)
    of_family = np.full(int(family.max(initial=0)) + 1, LEFT_OUT, dtype=np.int64)
    of_family[family_of] = root
    if identity.is_complete:
        return of_family, 0.0
    top = np.unique(root)
    return of_family, _hidden(place[fragment][top], names.umi[fragment][top], names.umis)


def _hidden(place: Label, umi: Label, umis: list[str]) -> float:
    """Return how many molecules are expected to have the place and UMI of another by chance.

    As many UMIs are taken for equally likely as meet at unlike places as often as the sample's do,
    at most as many as there are of their length.
    """
    if not umi.size:
        return 0.0
    length = np.array([min(len(one.replace("-", "")), _LONG_UMI) for one in umis])[umi]
    group = label_rows(place, length)
    at = np.unique(group, return_index=True)[1]
    seen = group_sizes(group)
    possible = 4.0 ** length[at]
    values = np.minimum(possible, effective_values(umi, place, float(possible.max())))
    return float((molecules_among(seen, values) - seen).sum())
