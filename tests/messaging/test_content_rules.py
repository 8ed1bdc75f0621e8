"""Content rules: what they find, who writes them, and what happens to a text at compose and again at dispatch."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from compliance.models import AuditEvent
from messaging import content
from messaging.compose import Composed, compose
from messaging.content import Rule, hits_of, words_of
from messaging.content_rules import MOST_RULES, create_rule, delete_rule, edit_rule, next_change, stamp, try_text
from messaging.models import ContentRule, Conversation, DailyCount, Message
from messaging.models.policy import RuleAction, RuleKind
from messaging.relay import Relay
from provisioning.changes import Actor
from provisioning.fingerprints import fingerprint
from provisioning.models import Organization, User
from provisioning.refusals import Refusal
from tests.factories import NOW
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier

__all__ = ["carrier"]

PERSON = "+12065550122"
ACTOR = Actor.system("test")


def rule(pattern: str, **fields: Any) -> Rule:
    return Rule.of(ContentRule(**{"name": "Prices", "pattern": pattern, **fields}))


def found(pattern: str, body: str, **fields: Any) -> bool:
    return bool(hits_of(body, [rule(pattern, **fields)]))


def saved(organization: Organization, pattern: str = "discount", **fields: Any) -> ContentRule:
    return create_rule(organization, {"name": "Prices", "pattern": pattern, **fields}, ACTOR)


def provided(pattern: str, **fields: Any) -> ContentRule:
    row = ContentRule.objects.create(**{"name": "Provider’s", "pattern": pattern, **fields})
    stamp(row, next_change(None))
    return row


def send(user: User, body: str, **options: Any) -> Composed:
    return compose(user=user, to=PERSON, body=body, **{"now": NOW, **options})


def refused(user: User, body: str, **options: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        send(user, body, **options)
    return caught.value


def refused_rule(organization: Organization, **wanted: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        create_rule(organization, {"name": "Prices", **wanted}, ACTOR)
    return caught.value


# What a rule finds


@pytest.mark.parametrize(
    "body",
    [
        "A discount!", "DISCOUNT", "dis\u200bcount", "ｄｉｓｃｏｕｎｔ", "Díscóunt", "di\u0301scount", "dis\u00adcount",
        "the discount’s end", "(discount)", "discount_code",
    ],
)  # fmt: skip
def test_a_word_is_found_through_case_accents_and_tricks(body: str) -> None:
    assert found("discount", body)


@pytest.mark.parametrize("body", ["discounted", "nodiscount", "dis count", "discount2", ""])
def test_a_word_is_found_only_whole(body: str) -> None:
    assert not found("discount", body)


@pytest.mark.parametrize("body", ["Free money", "free,  MONEY", "free\nmoney", "it is free-money now"])
def test_a_phrase_is_found_whatever_stands_between_its_words(body: str) -> None:
    assert found("free money\nlottery", body)
    assert not found("free money\nlottery", "free of money")


def test_an_expression_is_found_without_regard_to_case_unless_it_says_so() -> None:
    assert found(r"\b\d{3}-\d{2}-\d{4}\b", "My number is 123-45-6789.", kind=RuleKind.EXPRESSION)
    assert found("ssn", "SSN", kind=RuleKind.EXPRESSION)
    assert not found("(?-i)ssn", "SSN", kind=RuleKind.EXPRESSION)
    assert found("secret", "s\u200becret ｓｅｃｒｅｔ", kind=RuleKind.EXPRESSION)


def test_an_expression_that_would_take_for_ever_elsewhere_takes_no_time() -> None:
    assert not found("(a+)+$", "a" * 100_000 + "!", kind=RuleKind.EXPRESSION)


WORDS = st.text("abcdefghijklmnopqrstuvwxyzéü0123456789", min_size=1, max_size=8)
BETWEEN = st.text(" ,.;:!?-_/()\n'’", min_size=1, max_size=3)


@given(st.lists(st.tuples(WORDS, BETWEEN), min_size=1, max_size=8), WORDS)
def test_words_agree_with_a_plain_reading(parts: list[tuple[str, str]], keyword: str) -> None:
    def plain(word: str) -> str:
        return "".join(c for c in unicodedata.normalize("NFD", word.casefold()) if not unicodedata.combining(c))

    body = "".join(word + between for word, between in parts)
    assert found(keyword, body) == (plain(keyword) in {plain(word) for word, _ in parts})


@given(st.text(max_size=100))
def test_any_text_has_words_that_are_read_the_same_again(text: str) -> None:
    words = words_of(text)
    assert words_of(words) == words
    assert words.startswith(" ")
    assert words.endswith(" ")


@given(WORDS, st.lists(st.sampled_from("\u200b\u200c\u200d\u2060\u00ad\ufeff\u034f\ufe0f"), max_size=4), st.data())
def test_invisible_characters_hide_nothing(keyword: str, hidden: list[str], data: Any) -> None:
    body = keyword
    for character in hidden:
        place = data.draw(st.integers(0, len(body)))
        body = body[:place] + character + body[place:]
    assert found(keyword, f"Now: {body}.")


# Saving a rule


@pytest.mark.parametrize(
    ("wanted", "code", "field"),
    [
        ({"name": " ", "pattern": "a"}, "rule_name_missing", "name"),
        ({"pattern": " \n\t"}, "rule_without_words", "pattern"),
        ({"pattern": "good\n$$$"}, "rule_without_words", "pattern"),
        ({"pattern": "a" * 4001}, "too_long", "pattern"),
        ({"pattern": "a\x00b"}, "control_characters", "pattern"),
        ({"name": "a\x00b", "pattern": "a"}, "control_characters", "name"),
        ({"pattern": "a", "advice": "a" * 301}, "too_long", "advice"),
        ({"kind": "expression", "pattern": ""}, "rule_without_words", "pattern"),
        ({"kind": "expression", "pattern": "("}, "expression_invalid", "pattern"),
        ({"kind": "expression", "pattern": r"(a)\1"}, "expression_invalid", "pattern"),
        ({"kind": "expression", "pattern": "(?=a)"}, "expression_invalid", "pattern"),
        ({"kind": "expression", "pattern": r"\pL{1000}"}, "expression_invalid", "pattern"),
        ({"kind": "expression", "pattern": "a*"}, "expression_too_broad", "pattern"),
    ],
)
def test_a_rule_that_is_none_is_not_saved(organization: Organization, wanted: Any, code: str, field: str) -> None:
    refusal = refused_rule(organization, **wanted)
    assert (refusal.code, refusal.extra["field"]) == (code, field)
    assert refusal.sentence.endswith(".")
    assert not ContentRule.objects.exists()


def test_what_is_wrong_with_an_expression_is_said_in_re2s_words(organization: Organization) -> None:
    assert "missing ): (" in refused_rule(organization, kind="expression", pattern="(").sentence


def test_words_are_kept_one_a_line_and_once(organization: Organization) -> None:
    assert saved(organization, " free   money \r\n\r\nlottery\nlottery\n").pattern == "free money\nlottery"


def test_two_rules_of_one_name_are_refused_but_another_organization_may(
    organization: Organization, other_organization: Organization
) -> None:
    saved(organization)
    assert refused_rule(organization, pattern="b").http_status == 409
    saved(other_organization)
    other = create_rule(organization, {"name": "Other", "pattern": "b"}, ACTOR)
    with pytest.raises(Refusal) as caught:
        edit_rule(other, {"name": "Prices"}, ACTOR)
    assert caught.value.code == "name_taken"


def test_there_is_an_end_to_rules(organization: Organization) -> None:
    ContentRule.objects.bulk_create(
        ContentRule(organization=organization, name=f"{place}", pattern="a") for place in range(MOST_RULES)
    )
    assert refused_rule(organization, pattern="a").code == "too_many_rules"


def test_whoever_saves_over_somebody_else_is_told(organization: Organization) -> None:
    row = saved(organization)
    with pytest.raises(Refusal) as caught:
        edit_rule(row, {"pattern": "b"}, ACTOR, seen=fingerprint({"name": "as it was"}))
    assert caught.value.code == "changed_meanwhile"


def test_each_write_is_in_the_audit_log_in_words(organization: Organization) -> None:
    row = saved(organization, "discount\nfree money")
    edit_rule(row, {"action": RuleAction.CONFIRM, "pattern": "discount"}, ACTOR)
    edit_rule(row, {"pattern": "discount"}, ACTOR)
    delete_rule(row, ACTOR)
    made, changed, deleted = AuditEvent.objects.order_by("sequence")
    assert [event.action for event in (made, changed, deleted)] == [
        "content_rule.created", "content_rule.changed", "content_rule.deleted",
    ]  # fmt: skip
    assert {event.organization_id for event in (made, changed, deleted)} == {organization.pk}
    assert made.after["pattern"] == "discount, free money"
    assert changed.before == {"pattern": "discount, free money", "action": "Refuse the text"}
    assert changed.after == {"pattern": "discount", "action": "Ask the sender to confirm"}
    assert deleted.before["name"] == "Prices"


def test_a_text_is_tried_against_what_is_saved_and_nothing_is_kept(organization: Organization) -> None:
    saved(organization)
    provided("lottery", action=RuleAction.CONFIRM)
    create_rule(organization, {"name": "Off", "pattern": "discount", "active": False}, ACTOR)
    tried = try_text(organization, "A discount in the lottery: bit.ly/x")
    assert tried.shortener == "bit.ly"
    assert [rule.name for rule in tried.refusing] == ["Prices"]
    assert [rule.name for rule in tried.asking] == ["Provider’s"]
    assert not Message.objects.exists()


# At compose


def test_a_text_that_a_rule_refuses_is_kept_as_blocked(user: User) -> None:
    saved(user.organization, advice="Send the price list instead.")
    refusal = refused(user, "A Discount for you")
    assert (refusal.code, refusal.http_status, refusal.extra["rule"]) == ("content_rule", 422, "Prices")
    assert refusal.sentence == "The rule “Prices” refuses this text. Send the price list instead."
    kept = Message.objects.get(pk=refusal.extra["message_id"])
    assert (kept.status, kept.reason, kept.blocked_by) == ("blocked", "content_rejected", "platform")
    assert not DailyCount.objects.exists()


def test_a_shortener_is_refused_and_kept_as_blocked(user: User) -> None:
    refusal = refused(user, "Pay at https://bit.ly/3xYz")
    assert (refusal.code, refusal.extra["shortener"]) == ("url_shortener", "bit.ly")
    assert "full link" in refusal.sentence
    assert Message.objects.get(pk=refusal.extra["message_id"]).reason == "content_rejected"


def test_a_rule_that_asks_keeps_nothing_until_the_sender_has_answered(user: User) -> None:
    saved(user.organization, action=RuleAction.CONFIRM, advice="Is the price still right?")
    refusal = refused(user, "A discount for you", idempotency_key="k")
    assert (refusal.code, refusal.http_status) == ("confirmation_needed", 422)
    assert refusal.extra["rules"] == [{"name": "Prices", "advice": "Is the price still right?"}]
    assert "Is the price still right?" in refusal.sentence
    assert not Message.objects.exists()
    sent = send(user, "A discount for you", idempotency_key="k", confirmed=True)
    assert (sent.message.status, sent.message.confirmed) == ("queued", True)
    assert send(user, "A discount for you", idempotency_key="k").replayed


def test_a_text_nobody_asked_about_is_not_called_confirmed(user: User) -> None:
    saved(user.organization, action=RuleAction.CONFIRM)
    assert not send(user, "Hello", confirmed=True).message.confirmed


def test_a_confirmation_overrules_no_refusal(user: User) -> None:
    saved(user.organization)
    assert refused(user, "A discount", confirmed=True).code == "content_rule"
    assert refused(user, "bit.ly/3xYz", confirmed=True).code == "url_shortener"


def test_the_providers_rules_count_for_everybody_and_an_organizations_only_there(user: User, stranger: User) -> None:
    saved(user.organization)
    provided("lottery")
    for person in (user, stranger):
        refusal = refused(person, "Our lottery")
        assert (refusal.code, refusal.extra["blocked_by"]) == ("content_rule", "provider")
        assert Message.objects.get(pk=refusal.extra["message_id"]).blocked_by == "provider"
    assert refused(user, "A discount").extra["blocked_by"] == "platform"
    assert send(stranger, "A discount").message.status == "queued"


def test_a_change_counts_from_the_next_text_on(user: User) -> None:
    row = saved(user.organization)
    assert refused(user, "A discount").code == "content_rule"
    edit_rule(row, {"pattern": "lottery"}, ACTOR)
    assert send(user, "A discount").message.status == "queued"
    assert refused(user, "Our lottery").code == "content_rule"
    edit_rule(row, {"active": False}, ACTOR)
    assert send(user, "Our lottery").message.status == "queued"
    edit_rule(row, {"active": True}, ACTOR)
    assert refused(user, "Our lottery").code == "content_rule"
    delete_rule(row, ACTOR)
    assert send(user, "Our lottery").message.status == "queued"


def test_two_changes_within_one_tick_of_the_clock_are_two_versions(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioning.clock.database_now", lambda: NOW)
    monkeypatch.setattr("messaging.clock.database_now", lambda: NOW)
    row = saved(user.organization)
    assert refused(user, "A discount").code == "content_rule"
    edit_rule(row, {"pattern": "lottery"}, ACTOR)
    assert send(user, "A discount").message.status == "queued"


def test_the_clock_of_a_server_that_is_wrong_does_no_harm(user: User, time_machine: Any) -> None:
    row = saved(user.organization)
    assert refused(user, "A discount").code == "content_rule"
    time_machine.move_to(NOW - timedelta(days=30))
    edit_rule(row, {"pattern": "lottery"}, ACTOR)
    assert send(user, "A discount").message.status == "queued"


def test_a_rule_that_can_not_be_compiled_stops_nobody(user: User) -> None:
    ContentRule.objects.create(organization=user.organization, name="Broken", kind="expression", pattern="(")
    saved(user.organization)
    assert send(user, "Hello").message.status == "queued"
    assert refused(user, "A discount").code == "content_rule"


def test_rules_cost_a_compose_one_query_once(user: User) -> None:
    def statements(body: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            send(user, body)
        return len(captured)

    send(user, "First")
    without = statements("Hello")
    saved(user.organization)
    provided("lottery")
    assert statements("Hello again") == without + 1
    assert statements("Hello once more") == without


def test_a_process_keeps_rules_of_so_many_organizations(
    user: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "ORGANIZATIONS_KEPT", 1)
    for person in (user, stranger):
        saved(person.organization)
    for person in (user, stranger, user):
        assert refused(person, "A discount").code == "content_rule"
    assert len(content._kept) <= 1


# At dispatch


@pytest.fixture
def worker(carrier: CarrierInMemory) -> Iterator[Relay]:
    with Relay(lambda: NOW) as worker:
        yield worker


def test_a_rule_that_came_while_a_text_waited_blocks_it(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    texts = [send(user, body).message for body in ("A discount", "Hello")]
    saved(user.organization)
    worker.run()
    worker.run()
    assert carrier.bodies == ["Hello"]
    blocked = Message.objects.get(pk=texts[0].pk)
    assert (blocked.status, blocked.reason, blocked.blocked_by) == ("blocked", "content_rejected", "platform")


def test_a_rule_of_the_provider_counts_at_dispatch_too(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    text = send(user, "Our lottery").message
    provided("lottery")
    worker.run()
    assert carrier.bodies == []
    text.refresh_from_db()
    assert (text.status, text.reason, text.blocked_by) == ("blocked", "content_rejected", "provider")


def test_a_rule_of_another_organization_does_not(
    user: User, stranger: User, worker: Relay, carrier: CarrierInMemory
) -> None:
    send(user, "A discount")
    saved(stranger.organization)
    worker.run()
    assert carrier.bodies == ["A discount"]


def test_a_rule_that_only_asks_stops_nothing_that_was_accepted(
    user: User, worker: Relay, carrier: CarrierInMemory
) -> None:
    saved(user.organization, "lottery", action=RuleAction.CONFIRM)
    send(user, "Our lottery", confirmed=True)
    send(user, "A discount")
    create_rule(user.organization, {"name": "Later", "pattern": "discount", "action": RuleAction.CONFIRM}, ACTOR)
    worker.run()
    worker.run()
    assert carrier.bodies == ["Our lottery", "A discount"]


def test_a_link_whose_shortener_was_listed_meanwhile_is_blocked(
    user: User, worker: Relay, carrier: CarrierInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(user, "See https://new.example/x")
    monkeypatch.setattr("messaging.links.SHORTENERS", frozenset({"new.example"}))
    worker.run()
    assert carrier.bodies == []


def test_an_automatic_reply_minds_no_rule(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    text = send(user, "You have opted out").message
    Message.objects.filter(pk=text.pk).update(kind="automatic")
    saved(user.organization, "opted")
    worker.run()
    assert carrier.bodies == ["You have opted out"]
    assert Conversation.objects.count() == 1
