"""Small daily counters that outlive the messages they count."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models import Organization, PhoneNumber, User


class DailyCount(models.Model):
    """Texts of one number and user on one UTC day. The daily limit is checked against `accepted`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    number = models.ForeignKey(PhoneNumber, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    accepted = models.PositiveIntegerField(default=0)
    segments = models.PositiveIntegerField(default=0)
    received = models.PositiveIntegerField(default=0)
    withheld = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("daily count")
        verbose_name_plural = _("daily counts")
        constraints = [
            models.UniqueConstraint(
                fields=["number", "day", "user"], condition=models.Q(user__isnull=False), name="daily_count_of_user"
            ),
            models.UniqueConstraint(
                fields=["number", "day"], condition=models.Q(user__isnull=True), name="daily_count_of_nobody"
            ),
        ]
        indexes = [
            # Thirty days of one organization.
            models.Index(fields=["organization", "day"], name="daily_counts_of_days"),
        ]

    def __str__(self) -> str:
        return f"{self.number_id} {self.day}"
