"""10DLC registration with the mouse: a brand is verified, a campaign rejected, corrected and approved."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Hub, shoot

pytestmark = pytest.mark.browser

FLOW = "Clinics agree in writing when they open an account with us, on a form with a box that is not ticked."


def fill(page: Page, values: dict[str, str]) -> None:
    for label, value in values.items():
        field = page.get_by_label(label, exact=True)
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(label=value)
        else:
            field.fill(value)


def submit(page: Page, kind: str) -> None:
    page.get_by_role("button", name="Save and check").click()
    page.get_by_role("button", name=f"Submit the {kind}").click()


def test_a_brand_is_verified_and_a_campaign_rejected_corrected_and_approved(
    hub: Hub, sign_in: Callable[..., Page]
) -> None:
    name = f"Blue Harbor {uuid.uuid4().hex[:6]} LLC"
    page = sign_in("Maya Okafor")
    page.get_by_role("link", name="10DLC registration").click()
    page.get_by_role("link", name="Register another brand").click()
    fill(page, {
        "Entity type": "Private company", "Legal name": name, "Tax id": "94-3128766", "Street": "1 Pier",
        "City": "Oakland", "State or province": "ca", "Postal code": "94607",
        "Industry": "Retail and consumer products",
        "Website": "https://blue-harbor.example", "Contact name": "Maya Okafor", "Contact e-mail": "maya@blue.example",
    })  # fmt: skip
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_text("Enter a phone number, as in +1 415 555 0101.").first).to_be_visible()
    expect(page.get_by_label("Legal name", exact=True)).to_have_value(name)
    fill(page, {"Contact phone": "(415) 555-0103"})
    submit(page, "brand")
    expect(page.locator("[data-status=verified]")).to_be_visible()

    page.get_by_role("link", name="Register a campaign").click()
    fill(page, {
        "Name": "Order news", "Use case": "Customer care", "Message flow": FLOW,
        "Description": "Tells clinics that ordered with us when their orders ship and when they arrive.",
        "Sample message 1": "Your order 48213 has shipped today.",
        "Sample message 2": "Your order 48213 was delivered today.",
        "Reply to an opt-in": "You are opted in to order news again.",
        "Reply to an opt-out": "You are opted out of order news.",
        "Reply to HELP": "For help write to help@blue.example.",
        "Privacy policy": "https://blue-harbor.example/privacy",
    })  # fmt: skip
    expect(page.locator("[data-counts=id_sample_1] span")).to_have_text("35")
    submit(page, "campaign")
    expect(page.locator(".page-head [data-status=rejected]")).to_be_visible()
    expect(page.get_by_text("No sample message names the business.").first).to_be_visible()

    page.get_by_role("link", name="Edit", exact=True).click()
    fill(page, {"Sample message 1": f"{name}: your order 48213 has shipped today."})
    submit(page, "campaign")
    expect(page.locator(".page-head [data-status=active]")).to_be_visible()
    expect(page.get_by_text("Rejected", exact=True)).to_be_visible()


def test_pages_of_the_registration(hub: Hub, sign_in: Callable[..., Page]) -> None:
    page = sign_in("Teodor Vance")
    page.goto("/registration/")
    shoot(page, "registration")
    page.get_by_role("link", name="Customer care", exact=True).click()
    shoot(page, "campaign")
    page.get_by_role("link", name="See the numbers").click()
    shoot(page, "campaign-numbers")
    page.goto(f"{hub.handset}registry/")
    shoot(page, "registry")
    page = sign_in("Maya Okafor")
    page.goto("/registration/campaigns/new/")
    page.get_by_role("button", name="Save and check").click()
    shoot(page, "campaign-form")
    page.goto("/registration/brands/new/")
    shoot(page, "brand-form")
