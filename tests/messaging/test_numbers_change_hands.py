"""What a number's new user, its old one, and another organization see of it: only what is theirs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from messaging import optouts, policy
from messaging.compose import compose
from messaging.composer import composer_of
from messaging.inbound import accept_inbound
from messaging.inbox import conversation_page
from messaging.models import CarrierAccount, Conversation, Message, OptOut, SendingNumber
from messaging.models.messages import Kind, Status
from messaging.relay import Relay
from provisioning.changes import Actor
from provisioning.models import Organization, PhoneNumber, User
from provisioning.models.organizations import OptOutScope
from provisioning.number_additions import Addition, add
from provisioning.number_assignment import assign_primary, reassign, release_primary
from provisioning.number_inventory import link, release
from provisioning.refusals import Refusal
from tests.factories import NOW, PhoneNumberFactory, SendingNumberFactory, UserFactory
from tests.messaging.carrier_events import PERSON, account_of, inbound
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier

__all__ = ["carrier"]

ACTOR = Actor.system("test")
GONE = "This number is no longer yours"


@pytest.fixture
def number(user: User) -> PhoneNumber:
    return PhoneNumber.objects.get(user=user)


@pytest.fixture
def account(number: PhoneNumber) -> CarrierAccount:
    return account_of(number)


@pytest.fixture
def successor(user: User) -> User:
    """Somebody at the same location, licensed, without a number."""
    return UserFactory(location=user.location)


@pytest.fixture
def worker(carrier: CarrierInMemory) -> Iterator[Relay]:
    with Relay(lambda: NOW) as worker:
        yield worker


def arrives(account: CarrierAccount, number: PhoneNumber, body: str = "Hello") -> Message | None:
    filed = accept_inbound(account, inbound(number.e164, body), NOW)
    return filed.message if filed else None


def inbox(user: User) -> list[Conversation]:
    return conversation_page(User.objects.get(pk=user.pk)).conversations


def composer(conversation: Conversation) -> Any:
    return composer_of(Conversation.objects.get(pk=conversation.pk), User.objects.get(pk=conversation.user_id))


def test_the_new_user_of_a_number_starts_with_an_empty_inbox_and_the_old_one_keeps_the_history(
    account: CarrierAccount, number: PhoneNumber, user: User, successor: User
) -> None:
    arrives(account, number, "For the first user")
    reassign(number, successor, ACTOR, NOW)
    assert inbox(successor) == []
    assert [one.last_message.body for one in inbox(user) if one.last_message] == ["For the first user"]


def test_a_reply_after_the_change_reaches_the_new_user_alone(
    account: CarrierAccount, number: PhoneNumber, user: User, successor: User
) -> None:
    before = arrives(account, number, "For the first user")
    reassign(number, successor, ACTOR, NOW)
    after = arrives(account, number, "For the second")
    assert before is not None
    assert after is not None
    assert (before.user, after.user) == (user, successor)
    assert before.conversation != after.conversation
    assert [one.last_message.body for one in inbox(user) if one.last_message] == ["For the first user"]
    assert [one.last_message.body for one in inbox(successor) if one.last_message] == ["For the second"]


def test_the_first_users_composer_closes_and_reopens_if_the_number_comes_back(
    account: CarrierAccount, number: PhoneNumber, user: User, successor: User
) -> None:
    arrives(account, number)
    (conversation,) = inbox(user)
    assert composer(conversation).is_open
    reassign(number, successor, ACTOR, NOW)
    assert (composer(conversation).state, composer(conversation).title) == ("number_gone", GONE)
    reassign(number, user, ACTOR, NOW)
    assert composer(conversation).is_open
    arrives(account, number, "Again")
    assert inbox(user) == [conversation]


def test_the_page_of_the_old_conversation_says_so_in_place_of_the_composer(
    account: CarrierAccount, number: PhoneNumber, user: User, successor: User, signed_in_as: Any
) -> None:
    arrives(account, number)
    (conversation,) = inbox(user)
    reassign(number, successor, ACTOR, NOW)
    page = signed_in_as(user).get(reverse("conversation", args=[conversation.pk]))
    assert GONE in page.content.decode()
    assert signed_in_as(successor).get(reverse("conversation", args=[conversation.pk])).status_code == 404


def test_a_user_given_another_number_cannot_write_on_from_the_old_one(
    account: CarrierAccount, number: PhoneNumber, user: User
) -> None:
    arrives(account, number)
    (conversation,) = inbox(user)
    other = SendingNumberFactory(
        carrier_account=account, number__organization=user.organization, number__campaign=number.campaign
    ).number
    assign_primary(user, other, ACTOR, NOW)
    with pytest.raises(Refusal, match="number_gone"):
        compose(user=user, to=PERSON, body="Hi", conversation=conversation, now=NOW)
    fresh = compose(user=user, to=PERSON, body="Hi", now=NOW).message
    assert (fresh.own_e164, fresh.conversation == conversation) == (other.e164, False)


def test_a_text_that_was_queued_when_the_number_went_is_blocked(
    worker: Relay, carrier: CarrierInMemory, number: PhoneNumber, user: User, successor: User
) -> None:
    text = compose(user=user, to=PERSON, body="Hello", now=NOW).message
    reassign(number, successor, ACTOR, NOW)
    worker.run()
    text.refresh_from_db()
    assert (text.status, text.reason, carrier.taken) == ("blocked", "sender_not_enabled", [])


def test_a_text_to_a_released_number_is_nobodys(account: CarrierAccount, number: PhoneNumber) -> None:
    release([number], ACTOR, NOW)
    assert arrives(account, number) is None
    assert not Message.objects.exists()


def test_a_text_to_a_number_that_another_organization_took_over_is_theirs_alone(
    account: CarrierAccount, number: PhoneNumber, user: User, stranger: User
) -> None:
    arrives(account, number, "For the first organization")
    release([number], ACTOR, NOW)
    add(Addition(stranger.location, "cisco_calling_plan"), [number.e164], ACTOR, NOW)
    theirs = PhoneNumber.objects.owned().get(e164=number.e164)
    colleague = UserFactory(location=stranger.location)
    assign_primary(colleague, theirs, ACTOR, NOW)
    PhoneNumber.objects.filter(pk=theirs.pk).update(capability="capable")
    text = arrives(account, number, "For the second organization")
    assert text is not None
    assert (text.organization, text.user, text.number) == (stranger.organization, colleague, theirs)
    assert [one.last_message.body for one in inbox(user) if one.last_message] == ["For the first organization"]
    assert [one.last_message.body for one in inbox(colleague) if one.last_message] == ["For the second organization"]


def test_a_stop_to_a_released_number_opts_nobody_out_of_what_its_old_owner_sends(
    account: CarrierAccount, number: PhoneNumber, user: User, stranger: User
) -> None:
    release([number], ACTOR, NOW)
    add(Addition(stranger.location, "cisco_calling_plan"), [number.e164], ACTOR, NOW)
    arrives(account, number, "STOP")
    assert [row.organization for row in OptOut.objects.all()] == [stranger.organization]
    mine = PhoneNumberFactory(organization=user.organization)
    assert not optouts.is_opted_out(user.organization, mine, PERSON)  # type: ignore[arg-type]


def test_a_stop_counts_on_a_number_that_nobody_has(account: CarrierAccount, number: PhoneNumber, user: User) -> None:
    release_primary(user, ACTOR, NOW)
    arrives(account, number, "STOP")
    assert OptOut.objects.get().organization == user.organization


def test_a_stop_to_a_number_still_counts_when_the_number_comes_back(
    account: CarrierAccount, number: PhoneNumber, user: User
) -> None:
    Organization.objects.update(opt_out_scope=OptOutScope.NUMBER)
    arrives(account, number, "STOP")
    release([number], ACTOR, NOW)
    add(Addition(user.location, "cisco_calling_plan"), [number.e164], ACTOR, NOW)
    back = PhoneNumber.objects.owned().get(e164=number.e164)
    assert optouts.is_opted_out(Organization.objects.get(pk=user.organization_id), back, PERSON)


def test_the_composer_reopens_when_a_number_is_added_again_and_given_back(
    account: CarrierAccount, number: PhoneNumber, user: User
) -> None:
    campaign = number.campaign
    arrives(account, number)
    (conversation,) = inbox(user)
    release([number], ACTOR, NOW)
    assert composer(conversation).title == GONE
    add(Addition(user.location, "cisco_calling_plan", campaign), [number.e164], ACTOR, NOW)
    PhoneNumber.objects.update(capability="capable")
    assign_primary(user, number, ACTOR, NOW)
    assert composer(conversation).is_open


def test_not_even_an_automatic_reply_leaves_a_released_number(
    worker: Relay, carrier: CarrierInMemory, account: CarrierAccount, number: PhoneNumber
) -> None:
    """It may be another customer's by now."""
    arrives(account, number, "STOP")
    release([number], ACTOR, NOW)
    worker.run()
    reply = Message.objects.get(kind=Kind.AUTOMATIC)
    assert (reply.status, reply.reason, carrier.taken) == (Status.BLOCKED, "sender_not_enabled", [])


