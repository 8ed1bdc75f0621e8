"""Alerts: what needs a person."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models.organizations import Organization


class Alert(models.Model):
    """One cause, from when it was first seen until it is gone. `key` tells causes of one kind apart (a number's id)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=48)
    key = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(default=dict, help_text=_("What its sentence names; never a text or a secret."))
    raised_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text=_("When its cause was last seen."))
    times = models.PositiveIntegerField(default=1)
    cleared_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            # One open alert a cause: raising it again is not a second one.
            models.UniqueConstraint(
                fields=["organization", "code", "key"], name="alert_open_once",
                condition=models.Q(cleared_at__isnull=True, organization__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["code", "key"], name="platform_alert_open_once",
                condition=models.Q(cleared_at__isnull=True, organization__isnull=True),
            ),
        ]  # fmt: skip
        indexes = [
            # The Alerts page, newest first.
            models.Index(fields=["organization", "-raised_at"], name="alerts_page"),
            # Alerts that somebody has yet to be told of.
            models.Index(
                fields=["raised_at"],
                condition=models.Q(cleared_at__isnull=True, mailed_at__isnull=True),
                name="alerts_to_mail",
            ),
            # Was this cause mailed within a day?
            models.Index(fields=["code", "key"], name="alerts_by_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.key}".strip()


class Heartbeat(models.Model):
    """When something that has to happen regularly last did: a backup, the watch itself."""

    name = models.CharField(primary_key=True, max_length=48)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return f"{self.name} {self.at}"
