"""What may be sent: looked at when a text is composed, and again in the moment it is dispatched.

At compose a breach is a Refusal, which tells the person what to do. At dispatch it is a verdict: SEND, HOLD (the
campaign, account or number is paused: the text keeps waiting until it is too old), or BLOCK, which is for good.
`judge` must be called after the relay locked the texts: a STOP that committed before that lock is seen here.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from django.conf import settings
from django.db.models import Exists, QuerySet
from django.utils.translation import gettext as _

from messaging import blocking, content, optouts
from messaging.destinations import is_allowed, parse_destination
from messaging.models import ContentRule, Conversation, Message
from messaging.models.messages import BlockedBy, Direction, Kind, Status
from messaging.reasons import Reason
from messaging.segments import Segmentation, measure
from messaging.senders import Sender
from messaging.statements import Statement
from provisioning.clock import DatabaseNow
from provisioning.eligibility import Standing, annotate_can_send, standings
from provisioning.models import User
from provisioning.prepared import PreparedRows
from provisioning.refusals import Refusal

__all__ = [
    "LONGEST", "RESENDABLE", "Action", "Outlook", "Own", "Verdict", "check", "check_body", "check_content",
    "check_resend", "judge", "may_resend", "outlook", "parse_destination", "reason_of",
]  # fmt: skip

LONGEST: Final = 10
"""Segments a text may take."""

_PRINTED_CONTROLS = frozenset("\r\n\t")
_REASONS: Final = {
    "opted_out": Reason.OPTED_OUT,
    "person_blocked": Reason.PERSON_BLOCKED,
    "daily_limit": Reason.DAILY_LIMIT,
    "registration": Reason.UNREGISTERED,
    "number_campaign": Reason.UNREGISTERED,
    "emergency": Reason.EMERGENCY,
    "invalid_destination": Reason.INVALID_DESTINATION,
    "destination_not_allowed": Reason.DESTINATION_NOT_ALLOWED,
    "empty_body": Reason.CONTENT_REJECTED,
    "too_long": Reason.CONTENT_REJECTED,
    "control_characters": Reason.CONTENT_REJECTED,
    "mms_not_supported": Reason.CONTENT_REJECTED,
    "content_rule": Reason.CONTENT_REJECTED,
    "url_shortener": Reason.CONTENT_REJECTED,
    "same_text": Reason.CONTENT_REJECTED,
}
RESENDABLE: Final = (Status.UNCONFIRMED, Status.FAILED, Status.UNDELIVERED)


def reason_of(code: str) -> Reason:
    """Our reason, for the row that is kept of a refused text. What is not listed says that the sender can't text."""
    return _REASONS.get(code, Reason.SENDER_NOT_ENABLED)


def check_body(body: str, media_count: int = 0) -> Segmentation:
    """The segments of a body that may be sent.

    Raises Refusal: mms_not_supported, empty_body, control_characters, too_long.
    """
    if media_count:
        raise Refusal("mms_not_supported", _("Attachments can’t be sent, only text. Remove the attachment."))
    if not body.strip():
        raise Refusal("empty_body", _("The text is empty. Write something first."))
    if any(_is_unsendable(character) for character in body):
        raise Refusal(
            "control_characters", _("The text contains a control character that phones can’t show. Remove it.")
        )
    size = measure(body)
    if size.segments > LONGEST:
        raise Refusal(
            "too_long",
            _("The text takes %(segments)s segments; %(longest)s is the most. Shorten it.")
            % {"segments": size.segments, "longest": LONGEST},
            segments=size.segments,
        )
    return size


def _is_unsendable(character: str) -> bool:
    """NUL and the other C0 controls but CR, LF and TAB; half of a surrogate pair."""
    if character < " ":
        return character not in _PRINTED_CONTROLS
    return "\ud800" <= character <= "\udfff"


