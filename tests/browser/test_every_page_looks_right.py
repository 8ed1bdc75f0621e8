"""Every page at 1440 and 390 px, light and dark: axe-core finds nothing, nothing is wider than the screen."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Hub, shoot

pytestmark = pytest.mark.browser


def test_pages_outside_the_portal(hub: Hub, open_browser: Callable[..., Page]) -> None:
    page = open_browser()
    page.goto("/sign-in/")
    shoot(page, "sign-in")
    page.goto(hub.handset)
    shoot(page, "handset")


def test_pages_of_an_administrator(sign_in: Callable[..., Page]) -> None:
    page = sign_in("Maya Okafor")
    page.goto("/calling/service-settings/")
    shoot(page, "service-settings")
    page.get_by_role("switch", name=re.compile("Enable Business Texting for all the users")).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    shoot(page, "service-settings-disable-dialog")
    page.goto("/users/")
    shoot(page, "users")
    page.goto("/users/?q=nobody-has-this-name")
    shoot(page, "users-no-match")
    page.goto("/users/?q=Abernathy")
    page.get_by_role("link", name=re.compile("Abernathy")).first.click()
    shoot(page, "user-calling")
    page.goto("/users/?q=Grant")
    page.get_by_role("link", name=re.compile("Grant")).first.click()
    shoot(page, "user-calling-blocked")
    page.goto("/nothing-is-here/")
    shoot(page, "not-found")


def test_more_pages_of_an_administrator(sign_in: Callable[..., Page]) -> None:
    page = sign_in("Maya Okafor")
    page.goto("/overview/")
    expect(page.get_by_text(re.compile("active users"))).to_be_visible()
    shoot(page, "overview")
    for name in ("alerts", "locations", "account", "administrators", "audit-log", "registration", "content-rules"):
        page.goto(f"/{name}/")
        shoot(page, name)
    page.goto("/search/?q=a")
    shoot(page, "search")
    page.goto("/security/api-tokens/")
    page.get_by_label("Name").fill("Nightly sync")
    page.get_by_label("See people").check()
    page.get_by_role("button", name="Make token").click()
    expect(page.get_by_text("The token was made")).to_be_visible()
    shoot(page, "api-tokens")


def test_pages_of_a_user(sign_in: Callable[..., Page]) -> None:
    page = sign_in("Rosalind Abernathy")
    page.goto("/inbox/")
    shoot(page, "inbox-nothing-chosen")
    page.get_by_role("link", name=re.compile("415 555 0122")).first.click()
    expect(page.get_by_role("textbox", name="Message")).to_be_visible()
    shoot(page, "inbox")
    page.goto("/inbox/")
    page.get_by_role("link", name=re.compile("415 555 0188")).first.click()
    expect(page.get_by_text("You can’t text this person")).to_be_visible()
    shoot(page, "inbox-opted-out")
    page.goto("/inbox/new/")
    shoot(page, "inbox-new")


def test_pages_of_an_officer(sign_in: Callable[..., Page]) -> None:
    page = sign_in("Ingrid Solberg")
    for name in ("messages", "exports", "retention", "audit"):
        page.goto(f"/compliance/{name}/")
        shoot(page, f"compliance-{name}")


def test_the_admin_of_a_provider_operator(sign_in: Callable[..., Page]) -> None:
    page = sign_in("Owen Castle")
    page.goto("/admin/")
    expect(page.get_by_role("link", name="Organizations").first).to_be_visible()


A_DAY_OF_THE_RELAY = """
from datetime import timedelta
from messaging import clock
from messaging.models import CarrierAccount, CarrierBatch, RelayMinute
now = clock.database_now().replace(second=0, microsecond=0)
RelayMinute.objects.bulk_create(
    RelayMinute(
        at=now - timedelta(minutes=minute), waiting=(minute * 37) % 900, oldest_seconds=(minute * 11) % 300,
        receipt_seconds=None if minute % 40 < 5 else 0.4 + minute % 7, unconfirmed=minute // 300, orphans=minute % 4,
        batches=(1500 - minute) * 10, batch_texts=(1500 - minute) * 300 + (minute % 9) * 7,
    )
    for minute in range(1, 1440) if not 20 < minute < 28
)
account = CarrierAccount.objects.order_by("name").first()
CarrierBatch.objects.bulk_create(
    CarrierBatch(
        carrier_account=account, at=now - timedelta(minutes=minute), taken=40 + minute % 30, refused=minute % 7 * 2,
        not_taken=minute % 11 * 2, unknown=9 if minute % 13 == 0 else 0, milliseconds=(40 + minute % 30) * 80,
        slowest=1200,
    )
    for minute in range(1, 1440) if not 20 < minute < 28
)
"""
A_TEXT_WITH_A_STORY = """
from messaging import clock
from messaging.models import CarrierAccount, Exchange, Message
account, now = CarrierAccount.objects.order_by("name").first(), clock.database_now()
text = Message.objects.filter(direction="out", status="unconfirmed").first()
for attempt, outcome, status, took, response in (
    (1, "not_taken", 429, 41, "code: 4780"), (2, "unknown", None, 10010, "Unconfirmed: TimeoutError"),
):
    Exchange.objects.create(
        message=text, carrier_account=account, attempt=attempt, at=now, milliseconds=took, outcome=outcome,
        http_status=status, request="POST /v1/messages", response=response,
    )
print(text.pk)
"""


def test_the_relay_pages_of_a_provider_operator(hub: Hub, sign_in: Callable[..., Page]) -> None:
    hub.manage("shell", "-c", A_DAY_OF_THE_RELAY)
    page = sign_in("Owen Castle")
    page.goto("/operations/?tables=1")
    shoot(page, "operations-figures")
    page.goto("/operations/")
    expect(page.get_by_role("heading", name="Carrier accounts")).to_be_visible()
    shoot(page, "operations")
    page.get_by_role("region", name="Carrier accounts, table").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Fail over")).to_be_visible()
    shoot(page, "operations-account")
    page.get_by_role("link", name="Drain", exact=True).click()
    expect(page.get_by_role("heading", name="Who is affected")).to_be_visible()
    shoot(page, "operations-drain-account")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Pause", exact=True).click()
    expect(page.get_by_label("Reason")).to_be_visible()
    shoot(page, "operations-pause-account")
    page.goto("/operations/numbers/")
    shoot(page, "operations-numbers")
    page.get_by_role("link", name=re.compile("^Pause")).first.click()
    expect(page.get_by_label("Reason")).to_be_visible()
    shoot(page, "operations-pause-number")
    page.goto("/operations/texts/?q=88888888-8888-4888-8888-888888888888")
    expect(page.get_by_text("No text has this id")).to_be_visible()
    whole = "box => box.scrollWidth <= box.clientWidth"
    assert page.get_by_label("Text id or carrier’s id").evaluate(whole)
    shoot(page, "operations-texts")
    page.goto(f"/operations/texts/{hub.manage('shell', '-c', A_TEXT_WITH_A_STORY).split()[-1]}/")
    expect(page.get_by_role("heading", name="Attempt 2")).to_be_visible()
    shoot(page, "operations-text")
