"""Soft flags: what makes a found allele doubtful, each with its reason."""

from vexas_uba1.filters.qualities import LOW_BASE_QUALITY
from vexas_uba1.filters.strands import ONE_SIDED
from vexas_uba1.filters.support import Support, Surroundings
from vexas_uba1.filters.table import FLAGS, Flag, pass_chance, raise_flags

__all__ = [
    "FLAGS",
    "LOW_BASE_QUALITY",
    "ONE_SIDED",
    "Flag",
    "Support",
    "Surroundings",
    "pass_chance",
    "raise_flags",
]
