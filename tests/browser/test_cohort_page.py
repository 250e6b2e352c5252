"""The cohort's page, opened as a reader does: sorted, filtered, on a phone, on paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from builders.browser import DESKTOP, PHONE, Browser
from builders.results import (
    a_codon41,
    a_negative,
    a_result,
    a_sample,
    a_variant,
    a_verdict,
    an_empty_result,
)
from builders.workflow import shared
from vexas_uba1.cohort.entries import CohortEntry
from vexas_uba1.cohort.page import render_html
from vexas_uba1.cohort.summary import write_cohort
from vexas_uba1.errors import Problem
from vexas_uba1.files import write_text
from vexas_uba1.result import SampleInfo, SampleResult, write_result
from vexas_uba1.status import SCHEMA_VERSION, SampleStatus

WIDE = (1400, 900)
HOSTILE = "</script><script>document.title='owned'</script>\"'><img src=x onerror=alert(1)>"
_MARGIN_MM = 12


def _positive(name: str, alt: int, depth: int) -> SampleResult:
    variant = a_variant(
        alt_fragments=alt,
        depth_fragments=depth,
        vaf=alt / depth,
        vaf_low95=alt / depth / 2,
        vaf_high95=min(1.0, 2 * alt / depth),
    )
    codon = a_codon41(depth_fragments=depth, limit_of_detection_vaf=5 / depth)
    return a_result(
        sample=a_sample(id=name, patient="", run="R1"),
        variants=(variant,),
        codon41=codon,
    )


def _any(number: int) -> SampleResult:
    """Return one of many: most are negative, some positive, of RNA or without a limit."""
    name, depth = f"S{number}", 20 + 7 * number
    if number % 5 == 0:
        return _positive(name, 5 + number // 2, depth)
    sample = a_sample(id=name, patient="", assay="rna" if number % 7 == 0 else "panel")
    if number % 11 == 0:
        return an_empty_result(sample=sample)
    codon = a_codon41(depth_fragments=depth, limit_of_detection_vaf=5 / depth)
    return a_negative(sample=sample, codon41=codon)


def _entry(result: SampleResult) -> CohortEntry:
    info = result.call.sample
    return CohortEntry(info, SampleStatus(SCHEMA_VERSION, info.id, "ok"), result)


def _failed(name: str) -> SampleStatus:
    problem = Problem("is cut short", "copy the file again", file="s9.bam")
    return SampleStatus(SCHEMA_VERSION, name, "failed", "call_variants", (problem,))


def _write(folder: Path, results: list[SampleResult], failed: list[str], lab_name: str) -> None:
    statuses = []
    for result in results:
        name = result.call.sample.id
        write_result(folder / "samples" / name / f"{name}.result.json", result)
        statuses.append(SampleStatus(SCHEMA_VERSION, name, "ok"))
    statuses += map(_failed, failed)
    sheet = [SampleInfo(name, patient="P1", run="R1") for name in failed]
    write_cohort(statuses, folder, lab_name, sheet=sheet)


@pytest.fixture(scope="session")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of cohorts: a few samples, hostile names, none, and 500."""

    def make(folder: Path) -> None:
        few = [
            _positive("POS2", 40, 2_000),
            _positive("POS10", 900, 1_000),
            a_negative(sample=a_sample(id="NEG", collected="2026-03-01", run="R2")),
            a_result(sample=a_sample(id="EARLIER", collected="2025-03-01", run="R2")),
            an_empty_result(sample=a_sample(id="EMPTY", patient="", run="")),
        ]
        _write(folder / "few", few, ["BROKEN"], "Ward 3")
        hostile = a_result(
            sample=a_sample(id="S1", patient=HOSTILE, run=HOSTILE),
            verdict=a_verdict(text=HOSTILE, reasons=(HOSTILE,)),
        )
        _write(folder / "hostile", [hostile], [], HOSTILE)
        _write(folder / "none", [], [], "")
        # Rendered without the files of its samples, which take half a minute to write and read.
        many = [_entry(_any(number)) for number in range(495)]
        for name in (f"F{number}" for number in range(5)):
            many.append(CohortEntry(SampleInfo(name), _failed(name), None))
        write_text(page(folder, "many"), render_html(many, [], ""))

    return shared(tmp_path_factory, "cohorts", make)


def page(cohorts: Path, name: str) -> Path:
    return cohorts / name / "cohort" / "cohort.html"


def shown(browser: Browser) -> list[str]:
    """Return the samples of the rows that are seen, from top to bottom."""
    names: list[str] = browser.ask(
        "return [...document.querySelectorAll('#samples tbody tr')]"
        ".filter(row => !row.hidden).map(row => row.cells[1].dataset.value)"
    )
    return names


def press(browser: Browser, column: str) -> None:
    """Press a column's heading."""
    for button in browser.driver.find_elements(By.CSS_SELECTOR, "#samples thead button"):
        if button.text == column:
            button.click()


def said(browser: Browser) -> str:
    return browser.driver.find_element(By.CSS_SELECTOR, "[role=status]").text


