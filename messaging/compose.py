"""Accepting a text: what `compose` accepts is a row in the database before anyone is told so.

What must never happen:
1. Somebody is told "accepted" and there is no row, or a row that no worker will ever look for. The text, its place in
   the conversation, the count of the day and the sending number's next due time are one commit; waking a worker comes
   after it and may fail.
2. One request, repeated, makes two texts. The key is a column of the text, unique a user: of two requests at once one
   commits, and the other finds its row. The same key with another request is a conflict.
3. A text gets a place before an earlier one is visible. The place is given under the conversation's lock, which is
   held until commit: so places become visible in order.

Refused texts to US and Canadian numbers are kept as `blocked` rows, in a transaction of their own. They belong to no
conversation and hold no key: what was refused may be tried again once its cause is gone. A rule that only asks whether
the text is meant (`confirmation_needed`) refuses nothing: there is no row until the sender has answered.

Locks, in the order of states.py: conversation, daily count, count of the same words, sending number.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from messaging import clock, measurements, outcomes, pacing, policy, same_text, wakeups
from messaging.changes import ConversationChange, announce
from messaging.models import Conversation, DailyCount, Message, SendingNumber
from messaging.models.messages import BlockedBy, Direction, Status
from messaging.segments import Segmentation, measure
from messaging.statements import Statement
from provisioning.models import PhoneNumber, User
from provisioning.models.choices import fold
from provisioning.prepared import PreparedInsert, PreparedModels
from provisioning.refusals import Refusal

LONGEST_KEY = 255
MOST_SEGMENTS_KEPT = 32767
"""What the column of segments holds: a refused text may be longer than any that is sent."""
ANSWERED_WITHIN = timedelta(hours=24)
LATEST_TEXTS = 20
"""A text is prompt when one of so many before it came in lately; so the look costs the same in a long conversation."""


@dataclass(frozen=True, slots=True)
class Composed:
    """The text; `replayed` when an earlier request with the same key had already made it."""

    message: Message
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Request:
    """What was asked for, as it was asked for."""

    user: User
    to: str
    body: str
    key: str
    resend_of: Message | None
    conversation: Conversation | None
    media_count: int
    confirmed: bool
    now: datetime

    @property
    def digest(self) -> str:
        """Tells a repeated request from another one with the same key."""
        asked = [self.to, self.body, str(self.resend_of.pk) if self.resend_of else "", self.media_count]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def compose(
    *,
    user: User,
    to: str,
    body: str,
    idempotency_key: str = "",
    resend_of: Message | None = None,
    conversation: Conversation | None = None,
    media_count: int = 0,
    confirmed: bool = False,
    now: datetime | None = None,
) -> Composed:
    """Accept a text of a user to a number as typed, or raise Refusal (codes: destinations.py, policy.py, same_text.py,
    and here daily_limit with `resets_at`, idempotency_conflict with 409).

    `conversation` binds it to one of the user's conversations, refused as `number_gone` once its number moved away;
    `resend_of` links it to the text it repeats; attachments are counted to be refused; `confirmed` answers the content
    rules that ask. `now` is the database's clock.
    """
    now = now or clock.database_now()
    request = _Request(user, to, body, idempotency_key, resend_of, conversation, media_count, confirmed, now)
    earlier = _replay(request)
    if earlier is not None:
        return earlier
    counterpart = policy.parse_destination(to)
    sending = policy.sending_number_of(user, counterpart)
    try:
        composed = _accepted(request, counterpart, sending)
    except Refusal as refusal:
        measurements.count_composes(refusal.code)
        _keep_refused(request, counterpart, sending, refusal)
        raise
    measurements.count_composes("accepted")
    return composed


def _replay(request: _Request) -> Composed | None:
    """What an earlier request with this key made. Raises Refusal idempotency_conflict when it was another request."""
    if not request.key:
        return None
    if len(request.key) > LONGEST_KEY or not request.key.isprintable():
        raise Refusal(
            "idempotency_key_invalid",
            _("An Idempotency-Key is at most %(longest)s printable characters. Use a UUID.") % {"longest": LONGEST_KEY},
        )
    message = _BY_KEY.first(user=request.user.pk, key=request.key)
    if message is None:
        return None
    if message.request_digest != request.digest:
        raise Refusal(
            "idempotency_conflict",
            _("This Idempotency-Key was used for another text. Use a new key for each text."),
            http_status=409,
        )
    return Composed(message, replayed=True)


def _accepted(request: _Request, counterpart: str, sending: SendingNumber | None) -> Composed:
    size = policy.check_body(request.body, request.media_count)
    if request.resend_of is not None:
        policy.check_resend(request.user, request.resend_of, request.now)
    sending = policy.check(request.user, sending, counterpart, request.conversation)
    asked = policy.check_content(request.body, sending, confirmed=request.confirmed)
    try:
        return Composed(_write(request, counterpart, sending, size, confirmed=asked), replayed=False)
    except IntegrityError:
        winner = _replay(request)
        if winner is None:
            raise
        return winner


@transaction.atomic
def _write(
    request: _Request, counterpart: str, sending: SendingNumber, size: Segmentation, *, confirmed: bool
) -> Message:
    conversation = _conversation(request, counterpart, sending)
    _count(request, sending, size)
    same_text.count(sending.number_id, request.body, request.now)
    message = _message(
        request,
        counterpart,
        sending.number,
        size,
        conversation=conversation,
        seq=conversation.last_seq + 1,
        status=Status.QUEUED,
        idempotency_key=request.key,
        request_digest=request.digest if request.key else "",
        resend_of=request.resend_of,
        prompt=conversation.prompt,  # type: ignore[attr-defined]
        confirmed=confirmed,
    )
    _MESSAGES.insert(message)
    conversation.last_seq += 1
    conversation.last_message = message
    conversation.changed_at = max(conversation.changed_at, request.now)
    _MOVE_ON.run(id=conversation.pk, seq=conversation.last_seq, message=message.pk, changed_at=conversation.changed_at)
    pacing.look_again([sending.number_id], request.now)
    announce(ConversationChange(request.user.pk, conversation.pk, conversation.changed_at))
    wakeups.wake_relay()
    return message


def _conversation(request: _Request, counterpart: str, sending: SendingNumber) -> Conversation:
    """The conversation, locked; made when this is its first text, by whichever of two requests is faster.

    With `prompt`: whether the person wrote lately, so that this is an answer.
    """
    whose = {"user": request.user.pk, "number": sending.number_id, "counterpart": counterpart}
    conversation = _CONVERSATION.first(**whose, since=request.now - ANSWERED_WITHIN)
    if conversation is None:
        new = Conversation(
            organization_id=sending.organization_id,
            user=request.user,
            number=sending.number,
            own_e164=sending.number.e164,
            counterpart=counterpart,
            changed_at=request.now,
        )
        Conversation.objects.bulk_create([new], ignore_conflicts=True)
        conversation = _CONVERSATION.first(**whose, since=request.now - ANSWERED_WITHIN)
    if conversation is None:
        raise Conversation.DoesNotExist
    return conversation


def _locked_conversation(
    user: uuid.UUID, number: uuid.UUID, counterpart: str, since: datetime
) -> QuerySet[Conversation, Any]:
    came_in_lately = Exists(
        Message.objects.filter(
            conversation=OuterRef("pk"),
            seq__gt=OuterRef("last_seq") - LATEST_TEXTS,
            direction=Direction.INBOUND,
            accepted_at__gt=since,
        )
    )
    found = Conversation.objects.select_for_update(no_key=True).annotate(prompt=came_in_lately)
    return found.filter(user_id=user, number_id=number, counterpart=counterpart)


_ID: Final = uuid.UUID(int=0)
_CONVERSATION: Final = PreparedModels(
    _locked_conversation, user=_ID, number=_ID, counterpart="", since=datetime(2026, 1, 1, tzinfo=UTC)
)
_BY_KEY: Final = PreparedModels(
    lambda user, key: Message.objects.filter(user_id=user, idempotency_key=key), user=_ID, key=""
)  # fmt: skip
_MESSAGES: Final = PreparedInsert(Message)
_MOVE_ON: Final = Statement(
    """
    UPDATE messaging_conversation SET last_seq = %(seq)s, last_message_id = %(message)s, changed_at = %(changed_at)s
    WHERE id = %(id)s
    """,
)
_COUNT: Final = Statement(
    """
    UPDATE messaging_dailycount SET accepted = accepted + 1, segments = segments + %(segments)s,
        minute_texts = CASE WHEN minute = %(minute)s THEN minute_texts + 1 ELSE 1 END,
        busiest_minute = CASE
            WHEN minute = %(minute)s AND minute_texts + 1 > busiest_minute THEN minute_texts + 1
            WHEN busiest_minute < 1 THEN 1 ELSE busiest_minute END,
        minute = %(minute)s
    WHERE number_id = %(number)s AND day = %(day)s AND user_id = %(user)s AND accepted < %(most)s - COALESCE((
        SELECT SUM(others.accepted) FROM messaging_dailycount others
        WHERE others.number_id = %(number)s AND others.day = %(day)s
        AND (others.user_id IS NULL OR others.user_id <> %(user)s)
    ), 0)
    """,
)


def _count(request: _Request, sending: SendingNumber, size: Segmentation) -> None:
    """Count the text on its number's day and minute (UTC), under the count's lock: operators see bursts by the minute.

    Raises Refusal daily_limit when the day is full.
    """
    day = request.now.astimezone(UTC).date()
    at = request.now.astimezone(UTC)
    told = {
        "number": sending.number_id, "user": request.user.pk, "day": day, "most": sending.texts_a_day,
        "segments": size.segments, "minute": 60 * at.hour + at.minute,
    }  # fmt: skip
    if _COUNT.run(**told):
        return
    new = DailyCount(
        organization_id=sending.organization_id, user_id=request.user.pk, number_id=sending.number_id, day=day
    )
    DailyCount.objects.bulk_create([new], ignore_conflicts=True)
    if not _COUNT.run(**told):
        raise _day_is_full(request.now, sending.texts_a_day)


def _day_is_full(now: datetime, limit: int) -> Refusal:
    resets_at = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), tzinfo=UTC)
    return Refusal(
        "daily_limit",
        _("This number has sent its %(limit)s texts for today. It can text again at %(time)s UTC.")
        % {"limit": limit, "time": f"{resets_at:%H:%M}"},
        resets_at=resets_at.isoformat(),
    )


def _message(request: _Request, counterpart: str, number: PhoneNumber, size: Segmentation, **fields: Any) -> Message:
    """An unsaved outbound row: the copies of both numbers, the organization and the user."""
    body = fields.pop("body", request.body)
    return Message(
        organization_id=number.organization_id,
        user_id=request.user.pk,
        number=number,
        direction=Direction.OUTBOUND,
        own_e164=number.e164,
        counterpart=counterpart,
        body=body,
        search_text=fold(body),
        encoding=size.encoding,
        segments=min(size.segments, MOST_SEGMENTS_KEPT),
        accepted_at=request.now,
        due_at=request.now,
        **fields,
    )


def _keep_refused(request: _Request, counterpart: str, sending: SendingNumber | None, refusal: Refusal) -> None:
    """Keep a refused text as a blocked row, and name it in the refusal. Without an own number there is no row, and
    none for a question."""
    number = request.conversation.number if request.conversation else sending.number if sending else None
    if number is None or refusal.http_status == 409 or refusal.code == "confirmation_needed":
        return
    body = storable(request.body)
    message = _message(
        request,
        counterpart,
        number,
        measure(body),
        body=body,
        status=Status.BLOCKED,
        reason=policy.reason_of(refusal.code),
        blocked_by=BlockedBy.PLATFORM,
        blocked_at=request.now,
        status_event_at=request.now,
    )
    with transaction.atomic():
        message.save(force_insert=True)
        outcomes.note([(message, "", "", message.status, message.reason)])
    refusal.extra["message_id"] = str(message.pk)


def storable(body: str) -> str:
    """A body that any database keeps: U+FFFD stands for NUL and for half of a surrogate pair."""
    return body.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
