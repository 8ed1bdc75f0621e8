"""The message: the queue of record and the retained record in one row."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.carriers import CarrierAccount
from messaging.models.conversations import Conversation
from provisioning.ids import new_id
from provisioning.models import Organization, PhoneNumber, User


class Direction(models.TextChoices):
    INBOUND = "in", _("Received")
    OUTBOUND = "out", _("Sent")


class Status(models.TextChoices):
    """What is known of a text. Labels are what the sender sees; ranks and moves are in messaging/states.py."""

    RECEIVED = "received", _("Received")
    SCHEDULED = "scheduled", _("Scheduled")
    QUEUED = "queued", _("Queued")
    CANCELLED = "cancelled", _("Cancelled")
    SENDING = "sending", _("Sending")
    UNCONFIRMED = "unconfirmed", _("Outcome unknown")
    FAILED = "failed", _("Failed")
    BLOCKED = "blocked", _("Blocked")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    UNDELIVERED = "undelivered", _("Not delivered")


class Kind(models.TextChoices):
    PERSON = "person", _("Written by a person")
    AUTOMATIC = "automatic", _("Automatic reply")


class Withheld(models.TextChoices):
    """Why an inbound text was recorded but not delivered to a user."""

    MMS = "mms", _("It had an attachment")
    INTERNATIONAL = "international", _("It came from outside the US and Canada")
    NOT_A_PHONE = "not_a_phone", _("It came from a short code or a name")
    UNASSIGNED = "unassigned", _("The number had no user")
    TEXTING_OFF = "texting_off", _("Texting was off for the user")
    BLOCKED = "blocked", _("The user had blocked this person")


class BlockedBy(models.TextChoices):
    PLATFORM = "platform", _("Texting Hub")
    PROVIDER = "provider", _("The provider")
    CARRIER = "carrier", _("The carrier")


class Encoding(models.TextChoices):
    GSM7 = "gsm7", _("GSM-7")
    UCS2 = "ucs2", _("UCS-2")


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: User) -> MessageQuerySet:
        """The user's own; a text withheld from the user (an attachment, from abroad) stays with compliance."""
        return self.filter(user_id=user.pk, withheld="")


IS_WAITING = models.Q(status=Status.SCHEDULED) | models.Q(status=Status.QUEUED)
IS_IN_LINE = models.Q(status=Status.QUEUED) | models.Q(status=Status.SENDING)
"""Conditions of partial indexes. Not `status__in`: SQLite sees that an index serves when a query repeats its condition
or one side of its OR, but it never recognizes a list of bound values."""


