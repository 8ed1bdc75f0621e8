"""Outcome counts: what is appended and folded is what a count of the texts themselves would say."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from messaging import counts, outcomes, states
from messaging.compose import compose
from messaging.models import DailyCount, Message, OrganizationDay, OutcomeDay, OutcomeDelta
from messaging.models.messages import Kind, Status
from messaging.states import Fact
from provisioning.refusals import Refusal
from tests.factories import NOW, ConversationFactory, MessageFactory, texting_user

pytestmark = pytest.mark.django_db

FACTS = [
    (Status.UNCONFIRMED, ""), (Status.FAILED, "carrier_rejected"), (Status.FAILED, "invalid_destination"),
    (Status.BLOCKED, "opted_out"), (Status.SENT, ""), (Status.DELIVERED, ""), (Status.UNDELIVERED, "unreachable"),
]  # fmt: skip


def scanned() -> Counter[tuple[str, str, str]]:
    texts = Message.objects.filter(direction="out", kind=Kind.PERSON, status__in=outcomes.COUNTED)
    return Counter((str(text.accepted_at.astimezone(UTC).date()), text.status, text.reason) for text in texts)


def counted() -> Counter[tuple[str, str, str]]:
    days = OutcomeDay.objects.exclude(texts=0)
    return Counter({(str(day.day), day.status, day.reason): day.texts for day in days})


def sending(**fields: Any) -> Message:
    return MessageFactory(status="sending", **fields)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=15,
)
@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(FACTS), st.integers(0, 9), st.booleans()), max_size=25)
)
def test_folding_at_any_time_ends_where_a_count_of_the_texts_does(steps: list[Any]) -> None:
    with transaction.atomic():
        conversation = ConversationFactory()
        texts = [
            sending(conversation=conversation, seq=place, accepted_at=NOW + timedelta(hours=9 * place))
            for place in range(1, 5)
        ]
        for which, (status, reason), seconds, folds in steps:
            states.advance(texts[which].pk, Fact(status, NOW + timedelta(seconds=seconds), reason=reason), now=NOW)
            if folds:
                outcomes.fold(limit=3)
        while outcomes.fold():
            pass
        assert counted() == scanned()
        transaction.set_rollback(True)


def test_a_reason_that_changes_under_one_status_moves_its_count() -> None:
    text = sending()
    states.advance(text.pk, Fact(Status.FAILED, NOW, reason="carrier_error"), now=NOW)
    states.advance(text.pk, Fact(Status.FAILED, NOW - timedelta(seconds=5), reason="carrier_rejected"), now=NOW)
    outcomes.fold()
    assert counted() == {("2026-11-23", "failed", "carrier_rejected"): 1}


def test_a_refused_text_counts_as_blocked_on_its_day() -> None:
    user = texting_user()
    with pytest.raises(Refusal):
        compose(user=user, to="+1 415 555 0188", body="Hi", media_count=1, now=NOW)
    outcomes.fold()
    assert sum(counted().values()) == sum(scanned().values()) == 1


def test_automatic_replies_are_nobodys_outcomes() -> None:
    text = sending(kind=Kind.AUTOMATIC)
    states.advance(text.pk, Fact(Status.SENT, NOW), now=NOW)
    outcomes.fold()
    assert counted() == {}


def test_what_was_folded_is_gone_and_never_added_twice() -> None:
    text = sending()
    states.advance(text.pk, Fact(Status.SENT, NOW), now=NOW)
    assert outcomes.fold() == 1
    assert outcomes.fold() == 0
    assert counted() == {("2026-11-23", "sent", ""): 1}
    assert not OutcomeDelta.objects.exists()


def test_a_fold_that_fails_leaves_everything_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    text = sending()
    states.advance(text.pk, Fact(Status.SENT, NOW), now=NOW)
    with monkeypatch.context() as broken:
        broken.setattr(outcomes, "_add", lambda *named: (_ for _ in ()).throw(DatabaseError))
        with pytest.raises(DatabaseError):
            outcomes.fold()
    outcomes.fold()
    assert counted() == {("2026-11-23", "sent", ""): 1}


def test_a_change_that_is_undone_is_not_counted() -> None:
    text = sending()
    with transaction.atomic():
        states.advance(text.pk, Fact(Status.SENT, NOW), now=NOW)
        transaction.set_rollback(True)
    outcomes.fold()
    assert counted() == {}


def test_the_days_of_an_organization_are_the_sums_of_its_numbers() -> None:
    one, other = texting_user(), texting_user()
    number = one.primary_number
    counts.add(number, one.pk, NOW, accepted=3, segments=5)
    counts.add(number, None, NOW, withheld=2)
    counts.add(number, one.pk, NOW - timedelta(days=1), received=4)
    counts.add(number, one.pk, NOW - timedelta(days=9), received=7)
    counts.add(other.primary_number, other.pk, NOW, accepted=100)
    outcomes.bring_up_to_date(NOW)
    outcomes.bring_up_to_date(NOW)
    rows = OrganizationDay.objects.filter(organization=one.organization).order_by("day")
    assert list(rows.values_list("day", "accepted", "segments", "received", "withheld")) == [
        (date(2026, 11, 22), 0, 0, 4, 0),
        (date(2026, 11, 23), 3, 5, 0, 2),
    ]


def test_a_recount_counts_what_was_written_past_the_relay_and_keeps_days_that_were_purged() -> None:
    text = MessageFactory()
    organization = text.organization
    OutcomeDay.objects.create(organization=organization, day=date(2025, 1, 1), status="sent", texts=9)
    DailyCount.objects.create(
        organization=organization, user=text.user, number=text.number, day=date(2025, 1, 1), accepted=9
    )
    for _twice in range(2):
        outcomes.recount(organization)
        assert counted() == {("2026-11-23", "delivered", ""): 1, ("2025-01-01", "sent", ""): 9}
    assert OrganizationDay.objects.get().accepted == 9
