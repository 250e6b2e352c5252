"""What an allele is: replacements of reference bases that lie in cis on one molecule."""

from __future__ import annotations

from dataclasses import dataclass

from vexas_uba1.locus.bases import Bases


@dataclass(frozen=True, order=True)
class Edit:
    """One replacement of reference bases, on the genome's forward strand.

    Attributes:
        start: 0-based first base replaced.
        end: Exclusive end; ``start == end`` for an insertion before ``start``.
        alt: The bases put there, A, C, G, T; empty for a deletion.
    """

    start: int
    end: int
    alt: str

    @property
    def touched(self) -> range:
        """The reference bases taken out; of an insertion the base after it."""
        return range(self.start, max(self.end, self.start + 1))

    @property
    def is_substitution(self) -> bool:
        """Whether as many bases are put in as are taken out."""
        return self.end - self.start == len(self.alt)

    @property
    def is_indel(self) -> bool:
        """Whether bases are put in or taken out, and nothing else."""
        return (self.start == self.end) != (not self.alt)


@dataclass(frozen=True, order=True)
class Allele:
    """One or more edits in cis, ordered by position and not overlapping.

    Substitutions are held as single-base edits, so that two alleles that change the same bases are
    equal. Insertions and deletions are held as far left as the known reference allows.
    """

    edits: tuple[Edit, ...]

    @classmethod
    def substitution(cls, changes: dict[int, str]) -> Allele:
        """Build an allele of single-base changes from ``{0-based position: base}``."""
        return cls(tuple(Edit(pos, pos + 1, base) for pos, base in sorted(changes.items())))

    @property
    def start(self) -> int:
        """0-based first base that the allele touches."""
        return self.edits[0].start

    @property
    def end(self) -> int:
        """Exclusive end of the last base that the allele touches."""
        return max(edit.end for edit in self.edits)

    @property
    def is_substitution(self) -> bool:
        """Whether every edit replaces one base by one base."""
        return all(edit.is_substitution for edit in self.edits)

    def spelled(self, start: int, end: int, reference: Bases) -> str:
        """Return the bases of a molecule with the allele over ``[start, end)``, which holds it."""
        text, at = "", start
        for edit in self.edits:
            text += reference.slice(at, edit.start) + edit.alt
            at = edit.end
        return text + reference.slice(at, end)