@dataclass(frozen=True, slots=True)
class Own:
    """The user's primary number, as the relay knows it."""

    user_id: uuid.UUID
    number_id: uuid.UUID
    organization_id: uuid.UUID
    own_e164: str
    texts_a_day: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What there is to know before a user texts a person, as of one moment: `now`, by the database's clock.

    `own` is None without a number that a carrier is connected to; `key_is_used`: the user has a text with this key.
    """

    now: datetime
    key_is_used: bool
    can_send: bool
    opted_out: bool
    person_blocked: bool
    rules: content.Versions
    own: Own | None


def outlook(user: User, counterpart: str, key: str = "") -> Outlook:
    """One statement for all of it: each by itself would take longer to ask than to answer."""
    found = _OUTLOOK.first(user=user.pk, organization=user.organization_id, counterpart=counterpart, key=key)
    if found is None:
        raise User.DoesNotExist
    now, key_is_used, can_send, opted_out, person_blocked, own_rules, provided_rules, *own = found
    return Outlook(
        now, key_is_used, can_send, opted_out, person_blocked, content.Versions(own_rules or "", provided_rules or ""),
        Own(user.pk, *own) if own[0] is not None else None,
    )  # fmt: skip


def _outlook(user: uuid.UUID, organization: uuid.UUID, counterpart: str, key: str) -> QuerySet[User, Any]:
    """`exclude` repeats the condition of the index on keys: without it a user's every text would be looked at."""
    rules, used = ContentRule.objects, Message.objects.filter(user_id=user, idempotency_key=key)
    found = annotate_can_send(User.objects.order_by().filter(pk=user)).annotate(
        now=DatabaseNow(),
        key_is_used=Exists(used.exclude(idempotency_key="")),
        opted_out=optouts.standing_alongside(counterpart),
        person_blocked=blocking.standing(user, counterpart),
        own_rules=content.version_alongside(rules.filter(organization_id=organization)),
        provided_rules=content.version_alongside(rules.filter(organization__isnull=True)),
    )
    own = ("sending__number_id", "organization_id", "e164", "sending__texts_a_day")
    return found.values_list(
        "now", "key_is_used", "can_send", "opted_out", "person_blocked", "own_rules", "provided_rules",
        *(f"primary_number__{name}" for name in own),
    )  # fmt: skip


_ID: Final = uuid.UUID(int=0)
_OUTLOOK: Final = PreparedRows(_outlook, user=_ID, organization=_ID, counterpart="", key="")


def check(user: User, seen: Outlook, counterpart: str, conversation: Conversation | None = None) -> Own:
    """Whether this user may text this person, by what outlook() saw for the two; the number it goes out by.

    Raises Refusal: number_gone, texting_off, a requirement's code, number_not_connected, invalid_destination (the own
    number), opted_out, person_blocked.
    """
    own = seen.own
    if conversation is not None and (own is None or own.number_id != conversation.number_id):
        raise Refusal("number_gone", _("This number is no longer yours. Start a new conversation to text this person."))
    if not seen.can_send:
        _refuse_by_standing(user)
    if own is None:
        raise Refusal(
            "number_not_connected", _("Your number isn’t connected to a carrier yet. Ask your administrator.")
        )
    if counterpart == own.own_e164:
        raise Refusal("invalid_destination", _("This is your own number. Enter someone else’s."))
    if seen.opted_out:
        raise Refusal("opted_out", str(Reason.OPTED_OUT.label))
    if seen.person_blocked:
        raise Refusal("person_blocked", _("You blocked this person. Unblock them to text them again."))
    return own


def _refuse_by_standing(user: User) -> None:
    """Say what stands in the way. Nothing, when it went away since."""
    standing = standings([user.pk])[user.pk]
    if not standing.can_send:
        raise Refusal(standing.code, standing.full_sentence)


def check_content(body: str, seen: Outlook, own: Own, *, confirmed: bool) -> bool:
    """Whether a content rule asked, and the sender confirmed.

    Raises Refusal: url_shortener, content_rule, confirmation_needed.
    """
    rules = content.rules_of({own.organization_id: seen.rules})[own.organization_id]
    return content.refuse_content(body, rules, confirmed=confirmed)


def check_resend(user: User, original: Message, now: datetime) -> None:
    """Raises Refusal `not_resendable` unless the text is the user's, was not delivered, and is settled."""
    if original.user_id != user.pk or not may_resend(original, now):
        raise Refusal("not_resendable", _("This text can’t be sent again now. Reload to see where it stands."))


def may_resend(original: Message, now: datetime) -> bool:
    """Whether "Send again" is offered: only when the attempt's lease and the carrier's timeout have passed."""
    if original.direction != Direction.OUTBOUND or original.status not in RESENDABLE:
        return False
    if original.status != Status.UNCONFIRMED or original.leased_until is None:
        return True
    return now > original.leased_until + timedelta(seconds=settings.CARRIER_TIMEOUT_SECONDS)


class Action(StrEnum):
    SEND = "send"
    HOLD = "hold"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to a text at dispatch; the reason goes with BLOCK."""

    action: Action
    reason: str = ""
    blocked_by: str = BlockedBy.PLATFORM


_SEND, _HOLD = Verdict(Action.SEND), Verdict(Action.HOLD)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is read, in four queries, about a batch of locked texts; a fifth after content rules were changed."""

    senders: Mapping[uuid.UUID, Sender]
    standings: dict[uuid.UUID, Standing]
    opted_out: set[tuple[uuid.UUID, str]]
    blocked: set[tuple[uuid.UUID, str]]
    rules: dict[uuid.UUID, tuple[content.Rule, ...]]


