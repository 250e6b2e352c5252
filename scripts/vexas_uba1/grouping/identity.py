"""What makes two fragments copies of one molecule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["flags", "names", "ends", "umi"]

TAG_SEPARATOR = "\t"
"""Between the values of several tags; no SAM tag of type Z holds it (SAM 1.6, section 1.5)."""
MOLECULE_TAG = "MI"
"""Names the molecule itself: the reads were grouped before (SAM optional fields, section 1.2)."""
CELL_TAGS = frozenset({"CB", "CR"})
"""The cell of a read: with them a UMI tells the molecules of one cell apart, wherever they lie."""
CORRECTED_TAGS = frozenset({"UB", MOLECULE_TAG})
"""Tags whose errors were corrected by the program that wrote them; they are taken as they are."""


@dataclass(frozen=True)
class Identity:
    """What names a molecule.

    Attributes:
        kind: ``names``, each fragment is a molecule (amplicons, long reads); ``flags``, the same,
            and duplicates were flagged and left out; ``ends``, fragments of one library with the
            same ends are copies; ``umi``, the tags tell.
        tags: The UMI's tags, in the order in which ``Reads.umi`` holds their values.
    """

    kind: Kind
    tags: tuple[str, ...] = ()

    @property
    def is_assigned(self) -> bool:
        """Whether a tag names the molecule."""
        return MOLECULE_TAG in self.tags

    @property
    def is_cellular(self) -> bool:
        """Whether the molecule is known by its cell, not by its place."""
        return not self.is_assigned and not CELL_TAGS.isdisjoint(self.tags)

    @property
    def is_positional(self) -> bool:
        """Whether molecules at unlike places are not compared."""
        return not self.is_assigned and not self.is_cellular

    @property
    def is_complete(self) -> bool:
        """Whether the tags name the molecule in full, so that no two share their values."""
        return self.is_assigned or (self.is_cellular and self.is_exact)

    @property
    def is_exact(self) -> bool:
        """Whether the UMIs hold no errors of reading any more."""
        return not CORRECTED_TAGS.isdisjoint(self.tags)


BY_NAMES = Identity("names")
BY_FLAGS = Identity("flags")
BY_ENDS = Identity("ends")


def by_umi(tags: tuple[str, ...]) -> Identity:
    """Return the identity that a sample's UMI tags give."""
    return Identity("umi", tags)
