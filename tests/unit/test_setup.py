"""Setting up: the lock, what is said when something is missing, and what the package carries."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = ("3.11.0", "3.12.0", "3.13.0")


def locked() -> list[tuple[Requirement, list[str]]]:
    """Every entry of the lock: the requirement, and its options and comments."""
    entries: list[tuple[Requirement, list[str]]] = []
    for line in LOCK.splitlines():
        if line.startswith((" ", "#")):
            entries[-1][1].append(line.strip().removesuffix("\\").strip())
        else:
            entries.append((Requirement(line.removesuffix("\\").strip()), []))
    return entries


def wanted() -> list[Requirement]:
    groups = PYPROJECT["dependency-groups"]
    texts = PYPROJECT["project"]["dependencies"] + groups["build"] + groups["dev"]
    return [Requirement(text) for text in texts]


def test_every_locked_requirement_is_exact_and_has_hashes() -> None:
    for requirement, options in locked():
        assert re.fullmatch(r"==[0-9][^*,]*", str(requirement.specifier)), requirement
        hashes = [option for option in options if not option.startswith("#")]
        assert hashes, requirement
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), requirement


def test_lock_names_no_host_and_no_path_of_the_machine_that_made_it() -> None:
    assert "://" not in LOCK
    assert not re.search(r"(^|[\s@=])(/|~|file:)", LOCK, flags=re.MULTILINE)
    assert not re.search(r"^\s*(-i|-f|-e|--(?!hash=))", LOCK, flags=re.MULTILINE)


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_fixes_one_version_of_each_dependency_for_each_python(python: str) -> None:
    machine = {
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
    }
    pins: dict[str, str] = {}
    for requirement, _ in locked():
        if requirement.marker is None or requirement.marker.evaluate(machine):
            name = canonicalize_name(requirement.name)
            assert name not in pins
            pins[name] = next(iter(requirement.specifier)).version
    for requirement in wanted():
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def third_party_imports(folder: Path) -> set[str]:
    names: set[str] = set()
    for source in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"vexas_uba1"}


def test_whatever_the_package_imports_is_a_dependency_of_it() -> None:
    declared = {
        canonicalize_name(Requirement(text).name) for text in PYPROJECT["project"]["dependencies"]
    }
    distributions = packages_distributions()
    for module in sorted(third_party_imports(ROOT / "scripts" / "vexas_uba1")):
        names = {canonicalize_name(name) for name in distributions[module]}
        assert names & declared, f"{module} is imported, but none of {names} is in pyproject.toml"


def test_heavy_extras_stay_out_of_the_lock() -> None:
    pins = {canonicalize_name(requirement.name) for requirement, _ in locked()}
    for extra in ("slurm", "multiqc", "s3test"):
        for text in PYPROJECT["project"]["optional-dependencies"][extra]:
            assert canonicalize_name(Requirement(text).name) not in pins


def test_conda_environment_takes_its_python_packages_from_the_lock_and_says_it_is_untried() -> None:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    *conda, last = yaml.safe_load(text)["dependencies"]
    assert last == {"pip": ["-r requirements.lock"]}
    python = next(entry for entry in conda if entry.startswith("python="))
    assert f"{python.removeprefix('python=')}.0" in PYTHONS
    assert {"bwa", "bwa-mem2", "minimap2", "samtools"} <= set(conda)
    assert "Not solved" in text


def test_dockerfile_installs_the_lock_and_says_it_is_unbuilt() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "make setup" in text
    assert "Not built" in text


def test_ci_ends_with_the_test_command_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "make test"


# ---- make setup: what it says. None of these gets as far as making an environment.


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what set-up reads, in a folder whose name has spaces."""
    copy = tmp_path / "a check out"
    (copy / "scripts" / "packaging").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "scripts/packaging/setup.sh"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def python_after(path: Path, statement: str) -> Path:
    """A Python that runs its `-c` code after the statement."""
    prepared = f"import sys, sysconfig; {statement}; exec(sys.argv.pop(1))"
    return program(path, f'exec "{sys.executable}" -c "{prepared}" "$2"')


OLD = "sys.version_info = (3, 9, 18)"
NO_VENV = "sys.modules['ensurepip'] = None"
NO_HEADERS = "sysconfig.get_path = lambda name: '/nonexistent'"


