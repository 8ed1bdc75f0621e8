"""10DLC registration: the brand (who texts) and its campaigns (what for), as The Campaign Registry knows them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models.organizations import Organization


class BrandStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    PENDING = "pending", _("Pending")
    VERIFIED = "verified", _("Verified")
    REJECTED = "rejected", _("Rejected")
    SUSPENDED = "suspended", _("Suspended")


class CampaignStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    PENDING = "pending", _("Pending")
    ACTIVE = "active", _("Active")
    REJECTED = "rejected", _("Rejected")
    SUSPENDED = "suspended", _("Suspended")
    EXPIRED = "expired", _("Expired")


class Brand(models.Model):
    """The business as the registry verified it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="brands")
    legal_name = models.CharField(_("legal name"), max_length=255)
    registry_id = models.CharField(_("brand id at the registry"), max_length=32, blank=True)
    status = models.CharField(
        _("status"), max_length=16, choices=BrandStatus.choices, default=BrandStatus.DRAFT
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("10DLC brand")
        verbose_name_plural = _("10DLC brands")
        indexes = [
            # The registration requirement: has this organization a verified brand?
            models.Index(fields=["organization", "status"], name="brands_by_status"),
        ]

    def __str__(self) -> str:
        return self.legal_name


class Campaign(models.Model):
    """A registered use of texting, with the words that answer STOP, START and HELP.

    An empty message falls back to the standard wording in the keyword's language (see messaging/optouts.py).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="campaigns")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(_("name"), max_length=200)
    registry_id = models.CharField(_("campaign id at the registry"), max_length=32, blank=True)
    use_case = models.CharField(_("use case"), max_length=64, default="customer_care")
    status = models.CharField(
        _("status"), max_length=16, choices=CampaignStatus.choices, default=CampaignStatus.DRAFT
    )  # fmt: skip
    number_pool = models.BooleanField(
        _("number pool"), default=False, help_text=_("With a number pool, more than 49 numbers can be linked.")
    )
    opt_out_message = models.CharField(_("reply to STOP"), max_length=320, blank=True)
    opt_in_message = models.CharField(_("reply to START"), max_length=320, blank=True)
    help_message = models.CharField(_("reply to HELP"), max_length=320, blank=True)
    opt_out_message_fr = models.CharField(_("reply to STOP, in French"), max_length=320, blank=True)
    opt_in_message_fr = models.CharField(_("reply to START, in French"), max_length=320, blank=True)
    help_message_fr = models.CharField(_("reply to HELP, in French"), max_length=320, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("10DLC campaign")
        verbose_name_plural = _("10DLC campaigns")
        indexes = [
            # The registration requirement: has this organization an active campaign?
            models.Index(fields=["organization", "status"], name="campaigns_by_status"),
        ]

    def __str__(self) -> str:
        return self.registry_id or self.name
