"""Whole runs of simulated reads in which fragments hop, from BAM to verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from builders.cases import call_bam
from builders.hopping import hopped
from builders.simulated import clone, sample_of
from builders.workflow import shared
from vexas_uba1.cohort.carried_over import apply_carry_over
from vexas_uba1.cohort.carryover import check_run
from vexas_uba1.result import SampleCall
from vexas_uba1.verdict import decide

M41T = "c.122T>C"
RATES = {"unique_dual": 0.0001, "other": 0.005, "unknown": 0.005}
RUN = ("DONOR", "SMALL", "NEGATIVE", "SHALLOW")


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clone of 75 %, one of 1 %, and two samples without any."""
    clones: dict[str, Any] = {
        "DONOR": {"clones": [clone(0.75, M41T)]},
        "SMALL": {"clones": [clone(0.01, M41T)], "exact": True},
        "NEGATIVE": {},
        "SHALLOW": {"depth_fragments": 300},
    }

    def make(folder: Path) -> None:
        for seed, (name, changes) in enumerate(clones.items()):
            depth = {"depth_fragments": 1_500} | changes
            sample_of(folder, sample=name, seed=seed, **depth)

    folder = shared(tmp_path_factory, "libraries", make)
    return {name: folder / f"{name}.bam" for name in RUN}


def finished(
    libraries: dict[str, Path], rate: float, index_type: str, seed: int, folder: Path
) -> dict[str, SampleCall]:
    """Return the calls of the run after it was checked, by sample."""
    bams = hopped(libraries, rate, seed, folder)
    calls = [
        call_bam(
            bams[name],
            folder / name,
            sample={
                "id": name,
                "assay": "panel",
                "run": "R1",
                "patient": name,
                "index_type": index_type,
            },
        )
        for name in RUN
    ]
    check = check_run(calls, RATES, "R1")
    return {call.sample.id: apply_carry_over(call, check) for call in calls}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_true_one_percent_clone_stays_with_unique_dual_indices(
    libraries: dict[str, Path], tmp_path: Path, seed: int
) -> None:
    run = finished(libraries, 0.0001, "unique_dual", seed, tmp_path)
    codes = {name: decide(call).code for name, call in run.items()}
    assert codes["DONOR"] == "detected"
    assert codes["SMALL"] == "low_level"
    assert codes["NEGATIVE"] == "not_detected"
    assert run["SMALL"].variants[0].filters == ()


@pytest.mark.parametrize("seed", [1, 2])
def test_hopped_molecules_are_no_call_in_a_negative(
    libraries: dict[str, Path], tmp_path: Path, seed: int
) -> None:
    run = finished(libraries, 0.005, "other", seed, tmp_path)
    assert decide(run["DONOR"]).code == "detected"
    for name in ("NEGATIVE", "SHALLOW"):
        verdict, call = decide(run[name]), run[name]
        assert verdict.code in ("indeterminate", "not_detected", "not_assessable")
        limit = call.codon41.limit_of_detection_vaf
        assert limit is not None
        # A third of the donor's hopped share is expected here, about 0.13 %.
        assert limit > 0.005
        for variant in call.variants:
            assert "carry_over" in variant.filters
            assert "DONOR" in variant.filter_reasons["carry_over"]
