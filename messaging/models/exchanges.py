"""What was said between us and a carrier about one text, for support. Never a body, never a whole number."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.carriers import CarrierAccount
from messaging.models.messages import Message


class Exchange(models.Model):
    """One attempt: the redacted request, what was answered, how long it took. Purged with its text."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="exchanges")
    carrier_account = models.ForeignKey(CarrierAccount, on_delete=models.PROTECT, related_name="+", db_index=False)
    attempt = models.PositiveSmallIntegerField()
    at = models.DateTimeField(help_text=_("When the answer was written down."))
    milliseconds = models.PositiveIntegerField(null=True, blank=True)
    outcome = models.CharField(
        max_length=12, help_text=_("taken, refused, not_taken or unknown; asked: it was no attempt.")
    )
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    request = models.CharField(max_length=200, blank=True)
    response = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = _("exchange with a carrier")
        verbose_name_plural = _("exchanges with carriers")

    def __str__(self) -> str:
        return f"{self.message_id} {self.attempt}"
