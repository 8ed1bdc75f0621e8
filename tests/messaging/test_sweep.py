"""Numbers whose wake-up was lost are found, others are left alone; a long queue makes the look no longer, and what
can't be done keeps nothing else from being done."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from messaging import states, sweep
from messaging.models import Message, SendingNumber
from messaging.models.messages import Status
from provisioning.models import Organization, User
from tests import factories
from tests.factories import NOW
from tests.faults.obstacles import refused_row

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=1)


def text(user: User, status: str = Status.QUEUED, **fields: Any) -> Message:
    fields = {"accepted_at": NOW, **fields}
    return factories.MessageFactory(conversation=factories.ConversationFactory(user=user), status=status, **fields)


def asleep(until: Any = None) -> None:
    SendingNumber.objects.update(next_due_at=until)


@pytest.mark.parametrize("until", [None, NOW + timedelta(hours=2)])
def test_a_number_that_sleeps_over_a_text_is_woken(organization: Organization, until: Any) -> None:
    users = [factories.texting_user(organization) for _user in range(3)]
    for user in users[1:]:
        text(user)
    asleep(until)
    assert sweep.find_forgotten(NOW) == 2
    woken = SendingNumber.objects.filter(next_due_at=NOW)
    assert {number.pk for number in woken} == {user.primary_number.pk for user in users[1:]}
    assert sweep.find_forgotten(NOW) == 0


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (Status.SCHEDULED, {"due_at": NOW - timedelta(minutes=1)}),
        (Status.QUEUED, {"due_at": LATER}),
        (Status.QUEUED, {"due_at": NOW - timedelta(hours=25)}),
        (Status.QUEUED, {"leased_until": LATER}),
        (Status.QUEUED, {"retry_at": LATER}),
        (Status.SENDING, {}),
        (Status.SENT, {}),
    ],
)
def test_one_that_has_nothing_to_send_now_may_sleep(user: User, status: str, fields: dict[str, Any]) -> None:
    text(user, status, **fields)
    asleep()
    assert sweep.find_forgotten(NOW) == 0
    text(user)
    assert sweep.find_forgotten(NOW) == 1


def test_one_that_looks_soon_is_not_disturbed(user: User) -> None:
    text(user)
    asleep(NOW + timedelta(minutes=30))
    assert sweep.find_forgotten(NOW) == 0


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite does not tell how many rows it read")
def test_the_look_takes_steps_for_numbers_not_for_texts(organization: Organization) -> None:
    of_each = [text(factories.texting_user(organization)) for _user in range(3)]
    for first in of_each:
        Message.objects.bulk_create(
            Message(**{**fields_of(first), "seq": first.seq + place}) for place in range(1, 400)
        )  # fmt: skip
    asleep(NOW)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(IDLE_NUMBERS)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
        cursor.execute("ANALYZE messaging_message, messaging_sendingnumber")
    assert rows_read() < 20


IDLE_NUMBERS = """
INSERT INTO messaging_sendingnumber
    (number_id, organization_id, carrier_account_id, tokens, texts_a_minute, burst, texts_a_day, paused)
SELECT md5(place::text)::uuid, organization_id, carrier_account_id, 6, 6, 6, 1000, FALSE
FROM generate_series(1, 2000) place, (SELECT * FROM messaging_sendingnumber LIMIT 1) known
"""


def fields_of(message: Message) -> dict[str, Any]:
    return {
        field.attname: getattr(message, field.attname) for field in Message._meta.concrete_fields if field.name != "id"
    }


def rows_read() -> float:
    """Of messages, by the statements of one look."""
    seen: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "messaging_message" in sql:
            seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        sweep.find_forgotten(NOW)
    assert seen
    with connection.cursor() as cursor:
        plans = []
        for sql, params in seen:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
            ((found,),) = cursor.fetchall()
            plans += found if isinstance(found, list) else json.loads(found)
    return sum(_rows(plan["Plan"]) for plan in plans)


def _rows(node: dict[str, Any]) -> float:
    mine = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    below = sum(_rows(child) for child in node.get("Plans", ()))
    return below + (mine if node.get("Relation Name") == "messaging_message" else 0)


def test_a_step_that_fails_keeps_none_of_the_others_from_being_taken(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: Any) -> int:
        raise RuntimeError("no such thing")

    for name in ("lapse", "expire", "enqueue_scheduled"):
        monkeypatch.setattr(states, name, broken)
    text(user)
    asleep()
    assert sweep.sweep(NOW)
    assert SendingNumber.objects.get().next_due_at == NOW


def test_one_row_that_cannot_lapse_does_not_keep_the_others_from_it(user: User) -> None:
    vanished = {"status": Status.SENDING, "leased_until": NOW, "lease_token": uuid.uuid4()}
    bad, good = text(user, **vanished), text(user, **vanished)
    with refused_row(bad, Status.UNCONFIRMED):
        sweep.sweep(NOW)
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.status, good.status) == (Status.SENDING, Status.UNCONFIRMED)
