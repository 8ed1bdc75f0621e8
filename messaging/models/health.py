"""How carrier accounts and the relay fare."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.carriers import CarrierAccount


class CarrierBatch(models.Model):
    """How one batch of texts was answered by a carrier. Appended by the relay after it wrote the outcomes; added up to
    one row a minute after an hour; kept for a day. A measurement, not a record: losing one loses no text."""

    id = models.BigAutoField(primary_key=True)
    carrier_account = models.ForeignKey(
        CarrierAccount, on_delete=models.CASCADE, related_name="batches", db_index=False
    )
    at = models.DateTimeField()
    taken = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0, help_text=_("The carrier took a look and said no."))
    not_taken = models.PositiveIntegerField(default=0, help_text=_("Not reached, throttled, or not let in."))
    not_let_in = models.PositiveIntegerField(
        default=0, db_default=0, help_text=_("Of those not taken: the account’s credentials were refused.")
    )
    unknown = models.PositiveIntegerField(default=0, help_text=_("It may have taken them."))
    milliseconds = models.PositiveBigIntegerField(
        default=0,
        db_default=0,
        help_text=_("From the first byte to the answer, over all texts of the batch that were answered."),
    )
    slowest = models.PositiveIntegerField(default=0, db_default=0, help_text=_("Milliseconds of the slowest answer."))

    class Meta:
        verbose_name = _("answers of a carrier")
        verbose_name_plural = _("answers of carriers")
        indexes = [
            # The last quarter of an hour of one account.
            models.Index(fields=["carrier_account", "at"], name="carrier_batches_lately"),
        ]

    def __str__(self) -> str:
        return f"{self.carrier_account_id} {self.at}"


class RelayMinute(models.Model):
    """How the relay stood in one minute, noted by the watch for the operators' pictures and kept for a day. A
    measurement: a minute that nobody noted is a gap in them."""

    at = models.DateTimeField(primary_key=True, help_text=_("The minute’s beginning."))
    waiting = models.PositiveIntegerField(help_text=_("Texts due and not gone, at most 10,001."))
    oldest_seconds = models.PositiveIntegerField(help_text=_("How long the oldest of them has been due."))
    receipt_seconds = models.FloatField(
        null=True, help_text=_("Median between taken and receipt, of the last hour. None came: empty.")
    )
    unconfirmed = models.PositiveIntegerField(help_text=_("Texts of the day (UTC) whose outcome is unknown."))
    orphans = models.PositiveIntegerField(help_text=_("Receipts without a text, at most 10,001."))
    batches = models.PositiveBigIntegerField(help_text=_("Batches dispatched since processes began to count."))
    batch_texts = models.PositiveBigIntegerField(help_text=_("Texts of these batches."))

    class Meta:
        verbose_name = _("minute of the relay")
        verbose_name_plural = _("minutes of the relay")

    def __str__(self) -> str:
        return str(self.at)
