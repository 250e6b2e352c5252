"""The file of a screen's rows."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from vexas_uba1 import paths
from vexas_uba1.cohort.table import COLUMNS
from vexas_uba1.errors import UserError
from vexas_uba1.screen import table
from vexas_uba1.screen.table import ResultTable

DIES = """
import os, sqlite3, sys
from pathlib import Path
from vexas_uba1.screen.table import ResultTable

connect = sqlite3.connect

def watched(path, **how):
    rows = connect(path, **how)
    rows.set_trace_callback(lambda line: os._exit(9) if line.startswith(sys.argv[2]) else None)
    return rows

sqlite3.connect = watched
ResultTable(Path(sys.argv[1]))
"""


def test_a_screen_killed_as_it_begins_its_file_goes_on(tmp_path):
    file = tmp_path / "screen.sqlite"
    for moment in ("CREATE TABLE", "PRAGMA user_version =", "COMMIT"):
        killed = subprocess.run(
            [sys.executable, "-c", DIES, str(file), moment],
            env={**os.environ, "PYTHONPATH": str(paths.product_root() / "scripts")},
            check=False,
        )
        assert killed.returncode == 9
        assert file.exists()
        with ResultTable(file) as rows:
            assert rows.count("verdict") == {}
        with sqlite3.connect(file) as made:
            assert made.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
        file.unlink()


def filled(sample):
    return dict.fromkeys(COLUMNS, "") | {"sample": sample, "status": "ok"}


def put_one_more(file):
    with ResultTable(file) as rows:
        rows.put(filled("B"), "x", None)
        rows.keep()


def test_who_reads_the_table_is_waited_for(tmp_path):
    file = tmp_path / "screen.sqlite"
    with ResultTable(file) as rows:
        rows.put(filled("A"), "x", None)
        rows.keep()
        with closing(sqlite3.connect(file, check_same_thread=False)) as reader:
            reading = reader.execute("SELECT sample FROM results")
            assert reading.fetchone() == ("A",)
            rows.put(filled("B"), "x", None)
            ends = threading.Timer(0.5, reading.close)
            ends.start()
            rows.keep()
            ends.join()
    with ResultTable(file) as rows:
        assert rows.count("sample") == {"A": 1, "B": 1}


@pytest.mark.parametrize("lock", ["", "EXCLUSIVE"])
def test_who_keeps_the_table_too_long_is_told_and_costs_no_row_that_was_kept(
    tmp_path, monkeypatch, lock
):
    monkeypatch.setattr(table, "_PATIENCE_S", 0.05)
    file = tmp_path / "screen.sqlite"
    with ResultTable(file) as rows:
        rows.put(filled("A"), "x", None)
        rows.keep()
    with closing(sqlite3.connect(file)) as other:
        other.execute(f"BEGIN {lock}")
        other.execute("SELECT sample FROM results").fetchone()
        with pytest.raises(UserError, match="another program keeps this table"):
            put_one_more(file)
    with ResultTable(file) as rows:
        assert rows.count("sample") == {"A": 1}
