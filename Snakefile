"""vexas-uba1: UBA1 codon 41 from FASTQ, BAM or CRAM, with its VAF or the limit below which it could hide.

Needs --configfile (config/README.md explains every key); `vexas-uba1 run` passes it, and sane flags with it.
"""

import atexit
import gc
import os
import shlex
import sys
from pathlib import Path

# Snakemake pastes the interpreter's path into shell lines as it is; spaces in it need quotes.
sys.executable = shlex.quote(sys.executable)
# The package lies beside the scripts; in an installed copy the import works without this.
sys.path.insert(0, str(Path(workflow.current_basedir) / "scripts"))

# Of the web of thousands of jobs nothing is garbage: looking for it, and taking it apart at the end, took a third of a
# dry run.
gc.set_threshold(100_000)
atexit.register(gc.freeze)

from vexas_uba1.errors import UserError
from vexas_uba1.steps.plan import CHECKED, load_plan

try:
    PLAN = load_plan([Path(file) for file in workflow.configfiles], config)
except UserError as error:
    sys.exit(f"error: {error}")
os.environ[CHECKED] = PLAN.run.sheet


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


# Without a configuration the rules can still be looked at: --lint, --list-rules.
if config:

    workdir: str(PLAN.outdir)


# Whether the sheet has such a name is asked where its job is planned. A list of thousands of names
# here would be gone through for each file of each of them.
wildcard_constraints:
    sample="[^/]+",
    unit="[^/]+",
    run="[^/]+",


localrules:
    all,
    finish_samples,
    require_all,


rule all:
    default_target: True
    input:
        finished_files,
        "work/complete",


rule finish_samples:
    input:
        finished_files,


include: "workflow/rules/mapping.smk"
include: "workflow/rules/calling.smk"
include: "workflow/rules/cohort.smk"


tell_signatures(workflow.rules)


onstart:
    for change in PLAN.changed_versions():
        print(
            f"Since the last results: {change}; what depends on it is done again.",
            file=sys.stderr,
        )
