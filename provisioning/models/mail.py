"""Mail on its way out: written in the transaction of what it tells of, sent afterwards."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models.organizations import Organization
from provisioning.models.users import User


class MailState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    KEPT = "kept", _("Kept for the outbox page")
    FAILED = "failed", _("Failed")


class Mail(models.Model):
    """One mail to one person. Its text can hold a link that is as good as a password: it is emptied once sent,
    but in the demonstration, whose outbox page shows it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    recipient = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    address = models.EmailField(max_length=254)
    kind = models.CharField(max_length=48)
    subject = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    state = models.CharField(max_length=8, choices=MailState.choices, default=MailState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mail")
        indexes = [
            # What is still to be sent, oldest first.
            models.Index(
                fields=["next_attempt_at"], condition=models.Q(state="waiting"), name="mail_waiting"
            ),
            # The outbox page, newest first.
            models.Index(fields=["-created_at"], name="mail_newest"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.address}"