class Message(models.Model):
    """One text. It copies both numbers, the organization and the user, so provisioning never rewrites history.

    Only messaging/states.py writes `status` after the row is made. Each fact keeps its time in a column of its own.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Keys without an index of their own have one below that begins with them, or are never looked for: every index
    # costs each of the four writes that a text's way takes.
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="messages")
    number = models.ForeignKey(PhoneNumber, on_delete=models.PROTECT, related_name="messages", db_index=False)
    conversation = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.PROTECT, related_name="messages", db_index=False
    )
    seq = models.PositiveBigIntegerField(null=True, blank=True)
    direction = models.CharField(max_length=3, choices=Direction.choices)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PERSON)
    own_e164 = models.CharField(max_length=16)
    counterpart = models.CharField(max_length=32)
    body = models.TextField()
    search_text = models.TextField(editable=False)
    encoding = models.CharField(max_length=4, choices=Encoding.choices)
    segments = models.PositiveSmallIntegerField()

    status = models.CharField(max_length=12, choices=Status.choices)
    reason = models.CharField(max_length=32, blank=True)
    carrier_code = models.CharField(max_length=32, blank=True)
    blocked_by = models.CharField(max_length=10, choices=BlockedBy.choices, blank=True)
    withheld = models.CharField(max_length=16, choices=Withheld.choices, blank=True)
    asks_to_stop = models.BooleanField(default=False)
    # The database knows the defaults of what came later: an older release's worker may still write beside this one.
    looks_repeated = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("The same words came from the same person within seconds, under another id."),
    )
    prompt = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("It answers a text of the last 24 hours, and goes before what nobody waits for."),
    )
    confirmed = models.BooleanField(
        default=False, db_default=False, help_text=_("The sender was asked by a content rule, and confirmed.")
    )

    carrier_account = models.ForeignKey(
        CarrierAccount, null=True, blank=True, on_delete=models.PROTECT, related_name="messages", db_index=False
    )
    carrier_message_id = models.CharField(max_length=128, blank=True)

    idempotency_key = models.CharField(max_length=255, blank=True)
    request_digest = models.CharField(max_length=64, blank=True)
    resend_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="resends", db_index=False
    )
    in_reply_to = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replies", db_index=False
    )

    accepted_at = models.DateTimeField()
    due_at = models.DateTimeField()
    lease_token = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sending_at = models.DateTimeField(null=True, blank=True)
    unconfirmed_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    blocked_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    undelivered_at = models.DateTimeField(null=True, blank=True)
    status_event_at = models.DateTimeField(null=True, blank=True)
    status_receipt_id = models.UUIDField(null=True, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            # The thread, newest first (keyset); and no two texts of a conversation share a place.
            models.UniqueConstraint(
                fields=["conversation", "seq"], condition=models.Q(seq__isnull=False), name="message_place_once"
            ),
            # One accepted text per key and user, however often the client repeats the request.
            models.UniqueConstraint(
                fields=["user", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="idempotency_key_once_a_user",
            ),
            # A carrier that repeats an inbound webhook does not make a second message.
            models.UniqueConstraint(
                fields=["carrier_account", "carrier_message_id"],
                condition=models.Q(direction=Direction.INBOUND) & ~models.Q(carrier_message_id=""),
                name="inbound_once",
            ),
            # Exactly one automatic reply to an inbound text.
            models.UniqueConstraint(
                fields=["in_reply_to"], condition=models.Q(kind=Kind.AUTOMATIC), name="one_automatic_reply"
            ),
            models.CheckConstraint(
                condition=models.Q(direction=Direction.INBOUND, status=Status.RECEIVED)
                | (models.Q(direction=Direction.OUTBOUND) & ~models.Q(status=Status.RECEIVED)),
                name="only_inbound_is_received",
            ),
        ]
        indexes = [
            # The relay's look at one number: what is queued there, by due time.
            models.Index(
                fields=["number", "due_at"],
                condition=IS_WAITING,
                name="messages_waiting",
            ),
            # Head of the line: is an earlier text of the conversation still queued or sending?
            models.Index(
                fields=["conversation", "seq"],
                condition=IS_IN_LINE,
                name="messages_in_line",
            ),
            # The sweep for leases that ran out: of queued texts (free again) and of sending ones (unconfirmed).
            models.Index(
                fields=["leased_until"],
                condition=IS_IN_LINE & models.Q(leased_until__isnull=False),
                name="messages_leased",
            ),
            # When a number's next text that the carrier put off may be tried again.
            models.Index(
                fields=["number", "retry_at"],
                condition=models.Q(status=Status.QUEUED, retry_at__isnull=False),
                name="messages_put_off",
            ),
            # Automatic replies go past pacing: found without walking over what people queued.
            models.Index(
                fields=["number", "due_at"],
                condition=models.Q(status=Status.QUEUED, kind=Kind.AUTOMATIC),
                name="messages_automatic",
            ),
            # Answers go before what nobody waits for: found without walking over the rest.
            models.Index(
                fields=["number", "due_at"],
                condition=models.Q(status=Status.QUEUED, prompt=True),
                name="messages_prompt",
            ),
            # What was sent again, and what was answered: a purged text takes itself out of both.
            models.Index(
                fields=["resend_of"], condition=models.Q(resend_of__isnull=False), name="messages_sent_again"
            ),
            models.Index(
                fields=["in_reply_to"], condition=models.Q(in_reply_to__isnull=False), name="messages_answering"
            ),
            # The sweep for texts that grew too old in the queue, and for scheduled ones that came due.
            models.Index(fields=["due_at"], condition=models.Q(status=Status.QUEUED), name="messages_ageing"),
            models.Index(fields=["due_at"], condition=models.Q(status=Status.SCHEDULED), name="messages_scheduled"),
            # Receipts that carry only the carrier's id.
            models.Index(
                fields=["carrier_account", "carrier_message_id"],
                condition=models.Q(direction=Direction.OUTBOUND) & ~models.Q(carrier_message_id=""),
                name="messages_by_carrier_id",
            ),
            # What a person was answered automatically within a day: breaks loops of autoresponders.
            models.Index(
                fields=["number", "counterpart", "accepted_at"],
                condition=models.Q(kind=Kind.AUTOMATIC),
                name="messages_answered_lately",
            ),
            # The nightly purge and exports: one organization, oldest first (keyset).
            models.Index(fields=["organization", "accepted_at", "id"], name="messages_by_age"),
            # A STOP blocks what is still waiting for that person.
            models.Index(
                fields=["organization", "counterpart"],
                condition=IS_WAITING,
                name="messages_waiting_for",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.pk)
