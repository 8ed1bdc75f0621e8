"""Thousands of texts in the queue at once, written past `compose`: it is the relay that is looked at."""

from __future__ import annotations

from django.db import connection

from messaging import clock
from messaging.models import Conversation, Message, SendingNumber
from provisioning.models import User
from tests.faults.house import House

IN_A_CONVERSATION = 5
AT_ONCE = 5000
BURST = 20
"""Texts of one number at once: the relay looks at as many of each number that is due."""


def queue(house: House, texts: int, users: int) -> None:
    """So many texts, five in each conversation, spread over so many people."""
    conversations = [
        conversation
        for place, user in enumerate(house.users(users))
        for conversation in _conversations(user, place, texts // users // IN_A_CONVERSATION)
    ]
    Conversation.objects.bulk_create(conversations, batch_size=AT_ONCE)
    made = [_text(conversation, seq) for seq in range(1, IN_A_CONVERSATION + 1) for conversation in conversations]
    Message.objects.bulk_create(made, batch_size=AT_ONCE)
    house.accepted.update((text.pk, text.body) for text in made)
    _count_tables()
    SendingNumber.objects.update(next_due_at=clock.database_now(), burst=BURST, tokens=BURST)


def _count_tables() -> None:
    """What autovacuum does within a minute: without it Postgres plans as if the table were empty."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE messaging_message, messaging_conversation, messaging_sendingnumber")


def _conversations(user: User, place: int, number: int) -> list[Conversation]:
    now, own = clock.database_now(), user.primary_number
    return [
        Conversation(
            organization=user.organization, user=user, number=own, own_e164=own.e164,
            counterpart=f"+1206{2_000_000 + place * number + one}", last_seq=IN_A_CONVERSATION, changed_at=now,
        )
        for one in range(number)
    ]  # fmt: skip


def _text(conversation: Conversation, seq: int) -> Message:
    now = conversation.changed_at
    return Message(
        organization_id=conversation.organization_id, user_id=conversation.user_id, number_id=conversation.number_id,
        conversation=conversation, seq=seq, direction="out", own_e164=conversation.own_e164,
        counterpart=conversation.counterpart, body=f"text {seq}", search_text=f"text {seq}", encoding="gsm7",
        segments=1, status="queued", accepted_at=now, due_at=now,
    )  # fmt: skip
