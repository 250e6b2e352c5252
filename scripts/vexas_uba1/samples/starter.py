"""The commented start of a new project."""

from __future__ import annotations

from pathlib import Path

from vexas_uba1 import paths
from vexas_uba1.errors import Problem, UserError
from vexas_uba1.files import write_text

FILES = ("config.yaml", "samples.tsv")


def write_starter(directory: Path) -> tuple[Path, ...]:
    """Write a commented ``config.yaml`` and ``samples.tsv`` into ``directory``, made if needed.

    Returns:
        The two files.

    Raises:
        UserError: one of them is there already (nothing is written then), or the folder cannot be
            made or written.
    """
    targets = tuple(directory / name for name in FILES)
    there = [
        Problem(
            "the file is there already", "Choose another folder, or move the file away", str(target)
        )
        for target in targets
        if target.exists() or target.is_symlink()
    ]
    if there:
        raise UserError.of(there)
    try:
        for target in targets:
            source = paths.product_root() / "config" / target.name
            write_text(target, source.read_text(encoding="utf-8"))
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UserError(
            f"the folder cannot be written ({error.strerror})",
            remedy="Choose another folder, or ask its owner for permission",
            file=str(directory),
        ) from None
    return targets
