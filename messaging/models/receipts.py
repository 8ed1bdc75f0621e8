"""Receipts: what carriers said of our texts, stored raw before anything is concluded."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.carriers import CarrierAccount
from messaging.models.messages import Message
from provisioning.ids import new_id
from provisioning.models import Organization


class Receipt(models.Model):
    """One receipt, matched to its message or (for now) an orphan. Purged on the message's clock."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    carrier_account = models.ForeignKey(
        CarrierAccount, on_delete=models.PROTECT, related_name="receipts", db_index=False
    )  # fmt: skip
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.PROTECT, related_name="receipts")
    our_reference = models.CharField(max_length=64, blank=True)
    carrier_message_id = models.CharField(max_length=128, blank=True)
    claim = models.CharField(max_length=12, blank=True, help_text=_("sent, delivered, undelivered, or unknown."))
    carrier_code = models.CharField(max_length=32, blank=True)
    reason = models.CharField(max_length=32, blank=True)
    event_at = models.DateTimeField()
    received_at = models.DateTimeField()
    fingerprint = models.CharField(max_length=64)
    raw = models.TextField()

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [
            # A repeated receipt is stored once.
            models.UniqueConstraint(fields=["carrier_account", "fingerprint"], name="receipt_once"),
        ]
        indexes = [
            # The sweep that matches orphans, oldest first.
            models.Index(
                fields=["received_at"], condition=models.Q(message__isnull=True), name="receipts_orphaned"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.pk)
