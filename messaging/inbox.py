"""The read side of the inbox: whose conversations, in which order, with what in them. Only `mark_read` writes.

Every query starts from `.visible_to(user)`. Lists page by keyset (`changed_at`, then id; `seq` inside a thread), so a
page costs the same wherever it is. A snippet is read through the `last_message` key and never copied: what the purge
deletes is gone from the list too.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from messaging.blocking import with_blocked
from messaging.changes import ConversationChange, announce
from messaging.models import Conversation, Message
from messaging.models.conversations import ConversationQuerySet
from messaging.models.messages import Direction, MessageQuerySet
from provisioning.models import User
from provisioning.models.choices import fold

CONVERSATIONS_A_PAGE = 50
TEXTS_A_PAGE = 50
LONGEST_QUERY = 200
UNREAD_SHOWN = 99


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """One page of the list, newest change first. `older` is the cursor of the next page, empty on the last."""

    conversations: list[Conversation]
    older: str


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """One page of a thread in the order it was said. `older`: the seq to page before, None where the thread begins."""

    messages: list[Message]
    older: int | None


def conversations(user: User, *, unread: bool = False, query: str = "") -> ConversationQuerySet:
    """The user's conversations with what a list row shows, newest change first."""
    found = with_blocked(Conversation.objects.visible_to(user)).select_related("last_message")
    found = found.order_by("-changed_at", "-id")
    if unread:
        found = found.unread()
    return found.filter(_matches(user, query)) if query.strip() else found


def conversation_page(
    user: User, *, unread: bool = False, query: str = "", before: str = "", size: int = CONVERSATIONS_A_PAGE
) -> ConversationPage:
    """One page of `conversations()`; a cursor that means nothing is the first page."""
    found = conversations(user, unread=unread, query=query)
    after = _read_cursor(before)
    if after is not None:
        found = found.filter(Q(changed_at__lt=after[0]) | Q(changed_at=after[0], id__lt=after[1]))
    rows = list(found[: size + 1])
    older = _cursor(rows[size - 1]) if len(rows) > size else ""
    return ConversationPage(rows[:size], older)


def _cursor(conversation: Conversation) -> str:
    return f"{conversation.changed_at.isoformat()}~{conversation.pk}"


def _read_cursor(cursor: str) -> tuple[datetime, uuid.UUID] | None:
    moment_text, _tilde, id_text = cursor.partition("~")
    try:
        moment, identifier = parse_datetime(moment_text), uuid.UUID(id_text)
    except ValueError:
        return None
    return (moment, identifier) if moment is not None and timezone.is_aware(moment) else None


def _matches(user: User, query: str) -> Q:
    """Every word stands in one text of the conversation; or the query is (part of) the number."""
    query = query.replace("\x00", "")[:LONGEST_QUERY]
    texts = Message.objects.visible_to(user).filter(conversation=OuterRef("pk"), seq__isnull=False)
    for word in fold(query).split():
        texts = texts.filter(search_text__contains=word)
    condition = Q(Exists(texts))
    digits = re.sub(r"\D", "", query)
    if len(digits) >= 3 and re.fullmatch(r"[\d\s()+./-]+", query):
        condition |= Q(counterpart__contains=digits)
    return condition


def unread_conversations(user: User) -> int:
    """How many conversations have unread texts, counted up to one more than is shown."""
    return Conversation.objects.visible_to(user).unread().order_by()[: UNREAD_SHOWN + 1].count()


def thread(conversation: Conversation, user: User) -> MessageQuerySet:
    """The texts of one of the user's conversations."""
    return Message.objects.visible_to(user).filter(conversation=conversation, seq__isnull=False)


def thread_page(
    conversation: Conversation, user: User, *, before: int | None = None, size: int = TEXTS_A_PAGE
) -> ThreadPage:
    """The newest texts, or the ones before a place in the thread."""
    found = thread(conversation, user).order_by("-seq")
    if before is not None:
        found = found.filter(seq__lt=before)
    rows = list(found[: size + 1])
    older = rows[size - 1].seq if len(rows) > size else None
    return ThreadPage(rows[:size][::-1], older)


def changed_since(user_id: uuid.UUID, since: datetime, limit: int) -> list[ConversationChange]:
    """What changed in one user's inbox at or after a time, oldest first: the replay of the live stream."""
    rows = Conversation.objects.filter(user_id=user_id, changed_at__gte=since).order_by("changed_at", "id")
    return [
        ConversationChange(user_id=user_id, conversation_id=identifier, changed_at=changed_at)
        for identifier, changed_at in rows.values_list("id", "changed_at")[:limit]
    ]


@transaction.atomic
def mark_read(conversation_id: uuid.UUID, user: User, *, up_to: int | None = None) -> Conversation:
    """Texts up to a place (default: all) count as read; what arrived after it stays unread.

    `changed_at` stays: opening an old conversation does not move it in the list. Conversation.DoesNotExist for
    somebody else's.
    """
    own = Conversation.objects.visible_to(user).select_for_update(no_key=True)
    conversation = own.get(pk=conversation_id)
    unread = 0
    if up_to is not None:
        unread = thread(conversation, user).filter(direction=Direction.INBOUND, seq__gt=up_to).count()
    if unread < conversation.unread_count:
        conversation.unread_count = unread
        conversation.save(update_fields=["unread_count"])
        announce(ConversationChange(user.pk, conversation.pk, conversation.changed_at))
    return conversation
