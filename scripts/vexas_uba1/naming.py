"""Found alleles as results hold them: names, classes, effects, VCF fields."""

from __future__ import annotations

from collections.abc import Mapping

from vexas_uba1.alleles.placements import spares
from vexas_uba1.caller.caller import Finding
from vexas_uba1.catalogue import CatalogueEntry
from vexas_uba1.clones import clone_fraction
from vexas_uba1.locus.consequence import changes_protein, effect
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.hgvs import describe, touched_positions
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.reference import ReferenceWindow
from vexas_uba1.result import ForcedAllele, SampleInfo, Variant


class AlleleNamer:
    """Names, classes and VCF fields of alleles on one build."""

    def __init__(
        self,
        placed: PlacedLocus,
        reference: ReferenceWindow,
        entries: Mapping[Allele, CatalogueEntry],
    ) -> None:
        self._placed = placed
        self._reference = reference
        self._entries = entries
        self._codon = set(placed.codon_positions)

    def name(self, allele: Allele) -> str:
        """Return the catalogue's name of an allele, or the HGVS one."""
        entry = self._entries.get(allele)
        return entry.hgvs_c if entry else describe(allele, self._placed, self._reference).hgvs_c

    def is_canonical(self, allele: Allele) -> bool:
        """Return whether the catalogue calls an allele canonical."""
        entry = self._entries.get(allele)
        return entry is not None and entry.is_canonical

    def entry(self, allele: Allele) -> CatalogueEntry | None:
        """Return the catalogue's entry of an allele.

        An allele that holds a listed one takes its entry, the largest one's, if it changes the
        codon in no other way, or, beside the codon, means the same protein. If what stands beside
        a codon change is not silent, :meth:`_unknown_beside` tells, and the allele is flagged.
        """
        return self._entries.get(self._listed(allele))

    def _listed(self, allele: Allele) -> Allele:
        """Return the listed allele that an allele is or holds; itself if there is none."""
        if allele in self._entries:
            return allele
        codon = self._codon_edits(allele)
        held = [
            listed
            for listed in self._entries
            if set(listed.edits) < set(allele.edits)
            and self._codon_edits(listed) == codon
            and (codon or self._protein(listed) == self._protein(allele) != "p.?")
        ]
        return max(held, key=lambda listed: (len(listed.edits), listed), default=allele)

    def _codon_edits(self, allele: Allele) -> set[Edit]:
        return {edit for edit in allele.edits if self._changes_codon(edit)}

    def _protein(self, allele: Allele) -> str | None:
        return describe(allele, self._placed, self._reference).hgvs_p

    def _unknown_beside(self, allele: Allele) -> str | None:
        """Return the name of what stands in cis beside a catalogued change, if not silent."""
        listed = self._listed(allele)
        others = tuple(edit for edit in allele.edits if edit not in listed.edits)
        if not others or effect(Allele(others), self._placed, self._reference) == "synonymous":
            return None
        return describe(Allele(others), self._placed, self._reference).hgvs_c

    def _changes_codon(self, edit: Edit) -> bool:
        # What can lie beside the codon as well leaves it whole.
        return not spares(edit, self._codon, self._reference)

    def variant(self, finding: Finding, sample: SampleInfo) -> Variant:
        """Return a found allele as results hold it."""
        allele = finding.allele
        entry = self.entry(allele)
        named = describe(allele, self._placed, self._reference)
        position, ref, alt = self._vcf_fields(allele)
        what = effect(allele, self._placed, self._reference)
        vaf = finding.alt / finding.depth
        flags = dict(finding.flags)
        if (beside := self._unknown_beside(allele)) is not None:
            flags["cis_neighbour"] = f"on the same molecules {beside} changes the protein as well"
        alt_forward, alt_reverse, depth_forward, depth_reverse = finding.strands
        return Variant(
            hgvs_c=self.name(allele),
            hgvs_p=entry.hgvs_p if allele in self._entries and entry else named.hgvs_p,
            chrom=self._placed.contig,
            pos=position + 1,
            ref=ref,
            alt=alt,
            alt_fragments=finding.alt,
            depth_fragments=finding.depth,
            vaf=vaf,
            vaf_corrected=finding.vaf_corrected,
            vaf_low95=finding.vaf_low,
            vaf_high95=finding.vaf_high,
            expected_error_fragments=finding.expected_errors,
            quality=finding.quality,
            filters=tuple(flags),
            filter_reasons=flags,
            category=entry.category if entry else "uncatalogued",
            verdict_class=entry.verdict_class if entry else "uncatalogued",
            evidence=entry.evidence if entry else "none",
            sources=entry.sources if entry else (),
            sources_read=entry.sources_read if entry else False,
            effect=what,
            changes_protein=changes_protein(what) or self._cuts_a_listed_deletion(allele),
            at_codon41=any(self._changes_codon(edit) for edit in allele.edits),
            alt_forward=alt_forward,
            alt_reverse=alt_reverse,
            depth_forward=depth_forward,
            depth_reverse=depth_reverse,
            clone_fraction=clone_fraction(vaf, sample),
        )

    def _cuts_a_listed_deletion(self, allele: Allele) -> bool:
        """Return whether an allele lacks intron bases that a deletion of class ``vexas`` lacks.

        What lies three to ten bases from an exon is silent by rule, but not where its loss is known
        to change splicing.
        """
        gone = {base for edit in allele.edits if _is_deletion(edit) for base in edit.touched}
        return any(
            not gone.isdisjoint(base for edit in listed.edits for base in edit.touched)
            for listed, entry in self._entries.items()
            if entry.verdict_class == "vexas" and any(map(_is_deletion, listed.edits))
        )

    def forced(self, finding: Finding, *, is_decisive: bool, target: str) -> ForcedAllele:
        """Return an allele that is looked for in every sample as results hold it.

        Args:
            finding: What was found of it.
            is_decisive: Whether the codon's limit depends on it.
            target: The target that it decides, empty without.
        """
        entry = self._entries.get(finding.allele)
        named = describe(finding.allele, self._placed, self._reference)
        return ForcedAllele(
            hgvs_c=self.name(finding.allele),
            hgvs_p=entry.hgvs_p if entry else named.hgvs_p,
            verdict_class=entry.verdict_class if entry else "uncatalogued",
            alt_fragments=finding.alt,
            depth_fragments=finding.depth,
            vaf_corrected=finding.vaf_corrected,
            vaf_low95=finding.vaf_low,
            vaf_high95=finding.vaf_high,
            expected_error_fragments=finding.expected_errors,
            quality=finding.quality,
            significant=finding.significant,
            limit_of_detection_vaf=finding.limit,
            vaf_upper95=finding.vaf_upper95,
            is_decisive=is_decisive,
            target=target,
        )

    def named_bases(self, allele: Allele) -> set[int]:
        """Return the 0-based bases that an allele's name changes.

        A known intron may have moved the edits of a catalogue's allele away from them.
        """
        if allele in self._entries:
            return touched_positions(self._entries[allele].hgvs_c, self._placed)
        return {base for edit in allele.edits for base in edit.touched}

    def _vcf_fields(self, allele: Allele) -> tuple[int, str, str]:
        """Return 0-based position, REF and ALT of one record, whatever the allele is made of.

        A pure insertion or deletion takes the base before it along.
        """
        start, end = allele.start, allele.end
        first = allele.edits[0]
        if first.start == first.end or not first.alt:
            start -= 1
        ref = self._reference.slice(start, end)
        return start, ref, allele.spelled(start, end, self._reference)


def _is_deletion(edit: Edit) -> bool:
    return len(edit.alt) < edit.end - edit.start