_BLOCKED: Final = Statement(
    """
    SELECT kept.user_id, kept.counterpart FROM {given} JOIN messaging_blockedperson kept
    ON kept.user_id = given.user_id AND kept.counterpart = given.counterpart AND kept.lifted_at IS NULL
    """,
    given={"user_id": "uuid", "counterpart": "text"},
    answers={"user_id": "uuid", "counterpart": "text"},
)
_VERSIONS: Final = Statement(
    """
    SELECT organization_id, CAST(COUNT(id) AS varchar) || CAST(MAX(changed_at) AS varchar) FROM messaging_contentrule
    WHERE active AND (organization_id {in organizations} OR organization_id IS NULL) GROUP BY organization_id
    """,
    answers={"organization_id": "uuid", "version": "text"},
)
"""In the words of content.version: a process that also composes keeps one set of rules."""


class Judged(Protocol):
    """What is looked at of a locked text."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def user_id(self) -> uuid.UUID | None: ...
    @property
    def number_id(self) -> uuid.UUID: ...
    @property
    def organization_id(self) -> uuid.UUID: ...
    @property
    def counterpart(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def accepted_at(self) -> datetime: ...


def judge(texts: Collection[Judged], senders: Mapping[uuid.UUID, Sender]) -> dict[uuid.UUID, Verdict]:
    """A verdict for each locked text. `senders` must have been read after the lock."""
    written = [text for text in texts if text.kind == Kind.PERSON]
    facts = _Facts(
        senders=senders,
        standings=standings({text.user_id for text in written if text.user_id}),
        opted_out=optouts.opted_out_pairs({(text.number_id, text.counterpart) for text in written}),
        blocked=_blocked(written),
        rules=_rules(written),
    )
    return {text.id: _verdict(text, facts) for text in texts}


def _blocked(texts: Collection[Judged]) -> set[tuple[uuid.UUID, str]]:
    """Of these texts' users and people, the pairs in which the user blocked the person."""
    pairs = {(text.user_id, text.counterpart) for text in texts if text.user_id}
    return {(user_id, person) for user_id, person in (_BLOCKED.rows(given=sorted(pairs)) if pairs else ())}


def _rules(texts: Collection[Judged]) -> dict[uuid.UUID, tuple[content.Rule, ...]]:
    """The content rules of these texts' organizations; one query, and one more after somebody changed a rule."""
    organizations = {text.organization_id for text in texts}
    versions = dict(_VERSIONS.rows(organizations=organizations)) if organizations else {}
    provided = versions.get(None, "")
    return content.rules_of({key: content.Versions(versions.get(key, ""), provided) for key in organizations})


def _verdict(text: Judged, facts: _Facts) -> Verdict:
    """Blocks come before holds: what is refused for good must not wait for a pause to end."""
    if not is_allowed(text.counterpart):
        return Verdict(Action.BLOCK, Reason.DESTINATION_NOT_ALLOWED)
    sender = facts.senders.get(text.number_id)
    if sender is not None and sender.released_at is not None:
        return Verdict(Action.BLOCK, Reason.SENDER_NOT_ENABLED)  # It may be another customer's by now.
    if text.kind == Kind.PERSON:
        verdict = _of_person(text, sender, facts)
        if verdict is not _SEND:
            return verdict
    return _HOLD if sender is None or sender.holds(text.accepted_at) else _SEND


def _of_person(text: Judged, sender: Sender | None, facts: _Facts) -> Verdict:
    if (text.number_id, text.counterpart) in facts.opted_out:
        return Verdict(Action.BLOCK, Reason.OPTED_OUT)
    if (text.user_id, text.counterpart) in facts.blocked:
        return Verdict(Action.BLOCK, Reason.PERSON_BLOCKED)
    standing = facts.standings.get(text.user_id) if text.user_id else None
    moved = sender is None or sender.user_id != text.user_id
    if moved or standing is None or not standing.can_receive:
        return Verdict(Action.BLOCK, Reason.SENDER_NOT_ENABLED)
    stopped_by = content.content_blocked_by(text.body, facts.rules[text.organization_id])
    if stopped_by:
        return Verdict(Action.BLOCK, Reason.CONTENT_REJECTED, stopped_by)
    return _SEND if standing.can_send else _HOLD
