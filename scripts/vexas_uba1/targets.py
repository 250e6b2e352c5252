"""The parts of the gene whose depth and limit of detection are reported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vexas_uba1.caller.caller import Caller, Finding
from vexas_uba1.catalogue import Catalogue
from vexas_uba1.locus.edits import Allele
from vexas_uba1.locus.hgvs import touched_positions
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.naming import AlleleNamer
from vexas_uba1.result import ExonCoverage, Target


@dataclass(frozen=True)
class TargetRegion:
    """A named part of the gene.

    Attributes:
        name: Such as ``codon 41``, ``exon 3 splice acceptor``, ``c.167``, ``exon 3``.
        kind: ``codon41``, ``vexas_locus`` or ``exon``.
        positions: 0-based, ascending.
        is_intronic: Whether spliced RNA lacks it.
    """

    name: str
    kind: str
    positions: tuple[int, ...]
    is_intronic: bool = False


def target_regions(placed: PlacedLocus, catalogue: Catalogue) -> list[TargetRegion]:
    """Return the codon, the other places of class ``vexas``, and each exon.

    Of an exon its coding bases count, or all if it has none. Catalogue names at a splice site stand
    for its two bases.
    """
    number = placed.locus.codon_number
    codon = tuple(sorted(placed.codon_positions))
    loci: dict[str, tuple[int, ...]] = {}
    sites = placed.splice_sites()
    for entry in catalogue.vexas_entries:
        touched = touched_positions(entry.hgvs_c, placed)
        if touched & set(codon):
            continue
        site = next((name for name, bases in sites.items() if touched & set(bases)), None)
        if site is not None:
            loci.setdefault(site, sites[site])
        else:
            loci.setdefault(f"c.{_range_name(touched, placed)}", tuple(sorted(touched)))
    regions = [TargetRegion(f"codon {number}" if number is not None else "codon", "codon41", codon)]
    regions += [
        TargetRegion(name, "vexas_locus", bases, placed.intron_distance(bases[0]) is not None)
        for name, bases in loci.items()
    ]
    for exon, (start, end) in placed.exon_intervals:
        coding = tuple(base for base in range(start, end) if base in placed.coding_index)
        regions.append(TargetRegion(f"exon {exon}", "exon", coding or tuple(range(start, end))))
    return regions


def assess_targets(
    regions: Sequence[TargetRegion],
    caller: Caller,
    forced: Sequence[Finding],
    namer: AlleleNamer,
    *,
    required_limit_vaf: float,
    power: float,
    spliced: bool,
) -> tuple[Target, ...]:
    """Return what could have been seen in each region.

    An exon is assessable only if each of its bases reaches the required limit; another region if
    all of its decisive alleles do.

    Args:
        regions: Of :func:`target_regions`.
        caller: The sample's.
        forced: The findings of all forced alleles.
        namer: Of the sample's build.
        required_limit_vaf: Limit of detection that a negative needs.
        power: With which it is to be reached.
        spliced: Whether the molecules are RNA, in which a splice site cannot be judged.
    """
    if any(region.kind == "exon" for region in regions):
        limits = caller.position_limits
    else:
        limits = caller.limits_among({at for region in regions for at in region.positions})
    reached = limits.reaches(required_limit_vaf, power)
    row_of = {position: row for row, position in enumerate(limits.positions.tolist())}
    decided = decided_targets(regions, caller, forced, namer)
    targets = []
    for region in regions:
        rows = [row_of[position] for position in region.positions if position in row_of]
        below = int((~reached[rows]).sum()) + len(region.positions) - len(rows)
        if region.kind == "exon":
            by_depth = sorted(rows, key=lambda row: (int(limits.depth[row]), row))
            middle = by_depth[len(by_depth) // 2] if by_depth else None
            depth = 0 if middle is None else int(limits.depth[middle])
            limit = None if middle is None else caller.limit_at(int(limits.positions[middle]))
            # Of an amplicon whose reads are no molecules the limit has a floor.
            assessable = below == 0 and limit is not None and limit <= required_limit_vaf
        else:
            own = [finding for finding in forced if decided[finding.allele] == region.name]
            limit = worst([finding.limit for finding in own])
            if spliced and region.is_intronic:
                limit = None
            assessable = limit is not None and limit <= required_limit_vaf
            depth = min((finding.depth for finding in own), default=0)
            if region.kind == "codon41":
                depth = caller.codon_depth
        size = len(region.positions)
        targets.append(Target(region.name, region.kind, depth, limit, assessable, size, below))
    return tuple(targets)


def decided_targets(
    regions: Sequence[TargetRegion],
    caller: Caller,
    forced: Sequence[Finding],
    namer: AlleleNamer,
) -> dict[Allele, str]:
    """Return for each forced allele the name of the region that it decides; empty without."""
    places = [region for region in regions if region.kind != "exon"]
    decided = {}
    for allele in (finding.allele for finding in forced):
        bases = namer.named_bases(allele)
        # Without a catalogue each change of the codon is as decisive as the other.
        counts = not caller.vexas_alleles or allele in caller.vexas_alleles
        touched = (region.name for region in places if bases.intersection(region.positions))
        decided[allele] = next(touched, "") if counts else ""
    return decided


def worst(limits: Sequence[float | None]) -> float | None:
    """Return the highest limit; None if one of them is None, or there is none."""
    known = [limit for limit in limits if limit is not None]
    return max(known) if known and len(known) == len(limits) else None


def _range_name(positions: Iterable[int], placed: PlacedLocus) -> str:
    ordered = sorted(positions, reverse=not placed.is_forward)
    first, last = placed.c_name(ordered[0]), placed.c_name(ordered[-1])
    return f"{first}" if first == last else f"{first}_{last}"


def exon_coverage(regions: Sequence[TargetRegion], caller: Caller) -> tuple[ExonCoverage, ...]:
    """Return depth and limit of each base of the exons among some regions.

    Limits are rounded to three digits.

    Args:
        regions: Of :func:`target_regions`.
        caller: The sample's.
    """
    made = []
    for region in (one for one in regions if one.kind == "exon"):
        limits = caller.position_limits
        rows = np.searchsorted(limits.positions, region.positions)
        shown = (float(f"{limit:.3g}") for limit in caller.limits[rows].tolist())
        made.append(
            ExonCoverage(
                region.name,
                region.positions[0] + 1,
                region.positions[-1] + 1,
                tuple(limits.depth[rows].tolist()),
                tuple(None if np.isnan(limit) else limit for limit in shown),
            )
        )
    return tuple(made)
