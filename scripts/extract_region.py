"""Rule ``extract_region`` of the workflow."""

from typing import Any

from vexas_uba1.steps import jobs

snakemake: Any  # Snakemake puts it here.

# What reads a URL is a process of its own, which imports this file.
if __name__ == "__main__":
    jobs.extract_region(snakemake)
