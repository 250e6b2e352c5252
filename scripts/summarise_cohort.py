"""Rule ``summarise_cohort`` of the workflow."""

from typing import Any

from vexas_uba1.steps import jobs

snakemake: Any  # Snakemake puts it here.

jobs.summarise_cohort(snakemake)
