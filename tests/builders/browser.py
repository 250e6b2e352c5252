"""Debian's Chromium through Selenium: opens a file, notes what it asks for and what goes wrong."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

DESKTOP, PHONE = (1200, 900), (390, 844)
_A4_WIDTH, _A4_HEIGHT = 21.0, 29.7  # cm


def missing() -> list[str]:
    """Return what these tests need and this machine has not."""
    needed = {
        "Chromium (Debian: chromium)": _chromium(),
        "its driver (Debian: chromium-driver)": shutil.which("chromedriver"),
        "axe-core (npm install --global axe-core)": _axe(),
    }
    return [name for name, found in needed.items() if found is None]


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def _axe() -> Path | None:
    if (npm := shutil.which("npm")) is None:
        return None
    root = subprocess.run([npm, "root", "--global"], capture_output=True, text=True, check=False)
    script = Path(root.stdout.strip()) / "axe-core" / "axe.min.js"
    return script if script.is_file() else None


@dataclass(frozen=True)
class Opened:
    """What a page did when it was opened.

    Attributes:
        requests: Addresses that it asked for, itself left out.
        complaints: What stands in the browser's console.
    """

    requests: list[str]
    complaints: list[str]


class Browser:
    """A Chromium without a window."""

    def __init__(self, profile: Path) -> None:
        options = Options()
        options.binary_location = str(_chromium())
        for switch in (
            "--headless=new",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(switch)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # With the driver named, Selenium looks for none elsewhere.
        service = Service(executable_path=shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)

    def close(self) -> None:
        """End it."""
        self.driver.quit()

    def open(self, page: Path, size: tuple[int, int] = DESKTOP) -> Opened:
        """Open a file in a window of ``size`` CSS pixels."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE},
        )
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        for kind in ("browser", "performance"):
            self._log(kind)
        self.driver.get(page.as_uri())
        events = [json.loads(line["message"])["message"] for line in self._log("performance")]
        asked = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return Opened(
            [address for address in asked if address.split("#")[0] != page.as_uri()],
            [line["message"] for line in self._log("browser")],
        )

    def _log(self, kind: str) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = self.driver.get_log(kind)
        return lines

    def ask(self, script: str, *values: object) -> Any:
        """Return the value of a script's ``return``."""
        return self.driver.execute_script(script, *values)

    @contextmanager
    def without_scripts(self) -> Iterator[None]:
        """Run no script of the pages that are opened meanwhile."""
        switch = "Emulation.setScriptExecutionDisabled"
        self.driver.execute_cdp_cmd(switch, {"value": True})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd(switch, {"value": False})

    def as_on_paper(self, margin_mm: float) -> None:
        """Lay the page out as it is printed, on A4 with margins of ``margin_mm`` to the sides."""
        width = round((10 * _A4_WIDTH - 2 * margin_mm) / 25.4 * 96)
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False},
        )
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})

    def scrolls_sideways(self) -> list[str]:
        """Return what reaches beyond the window, if the page can be scrolled there."""
        found: list[str] = self.ask(
            """
            const wide = document.documentElement.scrollWidth > window.innerWidth;
            if (!wide) return [];
            return [...document.querySelectorAll('body *')]
              .filter(e => e.getBoundingClientRect().right > window.innerWidth + 1)
              .map(e => e.tagName + '.' + e.getAttribute('class') + ': '
                + (e.textContent || '').trim().slice(0, 40));
            """
        )
        return found

    def pages_on_paper(self) -> int:
        """Print to A4 and return the number of pages."""
        printed = self.driver.execute_cdp_cmd(
            "Page.printToPDF",
            {
                "preferCSSPageSize": True,
                "paperWidth": _A4_WIDTH / 2.54,
                "paperHeight": _A4_HEIGHT / 2.54,
            },
        )
        pdf = base64.b64decode(printed["data"])
        assert pdf.startswith(b"%PDF")
        return len(re.findall(rb"/Type\s*/Page\b", pdf))

    def violations(self) -> list[str]:
        """Return what axe-core finds of serious or critical weight, each with its first place."""
        script = _axe()
        assert script is not None
        self.ask(script.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document).then(r => done(r.violations));"
        )
        return [
            f"{each['id']}: {each['help']} ({each['nodes'][0]['html'][:200]})"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
