"""The file of a screen's rows."""

import os
import sqlite3
import subprocess
import sys

from vexas_uba1 import paths
from vexas_uba1.screen.table import ResultTable

DIES = """
import os, sqlite3, sys
from pathlib import Path
from vexas_uba1.screen.table import ResultTable

connect = sqlite3.connect

def watched(path):
    rows = connect(path)
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
