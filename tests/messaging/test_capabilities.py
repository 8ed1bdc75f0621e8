"""Whether numbers can text, as carriers report it: asked in batches, taken over when it changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from messaging import capabilities
from messaging.capabilities import refresh
from messaging.carriers.base import CannotBeAsked, CapabilityAnswer, NotTaken, Refused, Unconfirmed
from messaging.models import CarrierAccount, SendingNumber
from messaging.routing import ask_capability
from provisioning.changes import Actor
from provisioning.eligibility import standing
from provisioning.models import Location, Organization, PhoneNumber, User
from provisioning.models.numbers import TextCapability
from provisioning.number_additions import Addition, add
from provisioning.number_capability import ask_again
from provisioning.number_inventory import release
from tests.factories import (
    NOW,
    CarrierAccountFactory,
    LocationFactory,
    OperatorFactory,
    PhoneNumberFactory,
    SendingNumberFactory,
)
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from tests.provisioning.recorded import recorded

__all__ = ["carrier"]

ACTOR = Actor.system("test")
LATER = NOW + timedelta(days=2)


@pytest.fixture
def location(organization: Organization) -> Location:
    return LocationFactory(organization=organization)


@pytest.fixture
def account(db: Any) -> CarrierAccount:
    return CarrierAccountFactory()


def number(account: CarrierAccount, capability: str = "unknown", **fields: Any) -> PhoneNumber:
    """A number of the account that is due now, added just now."""
    made = PhoneNumberFactory(capability=capability, capability_due_at=NOW, **fields)
    SendingNumberFactory(number=made, carrier_account=account)
    PhoneNumber.objects.filter(pk=made.pk).update(created_at=NOW)
    return made


def says(capability: str, reason: str = "") -> Any:
    return lambda e164: CapabilityAnswer(e164, capability, reason)


def due(row: PhoneNumber) -> datetime | None:
    row.refresh_from_db()
    return row.capability_due_at


def test_what_the_carrier_reports_is_taken_over_with_its_reason_and_the_time(
    carrier: CarrierInMemory, account: CarrierAccount
) -> None:
    row = number(account)
    carrier.says = says("incapable", "The line is not enabled.")
    with recorded() as changes:
        refresh(NOW)
    row.refresh_from_db()
    assert (row.capability, row.capability_reason) == ("incapable", "The line is not enabled.")
    assert (row.capability_checked_at, row.capability_due_at) == (NOW, NOW + timedelta(days=1))
    (change,) = changes
    assert (change.action, change.actor.label, change.organization_id) == (
        "number.capability_changed", "Carrier", row.organization_id,
    )  # fmt: skip
    assert change.before == {"text_capability": "Not yet reported"}
    assert change.after == {"text_capability": "Can't text", "reason": "The line is not enabled."}


def test_what_stayed_the_same_is_noted_and_not_recorded(carrier: CarrierInMemory, account: CarrierAccount) -> None:
    row = number(account, "capable")
    with recorded() as changes:
        refresh(NOW)
    row.refresh_from_db()
    assert (changes, row.capability_checked_at) == ([], NOW)


def test_what_is_not_reported_yet_is_asked_again_in_minutes_and_after_a_day_in_hours(
    carrier: CarrierInMemory, account: CarrierAccount
) -> None:
    row = number(account)
    carrier.says = says("unknown")
    refresh(NOW)
    assert due(row) == NOW + timedelta(minutes=5)
    refresh(NOW + timedelta(days=1))
    assert due(row) == NOW + timedelta(days=1, hours=1)


def test_only_what_is_due_is_asked_about_and_what_waits_longest_first(
    carrier: CarrierInMemory, account: CarrierAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capabilities, "MOST", 2)
    rows = [number(account) for _ in range(4)]
    for row, minutes in zip(rows, (1, 3, 2, -1), strict=True):
        PhoneNumber.objects.filter(pk=row.pk).update(capability_due_at=NOW - timedelta(minutes=minutes))
    assert refresh(NOW) is True
    assert carrier.asked == [[rows[1].e164, rows[2].e164]]
    assert refresh(NOW) is False
    assert carrier.asked[1:] == [[rows[0].e164]]


def test_a_hundred_numbers_are_one_question(
    carrier: CarrierInMemory, account: CarrierAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capabilities, "A_QUESTION", 3)
    for _ in range(7):
        number(account)
    refresh(NOW)
    assert sorted(len(question) for question in carrier.asked) == [1, 3, 3]


def test_each_account_is_asked_about_its_own_numbers_and_a_paused_one_about_none(
    carrier: CarrierInMemory, account: CarrierAccount
) -> None:
    other, paused = CarrierAccountFactory(), CarrierAccountFactory(paused=True)
    mine, theirs, resting = number(account), number(other), number(paused)
    refresh(NOW)
    assert sorted(carrier.asked) == sorted([[mine.e164], [theirs.e164]])
    assert due(resting) == NOW


@pytest.mark.parametrize("error", [NotTaken("HTTP 503"), Unconfirmed("TimeoutError"), ZeroDivisionError()])
def test_a_carrier_that_does_not_answer_is_asked_again_in_minutes(
    carrier: CarrierInMemory, account: CarrierAccount, error: Exception
) -> None:
    row = number(account, "capable")

    def fails(e164: str) -> CapabilityAnswer:
        raise error

    carrier.says = fails
    with recorded() as changes:
        refresh(NOW)
    assert (due(row), row.capability, row.capability_checked_at) == (NOW + timedelta(minutes=5), "capable", None)
    assert changes == []


def test_one_number_that_a_carrier_will_not_hear_of_stands_in_nobodys_way(
    carrier: CarrierInMemory, account: CarrierAccount
) -> None:
    rows = [number(account) for _ in range(5)]

    def refuses_the_third(e164: str) -> CapabilityAnswer:
        if e164 == rows[2].e164:
            raise Refused("carrier_rejected", code="4000")
        return CapabilityAnswer(e164, "capable")

    carrier.says = refuses_the_third
    refresh(NOW)
    found = [PhoneNumber.objects.get(pk=row.pk).capability for row in rows]
    assert found == ["capable", "capable", "unknown", "capable", "capable"]
    assert due(rows[2]) == NOW + timedelta(minutes=5)


def test_a_number_that_the_carrier_leaves_out_stays_as_it_is(carrier: CarrierInMemory, account: CarrierAccount) -> None:
    row = number(account, "capable")
    carrier.says = lambda e164: None
    refresh(NOW)
    assert (due(row), row.capability) == (NOW + timedelta(minutes=5), "capable")


def test_a_carrier_that_cannot_be_asked_is_asked_once_until_the_number_moves(
    carrier: CarrierInMemory, account: CarrierAccount, organization: Organization
) -> None:
    row = number(account, organization=organization)

    def cannot(e164: str) -> CapabilityAnswer:
        raise CannotBeAsked

    carrier.says = cannot
    with recorded() as changes:
        refresh(NOW)
    assert (due(row), row.capability, row.capability_checked_at, changes) == (None, "unknown", None, [])
    refresh(LATER)
    assert len(carrier.asked) == 1
    ask_capability([row.pk], LATER)
    carrier.says = says("capable")
    refresh(LATER)
    assert (due(row), row.capability) == (LATER + timedelta(days=1), "capable")


def test_an_operator_who_gives_a_number_to_another_carrier_has_that_one_asked(
    carrier: CarrierInMemory, account: CarrierAccount, signed_in_as: Any
) -> None:
    row, other = number(account), CarrierAccountFactory()
    PhoneNumber.objects.filter(pk=row.pk).update(capability_due_at=None)
    browser = signed_in_as(OperatorFactory())
    sending = SendingNumber.objects.get(number=row)
    values = {"texts_a_minute": 6, "burst": 6, "texts_a_day": 1000, "carrier_account": account.pk}
    address = reverse("admin:messaging_sendingnumber_change", args=[sending.pk])
    assert browser.post(address, {**values, "burst": 5}).status_code == 302
    assert due(row) is None
    assert browser.post(address, {**values, "carrier_account": other.pk}).status_code == 302
    assert due(row) is not None
    PhoneNumber.objects.filter(pk=row.pk).update(capability_due_at=None)
    inline = {
        "organization": row.organization_id, "e164": row.e164, "source": row.source, "capability": row.capability,
        "active": "on", "sending-TOTAL_FORMS": 1, "sending-INITIAL_FORMS": 1, "sending-0-number": row.pk,
    } | {f"sending-0-{name}": value for name, value in values.items()}  # fmt: skip
    answer = browser.post(reverse("admin:provisioning_phonenumber_change", args=[row.pk]), inline)
    assert answer.status_code == 302
    assert SendingNumber.objects.get(number=row).carrier_account == account
    assert due(row) is not None


def test_a_number_released_while_the_carrier_was_asked_is_left_alone(
    carrier: CarrierInMemory, account: CarrierAccount
) -> None:
    row = number(account)
    asked = capabilities._due(NOW)
    release([row], ACTOR, NOW)
    capabilities._take_over(asked, {row.pk: CapabilityAnswer(row.e164, "capable")}, NOW)
    row.refresh_from_db()
    assert row.capability == TextCapability.UNKNOWN
    refresh(NOW)
    assert carrier.asked == []


def test_a_number_that_is_added_is_asked_about_at_once(
    carrier: CarrierInMemory, account: CarrierAccount, location: Location, django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    woken: list[str] = []
    monkeypatch.setattr("provisioning.number_capability._send", lambda: woken.append("woken"))
    with django_capture_on_commit_callbacks(execute=True):
        add(Addition(location, "cisco_calling_plan"), ["+14156560100"], ACTOR, NOW)
    refresh(NOW)
    assert (woken, carrier.asked) == (["woken"], [["+14156560100"]])
    assert PhoneNumber.objects.get().capability == "capable"


def test_numbers_without_a_carrier_are_connected_once_there_is_one(
    carrier: CarrierInMemory, location: Location
) -> None:
    add(Addition(location, "cisco_calling_plan"), ["+14156560100"], ACTOR, NOW)
    refresh(NOW)
    row = PhoneNumber.objects.get()
    assert (carrier.asked, due(row)) == ([], NOW + timedelta(minutes=5))
    CarrierAccountFactory()
    refresh(NOW + timedelta(minutes=5))
    assert SendingNumber.objects.filter(number=row).exists()
    assert carrier.asked == [["+14156560100"]]


def test_nobody_is_asked_about_numbers_of_another_provider(
    carrier: CarrierInMemory, account: CarrierAccount, location: Location
) -> None:
    add(Addition(location, "other"), ["+14156560100"], ACTOR, NOW)
    refresh(NOW)
    assert (carrier.asked, due(PhoneNumber.objects.get())) == ([], None)


def test_an_administrator_can_have_the_carrier_asked_again(
    carrier: CarrierInMemory, account: CarrierAccount, django_capture_on_commit_callbacks: Any
) -> None:
    row = number(account, "capable")
    refresh(NOW)
    assert ask_again([row], NOW + timedelta(hours=1)) == 1
    carrier.says = says("incapable")
    refresh(NOW + timedelta(hours=1))
    row.refresh_from_db()
    assert row.capability == "incapable"


def test_a_number_that_can_text_after_all_opens_its_users_composer(
    carrier: CarrierInMemory, user: User, organization: Organization
) -> None:
    PhoneNumber.objects.update(capability="unknown", capability_due_at=NOW)
    assert standing(User.objects.get(pk=user.pk)).code == "number_capability"
    refresh(NOW)
    assert standing(User.objects.get(pk=user.pk)).can_send


def test_the_queries_of_a_look_do_not_grow_with_its_numbers(
    carrier: CarrierInMemory, account: CarrierAccount, organization: Organization, django_assert_num_queries: Any
) -> None:
    for count in (1, 20):
        for _ in range(count):
            number(account, "capable", organization=organization)
        with django_assert_num_queries(8):
            refresh(NOW)
