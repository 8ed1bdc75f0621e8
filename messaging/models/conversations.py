"""Conversations: one user, one own number, one counterpart."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models import Organization, PhoneNumber, User


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def visible_to(self, user: User) -> ConversationQuerySet:
        """The user's own. Nobody reads another person's conversation here, whatever the role."""
        return self.filter(user_id=user.pk)

    def unread(self) -> ConversationQuerySet:
        """With texts that were not opened yet."""
        return self.filter(unread_count__gt=0)


class Conversation(models.Model):
    """What one user and one counterpart texted over one own number.

    When the number moves to another user, this stays with the first. The row's lock gives `last_seq`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Without indexes of their own: those below begin with the user, and nobody looks for the others alone.
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="conversations", db_index=False)
    number = models.ForeignKey(PhoneNumber, on_delete=models.PROTECT, related_name="conversations", db_index=False)
    own_e164 = models.CharField(max_length=16)
    counterpart = models.CharField(max_length=16)
    last_seq = models.PositiveBigIntegerField(default=0)
    last_message = models.ForeignKey(
        "messaging.Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    unread_count = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        constraints = [
            # Two inbound texts at once never make two conversations.
            models.UniqueConstraint(fields=["user", "number", "counterpart"], name="conversation_once"),
        ]
        indexes = [
            # The inbox list, newest first (keyset), and "changed since" for the live stream.
            models.Index(fields=["user", "-changed_at", "-id"], name="inbox_list"),
            # The unread ones: their list, and how many there are.
            models.Index(
                fields=["user", "-changed_at", "-id"], condition=models.Q(unread_count__gt=0), name="inbox_unread"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.own_e164} and {self.counterpart}"
