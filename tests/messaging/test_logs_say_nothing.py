"""A text's whole way (composed, sent, receipted, answered) leaves ids in the log: no words, no whole number."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from django.conf import settings as configured

from messaging import clock
from messaging.compose import compose
from messaging.relay import Relay
from provisioning.models import User
from tests.messaging.carrier_events import account_of, post, receipt_event, received_event
from texting_hub.logs import hide

OTHER = "+12065550122"
MARKER = "the-biopsy-result-is-in"


def formatter() -> logging.Formatter:
    """The one that settings give to every handler."""
    chosen = dict(configured.LOGGING["formatters"]["json"])
    made: logging.Formatter = chosen.pop("()")(**chosen)
    return made


def ways_to_write(e164: str) -> set[str]:
    """`+14155550122` as people and libraries write it."""
    area, exchange, line = e164[2:5], e164[5:8], e164[8:]
    return {
        e164, e164[1:], e164[2:], f"({area}) {exchange}-{line}", f"{area}-{exchange}-{line}",
        f"{area}.{exchange}.{line}", f"+1 {area} {exchange} {line}", f"1-{area}-{exchange}-{line}",
        f"tel:{e164}", f"%2B{e164[1:]}",
    }  # fmt: skip


@pytest.mark.parametrize("written", sorted(ways_to_write("+14155550122")))
def test_a_number_is_hidden_however_it_is_written(written: str) -> None:
    event = hide(None, "info", {"event": f"sent to {written}, then", "nested": {"to": [written]}})
    assert "0122" not in json.dumps(event)
    assert event["event"].endswith("22, then")


@pytest.mark.parametrize(
    "kept",
    [
        "01990000-0000-7000-8000-00000000000d",
        "01a216e4-8d71-744d-9284-195497000047",
        "2026-11-26T08:06:46.886550Z",
        "2026-11-26 07:51:46.886261+00:00",
        "batch of 500 in 1200 ms",
        "127.0.0.1:8000",
        "SM12345678901234567890",
    ],
)
def test_ids_times_and_counts_stay_readable(kept: str) -> None:
    assert hide(None, "info", {"event": kept}) == {"event": kept}


def test_words_are_dropped_wherever_they_are_handed_over() -> None:
    event = hide(None, "info", {"event": "sent", "body": MARKER, "kept": {"text": MARKER, "id": 1}, "raw": MARKER})
    assert event == {"event": "sent", "kept": {"id": 1}}


def test_an_exception_is_logged_by_type_and_place_without_what_it_quotes() -> None:
    try:
        try:
            raise ValueError(MARKER)
        except ValueError as error:
            raise ConnectionError("[Errno 111] Connection refused") from error
    except ConnectionError:
        line = formatter().format(
            logging.LogRecord("messaging", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
        )
    assert MARKER not in line
    assert "ValueError" in line
    assert "ConnectionError: [Errno 111] Connection refused" in line
    assert "test_logs_say_nothing.py" in line


@pytest.mark.django_db(transaction=True)
def test_the_whole_way_of_a_text_leaves_no_words_and_no_number(user: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.setFormatter(formatter())
    caplog.set_level(logging.INFO)
    account = account_of(user.primary_number)
    now = clock.database_now()
    text = compose(user=user, to="(206) 555-0122", body=MARKER, now=now).message
    with Relay() as relay:
        relay.run()
    text.refresh_from_db()
    assert text.attempts == 1
    assert post(account, receipt_event(text, "delivered")).status_code == 200
    assert post(account, receipt_event(text, "something new", code="77")).status_code == 200
    for body in (MARKER, f"call {text.own_e164}", "STOP"):
        assert post(account, received_event(user, body, **{"from": OTHER})).status_code == 200
    assert post(account, received_event(user, MARKER, to="+12065550199")).status_code == 200
    assert post(account, received_event(user, MARKER), secret="not ours").status_code == 403
    assert post(account, f"not json {MARKER} {OTHER}".encode()).status_code == 400
    said = caplog.text
    for event in ("receipt_not_understood", "inbound_to_unknown_number", "webhook_refused", "webhook_malformed"):
        assert event in said
    for hidden in {MARKER} | ways_to_write(OTHER) | ways_to_write(text.own_e164) | ways_to_write("+12065550199"):
        assert hidden not in said, hidden
