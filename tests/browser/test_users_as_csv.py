"""Export users, edit a cell, import, look at what would change, apply, see the change."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot

pytestmark = pytest.mark.browser


def test_users_are_exported_edited_and_imported(sign_in: Callable[..., Page], tmp_path: Path) -> None:
    page = sign_in("Maya Okafor")
    page.goto("/users/?q=Grant")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Export CSV").click()
    saved = tmp_path / "users.csv"
    downloading.value.save_as(saved)
    edited = _edited(saved, tmp_path)

    page.get_by_role("link", name="Import CSV").click()
    shoot(page, "users-import")
    page.get_by_label("CSV file").set_input_files(edited)
    page.get_by_role("button", name="Check file").click()

    expect(page.get_by_role("heading", name="Nothing is changed yet")).to_be_visible()
    changed = page.get_by_role("row").filter(has_text="priya.grant@")
    expect(changed).to_contain_text("First Name: Priya → Priyanka")
    expect(page.get_by_role("row").filter(has_text="nobody@northwind.example")).to_contain_text("Atlantis")
    expect(page.get_by_text("Nothing is read from: Shoe size.")).to_be_visible()
    shoot(page, "user-import")
    page.get_by_role("link", name="Only errors").click()
    expect(page.get_by_role("row").filter(has_text="priya.grant@")).to_have_count(0)

    page.get_by_role("button", name="Apply 1 row").click()
    expect(page.get_by_text("Done", exact=True).first).to_be_visible()
    page.goto("/users/?q=Grant")
    expect(page.get_by_role("link", name="Grant, Priyanka")).to_be_visible()
    _put_back(page, saved)


def _put_back(page: Page, saved: Path) -> None:
    """The file as it was exported, for the other tests of this copy."""
    page.goto("/users/import/")
    page.get_by_label("CSV file").set_input_files(saved)
    page.get_by_role("button", name="Check file").click()
    page.get_by_role("button", name="Apply 1 row").click()
    expect(page.get_by_text("Done", exact=True).first).to_be_visible()


def _edited(saved: Path, folder: Path) -> Path:
    """The export as a spreadsheet saves it: semicolons, plus signs gone; a cell edited, a row and a column more."""
    [line] = csv.DictReader(io.StringIO(saved.read_text("utf-8-sig"), newline=""))
    line |= {"First Name": "Priyanka", "Primary Number": line["Primary Number"].removeprefix("+"), "Shoe size": "38"}
    added = {**dict.fromkeys(line, ""), "Email": "nobody@northwind.example", "Location": "Atlantis"}
    edited = folder / "edited.csv"
    with edited.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(line), delimiter=";")
        writer.writeheader()
        writer.writerows([line, added])
    return edited
