"""Writing a text that is accepted: its place, the counts of its day, the text, and when its number is looked at next.

The steps say what is done; on Postgres one statement does the same where every row that is counted in is there already
and no limit is reached, which is nearly always. It does all of it or nothing, and where it did nothing the steps are
taken: they make what is missing, and say which limit it is. tests/messaging/test_acceptance.py proves that both write
the same.

What must never happen: a part of it is committed without the rest. The statement is a transaction of its own, the
steps are taken in one. The statement therefore locks the conversation and the day first and looks at their limits,
then counts the words, where it is within their limits, and whatever else it writes is joined to that.

Locks, in the order of states.py, either way: conversation, daily count, count of the same words, sending number.
"""

from __future__ import annotations

import contextlib
import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from messaging import pacing, same_text
from messaging.models import Conversation, DailyCount, Message
from messaging.models.messages import Direction
from messaging.policy import Own
from messaging.statements import Statement
from provisioning.prepared import PreparedInsert, PreparedModels
from provisioning.refusals import Refusal

ANSWERED_WITHIN: Final = timedelta(hours=24)
LATEST_TEXTS: Final = 20
"""A text is prompt when one of so many before it came in lately; so the look costs the same in a long conversation."""


def write(message: Message, own: Own) -> datetime:
    """Commit an accepted text; when its conversation changed. The message gets its conversation, place and `prompt`.

    Raises Refusal daily_limit, same_text; IntegrityError when the user has a text with this key: nothing is written.
    """
    changed_at = _at_once(message, own) if connection.vendor == "postgresql" else None
    return changed_at or _step_by_step(message, own)


@transaction.atomic
def _step_by_step(message: Message, own: Own) -> datetime:
    conversation = _conversation(message, own)
    _count(message, own)
    same_text.count(message, own)
    message.conversation = conversation
    message.seq = conversation.last_seq + 1
    message.prompt = conversation.prompt  # type: ignore[attr-defined]
    _MESSAGES.insert(message)
    changed_at = max(conversation.changed_at, message.accepted_at)
    _MOVE_ON.run(id=conversation.pk, seq=message.seq, message=message.pk, changed_at=changed_at)
    pacing.look_again([own.number_id], message.accepted_at)
    return changed_at


def _conversation(message: Message, own: Own) -> Conversation:
    """The conversation, locked; made when this is its first text, by whichever of two requests is faster.

    With `prompt`: whether the person wrote lately, so that this is an answer.
    """
    whose = {"user": own.user_id, "number": own.number_id, "counterpart": message.counterpart}
    since = message.accepted_at - ANSWERED_WITHIN
    conversation = _CONVERSATION.first(**whose, since=since)
    if conversation is None:
        new = Conversation(
            organization_id=own.organization_id,
            user_id=own.user_id,
            number_id=own.number_id,
            own_e164=own.own_e164,
            counterpart=message.counterpart,
            changed_at=message.accepted_at,
        )
        Conversation.objects.bulk_create([new], ignore_conflicts=True)
        conversation = _CONVERSATION.first(**whose, since=since)
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
_MESSAGES: Final = PreparedInsert(Message)
_MOVE_ON: Final = Statement(
    """
    UPDATE messaging_conversation SET last_seq = %(seq)s, last_message_id = %(message)s, changed_at = %(changed_at)s
    WHERE id = %(id)s
    """,
)
_COUNTED: Final = """
    accepted = accepted + 1, segments = segments + %(segments)s,
    minute_texts = CASE WHEN minute = %(minute)s THEN minute_texts + 1 ELSE 1 END,
    busiest_minute = CASE
        WHEN minute = %(minute)s AND minute_texts + 1 > busiest_minute THEN minute_texts + 1
        WHEN busiest_minute < 1 THEN 1 ELSE busiest_minute END,
    minute = %(minute)s
"""
_WITHIN_THE_DAY: Final = """
    number_id = %(number)s AND day = %(day)s AND user_id = %(user)s AND accepted < %(most)s - COALESCE((
        SELECT SUM(others.accepted) FROM messaging_dailycount others
        WHERE others.number_id = %(number)s AND others.day = %(day)s
        AND (others.user_id IS NULL OR others.user_id <> %(user)s)
    ), 0)
"""
_COUNT: Final = Statement(f"UPDATE messaging_dailycount SET {_COUNTED} WHERE {_WITHIN_THE_DAY}")  # noqa: S608  (words of ours)


def _count(message: Message, own: Own) -> None:
    """Count the text on its number's day and minute (UTC), under the count's lock: operators see bursts by the minute.

    Raises Refusal daily_limit when the day is full.
    """
    told = _told_of_the_day(message, own)
    if _COUNT.run(**told):
        return
    new = DailyCount(organization_id=own.organization_id, user_id=own.user_id, number_id=own.number_id, day=told["day"])
    DailyCount.objects.bulk_create([new], ignore_conflicts=True)
    if not _COUNT.run(**told):
        raise _day_is_full(message.accepted_at, own.texts_a_day)


