"""Content rules on their pages, over the API and in the provider's admin; and what the inbox asks because of them."""

from __future__ import annotations

import html
import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from compliance.models import AuditEvent
from messaging.content_rules import create_rule
from messaging.models import ContentRule, Conversation, Message
from messaging.models.policy import RuleAction
from provisioning.changes import Actor
from provisioning.models import Organization, User
from tests import factories
from tests.messaging.inbox_texts import said

PERSON = "+12065550122"
LIST = "/content-rules/"
ACTOR = Actor.system("test")
FORM = {"name": "Prices", "kind": "keywords", "pattern": "discount", "action": "block", "advice": "", "active": "on"}
BODY = {"name": "Prices", "kind": "keywords", "pattern": "discount", "action": "block"}


@pytest.fixture
def browser(full_admin: User, signed_in_as: Any) -> Client:
    client: Client = signed_in_as(full_admin)
    return client


@pytest.fixture
def reader(organization: Organization, signed_in_as: Any) -> Client:
    """A read-only administrator."""
    person = factories.UserFactory(organization=organization, location=None)
    client: Client = signed_in_as(factories.with_role(person, "read_only_admin"))
    return client


def saved(organization: Organization, **fields: Any) -> ContentRule:
    return create_rule(organization, {"name": "Prices", "pattern": "discount", **fields}, ACTOR)


def provided(**fields: Any) -> ContentRule:
    return ContentRule.objects.create(**{"name": "Provider’s", "pattern": "lottery", **fields})


def page(answer: Any) -> str:
    return html.unescape(answer.content.decode())


# Pages


def test_a_rule_is_made_changed_and_deleted(browser: Client, organization: Organization) -> None:
    assert browser.post(f"{LIST}new/", FORM | {"pattern": "discount\r\nfree money"})["Location"] == LIST
    row = ContentRule.objects.get()
    assert (row.organization, row.pattern, row.active) == (organization, "discount\nfree money", True)
    address = f"{LIST}{row.pk}/"
    form = browser.get(address).context["form"]
    changed = FORM | {"advice": "Send the list.", "seen": form.initial["seen"]}
    changed.pop("active")
    assert browser.post(address, changed)["Location"] == LIST
    row.refresh_from_db()
    assert (row.pattern, row.advice, row.active) == ("discount", "Send the list.", False)
    assert "Delete Prices" in page(browser.get(f"{address}delete/"))
    assert ContentRule.objects.exists()
    browser.post(f"{address}delete/")
    assert not ContentRule.objects.exists()
    assert AuditEvent.objects.filter(action__startswith="content_rule.").count() == 3


def test_what_is_refused_stays_typed_with_the_reason_beside_it(browser: Client) -> None:
    answer = browser.post(f"{LIST}new/", FORM | {"kind": "expression", "pattern": "(oops"})
    assert answer.status_code == 422
    assert "missing ): (oops" in page(answer)
    assert ">\n(oops</textarea>" in page(answer)
    assert not ContentRule.objects.exists()


def test_whoever_saves_over_somebody_else_is_asked_once_more(browser: Client, organization: Organization) -> None:
    row = saved(organization)
    answer = browser.post(f"{LIST}{row.pk}/", FORM | {"pattern": "price", "seen": "as it was"})
    assert answer.status_code == 409
    assert "Someone else changed this" in page(answer)
    row.refresh_from_db()
    assert row.pattern == "discount"
    seen = re.search(r'name="seen" value="([0-9a-f]+)"', page(answer))
    assert seen
    browser.post(f"{LIST}{row.pk}/", FORM | {"pattern": "price", "seen": seen[1]})
    row.refresh_from_db()
    assert row.pattern == "price"


def test_patterns_are_shown_escaped(browser: Client, organization: Organization) -> None:
    row = saved(organization, pattern="<script>alert(1)</script>", name="<b>Prices</b>")
    for address in (LIST, f"{LIST}{row.pk}/", f"{LIST}{row.pk}/delete/"):
        raw = browser.get(address).content.decode()
        assert "<script>alert" not in raw
        assert "<b>Prices" not in raw


def test_a_reader_sees_rules_and_tries_texts_but_changes_nothing(reader: Client, organization: Organization) -> None:
    row = saved(organization)
    assert "New rule" not in page(reader.get(LIST))
    shown = page(reader.get(f"{LIST}{row.pk}/"))
    assert "discount" in shown
    assert "<textarea" not in shown
    assert reader.post(f"{LIST}{row.pk}/", FORM).status_code == 403
    assert reader.post(LIST, {"text": "A discount"}).status_code == 200


def test_trying_a_text_says_which_rules_it_meets_and_keeps_nothing(browser: Client, organization: Organization) -> None:
    saved(organization)
    provided(action=RuleAction.CONFIRM)
    shown = page(browser.post(LIST, {"text": "A discount in our lottery: bit.ly/x"}))
    assert "Refused by “Prices”" in shown
    assert "“Provider’s” asks the sender to confirm" in shown
    assert "a link from bit.ly" in shown
    assert "No rule stands in its way" in page(browser.post(LIST, {"text": "Hello"}))
    assert browser.post(LIST, {"text": "a" * 2001}).status_code == 422
    assert not Message.objects.exists()


