"""A real Chromium without a display."""

from __future__ import annotations

import pathlib
import shutil
import urllib.parse
from collections.abc import Callable

import axe_core_python
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from console_site import PASSWORD, Site, until

AXE = pathlib.Path(axe_core_python.__file__).with_name("axe.min.js")
WIDE, NARROW = (1280, 900), (360, 740)


class Browser:
    """A page of Chromium."""

    def __init__(self, site: Site, is_dark: bool = False, size: tuple[int, int] = WIDE):
        self.site = site
        options = Options()
        options.binary_location = shutil.which("chromium") or "chromium"
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--lang=en-GB", "--no-first-run", "--disable-background-networking",
        ):  # fmt: skip
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(
            options=options, service=Service(shutil.which("chromedriver") or "chromedriver")
        )
        self.driver.set_page_load_timeout(60)
        scheme = "dark" if is_dark else "light"
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        # A window of Chromium has a least width, a device's screen has not.
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == NARROW},
        )

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.quit()

    def open(self, section: str = "", password: str = PASSWORD) -> None:
        """Signs in as a person does who types the password, and waits for the first numbers."""
        login = urllib.parse.quote(password)
        address = self.site.address.replace("http://", f"http://operator:{login}@")
        self.driver.get(address + (f"#{section}" if section else ""))
        until("the page has its first numbers", lambda: self.text("#about"))

    def all(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """The text of an element, shown or not; empty if there is none."""
        return self.driver.execute_script(
            "return document.querySelector(arguments[0])?.textContent ?? ''", selector
        )

    def card(self, label: str) -> str:
        """The number of a card of the first section."""
        return self.text(f".card[aria-label='{label}'] .value span")

    def shown(self, selector: str) -> str:
        """The visible text of an element."""
        try:
            found = self.all(selector)
            return found[0].text if found else ""
        except StaleElementReferenceException:
            return ""

    def click(self, selector: str, text: str = "") -> None:
        """Clicks the first visible element that has the text."""

        def clicked() -> bool:
            try:
                for element in self.all(selector):
                    if element.is_displayed() and text in element.text:
                        element.click()
                        return True
            except StaleElementReferenceException:
                pass  # The page has made a new list.
            return False

        until(f"{selector} with {text!r} is there", clicked)

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self) -> str:
        """The name of the element that has the focus."""
        return self.driver.execute_script(
            "const e = document.activeElement; return e.getAttribute('aria-label') || e.textContent"
        ).strip()

    def tab_to(self, holds: Callable[[str], bool], limit: int = 60) -> None:
        """Presses the tabulator until the focused element's name fits."""
        for _ in range(limit):
            self.press(Keys.TAB)
            if holds(self.focused()):
                return
        raise AssertionError("the keyboard does not reach it")

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return self.driver.execute_script(
            "const e = document.scrollingElement; return e.scrollWidth - e.clientWidth"
        )

    def problems(self) -> list[str]:
        """Errors and violations of the policy in the browser's log since the last call."""
        return [
            entry["message"] for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]  # fmt: skip

    def axe(self) -> list[str]:
        """The violations that axe finds, of WCAG 2.1 AA and of good practice."""
        self.driver.execute_script(AXE.read_text())
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document).then((r) => done(r.violations))"
        )
        return [
            f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']]}"
            for one in found
        ]

    def picture(self, path: pathlib.Path, whole: bool = True) -> None:
        """Writes a picture of the page, or of its visible part."""
        import base64

        found = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole}
        )
        path.write_bytes(base64.b64decode(found["data"]))
