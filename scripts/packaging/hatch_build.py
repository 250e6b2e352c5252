"""What the wheel carries beside the Python package: the workflow, to run outside a checkout too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CarryProduct(BuildHookInterface[Any]):
    """Puts the workflow's files under vexas_uba1/product/, where vexas_uba1.paths looks."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files to include; an editable install uses those of the checkout."""
        if version == "editable":
            return
        root = Path(self.root)
        parts = [root / name for name in ("Snakefile", "workflow", "config", "resources")]
        # The entry points only: the package beside them is installed as such.
        parts += sorted(root.glob("scripts/*.py"))
        for part in parts:
            target = Path("vexas_uba1/product") / part.relative_to(root)
            build_data["force_include"][str(part)] = target.as_posix()
