"""Files that the user names: where they are, how they are shown, and whether they can be used."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from vexas_uba1.errors import UserError

FASTQ_SUFFIXES = (".fastq", ".fq", ".fastq.gz", ".fq.gz")
ALIGNMENT_SUFFIXES = (".bam", ".cram")
URL_SCHEMES = ("http", "https", "s3", "s3+http", "s3+https")

# To the very end: what follows a space may still be part of a secret.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://.*", re.DOTALL)
_QUERY = re.compile(r"\?.*=.*", re.DOTALL)
_LOGIN = re.compile(r"/[^/]*:[^/]*@")
_LONGEST_SHOWN = 200
_PATH_REMEDY = (
    "Correct the path: a relative one starts at the folder of the file that names it, "
    "and '~' and variables such as $HOME are not expanded"
)


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine.

    Attributes:
        shown: The path as the user wrote it, for messages.
        path: Absolute.
    """

    shown: str
    path: Path

    @property
    def name(self) -> str:
        """The file's own name, without folders."""
        return self.path.name

    @property
    def address(self) -> str:
        """What a reader opens."""
        return str(self.path)


@dataclass(frozen=True)
class RemoteFile:
    """A file behind a URL.

    Attributes:
        shown: The URL without its query, which may hold a signature.
        url: The whole URL; never to be printed or written.
    """

    shown: str
    url: str = field(repr=False)

    @property
    def name(self) -> str:
        """The file's own name, without host and folders."""
        return self.shown.rsplit("/", 1)[-1]

    @property
    def address(self) -> str:
        """What a reader opens; never to be printed or written."""
        return self.url


Source = LocalFile | RemoteFile


class UnusableError(ValueError):
    """A path or URL that cannot be used: ``message`` and ``remedy`` as in a problem."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def shown_value(text: str) -> str:
    """Return ``text`` fit for a message: shortened, URLs without query, fragment, credentials."""
    shown = shown_path(_URL.sub(_harmless_url, text))
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


def shown_path(text: str) -> str:
    """Return a path without what were secrets if it is a mistyped URL, as ``https:/…?key=…``."""
    return _QUERY.sub("?…", _LOGIN.sub("/…@", text))


def local_file(text: str, folder: Path) -> LocalFile:
    """Return the file that ``text``, written in a file of ``folder``, names; it need not exist."""
    return LocalFile(shown_value(text), folder.absolute() / text)


def find_source(
    text: str, folder: Path, *, suffixes: tuple[str, ...], remote: bool, looked_at: bool = False
) -> Source:
    """Return a file that can be used as input.

    Args:
        text: Path or URL as written in the user's file.
        folder: The folder of that file.
        suffixes: File-name endings that are allowed, in lower case; empty for any.
        remote: Whether a URL is allowed.
        looked_at: Whether it has been found readable already.

    Raises:
        UnusableError: missing, empty, a folder, not readable, of another ending or URL scheme.
    """
    if _URL.match(text):
        if not remote:
            raise UnusableError("a URL cannot be used here", "Download the file and write its path")
        return _remote_file(text, suffixes)
    found = local_file(text, folder)
    if not looked_at:
        check_readable(found.path)
    if suffixes and not found.name.lower().endswith(suffixes):
        raise _wrong_ending(suffixes)
    return found


def identity(source: Source) -> object:
    """Return what two names of one file have in common: links lead to the same file."""
    if isinstance(source, RemoteFile):
        return source.url
    status = source.path.stat()
    return status.st_dev, status.st_ino


def check_readable(path: Path) -> None:
    """Make sure that ``path`` is a regular, readable file that is not empty.

    Raises:
        UnusableError: it is none.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise UnusableError("the file is not there", _PATH_REMEDY) from None
    except OSError as error:
        raise UnusableError(f"the path cannot be used ({error.strerror})", _PATH_REMEDY) from None
    if stat.S_ISDIR(status.st_mode):
        raise UnusableError("this is a folder, not a file", "Write the path of a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise UnusableError("this is not a regular file", "Write the path of a file on a disk")
    if not os.access(path, os.R_OK):
        raise UnusableError("the file may not be read", "Ask its owner for permission to read it")
    if status.st_size == 0:
        raise UnusableError("the file is empty", "Copy or make the file again")


def read_text(path: Path, shown: str, *, what: str) -> str:
    """Return the content of a small UTF-8 file, without a byte-order mark.

    Args:
        path: The file.
        shown: How to name it in messages.
        what: What it is, such as ``samples sheet``.

    Raises:
        UserError: it cannot be read, or is not UTF-8 text.
    """
    try:
        check_readable(path)
    except UnusableError as error:
        raise UserError(f"{what}: {error.message}", remedy=error.remedy, file=shown) from None
    content = path.read_bytes()
    remedy = f"Save the {what} as plain text in UTF-8 (not as a workbook, not as UTF-16)"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"the {what} is not UTF-8 text", remedy=remedy, file=shown, row=row
        ) from None
    if "\0" in text:
        row = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"the {what} holds a NUL byte", remedy=remedy, file=shown, row=row)
    return text


def _remote_file(text: str, suffixes: tuple[str, ...]) -> RemoteFile:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise UnusableError("this is not a URL", "Copy the whole URL again") from None
    if parts.scheme not in URL_SCHEMES:
        raise UnusableError(
            f"URLs of the kind {parts.scheme}:// are not read",
            "Use http, https or s3, or the path of a local file",
        )
    if "@" in parts.netloc:
        raise UnusableError(
            "the URL holds a user name or password",
            "Take them out of the sheet; use a signed URL, or for S3 the environment or "
            "~/.aws/credentials",
        )
    if not parts.netloc or not text.isprintable() or " " in text:
        raise UnusableError("this is not a URL", "Copy the whole URL again, with %20 for spaces")
    if not parts.path.lower().endswith(suffixes):
        raise _wrong_ending(suffixes)
    return RemoteFile(parts._replace(query="", fragment="").geturl(), text)


def _wrong_ending(suffixes: tuple[str, ...]) -> UnusableError:
    listed = ", ".join(suffixes)
    return UnusableError(
        "files of this kind are not read here", f"Give a file that ends in {listed}"
    )


def _harmless_url(match: re.Match[str]) -> str:
    url = match.group(0)
    # A password may hold '?' or '#', so these must not end the search for its '@'.
    if "@" in url:
        return f"{match.group(1)}://…"
    return re.split(r"[?#]", url, maxsplit=1)[0]
