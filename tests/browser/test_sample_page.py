"""One sample's report, opened as a reader does: on a screen, a phone and paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.browser import DESKTOP, PHONE, Browser
from builders.results import (
    a_negative,
    a_result,
    a_sample,
    a_variant,
    an_empty_result,
    an_input,
)
from builders.simulated import clone, sample_of
from builders.workflow import command, shared
from vexas_uba1.report.page import write_report
from vexas_uba1.result import InputFile

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
_MARGIN_MM = 13


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of reports: a usual positive made from reads, and what is made in code."""

    def make(folder: Path) -> None:
        sample_of(
            folder,
            sample="USUAL",
            clones=[clone(0.12, "c.122T>C")],
            regions=["coding"],
            depth_fragments=500,
            seed=4,
        )
        reads = ["call", folder / "USUAL.bam", "--out", folder, "--sample", "USUAL"]
        done = command(*reads, "--assay", "panel", "--sex", "male")
        assert done.code == 0, done.err
        (folder / "samples" / "USUAL" / "USUAL.report.html").rename(folder / "usual.html")
        flagged = a_variant(
            filters=("one_strand",),
            filter_reasons={"one_strand": "all 9 fragments show it on the reverse strand"},
        )
        hostile = a_result(
            sample=a_sample(id="S1", patient=HOSTILE, run=HOSTILE),
            input=an_input(files=(InputFile(HOSTILE, 1, "0" * 64),)),
        )
        for name, result in {
            "negative": a_negative(),
            "flagged": a_result(variants=(flagged,)),
            "hostile": hostile,
            "empty": an_empty_result(),
        }.items():
            write_report(folder / f"{name}.html", result, HOSTILE if name == "hostile" else "")

    return shared(tmp_path_factory, "reports", make)


ALL = pytest.mark.parametrize("name", ["usual", "negative", "flagged", "hostile", "empty"])


@ALL
def test_nothing_is_asked_for_and_nothing_goes_wrong(
    browser: Browser, reports: Path, name: str
) -> None:
    opened = browser.open(reports / f"{name}.html")
    assert opened.requests == []
    assert opened.complaints == []
    assert "owned" not in browser.driver.title


@ALL
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_no_window_scrolls_sideways(
    browser: Browser, reports: Path, name: str, size: tuple[int, int]
) -> None:
    browser.open(reports / f"{name}.html", size)
    assert browser.scrolls_sideways() == []


@ALL
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_axe_core_finds_nothing_serious(
    browser: Browser, reports: Path, name: str, size: tuple[int, int]
) -> None:
    browser.open(reports / f"{name}.html", size)
    assert browser.violations() == []


@ALL
def test_paper_takes_three_sheets_and_cuts_nothing(
    browser: Browser, reports: Path, name: str
) -> None:
    browser.open(reports / f"{name}.html")
    assert browser.pages_on_paper() <= 3
    browser.as_on_paper(_MARGIN_MM)
    assert browser.scrolls_sideways() == []


def test_the_first_screen_of_a_phone_tells_the_verdict(browser: Browser, reports: Path) -> None:
    browser.open(reports / "usual.html", PHONE)
    bottom = browser.ask(
        "return document.querySelector('.verdict .text').getBoundingClientRect().bottom"
    )
    assert bottom <= PHONE[1]


def test_words_tell_the_verdict_where_colours_do_not(browser: Browser, reports: Path) -> None:
    browser.open(reports / "usual.html")
    heading = browser.ask("return document.querySelector('.verdict h2').innerText")
    assert heading == "Variant detected"


def test_the_page_is_small_and_names_no_folder(reports: Path) -> None:
    text = (reports / "usual.html").read_text(encoding="utf-8")
    assert len(text.encode()) < 300_000
    assert str(reports) not in text
