"""The error model: how likely a molecule shows an allele that is not there."""

from vexas_uba1.noise.counts import PositionCounts, count_positions, median_quality
from vexas_uba1.noise.model import NAME, ErrorModel, Place, fit
from vexas_uba1.noise.patterns import Misreading, misreading, reference_misread
from vexas_uba1.noise.positions import Cuts, cuts, doubts, tail_by_position
from vexas_uba1.noise.sites import SiteRates

__all__ = [
    "NAME",
    "Cuts",
    "ErrorModel",
    "Misreading",
    "Place",
    "PositionCounts",
    "SiteRates",
    "count_positions",
    "cuts",
    "doubts",
    "fit",
    "median_quality",
    "misreading",
    "reference_misread",
    "tail_by_position",
]
