"""People whom a user blocked: neither texts the other until the user lifts it.

The block is the user's own, on any of the user's numbers; colleagues are not bound by it. It is not an opt-out: STOP
and START from a blocked person still count, and lifting a block lifts no opt-out.

What must never happen:
1. A text goes out to a person after the block committed. Like a STOP it blocks, in its own transaction, what still
   waits, and policy looks again at dispatch, after the relay took its locks: so a text that was composed at the same
   moment is found there.
2. A block nobody knows of: each is recorded, with the number it is about and no text.

Locks, in the order of states.py: messages, conversations; then the block, then the audit head.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from messaging import states
from messaging.changes import ConversationChange, announce
from messaging.models import BlockedPerson, Conversation, Message
from messaging.models.conversations import ConversationQuerySet
from messaging.models.messages import IS_WAITING, BlockedBy, Kind, Status
from messaging.reasons import Reason
from provisioning.changes import Actor, record_target
from provisioning.models import User


def is_blocked(user_id: uuid.UUID, counterpart: str) -> bool:
    """Whether this user has this person blocked now. One look at a unique index."""
    return blocks_of({(user_id, counterpart)}).exists()


def blocks_of(pairs: Collection[tuple[uuid.UUID, str]]) -> QuerySet[BlockedPerson]:
    """The standing blocks of these (user id, counterpart) pairs; with several, of any user and any person of theirs."""
    return BlockedPerson.objects.filter(
        user__in={user_id for user_id, _ in pairs},
        counterpart__in={counterpart for _, counterpart in pairs},
        lifted_at__isnull=True,
    )


def standing(user_id: uuid.UUID, counterpart: str) -> Exists:
    """`is_blocked` as a column of a queryset that is read anyway."""
    return Exists(blocks_of({(user_id, counterpart)}))


def with_blocked(conversations: ConversationQuerySet) -> ConversationQuerySet:
    """The conversations, each with `blocked`: whether its user has the person blocked now."""
    standing_block = BlockedPerson.objects.filter(
        user=OuterRef("user"), counterpart=OuterRef("counterpart"), lifted_at__isnull=True
    )
    return conversations.annotate(blocked=Exists(standing_block))


def block(user: User, conversation: Conversation, actor: Actor, now: datetime) -> bool:
    """Block the person of one of the user's conversations. False: the person was blocked already."""
    with transaction.atomic():
        _block_waiting(conversation, now)
        row = _inserted(user, conversation, now)
        if row is None:
            return False
        _announce(conversation)
        record_target(
            "person.blocked", actor, row, organization_id=row.organization_id, after={"number": row.counterpart}
        )
    return True


def unblock(user: User, conversation: Conversation, actor: Actor, now: datetime) -> bool:
    """Lift the block. What it stopped stays stopped. False: there was none."""
    with transaction.atomic():
        row = blocks_of({(user.pk, conversation.counterpart)}).select_for_update(no_key=True).first()
        if row is None:
            return False
        row.lifted_at = now
        row.save(update_fields=["lifted_at"])
        _announce(conversation)
        record_target(
            "person.unblocked", actor, row, organization_id=row.organization_id, before={"number": row.counterpart}
        )
    return True


def _block_waiting(conversation: Conversation, now: datetime) -> None:
    """Block what the user wrote and still waits for this person."""
    waiting = Message.objects.filter(
        IS_WAITING,
        organization_id=conversation.organization_id,
        counterpart=conversation.counterpart,
        user_id=conversation.user_id,
        kind=Kind.PERSON,
    )
    fact = states.Fact(Status.BLOCKED, now, reason=Reason.PERSON_BLOCKED, blocked_by=BlockedBy.PLATFORM)
    states.settle_waiting(waiting.values_list("pk", flat=True), fact, now=now)


def _inserted(user: User, conversation: Conversation, now: datetime) -> BlockedPerson | None:
    """None when there is a standing block already; the unique constraint decides."""
    row = BlockedPerson(
        organization_id=conversation.organization_id, user=user, counterpart=conversation.counterpart, blocked_at=now
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return None
    return row


def _announce(conversation: Conversation) -> None:
    """Composers that are open elsewhere look again; the conversation keeps its place in the list."""
    alike = Conversation.objects.filter(user_id=conversation.user_id, counterpart=conversation.counterpart)
    for key, changed_at in alike.values_list("pk", "changed_at"):
        announce(ConversationChange(conversation.user_id, key, changed_at))
