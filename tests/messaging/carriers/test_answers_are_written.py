"""Whatever a carrier answers, the relay can write it down, on both databases."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from messaging.models import Exchange
from messaging.relay import run
from provisioning import vault
from provisioning.models import Alert, User
from tests.factories import NOW
from tests.messaging.carrier_events import account_of
from tests.messaging.carriers import bandwidth_cases, simulator_cases, twilio_cases
from tests.messaging.far_side import FarSide, answers, http
from tests.messaging.relay_stage import fresh, write

CASES = [simulator_cases, twilio_cases, bandwidth_cases]
UNSTORABLE = (
    '{"code": "a\\u0000b\\ud83d", "type": "a\\u0000b\\ud83d", "message": "bad \\u0000 \\ud83d thing", '
    '"description": "bad \\u0000 \\ud83d thing"}'
)


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """The address of a far side that lives in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    far = FarSide(answers(reply))
    asyncio.run_coroutine_threadsafe(far.__aenter__(), loop).result()
    yield far.url
    asyncio.run_coroutine_threadsafe(far.__aexit__(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.mark.parametrize("cases", CASES, ids=lambda cases: cases.CONTRACT.name)
def test_a_refusal_with_what_no_database_stores_is_written_down(user: User, cases: Any) -> None:
    text = write(user)
    with answering(http("400 Bad Request", UNSTORABLE)) as url:
        account = account_of(user.primary_number)
        account.carrier, account.base_url = cases.CONTRACT.name, url
        account.sealed_credentials = vault.seal(cases.CREDENTIALS)
        account.save()
        run(lambda: NOW)
    found = fresh(text)
    assert (found.status, found.reason, found.carrier_code) == ("failed", "carrier_rejected", "ab")
    assert Exchange.objects.get().response.isprintable()
    assert Alert.objects.get(code="unknown_carrier_code").facts["said"] == "ab"
