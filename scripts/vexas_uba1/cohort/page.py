"""The cohort's page: one HTML file that needs nothing else, its table also without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence

from vexas_uba1.cohort.entries import CARRY_OVER_LABELS, VERDICTS, CohortEntry
from vexas_uba1.cohort.picture import draw_cohort
from vexas_uba1.cohort.series_table import ShownSeries
from vexas_uba1.paths import templates
from vexas_uba1.report.pages import page_environment
from vexas_uba1.texts import phrases

_SCRIPT = "cohort.js"


def render_html(
    entries: Sequence[CohortEntry], series: Sequence[ShownSeries], lab_name: str
) -> str:
    """Return the page, verdicts first, links relative to ``cohort/``.

    Args:
        entries: In the order of the sheet.
        series: Of the patients with several samples.
        lab_name: For the page's head; may be empty.
    """
    order = list(VERDICTS)
    ordered = sorted(entries, key=lambda entry: order.index(entry.verdict))
    script = (templates() / _SCRIPT).read_text(encoding="utf-8")
    return (
        page_environment()
        .get_template("cohort.html.j2")
        .render(
            entries=ordered,
            counts=_counts(entries),
            ranks={verdict: rank for rank, verdict in enumerate(order)},
            labels=phrases("labels"),
            note=phrases("cohort_note").format(**_gene(entries)),
            series_note=phrases("series_note"),
            carry_over_labels=CARRY_OVER_LABELS,
            picture=draw_cohort(ordered),
            series=series,
            lab_name=lab_name,
            versions=_versions(entries),
            script=script,
            script_hash=_hash(script),
        )
    )


def _hash(script: str) -> str:
    """Return what a content security policy names the page's only script by (CSP level 2)."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _counts(entries: Sequence[CohortEntry]) -> list[tuple[str, int]]:
    """Return how many samples have each verdict that occurs, in the page's order."""
    found = Counter(entry.verdict for entry in entries)
    return [(verdict, found[verdict]) for verdict in VERDICTS if verdict in found]


def _gene(entries: Sequence[CohortEntry]) -> dict[str, str]:
    """Return the names of gene and codon, as far as the results agree on them."""
    genes = [entry.result.call.gene for entry in entries if entry.result]
    names = {gene["gene"] for gene in genes}
    codons = {gene["codon_number"] for gene in genes}
    return {
        "gene": names.pop() if len(names) == 1 else "the gene",
        "codon": f"codon {codons.pop()}".strip() if len(codons) == 1 else "the codon",
    }


def _versions(entries: Sequence[CohortEntry]) -> list[str]:
    """Return the versions that the results were made with; several where they differ."""
    calls = [entry.result.call for entry in entries if entry.result]
    named = {
        "vexas-uba1": {call.software.get("vexas-uba1", "unknown") for call in calls},
        "catalogue": {call.catalogue_version for call in calls},
        "locus": {call.locus_version for call in calls},
    }
    return [f"{name} {', '.join(sorted(found))}" for name, found in named.items() if found]
