"""The virtual handset with JavaScript: what arrives shows by itself, a reply goes out in place."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import assert_accessible, chromium  # noqa: F401
from tests.simulator.process import BUSINESS, PHONE, Listener, Simulator, until

pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium: Browser, simulator: Simulator) -> Iterator[Page]:  # noqa: F811
    context = chromium.new_context(base_url=simulator.url, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda entry: errors.append(entry.text) if entry.type == "error" else None)
    yield page
    context.close()
    assert errors == []


def test_texts_arrive_and_replies_go_out_without_a_reload(page: Page, simulator: Simulator, hub: Listener) -> None:
    simulator.send("one", "Your order is ready.")
    page.goto("/")
    page.get_by_role("link", name=re.compile("Dr. Bianchi")).click()
    page.evaluate("window.sameDocument = true")
    simulator.send("two", "It is on the truck.")
    expect(page.locator("#screen")).to_contain_text("It is on the truck.")
    expect(page.locator("#log")).to_contain_text("Accepted")

    page.get_by_role("textbox", name="Reply").fill("Thank you")
    page.get_by_role("button", name="Send reply").click()
    expect(page.locator(".msg-out")).to_contain_text("Thank you")
    expect(page.get_by_role("textbox", name="Reply")).to_have_value("")
    page.get_by_role("button", name="STOP").click()
    expect(page.locator(".msg-out").last).to_contain_text("STOP")
    until(lambda: [event["body"] for event in hub.events("received")] == ["Thank you", "STOP"])
    expect(page.locator("#log")).to_contain_text("Inbound to +1 415 555 0101, webhook 200")
    assert page.evaluate("window.sameDocument === true")


def test_the_first_text_to_a_phone_opens_its_thread(page: Page, simulator: Simulator, hub: Listener) -> None:
    page.goto("/?phone=%2B14155550188")
    expect(page.get_by_label("To business number")).to_be_visible()
    simulator.send("one", "Hello", to="+14155550188")
    expect(page.locator("#screen")).to_contain_text("Hello")
    expect(page.get_by_label("To business number")).to_be_hidden()
    page.get_by_role("textbox", name="Reply").fill("Who is this?")
    page.keyboard.press("Enter")
    until(lambda: hub.events("received"))
    assert (hub.events()[0]["to"], hub.events()[0]["body"]) == (BUSINESS, "Who is this?")


def test_an_outcome_for_one_phone_shows_beside_it(page: Page, simulator: Simulator) -> None:
    page.goto(f"/?phone={PHONE.replace('+', '%2B')}")
    page.get_by_text("More outcomes").click()
    page.get_by_role("radio", name="Receipts out of order").check()
    page.get_by_label("For", exact=True).select_option(label="Only Dr. Bianchi")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name=re.compile("Dr. Bianchi"))).to_contain_text("Out of order")
    expect(page.get_by_role("radio", name="Receipts out of order")).to_be_checked()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_is_accessible_and_fits(page: Page, simulator: Simulator, width: int, scheme: str) -> None:
    simulator.send("one", "Hello " + "w" * 200)
    simulator.send("two", "Hello", **{"from": "+14155550102"})
    simulator.control("mode", {"behaviour": "undelivered", "code": "9999", "phones": ["+14155550147"]})
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    for path in ("/?phone=%2B14155550147", "/", "/?new=1"):
        page.goto(path)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