def caption(browser: Browser) -> str:
    return browser.driver.find_element(By.CSS_SELECTOR, "#samples caption").text


ALL = pytest.mark.parametrize("name", ["few", "hostile", "none", "many"])


@ALL
def test_nothing_is_asked_for_and_nothing_goes_wrong(
    browser: Browser, cohorts: Path, name: str
) -> None:
    opened = browser.open(page(cohorts, name))
    assert opened.requests == []
    assert opened.complaints == []
    assert "owned" not in browser.driver.title


SIZES = pytest.mark.parametrize("size", [WIDE, DESKTOP, PHONE])


@ALL
@SIZES
def test_no_window_scrolls_sideways(
    browser: Browser, cohorts: Path, name: str, size: tuple[int, int]
) -> None:
    browser.open(page(cohorts, name), size)
    assert browser.scrolls_sideways() == []


@pytest.mark.parametrize("name", ["few", "hostile", "none"])
@SIZES
def test_axe_core_finds_nothing_serious(
    browser: Browser, cohorts: Path, name: str, size: tuple[int, int]
) -> None:
    browser.open(page(cohorts, name), size)
    assert browser.violations() == []


def test_verdicts_come_first_as_the_page_is_opened(browser: Browser, cohorts: Path) -> None:
    browser.open(page(cohorts, "few"), WIDE)
    assert shown(browser) == ["POS2", "POS10", "EARLIER", "BROKEN", "EMPTY", "NEG"]
    assert said(browser) == "All 6 samples are shown."


# What has no value comes last both ways, and ties stay in the page's order.
ORDERS = {
    "VAF": ("POS2 EARLIER POS10 BROKEN EMPTY NEG", "POS10 EARLIER POS2 BROKEN EMPTY NEG"),
    "ALT of all": ("POS2 EARLIER POS10 BROKEN EMPTY NEG", "POS10 EARLIER POS2 BROKEN EMPTY NEG"),
    "Codon 41 depth": (
        "EMPTY EARLIER NEG POS10 POS2 BROKEN",
        "POS2 POS10 EARLIER NEG EMPTY BROKEN",
    ),
    "Limit": ("POS2 POS10 EARLIER NEG BROKEN EMPTY", "EARLIER NEG POS10 POS2 BROKEN EMPTY"),
    "Sample": ("BROKEN EARLIER EMPTY NEG POS2 POS10", "POS10 POS2 NEG EMPTY EARLIER BROKEN"),
    "Run and build": ("POS2 POS10 BROKEN EARLIER NEG EMPTY", "EARLIER NEG POS2 POS10 BROKEN EMPTY"),
    "Verdict": ("POS2 POS10 EARLIER BROKEN EMPTY NEG", "NEG EMPTY BROKEN POS2 POS10 EARLIER"),
}


@pytest.mark.parametrize("column", ORDERS)
def test_a_heading_sorts_both_ways_and_back(browser: Browser, cohorts: Path, column: str) -> None:
    browser.open(page(cohorts, "few"), WIDE)
    before = shown(browser)
    for direction, order in zip(("ascending", "descending"), ORDERS[column], strict=True):
        press(browser, column)
        assert shown(browser) == order.split()
        (heading,) = browser.driver.find_elements(By.CSS_SELECTOR, "[aria-sort]")
        assert heading.text.strip() == column
        assert heading.get_attribute("aria-sort") == direction
        assert f"6 samples, by {column}, {direction}." in caption(browser)
    press(browser, column)
    assert shown(browser) == before
    assert browser.driver.find_elements(By.CSS_SELECTOR, "[aria-sort]") == []
    assert "6 samples, by verdict, then in the order of the sheet." in caption(browser)


def test_words_and_verdicts_filter_and_hidden_failures_are_told(
    browser: Browser, cohorts: Path
) -> None:
    browser.open(page(cohorts, "few"), WIDE)
    search = browser.driver.find_element(By.CSS_SELECTOR, "input[type=search]")
    search.send_keys("pos")
    assert shown(browser) == ["POS2", "POS10"]
    assert said(browser) == (
        "Filtered by “pos”: 2 of 6 samples are shown. 1 failed sample is not shown."
    )
    search.send_keys(Keys.CONTROL, "a")
    search.send_keys(Keys.DELETE)
    failed = browser.driver.find_element(By.CSS_SELECTOR, "[data-verdict=failed] button")
    failed.click()
    assert shown(browser) == ["BROKEN"]
    assert failed.get_attribute("aria-pressed") == "true"
    assert said(browser) == "Filtered by Failed: no result: 1 of 6 samples are shown."
    browser.driver.find_element(By.CSS_SELECTOR, "[data-verdict=detected] button").click()
    assert shown(browser) == ["POS2", "POS10", "EARLIER", "BROKEN"]
    search.send_keys("  R1 ")
    assert shown(browser) == ["POS2", "POS10", "BROKEN"]
    search.clear()
    failed.click()
    browser.driver.find_element(By.CSS_SELECTOR, "[data-verdict=detected] button").click()
    assert len(shown(browser)) == 6
    assert said(browser) == "All 6 samples are shown."


