"""Rule ``build_index`` of the workflow."""

from typing import Any

from vexas_uba1.steps import jobs

snakemake: Any  # Snakemake puts it here.

jobs.build_index(snakemake)
