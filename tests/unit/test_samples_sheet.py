"""The samples sheet: what is accepted, and how each mistake is told."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from builders.sheets import make_project, touch_reads, write_sheet
from vexas_uba1.errors import Problem, UserError
from vexas_uba1.samples.check import Run, check
from vexas_uba1.samples.sources import LocalFile, RemoteFile

BAM = {"sample": "S1", "alignment": "a.bam"}
FASTQ = {"sample": "F1", "fq1": "a_R1.fastq.gz", "fq2": "a_R2.fastq.gz"}
LANES = [
    FASTQ | {"unit": "L1"},
    {"sample": "F1", "fq1": "b_R1.fastq.gz", "fq2": "b_R2.fastq.gz", "unit": "L2"},
]
BUNDLED = {"allow_bundled_locus": True}


def read(folder: Path, *rows: dict[str, str], **config: object) -> Run:
    return check(make_project(folder, rows, BUNDLED | config))


def problems(folder: Path, *rows: dict[str, str], **config: object) -> tuple[Problem, ...]:
    with pytest.raises(UserError) as caught:
        read(folder, *rows, **config)
    return caught.value.problems


def the_problem(folder: Path, *rows: dict[str, str], **config: object) -> Problem:
    (only,) = problems(folder, *rows, **config)
    return only


def read_text(folder: Path, content: str | bytes) -> Run:
    config = make_project(folder, [BAM], BUNDLED)
    data = content.encode() if isinstance(content, str) else content
    (folder / "samples.tsv").write_bytes(data)
    return check(config)


def text_problems(folder: Path, content: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(UserError) as caught:
        read_text(folder, content)
    return caught.value.problems


class TestAccepted:
    def test_alignment_row_takes_every_default(self, tmp_path: Path) -> None:
        (sample,) = read(tmp_path, BAM).samples
        assert sample.alignment == LocalFile("a.bam", tmp_path / "a.bam")
        assert (sample.id, sample.units, sample.umi, sample.input_ng) == ("S1", (), None, None)
        assert (sample.specimen, sample.sex, sample.assay) == ("unknown", "unknown", "unknown")
        assert (sample.transplant, sample.donor_sex, sample.index_type) == (
            "none",
            "unknown",
            "unknown",
        )
        assert (sample.patient, sample.collected, sample.run) == ("", "", "")
        assert sample.read_group_sample is None
        assert not sample.is_fastq
        assert not sample.is_remote

    def test_every_column_is_read(self, tmp_path: Path) -> None:
        row = BAM | {
            "patient": "Müller <3>",
            "collected": "2024-02-29",
            "specimen": "bone_marrow",
            "sex": "male",
            "transplant": "allogeneic",
            "donor_sex": "female",
            "assay": "amplicon",
            "umi": "CB,UB",
            "input_ng": "62.5",
            "run": "run.42",
            "index_type": "unique_dual",
            "read_group_sample": "NA 12878",
        }
        (sample,) = read(tmp_path, row).samples
        assert sample.patient == "Müller <3>"
        assert sample.collected == "2024-02-29"
        assert (sample.transplant, sample.donor_sex) == ("allogeneic", "female")
        assert sample.umi is not None
        assert sample.umi.tags == ("CB", "UB")
        assert sample.input_ng == 62.5
        assert (sample.run, sample.index_type) == ("run.42", "unique_dual")
        assert sample.read_group_sample == "NA 12878"

    def test_lanes_of_one_sample_are_merged_in_order(self, tmp_path: Path) -> None:
        run = read(tmp_path, LANES[0], BAM, LANES[1] | {"library": "lib2"})
        assert [sample.id for sample in run.samples] == ["F1", "S1"]
        first, second = run.sample("F1").units
        assert (first.unit, first.library, second.unit, second.library) == ("L1", "1", "L2", "lib2")
        assert first.fq2 == LocalFile("a_R2.fastq.gz", tmp_path / "a_R2.fastq.gz")
        assert run.sample("F1").is_fastq

    def test_single_end_reads(self, tmp_path: Path) -> None:
        (sample,) = read(tmp_path, {"sample": "F1", "fq1": "a_R1.fastq.gz"}).samples
        assert sample.units[0].fq2 is None

    @pytest.mark.parametrize(
        "name", ["007", "1e5", "0x1F", "1.0", "TRUE", "null", "NA", "2024-01-01"]
    )
    def test_names_stay_text(self, tmp_path: Path, name: str) -> None:
        assert [sample.id for sample in read(tmp_path, BAM | {"sample": name}).samples] == [name]

    def test_samples_of_a_run(self, tmp_path: Path) -> None:
        run = read(
            tmp_path,
            BAM | {"run": "r2"},
            {"sample": "S2", "alignment": "b.bam", "run": "r1"},
            {"sample": "S3", "alignment": "c.bam"},
        )
        assert run.runs == ("r2", "r1")
        assert [sample.id for sample in run.of_run("r1")] == ["S2"]
        with pytest.raises(KeyError):
            run.sample("S4")

    def test_windows_line_ends_byte_order_mark_comments_and_blank_lines(
        self, tmp_path: Path
    ) -> None:
        text = "\ufeff# ours\r\n\r\nsample\talignment\r\n#S0\tzero.bam\r\n\t\r\nS1\ta.bam\r\n\r\n"
        assert [sample.id for sample in read_text(tmp_path, text).samples] == ["S1"]

    def test_missing_final_line_end(self, tmp_path: Path) -> None:
        assert len(read_text(tmp_path, "sample\talignment\nS1\ta.bam").samples) == 1

    def test_paths_start_at_the_sheets_folder_and_may_be_odd(self, tmp_path: Path) -> None:
        odd = "my reads; $(x) `y` \"z\" 'q' é.bam"
        touch_reads(tmp_path / "sheets", [odd])
        write_sheet(tmp_path / "sheets" / "s.tsv", [{"sample": "S1", "alignment": odd}])
        (tmp_path / "config.yaml").write_text("samples: sheets/s.tsv\n")
        (sample,) = check(tmp_path / "config.yaml").samples
        assert sample.alignment == LocalFile(odd, tmp_path / "sheets" / odd)

    def test_one_bam_of_two_people(self, tmp_path: Path) -> None:
        run = read(
            tmp_path,
            BAM | {"read_group_sample": "one"},
            {"sample": "S2", "alignment": "a.bam", "read_group_sample": "two"},
        )
        assert len(run.samples) == 2

    @pytest.mark.parametrize(
        "url",
        [
            "https://host/x/a.bam",
            "http://127.0.0.1:8000/a.cram",
            "s3://bucket/key.BAM",
            "s3+http://bucket/key.bam",
            "https://host/a.bam?X-Amz-Signature=secret",
        ],
    )
    def test_urls(self, tmp_path: Path, url: str) -> None:
        row = {"sample": "S1", "alignment": url}
        (sample,) = read(tmp_path, row, reference="genome.fa").samples
        assert isinstance(sample.alignment, RemoteFile)
        assert sample.alignment.address == url
        assert sample.alignment.shown == url.split("?")[0]
        assert "secret" not in repr(sample)
        assert sample.is_remote
        assert sample.is_cram == url.endswith("cram")


# row, what is wrong with it, column
WRONG_CELLS = [
    pytest.param(BAM | {"sample": ""}, "sample", None, id="no name"),
    pytest.param(BAM | {"unit": "L 1"}, "unit", "L 1", id="unit"),
    pytest.param(BAM | {"library": "../lib"}, "library", "../lib", id="library"),
    pytest.param(BAM | {"run": "run/42"}, "run", "run/42", id="run with slash"),
    pytest.param(BAM | {"run": "NA"}, "run", "NA", id="placeholder"),
    pytest.param(BAM | {"umi": "NA"}, "umi", "NA", id="placeholder that looks like a tag"),
    pytest.param(BAM | {"fq1": "."}, "alignment", "a.bam", id="dot beside an alignment"),
    pytest.param(BAM | {"patient": "x" * 65}, "patient", "x" * 65, id="long patient"),
    pytest.param(BAM | {"patient": "a\x1b[2Jb"}, "patient", "a\x1b[2Jb", id="control character"),
    pytest.param(BAM | {"patient": "a\u202eb"}, "patient", "a\u202eb", id="right-to-left override"),
    pytest.param(BAM | {"collected": "2023-02-29"}, "collected", "2023-02-29", id="no such day"),
    pytest.param(BAM | {"collected": "31.01.2024"}, "collected", "31.01.2024", id="other date"),
    pytest.param(BAM | {"collected": "20240131"}, "collected", "20240131", id="compact date"),
    pytest.param(BAM | {"specimen": "marrow"}, "specimen", "marrow", id="specimen"),
    pytest.param(BAM | {"sex": "Male"}, "sex", "Male", id="sex"),
    pytest.param(BAM | {"sex": " male"}, "sex", " male", id="space before"),
    pytest.param(BAM | {"transplant": "yes"}, "transplant", "yes", id="transplant"),
    pytest.param(BAM | {"donor_sex": "male"}, "donor_sex", "male", id="donor without transplant"),
    pytest.param(BAM | {"assay": "exome"}, "assay", "exome", id="assay"),
    pytest.param(BAM | {"index_type": "udi"}, "index_type", "udi", id="index type"),
    *(
        pytest.param(BAM | {"input_ng": value}, "input_ng", value, id=f"input {value}")
        for value in ("0", "-1", "100001", "1e308", "1e999", "inf", "10 ng", "1,5", "0x10", "1_0")
    ),
    *(
        pytest.param(BAM | {"umi": value}, "umi", value, id=f"umi {value}")
        for value in ("RXX", "R", "1X", "RX,", "RX;UB", "RX,RX", "CB", "CB,CR", "8M+T", "None")
    ),
    *(
        pytest.param(FASTQ | {"umi": value}, "umi", value, id=f"structure {value}")
        for value in (
            "RX",
            "8M2S+T",
            "+T +T",
            "8M +T",
            "+M +T",
            "+T8M +T",
            "0M+T +T",
            "8B+T 8B+T",
            "8M+T  +T",
            "8M+T +T +T",
            "8M5T+T +T",
        )
    ),
    pytest.param(
        {"sample": "F", "fq1": "a_R1.fastq.gz", "umi": "8M+T +T"}, "umi", "8M+T +T", id="too many"
    ),
    pytest.param(FASTQ | {"read_group_sample": "x"}, "read_group_sample", "x", id="SM for FASTQ"),
    pytest.param(FASTQ | {"alignment": "a.bam"}, "alignment", "a.bam", id="both"),
    pytest.param({"sample": "S", "fq1": "", "patient": "p"}, "fq1", None, id="neither"),
    pytest.param({"sample": "S", "alignment": ""}, "alignment", None, id="neither, one column"),
    pytest.param(
        {"sample": "S", "fq1": "", "fq2": "a_R2.fastq.gz"}, "fq2", "a_R2.fastq.gz", id="only fq2"
    ),
    pytest.param(FASTQ | {"fq2": "a_R1.fastq.gz"}, "fq2", "a_R1.fastq.gz", id="fq2 is fq1"),
    pytest.param(BAM | {"alignment": "no.bam"}, "alignment", "no.bam", id="missing"),
    pytest.param(BAM | {"alignment": "~/a.bam"}, "alignment", "~/a.bam", id="home"),
    pytest.param(BAM | {"alignment": "$PWD/a.bam"}, "alignment", "$PWD/a.bam", id="variable"),
    pytest.param(BAM | {"alignment": '"a.bam"'}, "alignment", '"a.bam"', id="quoted"),
    pytest.param(BAM | {"alignment": "a.bam/b.bam"}, "alignment", "a.bam/b.bam", id="in a file"),
    pytest.param(BAM | {"alignment": "empty.bam"}, "alignment", "empty.bam", id="empty file"),
    pytest.param(BAM | {"alignment": "folder.bam"}, "alignment", "folder.bam", id="folder"),
    pytest.param(BAM | {"alignment": "fifo.bam"}, "alignment", "fifo.bam", id="pipe"),
    pytest.param(BAM | {"alignment": "genome.fa"}, "alignment", "genome.fa", id="FASTA as BAM"),
    pytest.param(FASTQ | {"fq2": "a.bam"}, "fq2", "a.bam", id="BAM as FASTQ"),
    pytest.param(FASTQ | {"fq2": "https://h/r.fq"}, "fq2", "https://h/r.fq", id="FASTQ URL"),
    pytest.param(BAM | {"alignment": "ftp://h/a.bam"}, "alignment", "ftp://h/a.bam", id="ftp"),
    pytest.param(BAM | {"alignment": "file:///a.bam"}, "alignment", "file:///a.bam", id="file URL"),
    pytest.param(BAM | {"alignment": "https://h/a"}, "alignment", "https://h/a", id="URL ending"),
    pytest.param(
        BAM | {"alignment": "https:///a.bam"}, "alignment", "https:///a.bam", id="no host"
    ),
    pytest.param(
        BAM | {"alignment": "/" + "x" * 300}, "alignment", "/" + "x" * 199 + "…", id="long"
    ),
]


@pytest.mark.parametrize(("row", "column", "value"), WRONG_CELLS)
def test_wrong_cell_is_told_with_its_place(
    tmp_path: Path, row: dict[str, str], column: str, value: str | None
) -> None:
    (tmp_path / "empty.bam").touch()
    (tmp_path / "folder.bam").mkdir()
    os.mkfifo(tmp_path / "fifo.bam")
    good = {"sample": "good", "alignment": "c.bam"}
    found = [one for one in problems(tmp_path, good, row) if one.column == column]
    (problem,) = found
    assert (problem.file, problem.row, problem.value) == ("samples.tsv", 3, value)
    assert problem.message
    assert problem.remedy
    assert "\x1b" not in str(problem)
    assert str(tmp_path) not in str(problem)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions do not bind root, so the answer is given here.
    monkeypatch.setattr(os, "access", lambda path, _mode: not str(path).endswith("a.bam"))
    problem = the_problem(tmp_path, BAM)
    assert (problem.row, problem.column, problem.value) == (2, "alignment", "a.bam")
    assert "may not be read" in problem.message


def test_home_and_variables_are_said_not_to_be_expanded(tmp_path: Path) -> None:
    assert "not expanded" in the_problem(tmp_path, BAM | {"alignment": "~/a.bam"}).remedy


def test_nearest_choice_is_suggested(tmp_path: Path) -> None:
    assert "'female'" in the_problem(tmp_path, BAM | {"sex": "Femal"}).remedy


class TestSecrets:
    @pytest.mark.parametrize(
        "url",
        [
            "https://person7:hunter2@host/a.bam",
            "s3://KEY:hunter2@bucket/a.bam",
            "https://person7:hun?ter2@host/a.bam",
            "https://person7:a#hunter2@host/a.bam",
            "https://u:hunt er2@host/a.bam?hunter2",
            "https://[broken/a.bam?sig=hunter2",
            "ftp://host/a.bam?sig=hunter2",
            "https://host/a.txt?sig=hunter2#hunter2",
            "https://host/a b.bam?sig=hunter2",
            "https:/host/a.bam?sig=hunter2",
            "https:/person7:hunter2@host/a.bam",
            "https%3A//host/a.bam?sig=hunter2&x=hunter2",
            "//host/a.bam?sig=hunter2",
            "host/a.bam?sig=hunter2",
        ],
    )
    @pytest.mark.parametrize("column", ["alignment", "sample", "patient", "run", "fq1"])
    def test_nothing_secret_in_messages(self, tmp_path: Path, url: str, column: str) -> None:
        row = {"sample": "S2", "alignment": "b.bam", column: url}
        if column == "fq1":
            del row["alignment"]
        if column == "patient":
            row["patient"] = url + "x" * 64
        found = problems(tmp_path, BAM, row)
        assert {problem.row for problem in found} == {3}
        told = "\n".join(map(str, found))
        for secret in ("hunter2", "ter2", "er2", "KEY", "person7", "sig="):
            assert secret not in told

    def test_signed_url_twice(self, tmp_path: Path) -> None:
        url = "https://host/a.bam?sig=hunter2"
        rows = [{"sample": name, "alignment": url} for name in ("S1", "S2")]
        problem = the_problem(tmp_path, *rows)
        assert problem.value == "https://host/a.bam"
        assert "hunter2" not in str(problem)


HOSTILE = [
    "a b",
    " a",
    "a ",
    "a/b",
    "/etc/passwd",
    "..",
    "../a",
    ".a",
    "-rf",
    "_a",
    '"a"',
    "a'b",
    "a;b",
    "$(touch x)",
    "`touch x`",
    "a|b",
    "a&b",
    "a*",
    "{a}",
    "a\\b",
    "a:b",
    "a\x0bb",
    "a\u2028b",
    "\u0430bc",
    "a\u200bb",
    "é",
    "１２",
    "<script>alert(1)</script>",
    "x" * 65,
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("column", ["sample", "run", "unit", "library"])
def test_hostile_names(tmp_path: Path, name: str, column: str) -> None:
    problem = the_problem(tmp_path, {"sex": "male"} | BAM | {column: name})
    assert (problem.file, problem.row, problem.column) == ("samples.tsv", 2, column)
    assert problem.value == name
    assert "letter" in problem.message
    assert problem.remedy


def test_a_name_cannot_hold_a_line_end(tmp_path: Path) -> None:
    # A quoted line end is two lines, both of the wrong length or with a wrong name.
    found = text_problems(tmp_path, 'sample\talignment\n"S\n1"\ta.bam\n')
    assert [(problem.row, problem.column) for problem in found] == [(2, None), (3, "sample")]


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@example("007")
@example("a" * 64)
@example("a\u0085")
@example("a.")
@given(
    st.one_of(
        st.text(
            st.characters(exclude_characters="\t\n\r\0", exclude_categories=["Cs"]), min_size=1
        ),
        st.from_regex(r"[A-Za-z0-9._-]{1,66}", fullmatch=True),
    )
)
def test_any_name_is_safe_or_told(tmp_path: Path, name: str) -> None:
    text = f"unit\tsample\talignment\n1\t{name}\ta.bam\n"
    is_safe = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name, re.ASCII) is not None
    if is_safe:
        (sample,) = read_text(tmp_path, text).samples
        assert sample.id == name
        assert not set(name) & set("/\\ ;$`'\"<>|&\n")
        assert not name.startswith((".", "-"))
        assert (tmp_path / name).parent == tmp_path
    else:
        (problem,) = text_problems(tmp_path, text)
        assert (problem.row, problem.column) == (2, "sample")


class TestRowsTogether:
    def test_repeated_unit(self, tmp_path: Path) -> None:
        problem = the_problem(tmp_path, LANES[0], LANES[1] | {"unit": "L1"})
        assert (problem.row, problem.column, problem.value) == (3, "unit", "L1")
        assert "row 2" in problem.message

    def test_repeated_unit_but_for_case(self, tmp_path: Path) -> None:
        assert the_problem(tmp_path, LANES[0], LANES[1] | {"unit": "l1"}).column == "unit"

    def test_repeated_sample_without_units(self, tmp_path: Path) -> None:
        second = {"sample": "F1", "fq1": "b_R1.fastq.gz", "fq2": "b_R2.fastq.gz"}
        problem = the_problem(tmp_path, FASTQ, second)
        assert (problem.row, problem.column, problem.value) == (3, "sample", "F1")
        assert "unit" in problem.remedy

    def test_second_alignment(self, tmp_path: Path) -> None:
        problem = the_problem(tmp_path, BAM, BAM | {"alignment": "b.bam", "unit": "2"})
        assert (problem.row, problem.column, problem.value) == (3, "sample", "S1")
        assert "Only one BAM or CRAM per sample" in problem.remedy

    def test_sample_of_fastq_and_alignment(self, tmp_path: Path) -> None:
        problem = the_problem(tmp_path, FASTQ, {"sample": "F1", "alignment": "a.bam", "unit": "2"})
        assert (problem.row, problem.column) == (3, "sample")
        assert "FASTQ and an alignment" in problem.message

    @pytest.mark.parametrize("column", ["sample", "run"])
    def test_names_that_differ_in_case_only(self, tmp_path: Path, column: str) -> None:
        first = BAM | {"run": "r"}
        second = {"sample": "S2", "alignment": "b.bam", "run": "r"}
        second[column] = first[column].swapcase()
        problem = the_problem(tmp_path, first, second)
        assert (problem.row, problem.column, problem.value) == (3, column, second[column])

    @pytest.mark.parametrize(
        ("column", "one", "other"),
        [
            ("patient", "p1", "p2"),
            ("patient", "p1", ""),
            ("collected", "2024-01-01", "2024-01-02"),
            ("specimen", "blood", "bone_marrow"),
            ("sex", "male", "female"),
            ("sex", "", "female"),
            ("assay", "wes", "panel"),
            ("umi", "8M+T +T", "none"),
            ("input_ng", "10", "20"),
            ("run", "r1", "r2"),
            ("index_type", "other", "unique_dual"),
        ],
    )
    def test_rows_that_disagree(self, tmp_path: Path, column: str, one: str, other: str) -> None:
        problem = the_problem(tmp_path, LANES[0] | {column: one}, LANES[1] | {column: other})
        assert (problem.row, problem.column, problem.value) == (3, column, other or None)
        assert "row 2" in problem.message

    def test_writing_a_default_out_is_no_disagreement(self, tmp_path: Path) -> None:
        assert read(tmp_path, LANES[0] | {"sex": "unknown"}, LANES[1] | {"sex": ""}).samples

    @pytest.mark.parametrize("link", [False, True])
    def test_file_named_twice(self, tmp_path: Path, link: bool) -> None:
        name = "./a.bam"
        if link:
            name = "link.bam"
            (tmp_path / name).symlink_to(tmp_path / "a.bam")
        problem = the_problem(tmp_path, BAM, {"sample": "S2", "alignment": name})
        assert (problem.row, problem.column, problem.value) == (3, "alignment", name)
        assert "row 2" in problem.message

    @pytest.mark.parametrize("groups", [("one", "one"), ("one", ""), ("", "two")])
    def test_one_bam_twice_without_different_people(
        self, tmp_path: Path, groups: tuple[str, str]
    ) -> None:
        rows = [
            {"sample": f"S{group}{number}", "alignment": "a.bam", "read_group_sample": group}
            for number, group in enumerate(groups)
        ]
        assert the_problem(tmp_path, *rows).row == 3


class TestTable:
    @pytest.mark.parametrize("name", ["", " ", "\n\n", "# only a comment\n", "\ufeff", "\t\t\n"])
    def test_empty(self, tmp_path: Path, name: str) -> None:
        (problem,) = text_problems(tmp_path, name)
        assert "empty" in problem.message
        assert problem.file in ("samples.tsv", str(tmp_path / "config.yaml"))

    def test_header_only(self, tmp_path: Path) -> None:
        (problem,) = text_problems(tmp_path, "# c\nsample\talignment\n#S1\ta.bam\n")
        assert problem.row == 2
        assert "no samples" in problem.message

    def test_header_only_with_a_wrong_column_tells_both(self, tmp_path: Path) -> None:
        assert len(text_problems(tmp_path, "sample\talignmint\n")) == 3

    @pytest.mark.parametrize(
        ("separator", "word"), [(",", "commas"), (";", "semicolons"), (" ", "spaces")]
    )
    def test_other_separator(self, tmp_path: Path, separator: str, word: str) -> None:
        text = "sample\talignment\nS1\ta.bam\n".replace("\t", separator)
        (problem,) = text_problems(tmp_path, text)
        assert problem.row == 1
        assert word in problem.message
        assert "tab" in problem.remedy

    @pytest.mark.parametrize(
        ("name", "suggestion"),
        [
            ("Sex", "sex"),
            ("librery", "library"),
            (" patient", "patient"),
            ("bam", "alignment"),
            ("fastq_2", "fq2"),
            ("gender", "sex"),
            ("input ng", "input_ng"),
        ],
    )
    def test_unknown_column_with_the_nearest(
        self, tmp_path: Path, name: str, suggestion: str
    ) -> None:
        (problem,) = text_problems(tmp_path, f"sample\talignment\t{name}\nS1\ta.bam\tx\n")
        assert (problem.row, problem.column, problem.value) == (1, name, name)
        assert f"Did you mean '{suggestion}'" in problem.remedy

    def test_unknown_column_without_a_near_one(self, tmp_path: Path) -> None:
        (problem,) = text_problems(tmp_path, "sample\talignment\tzzzz\nS1\ta.bam\tx\n")
        assert "Did you mean" not in problem.remedy
        assert "read_group_sample" in problem.remedy

    def test_repeated_column(self, tmp_path: Path) -> None:
        (problem,) = text_problems(tmp_path, "sample\talignment\tsex\tsex\nS1\ta.bam\t\t\n")
        assert (problem.row, problem.column) == (1, "sex")
        assert "2 times" in problem.message

    def test_column_without_a_name(self, tmp_path: Path) -> None:
        (problem,) = text_problems(tmp_path, "sample\talignment\t\nS1\ta.bam\t\n")
        assert "no name" in problem.message

    def test_missing_columns_are_told_once(self, tmp_path: Path) -> None:
        found = text_problems(tmp_path, "patient\tsex\nA\tmale\nB\tmale\n")
        assert [(problem.row, problem.column) for problem in found] == [(1, "sample"), (1, "fq1")]

    def test_ragged_rows_keep_the_files_line_numbers(self, tmp_path: Path) -> None:
        text = "# c\n\nsample\talignment\r\nS1\n\n# c\nS2\tb.bam\tx\nS3\tno.bam\n"
        found = text_problems(tmp_path, text)
        assert [problem.row for problem in found] == [4, 7, 8]
        assert "3 cells" in found[1].message

    def test_old_line_ends_count_as_an_editor_counts(self, tmp_path: Path) -> None:
        (problem,) = text_problems(tmp_path, "sample\talignment\rS1\ta.bam\rS2\tno.bam\r")
        assert problem.row == 3

    def test_a_form_feed_does_not_end_a_line(self, tmp_path: Path) -> None:
        found = text_problems(tmp_path, "sample\talignment\npatient\x0c\x85\ta.bam\nS1\tno.bam\n")
        assert [problem.row for problem in found] == [2, 3]

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param("sample\talignment\nMüller\ta.bam\n".encode("latin-1"), id="latin-1"),
            pytest.param("sample\talignment\nS1\ta.bam\n".encode("utf-16"), id="utf-16"),
            pytest.param(b"PK\x03\x04\x14\x00\x06\x00\x08\x00\xff", id="workbook"),
        ],
    )
    def test_not_utf8(self, tmp_path: Path, content: bytes) -> None:
        (problem,) = text_problems(tmp_path, content)
        assert problem.file == "samples.tsv"
        assert "UTF-8" in problem.message
        assert problem.row is not None

    def test_nul_byte(self, tmp_path: Path) -> None:
        (problem,) = text_problems(tmp_path, b"sample\talignment\nS\x001\ta.bam\n")
        assert problem.row == 2
        assert "NUL" in problem.message

    @pytest.mark.parametrize("fault", ["missing", "folder"])
    def test_no_sheet(self, tmp_path: Path, fault: str) -> None:
        config = make_project(tmp_path, [BAM])
        (tmp_path / "samples.tsv").unlink()
        if fault == "folder":
            (tmp_path / "samples.tsv").mkdir()
        with pytest.raises(UserError) as caught:
            check(config)
        (problem,) = caught.value.problems
        assert (problem.file, problem.row, problem.column) == (str(config), 1, "samples")
        assert problem.value == "samples.tsv"
