"""Gene records for tests: the bundled one, shifted or mirrored, and toy ones."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from vexas_uba1 import paths

MOUSE: dict[str, Any] = {
    "gene": "Uba1",
    "transcript": "Uba1-test.1",
    "strand": "+",
    "codon": {"reference": "ATG"},
    "builds": {
        "GRCm39": {
            "contigs": ["chrX", "X"],
            "length": 169476592,
            "codon_positions1": [20534934, 20534935, 20534936],
        }
    },
}
"""What a record needs at least."""

TOY: dict[str, Any] = {
    "gene": "TOY1",
    "transcript": "TOY.1",
    "strand": "+",
    "codon": {"number": 6, "reference": "ATG", "note": "toy"},
    "builds": {
        "toy": {
            "contigs": ["ctg"],
            "length": 260,
            "codon_positions1": [141, 142, 143],
            "exons1": [[51, 60], [91, 108], [140, 157], [182, 203]],
        }
    },
    "cds": {"start_exon": 2, "start_base1": 5, "length": 36},
    "window_flank": 20,
    "splice_dinucleotides": {"donor": "GT", "acceptor": "AG"},
    "exons": [
        {"number": 1, "bases": "GGCACCTTGA"},
        {"number": 2, "bases": "CACCATGGCAGCAGATTT"},
        {"number": 3, "bases": "TATGCCCTGGAAAAAAGT"},
        {"number": 4, "bases": "GTAAGCTTACTAAGCATTGGCA"},
    ],
}
"""MAADFMPWKKV* in four exons; codons 5 and 11 are split by introns, exon 1 is untranslated."""

TOY_CONTIG = (
    "CTACTGACGTTACGATCCTAAGCTCGATTACGGACTATCGCTAGGATCCA"
    + "GGCACCTTGA"
    + "GTAAGTCCATTCGACTTTCCTTGCCTTAAG"
    + "CACCATGGCAGCAGATTT"
    + "GTGAGTCCTAACTTGACTTCCATTCGCACAG"
    + "TATGCCCTGGAAAAAAGT"
    + "GTAAGCCTTGACTTTCCATTGCAG"
    + "GTAAGCTTACTAAGCATTGGCA"
    + "TTGCATCGACGGATCTTACGCATTCAGGCTAACTCGTTAGACCATGCATTCTTGACG"
)
"""A contig of the toy record, introns included, forward strand."""


def bundled() -> dict[str, Any]:
    """Return the bundled UBA1 record as a mapping, with its catalogue named by an absolute path."""
    folder = paths.resources() / "uba1"
    record: dict[str, Any] = yaml.safe_load((folder / "locus.yaml").read_text(encoding="utf-8"))
    record["catalogue"] = str(folder / record["catalogue"])
    return record


def write(record: dict[str, Any], folder: Path, name: str = "locus.yaml") -> Path:
    """Write a record as YAML and return its path."""
    path = folder / name
    path.write_text(yaml.safe_dump(record, sort_keys=False), encoding="utf-8")
    return path


def shifted(record: dict[str, Any], offset: int, contigs: list[str]) -> dict[str, Any]:
    """Return the record on renamed, longer contigs, every coordinate moved by ``offset``."""
    return _moved(
        record, lambda position, length: position + offset, lambda length: length + offset, contigs
    )


def mirrored(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record of the same transcript on contigs that are reverse-complemented."""
    turned = _moved(
        record, lambda position, length: length + 1 - position, lambda length: length, None
    )
    turned["strand"] = "-" if record["strand"] == "+" else "+"
    return turned


def _moved(
    record: dict[str, Any], move: Any, resize: Any, contigs: list[str] | None
) -> dict[str, Any]:
    moved = copy.deepcopy(record)
    for build in moved["builds"].values():
        length = build["length"]
        build["codon_positions1"] = [move(one, length) for one in build["codon_positions1"]]
        if "exons1" in build:
            build["exons1"] = [
                sorted(move(one, length) for one in exon) for exon in build["exons1"]
            ]
        build["length"] = resize(length)
        build.pop("m5", None)
        if contigs is not None:
            build["contigs"] = contigs
    return moved
