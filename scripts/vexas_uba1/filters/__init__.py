"""Soft flags: what makes a found allele doubtful, each with its reason."""

from vexas_uba1.filters.qualities import LOW_BASE_QUALITY
from vexas_uba1.filters.support import Support, Surroundings
from vexas_uba1.filters.table import FLAGS, Flag, pass_chance, raise_flags

__all__ = [
    "FLAGS",
    "LOW_BASE_QUALITY",
    "Flag",
    "Support",
    "Surroundings",
    "pass_chance",
    "raise_flags",
]
