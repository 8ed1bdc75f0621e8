"""Organizations, the Calling Plans they bought, and their locations."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models.choices import TextingSetting, fold


class CustomerType(models.TextChoices):
    ENTERPRISE = "enterprise", _("Enterprise")
    ONLINE = "online", _("Online")
    TRIAL = "trial", _("Trial")


class OptOutScope(models.TextChoices):
    """How far a STOP reaches."""

    ORGANIZATION = "organization", _("Every number of the organization")
    NUMBER = "number", _("Only the number that was texted")


class PstnConnection(models.TextChoices):
    CISCO_PSTN = "cisco_pstn", _("Cisco PSTN")
    LOCAL_GATEWAY = "local_gateway", _("Local Gateway")
    OTHER = "other", _("Another provider")


class Organization(models.Model):
    """A customer. Its row is also the lock that holds, purges and exports take turns on."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=200)
    customer_type = models.CharField(
        _("customer type"), max_length=16, choices=CustomerType.choices, default=CustomerType.ENTERPRISE
    )
    addon_licenses = models.PositiveIntegerField(
        _("Business Texting add-on licenses"),
        default=0,
        help_text=_("How many were bought. Zero means that the add-on is not bought."),
    )
    healthcare = models.BooleanField(_("healthcare customer"), default=False)
    phi_attested_at = models.DateTimeField(_("attested that no health information is texted"), null=True, blank=True)
    phi_attested_by = models.ForeignKey(
        "provisioning.User", verbose_name=_("attested by"), null=True, blank=True, on_delete=models.PROTECT,
        related_name="+",
    )  # fmt: skip
    acceptable_use_accepted_at = models.DateTimeField(_("acceptable use policy accepted"), null=True, blank=True)
    acceptable_use_accepted_by = models.ForeignKey(
        "provisioning.User", verbose_name=_("accepted by"), null=True, blank=True, on_delete=models.PROTECT,
        related_name="+",
    )  # fmt: skip
    texting_enabled = models.BooleanField(_("Business Texting"), default=False)
    texting_changed_at = models.DateTimeField(_("Business Texting changed"), null=True, blank=True)
    opt_out_scope = models.CharField(
        _("a STOP counts for"), max_length=16, choices=OptOutScope.choices, default=OptOutScope.ORGANIZATION
    )
    unanswered_reply = models.TextField(
        _("automatic reply when nobody can read a text"),
        blank=True,
        help_text=_("Sent once to a person who texts a number whose user is off or gone. Empty: no reply."),
    )
    time_zone = models.CharField(_("time zone"), max_length=64, default="America/Los_Angeles")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CallingPlan(models.Model):
    """A Cisco Calling Plan the organization bought, in one country."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="calling_plans")
    country = models.CharField(_("country"), max_length=2, help_text=_("Two-letter country code, as in US."))

    class Meta:
        verbose_name = _("Cisco Calling Plan")
        verbose_name_plural = _("Cisco Calling Plans")
        constraints = [
            # A plan is bought once a country.
            models.UniqueConstraint(fields=["organization", "country"], name="calling_plan_once_a_country"),
        ]

    def __str__(self) -> str:
        return self.country


class Location(models.Model):
    """A place of the organization. Its country and PSTN connection decide whether its users can text."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="locations")
    name = models.CharField(_("name"), max_length=200)
    country = models.CharField(_("country"), max_length=2, help_text=_("Two-letter country code, as in US."))
    pstn_connection = models.CharField(
        _("PSTN connection"), max_length=16, choices=PstnConnection.choices, default=PstnConnection.CISCO_PSTN
    )
    texting_setting = models.CharField(
        _("Business Texting"), max_length=8, choices=TextingSetting.choices, default=TextingSetting.DEFAULT
    )
    time_zone = models.CharField(_("time zone"), max_length=64, default="America/Los_Angeles")
    emergency_street = models.CharField(_("street"), max_length=200, blank=True, default="")
    emergency_unit = models.CharField(_("unit, floor or suite"), max_length=60, blank=True, default="")
    emergency_city = models.CharField(_("city"), max_length=100, blank=True, default="")
    emergency_state = models.CharField(_("state or province"), max_length=60, blank=True, default="")
    emergency_postal_code = models.CharField(_("postal code"), max_length=16, blank=True, default="")
    # One of its own numbers. What has moved away since, or was given up, counts as none (location_facts.py).
    main_number = models.ForeignKey(
        "provisioning.PhoneNumber", verbose_name=_("main number"), null=True, blank=True, on_delete=models.PROTECT,
        related_name="+",
    )  # fmt: skip
    sort_name = models.CharField(max_length=200, editable=False, default="")
    search_text = models.TextField(editable=False, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        ordering = ["name"]
        constraints = [
            # Two locations of one organization can be told apart by name; also serves the locations list.
            models.UniqueConstraint(fields=["organization", "name"], name="location_name_once_an_organization"),
            models.CheckConstraint(
                condition=models.Q(texting_setting__in=TextingSetting.values), name="location_texting_setting_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the folded columns true, whichever of their sources is written."""
        self.fold_names()
        update_fields = kwargs.get("update_fields")
        if update_fields is not None and _FOLDED_OF_LOCATIONS & set(update_fields):
            kwargs["update_fields"] = {*update_fields, "sort_name", "search_text"}
        super().save(*args, **kwargs)

    def fold_names(self) -> None:
        """Set the columns that are searched and sorted by; save() does it, whoever inserts in bulk calls it."""
        place = f"{self.emergency_street} {self.emergency_city} {self.emergency_state} {self.emergency_postal_code}"
        self.sort_name = fold(self.name)[:200]
        self.search_text = fold(f"{self.name} {place}").strip()


_FOLDED_OF_LOCATIONS = {
    "name", "emergency_street", "emergency_city", "emergency_state", "emergency_postal_code",
}  # fmt: skip
