"""Select three users, switch texting off for all of them, watch the task, take its result file home."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot

pytestmark = pytest.mark.browser
PICKED = ["Abernathy, Rosalind", "Adeyemi, Tunde", "Hollis, Jack"]
"""They follow the organization."""


def test_three_users_are_switched_off_at_once_and_the_result_is_downloaded(
    sign_in: Callable[..., Page], tmp_path: Path
) -> None:
    page = sign_in("Maya Okafor")
    _pick(page)
    expect(page.get_by_text("3 selected")).to_be_visible()
    page.get_by_role("button", name="Disable Business Texting").click()

    expect(page.get_by_role("heading", name="Switch Business Texting off")).to_be_visible()
    expect(page.get_by_text("3 of them can text now.")).to_be_visible()
    shoot(page, "users-bulk")
    page.get_by_role("button", name="Switch Business Texting off").click()

    expect(page).to_have_url(re.compile("/tasks/[0-9a-f-]{36}/$"))
    expect(page.locator("#task")).to_have_attribute("data-state", "done")
    expect(page.get_by_text("3 of 3 processed")).to_be_visible()
    expect(page.locator("[hx-trigger]")).to_have_count(0)
    shoot(page, "task")
    assert [row["Outcome"] for row in _result(page, tmp_path)] == ["Changed"] * 3

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Tasks").click()
    expect(page.get_by_role("row").filter(has_text="Switch Business Texting off")).to_contain_text("Done")
    shoot(page, "tasks")
    _put_back(page)


def _pick(page: Page) -> None:
    page.goto("/users/")
    for name in PICKED:
        page.get_by_label(f"Select {name}").check()


def _result(page: Page, folder: Path) -> list[dict[str, str]]:
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download result file").click()
    saved = folder / "result.csv"
    downloading.value.save_as(saved)
    return list(csv.DictReader(io.StringIO(saved.read_text("utf-8-sig"), newline="")))


def _put_back(page: Page) -> None:
    """For the other tests of this copy; and the list says what became of the three meanwhile."""
    page.goto("/users/?source=user")
    for name in PICKED:
        expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("From override")
    _pick(page)
    page.get_by_role("button", name="Use default for Business Texting").click()
    page.get_by_role("button", name="Use the default for Business Texting").click()
    expect(page.locator("#task")).to_have_attribute("data-state", "done")
