"""Whose an output folder is: a screen's and a workflow's files do not mix."""

from __future__ import annotations

from pathlib import Path

from vexas_uba1.errors import UserError
from vexas_uba1.steps.plan import VERSIONS

SCREEN_TABLE = "screen.sqlite"
SCREEN_PARTS = Path("work") / "parts"
"""Where parts of a screen's manifest have their tables, below its folder."""
_REMEDY = "Name another output folder"


def tables_of_parts(out: Path) -> list[Path]:
    """Return the tables of a screen's parts, and that of a whole one that was put aside."""
    return sorted((out / SCREEN_PARTS).glob(f"*/{SCREEN_TABLE}"))


def refuse_a_screens(outdir: Path) -> None:
    """Keep samples' files out of the folder of a screen, which would take them for its own.

    Raises:
        UserError: it is one.
    """
    if (outdir / SCREEN_TABLE).exists() or tables_of_parts(outdir):
        raise UserError("this output folder is that of a screen", remedy=_REMEDY, file=outdir.name)


def refuse_a_workflows(out: Path) -> None:
    """Keep a screen out of a folder of ``run`` or ``call``, whose results it would remove.

    Raises:
        UserError: it is one.
    """
    if (out / VERSIONS).exists() or any(out.glob("samples/*/*.status.json")):
        raise UserError(
            "this output folder holds results of `vexas-uba1 run` or `call`",
            remedy=_REMEDY,
            file=out.name,
        )
