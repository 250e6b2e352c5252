"""One browser for all tests of a process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from builders.browser import Browser, missing


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser; the tests are skipped where it is not installed, but not in CI."""
    if absent := missing():
        message = "the pages are looked at in a browser; not installed: " + ", ".join(absent)
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()
