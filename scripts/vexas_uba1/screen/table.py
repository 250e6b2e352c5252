"""The rows of a screen: an SQLite file that takes each as it comes, and at the end the table.

A row is kept with the fingerprint of all that it depends on and the checksum of its sample's
result, so that a later run knows which rows still hold. While samples are screened the rows lie as
they came; :meth:`ResultTable.finish` writes the file anew in the manifest's order, so that the same
rows make the same bytes, whatever the number of processes and however often the screen was stopped.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from vexas_uba1.cohort.table import COLUMNS, one_line, write_table
from vexas_uba1.errors import UserError
from vexas_uba1.files import replacing

VERSION = 2
"""Of the file's layout, as its ``user_version`` has it."""
_PATIENCE_S = 60.0
"""How long another program's lock on the file is waited for, such as that of one who reads it."""
_CHECKS = ("fingerprint", "result_sha256")
_NUMBERS = {
    "vaf": "REAL",
    "vaf_low95": "REAL",
    "vaf_high95": "REAL",
    "codon41_limit_of_detection_vaf": "REAL",
    "alt_fragments": "INTEGER",
    "depth_fragments": "INTEGER",
    "codon41_depth_fragments": "INTEGER",
}
_ALL = (*COLUMNS, *_CHECKS)
_NAMES = ", ".join(_ALL)
_PUT = f"INSERT OR REPLACE INTO results ({_NAMES}) VALUES ({', '.join('?' * len(_ALL))})"  # noqa: S608 - names of ours
_HOLDING = (
    f"SELECT {_NAMES} FROM results "  # noqa: S608 - names of ours
    "WHERE sample = ? AND fingerprint = ? AND result_sha256 IS ? AND status = 'ok'"
)


