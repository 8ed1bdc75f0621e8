"""The inbox while things happen: nothing typed is lost, nothing goes out twice, news arrives whatever fails."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Hub

pytestmark = pytest.mark.browser

USER = "Rosalind Abernathy"
OWN = "+14155550101"
WITHOUT_SHARED_WORKER = "delete window.SharedWorker"


def unique(words: str) -> str:
    return f"{words} {uuid.uuid4().hex[:8]}"


def arrives(hub: Hub, phone: str, body: str) -> None:
    """A text from a phone, as the carrier's webhook files it."""
    code = f"""
from django.utils import timezone
from messaging.carriers.base import InboundText
from messaging.inbound import accept_inbound
from messaging.models import CarrierAccount
now = timezone.now()
text = InboundText("browser-{uuid.uuid4().hex}", "{OWN}", "{phone}", {body!r}, 0, now)
accept_inbound(CarrierAccount.objects.first(), text, now)
"""
    hub.manage("shell", "-v0", "-c", code)


@pytest.fixture
def phone() -> str:
    """A number nobody texted before."""
    return f"+1206555{uuid.uuid4().int % 10000:04d}"


def shown(phone: str) -> re.Pattern[str]:
    return re.compile(rf"{phone[2:5]} {phone[5:8]} {phone[8:]}")


def open_thread(page: Page, hub: Hub, phone: str) -> None:
    """A conversation of the phone's, open."""
    arrives(hub, phone, "Hello, is somebody there?")
    page.goto("/inbox/")
    page.get_by_role("link", name=shown(phone)).click()
    expect(page.locator("#texts .msg")).to_have_count(1)
    page.wait_for_load_state("load")


def test_a_text_that_arrives_leaves_what_is_typed_and_the_focus(
    hub: Hub, sign_in: Callable[..., Page], phone: str
) -> None:
    page = sign_in(USER)
    open_thread(page, hub, phone)
    composer = page.get_by_role("textbox", name="Text message")
    composer.fill("Half a sent")
    news = unique("<b>Still here</b>")
    arrives(hub, phone, news)
    expect(page.locator("#texts .msg").last).to_contain_text(news)
    expect(page.locator("#announcer")).to_contain_text(news)
    expect(composer).to_have_value("Half a sent")
    expect(composer).to_be_focused()
    expect(page.locator("a.convo[aria-current] .count")).to_have_count(0)


def test_a_text_in_another_conversation_is_counted_and_comes_first(
    hub: Hub, sign_in: Callable[..., Page], phone: str
) -> None:
    page = sign_in(USER)
    page.goto("/inbox/?show=")
    news = unique("A new customer")
    arrives(hub, phone, news)
    expect(page.locator("a.convo").first).to_contain_text(news)
    expect(page.locator("a.convo").first.locator(".count")).to_have_text("1")
    expect(page).to_have_title(re.compile(r"^\(\d+\) Inbox"))


def test_whoever_reads_further_up_stays_there(hub: Hub, sign_in: Callable[..., Page], phone: str) -> None:
    page = sign_in(USER, viewport={"width": 1440, "height": 500})
    open_thread(page, hub, phone)
    for n in range(6):
        arrives(hub, phone, f"Line {n}\n" * 6)
    expect(page.locator("#texts .msg")).to_have_count(7)
    page.evaluate("document.getElementById('messages').scrollTop = -500")
    watched = page.locator("#texts .msg").nth(3)
    before = watched.bounding_box()
    arrives(hub, phone, "The newest\n" * 6)
    expect(page.locator("#texts .msg")).to_have_count(8)
    page.wait_for_function("document.querySelectorAll('.htmx-settling, .htmx-swapping').length === 0")
    after = watched.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2


@pytest.mark.parametrize("without", ["shared worker", "stream"])
def test_news_arrives_another_way_too(hub: Hub, sign_in: Callable[..., Page], phone: str, without: str) -> None:
    page = sign_in(USER)
    page.add_init_script(WITHOUT_SHARED_WORKER)
    if without == "stream":
        page.context.route("**/live/**", lambda route: route.abort())
    open_thread(page, hub, phone)
    news = unique("Arrives all the same")
    arrives(hub, phone, news)
    expect(page.locator("#texts .msg").last).to_contain_text(news)


def test_two_clicks_send_one_text(hub: Hub, sign_in: Callable[..., Page], phone: str) -> None:
    page = sign_in(USER)
    open_thread(page, hub, phone)
    words = unique("Only once")
    page.get_by_role("textbox", name="Text message").fill(words)
    page.get_by_role("button", name="Send", exact=True).dblclick()
    sent = page.locator(".msg-out", has_text=words)
    expect(sent).to_contain_text("Delivered")
    expect(sent).to_have_count(1)
    expect(page.get_by_role("textbox", name="Text message")).to_have_value("")


