"""What an instrument reads of the molecules: copies, cycles, qualities, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.simulate.haplotypes import Bases, Haplotype, Indices
from vexas_uba1.simulate.molecules import Flags, Molecules
from vexas_uba1.simulate.spec import ArtefactSpec, QualitySpec, Simulation

# Read into where the molecule is shorter than the read: the common Illumina adapters, after them
# no signal, which two-colour instruments call G.
ADAPTERS = ("AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT")

MIN_QUALITY = 2
MAX_QUALITY = 41

_COPIES_AT_ONCE = 20_000  # bounds the memory of the random numbers; part of what a seed means
_LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
_CODE = np.zeros(256, dtype=np.uint8)
_CODE[_LETTERS] = np.arange(4)
COMPLEMENT = np.arange(256, dtype=np.uint8)
COMPLEMENT[_LETTERS] = _LETTERS[::-1]
_NO_BASE = 0


@dataclass(frozen=True, eq=False)
class Mate:
    """First or second reads, one row a copy, in the order of cycles.

    Attributes:
        bases: ASCII codes; beyond ``size`` adapter and G.
        qualities: Phred.
        size: Bases of each row that stem from the molecule.
        umi: ASCII codes of the UMI read before them; no columns if there is none.
        umi_qualities: Phred.
    """

    bases: Bases
    qualities: Bases
    size: Indices
    umi: Bases
    umi_qualities: Bases


@dataclass(frozen=True, eq=False)
class Copies:
    """Sequenced copies of molecules.

    Attributes:
        molecule: Index of the molecule.
        reverse: Whether the first read starts at the molecule's right end.
        number: Count within the molecule, from 0.
        is_duplicate: Whether an earlier copy of the same strand of the same molecule exists.
        lane: From 0.
        mates: First reads, and second reads if both ends are read.
    """

    molecule: Indices
    reverse: Flags
    number: Indices
    is_duplicate: Flags
    lane: Indices
    mates: tuple[Mate, ...]


def sequence_molecules(
    spec: Simulation,
    molecules: Molecules,
    haplotypes: Sequence[Haplotype],
    generator: np.random.Generator,
) -> Copies:
    """Copy, read and spoil the molecules as a spec says."""
    library = spec.library
    duplex = library.umi is not None and library.umi.duplex
    strands = 2 if duplex else 1
    parent = np.repeat(np.arange(molecules.start.size), strands)
    reverse = np.tile([False, True], molecules.start.size) if duplex else molecules.read1_reverse
    fragments, lengths = _fragments(molecules, haplotypes, parent, reverse)
    for artefact in spec.errors.artefacts:
        if artefact.level == "molecule":
            _spoil(fragments, fragments, artefact, reverse, generator)
    umis = _draw_umis(spec, molecules.start.size, generator)

    copies = 1 + generator.poisson(library.copies_mean - 1, size=parent.size)
    strand = np.repeat(np.arange(parent.size), copies)
    lane = generator.integers(0, library.lanes, size=strand.size)
    parts: list[tuple[Mate, ...]] = []
    for first in range(0, max(strand.size, 1), _COPIES_AT_ONCE):
        rows = strand[first : first + _COPIES_AT_ONCE]
        ends = _umi_ends(umis, parent[rows], reverse[rows])
        parts.append(_read(spec, fragments[rows], lengths[rows], reverse[rows], ends, generator))
    mates = tuple(_joined([part[i] for part in parts]) for i in range(len(parts[0])))
    return Copies(
        molecule=parent[strand],
        reverse=reverse[strand],
        number=_count_within(parent[strand]),
        is_duplicate=_count_within(strand) > 0,
        lane=lane,
        mates=mates,
    )


def _fragments(
    molecules: Molecules, haplotypes: Sequence[Haplotype], parent: Indices, reverse: Flags
) -> tuple[Bases, Indices]:
    """Return a row per strand as its first read sees it, 0 beyond its end, and the lengths."""
    offsets = np.cumsum([0] + [haplotype.bases.size for haplotype in haplotypes])[:-1]
    joined = np.concatenate([haplotype.bases for haplotype in haplotypes])
    start, end = (edge + offsets[molecules.clone] for edge in molecules.cut(haplotypes))
    lengths = (end - start)[parent]
    longest = int(lengths.max(initial=1))
    rows = np.empty((parent.size, longest), dtype=np.uint8)
    for column in range(longest):
        at = np.where(reverse, end[parent] - 1 - column, start[parent] + column)
        base = joined[np.clip(at, 0, joined.size - 1)]
        rows[:, column] = np.where(reverse, COMPLEMENT[base], base)
    rows[np.arange(longest) >= lengths[:, None]] = _NO_BASE
    return rows, lengths


def _draw_umis(spec: Simulation, count: int, generator: np.random.Generator) -> Bases:
    """Return the UMIs of each molecule's left and right end, shape (molecules, 2, length)."""
    length = 0 if spec.library.umi is None else spec.library.umi.length
    umis: Bases = _LETTERS[generator.integers(0, 4, size=(count, 2, length))]
    return umis


def _umi_ends(umis: Bases, parent: Indices, reverse: Flags) -> tuple[Bases, Bases]:
    """Return the UMIs at the first and at the second read's end of each copy."""
    first = reverse.astype(np.int64)
    return umis[parent, first], umis[parent, 1 - first]