class ResultTable:
    """The rows of one screen; closed at the end of a ``with`` block."""

    def __init__(self, path: Path) -> None:
        """Open the file, or begin one.

        Raises:
            UserError: there is something else in its place.
            OSError: it cannot be written.
        """
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._rows = _opened(path)

    def __enter__(self) -> ResultTable:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._rows.close()

    def holds(self, sample: str, fingerprint: str | None, result_sha256: str | None) -> bool:
        """Return whether a sample has a row that still holds; a failed sample has none.

        Args:
            sample: Its id.
            fingerprint: Of all that the row depends on, as it is now; None if that is not known.
            result_sha256: Of the sample's result, as it lies there; None without one.
        """
        return self._holding(sample, fingerprint, result_sha256) is not None

    def take(
        self,
        other: ResultTable,
        sample: str,
        fingerprint: str | None,
        result_sha256: str | None,
    ) -> bool:
        """Take a sample's row of another table if it still holds; return whether it does."""
        row = other._holding(sample, fingerprint, result_sha256)
        if row is not None:
            with _told(self._path):
                self._rows.execute(_PUT, row)
        return row is not None

    def _holding(
        self, sample: str, fingerprint: str | None, result_sha256: str | None
    ) -> tuple[object, ...] | None:
        with _told(self._path):
            found = self._rows.execute(_HOLDING, (sample, fingerprint, result_sha256)).fetchone()
        return None if found is None else tuple(found)

    def forget(self, sample: str) -> None:
        """Remove a sample's row, if it has one."""
        with _told(self._path):
            self._rows.execute("DELETE FROM results WHERE sample = ?", (sample,))

    def put(
        self, cells: Mapping[str, object], fingerprint: str | None, result_sha256: str | None
    ) -> None:
        """Take a row.

        Args:
            cells: By column of the cohort's table.
            fingerprint: Of all that the row depends on; None if that is not known.
            result_sha256: Of the sample's result; None if it has none.
        """
        row = [*map(_stored, cells.values()), fingerprint, result_sha256]
        with _told(self._path):
            self._rows.execute(_PUT, row)

    def keep(self) -> None:
        """Make sure of all rows so far: no kill loses them."""
        with _told(self._path):
            self._rows.commit()

    def finish(self, samples: Iterable[str], tsv: Path) -> int:
        """Write the file anew and the table beside it, rows in the given order.

        Args:
            samples: The manifest's; rows of others are left out.
            tsv: The table, as the cohort's.

        Returns:
            How many rows were left out.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        self.keep()
        with _told(self._path):
            self._rows.execute("CREATE TEMP TABLE wanted (place INTEGER PRIMARY KEY, sample TEXT)")
            self._rows.executemany(
                "INSERT INTO wanted (sample) VALUES (?)", ((s,) for s in samples)
            )
            ordered = f"SELECT {_NAMES} FROM wanted JOIN results USING (sample) ORDER BY place"  # noqa: S608
            with replacing(self._path) as temporary:
                temporary.unlink()
                with closing(_opened(temporary)) as fresh, fresh:
                    fresh.executemany(_PUT, self._rows.execute(ordered))
                rows = self._rows.execute(ordered)
                write_table(tsv, COLUMNS, (dict(zip(COLUMNS, row, strict=False)) for row in rows))
                (before,) = self._rows.execute("SELECT count(*) FROM results").fetchone()
                (kept,) = self._rows.execute(
                    "SELECT count(*) FROM wanted JOIN results USING (sample)"
                ).fetchone()
                self._rows.close()
        self._rows = _opened(self._path)
        return int(before) - int(kept)

    def count(self, column: str) -> dict[str, int]:
        """Return how many rows have each value of a column."""
        if column not in COLUMNS:
            raise KeyError(column)
        with _told(self._path):
            found = self._rows.execute(f"SELECT {column}, count(*) FROM results GROUP BY 1")  # noqa: S608
            return {str(value or ""): int(rows) for value, rows in found}


def _opened(path: Path) -> sqlite3.Connection:
    rows = None
    try:
        rows = sqlite3.connect(path, timeout=_PATIENCE_S)
        (version,) = rows.execute("PRAGMA user_version").fetchone()
        (tables,) = rows.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if rows is not None:
            rows.close()
        if _is_busy(error):
            raise _in_use(path) from error
        raise UserError(
            f"this is no table of a screen ({error})",
            remedy="Move it away, or name another output folder",
            file=_shown(path),
        ) from error
    if tables and version != VERSION:
        rows.close()
        raise UserError(
            "this table is of another version of the software, or of another program",
            remedy="Move it away, or name another output folder",
            file=_shown(path),
        )
    if not tables:
        columns = ", ".join(
            f"{name} {_NUMBERS.get(name, 'TEXT')}{' PRIMARY KEY' if name == 'sample' else ''}"
            for name in _ALL
        )
        with _told(path), rows:
            # At once: with a table and no version, a killed screen would be taken for another's.
            rows.execute("BEGIN")
            rows.execute(f"CREATE TABLE results ({columns})")
            rows.execute(f"PRAGMA user_version = {VERSION}")
    return rows


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what SQLite says of the disk into what the operating system says.

    Raises:
        OSError: the disk is full or cannot be written.
        UserError: another program keeps the file to itself, or it is damaged.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise OSError(errno.ENOSPC, str(error)) from error
        if "readonly" in str(error):
            raise OSError(errno.EROFS, str(error)) from error
        if _is_busy(error):
            raise _in_use(path) from error
        raise
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"the table is damaged ({error})",
            remedy="Move it away: the same command then does its samples again",
            file=_shown(path),
        ) from error


def _shown(path: Path) -> str:
    """Return the table's name with its folder's: parts have tables of the same name."""
    return f"{path.absolute().parent.name}/{path.name}"


def _is_busy(error: sqlite3.Error) -> bool:
    return "locked" in str(error)


def _in_use(path: Path) -> UserError:
    return UserError(
        "another program keeps this table to itself",
        remedy="Let it end (whoever reads a table for long should read a copy), then run the same "
        "command again",
        file=_shown(path),
    )


def _stored(value: object) -> str | int | float | None:
    if value is None or isinstance(value, int | float):
        return value
    return one_line(value)
