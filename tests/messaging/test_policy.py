"""The two looks: what a refusal becomes in the record, and what a batch costs to judge."""

from __future__ import annotations

from typing import Any

import pytest

from messaging import policy
from messaging.models import CarrierAccount, Message, SendingNumber
from messaging.models.messages import Kind
from messaging.policy import Action
from messaging.reasons import Reason, sentence
from messaging.senders import Sender, senders_of
from provisioning.eligibility import ORGANIZATION_RULES, USER_RULES
from provisioning.models import User
from tests.factories import NOW, ConversationFactory, MessageFactory, texting_user


def senders() -> dict[Any, Sender]:
    """As dispatch reads them."""
    return senders_of(list(SendingNumber.objects.values_list("pk", flat=True)))


def queued(owner: User, counterpart: str = "+12065550122", **fields: Any) -> Message:
    return MessageFactory(
        conversation=ConversationFactory(user=owner, counterpart=counterpart), status="queued", **fields
    )


def judged(text: Message) -> policy.Verdict:
    return policy.judge([text], senders())[text.pk]


def test_every_refusal_has_a_reason_with_a_sentence_that_ends() -> None:
    codes = [rule.code for rule in (*ORGANIZATION_RULES, *USER_RULES)]
    codes += ["texting_off", "user_inactive", "number_gone", "opted_out", "daily_limit", "empty_body", "too_long"]
    for code in codes:
        assert sentence(policy.reason_of(code)).endswith((".", "911."))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("registration", Reason.UNREGISTERED),
        ("number_campaign", Reason.UNREGISTERED),
        ("license", Reason.SENDER_NOT_ENABLED),
        ("number_gone", Reason.SENDER_NOT_ENABLED),
        ("opted_out", Reason.OPTED_OUT),
        ("control_characters", Reason.CONTENT_REJECTED),
        ("emergency", Reason.EMERGENCY),
    ],
)
def test_a_refusals_code_becomes_one_of_our_reasons(code: str, reason: Reason) -> None:
    assert policy.reason_of(code) == reason


def test_reasons_are_those_of_the_design_and_say_what_to_do_differently() -> None:
    assert set(Reason.values) == {
        "invalid_destination", "not_textable", "unreachable", "opted_out", "spam_blocked", "sender_blocked",
        "unregistered", "sender_not_enabled", "rate_limited", "daily_limit", "content_rejected",
        "destination_not_allowed", "emergency", "carrier_rejected", "carrier_error", "too_old", "person_blocked",
    }  # fmt: skip
    assert len({str(reason.label) for reason in Reason}) == len(Reason)
    assert sentence("") == sentence("a reason of tomorrow") == ""


def test_what_is_fine_goes(user: User) -> None:
    assert judged(queued(user)).action is Action.SEND


def test_what_is_refused_for_good_does_not_wait_for_a_pause_to_end(user: User) -> None:
    CarrierAccount.objects.update(paused=True)
    user.organization.opt_outs.create(counterpart="+12065550122", keyword="stop", opted_out_at=NOW)
    assert judged(queued(user)) == policy.Verdict(Action.BLOCK, Reason.OPTED_OUT)


def test_a_deactivated_user_is_blocked(user: User) -> None:
    text = queued(user)
    User.objects.update(is_active=False)
    assert judged(text) == policy.Verdict(Action.BLOCK, Reason.SENDER_NOT_ENABLED)


def test_an_automatic_reply_needs_no_user_and_minds_no_opt_out(user: User) -> None:
    user.organization.opt_outs.create(counterpart="+12065550122", keyword="stop", opted_out_at=NOW)
    text = queued(user, kind=Kind.AUTOMATIC, user=None)
    assert judged(text).action is Action.SEND
    SendingNumber.objects.update(paused=True)
    assert judged(text).action is Action.HOLD


def test_an_automatic_reply_never_goes_abroad(user: User) -> None:
    assert judged(queued(user, "+447700900123", kind=Kind.AUTOMATIC)).action is Action.BLOCK


def test_an_opt_out_of_one_number_leaves_the_others_texts_alone(user: User) -> None:
    user.organization.opt_out_scope = "number"
    user.organization.save(update_fields=["opt_out_scope"])
    colleague = texting_user(user.organization)
    user.organization.opt_outs.create(
        counterpart="+12065550122", number=user.primary_number, keyword="stop", opted_out_at=NOW
    )
    assert judged(queued(user)).action is Action.BLOCK
    assert judged(queued(colleague)).action is Action.SEND


def test_a_batch_is_judged_in_four_queries(user: User, django_assert_num_queries: Any) -> None:
    users = [user, *(texting_user(user.organization) for _ in range(3))]
    texts = [queued(each, f"+120655501{place:02d}") for place, each in enumerate(users * 3)]
    known = senders()
    with django_assert_num_queries(4):
        verdicts = policy.judge(texts, known)
    assert {verdict.action for verdict in verdicts.values()} == {Action.SEND}
    assert len(verdicts) == 12
