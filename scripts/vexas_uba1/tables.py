"""The table of one sample's variants, for spreadsheets and scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from vexas_uba1.files import write_text
from vexas_uba1.result import SampleCall, SampleResult, Variant

Cell = str | int | float | bool | None

COLUMNS: Mapping[str, Callable[[SampleCall, Variant], Cell]] = {
    "sample": lambda call, _: call.sample.id,
    "assay": lambda call, _: call.sample.assay,
    "build": lambda call, _: call.input.build,
    "chrom": lambda _, variant: variant.chrom,
    "pos": lambda _, variant: variant.pos,
    "ref": lambda _, variant: variant.ref,
    "alt": lambda _, variant: variant.alt,
    "hgvs_c": lambda call, variant: full_hgvs(call, variant.hgvs_c),
    "hgvs_p": lambda _, variant: variant.hgvs_p,
    "effect": lambda _, variant: variant.effect,
    "verdict_class": lambda _, variant: variant.verdict_class,
    "category": lambda _, variant: variant.category,
    "evidence": lambda _, variant: variant.evidence,
    "sources": lambda _, variant: ",".join(variant.sources),
    "sources_read": lambda _, variant: variant.sources_read,
    "filters": lambda _, variant: ",".join(variant.filters),
    "alt_fragments": lambda _, variant: variant.alt_fragments,
    "depth_fragments": lambda _, variant: variant.depth_fragments,
    "count_unit": lambda call, _: call.codon41.count_unit,
    "vaf": lambda _, variant: variant.vaf,
    "vaf_corrected": lambda _, variant: variant.vaf_corrected,
    "vaf_low95": lambda _, variant: variant.vaf_low95,
    "vaf_high95": lambda _, variant: variant.vaf_high95,
    "expected_error_fragments": lambda _, variant: variant.expected_error_fragments,
    "quality": lambda _, variant: variant.quality,
    "alt_forward": lambda _, variant: variant.alt_forward,
    "alt_reverse": lambda _, variant: variant.alt_reverse,
    "depth_forward": lambda _, variant: variant.depth_forward,
    "depth_reverse": lambda _, variant: variant.depth_reverse,
    "changes_protein": lambda _, variant: variant.changes_protein,
    "at_codon41": lambda _, variant: variant.at_codon41,
    "clone_fraction": lambda _, variant: "; ".join(
        f"{assumption} = {share!r}" for assumption, share in variant.clone_fraction.items()
    ),
    "filter_reasons": lambda _, variant: "; ".join(
        f"{name}: {reason}" for name, reason in variant.filter_reasons.items()
    ),
    "catalogue_version": lambda call, _: call.catalogue_version,
}


def full_hgvs(call: SampleCall, hgvs: str) -> str:
    """Return the HGVS name with its reference: the transcript, or the contig for a genomic name."""
    reference = call.input.contig if hgvs.startswith("g.") else call.gene["transcript"]
    return f"{reference}:{hgvs}" if reference else hgvs


def write_variants_table(path: Path, result: SampleResult) -> None:
    """Write ``variants.tsv``: column names, then one row a variant in the order of the result.

    Fractions are written as in ``result.json``; an empty cell is an unknown value.
    """
    call = result.call
    rows = [list(COLUMNS)]
    rows += [
        [_cell(column(call, variant)) for column in COLUMNS.values()] for variant in call.variants
    ]
    write_text(path, "".join("\t".join(row) + "\n" for row in rows))


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    # A value must not be able to start a cell or a row of its own.
    return " ".join(str(value).replace("\t", " ").splitlines())
