"""The command line ``vexas-uba1``."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from vexas_uba1 import __version__
from vexas_uba1.errors import UserError, disk_problem

COMMANDS = ("init", "check", "run", "call", "screen", "panel", "render", "compare", "simulate")


class _Lazy(click.Group):
    """Imports a command's module only when that command is used or its help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command, or None if there is none of this name."""
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"vexas_uba1.commands.{name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an interrupted one ends with 130, as shells have it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(130)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vexas-uba1")
def cli() -> None:
    """UBA1 codon 41 from sequencing reads: the variant with its VAF, or how little could hide.

    Start with `vexas-uba1 init DIR`. Research use; no diagnosis.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit with 0 whatever the verdict, 2 for a user's error, 1 for a bug."""
    # Our matrices are small: more threads of linear algebra win nothing, and wait at full load.
    # It is read as numpy is loaded, in this process or in one that it begins.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        cli(args=None if arguments is None else list(arguments), prog_name="vexas-uba1")
    except UserError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        mendable = disk_problem(error)
        if mendable is None:
            raise
        print(f"error: {mendable}", file=sys.stderr)
        sys.exit(2)
