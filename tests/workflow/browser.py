"""A report in headless Chromium: walked as a reader would, category by category, every figure opened."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1500,1100",
)

#: Whether what is opened is drawn: an image with pixels, or a page with text whose images all have pixels.
DRAWN = """
const image = document.querySelector("#app div > img[src^='data:image/png']");
const frame = document.querySelector("iframe");
if (image) return image.complete && image.naturalWidth > 100;
if (!frame) return false;
return "frame";
"""
DRAWN_INSIDE = """
return document.readyState === "complete" && document.body.innerText.length > 50
  && [...document.images].every(image => image.complete && image.naturalWidth > 100);
"""


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Debian's Chromium and its driver. Skips the test where they are not installed."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("needs the Debian packages chromium and chromium-driver")
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


def walk(driver: webdriver.Chrome, report: Path, look: Callable[[str, str, str], None]) -> list[tuple[str, str, str]]:
    """Opens every figure of every category: (category, subcategory, words of the row) each.

    Args:
        look: called with them while the figure is open.
    """
    wait = WebDriverWait(driver, 20, poll_frequency=0.05)

    def items() -> list:
        return driver.find_elements(By.CSS_SELECTOR, "nav ul li a")

    def click(word: str) -> None:
        wait.until(lambda _: [item for item in items() if item.text == word])
        next(item for item in items() if item.text == word).click()
        time.sleep(0.1)

    def home() -> None:
        driver.find_element(By.CSS_SELECTOR, "nav ol li a").click()
        wait.until(lambda _: any(item.text == "Workflow" for item in items()))

    driver.get(report.resolve().as_uri())
    wait.until(lambda _: any(item.text == "Workflow" for item in items()))
    categories = [item.text for item in items() if item.text[:1].isdigit()]
    seen = []
    for category in categories:
        home()
        click(category)
        rows = driver.find_elements(By.CSS_SELECTOR, "nav table tbody tr")
        for subcategory in [item.text for item in items()] if not rows else [""]:
            if subcategory:
                home()
                click(category)
                click(subcategory)
            wait.until(lambda _: driver.find_elements(By.CSS_SELECTOR, "nav table tbody tr"))
            for row in driver.find_elements(By.CSS_SELECTOR, "nav table tbody tr"):
                words = row.text.strip()
                row.find_element(By.CSS_SELECTOR, "td:last-child a").click()
                try:
                    wait.until(lambda _: _is_drawn(driver))
                except Exception as error:
                    raise AssertionError(f"not drawn: {category}, {subcategory}, {words}") from error
                look(category, subcategory, words)
                seen.append((category, subcategory, words))
    return seen


def _is_drawn(driver: webdriver.Chrome) -> bool:
    drawn = driver.execute_script(DRAWN)
    if drawn != "frame":
        return drawn
    driver.switch_to.frame(driver.find_element(By.TAG_NAME, "iframe"))
    try:
        return driver.execute_script(DRAWN_INSIDE)
    finally:
        driver.switch_to.default_content()
