"""The panel as a whole, and its file.

The file is a ``.npz`` of numpy without pickled objects: arrays that hold all normals one after the
other, and a JSON text with what they are. The same normals in the same order give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vexas_uba1.errors import UserError
from vexas_uba1.files import replacing
from vexas_uba1.locus.placed import PlacedLocus
from vexas_uba1.noise import SiteRates
from vexas_uba1.panel.normal import Normal
from vexas_uba1.panel.rates import site_rates

SCHEMA_VERSION = "1.0"
_KIND = "vexas-uba1 panel of normals"
_REMEDY = "Give a file that 'vexas-uba1 panel build' of this version wrote"


@dataclass(frozen=True)
class About:
    """What a panel is of.

    Attributes:
        name: Given by the laboratory: kit, instrument.
        gene: Symbol.
        transcript: With its version.
        locus_version: Of the gene record.
        software: Version that built it.
        assay: As in the sheet.
        umi_tags: Of its samples.
    """

    name: str
    gene: str
    transcript: str
    locus_version: str
    software: str
    assay: str
    umi_tags: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """Normals over the same sites; P sites.

    Attributes:
        about: What it is of.
        sites: Their c. names, whatever the build (P).
        normals: At least one.
        file: Name of the file, without folders; empty before it is written.
        sha256: Of the file.
    """

    about: About
    sites: tuple[str, ...]
    normals: tuple[Normal, ...]
    file: str = ""
    sha256: str = ""

    @property
    def version(self) -> str:
        """First twelve digits of the SHA-256 of all normals' digests and names."""
        text = json.dumps([asdict(self.about), [[n.sample, n.digest] for n in self.normals]])
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]

    def without(self, sample: str, files: Sequence[str], digest: str) -> Panel:
        """Return the panel less the sample itself: none is its own normal."""
        others = tuple(n for n in self.normals if not n.is_of(sample, files, digest))
        return replace(self, normals=others)

    def rates(self, placed: PlacedLocus) -> SiteRates | None:
        """Return the factors of the sites on a build; None without a normal."""
        try:
            positions = np.array([placed.genomic(site) for site in self.sites], dtype=np.int64)
        except ValueError as error:
            raise UserError(
                f"the panel names a site that the gene does not have: {error}",
                remedy=_REMEDY,
                file=self.file,
                column="panel",
            ) from error
        order = np.argsort(positions)
        ordered = [
            replace(n, seen=n.seen[order], expected=n.expected[order], left_out=n.left_out[order])
            for n in self.normals
        ]
        return site_rates(ordered, positions[order])

    def check(self, placed: PlacedLocus, assay: str, umi_tags: Sequence[str]) -> tuple[str, ...]:
        """Return warnings on how far the panel fits a sample.

        Raises:
            UserError: it is of another gene, transcript or version of the gene record.
        """
        locus = placed.locus
        own = (locus.gene, locus.transcript, locus.version)
        if own != (self.about.gene, self.about.transcript, self.about.locus_version):
            raise UserError(
                f"the panel is of {self.about.gene} {self.about.transcript}, gene record "
                f"{self.about.locus_version}; the samples are called with {locus.gene} "
                f"{locus.transcript}, gene record {locus.version}",
                remedy="Build the panel again with the gene record in use",
                file=self.file,
                column="panel",
            )
        if assay != self.about.assay or tuple(umi_tags) != self.about.umi_tags:
            return (
                f"the panel's normals are {_library(self.about.assay, self.about.umi_tags)}, this "
                f"sample is {_library(assay, umi_tags)}: their sites may err otherwise",
            )
        return ()


def _library(assay: str, umi_tags: Sequence[str]) -> str:
    return f"{assay} {'with' if umi_tags else 'without'} UMIs"


def write_panel(path: Path, panel: Panel) -> None:
    """Write a panel."""
    text = json.dumps(
        {
            "kind": _KIND,
            "schema_version": SCHEMA_VERSION,
            "about": asdict(panel.about),
            "sites": panel.sites,
            "normals": [
                {"sample": n.sample, "files": n.files, "digest": n.digest} for n in panel.normals
            ],
        },
        sort_keys=True,
    )
    arrays: dict[str, NDArray[Any]] = {
        "about": np.frombuffer(text.encode("utf-8"), dtype=np.uint8),
        "seen": np.stack([n.seen for n in panel.normals]).astype("<i4"),
        "expected": np.stack([n.expected for n in panel.normals]).astype("<f4"),
        "left_out": np.stack([n.left_out for n in panel.normals]),
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_panel(path: Path, shown: str | None = None) -> Panel:
    """Read a panel.

    Args:
        path: The file.
        shown: How messages name it; its own name by default.

    Raises:
        UserError: it cannot be read, or is no panel of this version.
    """
    shown = path.name if shown is None else shown
    try:
        content = path.read_bytes()
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ("about", "seen", "expected", "left_out")}
        told = json.loads(arrays.pop("about").tobytes().decode("utf-8"))
        if told["kind"] != _KIND or told["schema_version"] != SCHEMA_VERSION:
            raise ValueError
        about = About(**told["about"] | {"umi_tags": tuple(told["about"]["umi_tags"])})
        shape = (len(told["normals"]), len(told["sites"]), 4, 3)
        if not shape[0] or arrays["seen"].shape != shape or arrays["expected"].shape != shape:
            raise ValueError
        if arrays["left_out"].shape != shape[:2]:
            raise ValueError
        kinds = "".join(arrays[name].dtype.kind for name in ("seen", "expected", "left_out"))
        if kinds != "ifb" or not np.isfinite(arrays["expected"]).all():
            raise ValueError
        if (arrays["seen"] < 0).any() or (arrays["expected"] < 0).any():
            raise ValueError
        told_texts = [about.name, *told["sites"], *(one["sample"] for one in told["normals"])]
        if not all(isinstance(text, str) for text in told_texts):
            raise ValueError
        if len(set(told["sites"])) < len(told["sites"]):
            raise ValueError
        normals = tuple(
            Normal(
                one["sample"],
                tuple(one["files"]),
                one["digest"],
                arrays["seen"][row].astype(np.int64),
                arrays["expected"][row].astype(np.float64),
                arrays["left_out"][row].astype(np.bool_),
            )
            for row, one in enumerate(told["normals"])
        )
    except OSError as error:
        raise UserError(
            f"panel: the file cannot be read ({error.strerror or 'damaged'})",
            remedy="Check its name, its permissions and its disk",
            file=shown,
        ) from error
    # Damaged archives raise all of these.
    except (
        *(ValueError, KeyError, TypeError, AttributeError, EOFError, MemoryError),
        *(RuntimeError, zipfile.BadZipFile, zlib.error),
    ):
        raise UserError(
            f"is not a panel of normals of schema version {SCHEMA_VERSION}",
            remedy=_REMEDY,
            file=shown,
        ) from None
    return Panel(
        about, tuple(told["sites"]), normals, path.name, hashlib.sha256(content).hexdigest()
    )
