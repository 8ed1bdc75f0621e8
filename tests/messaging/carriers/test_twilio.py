"""What is Twilio’s alone. Its own library is the judge of signatures."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils.datastructures import MultiValueDict
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from messaging.carriers.twilio import TwilioCarrier
from messaging.carriers.wire import Wire
from messaging.models import CarrierAccount, Message, Receipt
from provisioning import vault
from provisioning.models import User
from tests.factories import MessageFactory
from tests.messaging.carrier_events import account_of
from tests.messaging.carriers.contract import NOW, TEXT, Request, request
from tests.messaging.carriers.twilio_cases import ACCOUNT, CREDENTIALS, FORM, INBOUND, SID, STATUS, TOKEN
from tests.messaging.far_side import FarSide, answers, http

CARRIER = TwilioCarrier("https://api.twilio.com", CREDENTIALS)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
addresses = st.sampled_from(
    [
        "https://hub.example/webhooks/1/",
        "https://hub.example:8443/w/?reference=a%20b",
        "http://hub.example:80/w/?a=1&b=",
    ]
)


@given(pairs=st.lists(st.tuples(words, words), max_size=8), url=addresses, token=st.text(min_size=1, max_size=40))
def test_twilios_own_library_signs_as_we_verify(pairs: list[tuple[str, str]], url: str, token: str) -> None:
    token = token.encode(errors="replace").decode()
    parameters: MultiValueDict[str, str] = MultiValueDict()
    for name, value in pairs:
        parameters.appendlist(name, value)
    signature = RequestValidator(token).compute_signature(url, parameters)
    arrived = request(urlencode(pairs).encode(), url, content_type=FORM, x_twilio_signature=signature)
    carrier = TwilioCarrier("https://api.twilio.com", {**CREDENTIALS, "auth_token": token})
    assert carrier.verify(arrived, NOW)
    assert not CARRIER.verify(arrived, NOW) or token == TOKEN


@given(
    pairs=st.lists(st.tuples(words, words), min_size=1, max_size=5, unique_by=lambda pair: pair[0]),
    url=addresses,
    at=st.integers(min_value=0),
)
def test_one_changed_letter_is_another_request(pairs: list[tuple[str, str]], url: str, at: int) -> None:
    signature = RequestValidator(TOKEN).compute_signature(url, dict(pairs))
    place = at % len(pairs)
    changed = [*pairs[:place], (pairs[place][0], pairs[place][1] + "x"), *pairs[place + 1 :]]
    arrived = request(urlencode(changed).encode(), url, content_type=FORM, x_twilio_signature=signature)
    assert CARRIER.verify(arrived, NOW) == RequestValidator(TOKEN).validate(url, dict(changed), signature)


async def _sent(credentials: dict[str, str]) -> Request:
    wire = Wire(timeout=1.0)
    async with FarSide(answers(http("201 Created", f'{{"sid": "{SID}"}}'))) as far:
        await TwilioCarrier(far.url, credentials).send(TEXT, wire)
    await wire.aclose()
    return Request.of(far.requests[0])


async def test_an_api_key_sends_and_the_auth_token_still_verifies() -> None:
    credentials = {**CREDENTIALS, "api_key_sid": "SK1", "api_key_secret": "key secret"}
    sent = await _sent(credentials)
    assert sent.headers["authorization"] == "Basic " + base64.b64encode(b"SK1:key secret").decode()
    assert ACCOUNT in sent.line
    signature = RequestValidator(TOKEN).compute_signature("https://hub.example/", INBOUND)
    arrived = request(
        urlencode(INBOUND).encode(), "https://hub.example/", content_type=FORM, x_twilio_signature=signature
    )
    assert TwilioCarrier("https://api.twilio.com", credentials).verify(arrived, NOW)


async def test_a_messaging_service_sends_from_our_number() -> None:
    sent = await _sent({**CREDENTIALS, "messaging_service_sid": "MG1"})
    form = dict(parse_qsl(sent.body.decode()))
    assert (form["MessagingServiceSid"], form["From"]) == ("MG1", TEXT.own_e164)


# Through the door


@pytest.fixture
def account(user: User) -> CarrierAccount:
    account = account_of(user.primary_number)
    account.carrier, account.sealed_credentials = "twilio", vault.seal(CREDENTIALS)
    account.save()
    return account


def post(
    account: CarrierAccount, form: dict[str, str], public_url: str, query: str = "", **headers: str
) -> HttpResponse:
    """As Twilio posts to the address that it was given."""
    path = f"/webhooks/{account.pk}/{query}"
    signature = RequestValidator(TOKEN).compute_signature(f"{public_url}{path}", form)
    headers = {"X-Twilio-Signature": signature, **headers}
    return Client().post(path, urlencode(form), content_type=FORM, headers=headers)


def test_a_persons_text_is_taken_and_answered_with_empty_twiml(
    account: CarrierAccount, user: User, settings: Any
) -> None:
    answer = post(account, {**INBOUND, "To": user.primary_number.e164}, settings.PUBLIC_URL)
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "text/xml", b"<Response/>")
    assert Message.objects.get().body == INBOUND["Body"]


def test_a_signature_over_what_the_request_says_of_its_host_is_none(account: CarrierAccount) -> None:
    answer = post(
        account, INBOUND, "https://evil.example", **{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    )
    assert answer.status_code == 403
    assert not Message.objects.exists()


def test_a_status_callback_that_comes_twice_is_stored_once(account: CarrierAccount, user: User, settings: Any) -> None:
    text = MessageFactory(conversation__user=user, status="sending", carrier_account=account)
    for _time in range(3):
        assert post(account, STATUS, settings.PUBLIC_URL, f"?reference={text.pk}").status_code == 200
    assert Receipt.objects.get().message_id == text.pk
    text.refresh_from_db()
    assert text.status == "delivered"


def test_a_queued_callback_shows_that_an_unconfirmed_text_was_taken(
    account: CarrierAccount, user: User, settings: Any
) -> None:
    text = MessageFactory(conversation__user=user, status="unconfirmed", carrier_account=account)
    post(account, {**STATUS, "MessageStatus": "queued"}, settings.PUBLIC_URL, f"?reference={text.pk}")
    text.refresh_from_db()
    assert text.status == "sent"
