"""What the user has to mend, said so that it can be mended."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the user's input.

    Attributes:
        message: What is wrong, in one plain sentence without a final full stop.
        remedy: What to do about it, likewise.
        file: The file as the user named it, or None.
        row: 1-based row (line) of a table, or None.
        column: Column or configuration key, or None.
        value: The offending value as text, or None.
    """

    message: str
    remedy: str
    file: str | None = None
    row: int | None = None
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        """Return the problem on one line: place, message, value, remedy."""
        place = [self.file] if self.file else []
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column is not None:
            place.append(f"column {self.column!r}")
        head = ", ".join(place)
        value = f" (value: {self.value!r})" if self.value is not None else ""
        text = f"{head}: {self.message}" if head else self.message
        return f"{text}{value}. {self.remedy}."

    def to_json(self) -> dict[str, str | int | None]:
        """Return the problem as plain JSON values."""
        return asdict(self)


class UserError(Exception):
    """Input that cannot be used; ends a command with exit status 2, never with a traceback.

    Carries one or more :class:`Problem`, so that all faults of a sheet are told at once.
    """

    def __init__(
        self,
        message: str,
        *,
        remedy: str,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        """Build an error of one problem; see :class:`Problem` for the arguments."""
        self.problems: tuple[Problem, ...] = (Problem(message, remedy, file, row, column, value),)
        super().__init__(str(self.problems[0]))

    def __reduce__(self) -> tuple[Callable[..., UserError], tuple[tuple[Problem, ...]]]:
        """Return how it is made anew in another process."""
        return UserError.of, (self.problems,)

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> UserError:
        """Return one error that carries all ``problems`` (at least one)."""
        listed = tuple(problems)
        first = listed[0]
        error = cls(first.message, remedy=first.remedy)
        error.problems = listed
        error.args = ("\n".join(str(problem) for problem in listed),)
        return error


_DISK = {
    errno.ENOSPC: ("no space is left on the disk", "Free space or choose another output folder"),
    errno.EDQUOT: ("the disk quota is used up", "Free space or choose another output folder"),
    errno.EROFS: ("the disk is read-only", "Choose another output folder"),
    errno.EACCES: ("writing is not permitted", "Choose another output folder, or ask its owner"),
    errno.ENOTDIR: ("a part of the output folder's path is a file", "Choose another output folder"),
}


def disk_problem(error: OSError) -> Problem | None:
    """Return what the user can do about an error of the disk; None if it is another error."""
    if error.errno not in _DISK:
        return None
    message, remedy = _DISK[error.errno]
    return Problem(message, f"{remedy}, then run the same command again")
