"""Two result folders: what changed is listed, whatever version wrote the older one."""

from __future__ import annotations

import csv
import io
import json

import pytest

from builders.results import a_negative, a_result, a_variant
from builders.workflow import here
from vexas_uba1.cohort.compare import COLUMNS, compare, read_outcomes, render
from vexas_uba1.errors import Problem, UserError
from vexas_uba1.result import write_result
from vexas_uba1.status import SampleStatus, write_status


def sample(folder, name, result=None):
    """Write a sample's status, and its result if there is one."""
    own = folder / "samples" / name
    state = "ok" if result else "failed"
    problems = () if result else (Problem("no reads", "Look for them"),)
    write_status(own / f"{name}.status.json", SampleStatus("1.0", name, state, "", problems))
    if result:
        write_result(own / f"{name}.result.json", result)


@pytest.fixture
def folders(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    flagged = a_variant(filters=("one_strand",), filter_reasons={"one_strand": "why"})
    for name, before, after in (
        ("S1", a_result(), a_result()),
        ("S2", a_negative(), a_result()),
        ("S3", a_result(), a_result(variants=(flagged,))),
        ("S4", a_negative(), None),
    ):
        sample(old, name, before)
        sample(new, name, after)
    sample(old, "gone", a_negative())
    sample(new, "more", a_negative())
    return old, new


def rows(text):
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def test_changed_verdicts_come_first_and_samples_of_one_folder_last(folders):
    found = compare(*folders)
    assert [(one.sample, one.change) for one in found] == [
        ("S2", "verdict"),
        ("S4", "verdict"),
        ("S3", "variants"),
        ("gone", "only_old"),
        ("more", "only_new"),
        ("S1", "same"),
    ]
    table = rows(render(found))
    assert tuple(table[0]) == COLUMNS
    assert (table[0]["old_verdict"], table[0]["new_verdict"]) == ("not_detected", "detected")
    assert (table[0]["old_variants"], table[0]["new_variants"]) == ("", "c.122T>C 0.3008")
    assert table[1]["new_verdict"] == "failed" and table[1]["new_limit_of_detection_vaf"] == ""
    assert table[2]["new_variants"] == "c.122T>C one_strand 0.3008"
    assert table[2]["old_limit_of_detection_vaf"] == "0.011"
    assert table[3]["new_verdict"] == "" and table[4]["old_verdict"] == ""


def test_the_command_lists_changes_and_says_how_many(folders, capfd):
    old, new = folders
    said = here(capfd, "compare", old, new)
    assert said.code == 0
    assert [row["sample"] for row in rows(said.out)] == ["S2", "S4", "S3", "gone", "more"]
    assert said.err == "5 of 6 samples differ, 2 of them in their verdict\n"
    assert here(capfd, "compare", old, new, "--exit-code").code == 1
    every = here(capfd, "compare", old, old, "--all", "--exit-code")
    assert every.code == 0 and {row["change"] for row in rows(every.out)} == {"same"}
    assert here(capfd, "compare", old, old).out == "\t".join(COLUMNS) + "\n"


def test_a_folder_of_an_older_version_can_be_read(folders):
    old, _ = folders
    file = old / "samples" / "S1" / "S1.result.json"
    content = json.loads(file.read_text("utf-8"))
    content["schema_version"] = "0.9"
    for later in ("coverage", "reads_view", "forced_alleles"):
        del content[later]
    file.write_text(json.dumps(content), encoding="utf-8")
    assert read_outcomes(old)["S1"].verdict == "detected"


@pytest.mark.parametrize("wrong", ["{", "[]", "{}", '{"verdict": {"code": "detected"}}'])
def test_what_is_no_result_is_named_and_no_sample_is_passed_over(wrong, folders, capfd):
    old, new = folders
    (old / "samples" / "S1" / "S1.result.json").write_text(wrong, encoding="utf-8")
    said = here(capfd, "compare", old, new)
    assert said.code == 2 and said.out == ""
    assert said.err.startswith(f"error: {old}/samples/S1/S1.result.json: ")
    (old / "samples" / "S1" / "S1.result.json").unlink()
    with pytest.raises(UserError, match=r"S1\.result\.json: No such file"):
        compare(old, new)


def test_a_folder_without_samples_is_no_folder_of_equal_ones(folders, tmp_path, capfd):
    old, _ = folders
    (tmp_path / "empty").mkdir()
    for one, other in ((old, tmp_path / "empty"), (tmp_path / "none", old)):
        said = here(capfd, "compare", one, other)
        assert said.code == 2 and "it holds no samples" in said.err
