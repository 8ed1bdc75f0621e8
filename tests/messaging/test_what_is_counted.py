"""Texts handed in and requests of carriers are counted for Prometheus, by what they were answered."""

from __future__ import annotations

import pytest

from messaging import measurements
from messaging.compose import compose
from provisioning.models import User
from provisioning.refusals import Refusal
from tests.factories import NOW
from tests.messaging.carrier_events import account_of, post, received_event

pytestmark = pytest.mark.django_db


def test_each_text_handed_in_is_counted_by_its_answer(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    monkeypatch.setattr(measurements, "count_composes", counted.append)
    compose(user=user, to="+12065550122", body="Hello", now=NOW)
    with pytest.raises(Refusal):
        compose(user=user, to="+12065550122", body=" ", now=NOW)
    assert counted == ["accepted", "empty_body"]


def test_each_request_of_a_carrier_is_counted_by_its_answer(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    account, counted = account_of(user.primary_number), list[tuple[str, str]]()
    monkeypatch.setattr(measurements, "count_webhooks", lambda *said: counted.append(said))
    post(account, received_event(user))
    post(account, received_event(user), secret="another")
    post(account, b"{")
    assert counted == [(account.name, answer) for answer in ("ok", "signature", "malformed")]
