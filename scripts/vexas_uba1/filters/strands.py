"""Support on one strand only.

The question is one: could this share of the allele's molecules have come about if they were drawn
from all informative ones? So an assay in which every molecule is one-sided raises nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, gammainc

from vexas_uba1.alleles.haplotypes import View
from vexas_uba1.filters.support import Support, only_on

UNLIKELY = 0.001
UNLIKELY_SILENCE = 0.01
"""Chance below which a strand that shows nothing at all is not taken for chance."""
FAINT = 0.2
"""Share of its due that a strand shows at most to count as all but silent (assumed)."""
ONE_SIDED = 0.02
"""Share of molecules on the honest strand below which an assay is taken for one-sided (assumed)."""
EXPLAINED = 1e-4
"""Chance of errors above which they may explain what the honest strand shows, where the other one
is the strand that a known artefact of the machine lies on (assumed)."""
LIKELIER, LIKELIER_WITHOUT = 100.0, 1.0
"""How much likelier than errors a true allele must be to show so little there, and the same where
the sample's other bases rule the artefact out (assumed): machines that make it are far commoner
than patients with that very allele."""


def one_strand(support: Support) -> str | None:
    """Return why the support is one-sided, or None."""
    view, asked = support.view, support.witnesses
    shows = support.shows & asked
    alt = int(shows.sum())
    for name, there, loud in _strands(view):
        seen = int((there & shows).sum())
        # Molecules that a strand did not read could not have shown the allele on it.
        share = _share(there, asked)
        chance = float(bdtr(seen, alt, share))
        silent = seen == 0 and chance < UNLIKELY_SILENCE
        # Deep data make any small imbalance unlikely; a flag asks for a large one as well.
        faint = chance < UNLIKELY and seen < FAINT * alt * share
        if silent or faint:
            return (
                f"{alt - seen} of {alt} supporting fragments show it on the {loud} strand only, "
                f"although {int((there & asked).sum())} of {int(asked.sum())} fragments were read "
                f"on the {name} strand"
            )
    return _artefact(support)


def _artefact(support: Support) -> str | None:
    if support.artefact is None:
        return None
    honest = _honest(support)
    if _is_one_sided(support, honest):
        return None
    seen, alt = int((honest & support.shows).sum()), int((support.shows & support.witnesses).sum())
    by_errors = _by_errors(support.chance[honest], seen)
    by_allele = float(bdtr(seen, alt, _share(honest, support.witnesses)))
    likelier = float(_likelier(support, honest, np.array([alt - seen]))[0])
    if by_errors <= EXPLAINED or by_allele >= likelier * by_errors:
        return None
    return (
        f"{alt - seen} of {alt} supporting fragments show it on the {support.artefact.strand} "
        "strand only, on which two-colour machines are known to read this base wrongly, and "
        + ("no other does" if seen == 0 else f"errors explain the other {seen}")
    )


def strand_pass_chance(support: Support, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the chance that a true allele is not called one-sided, by its molecules."""
    asked = support.witnesses
    passes = np.ones(counts.size)
    # As many of them as are witnesses on average.
    witnesses = counts * _share(asked, np.ones(asked.size, dtype=np.bool_))
    for _, there, _ in _strands(support.view):
        silence = (1 - _share(there, asked)) ** witnesses
        passes *= np.where(silence < UNLIKELY_SILENCE, 1 - silence, 1.0)
    honest = _honest(support)
    if support.artefact is None or _is_one_sided(support, honest):
        return passes
    share, chance = _share(honest, asked), support.chance[honest]
    # Errors show the allele too: on the honest strand they are taken for molecules more.
    errors, among_honest = (float(support.chance[of].sum()) for of in (asked, honest))
    alt = np.floor(witnesses + errors).astype(np.int64)
    drawn = np.floor(witnesses + among_honest / max(share, 1e-300)).astype(np.int64)
    flagged, seen = np.zeros(counts.size), 0
    while (by_errors := _by_errors(chance, seen)) > EXPLAINED:
        # As many as this or fewer; more are likelier, so none of the fewer is missed.
        likelier = _likelier(support, honest, np.maximum(alt - seen, 0))
        is_unlikely = bdtr(np.minimum(seen, alt), alt, share) < likelier * by_errors
        mass = bdtr(np.minimum(seen, drawn), drawn, share)
        flagged = np.where((alt >= seen) & is_unlikely, mass, flagged)
        seen += 1
    kept: NDArray[np.float64] = passes * (1 - flagged)
    return kept


def _strands(view: View) -> tuple[tuple[str, NDArray[np.bool_], str], ...]:
    return (("forward", view.forward, "reverse"), ("reverse", view.reverse, "forward"))


def _share(there: NDArray[np.bool_], asked: NDArray[np.bool_]) -> float:
    """Return the share of the asked molecules of which something holds; 1 without any."""
    return float((there & asked).sum()) / int(asked.sum()) if asked.any() else 1.0


def _honest(support: Support) -> NDArray[np.bool_]:
    """Return the witnesses that the artefact cannot touch (n)."""
    if support.artefact is None:
        return support.witnesses
    return ~only_on(support.view, support.artefact.strand) & support.witnesses


def _is_one_sided(support: Support, honest: NDArray[np.bool_]) -> bool:
    """Return whether the assay reads next to nothing on the honest strand, by its design."""
    return support.may_be_one_sided and _share(honest, support.witnesses) < ONE_SIDED


def _likelier(
    support: Support, honest: NDArray[np.bool_], dishonest: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how much likelier a true allele must be, by how many the artefact would have made."""
    touched = int((support.witnesses & ~honest).sum())
    if support.artefact is None or not touched:
        return np.full(dishonest.size, LIKELIER)
    ruled_out = support.artefact.is_ruled_out(dishonest / touched)
    return np.where(ruled_out, LIKELIER_WITHOUT, LIKELIER)


def _by_errors(chance: NDArray[np.float64], seen: int) -> float:
    """Return the probability that errors alone make so many molecules show an allele."""
    return float(gammainc(seen, float(chance.sum()) + 1e-300)) if seen else 1.0