def set_up(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], "HOME": str(checkout)}
    return subprocess.run(
        ["make", "setup"],
        cwd=checkout,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def complaint(outcome: subprocess.CompletedProcess[str]) -> str:
    """The one line that the user gets (make itself adds one of its own)."""
    assert outcome.returncode == 2
    said, *rest = outcome.stderr.splitlines()
    assert all(line.startswith("make") for line in rest)
    return said


def test_old_python_is_named_with_its_version(checkout: Path) -> None:
    old = python_after(checkout / "old" / "python", OLD)
    said = complaint(set_up(checkout, PYTHON=str(old)))
    assert "Python 3.11 or newer" in said
    assert f"{old} is 3.9" in said
    assert "PYTHON=" in said


def test_python_that_does_not_run_is_named(checkout: Path) -> None:
    assert "no-such-python did not run" in complaint(set_up(checkout, PYTHON="no-such-python"))


def test_the_first_python_that_runs_and_is_new_enough_is_taken(checkout: Path) -> None:
    tools = checkout / "tools"
    python_after(tools / "python3", OLD)
    program(tools / "python3.13", "echo 'no such version' >&2; exit 127")
    python_after(tools / "python3.12", NO_VENV)
    said = complaint(set_up(checkout, PATH=f"{tools}:{os.environ['PATH']}"))
    assert "the venv module of python3.12" in said
    assert "apt-get install python3-venv" in said


def test_missing_compiler(checkout: Path) -> None:
    said = complaint(set_up(checkout, PYTHON=sys.executable, CC="no-such-cc"))
    assert "a C compiler ('no-such-cc' does not work" in said
    assert "apt-get install gcc" in said


def test_missing_zlib(checkout: Path) -> None:
    no_zlib = 'for word; do [ "$word" != -lz ] || exit 1; done; exec cc "$@"'
    compiler = program(checkout / "tools" / "cc-without-zlib", no_zlib)
    path = f"{compiler.parent}:{os.environ['PATH']}"
    said = complaint(set_up(checkout, PYTHON=sys.executable, CC=compiler.name, PATH=path))
    assert "the zlib headers" in said
    assert "zlib1g-dev" in said
    assert "compiler" not in said


def test_missing_python_headers(checkout: Path) -> None:
    python = python_after(checkout / "bare" / "python", NO_HEADERS)
    said = complaint(set_up(checkout, PYTHON=str(python)))
    assert f"the C headers of {python}" in said
    assert "python3-dev" in said
    assert "zlib" not in said


def test_everything_missing_is_said_at_once_and_nothing_is_made(checkout: Path) -> None:
    python = python_after(checkout / "bare" / "python", NO_VENV)
    said = complaint(set_up(checkout, PYTHON=str(python), CC="no-such-cc", WHEELS="no wheels"))
    for part in ("the venv module", "a C compiler", "the folder WHEELS=no wheels"):
        assert part in said
    assert not (checkout / ".venv").exists()


def test_native_windows_is_sent_to_wsl(checkout: Path) -> None:
    said = complaint(set_up(checkout, OS="Windows_NT"))
    assert "WSL" in said


@pytest.fixture
def done(checkout: Path) -> Path:
    """The checkout as set-up leaves it, but for the packages."""
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    files = ["requirements.lock", "pyproject.toml"]
    sums = subprocess.run(
        ["cksum", *files], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout
    (checkout / ".venv" / "set-up-for").write_text(f"{checkout.resolve()}\n{sums}")
    return checkout


def test_nothing_is_done_when_nothing_changed(done: Path) -> None:
    outcome = set_up(done, CC="no-such-cc")
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_file_is_seen(done: Path, name: str) -> None:
    with (done / name).open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert "a C compiler" in complaint(set_up(done, CC="no-such-cc"))


def test_a_moved_environment_is_not_kept(done: Path) -> None:
    moved = done.rename(done.with_name("moved away"))
    python = python_after(moved / "python", NO_VENV)
    said = complaint(set_up(moved, PYTHON=str(python), CC="no-such-cc"))
    assert "the venv module" in said  # asked only where a new environment is to be made


def test_another_python_is_not_ignored(done: Path) -> None:
    other = python_after(done / "other" / "python", f"sys.version_info = (3, 99, 0); {NO_VENV}")
    assert "the venv module" in complaint(set_up(done, PYTHON=str(other)))


# ---- The package away from its checkout.


def test_the_wheel_carries_the_workflow_and_finds_it(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "in stalled"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)

    carried = {
        path.relative_to(installed / "vexas_uba1" / "product").as_posix()
        for path in installed.glob("vexas_uba1/product/**/*")
        if path.is_file()
    }
    expected = {"Snakefile", "resources/uba1/locus.yaml"}
    expected |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("scripts/*.py")}
    expected |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("workflow/**/*.smk")}
    expected |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("workflow/**/*.json")}
    assert expected <= carried

    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from vexas_uba1 import paths\n"
        "print(paths.resources() / 'uba1' / 'locus.yaml')\n"
        "print(paths.snakefile())\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(installed)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for line in found:
        assert Path(line).is_file()
        assert Path(line).is_relative_to(installed.resolve())