def _read(
    spec: Simulation,
    fragments: Bases,
    lengths: Indices,
    reverse: Flags,
    umi_ends: tuple[Bases, Bases],
    generator: np.random.Generator,
) -> tuple[Mate, ...]:
    """Return the reads of some copies."""
    library = spec.library
    duplex = library.umi is not None and library.umi.duplex
    own_umis = (umi_ends[0], umi_ends[1] if duplex else umi_ends[1][:, :0])
    columns = np.arange(library.read_length)
    size = np.minimum(lengths, library.read_length)
    mates = []
    for which in range(2 if library.paired else 1):
        at = np.broadcast_to(columns, (lengths.size, columns.size))
        if which == 1:
            at = lengths[:, None] - 1 - at
        bases = np.take_along_axis(fragments, np.clip(at, 0, fragments.shape[1] - 1), axis=1)
        if which == 1:
            bases = COMPLEMENT[bases]
        tail = _tails(own_umis[1 - which], ADAPTERS[which], library.read_length)
        beyond = columns - size[:, None]
        past = np.take_along_axis(tail, np.clip(beyond, 0, None), axis=1)
        truth = np.where(beyond >= 0, past, bases)
        umi = own_umis[which]
        read, qualities = _sequence(
            spec, np.hstack([umi, truth]), reverse ^ (which == 1), generator
        )
        width = umi.shape[1]
        mates.append(
            Mate(read[:, width:], qualities[:, width:], size, read[:, :width], qualities[:, :width])
        )
    return tuple(mates)


def _tails(other_umi: Bases, adapter: str, length: int) -> Bases:
    """Return what follows the molecule in each read: the other end's UMI, the adapter, then G."""
    fixed = np.frombuffer((adapter + "G" * length).encode("ascii"), dtype=np.uint8)
    back = COMPLEMENT[other_umi[:, ::-1]]
    return np.hstack([back, np.broadcast_to(fixed, (back.shape[0], fixed.size))])


def _sequence(
    spec: Simulation, truth: Bases, reverse: Flags, generator: np.random.Generator
) -> tuple[Bases, Bases]:
    """Return what is read of ``truth`` and with which qualities."""
    qualities = _draw_qualities(spec.qualities, truth.shape, generator)
    read = truth.copy()
    if spec.errors.by_quality:
        chance = np.power(10.0, -np.arange(MAX_QUALITY + 1) / 10).astype(np.float32)[qualities]
        wrong = generator.random(truth.shape, dtype=np.float32) < chance
        read[wrong] = _other_base(truth[wrong], generator)
    for artefact in spec.errors.artefacts:
        if artefact.level == "read":
            changed = _spoil(truth, read, artefact, reverse, generator)
            if artefact.quality is not None:
                qualities[changed] = artefact.quality
    return read, qualities


def _draw_qualities(
    profile: QualitySpec, shape: tuple[int, ...], generator: np.random.Generator
) -> Bases:
    means = np.linspace(profile.first, profile.last, shape[1], dtype=np.float32)
    drawn = np.broadcast_to(means, shape)
    if profile.sd > 0:
        drawn = drawn + np.float32(profile.sd) * generator.standard_normal(shape, dtype=np.float32)
    whole = np.clip(np.rint(drawn), MIN_QUALITY, MAX_QUALITY).astype(np.uint8)
    if not profile.levels:
        return whole
    levels = np.array(sorted(profile.levels))
    scale = np.arange(MAX_QUALITY + 1)
    nearest = levels[np.abs(scale[:, None] - levels).argmin(axis=1)].astype(np.uint8)
    qualities: Bases = nearest[whole]
    return qualities


def _spoil(
    truth: Bases,
    read: Bases,
    artefact: ArtefactSpec,
    reverse: Flags,
    generator: np.random.Generator,
) -> NDArray[np.bool_]:
    """Put an artefact into ``read`` where ``truth`` has its context; return where."""
    before, middle, after = artefact.context.replace("]", "[").split("[")
    pattern = before + middle + after
    found = truth != _NO_BASE
    for offset, letter in enumerate(pattern, start=-len(before)):
        if letter != "N":
            found &= _shifted(truth, offset) == ord(letter)
    if artefact.strand != "any":
        found &= (reverse == (artefact.strand == "reverse"))[:, None]
    rows, columns = np.nonzero(found)
    hit = generator.random(rows.size) < artefact.rate
    changed = np.zeros(truth.shape, dtype=np.bool_)
    changed[rows[hit], columns[hit]] = True
    if artefact.alt == "any":
        read[changed] = _other_base(truth[changed], generator)
    else:
        read[changed] = ord(artefact.alt)
    return changed


def _shifted(bases: Bases, offset: int) -> Bases:
    """Return the base ``offset`` columns further on at each place, 0 beyond the ends."""
    width = bases.shape[1]
    found = np.zeros_like(bases)
    if abs(offset) < width:
        found[:, max(0, -offset) : width - max(0, offset)] = bases[
            :, max(0, offset) : width + min(0, offset)
        ]
    return found


def _other_base(bases: Bases, generator: np.random.Generator) -> Bases:
    """Return for each base one of the other three, evenly."""
    step = generator.integers(1, 4, size=bases.shape, dtype=np.uint8)
    others: Bases = _LETTERS[(_CODE[bases] + step) % 4]
    return others


def _count_within(sorted_ids: Indices) -> Indices:
    """Return how many equal ids stand before each of ascending ids."""
    _, first, counts = np.unique(sorted_ids, return_index=True, return_counts=True)
    return np.arange(sorted_ids.size) - np.repeat(first, counts)


def _joined(parts: Sequence[Mate]) -> Mate:
    return Mate(
        bases=np.concatenate([part.bases for part in parts]),
        qualities=np.concatenate([part.qualities for part in parts]),
        size=np.concatenate([part.size for part in parts]),
        umi=np.concatenate([part.umi for part in parts]),
        umi_qualities=np.concatenate([part.umi_qualities for part in parts]),
    )
