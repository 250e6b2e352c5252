"""What a flag may look at: the molecules that show an allele, among those informative on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alleles.haplotypes import View
from vexas_uba1.noise.two_colour import Artefact


@dataclass(frozen=True)
class Surroundings:
    """What molecules show beside an allele, where the reference is known; P positions.

    Attributes:
        reference: Base codes; 4 where nothing is compared, so at the allele itself (P).
        supporting: Codes of the molecules that show the allele (s, P).
        others: Codes of some that do not (o, P).
    """

    reference: NDArray[np.uint8]
    supporting: NDArray[np.uint8]
    others: NDArray[np.uint8]


@dataclass(frozen=True)
class Support:
    """The molecules that show an allele, among those informative on it; n molecules.

    Attributes:
        view: The informative molecules.
        shows: Which of them show the allele (n).
        chance: Probability that each shows it by error (n).
        weight: What each proves if it shows it, as the test weighs it (n).
        artefact: The fault of some machines that can show the allele; None where none can.
        may_be_one_sided: Whether hardly any molecule on the other strand can be the assay's design.
        is_poor_sample: Whether the whole sample's qualities are low.
        look_beside: Looks at what lies beside; None where nothing can be seen.
        near_primer: Which molecules end close to a primer under the allele (n); None without
            primers there.
        panel_vaf: VAF that one normal of the panel in a hundred shows at the allele by noise; None
            without a panel, and where it is as quiet as the sample's own model says.
    """

    view: View
    shows: NDArray[np.bool_]
    chance: NDArray[np.float64]
    weight: NDArray[np.int64]
    artefact: Artefact | None = None
    may_be_one_sided: bool = False
    is_poor_sample: bool = False
    look_beside: Callable[[], Surroundings | None] | None = None
    near_primer: NDArray[np.bool_] | None = None
    panel_vaf: float | None = None

    @property
    def count(self) -> int:
        """Molecules that show the allele."""
        return int(self.shows.sum())

    @cached_property
    def witnesses(self) -> NDArray[np.bool_]:
        """The molecules that prove at least half of what the best ones do (n).

        What others show may be their errors: of poor bases, or of a strand that the sample itself
        shows to err.
        """
        if not self.weight.size:
            return np.zeros(0, dtype=np.bool_)
        enough: NDArray[np.bool_] = 2 * self.weight >= self.weight.max()
        return enough

    @cached_property
    def surroundings(self) -> Surroundings | None:
        """What lies beside; looked at only if a flag asks."""
        return None if self.look_beside is None else self.look_beside()


def only_on(view: View, strand: str) -> NDArray[np.bool_]:
    """Return the molecules that were read on one strand alone (n)."""
    return view.forward & ~view.reverse if strand == "forward" else view.reverse & ~view.forward