def test_the_providers_rules_are_shown_but_not_changed(browser: Client) -> None:
    row = provided()
    assert "Your provider’s" in page(browser.get(LIST))
    assert "<textarea" not in page(browser.get(f"{LIST}{row.pk}/"))
    assert browser.post(f"{LIST}{row.pk}/", FORM).status_code == 403
    assert browser.post(f"{LIST}{row.pk}/delete/").status_code == 404
    row.refresh_from_db()
    assert row.pattern == "lottery"


def test_another_organizations_rules_are_not_there(browser: Client, other_organization: Organization) -> None:
    row = saved(other_organization, name="Theirs")
    assert "Theirs" not in page(browser.get(LIST))
    for address in (f"{LIST}{row.pk}/", f"{LIST}{row.pk}/delete/"):
        assert browser.get(address).status_code == 404
        assert browser.post(address, FORM).status_code == 404


def test_the_list_has_the_own_rules_first_and_words_apart(browser: Client, organization: Organization) -> None:
    provided(name="A rule of the provider")
    saved(organization, pattern="discount\nfree money")
    shown = page(browser.get(LIST))
    assert "discount, free money" in shown
    assert shown.index(">Prices<") < shown.index(">A rule of the provider<")


def test_the_navigation_leads_there(browser: Client, user: User, signed_in_as: Any) -> None:
    assert f'href="{LIST}" aria-current="page"' in page(browser.get(LIST))
    assert f'href="{LIST}"' not in page(signed_in_as(user).get("/inbox/"))


# Over the API


def test_the_api_makes_shows_changes_and_deletes_a_rule(browser: Client, organization: Organization) -> None:
    made = browser.post("/api/v1/content-rules", BODY, content_type="application/json")
    assert made.status_code == 201
    address = f"/api/v1/content-rules/{made.json()['id']}"
    assert browser.get(address).json() == made.json()
    assert (made.json()["active"], made.json()["provided"], made.json()["advice"]) == (True, False, "")
    changed = browser.put(address, BODY | {"action": "confirm", "active": False}, content_type="application/json")
    assert (changed.status_code, changed.json()["action"], changed.json()["active"]) == (200, "confirm", False)
    assert browser.delete(address).status_code == 204
    assert browser.get(address).status_code == 404
    assert [event.via for event in AuditEvent.objects.filter(action__startswith="content_rule.")] == ["api"] * 3


def test_the_api_lists_the_providers_rules_too_and_leaves_them_alone(browser: Client) -> None:
    row = provided()
    [listed] = browser.get("/api/v1/content-rules").json()["results"]
    assert (listed["name"], listed["provided"]) == ("Provider’s", True)
    address = f"/api/v1/content-rules/{row.pk}"
    assert browser.get(address).status_code == 200
    for answer in (browser.put(address, BODY, content_type="application/json"), browser.delete(address)):
        assert (answer.status_code, answer.json()["code"]) == (403, "provided_rule")


def test_the_api_says_what_is_wrong(browser: Client, organization: Organization) -> None:
    def code(**fields: Any) -> tuple[int, str]:
        answer = browser.post("/api/v1/content-rules", BODY | fields, content_type="application/json")
        return answer.status_code, answer.json()["code"]

    saved(organization)
    assert code() == (409, "name_taken")
    assert code(kind="expression", pattern="(") == (422, "expression_invalid")
    assert code(pattern="$$$") == (422, "rule_without_words")
    assert code(action="shrug") == (400, "invalid")
    assert code(active="yes") == (400, "invalid")


# In the provider's admin


def test_an_operator_writes_rules_for_everybody(signed_in_as: Any, organization: Organization) -> None:
    of_a_customer = saved(organization)
    desk = signed_in_as(factories.OperatorFactory())
    add = reverse("admin:messaging_contentrule_add")
    assert "missing ): (" in page(desk.post(add, FORM | {"kind": "expression", "pattern": "("}))
    desk.post(add, FORM | {"pattern": " lottery \r\n"})
    row = ContentRule.objects.get(organization=None)
    assert row.pattern == "lottery"
    assert "There is a rule of this name already" in page(desk.post(add, FORM))
    desk.post(reverse("admin:messaging_contentrule_change", args=[row.pk]), FORM | {"pattern": "lottery\nraffle"})
    desk.post(reverse("admin:messaging_contentrule_change", args=[row.pk]), FORM | {"pattern": "lottery\nraffle"})
    actions = AuditEvent.objects.filter(organization=None, action__contains="contentrule").values_list(
        "action", flat=True
    )
    assert sorted(actions) == ["admin.contentrule_added", "admin.contentrule_changed"]
    listed = page(desk.get(reverse("admin:messaging_contentrule_changelist")))
    assert str(of_a_customer.pk) not in listed
    theirs = desk.get(reverse("admin:messaging_contentrule_change", args=[of_a_customer.pk]))
    assert theirs.status_code == 302


