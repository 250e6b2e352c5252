"""The benchmark of selecting reads runs, and its table is in docs/performance.md."""

import re
import shutil
from pathlib import Path

import pytest

from benchmarks.pages import section_of
from benchmarks.targeted import LENGTHS, SECTION, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
ROW = re.compile(r"\| 2 × (\d+) \| [\d,]+ \| (\d+\.\d\d)% (\| -?\d+\.\d\d ){4}\| -?\d+ \|")


@pytest.mark.skipif(shutil.which("bwa") is None, reason="bwa is not installed")
def test_a_small_genome_gives_a_row_for_each_length(tmp_path):
    told = []
    made = table(tmp_path, 1, 1600, told.append)
    rows = [ROW.fullmatch(line) for line in made.splitlines() if line.startswith("| 2 ×")]
    assert [row and int(row[1]) for row in rows] == list(LENGTHS)
    # The gene is a fiftieth of this genome.
    assert all(row and 1 < float(row[2]) < 60 for row in rows)


def test_the_page_holds_the_table():
    rows = [line for line in section_of(PAGE, SECTION).splitlines() if line.startswith("| 2 ×")]
    assert len(rows) == len(LENGTHS)
    assert all(map(ROW.fullmatch, rows))