def test_control_enter_sends_and_leaves_one_ready_to_write(hub: Hub, sign_in: Callable[..., Page], phone: str) -> None:
    page = sign_in(USER)
    open_thread(page, hub, phone)
    words = unique("By keyboard")
    expect(page.locator("#count")).to_have_text("160 characters left")
    composer = page.get_by_role("textbox", name="Text message")
    composer.fill(words)
    composer.press("Control+Enter")
    expect(page.locator(".msg-out", has_text=words)).to_be_visible()
    expect(composer).to_have_value("")
    expect(composer).to_be_focused()


def test_what_is_typed_while_the_composer_is_looked_at_is_kept(
    hub: Hub, sign_in: Callable[..., Page], phone: str
) -> None:
    page = sign_in(USER)
    open_thread(page, hub, phone)
    held: list[Route] = []
    page.route("**/composer/**", lambda route: held.append(route))  # noqa: PLW0108 (a bound builtin is no handler)
    with page.expect_request("**/composer/**"):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('live:standing'))")
    composer = page.get_by_role("textbox", name="Text message")
    composer.focus()
    page.keyboard.insert_text("Typed meanwhile")
    expect(composer).to_have_value("Typed meanwhile")
    assert held
    for route in held:
        route.continue_()
    expect(composer).to_have_value("Typed meanwhile")


def test_without_a_connection_the_text_is_kept_and_said(hub: Hub, sign_in: Callable[..., Page], phone: str) -> None:
    page = sign_in(USER)
    open_thread(page, hub, phone)
    composer = page.get_by_role("textbox", name="Text message")
    composer.fill("Written in a tunnel")
    page.context.set_offline(True)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("There is no connection.")
    expect(composer).to_have_value("Written in a tunnel")
    page.context.set_offline(False)
    page.reload()
    expect(page.get_by_role("textbox", name="Text message")).to_have_value("Written in a tunnel")


def test_the_counter_counts_while_one_types(hub: Hub, sign_in: Callable[..., Page], phone: str) -> None:
    page = sign_in(USER)
    open_thread(page, hub, phone)
    composer = page.get_by_role("textbox", name="Text message")
    for typed, counted in (
        ("", "160 characters left"),
        ("x" * 159, "1 character left · 1 segment · GSM-7"),
        ("x" * 161, "145 characters left · 2 segments · GSM-7"),
        ("it’s", "66 characters left · 1 segment · UCS-2, because of the curly apostrophe"),
        ("x" * 1531, "Too long: 11 segments of at most 10. Shorten it."),
    ):
        composer.fill(typed)
        expect(page.locator("#count")).to_have_text(counted)


def test_a_refusal_stands_in_the_dialog_beside_what_was_typed(sign_in: Callable[..., Page]) -> None:
    page = sign_in(USER)
    page.goto("/inbox/")
    page.get_by_role("button", name="New message").click()
    dialog = page.get_by_role("dialog", name="New message")
    dialog.get_by_role("textbox", name="To").fill("+44 20 7946 0018")
    dialog.get_by_role("textbox", name="Message").fill("Hello")
    dialog.get_by_role("button", name="Send", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("International")
    expect(dialog.get_by_role("textbox", name="To")).to_have_value("+44 20 7946 0018")
    expect(dialog.get_by_role("textbox", name="Message")).to_have_value("Hello")


def test_everything_can_be_done_without_javascript(hub: Hub, sign_in: Callable[..., Page], phone: str) -> None:
    page = sign_in(USER, java_script_enabled=False)
    page.goto("/inbox/")
    page.get_by_role("button", name="New message").click()
    words = unique("From a plain page")
    page.get_by_role("textbox", name="To").fill(phone)
    page.get_by_role("textbox", name="Message").fill(words)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".msg-out", has_text=words)).to_be_visible()
    arrives(hub, phone, "An answer")
    page.reload()
    page.get_by_role("button", name="Mark as read").click()
    expect(page.get_by_role("button", name="Mark as read")).to_have_count(0)


def test_signing_out_in_one_tab_ends_the_others(hub: Hub, sign_in: Callable[..., Page], phone: str) -> None:
    page = sign_in(USER)
    open_thread(page, hub, phone)
    other: Any = page.context.new_page()
    other.goto("/inbox/")
    other.locator("summary.avatar").click()
    other.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in/"))