def test_an_automatic_reply_still_leaves_a_number_that_nobody_has(
    worker: Relay, carrier: CarrierInMemory, account: CarrierAccount, number: PhoneNumber, user: User
) -> None:
    release_primary(user, ACTOR, NOW)
    arrives(account, number, "STOP")
    worker.run()
    assert len(carrier.taken) == 1


def test_a_number_added_in_the_portal_can_send_and_receive(
    worker: Relay, carrier: CarrierInMemory, account: CarrierAccount, user: User, successor: User
) -> None:
    e164 = "+14156560100"
    add(Addition(user.location, "cisco_calling_plan"), [e164], ACTOR, NOW)
    added = PhoneNumber.objects.get(e164=e164)
    assert added.sending.carrier_account == account
    assert added.sending.organization == user.organization
    link([added], user.primary_number.campaign, ACTOR, NOW)
    assign_primary(successor, added, ACTOR, NOW)
    PhoneNumber.objects.filter(pk=added.pk).update(capability="capable")
    compose(user=successor, to=PERSON, body="Hello", now=NOW)
    worker.run()
    assert [(text.own_e164, text.body) for text in carrier.taken] == [(e164, "Hello")]
    answer = arrives(account, added, "Hello yourself")
    assert answer is not None
    assert answer.user == successor


def test_numbers_of_another_provider_are_not_connected(account: CarrierAccount, user: User) -> None:
    add(Addition(user.location, "other"), ["+14156560100"], ACTOR, NOW)
    assert not SendingNumber.objects.filter(number__e164="+14156560100").exists()


def test_a_number_that_comes_back_keeps_its_pace_and_its_account(
    account: CarrierAccount, number: PhoneNumber, user: User
) -> None:
    SendingNumber.objects.filter(pk=number.pk).update(texts_a_minute=42)
    release([number], ACTOR, NOW)
    add(Addition(user.location, "cisco_calling_plan"), [number.e164], ACTOR, NOW + timedelta(days=1))
    assert SendingNumber.objects.get(number=number).texts_a_minute == 42


def test_the_page_of_a_user_without_a_number_says_that_there_is_none(user: User) -> None:
    release_primary(user, ACTOR, NOW)
    with pytest.raises(Refusal, match="primary_number"):
        policy.check(user, policy.outlook(user, PERSON), PERSON)
