"""A report in headless Chromium: walked as a reader would, category by category, every figure opened."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1500,1100",
)

#: What is opened: the address of an image with pixels, or of a page; else null.
OPENED = """
const image = document.querySelector("#app div > img[src^='data:image/png']"), page = document.querySelector("iframe");
if (image) return image.complete && image.naturalWidth > 100 ? image.src : null;
return page ? page.src : null;
"""

#: Whether a page has text, and all its images have pixels.
DRAWN = """
return document.readyState === "complete" && document.body.innerText.length > 50
  && [...document.images].every(image => image.complete && image.naturalWidth > 100);
"""


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Debian's Chromium and its driver. Skips the test where they are not installed."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        reason = "needs the Debian packages chromium and chromium-driver"
        pytest.fail(reason) if "IONSCAPE_CHROMIUM" in os.environ else pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def walk(driver: webdriver.Chrome, report: Path) -> list[tuple[str, str, str]]:
    """Opens every figure of every category: (category, subcategory, words of the row) each.

    Raises AssertionError: a figure that is not drawn, or is the same as another.
    """
    wait = WebDriverWait(driver, 20, poll_frequency=0.05)

    def items() -> list:
        return driver.find_elements(By.CSS_SELECTOR, "nav ul li a")

    def rows() -> list:
        return driver.find_elements(By.CSS_SELECTOR, "nav table tbody tr")

    def texts() -> list[str]:
        return driver.execute_script("return [...document.querySelectorAll('nav ul li a')].map(item => item.innerText)")

    def click(word: str) -> None:
        wait.until(lambda _: word in texts())
        items()[texts().index(word)].click()

    def home() -> None:
        driver.find_element(By.CSS_SELECTOR, "nav ol li a").click()
        wait.until(lambda _: "Workflow" in texts())

    driver.get(report.resolve().as_uri())
    wait.until(lambda _: "Workflow" in texts())
    categories = [text for text in texts() if text[:1].isdigit()]
    seen, opened = [], set()
    for category in categories:
        home()
        click(category)
        wait.until(lambda _: "Workflow" not in texts())
        for subcategory in [""] if rows() else texts():
            if subcategory:
                home()
                click(category)
                click(subcategory)
            wait.until(lambda _: rows())
            for row in rows():
                words = row.text.strip()
                row.find_element(By.CSS_SELECTOR, "td:last-child a").click()
                try:
                    address = wait.until(lambda _: _newly_drawn(driver, opened))
                except TimeoutException as error:
                    raise AssertionError(f"not drawn: {category}, {subcategory}, {words}") from error
                opened.add(address)
                seen.append((category, subcategory, words))
    return seen


def _newly_drawn(driver: webdriver.Chrome, opened: set[str]) -> str | None:
    address = driver.execute_script(OPENED)
    if address is None or address in opened:
        return None
    if driver.find_elements(By.TAG_NAME, "iframe"):
        driver.switch_to.frame(driver.find_element(By.TAG_NAME, "iframe"))
        try:
            return address if driver.execute_script(DRAWN) else None
        finally:
            driver.switch_to.default_content()
    return address