def test_what_an_operator_changed_counts_at_once(signed_in_as: Any, user: User) -> None:
    desk, sender = signed_in_as(factories.OperatorFactory()), signed_in_as(user)
    desk.post(reverse("admin:messaging_contentrule_add"), FORM)

    def code(body: str) -> str:
        answer = sender.post("/api/v1/messages", {"to": PERSON, "body": body}, content_type="application/json")
        return str(answer.json().get("code", answer.status_code))

    assert code("A discount") == "content_rule"
    row = ContentRule.objects.get()
    desk.post(reverse("admin:messaging_contentrule_change", args=[row.pk]), FORM | {"pattern": "lottery"})
    assert (code("A discount"), code("Our lottery")) == ("201", "content_rule")


# What the sender is asked


@pytest.fixture
def conversation(user: User) -> Conversation:
    conversation: Conversation = factories.ConversationFactory(user=user, counterpart=PERSON)
    return conversation


@pytest.fixture
def sender(user: User, signed_in_as: Any) -> Client:
    saved(user.organization, action=RuleAction.CONFIRM, advice="Is the price still right?")
    client: Client = signed_in_as(user)
    return client


def answer_of(shown: str) -> str:
    found = re.search(r'name="confirmed" value="([0-9a-f]{64})"', shown)
    assert found, "There is no button to send it anyway."
    return found[1]


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_the_composer_asks_and_sends_it_anyway(
    sender: Client, conversation: Conversation, headers: dict[str, str]
) -> None:
    address = reverse("conversation_send", args=[conversation.pk])
    asked = sender.post(address, {"body": "A discount", "key": str(uuid.uuid4())}, headers=headers)
    shown = page(asked)
    assert asked.status_code == 422
    assert 'data-code="confirmation_needed"' in shown
    assert "Is the price still right?" in shown
    assert "Send anyway" in shown
    assert "A discount</textarea>" in shown
    assert not Message.objects.exists()
    said_yes = {"body": "A discount", "key": str(uuid.uuid4()), "confirmed": answer_of(shown)}
    sender.post(address, said_yes, headers=headers)
    text = Message.objects.get()
    assert (text.body, text.status, text.confirmed) == ("A discount", "queued", True)


def test_an_answer_is_about_the_words_that_were_asked_about(sender: Client, conversation: Conversation) -> None:
    address = reverse("conversation_send", args=[conversation.pk])
    yes = answer_of(page(sender.post(address, {"body": "A discount"})))
    again = sender.post(address, {"body": "A discount of 90%", "confirmed": yes})
    assert again.status_code == 422
    assert answer_of(page(again)) != yes
    assert not Message.objects.exists()


def test_a_new_message_asks_too(sender: Client) -> None:
    form = {"to": PERSON, "body": "A discount", "key": str(uuid.uuid4())}
    shown = page(sender.post("/inbox/new/", form))
    sender.post("/inbox/new/", form | {"confirmed": answer_of(shown)})
    assert Message.objects.get().confirmed


def test_sending_again_asks_unless_it_was_confirmed_before(sender: Client, conversation: Conversation) -> None:
    text = said(conversation, "A discount", status="failed")
    address = reverse("send_again", args=[conversation.pk, text.pk])
    asked = sender.post(address)
    assert asked.status_code == 422
    assert "Is the price still right?" in page(asked)
    assert 'name="confirmed"' in page(asked)
    sender.post(address, {"confirmed": "1"})
    assert Message.objects.get(resend_of=text).confirmed
    conversation.refresh_from_db()
    before = said(conversation, "A discount", status="failed", confirmed=True)
    sender.post(reverse("send_again", args=[conversation.pk, before.pk]))
    assert Message.objects.get(resend_of=before).confirmed


def test_the_api_asks_and_takes_an_answer(sender: Client) -> None:
    form = {"to": PERSON, "body": "A discount"}
    asked = sender.post("/api/v1/messages", form, content_type="application/json")
    assert (asked.status_code, asked.json()["code"]) == (422, "confirmation_needed")
    assert asked.json()["rules"] == [{"name": "Prices", "advice": "Is the price still right?"}]
    assert "message_id" not in asked.json()
    sent = sender.post("/api/v1/messages", form | {"confirmed": True}, content_type="application/json")
    assert (sent.status_code, sent.json()["confirmed"]) == (201, True)
    wrong = sender.post("/api/v1/messages", form | {"confirmed": "yes"}, content_type="application/json")
    assert wrong.status_code == 400


def test_a_refusal_is_said_in_words_in_the_composer(user: User, conversation: Conversation, signed_in_as: Any) -> None:
    client = signed_in_as(user)
    shown = page(client.post(reverse("conversation_send", args=[conversation.pk]), {"body": "See bit.ly/x"}))
    assert 'data-code="url_shortener"' in shown
    assert "Write the full link instead" in shown
    assert "Send anyway" not in shown