def _told_of_the_day(message: Message, own: Own) -> dict[str, Any]:
    at = message.accepted_at.astimezone(UTC)
    return {
        "number": own.number_id, "user": own.user_id, "day": at.date(), "most": own.texts_a_day,
        "segments": message.segments, "minute": 60 * at.hour + at.minute,
    }  # fmt: skip


def _day_is_full(now: datetime, limit: int) -> Refusal:
    resets_at = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), tzinfo=UTC)
    return Refusal(
        "daily_limit",
        _("This number has sent its %(limit)s texts for today. It can text again at %(time)s UTC.")
        % {"limit": limit, "time": f"{resets_at:%H:%M}"},
        resets_at=resets_at.isoformat(),
    )


_GIVEN: Final = (
    "id", "organization_id", "user_id", "number_id", "own_e164", "counterpart", "body", "search_text", "encoding",
    "segments", "direction", "status", "idempotency_key", "request_digest", "resend_of_id", "confirmed", "accepted_at",
    "due_at",
)  # fmt: skip
"""Columns that say something of a text that is accepted, besides its place. The others have their defaults."""
_PLACED: Final = {"conversation_id": "id", "seq": "last_seq", "prompt": "prompt"}
_KINDS: Final = {models.UUIDField: "uuid", models.DateTimeField: "timestamptz", models.BooleanField: "boolean"}


def _column(field: models.Field[Any, Any]) -> str:
    """What one column of the text gets."""
    if field.attname in _PLACED:
        return f"moved.{_PLACED[field.attname]}"
    whole = field.target_field if isinstance(field, models.ForeignKey) else field
    number = isinstance(whole, models.IntegerField)
    kind = "bigint" if number else next((word for one, word in _KINDS.items() if isinstance(whole, one)), "text")
    return f"CAST({f'%({field.attname})s' if field.attname in _GIVEN else _literal(field)} AS {kind})"


def _literal(field: models.Field[Any, Any]) -> str:
    value = field.get_default()
    if value is None or isinstance(value, bool | int):
        return "NULL" if value is None else str(value).upper()
    assert isinstance(value, str), field
    assert not set(value) & set("'%\\"), field
    return f"'{value}'"


def _at_once_statement(words: str) -> Statement:
    fields = Message._meta.concrete_fields
    return Statement(
        f"""
        WITH place AS MATERIALIZED (
            SELECT kept.id, kept.last_seq + 1 AS last_seq, EXISTS (
                SELECT 1 FROM messaging_message earlier
                WHERE earlier.conversation_id = kept.id AND earlier.seq > kept.last_seq - {LATEST_TEXTS}
                AND earlier.direction = 'in' AND earlier.accepted_at > %(since)s
            ) AS prompt
            FROM messaging_conversation kept
            WHERE kept.user_id = %(user)s AND kept.number_id = %(number)s AND kept.counterpart = %(counterpart)s
            FOR NO KEY UPDATE
        ), today AS MATERIALIZED (
            SELECT messaging_dailycount.id FROM place, messaging_dailycount
            WHERE {_WITHIN_THE_DAY}
            FOR NO KEY UPDATE OF messaging_dailycount
        ), words AS (
            {words}
        ), counted AS (
            UPDATE messaging_dailycount SET {_COUNTED} FROM today, words WHERE messaging_dailycount.id = today.id
        ), moved AS (
            UPDATE messaging_conversation kept
            SET last_seq = place.last_seq, last_message_id = %(id)s,
                changed_at = GREATEST(kept.changed_at, %(accepted_at)s)
            FROM place, words WHERE kept.id = place.id
            RETURNING kept.id, kept.last_seq, kept.changed_at, place.prompt
        ), noted AS (
            UPDATE messaging_sendingnumber SET next_due_at =
                CASE WHEN next_due_at < %(accepted_at)s THEN next_due_at ELSE %(accepted_at)s END
            FROM words WHERE number_id = %(number)s
        ), written AS (
            INSERT INTO messaging_message ({", ".join(field.column for field in fields)})
            SELECT {", ".join(_column(field) for field in fields)} FROM moved
        )
        SELECT id, last_seq, prompt, changed_at FROM moved
        """,  # noqa: S608  (words of ours)
        answers={"id": "uuid", "last_seq": "int", "prompt": "bool", "changed_at": "time"},
    )


_AT_ONCE: Final = _at_once_statement(same_text.COUNT.format(source="today"))
_SHORT_AT_ONCE: Final = _at_once_statement("SELECT 1 FROM today")
"""For texts that may be the same as others."""


def _at_once(message: Message, own: Own) -> datetime | None:
    """All of it in one statement. None: it did nothing."""
    told = {name: getattr(message, name) for name in _GIVEN} | _told_of_the_day(message, own)
    told["since"] = message.accepted_at - ANSWERED_WITHIN
    alike = same_text.told(own.organization_id, message.counterpart, message.body)
    alone = contextlib.nullcontext() if connection.get_autocommit() else transaction.atomic()
    with alone:
        found = (_AT_ONCE if alike else _SHORT_AT_ONCE).rows(**told, **alike)
    if not found:
        return None
    message.conversation_id, message.seq, message.prompt, changed_at = found[0]
    message._state.adding, message._state.db = False, connection.alias
    when: datetime = changed_at
    return when
