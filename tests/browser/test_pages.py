"""The dashboard in headless Chromium: what a person sees at a desk and on a telephone, by day and by night.

MOEGATE_BASE_URL  where it is served
KEY_FINANCE       a finance user's key
KEY_OPERATOR      an operator's key
PATHS             pages of the finance user
SCREENSHOTS       a folder for pictures, for people to look at; absent, none are taken
"""

import os
import pathlib
import shutil

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

BASE = os.environ["MOEGATE_BASE_URL"]
PATHS = os.environ["PATHS"].split()
PICTURES = os.environ.get("SCREENSHOTS")
WIDTHS = {"desk": 1440, "phone": 390}


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]:
        options.add_argument(argument)
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


def arrives(browser, holds):
    """A click returns before its page is there, and what was found on the page before is gone then."""
    gone = (NoSuchElementException, StaleElementReferenceException)
    WebDriverWait(browser, 20, ignored_exceptions=gone).until(lambda browser: holds())


def sized(browser, width):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )


def coloured(browser, scheme):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )


def signed_in(browser, key):
    browser.delete_all_cookies()
    browser.get(f"{BASE}/dashboard/sign-in")
    browser.find_element(By.NAME, "key").send_keys(key)
    browser.find_element(By.CSS_SELECTOR, "main button").click()
    arrives(browser, lambda: browser.current_url.endswith("/dashboard"))


def picture(browser, name):
    if not PICTURES:
        return
    size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    shot = browser.execute_cdp_cmd(
        "Page.captureScreenshot",
        {"captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 6000), "scale": 1}},
    )
    import base64

    pathlib.Path(PICTURES, f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


def looked_at(browser, path):
    """What has to hold on every page at this width."""
    browser.get(f"{BASE}{path}")
    wide = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1], f"{path} is {wide[0]} pixels wide in a window of {wide[1]}"
    assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1, path
    assert not browser.find_elements(By.TAG_NAME, "script"), path
    for table in browser.find_elements(By.TAG_NAME, "table"):
        assert table.find_elements(By.TAG_NAME, "caption"), path
        assert table.find_elements(By.CSS_SELECTOR, "thead th[scope=col]"), path
    for chart in browser.find_elements(By.CSS_SELECTOR, "svg[role=img]"):
        named = chart.get_attribute("aria-labelledby").split()
        assert len(named) == 2 and all(browser.find_elements(By.ID, one) for one in named), path
    ids = browser.execute_script("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids)), f"{path}: an id stands twice"
    # Letters of charts stay within them.
    outside = browser.execute_script(
        """return [...document.querySelectorAll('svg[role=img]')].flatMap(svg => {
            const box = svg.getBoundingClientRect();
            return [...svg.querySelectorAll('text')].filter(t => {
                const b = t.getBoundingClientRect();
                return b.width > 0 && (b.left < box.left - 2 || b.right > box.right + 2);
            }).map(t => t.textContent);
        })"""
    )
    assert not outside, f"{path}: {outside} do not fit"
    said = [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert not said, f"{path}: {said}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_is_readable(browser, width, scheme):
    sized(browser, WIDTHS[width])
    coloured(browser, scheme)
    signed_in(browser, os.environ["KEY_FINANCE"])
    browser.get_log("browser")
    for path in PATHS:
        looked_at(browser, path)
        if path.startswith("/dashboard/request/"):
            path = "/dashboard/request"
        picture(browser, f"{path.strip('/').replace('/', '-')}-{width}-{scheme}")
    signed_in(browser, os.environ["KEY_OPERATOR"])
    for path in ["/dashboard/operator", "/dashboard/reconciliation"]:
        looked_at(browser, path)
        picture(browser, f"operators{path.replace('/', '-')}-{width}-{scheme}")


def test_the_keyboard_reaches_the_content_and_the_list_says_where_one_is(browser):
    sized(browser, 1440)
    signed_in(browser, os.environ["KEY_FINANCE"])
    browser.get(f"{BASE}/dashboard/costs")
    here = browser.find_elements(By.CSS_SELECTOR, "nav a[aria-current=page]")
    assert [link.text for link in here] == ["Costs"]
    browser.switch_to.active_element.send_keys(Keys.TAB)
    skip = browser.switch_to.active_element
    assert skip.text == "Skip to content"
    skip.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "main"


def test_a_number_leads_to_its_rows(browser):
    sized(browser, 1440)
    signed_in(browser, os.environ["KEY_FINANCE"])
    browser.get(f"{BASE}/dashboard/costs")
    browser.find_element(By.CSS_SELECTOR, "#costs tbody th a").click()
    arrives(browser, lambda: "scenario=" in browser.current_url and "by=expert" in browser.current_url)
    browser.find_element(By.CSS_SELECTOR, "#costs tbody th a").click()
    arrives(browser, lambda: "/dashboard/requests" in browser.current_url)
    browser.find_element(By.CSS_SELECTOR, "#requests tbody th a").click()
    arrives(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#lines tbody tr"))


def test_a_choice_is_kept_in_the_address(browser):
    sized(browser, 1440)
    signed_in(browser, os.environ["KEY_FINANCE"])
    browser.get(f"{BASE}/dashboard/costs?scenario=secret-plan")
    browser.find_element(By.CSS_SELECTOR, "#basis option[value=marginal]").click()
    browser.find_element(By.CSS_SELECTOR, "form.choices button").click()
    arrives(browser, lambda: "basis=marginal" in browser.current_url and "scenario=secret-plan" in browser.current_url)


def test_a_verdict_is_recorded_by_hand(browser):
    sized(browser, 1440)
    signed_in(browser, os.environ["KEY_FINANCE"])
    browser.get(f"{BASE}/dashboard/scenario/secret-plan")
    browser.find_element(By.NAME, "reason").send_keys("seen in a browser")
    browser.find_element(By.CSS_SELECTOR, ".form button").click()
    arrives(browser, lambda: "seen in a browser" in browser.find_element(By.TAG_NAME, "main").text)


def test_a_page_prints_without_what_only_a_screen_needs(browser):
    signed_in(browser, os.environ["KEY_FINANCE"])
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.get(f"{BASE}/dashboard/costs")
    for hidden in ["nav.pages", "form.choices", ".under"]:
        for element in browser.find_elements(By.CSS_SELECTOR, hidden):
            assert not element.is_displayed(), hidden
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
