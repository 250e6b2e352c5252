"""Rule ``mark_duplicates`` of the workflow."""

from typing import Any

from vexas_uba1.steps import jobs

snakemake: Any  # Snakemake puts it here.

jobs.mark_duplicates(snakemake)
