"""A user is added, moved, given a role's view of things, and deactivated while signed in, with the mouse."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import assert_accessible, shoot

pytestmark = pytest.mark.browser


def test_a_user_is_added_moved_deactivated_and_reactivated(sign_in: Callable[..., Page]) -> None:
    admin = sign_in("Maya Okafor")
    name = f"Oduya{uuid.uuid4().hex[:6]}"
    admin.goto("/users/")
    admin.get_by_role("link", name="Add user").click()
    admin.get_by_label("First name").fill("Amara")
    admin.get_by_label("Last name").fill(name)
    admin.get_by_label("E-mail").fill("not an address")
    admin.get_by_role("button", name="Add user").click()
    expect(admin.get_by_text("Enter an e-mail address like name@example.com.")).to_be_visible()
    expect(admin.get_by_label("Last name")).to_have_value(name)
    assert_accessible(admin)
    admin.get_by_label("E-mail").fill(f"{name}@northwind.example")
    admin.get_by_label("Location", exact=True).select_option("San Francisco headquarters")
    admin.get_by_label("License").select_option("Webex Calling Professional")
    admin.get_by_role("button", name="Add user").click()
    expect(admin.get_by_text("An invitation is on its way to")).to_be_visible()
    expect(admin.get_by_text("there is no primary telephone number found")).to_be_visible()
    shoot(admin, "user-summary")

    admin.get_by_role("link", name="Profile", exact=True).click()
    admin.get_by_label("Location", exact=True).select_option("Vancouver distribution centre")
    admin.get_by_role("button", name="Save").click()
    expect(admin.get_by_text(f"The profile of Amara {name} is up to date.")).to_be_visible()
    luc = sign_in("Luc Tremblay")
    luc.goto(f"/users/?q={name}")
    expect(luc.get_by_role("link", name=re.compile(name))).to_be_visible()

    admin.get_by_role("link", name="Activity").click()
    expect(admin.get_by_text("location: San Francisco headquarters → Vancouver distribution centre")).to_be_visible()
    assert_accessible(admin)

    admin.get_by_role("link", name="Summary").click()
    admin.get_by_role("link", name="Deactivate").click()
    expect(admin.get_by_text("Every session of the user ends at once")).to_be_visible()
    shoot(admin, "user-deactivate")
    admin.get_by_role("button", name="Deactivate").click()
    expect(admin.get_by_text("This user is deactivated")).to_be_visible()
    admin.get_by_role("link", name="Reactivate").click()
    admin.get_by_role("button", name="Reactivate").click()
    expect(admin.get_by_text("is active again.")).to_be_visible()


def test_an_open_inbox_closes_when_its_user_is_deactivated(sign_in: Callable[..., Page]) -> None:
    admin, rosalind = sign_in("Maya Okafor"), sign_in("Rosalind Abernathy")
    rosalind.goto("/inbox/")
    expect(rosalind.get_by_role("link", name=re.compile("415 555 0122")).first).to_be_visible()
    admin.goto("/users/?q=Abernathy")
    admin.get_by_role("link", name=re.compile("Abernathy")).first.click()
    admin.get_by_role("link", name="Summary").click()
    admin.get_by_role("link", name="Deactivate").click()
    admin.get_by_role("button", name="Deactivate").click()
    expect(rosalind).to_have_url(re.compile("/sign-in/"))
    admin.get_by_role("link", name="Reactivate").click()
    admin.get_by_role("button", name="Reactivate").click()
    expect(admin.get_by_text("is active again.")).to_be_visible()


def test_a_role_is_given_and_the_pages_of_it_open_at_once(sign_in: Callable[..., Page]) -> None:
    admin, rosalind = sign_in("Maya Okafor"), sign_in("Rosalind Abernathy")
    rosalind.goto("/users/")
    expect(rosalind.get_by_role("heading", name="Users")).to_be_hidden()
    rosalind.goto("/inbox/")
    rosalind.get_by_role("link", name=re.compile("415 555 0122")).first.click()
    rosalind.get_by_role("textbox", name="Message").fill("Not sent yet")
    users = rosalind.locator("#nav a[href='/users/']")
    expect(users).to_have_count(0)
    admin.goto("/users/?q=Abernathy")
    admin.get_by_role("link", name=re.compile("Abernathy")).first.click()
    admin.get_by_role("link", name="Roles", exact=True).click()
    admin.get_by_role("radio", name="User administrator").check()
    admin.get_by_role("button", name="Add role").click()
    expect(admin.get_by_text("has the role User administrator")).to_be_visible()
    expect(users).to_have_count(1)
    expect(rosalind.get_by_role("textbox", name="Message")).to_have_value("Not sent yet")
    shoot(admin, "user-roles")
    rosalind.goto("/users/")
    expect(rosalind.get_by_role("heading", name="Users")).to_be_visible()
    admin.get_by_role("link", name="Remove User administrator").click()
    admin.get_by_role("button", name="Remove").click()
    rosalind.goto("/users/")
    expect(rosalind.get_by_role("heading", name="Users")).to_be_hidden()
    admin.goto("/administrators/")
    expect(admin.get_by_role("link", name="Luc Tremblay")).to_be_visible()
    assert_accessible(admin)
