"""Rule ``call_variants`` of the workflow."""

from typing import Any

from vexas_uba1.steps import jobs

snakemake: Any  # Snakemake puts it here.

jobs.call_variants(snakemake)
