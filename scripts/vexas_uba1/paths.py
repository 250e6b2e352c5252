"""Where the parts lie that are not Python: in a checkout, or in the installed package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]


def product_root() -> Path:
    """Return the folder that holds Snakefile, workflow/, scripts/, resources/ and config/.

    In a checkout that is the top level; in an installed package it is ``vexas_uba1/product``.
    """
    installed = _PACKAGE / "product"
    return installed if installed.is_dir() else _CHECKOUT


def resources() -> Path:
    """Return the folder of the gene facts."""
    return product_root() / "resources"


def schemas() -> Path:
    """Return the folder of the JSON schemas."""
    return product_root() / "workflow" / "schemas"


def snakefile() -> Path:
    """Return the workflow's entry point."""
    return product_root() / "Snakefile"


def templates() -> Path:
    """Return the folder of the report's templates and captions."""
    return product_root() / "workflow" / "report"
