"""Texts and conversations over the API: one text a key, refusals with codes, and nobody else's rows."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from messaging.models import Conversation, DailyCount, Message, OptOut, SendingNumber
from messaging.models.messages import Status
from messaging.serializers import NewText, TextAnswer
from provisioning.changes import Actor
from provisioning.models import TextingSetting, User
from provisioning.tokens import issue
from tests import factories
from tests.factories import NOW
from tests.messaging.inbox_texts import conversation_of, heard, said
from texting_hub.api import to_json

TO = "+12065550101"
BASE = "/api/v1"


def bearer(user: User, *scopes: str) -> dict[str, str]:
    _row, secret = issue(
        user,
        name="test",
        scopes=list(scopes),
        expires_at=timezone.now() + timedelta(days=1),
        actor=Actor.of_user(user, via="command"),
    )
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def token(user: User) -> dict[str, str]:
    return bearer(user, "messages:read", "messages:write")


@pytest.fixture
def conversation(user: User) -> Conversation:
    return conversation_of(user, "one", "two", counterpart=TO)


def post(headers: dict[str, str], body: Any, path: str = "/messages", key: str = "") -> Any:
    given = headers | ({"Idempotency-Key": key} if key else {})
    return Client().post(BASE + path, body, content_type="application/json", headers=given)


def get(headers: dict[str, str], path: str, **parameters: Any) -> Any:
    return Client().get(BASE + path, parameters, headers=headers)


def test_a_text_is_accepted_as_a_queued_row(token: dict[str, str], user: User) -> None:
    response = post(token, {"to": "(206) 555-0101", "body": "It’s ready"})
    assert response.status_code == 201
    answer = response.json()
    row = Message.objects.get(pk=answer["id"])
    assert (row.user, row.status, row.body) == (user, Status.QUEUED, "It’s ready")
    assert answer["counterpart"] == TO
    assert answer["own_number"] == user.primary_number.e164
    assert answer["direction"] == "outbound"
    assert (answer["status"], answer["encoding"], answer["segments"]) == ("queued", "ucs2", 1)
    assert answer["conversation_id"] == str(row.conversation_id)
    assert answer["sent_at"] is None


@pytest.mark.parametrize(
    "asked",
    [
        [], "x", None, {}, {"to": TO}, {"body": "x"}, {"to": 1, "body": "x"}, {"to": TO, "body": None},
        {"to": TO, "body": "x", "confirmed": "yes"}, {"to": TO, "body": "x", "confirmed": None},
        {"to": TO, "body": "x", "confirmed": 0},
    ],
)  # fmt: skip
def test_what_the_form_finds_fault_with_is_told_by_it(asked: Any) -> None:
    form = NewText(data=asked)
    assert not form.is_valid()
    with pytest.raises(ValidationError) as told:
        NewText.of(asked)
    assert told.value.get_full_details() == ValidationError(form.errors).get_full_details()


@pytest.mark.parametrize("confirmed", [{}, {"confirmed": False}, {"confirmed": True}])
@pytest.mark.parametrize("body", ["", " x ", "\x00", "\ud83d"])
def test_what_is_asked_for_is_what_the_form_makes_of_it(body: str, confirmed: dict[str, bool]) -> None:
    asked = {"to": " (206) 555-0101 ", "body": body, "more": 1, **confirmed}
    form = NewText(data=asked)
    assert form.is_valid()
    assert NewText.of(asked) == form.validated_data


def test_an_answer_says_what_its_fields_describe(user: User) -> None:
    conversation = conversation_of(user, "hello")
    texts = [said(conversation, "one"), heard(conversation, "two")]
    full = texts[0]
    for name in ("sent_at", "delivered_at", "undelivered_at", "unconfirmed_at", "failed_at", "blocked_at"):
        setattr(full, name, NOW + timedelta(microseconds=5))
    full.reason, full.blocked_by, full.kind, full.resend_of = "too_old", "platform", "automatic", texts[1]
    full.asks_to_stop = full.looks_repeated = full.confirmed = True
    for text in [*texts, Message.objects.get(pk=texts[0].pk)]:
        by_fields = serializers.Serializer.to_representation(TextAnswer(), text)
        answer = TextAnswer().to_representation(text)
        assert list(answer) == list(by_fields)
        assert json.loads(to_json(answer)) == json.loads(to_json(by_fields))


def test_on_postgres_a_request_takes_three_statements(token: dict[str, str], user: User) -> None:
    post(token, {"to": TO, "body": "one"})
    with CaptureQueriesContext(connection) as asked:
        assert post(token, {"to": TO, "body": "two"}, key="k").status_code == 201
    statements = [one["sql"] for one in asked if "SAVEPOINT" not in one["sql"]]
    assert len(statements) == (3 if connection.vendor == "postgresql" else 7), "\n".join(statements)


def test_the_same_request_with_the_same_key_sends_once(token: dict[str, str], user: User) -> None:
    first = post(token, {"to": TO, "body": "hello"}, key="order-1")
    second = post(token, {"to": TO, "body": "hello"}, key="order-1")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert Message.objects.filter(user=user).count() == 1


def test_the_same_key_with_another_body_is_a_conflict(token: dict[str, str], user: User) -> None:
    post(token, {"to": TO, "body": "hello"}, key="order-1")
    response = post(token, {"to": TO, "body": "goodbye"}, key="order-1")
    assert response.status_code == 409
    assert response.json()["code"] == "idempotency_conflict"
    assert Message.objects.filter(user=user).count() == 1


def test_two_users_may_choose_the_same_key(token: dict[str, str], user: User) -> None:
    colleague = factories.texting_user(user.organization)
    other = post(bearer(colleague, "messages:write"), {"to": TO, "body": "hello"}, key="order-1")
    own = post(token, {"to": TO, "body": "hello"}, key="order-1")
    assert (own.status_code, other.status_code) == (201, 201)


@pytest.mark.parametrize("key", ["x" * 256, "caf\u00e9\u009d"])
def test_a_key_that_cannot_be_kept_is_refused(token: dict[str, str], key: str) -> None:
    response = post(token, {"to": TO, "body": "hello"}, key=key)
    assert response.status_code == 422
    assert response.json()["code"] == "idempotency_key_invalid"


BAD = [
    ({"to": "Theo", "body": "hello"}, "invalid_destination"),
    ({"to": "", "body": "hello"}, "invalid_destination"),
    ({"to": "+1 876 5550101", "body": "hello"}, "destination_not_allowed"),
    ({"to": "12345", "body": "hello"}, "destination_not_allowed"),
    ({"to": "911", "body": "hello"}, "emergency"),
    ({"to": TO, "body": ""}, "empty_body"),
    ({"to": TO, "body": " \n"}, "empty_body"),
    ({"to": TO, "body": "x" * 1531}, "too_long"),
    ({"to": TO, "body": "a\x00b"}, "control_characters"),
    ({"to": "\x00", "body": "hello"}, "invalid_destination"),
    ({"to": TO, "body": "look", "media": ["https://example.com/a.png"]}, "mms_not_supported"),
    ({"to": TO, "body": "look", "attachments": [{"name": "a.png"}]}, "mms_not_supported"),
    ({"to": TO, "body": "look", "media_urls": "https://example.com/a.png"}, "mms_not_supported"),
]


@pytest.mark.parametrize(("body", "code"), BAD)
def test_a_refusal_is_a_problem_document_with_a_stable_code(
    token: dict[str, str], user: User, body: dict[str, Any], code: str
) -> None:
    response = post(token, body)
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["code"] == code
    assert len(problem["title"].split()) > 3
    assert not Message.objects.filter(user=user).exclude(status=Status.BLOCKED).exists()


def test_a_refused_text_to_a_good_number_is_kept_and_named(token: dict[str, str], user: User) -> None:
    OptOut.objects.create(organization=user.organization, counterpart=TO, keyword="stop", opted_out_at=NOW)
    problem = post(token, {"to": TO, "body": "hello"}).json()
    assert problem["code"] == "opted_out"
    kept = get(token, f"/messages/{problem['message_id']}").json()
    assert (kept["status"], kept["blocked_by"], kept["reason"]) == ("blocked", "platform", "opted_out")
    assert kept["sentence"]
    assert kept["conversation_id"] is None


def test_texting_off_has_its_code(token: dict[str, str], user: User) -> None:
    User.objects.filter(pk=user.pk).update(texting_setting=TextingSetting.OFF)
    problem = post(token, {"to": TO, "body": "hello"}).json()
    assert problem["code"] == "texting_off"


def test_the_daily_limit_says_when_it_resets(token: dict[str, str], user: User) -> None:
    SendingNumber.objects.filter(number=user.primary_number).update(texts_a_day=1)
    post(token, {"to": TO, "body": "one"})
    problem = post(token, {"to": TO, "body": "two"}).json()
    assert problem["code"] == "daily_limit"
    assert problem["resets_at"] > timezone.now().isoformat()
    assert DailyCount.objects.get(user=user).accepted == 1


def test_a_multipart_form_is_refused_as_an_attachment(token: dict[str, str]) -> None:
    picture = SimpleUploadedFile("a.png", b"\x89PNG", content_type="image/png")
    response = Client().post(f"{BASE}/messages", {"to": TO, "body": "look", "file": picture}, headers=token)
    assert response.status_code == 422
    assert response.json()["code"] == "mms_not_supported"


@pytest.mark.parametrize(
    "body",
    [[], "hello", None, {"to": TO}, {"to": 12, "body": "x"}, {"to": TO, "body": ["x"]}, {"to": None, "body": "x"}],
)
def test_a_body_of_another_shape_is_not_valid(token: dict[str, str], body: Any) -> None:
    response = post(token, json.dumps(body))
    assert response.status_code == 400
    assert response.json()["code"] == "invalid"


def test_half_of_a_surrogate_pair_is_malformed_json(token: dict[str, str]) -> None:
    response = post(token, '{"to": "+12065550101", "body": "\\ud800"}')
    assert response.status_code == 400
    assert response.json()["code"] == "malformed"


def test_own_texts_are_listed_newest_first(token: dict[str, str], conversation: Conversation, stranger: User) -> None:
    conversation_of(stranger, "another organization's secret")
    conversation_of(factories.texting_user(conversation.organization), "a colleague's secret")
    heard(conversation, "a picture", withheld="mms")
    answer = get(token, "/messages").json()
    assert [text["body"] for text in answer["results"]] == ["two", "one"]


def test_conversations_are_listed_by_change_with_their_newest_text(token: dict[str, str], user: User) -> None:
    conversation_of(user, "older", at=NOW - timedelta(hours=1), counterpart="+12065550102")
    heard(conversation_of(user, at=NOW, counterpart="+12065550103"), "newer")
    answer = get(token, "/conversations").json()
    rows = [(row["counterpart"], row["last_message"]["body"], row["unread_count"]) for row in answer["results"]]
    assert rows == [("+12065550103", "newer", 1), ("+12065550102", "older", 0)]


def test_pages_of_conversations_follow_each_other(token: dict[str, str], user: User) -> None:
    made = {
        str(factories.ConversationFactory(user=user, changed_at=NOW - timedelta(minutes=n // 2)).pk) for n in range(7)
    }
    found, address = [], f"{BASE}/conversations?page_size=3"
    while address:
        answer = Client().get(address, headers=token).json()
        found += [row["id"] for row in answer["results"]]
        address = answer["next"]
    assert len(found) == 7
    assert set(found) == made


@pytest.mark.parametrize("path", ["/messages", "/conversations"])
@pytest.mark.parametrize("cursor", ["x", "cD14", "cD0lMDA="])
def test_a_cursor_that_means_nothing_is_not_valid(token: dict[str, str], path: str, cursor: str, user: User) -> None:
    conversation_of(user, "hello")
    response = get(token, path, cursor=cursor)
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/cursor"


def test_the_price_of_a_list_does_not_grow_with_it(token: dict[str, str], user: User) -> None:
    def price() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert get(token, "/conversations").status_code == 200
        return len(queries)

    conversation_of(user, "hello")
    get(token, "/conversations")
    before = price()
    for _ in range(20):
        conversation_of(user, "hello")
    assert price() == before


def test_one_conversation_says_whether_it_takes_a_text(token: dict[str, str], conversation: Conversation) -> None:
    path = f"/conversations/{conversation.pk}"
    assert get(token, path).json()["composer"] == {"open": True, "code": "open", "sentence": ""}
    User.objects.filter(pk=conversation.user_id).update(texting_setting=TextingSetting.OFF)
    composer = get(token, path).json()["composer"]
    assert (composer["open"], composer["code"]) == (False, "texting_off")
    assert composer["sentence"]


def test_the_texts_of_a_conversation_are_paged_from_the_newest(
    token: dict[str, str], conversation: Conversation
) -> None:
    said(conversation, "three", status="unconfirmed")
    path = f"/conversations/{conversation.pk}/messages"
    first = get(token, path, page_size=2).json()
    assert [(text["seq"], text["body"]) for text in first["results"]] == [(3, "three"), (2, "two")]
    second = Client().get(first["next"], headers=token).json()
    assert [text["body"] for text in second["results"]] == ["one"]


def test_reading_takes_a_place_or_everything(token: dict[str, str], conversation: Conversation) -> None:
    for body in ("three", "four"):
        heard(conversation, body)
    path = f"/conversations/{conversation.pk}/read"
    assert post(token, {"up_to": 3}, path).json()["unread_count"] == 1
    assert post(token, {}, path).json()["unread_count"] == 0
    assert post(token, {"up_to": -1}, path).status_code == 400


@pytest.mark.parametrize("whose", ["stranger", "colleague", "nobody"])
def test_somebody_elses_rows_are_not_found(token: dict[str, str], user: User, stranger: User, whose: str) -> None:
    owner = {"stranger": stranger, "colleague": factories.texting_user(user.organization)}.get(whose)
    conversation_id: Any = uuid.uuid4()
    message_id: Any = uuid.uuid4()
    if owner is not None:
        theirs = conversation_of(owner, "secret")
        heard(theirs, "unread secret")
        conversation_id, message_id = theirs.pk, Message.objects.filter(conversation=theirs).first().pk  # type: ignore[union-attr]
    paths = [
        f"/messages/{message_id}",
        f"/conversations/{conversation_id}",
        f"/conversations/{conversation_id}/messages",
    ]
    for path in paths:
        response = get(token, path)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert post(token, {}, f"/conversations/{conversation_id}/read").status_code == 404
    assert not Conversation.objects.filter(pk=conversation_id, unread_count=0).exists()


def test_an_administrator_reads_nobodys_texts(full_admin: User, conversation: Conversation) -> None:
    headers = bearer(full_admin, "messages:read", "messages:write")
    assert get(headers, "/messages").json()["results"] == []
    assert get(headers, f"/conversations/{conversation.pk}").status_code == 404


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("messages:write", "GET", "/messages"),
        ("messages:write", "GET", "/conversations"),
        ("messages:read", "POST", "/messages"),
        ("people:read", "GET", "/messages"),
    ],
)
def test_a_token_needs_the_scope(user: User, scope: str, method: str, path: str) -> None:
    headers = bearer(user, scope)
    response = get(headers, path) if method == "GET" else post(headers, {"to": TO, "body": "x"}, path)
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
    assert Message.objects.count() == 0


def test_nobody_gets_in_without_signing_in(db: Any) -> None:
    response = get({}, "/messages")
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


def test_an_operator_has_no_texts(signed_in_as: Any, db: Any) -> None:
    assert signed_in_as(factories.OperatorFactory()).get(f"{BASE}/messages").status_code == 403


def test_a_session_sends_with_its_csrf_token_only(user: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    response = browser.post(f"{BASE}/messages", {"to": TO, "body": "x"}, content_type="application/json")
    assert response.status_code == 403
    assert Message.objects.count() == 0
