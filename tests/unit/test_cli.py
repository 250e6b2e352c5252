"""The command line: quick, with help and an example for each command, and its exit codes."""

import errno
import re
import subprocess
import sys

import pytest

from builders.sam import SamBuilder
from builders.sheets import make_project, write_sheet
from builders.workflow import contents, here
from vexas_uba1 import __version__, cli
from vexas_uba1.errors import UserError


def python(code, **environment):
    """Run code in a process of its own, of whose environment nothing else is known."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path), **environment},
    )


def loaded_after(*arguments):
    """Return the modules that a command leaves loaded."""
    code = (
        "import sys\nfrom vexas_uba1.cli import main\n"
        f"try: main({list(arguments)!r})\nexcept SystemExit as end: assert not end.code, end.code\n"
        "print(' '.join(sys.modules), file=sys.stderr)"
    )
    done = python(code)
    return done.stdout, set(done.stderr.split())


def test_version_is_told_without_loading_anything_heavy():
    said, loaded = loaded_after("--version")
    assert __version__ in said
    assert not {"numpy", "pysam", "pandas", "scipy", "snakemake", "jsonschema"} & loaded


def test_what_only_plans_loads_none_of_what_calls():
    code = (
        "import sys\nimport vexas_uba1.screen.command, vexas_uba1.steps.engine\n"
        "print('scipy' in sys.modules, 'vexas_uba1.calling' in sys.modules)"
    )
    done = python(code)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(("asked", "threads"), [({}, "1"), ({"OMP_NUM_THREADS": "2"}, "2")])
def test_linear_algebra_has_one_thread_unless_the_user_asks_for_more(asked, threads):
    code = (
        "import os\nfrom vexas_uba1.cli import main\n"
        "try: main(['screen', '--help'])\nexcept SystemExit: pass\n"
        "import numpy\nnumpy.ones((500, 500)) @ numpy.ones((500, 500))\n"
        "print(os.environ['OMP_NUM_THREADS'], len(os.listdir('/proc/self/task')))"
    )
    done = python(code, **asked)
    told, running = done.stdout.splitlines()[-1].split()
    assert told == threads
    assert int(running) <= int(threads)


def test_help_lists_the_commands_in_the_order_of_use(capfd):
    said = here(capfd, "--help")
    assert said.code == 0
    listed = re.findall(r"^  (\w+)  ", said.out, re.MULTILINE)
    assert listed == list(cli.COMMANDS)
    assert {"init", "check", "run", "call", "simulate"} <= set(listed)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_has_help_and_an_example_of_itself(capfd, name):
    said = here(capfd, name, "--help")
    assert said.code == 0
    assert re.search(rf"^  Examples?:\n    vexas-uba1 {name} ", said.out, re.MULTILINE)


@pytest.mark.parametrize("amount", ["0", "-1", "1e308", "100001", "inf", "nan"])
def test_no_library_holds_such_an_amount(capfd, tmp_path, amount):
    out = tmp_path / "out"
    said = here(
        capfd, "call", "a.bam", "--out", str(out), "--assay", "amplicon", "--input-ng", amount
    )
    assert said.code == 2 and "100,000" in said.err and "input" in said.err
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["call"], ["call", "a.bam"], ["run", "--cores", "0"], ["--nonsense"]],
)
def test_wrong_usage_is_a_users_error(capfd, arguments):
    said = here(capfd, *arguments)
    assert said.code == 2
    assert "Traceback" not in said.err
    assert "Error: " in said.err


def test_init_writes_a_start_and_check_says_what_is_missing(capfd, tmp_path):
    folder = tmp_path / "my batch"
    made = here(capfd, "init", folder)
    assert made.code == 0
    assert f"vexas-uba1 run --config '{folder}/config.yaml'" in made.out
    assert sorted(file.name for file in folder.iterdir()) == ["config.yaml", "samples.tsv"]
    checked = here(capfd, "check", "--config", folder / "config.yaml")
    assert checked.code == 2
    (line,) = checked.err.splitlines()
    assert line.startswith("error: ")
    assert "samples.tsv" in line
    # A second time nothing is overwritten.
    before = contents(folder)
    again = here(capfd, "init", folder)
    assert again.code == 2
    assert again.err.startswith("error: ")
    assert contents(folder) == before


def test_check_counts_what_a_run_would_do(capfd, tmp_path):
    rows = [
        {"sample": "A", "unit": "L1", "fq1": "a_R1.fastq.gz", "fq2": "a_R2.fastq.gz"},
        {"sample": "A", "unit": "L2", "fq1": "b_R1.fastq.gz", "fq2": "b_R2.fastq.gz"},
        {"sample": "B", "alignment": "a.bam"},
    ]
    config = make_project(tmp_path, rows, {"reference": "genome.fa", "outdir": "out"})
    said = here(capfd, "check", "--config", config)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("2 samples (1 from FASTQ, 1 from BAM or CRAM); results go to out.")
    assert not (tmp_path / "out").exists()


FAULTS = {
    "unknown column": [{"sample": "A", "alignment": "a.bam", "colour": "red"}],
    "the same sample and unit twice": 2 * [{"sample": "A", "fq1": "a_R1.fastq.gz"}],
    "fq1 and alignment": [{"sample": "A", "fq1": "a_R1.fastq.gz", "alignment": "a.bam"}],
    "neither": [{"sample": "A", "specimen": "blood"}],
    "space": [{"sample": "A 1", "alignment": "a.bam"}],
    "slash": [{"sample": "a/b", "alignment": "a.bam"}],
    "dots": [{"sample": "..", "alignment": "a.bam"}],
    "quote": [{"sample": 'A"', "alignment": "a.bam"}],
    "semicolon": [{"sample": "A;reboot", "alignment": "a.bam"}],
    "substitution": [{"sample": "$(touch x)", "alignment": "a.bam"}],
    "unit that climbs": [{"sample": "A", "unit": "../../x", "fq1": "a_R1.fastq.gz"}],
    "run that climbs": [{"sample": "A", "run": "../x", "alignment": "a.bam"}],
    "command as file": [{"sample": "A", "alignment": "$(touch x).bam"}],
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_faulty_sheet_is_refused_in_one_line_a_fault(capfd, tmp_path, name, command):
    config = make_project(tmp_path, FAULTS[name], {"allow_bundled_locus": True})
    before = contents(tmp_path)
    said = here(capfd, command, "--config", config)
    assert said.code == 2
    assert said.out == ""
    assert said.err
    for line in said.err.splitlines():
        assert re.match(r"error: .*samples\.tsv.*\.$", line), line
    assert contents(tmp_path) == before


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_windows_line_ends_a_byte_order_mark_and_numbers_are_read(capfd, tmp_path, mark):
    config = make_project(tmp_path, [{"sample": "007", "alignment": "a.bam", "patient": "1.0"}])
    sheet = tmp_path / "samples.tsv"
    text = sheet.read_text(encoding="utf-8").replace("\n", "\r\n")
    sheet.write_bytes((mark + text).encode("utf-8"))
    said = here(capfd, "check", "--config", config)
    assert said.code == 0, said.err
    assert said.out.startswith("1 sample ")


def test_all_errors_of_both_files_are_told_at_once(capfd, tmp_path):
    rows = [{"sample": "A B", "alignment": "a.bam"}, {"sample": "C", "alignment": "gone.bam"}]
    config = make_project(tmp_path, rows, {"aligner": "bowtie", "colour": "red"})
    said = here(capfd, "check", "--config", config)
    assert said.code == 2
    for words in ("'A B'", "gone.bam", "'bowtie'", "colour"):
        assert sum(words in line for line in said.err.splitlines()) == 1


def test_a_missing_configuration_is_named(capfd, tmp_path):
    write_sheet(tmp_path / "samples.tsv", [{"sample": "A", "alignment": "a.bam"}])
    for command in ("check", "run"):
        said = here(capfd, command, "--config", tmp_path / "config.yaml")
        assert said.code == 2
        (line,) = said.err.splitlines()
        assert line.startswith(f"error: {tmp_path / 'config.yaml'}")


def test_examples_can_be_pasted_into_a_shell(capfd):
    said = here(capfd, "simulate", "--help")
    examples = said.out[said.out.index("Examples:") :]
    assert "'c.122T>C'" in examples
    assert ">" not in re.sub(r"'[^']*'", "", examples)


def test_an_interrupted_command_ends_with_130(capfd, monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vexas_uba1.steps.engine.run_workflow", interrupted)
    said = here(capfd, "run", "--config", tmp_path / "config.yaml")
    assert said.code == 130
    assert "Traceback" not in said.err


def test_a_profile_whose_plugin_is_missing_says_how_to_install_it(capfd, monkeypatch, tmp_path):
    config = make_project(tmp_path, [{"sample": "A", "alignment": "a.bam"}])
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    said = here(capfd, "run", "--config", config, "--profile", "slurm")
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert "pip install snakemake-executor-plugin-slurm" in line
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("programs", [{}, {"sinfo": "echo Unable to contact >&2; exit 1"}])
def test_a_slurm_that_does_not_answer_ends_the_run_before_it_begins(
    capfd, monkeypatch, tmp_path, programs
):
    config = make_project(tmp_path, [{"sample": "A", "alignment": "a.bam"}])
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: True)
    for name, lines in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{lines}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = here(capfd, "run", "--config", config, "--profile", "slurm")
    assert said.code == 2 and "Slurm does not answer" in said.errors[0]
    assert not programs or "Unable to contact" in said.errors[0]
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("address", ["https:/h/a.bam?sig=hush", "h/a.bam?sig=hush"])
def test_a_mistyped_address_keeps_its_secret(capfd, tmp_path, address):
    for line in (["call", address, "--out", tmp_path / "o"],
                 ["panel", "build", address, "--out", tmp_path / "p.npz"]):  # fmt: skip
        said = here(capfd, *line)
        assert said.code == 2 and "a.bam?…: the file does not exist" in said.errors[0]
        assert "hush" not in said.err


def test_errors_of_the_disk_are_the_users_and_others_are_not(capfd, monkeypatch):
    def main_with(error):
        def broken(**_):
            raise error

        monkeypatch.setattr(cli, "cli", broken)
        return here(capfd)

    full = main_with(OSError(errno.ENOSPC, "No space left on device"))
    assert full.code == 2
    assert full.err.startswith("error: no space is left on the disk. ")
    users = main_with(UserError("it is wrong", remedy="Mend it", file="x"))
    assert (users.code, users.err) == (2, "error: x: it is wrong. Mend it.\n")
    with pytest.raises(OSError, match="Input/output"):
        main_with(OSError(errno.EIO, "Input/output error"))
    with pytest.raises(KeyError):
        main_with(KeyError("a fault of the software"))


def test_call_says_beside_the_verdict_why_nothing_could_be_seen(capfd, tmp_path):
    # Two lanes whose names both count from one, merged without read groups.
    sam = SamBuilder([("chrX", 156_040_895)])
    for bases in ("A", "C"):
        for number in range(30):
            sam.pair(str(number), 47_199_000, bases * 100, 47_199_020, "G" * 100)
    bam = sam.write_bam(tmp_path / "clash.bam")
    said = here(capfd, "call", str(bam), "--out", str(tmp_path / "out"), "--assay", "panel")
    assert said.code == 0
    # Standard output holds what a script wants: the verdict and where the report is.
    assert [line.split(":")[0] for line in said.out.splitlines()[:1]] == ["clash"]
    assert "not_assessable" in said.out and len(said.out.splitlines()) == 2
    assert "warning: 120 records were left out, for reads of unlike fragments" in said.err


def test_an_empty_window_says_nothing_of_copies(capfd, tmp_path):
    sam = SamBuilder([("chrX", 156_040_895)])
    sam.pair("a", 1_000, "A" * 50, 1_100, "C" * 50)
    bam = sam.write_bam(tmp_path / "empty.bam")
    said = here(capfd, "call", str(bam), "--out", str(tmp_path / "out"), "--assay", "panel")
    assert said.code == 0 and "not_assessable" in said.out
    assert "0 of 0" not in said.err
