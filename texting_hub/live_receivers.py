"""What the apps announce, passed on to live streams once it is committed. A failure here never reaches the write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from messaging.changes import ConversationChange, conversation_changed
from provisioning.changes import Change, changed
from provisioning.models import Session
from texting_hub.live_redis import CONVERSATION, STANDING, organization_channel, publish, publish_all, user_channel

CONCERNS_ONE_USER = {"user"}
MANY = 20
"""More users than this at once, and everyone of the organization looks: one message instead of hundreds."""
CONCERNS_EVERYONE = {"organization", "location", "phonenumber", "brand", "campaign", "callingplan"}
"""Targets (model names) whose change may open or close composers. Streams compare before they tell anyone."""


@receiver(conversation_changed, dispatch_uid="live_conversation")
def pass_on_conversations(changes: Sequence[ConversationChange], **kwargs: Any) -> None:
    """To every browser of the conversations' users; one exchange with Redis for a whole batch of the relay."""
    publish_all([(user_channel(change.user_id), CONVERSATION, _ids_of(change)) for change in changes])


def _ids_of(change: ConversationChange) -> dict[str, str]:
    return {"id": str(change.conversation_id), "changed_at": change.changed_at.isoformat()}


@receiver(changed, dispatch_uid="live_standing")
def pass_on_standing(changes: Sequence[Change], **kwargs: Any) -> None:
    """A switch, an override, a sign-out, a deactivation: streams it may concern look again."""
    channels = {_channel_of(change) for change in changes} - {""}
    if len(channels) > MANY:
        channels = {organization_channel(change.organization_id) for change in changes if change.organization_id}
    if channels:
        transaction.on_commit(lambda: _publish_standing(sorted(channels)), robust=True)


def _publish_standing(channels: list[str]) -> None:
    for channel in channels:
        publish(channel, STANDING)


@receiver(post_delete, sender=Session, dispatch_uid="live_session")
def pass_on_end_of_session(instance: Session, **kwargs: Any) -> None:
    """A sign-out is recorded a moment before its session is gone; streams have to look after that."""
    if instance.user_id is not None:
        channel = user_channel(instance.user_id)
        transaction.on_commit(lambda: publish(channel, STANDING), robust=True)


def _channel_of(change: Change) -> str:
    if change.target_type in CONCERNS_ONE_USER:
        return user_channel(change.target_id)
    if change.target_type in CONCERNS_EVERYONE and change.organization_id is not None:
        return organization_channel(change.organization_id)
    return ""
