"""The main job, with the mouse: an administrator switches texting on, a user texts a customer, the customer answers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Hub

pytestmark = pytest.mark.browser

SENTENCE = "Texting is off"


def switch_texting(page: Page, on: bool) -> None:
    """The organization's toggle, through its confirm dialog."""
    page.goto("/calling/service-settings/")
    toggle = page.get_by_role("switch", name=re.compile("Enable Business Texting for all the users"))
    expect(toggle).to_have_attribute("aria-checked", "false" if on else "true")
    toggle.click()
    verb = "Enable" if on else "Disable"
    dialog = page.get_by_role("dialog", name=f"{verb} Business Texting")
    for box in dialog.get_by_role("checkbox").all():
        box.check()
    dialog.get_by_role("button", name=f"{verb} Business Texting").click()
    expect(toggle).to_have_attribute("aria-checked", "true" if on else "false")


def override(page: Page, name: str, choice: str) -> None:
    """A user's own setting: 'default', 'on' or 'off'."""
    page.goto("/users/?q=" + name.rsplit(maxsplit=1)[-1])
    page.get_by_role("link", name=re.compile(name.rsplit(maxsplit=1)[-1])).first.click()
    if choice == "default":
        page.get_by_role("radio", name=re.compile("Use the default configuration for the organization")).check()
    else:
        page.get_by_role("radio", name=re.compile("Override settings")).check()
        page.get_by_role("switch").set_checked(choice == "on")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_be_visible()


def watch_states(page: Page, words: str) -> None:
    """From now on, note each state that the receipt under these words shows, however briefly."""
    page.evaluate(
        """(words) => {
          window.statesSeen = [];
          const note = () => {
            for (const text of document.querySelectorAll(".msg-out")) {
              if (!text.textContent.includes(words)) continue;
              const state = text.querySelector(".receipt span").firstChild.textContent.trim();
              if (window.statesSeen.at(-1) !== state) window.statesSeen.push(state);
            }
          };
          new MutationObserver(note).observe(document.body, { childList: true, subtree: true, characterData: true });
        }""",
        words,
    )


def ask_again_once(page: Page, hub: Hub) -> None:
    """The carrier answers the next text with 429 once, so that it stays queued for long enough to be seen."""
    answer = page.request.post(f"{hub.handset}control/mode", data={"behaviour": "throttled", "next": 1})
    assert answer.ok, answer.text()


def handset_conversation(page: Page, hub: Hub, phone: str, own: str) -> None:
    page.goto(hub.handset)
    page.get_by_role("link", name=re.compile(phone)).first.click()


def test_toggle_override_text_receipts_reply_stop_and_start(
    hub: Hub, sign_in: Callable[..., Page], open_browser: Callable[..., Page]
) -> None:
    admin, rosalind = sign_in("Maya Okafor"), sign_in("Rosalind Abernathy")
    rosalind.goto("/inbox/")
    rosalind.get_by_role("link", name=re.compile("415 555 0122")).first.click()
    expect(rosalind.get_by_role("textbox", name="Message")).to_be_visible()

    switch_texting(admin, on=False)
    expect(rosalind.get_by_role("textbox", name="Message")).to_be_hidden()
    expect(rosalind.get_by_role("region", name="Conversation").get_by_text(SENTENCE)).to_be_visible()

    override(admin, "Rosalind Abernathy", "on")
    expect(rosalind.get_by_role("textbox", name="Message")).to_be_visible()

    words = f"Your crowns are ready. {uuid.uuid4().hex[:8]}"
    ask_again_once(rosalind, hub)
    watch_states(rosalind, words)
    rosalind.get_by_role("textbox", name="Message").fill(words)
    rosalind.get_by_role("button", name="Send", exact=True).click()
    sent = rosalind.locator(".msg-out", has_text=words)
    expect(sent).to_be_visible()
    expect(sent).to_contain_text("Delivered")
    seen = rosalind.evaluate("window.statesSeen")
    assert [state for state in seen if state in ("Queued", "Sent", "Delivered")] == ["Queued", "Sent", "Delivered"]

    phone = open_browser()
    handset_conversation(phone, hub, "Dr. Bianchi", "+1 415 555 0101")
    expect(phone.get_by_text(words)).to_be_visible()
    answer = f"On my way. {uuid.uuid4().hex[:8]}"
    phone.get_by_role("textbox", name="Reply").fill(answer)
    phone.get_by_role("button", name="Send reply").click()
    expect(rosalind.locator(".msg", has_text=answer)).to_be_visible()

    phone.get_by_role("button", name="STOP").click()
    expect(rosalind.get_by_text("You can’t text this person")).to_be_visible()
    expect(rosalind.get_by_role("textbox", name="Message")).to_be_hidden()
    expect(phone.get_by_text(re.compile("opted out|unsubscribed")).last).to_be_visible()

    phone.get_by_role("button", name="START").click()
    expect(rosalind.get_by_role("textbox", name="Message")).to_be_visible()

    override(admin, "Rosalind Abernathy", "default")
    switch_texting(admin, on=True)