def test_sorting_keeps_what_a_filter_hides_hidden(browser: Browser, cohorts: Path) -> None:
    browser.open(page(cohorts, "few"), WIDE)
    browser.driver.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("pos")
    press(browser, "VAF")
    press(browser, "VAF")
    assert shown(browser) == ["POS10", "POS2"]


def test_nothing_of_a_filter_is_kept(browser: Browser, cohorts: Path) -> None:
    browser.open(page(cohorts, "few"), WIDE)
    browser.driver.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("pos")
    browser.driver.refresh()
    assert len(shown(browser)) == 6
    assert said(browser) == "All 6 samples are shown."


def test_without_scripts_the_table_stands_and_no_control_is_dead(
    browser: Browser, cohorts: Path
) -> None:
    with browser.without_scripts():
        browser.open(page(cohorts, "few"), WIDE)
        rows = browser.driver.find_elements(By.CSS_SELECTOR, "#samples tbody tr")
        assert [row.is_displayed() for row in rows] == [True] * 6
        assert "is cut short" in rows[3].text
        assert browser.driver.find_elements(By.TAG_NAME, "button") == []
        for control in browser.driver.find_elements(By.CSS_SELECTOR, "input, select"):
            assert not control.is_displayed()


def test_the_keyboard_sorts_too(browser: Browser, cohorts: Path) -> None:
    browser.open(page(cohorts, "few"), WIDE)
    browser.ask("document.querySelector('#samples thead th:nth-child(4) button').focus()")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert shown(browser)[0] == "POS2"
    browser.driver.switch_to.active_element.send_keys(Keys.SPACE)
    assert shown(browser)[0] == "POS10"


def test_a_phone_sorts_by_a_list(browser: Browser, cohorts: Path) -> None:
    browser.open(page(cohorts, "few"), PHONE)
    select = browser.driver.find_element(By.TAG_NAME, "select")
    assert select.is_displayed()
    select.send_keys("VAF, descending")
    assert shown(browser)[0] == "POS10"


def test_the_picture_leads_to_the_rows(browser: Browser, cohorts: Path) -> None:
    browser.open(page(cohorts, "few"), WIDE)
    led: dict[str, str] = browser.ask(
        "return Object.fromEntries([...document.querySelectorAll('.cohort-picture a')].map(a => ["
        "a.querySelector('title').textContent.split(':')[0],"
        "document.querySelector(a.getAttribute('href')).cells[1].dataset.value]))"
    )
    assert led == {name: name for name in ("POS2", "POS10", "EARLIER", "EMPTY", "NEG")}


def test_a_mark_leads_to_a_row_that_a_filter_hid(browser: Browser, cohorts: Path) -> None:
    browser.open(page(cohorts, "few"), WIDE)
    browser.driver.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("EMPTY")
    browser.driver.find_element(By.CSS_SELECTOR, "[data-verdict=not_assessable] button").click()
    assert shown(browser) == ["EMPTY"]
    browser.driver.find_element(By.CSS_SELECTOR, ".cohort-picture .mark.detected").click()
    assert len(shown(browser)) == 6
    assert browser.driver.find_elements(By.CSS_SELECTOR, "[aria-pressed=true]") == []
    assert browser.driver.find_element(By.CSS_SELECTOR, "tr:target").is_displayed()


def test_every_text_of_the_picture_lies_within_it(browser: Browser, cohorts: Path) -> None:
    for size in (WIDE, PHONE):
        browser.open(page(cohorts, "few"), size)
        beyond = browser.ask(
            "const picture = document.querySelector('.cohort-picture').getBoundingClientRect();"
            "return [...document.querySelectorAll('.cohort-picture text')].filter(text => {"
            "const box = text.getBoundingClientRect();"
            "return text.checkVisibility()"
            " && (box.left < picture.left - 1 || box.right > picture.right + 1);"
            "}).map(text => text.textContent)"
        )
        assert beyond == []


def test_paper_cuts_nothing_and_a_filtered_table_says_so(browser: Browser, cohorts: Path) -> None:
    browser.open(page(cohorts, "few"))
    browser.driver.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("POS2")
    browser.as_on_paper(_MARGIN_MM)
    assert browser.scrolls_sideways() == []
    assert said(browser).startswith("Filtered by “POS2”: 1 of 6")
    assert not browser.driver.find_element(By.CSS_SELECTOR, "input[type=search]").is_displayed()


def test_five_hundred_samples_are_one_small_page(browser: Browser, cohorts: Path) -> None:
    size = page(cohorts, "many").stat().st_size
    assert size < 1_500_000
    browser.open(page(cohorts, "many"), WIDE)
    assert len(shown(browser)) == 500
    marks = browser.ask("return document.querySelectorAll('.cohort-picture a').length")
    assert marks == 495
    press(browser, "Codon 41 depth")
    press(browser, "Codon 41 depth")
    assert shown(browser)[0] == "S494"
    browser.driver.find_element(By.CSS_SELECTOR, "[data-verdict=not_detected] button").click()
    assert said(browser).endswith("5 failed samples are not shown.")
