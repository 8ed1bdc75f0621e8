"""Numbers, with the mouse: many are added after a look at them, and a number that changes hands closes a composer."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot

pytestmark = pytest.mark.browser
TYPED = "415 555 0300 - 0304\n(415) 555-0101\n911\nabc, 800 555 0199"


def test_numbers_are_added_after_a_look_at_them_and_deleted_again(sign_in: Callable[..., Page]) -> None:
    page = sign_in("Maya Okafor")
    page.goto("/numbers/")
    shoot(page, "numbers")
    page.get_by_role("link", name="Add numbers").click()
    page.get_by_label("Location", exact=True).select_option(label="San Francisco headquarters")
    page.get_by_label("Numbers", exact=True).fill(TYPED)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("status")).to_contain_text("5 numbers can be added.")
    expect(page.get_by_text("911 is a short number")).to_be_visible()
    shoot(page, "numbers-new")
    page.get_by_role("button", name="Add 5 numbers").click()
    expect(page.get_by_text("5 numbers were added to San Francisco headquarters.")).to_be_visible()
    expect(page.get_by_label("Numbers", exact=True)).to_have_value("911\nabc\n800 555 0199")
    page.goto("/numbers/?q=(415) 555-030")
    page.get_by_role("checkbox", name="Choose all numbers on this page").check()
    expect(page.get_by_text("5 chosen")).to_be_visible()
    page.get_by_label("What to do with them").select_option(label="Delete")
    page.get_by_role("button", name="Continue").click()
    shoot(page, "numbers-bulk")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Delete: 5 numbers changed.")).to_be_visible()


def give(page: Page, name: str) -> None:
    """On a number's page: find a user by name, and give it to them."""
    page.get_by_role("searchbox", name="Search users", exact=True).fill(name)
    page.get_by_role("radio", name=name).check()
    page.get_by_role("button", name=re.compile("Give it to this user|Assign")).click()
    expect(page.get_by_text(f"is the primary number of {name}.")).to_be_visible()


def test_a_number_that_changes_hands_closes_the_open_composer_and_opens_it_when_it_comes_back(
    sign_in: Callable[..., Page],
) -> None:
    texter = sign_in("Rosalind Abernathy")
    texter.goto("/inbox/")
    texter.get_by_role("link", name=re.compile("Dr. Bianchi|555 0122")).first.click()
    composer = texter.get_by_role("textbox", name=re.compile("message|text", re.IGNORECASE)).last
    expect(composer).to_be_visible()
    admin = sign_in("Maya Okafor")
    admin.goto("/numbers/?q=415 555 0101")
    admin.get_by_role("link", name="(415) 555-0101").click()
    shoot(admin, "number")
    try:
        give(admin, "Desmond Faulkner")
        expect(texter.get_by_text("This number is no longer yours").first).to_be_visible()
    finally:
        give(admin, "Rosalind Abernathy")
    expect(texter.get_by_text("This number is no longer yours")).to_have_count(0)
    expect(composer).to_be_visible()
    shoot(admin, "number-history")
