"""What carriers allow a campaign a minute and a brand a day: kept in rows, so exact across workers and restarts.

The rates themselves are the registry's, and stand on Campaign and Brand; an operator can edit them.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.models import Brand, Campaign


class CampaignPace(models.Model):
    """What one campaign may send, in segments: `tokens` as they were at `tokens_at`, and what went within a minute."""

    campaign = models.OneToOneField(Campaign, primary_key=True, on_delete=models.CASCADE, related_name="pace")
    tokens = models.FloatField(default=0.0)
    tokens_at = models.DateTimeField(null=True, blank=True)
    lately = models.TextField(
        default="",
        db_default="",
        blank=True,
        help_text=_("Seconds (since 1970) of the last minute, with their segments."),
    )

    class Meta:
        verbose_name = _("campaign’s pace")
        verbose_name_plural = _("campaigns’ paces")

    def __str__(self) -> str:
        return str(self.campaign_id)


class BrandDay(models.Model):
    """Segments that one brand has sent on its latest day. Carriers' days begin at midnight Pacific time."""

    brand = models.OneToOneField(Brand, primary_key=True, on_delete=models.CASCADE, related_name="day")
    day = models.DateField()
    segments = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("brand’s day")
        verbose_name_plural = _("brands’ days")

    def __str__(self) -> str:
        return f"{self.brand_id} {self.day}"
