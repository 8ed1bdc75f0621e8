"""An operator asks a carrier about a text: what it says is a receipt, what it doesn't know moves nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from compliance.models import AuditEvent
from messaging import clock
from messaging.models import CarrierAccount, CarrierBatch, Exchange, Message, Receipt
from messaging.models.messages import Direction, Status
from provisioning import vault
from provisioning.models import User
from tests import factories
from tests.messaging.operations_rows import text_of

pytestmark = pytest.mark.django_db


class Twilio(ThreadingHTTPServer):
    """Answers every question with `answer`, an HTTP status and a document."""

    answer: tuple[int, dict[str, Any]] = (500, {})

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Twilio

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, document = self.server.answer
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Quiet."""


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    with Twilio() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def account(user: User, twilio: Twilio) -> CarrierAccount:
    account = CarrierAccount.objects.get()
    account.carrier = "twilio"
    account.base_url = f"http://127.0.0.1:{twilio.server_port}"
    account.sealed_credentials = vault.seal({"account_sid": "AC1", "auth_token": "secret"})
    account.save()
    return account


@pytest.fixture
def text(account: CarrierAccount, user: User) -> Message:
    """Handed over once; the carrier's answer was lost after its id was known."""
    now = clock.database_now()
    return text_of(
        user, now, Status.UNCONFIRMED, carrier_account=account, carrier_message_id="SM1", attempts=1, unconfirmed_at=now
    )


@pytest.fixture
def operator(signed_in_as: Any) -> Client:
    browser: Client = signed_in_as(factories.OperatorFactory())
    return browser


def ask(browser: Client, text: Message) -> str:
    answer = browser.post(reverse("operations_ask", args=[text.pk]), follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def says(status: str) -> tuple[int, dict[str, Any]]:
    return 200, {"sid": "SM1", "status": status, "date_updated": "Thu, 26 Nov 2026 09:00:00 +0000", "error_code": None}


def test_what_the_carrier_says_is_taken_as_a_receipt(operator: Client, text: Message, twilio: Twilio) -> None:
    twilio.answer = says("delivered")
    page = ask(operator, text)
    assert "The carrier answered." in page
    text.refresh_from_db()
    assert text.status == Status.DELIVERED
    assert Receipt.objects.get().message_id == text.pk
    assert twilio.asked == ["/2010-04-01/Accounts/AC1/Messages/SM1.json"]
    assert "GET /2010-04-01/Accounts/AC1/Messages/SM1.json" in page
    assert not CarrierBatch.objects.exists(), "a question is no attempt: it says nothing of how texts fare"
    assert [(event.action, event.after) for event in AuditEvent.objects.filter(action="text.carrier_asked")] == [
        ("text.carrier_asked", {"answer": "news"})
    ]


def test_the_same_answer_twice_is_taken_once(operator: Client, text: Message, twilio: Twilio) -> None:
    twilio.answer = says("delivered")
    ask(operator, text)
    assert "The carrier says what it said before." in ask(operator, text)
    assert Receipt.objects.count() == 1
    assert Exchange.objects.filter(message=text, outcome="asked").count() == 2
    asked = AuditEvent.objects.filter(action="text.carrier_asked").order_by("pk")
    assert [event.after["answer"] for event in asked] == ["news", "nothing_new"]


def test_what_the_carrier_does_not_know_moves_nothing(operator: Client, text: Message, twilio: Twilio) -> None:
    twilio.answer = 404, {"code": 20404, "message": "not found"}
    assert "no proof that it never had it" in ask(operator, text)
    text.refresh_from_db()
    assert text.status == Status.UNCONFIRMED
    assert not Receipt.objects.exists()


def test_a_carrier_without_a_usable_answer_is_a_sentence(operator: Client, text: Message, twilio: Twilio) -> None:
    assert "gave no usable answer" in ask(operator, text)
    CarrierAccount.objects.update(base_url="http://127.0.0.1:9")
    assert "gave no usable answer" in ask(operator, text)
    text.refresh_from_db()
    assert text.status == Status.UNCONFIRMED


def test_an_answer_that_the_adapter_can_not_read_is_a_sentence_and_told(
    operator: Client, text: Message, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from messaging.carriers import twilio as adapter

    monkeypatch.setattr(adapter, "_found", lambda *_: {}["nothing"])
    twilio.answer = says("delivered")
    assert "gave no usable answer" in ask(operator, text)
    assert Exchange.objects.filter(message=text, outcome="asked").count() == 1


def test_a_carrier_that_can_not_be_asked_says_so(operator: Client, text: Message, twilio: Twilio) -> None:
    Message.objects.update(carrier_message_id="")
    page = ask(operator, text)
    assert page.count("its id of the text isn’t known") == 2, "in answer to the click, and instead of the button"
    assert "Ask the carrier" not in page
    assert twilio.asked == []
    assert Exchange.objects.count() == 0


def test_only_a_text_that_a_carrier_had_can_be_asked_about(operator: Client, text: Message, user: User) -> None:
    now = clock.database_now()
    waiting = text_of(user, now, Status.QUEUED, seq=7)
    inbound = text_of(
        user, now, Status.RECEIVED, seq=8, direction=Direction.INBOUND, carrier_account=text.carrier_account, attempts=1
    )
    for other, said in ((waiting, "never handed to a carrier"), (inbound, "the carrier brought it")):
        assert said in ask(operator, other)
        page = operator.get(reverse("operations_text", args=[other.pk])).content.decode()
        assert said in page
        assert "Ask the carrier" not in page
    assert "Ask the carrier" in operator.get(reverse("operations_text", args=[text.pk])).content.decode()
    assert not AuditEvent.objects.filter(action="text.carrier_asked").exists()


@pytest.mark.parametrize(("carrier", "called"), [("simulator", "Simulator"), ("unheard-of", "unheard-of")])
def test_a_carrier_that_answers_no_questions_is_not_asked(
    operator: Client, text: Message, twilio: Twilio, carrier: str, called: str
) -> None:
    CarrierAccount.objects.update(carrier=carrier)
    page = ask(operator, text)
    assert page.count(f"{called} answers no such questions") == 2
    assert "Ask the carrier" not in page
    assert not AuditEvent.objects.filter(action="text.carrier_asked").exists()


def test_only_operators_ask(text: Message, signed_in_as: Any, full_admin: User, officer: User, twilio: Twilio) -> None:
    for person in (full_admin, officer, text.user):
        assert signed_in_as(person).post(reverse("operations_ask", args=[text.pk])).status_code in (403, 404)
    assert twilio.asked == []


@pytest.mark.django_db(transaction=True)
def test_no_transaction_waits_for_the_carrier(
    operator: Client, text: Message, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from messaging import asking

    found = []
    inner = asking._asked

    def spy(row: Message) -> Any:
        found.append(connection.in_atomic_block)
        return inner(row)

    monkeypatch.setattr(asking, "_asked", spy)
    ask(operator, text)
    assert found == [False]
