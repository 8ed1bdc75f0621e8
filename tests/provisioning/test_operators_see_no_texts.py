"""No page, search or autocomplete of the admin shows a message body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from compliance.models import PurgeRun
from messaging.models import CarrierAccount, ContentRule, Message, OptOut, Receipt
from provisioning import mail
from provisioning.alerts import raise_alert
from provisioning.models import Campaign, RegistrationEvent, RegistryAccount, RegistryNotice, RegistrySubmission, User
from tests import factories

BODY = "the-secret-body-of-a-text"


@pytest.fixture
def texted(user: User) -> User:
    """A user with texts both ways, their receipts, an opt-out, a purge: something on every page of the admin."""
    factories.with_role(user, "full_admin")
    conversation = factories.ConversationFactory(user=user)
    message = factories.MessageFactory(conversation=conversation, body=BODY)
    conversation.last_message = message
    conversation.save()
    factories.MessageFactory(conversation=conversation, body=BODY, direction="in", status="received")
    Receipt.objects.create(
        message=message, organization=user.organization, carrier_account=CarrierAccount.objects.get(), raw=BODY,
        event_at=factories.NOW, received_at=factories.NOW, fingerprint="f",
    )  # fmt: skip
    OptOut.objects.create(
        organization=user.organization, counterpart=conversation.counterpart, keyword="stop", opted_out_at=factories.NOW
    )
    ContentRule.objects.create(name="Card numbers", pattern="card number")
    PurgeRun.objects.create(
        organization=user.organization, night=factories.NOW.date(), cutoff=factories.NOW, started_at=factories.NOW
    )
    raise_alert("number_paused", user.organization, number=user.primary_number.e164)
    mail.post(user, "alerts", "An alert", BODY)
    _registration(user)
    return user


def _registration(user: User) -> None:
    organization, campaign = user.organization, Campaign.objects.get()
    account = RegistryAccount.objects.create(name="Registry", registry="simulator", base_url="http://127.0.0.1:9")
    submission = RegistrySubmission.objects.create(
        organization=organization, account=account, campaign=campaign, document={}, created_at=factories.NOW,
        settled_at=factories.NOW, state="taken",
    )  # fmt: skip
    RegistrationEvent.objects.create(
        organization=organization, campaign=campaign, step="submitted", at=factories.NOW, noted_at=factories.NOW,
        source="portal",
    )  # fmt: skip
    RegistryNotice.objects.create(
        organization=organization, account=account, submission=submission, event_id="e", kind="k", raw="{}",
        received_at=factories.NOW,
    )  # fmt: skip


@pytest.fixture
def browser(db: Any, signed_in_as: Any) -> Any:
    return signed_in_as(factories.OperatorFactory())


def registered() -> Iterator[Any]:
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label):
        yield pytest.param(model, id=model._meta.label)


@pytest.mark.parametrize("model", list(registered()))
def test_no_page_of_a_model_shows_a_body(browser: Any, texted: User, model: Any) -> None:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    pages = [browser.get(reverse(f"{name}_changelist")), browser.get(reverse(f"{name}_add"))]
    row = admin.site._registry[model].get_queryset(pages[0].wsgi_request).first()
    assert row is not None
    pages += [browser.get(reverse(f"{name}_{page}", args=[row.pk])) for page in ("change", "history")]
    assert [page.status_code for page in pages if page.status_code not in (200, 403)] == []
    for page in pages:
        assert BODY not in page.content.decode()


@pytest.mark.parametrize("model", list(registered()))
def test_no_page_of_a_model_needs_what_the_content_security_policy_forbids(
    browser: Any, texted: User, model: Any
) -> None:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    for page in (browser.get(reverse(f"{name}_changelist")), browser.get(reverse(f"{name}_add"))):
        assert "script-src 'self'" in page["Content-Security-Policy"]
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", page.content.decode())


@pytest.mark.parametrize("model", list(registered()))
def test_no_search_of_a_model_finds_a_body(browser: Any, texted: User, model: Any) -> None:
    if admin.site._registry[model].search_fields:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        assert browser.get(reverse(name), {"q": BODY}).context["cl"].result_count == 0


def test_the_first_page_of_the_admin_shows_no_body(browser: Any, texted: User) -> None:
    page = browser.get(reverse("admin:index"))
    assert page.status_code == 200
    assert BODY not in page.content.decode()


@pytest.mark.parametrize("model", [Message, Message.conversation.field.related_model, Receipt])
def test_texts_conversations_and_receipts_have_no_page(browser: Any, model: Any) -> None:
    assert not admin.site.is_registered(model)
    assert browser.get(f"/admin/messaging/{model._meta.model_name}/").status_code == 404


def test_no_autocomplete_offers_texts(browser: Any, texted: User) -> None:
    for app, model, field in (
        ("messaging", "message", "conversation"),
        ("messaging", "conversation", "last_message"),
        ("messaging", "receipt", "message"),
    ):
        asked = {"app_label": app, "model_name": model, "field_name": field, "term": BODY}
        assert browser.get(reverse("admin:autocomplete"), asked).status_code == 403


@pytest.mark.parametrize("lookup", ["messages__body__startswith", "conversations__last_message__body__contains"])
def test_no_filter_tells_whether_a_body_exists(browser: Any, texted: User, lookup: str) -> None:
    answer = browser.get(reverse("admin:provisioning_user_changelist"), {lookup: BODY})
    assert answer.status_code == 400


def test_no_registered_admin_names_a_field_of_a_text() -> None:
    for page in admin.site._registry.values():
        named = [
            *page.list_display,
            *page.search_fields,
            *page.readonly_fields,
            *page.list_filter,
            *(page.fields or ()),
        ]
        parts = {part for name in named for part in str(name).split("__")}
        assert not parts & {"body", "raw", "last_message", "messages", "receipts", "conversations"}
