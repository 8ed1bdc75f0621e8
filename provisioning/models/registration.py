"""10DLC registration: the brand (who texts) and its campaigns (what for), as The Campaign Registry knows them.

What stands in `status` is written by provisioning/registration/states.py alone.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models.organizations import Organization
from provisioning.models.registry_terms import BrandTier, EntityType


class BrandStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTING = "submitting", _("Submitted")
    PENDING = "pending", _("Pending")
    VERIFIED = "verified", _("Verified")
    REJECTED = "rejected", _("Rejected")
    SUSPENDED = "suspended", _("Suspended")


class CampaignStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTING = "submitting", _("Submitted")
    PENDING = "pending", _("Pending")
    ACTIVE = "active", _("Active")
    REJECTED = "rejected", _("Rejected")
    SUSPENDED = "suspended", _("Suspended")
    EXPIRED = "expired", _("Expired")


EDITABLE = ("draft", "rejected", "expired")
"""Statuses in which a registration can be changed and submitted (again)."""


class Registration(models.Model):
    """What brands and campaigns have in common: where they stand with the registry, and since when."""

    registry_id = models.CharField(_("id at the registry"), max_length=32, blank=True)
    status_at = models.DateTimeField(_("status since"), null=True, blank=True, editable=False)
    reasons = models.JSONField(
        _("the registry’s reasons"), default=list, blank=True, editable=False,
        help_text=_("Of the present status: a list of code and text."),
    )  # fmt: skip
    submission = models.ForeignKey(
        "provisioning.RegistrySubmission", null=True, blank=True, editable=False, on_delete=models.PROTECT,
        related_name="+", help_text=_("The one that decides the status: what the registry says of others does not."),
    )  # fmt: skip
    revision = models.PositiveIntegerField(
        default=0, editable=False, help_text=_("Counts edits, so that two people do not overwrite each other.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        abstract = True

    @property
    def is_editable(self) -> bool:
        """With the registry, or accepted by it, nothing is changed any more."""
        return getattr(self, "status", "") in EDITABLE

    @property
    def reason(self) -> str:
        """The registry's reasons in one line, without the full stop at the end."""
        return reason_line(self.reasons)


def reason_line(reasons: Any) -> str:
    """Reasons (a list of code and text) in one line, without the full stop at the end."""
    return "; ".join(str(entry.get("text", "")).strip().rstrip(".") for entry in reasons or [] if entry.get("text"))


class Brand(Registration):
    """The business, as the registry is to verify it. A draft may lack anything."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="brands")
    status = models.CharField(
        _("status"), max_length=16, choices=BrandStatus.choices, default=BrandStatus.DRAFT
    )  # fmt: skip
    entity_type = models.CharField(_("entity type"), max_length=16, choices=EntityType.choices, blank=True)
    legal_name = models.CharField(_("legal name"), max_length=255, blank=True)
    dba = models.CharField(_("name customers know (DBA)"), max_length=255, blank=True)
    tax_id = models.CharField(_("tax id"), max_length=21, blank=True)
    tax_id_country = models.CharField(_("country of the tax id"), max_length=2, blank=True)
    stock_symbol = models.CharField(_("stock symbol"), max_length=10, blank=True)
    stock_exchange = models.CharField(_("stock exchange"), max_length=16, blank=True)
    street = models.CharField(_("street"), max_length=100, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    region = models.CharField(_("state or province"), max_length=20, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=10, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    vertical = models.CharField(_("industry"), max_length=24, blank=True)
    website = models.CharField(_("website"), max_length=100, blank=True)
    contact_name = models.CharField(_("contact name"), max_length=200, blank=True)
    contact_email = models.CharField(_("contact e-mail"), max_length=100, blank=True)
    contact_phone = models.CharField(_("contact phone"), max_length=40, blank=True)
    tier = models.CharField(_("tier"), max_length=12, choices=BrandTier.choices, blank=True)
    segments_a_day = models.PositiveIntegerField(
        _("segments a day"), null=True, blank=True,
        help_text=_("Over all campaigns of the brand. Empty: not yet told by the registry."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("10DLC brand")
        verbose_name_plural = _("10DLC brands")
        indexes = [
            # The registration requirement: has this organization a verified brand?
            models.Index(fields=["organization", "status"], name="brands_by_status"),
        ]

    def __str__(self) -> str:
        return self.legal_name or str(_("Brand without a name"))


class Campaign(Registration):
    """A registered use of texting, with the words that answer STOP, START and HELP. A draft may lack anything.

    An empty message falls back to the standard wording in the keyword's language (see messaging/optouts.py).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="campaigns")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(_("name"), max_length=200)
    use_case = models.CharField(_("use case"), max_length=64, default="customer_care", blank=True)
    sub_use_cases = models.JSONField(_("sub-use cases"), default=list, blank=True)
    status = models.CharField(
        _("status"), max_length=16, choices=CampaignStatus.choices, default=CampaignStatus.DRAFT
    )  # fmt: skip
    description = models.CharField(_("description"), max_length=4096, blank=True)
    message_flow = models.CharField(_("how people agree to be texted"), max_length=2048, blank=True)
    samples = models.JSONField(_("sample messages"), default=list, blank=True)
    number_pool = models.BooleanField(
        _("number pool"), default=False, help_text=_("With a number pool, more than 49 numbers can be linked.")
    )
    embedded_link = models.BooleanField(_("texts have links"), default=False)
    embedded_phone = models.BooleanField(_("texts have phone numbers"), default=False)
    age_gated = models.BooleanField(_("age-gated content"), default=False)
    direct_lending = models.BooleanField(_("direct lending or loans"), default=False)
    terms_url = models.CharField(_("terms and conditions"), max_length=255, blank=True)
    privacy_url = models.CharField(_("privacy policy"), max_length=255, blank=True)
    opt_in_keywords = models.CharField(_("opt-in keywords"), max_length=255, blank=True, default="START")
    opt_out_keywords = models.CharField(_("opt-out keywords"), max_length=255, blank=True, default="STOP")
    help_keywords = models.CharField(_("help keywords"), max_length=255, blank=True, default="HELP")
    opt_out_message = models.CharField(_("reply to STOP"), max_length=320, blank=True)
    opt_in_message = models.CharField(_("reply to START"), max_length=320, blank=True)
    help_message = models.CharField(_("reply to HELP"), max_length=320, blank=True)
    opt_out_message_fr = models.CharField(_("reply to STOP, in French"), max_length=320, blank=True)
    opt_in_message_fr = models.CharField(_("reply to START, in French"), max_length=320, blank=True)
    help_message_fr = models.CharField(_("reply to HELP, in French"), max_length=320, blank=True)
    expires_at = models.DateTimeField(
        _("to be renewed by"), null=True, blank=True, help_text=_("From then on nothing is sent until it is renewed.")
    )
    throughput_class = models.CharField(
        _("throughput class"), max_length=2, blank=True, help_text=_("AT&T’s message class, A to X.")
    )
    segments_a_minute = models.PositiveIntegerField(
        _("segments a minute"), null=True, blank=True,
        help_text=_("Over all numbers of the campaign. Empty: not yet told by the registry."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("10DLC campaign")
        verbose_name_plural = _("10DLC campaigns")
        indexes = [
            # The registration requirement: has this organization an active campaign?
            models.Index(fields=["organization", "status"], name="campaigns_by_status"),
            # The watch over renewals: active campaigns whose end is near.
            models.Index(fields=["expires_at"], condition=models.Q(status="active"), name="campaigns_to_renew"),
        ]

    def __str__(self) -> str:
        return self.registry_id or self.name
