"""Realignment of the reads that might hide an allele, or only seem to show one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.alignments.reads import Reads
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.normalise import left_normalise
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.locus.record import Interval
from vexas_uba1.realignment.codon import realign_codon
from vexas_uba1.realignment.complexes import complex_candidates
from vexas_uba1.realignment.ends import extend_clips, follow_transcript
from vexas_uba1.realignment.haplotypes import Comparison, compare
from vexas_uba1.realignment.indels import (
    Candidate,
    candidate_of,
    choose_candidates,
    shown_indels,
)
from vexas_uba1.realignment.introns import learn_beside
from vexas_uba1.realignment.listed import ask_for_deletion, forget
from vexas_uba1.realignment.report import RealignmentReport
from vexas_uba1.realignment.rewriting import Moves, rewrite
from vexas_uba1.realignment.tracks import Track, genome_track, spliced_track
from vexas_uba1.reference import ReferenceWindow

_NEAR_CODING = 12  # bases; indels farther off the searched ones are left alone
_KINDS = (
    "junction", "overhang", "haplotype", "uninformative", "clip", "listed", "unclear", "codon",
)  # fmt: skip
_ROUNDS = 3  # a read may have two indels, one near each end


def realign(
    reads: Reads,
    placed: PlacedLocus,
    reference: ReferenceWindow,
    alleles: Collection[Allele],
    *,
    spliced: bool,
) -> tuple[Reads, RealignmentReport]:
    """Write reads as the haplotype that explains them best; see docs/methods.md.

    A read that shows the plain reference, or an indel as it is written here, stays as it is. The
    outcome for a read depends on its own bases, and on which indels other reads show, never on
    their order.

    Args:
        reads: All reads of the window.
        placed: The gene on the reads' build.
        reference: What is known of its bases.
        alleles: Those of the catalogue; their insertions and deletions are sought in every sample.
        spliced: Whether the reads are of RNA.

    Returns:
        The reads, some with other blocks, deletions, insertions, ends and clips; and the counts.
    """
    work = _Work(reads, placed, reference, alleles, spliced)
    if reads.count:
        work.run()
    return work.reads, RealignmentReport(
        int(work.compared.sum()),
        {kind: int(reads.sum()) for kind, reads in work.realigned.items() if reads.any()},
    )


class _Work:
    """The steps in their order, each on what the one before left."""

    def __init__(
        self,
        reads: Reads,
        placed: PlacedLocus,
        reference: ReferenceWindow,
        alleles: Collection[Allele],
        spliced: bool,
    ) -> None:
        self.reads = reads
        self.placed, self.reference, self.alleles = placed, reference, alleles
        self.genome = genome_track(reference.start, reference.codes)
        self.exons = sorted(interval for _, interval in placed.exon_intervals)
        self.introns: list[Interval] = []
        self.transcript: Track | None = None
        if spliced and len(self.exons) > 1:
            self.introns = [(one[1], other[0]) for one, other in pairwise(self.exons)]
            self.transcript = spliced_track(self.genome, self.introns)
        self.settled: dict[Candidate, NDArray[np.bool_]] = {}
        self.compared = np.zeros(reads.count, dtype=np.bool_)
        self.realigned = {kind: np.zeros(reads.count, dtype=np.bool_) for kind in _KINDS}

    def run(self) -> None:
        if self.transcript is not None:
            self._junctions(self.transcript)
        undecided = self._indels()
        self._clips(undecided)
        asked = self._listed()
        looked, moves = realign_codon(
            self.reads,
            self.transcript or self.genome,
            self.genome,
            self.placed.codon_positions,
            asked,
        )
        self._apply("codon", looked, moves)
        if moves.read.size:
            self._complexes(asked)

    def _junctions(self, transcript: Track) -> None:
        for direction in (1, -1):
            among = np.ones(self.reads.count, dtype=np.bool_)
            # A read whose parts were joined can be put right at one junction each time.
            for _ in self.exons:
                looked, carried, hidden = follow_transcript(
                    self.reads,
                    self.genome,
                    transcript,
                    self.exons,
                    self._targets,
                    direction,
                    among,
                )
                self._apply("junction", looked, carried)
                self._apply("overhang", looked, hidden)
                among = np.zeros(self.reads.count, dtype=np.bool_)
                among[carried.read] = True
                if not carried.read.size:
                    break

    def _indels(self) -> NDArray[np.bool_]:
        """Compare with insertions and deletions; return which reads' clips may be one (R)."""
        codon = frozenset(self.placed.codon_positions)
        learnt = self.genome
        if self.transcript is None:
            edits = {edit for one in self.alleles for edit in one.edits if not edit.is_substitution}
            codes = learn_beside(self.reads, self.genome, sorted(edits))
            learnt = genome_track(self.reference.start, codes)
        shown = shown_indels(self.reads, self._near_coding, self.reference.start)
        simple = choose_candidates(self.alleles, shown, self.reads, self.reference, codon)
        candidates = self._haplotypes(shown) | simple
        among: NDArray[np.bool_] | None = None
        undecided = np.zeros(self.reads.count, dtype=np.bool_)
        for _ in range(_ROUNDS):
            found = compare(
                self.reads,
                self.genome,
                self.transcript,
                candidates,
                shown,
                learnt=learnt,
                among=among,
                settled=self.settled,
            )
            self._settle(found, list(candidates))
            undecided |= found.undecided
            among = np.zeros(self.reads.count, dtype=np.bool_)
            among[found.moved.read] = among[found.hidden.read] = True
            if not among.any():
                break
            shown = shown_indels(self.reads, self._near_coding, self.reference.start)
            simple = choose_candidates(self.alleles, shown, self.reads, self.reference, codon)
            now = self._haplotypes(shown) | simple
            if any(one.compared and one not in candidates for one in now):
                candidates, among = now, None
        return undecided

    def _complexes(self, asked: NDArray[np.int64]) -> None:
        """Write haplotypes of several changes alike that were aligned anew.

        Reads that were asked for a listed deletion stay: their other changes are errors.
        """
        shown = shown_indels(self.reads, self._near_coding, self.reference.start)
        candidates = self._haplotypes(shown)
        among = np.ones(self.reads.count, dtype=np.bool_)
        among[asked] = False
        found = compare(
            self.reads,
            self.genome,
            self.transcript,
            candidates,
            shown,
            among=among,
            settled=self.settled,
        )
        self._settle(found, list(candidates))

    def _haplotypes(
        self, shown: Mapping[Edit, NDArray[np.int64]]
    ) -> dict[Candidate, NDArray[np.int64]]:
        """Return indels with changes beside them; the reads that show one whole are settled."""
        found = complex_candidates(
            self.reads,
            self.transcript or self.genome,
            shown,
            self.reference,
            self.placed.codon_positions,
        )
        for candidate, readers in found.items():
            for other in self.settled:
                self.settled[other][readers] = False
            known = self.settled.setdefault(candidate, np.zeros(self.reads.count, dtype=np.bool_))
            known[readers] = True
        return found

    def _settle(self, found: Comparison, candidates: Sequence[Candidate]) -> None:
        """Write reads as they were found to be best explained, and note by what."""
        self._apply("haplotype", found.compared, found.moved)
        self._apply("uninformative", found.compared, found.hidden)
        for number, candidate in enumerate(candidates):
            if candidate in self.settled:
                self.settled[candidate][found.moved.read[found.chosen == number]] = True

    @property
    def _targets(self) -> NDArray[np.int64]:
        """Positions of the codon and of the listed alleles."""
        listed = {at for one in self.alleles for edit in one.edits for at in edit.touched}
        return np.array(sorted(listed | set(self.placed.codon_positions)), dtype=np.int64)

    def _clips(self, undecided: NDArray[np.bool_]) -> None:
        for direction in (1, -1):
            looked, moves = extend_clips(
                self.reads, self.genome, self.transcript, self._targets, undecided, direction
            )
            self._apply("clip", looked, moves)

    def _listed(self) -> NDArray[np.int64]:
        """Ask reads that err in length for the listed deletions; return those that have one."""
        codon = self.placed.codon_positions
        edits = {edit for one in self.alleles for edit in one.edits if edit.is_indel}
        shown = shown_indels(self.reads, self._near_coding, self.reference.start)
        holds = [np.array([], dtype=np.int64)]
        for edit in sorted(left_normalise(edit, self.reference) for edit in edits):
            candidate = candidate_of(edit, self.reference, codon, compared=True, shared=True)
            answers = ask_for_deletion(
                self.reads, self.transcript or self.genome, self.genome, candidate, codon, shown
            )
            self._apply("listed", answers.looked, answers.moves)
            self.reads = forget(self.reads, answers.unclear, candidate.low - 1, candidate.high + 1)
            self.realigned["unclear"][answers.unclear] = True
            holds.append(answers.holds)
        return np.unique(np.concatenate(holds))

    def _apply(
        self, kind: str, looked: NDArray[np.int64] | NDArray[np.bool_], moves: Moves
    ) -> None:
        self.compared[looked] = True
        self.realigned[kind][moves.read] = True
        self.reads = rewrite(self.reads, moves, self.introns)

    @cached_property
    def _near_coding(self) -> NDArray[np.bool_]:
        """Which bases of the window are coding, or near to one that is."""
        sites = np.array([*self.placed.coding_positions, *self.placed.codon_positions])
        offsets = np.arange(-_NEAR_CODING, _NEAR_CODING + 1)[:, None] + sites - self.genome.start
        near = np.zeros(self.genome.size, dtype=np.bool_)
        near[offsets[(offsets >= 0) & (offsets < near.size)]] = True
        return near
