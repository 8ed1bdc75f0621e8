"""An account's life with the mouse: invited by mail, activated, secured with a passkey, signed in with it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Hub, assert_accessible

pytestmark = pytest.mark.browser

PASSWORD = "a long enough password"
INVITE_AN_ADMINISTRATOR = """
from django.utils import timezone
from provisioning.account_life import invite
from provisioning.changes import Actor
from provisioning.models import Organization, RoleAssignment, User
organization = Organization.objects.get(name__startswith="Northwind")
user = User.objects.create_user("{email}", organization=organization, first_name="Ada", last_name="Park")
RoleAssignment.objects.create(organization=organization, user=user, role="user_admin")
invite([user], Actor.system("test"), timezone.now())
"""


def by_name(hub: Hub, address: str = "") -> str:
    """The copy by its name: browsers keep passkeys for localhost, not for a bare IP address."""
    return (address or hub.url).replace("127.0.0.1", "localhost")


def with_a_passkey_device(page: Page) -> None:
    """Chromium's virtual authenticator: a device with a fingerprint reader whose owner says yes."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                "isUserVerified": True, "automaticPresenceSimulation": True,
            }
        },
    )  # fmt: skip


def sign_out(page: Page) -> None:
    page.locator("summary.avatar").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def enter_password(page: Page, email: str) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def open_mail(page: Page, hub: Hub, email: str, subject: str) -> None:
    """Follow the link of the newest mail to this address, in the demonstration's outbox."""
    page.goto(by_name(hub) + "outbox/")
    letter = page.get_by_role("article").filter(has_text=f"To {email}").filter(has_text=subject).first
    link = letter.get_by_role("link", name=re.compile(r"\?key=")).get_attribute("href") or ""
    page.goto(by_name(hub, link))


def choose_password(page: Page, button: str) -> None:
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    assert_accessible(page)
    page.get_by_role("button", name=button).click()


def test_an_administrator_is_invited_activates_sets_a_passkey_up_and_signs_in_with_it(
    hub: Hub, open_browser: Callable[..., Page]
) -> None:
    email = f"ada.{uuid.uuid4().hex[:8]}@northwind.example"
    hub.manage("shell", "-v", "0", "-c", INVITE_AN_ADMINISTRATOR.format(email=email))
    page = open_browser()
    with_a_passkey_device(page)
    open_mail(page, hub, email, "activate your Texting Hub account")
    choose_password(page, "Activate")

    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    assert_accessible(page)
    page.goto(by_name(hub) + "users/")
    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    page.get_by_role("link", name="Use a passkey").click()
    page.get_by_label("Name").fill("Work laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    assert_accessible(page)
    recovery = page.locator(".codes li").first.inner_text()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()

    sign_out(page)
    enter_password(page, email)
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()

    sign_out(page)
    enter_password(page, email)
    page.get_by_label("Recovery code").fill(recovery)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def test_a_session_ended_from_elsewhere_leaves_the_open_inbox_at_once(hub: Hub, sign_in: Callable[..., Page]) -> None:
    lost, here = sign_in("Rosalind Abernathy"), sign_in("Rosalind Abernathy")
    lost.goto("/inbox/")
    expect(lost.get_by_role("navigation", name="Conversations")).to_be_visible()
    here.goto("/security/sessions/")
    assert_accessible(here)
    here.get_by_role("button", name="End all other sessions").click()
    expect(here.get_by_text("This session")).to_be_visible()
    expect(here.locator(".own-list > li")).to_have_count(1)
    lost.wait_for_url("**/sign-in/**")
