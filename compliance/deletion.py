"""Deleting texts: the rows of one purge batch and everything that is theirs, inside the batch's transaction.

The essay in compliance/retention.py says when; this says what goes and what is mended.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Least

from messaging.models import Conversation, Message, Receipt
from messaging.models.messages import Direction


def delete_texts(ids: Collection[uuid.UUID]) -> int:
    """Delete these messages, and how many receipts went with them. Locks messages, then conversations, by id."""
    _lock_with_what_points_there(ids)
    receipts, _by_model = Receipt.objects.filter(message_id__in=ids).delete()
    conversations = _locked_conversations(ids)
    _move_snippets(conversations, ids)
    # Also empties resend_of and in_reply_to of what points here (SET_NULL); no body is read on the way.
    Message.objects.filter(pk__in=ids).only("pk").delete()
    _lower_unread_counts(conversations)
    return receipts


def delete_orphaned_receipts(organization_id: uuid.UUID | None, cutoff: datetime, limit: int) -> int:
    """Delete receipts that never found their message and came in before the cutoff; how many, at most `limit`."""
    theirs = Q(organization_id=organization_id) if organization_id else Q(organization__isnull=True)
    orphans = Receipt.objects.filter(theirs, message__isnull=True, received_at__lt=cutoff)
    ids = list(orphans.order_by("received_at", "pk").values_list("pk", flat=True)[:limit])
    deleted, _by_model = Receipt.objects.filter(pk__in=ids, message__isnull=True).delete()
    return deleted


def _lock_with_what_points_there(ids: Collection[uuid.UUID]) -> None:
    """In one order of id, as messaging/states.py locks them, so that the two never wait for each other."""
    pointing = Q(resend_of_id__in=ids) | Q(in_reply_to_id__in=ids)
    rows = Message.objects.select_for_update().filter(Q(pk__in=ids) | pointing)
    list(rows.order_by("pk").values_list("pk", flat=True))


def _locked_conversations(ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """The conversations whose snippet goes, or whose unread texts may be among these."""
    theirs = Message.objects.filter(pk__in=ids, conversation__isnull=False).values("conversation_id")
    concerned = Conversation.objects.filter(pk__in=theirs).filter(Q(last_message_id__in=ids) | Q(unread_count__gt=0))
    return list(concerned.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))


def _move_snippets(conversations: Collection[uuid.UUID], ids: Collection[uuid.UUID]) -> None:
    """The newest text that is left becomes the snippet; none is left, then there is none."""
    left = Message.objects.filter(conversation_id=OuterRef("pk"), seq__isnull=False).exclude(pk__in=ids)
    newest = left.order_by("-seq").values("pk")[:1]
    concerned = Conversation.objects.filter(pk__in=conversations, last_message_id__in=ids)
    concerned.update(last_message_id=Subquery(newest))


def _lower_unread_counts(conversations: Collection[uuid.UUID]) -> None:
    """Nobody has more unread texts than there are received ones left."""
    received = Message.objects.filter(conversation_id=OuterRef("pk"), direction=Direction.INBOUND).order_by()
    left = Coalesce(Subquery(received.values("conversation").annotate(left=Count("pk")).values("left")), 0)
    concerned = Conversation.objects.filter(pk__in=conversations, unread_count__gt=0)
    concerned.update(unread_count=Least(F("unread_count"), left))
