"""Phone numbers, and who has which as the primary number."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models.organizations import Location, Organization
from provisioning.models.registration import Campaign
from provisioning.models.users import User


class NumberSource(models.TextChoices):
    """Where the number came from. Only Cisco Calling Plan numbers can text."""

    CISCO_CALLING_PLAN = "cisco_calling_plan", _("Cisco Calling Plan")
    OTHER = "other", _("Another provider")


class TextCapability(models.TextChoices):
    """What the carrier reports of the number."""

    UNKNOWN = "unknown", _("Not yet reported")
    CAPABLE = "capable", _("Can text")
    INCAPABLE = "incapable", _("Can't text")


class PhoneNumber(models.Model):
    """A number the organization owns. It outlives its user: messages copy it and point to it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="numbers")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="numbers", null=True, blank=True)
    e164 = models.CharField(_("number"), max_length=16, unique=True, help_text=_("In E.164 form: +14155550101."))
    # One user per number and one primary number per user: both ends are this one unique column.
    user = models.OneToOneField(
        User, verbose_name=_("primary number of"), null=True, blank=True, on_delete=models.PROTECT,
        related_name="primary_number",
    )  # fmt: skip
    source = models.CharField(
        _("source"), max_length=24, choices=NumberSource.choices, default=NumberSource.CISCO_CALLING_PLAN
    )
    capability = models.CharField(
        _("text capability"), max_length=16, choices=TextCapability.choices, default=TextCapability.UNKNOWN
    )
    campaign = models.ForeignKey(
        Campaign, verbose_name=_("10DLC campaign"), null=True, blank=True, on_delete=models.PROTECT,
        related_name="numbers",
    )  # fmt: skip
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("phone number")
        verbose_name_plural = _("phone numbers")
        ordering = ["e164"]
        constraints = [
            models.CheckConstraint(condition=models.Q(e164__startswith="+"), name="number_is_e164"),
        ]
        indexes = [
            # The numbers of one organization, in order.
            models.Index(fields=["organization", "e164"], name="numbers_page"),
        ]

    def __str__(self) -> str:
        return self.e164
