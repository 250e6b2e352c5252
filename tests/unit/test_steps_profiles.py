"""Profiles: what they say holds, and what is wrong with them is told."""

import os

import pytest

from vexas_uba1 import paths
from vexas_uba1.errors import UserError
from vexas_uba1.steps.profiles import find_profile, refuse_partial

ALL = str(os.cpu_count() or 1)


def written(folder, text, name="config.yaml"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(folder)


@pytest.mark.parametrize(
    ("text", "cores", "expected"),
    [
        ("", None, ["--cores", ALL]),
        ("keep-going: true\n", None, ["--cores", ALL]),
        ("keep-going: true\n", 3, ["--cores", "3"]),
        ("cores: 1\n", None, []),
        ("jobs: 1\n", None, []),
        ("cores: 1\n", 3, ["--cores", "3"]),
        ("executor: local\ncores: 1\n", None, []),
        ("executor: dryrun\n", None, []),
        ("executor: dryrun\njobs: 7\n", 3, ["--jobs", "3"]),
    ],
)
def test_cores_and_jobs_are_the_profiles_unless_given(tmp_path, monkeypatch, text, cores, expected):
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: True)
    folder = written(tmp_path / "a profile", text)
    profile = find_profile(folder)
    assert profile.arguments(cores) == ["--workflow-profile", folder, *expected]
    assert not profile.is_slurm


def test_without_a_profile_all_cores_are_used():
    assert find_profile(None).arguments(None) == ["--cores", ALL]
    assert find_profile(None).arguments(1) == ["--cores", "1"]


def test_the_file_is_that_which_snakemake_takes(tmp_path):
    written(tmp_path, "cores: 1\n")
    written(tmp_path, "retries: 1\n", "config.v8+.yaml")
    written(tmp_path, "- of a Snakemake to come\n", "config.v1000+.yaml")
    assert find_profile(str(tmp_path)).options == {"retries": 1}


def test_the_workflows_own_go_by_name_wherever_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "local", "cores: 1\n")
    own = paths.product_root() / "workflow" / "profiles" / "local"
    assert find_profile("local").folder == own
    assert find_profile("./local").folder == tmp_path / "local"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cores: 1\na: b: c\n", "as YAML (line 2)"),
        (b"cores: \xff\n", "as YAML"),
        ("- cores\n", "`option: value`"),
        ("cores\n", "`option: value`"),
    ],
)
def test_a_file_that_is_no_profile_is_told(tmp_path, text, told):
    with pytest.raises(UserError) as caught:
        find_profile(written(tmp_path, text))
    (problem,) = caught.value.problems
    assert told in problem.message and problem.message.startswith("config.yaml ")
    assert problem.column == "--profile"


@pytest.mark.parametrize("name", ["moon", "", "local/config.yaml"])
def test_a_profile_that_is_none_is_told(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no such profile"):
        find_profile(name)


@pytest.mark.parametrize("text", ["dry-run: true", "until: call_variants", "config: {a: b}"])
def test_a_profile_with_which_the_work_is_not_done_is_refused(tmp_path, text):
    with pytest.raises(UserError, match="does not do all that a run tells of"):
        find_profile(written(tmp_path, text))


@pytest.mark.parametrize("text", ["cores: 0", "jobs: -1", "cores: false"])
def test_cores_that_are_none_are_told(tmp_path, text):
    with pytest.raises(UserError, match="must be 1 or more"):
        find_profile(written(tmp_path, text))


@pytest.mark.parametrize(
    "line",
    [
        "-n",
        "--dry-run",
        "--until x",
        "--until=x",
        "--config a=b",
        "-d /x",
        "-np",
        "-d/x",
        "--touch",
    ],
)
def test_options_with_which_the_work_is_not_done_are_refused(line):
    with pytest.raises(UserError, match="does not do all that a run tells of"):
        refuse_partial(["--printshellcmds", *line.split()])


def test_other_options_are_snakemakes(tmp_path):
    refuse_partial(["--forcerun", "call_variants", "--set-resources", "call_variants:mem_mb=1"])
    refuse_partial(["--report", "report.zip", "--default-resources", "slurm_partition=n"])
