"""What the whole workflow must leave."""

import inspect
import sys

from vexas_uba1.errors import UserError
from vexas_uba1.steps import lock
from vexas_uba1.steps.folders import refuse_a_screens
from vexas_uba1.steps.plan import NO_CONFIGURATION


def finished_files(wildcards):
    """What a run must leave; asked for once, before Snakemake looks which of it is there."""
    if not config:
        sys.exit(f"error: {NO_CONFIGURATION}")
    # No setting tells it; other options than --report do not begin so.
    if workflow.is_main_process and any(one.startswith("--report") for one in sys.argv):
        PLAN.gather_reports()
    # Only a run that does its jobs may remove anything: not --dry-run, --report, --dag and their like.
    if workflow.is_main_process and workflow.execution_settings is not None:
        if not workflow.dryrun:
            try:
                refuse_a_screens(PLAN.outdir)
                lock.take_until_the_end(PLAN.outdir)
            except UserError as error:
                sys.exit(f"error: {error}")
            PLAN.forget_unfinished()
        elif unfinished := PLAN.unfinished():
            print(f"To be tried again: {', '.join(unfinished)}", file=sys.stderr)
    return ["cohort/cohort.tsv", *PLAN.status_files]


def growing(amount):
    """Return what a job asks for: an amount, or what a function says, and as much again at each retry."""
    if callable(amount):
        return lambda wildcards, attempt: attempt * amount(wildcards)
    return lambda wildcards, attempt: attempt * amount


def tell_signatures(rules):
    """Let Snakemake ask each function of the rules for its arguments once, not for each job again."""
    # Not called "rule": the linter would find functions and rules in one file.
    for one in rules:
        for asked in [*one.input, *one.params, *one.resources.values()]:
            # What a resource asks lies within it.
            function = getattr(asked, "_evaluator", asked)
            if inspect.isfunction(function):
                function.__signature__ = inspect.signature(function)
