"""The copies of each DNA molecule joined into one observation per position.

The mates of a fragment, and with UMIs all copies of a molecule, are one witness. Where they agree,
their evidence adds up to a floor: errors made before sequencing are in every copy. Where they
contradict each other they are no evidence, and counted.
"""

from vexas_uba1.fragments.indels import IndelCount
from vexas_uba1.fragments.joining import DISCORDANT
from vexas_uba1.fragments.molecules import (
    Column,
    Histogram,
    Molecules,
    Stretch,
    join_molecules,
)
from vexas_uba1.fragments.stretches import UNCERTAIN

__all__ = [
    "DISCORDANT",
    "UNCERTAIN",
    "Column",
    "Histogram",
    "IndelCount",
    "Molecules",
    "Stretch",
    "join_molecules",
]
