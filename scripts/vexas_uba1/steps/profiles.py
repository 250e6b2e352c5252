"""Snakemake's profiles: the workflow's own by name, and folders of the user's."""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vexas_uba1 import paths
from vexas_uba1.errors import UserError

_LOCAL = (None, "local")
_NOT_OF_A_RUN = (
    *("n", "dry-run", "dryrun", "U", "until", "O", "omit-from", "t", "touch"),
    *("C", "config", "configfile", "configfiles", "d", "directory"),
)
"""Options with which Snakemake does not do all of the work that ``run`` then tells of."""


@dataclass(frozen=True)
class Profile:
    """How jobs are run.

    Attributes:
        folder: Where the profile lies; None for this machine without one.
        options: Snakemake's options, by their long names.
    """

    folder: Path | None
    options: Mapping[str, object]

    @property
    def is_local(self) -> bool:
        """Whether the jobs run on this machine."""
        return self.options.get("executor") in _LOCAL

    @property
    def is_slurm(self) -> bool:
        """Whether the jobs run through Slurm."""
        return self.options.get("executor") == "slurm"

    def arguments(self, cores: int | None) -> list[str]:
        """Return Snakemake's arguments.

        Args:
            cores: Of this machine, or jobs of a cluster; None for as many as the profile says, or
                all of this machine.
        """
        given = [] if self.folder is None else ["--workflow-profile", str(self.folder)]
        if not self.is_local:
            return given if cores is None else [*given, "--jobs", str(cores)]
        # On one machine Snakemake takes jobs for cores.
        if cores is None and not self.options.keys().isdisjoint(("cores", "jobs")):
            return given
        return [*given, "--cores", str(cores or os.cpu_count() or 1)]


def refuse_partial(arguments: Sequence[str]) -> None:
    """Let no option through with which the results of a run would not be those it tells of.

    Args:
        arguments: Of Snakemake, as given.

    Raises:
        UserError: there is one.
    """
    for argument in arguments:
        long = argument.startswith("--")
        option = argument.partition("=")[0] if long else argument[:2]
        if option.startswith("-") and option.lstrip("-") in _NOT_OF_A_RUN:
            raise _not_of_a_run(option)


def _not_of_a_run(option: str) -> UserError:
    return UserError(
        "with this option Snakemake does not do all that a run tells of",
        remedy="Leave it out; --config and --dry-run of `vexas-uba1 run` stand before `--`, and "
        "the others are for Snakemake alone",
        value=option,
    )


def find_profile(name: str | None) -> Profile:
    """Return the profile of that name, or in that folder; None is this machine.

    Raises:
        UserError: there is none, it cannot be read, or the plugin it needs is not installed.
    """
    if name is None:
        return Profile(None, {})
    from snakemake.cli import get_profile_dir

    own = paths.product_root() / "workflow" / "profiles" / name
    folder = own if own.is_dir() and "/" not in name else Path(name).absolute()
    found = get_profile_dir(str(folder)) if folder.is_dir() else None
    if found is None:
        known = ", ".join(sorted(path.name for path in own.parent.iterdir()))
        raise UserError(
            "there is no such profile",
            remedy=f"Name one of the workflow's ({known}) or a folder with a config.yaml",
            column="--profile",
            value=name,
        )
    profile = Profile(folder, _options(found[1], name))
    for option, value in profile.options.items():
        if option in _NOT_OF_A_RUN:
            raise _not_of_a_run(option)
        # Snakemake would wait for a core without end.
        if option in ("cores", "jobs") and isinstance(value, int) and value < 1:
            raise _unusable(f"{option} must be 1 or more", found[1], name)
    executor = profile.options.get("executor")
    if executor in _LOCAL:
        return profile
    if importlib.util.find_spec(f"snakemake_executor_plugin_{executor}") is None:
        python = shlex.quote(sys.executable)
        raise UserError(
            f"Snakemake's plugin for {executor} is not installed",
            remedy=f"Install it: `{python} -m pip install snakemake-executor-plugin-{executor}`",
            column="--profile",
            value=name,
        )
    return profile


def _options(file: Path, name: str) -> dict[str, object]:
    import yaml

    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        place = getattr(error, "problem_mark", None)
        line = f" (line {place.line + 1})" if place is not None else ""
        raise _unusable(f"it cannot be read as YAML{line}", file, name) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise _unusable("it does not consist of `option: value`", file, name)
    return {str(option): value for option, value in values.items()}


def _unusable(message: str, file: Path, name: str) -> UserError:
    return UserError(
        f"{file.name} of the profile is of no use: {message}",
        remedy="Mend it: its options are Snakemake's, as `snakemake --help` lists them",
        column="--profile",
        value=name,
    )
