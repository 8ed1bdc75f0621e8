"""Phone numbers, and who has which as the primary number."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
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


class PhoneNumberQuerySet(models.QuerySet["PhoneNumber"]):
    def owned(self) -> PhoneNumberQuerySet:
        """Numbers that an organization has now; not the ones it gave up, whose rows stay for their history."""
        return self.filter(released_at__isnull=True)


class PhoneNumber(models.Model):
    """A number the organization owns. It outlives its user: messages copy it and point to it.

    Nor is it ever deleted: it is released, and its row keeps what points to it. Another organization that adds the
    number then has a row of its own; added again by the same one, it is this row once more, with its opt-outs and
    conversations.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="numbers")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="numbers", null=True, blank=True)
    e164 = models.CharField(_("number"), max_length=16, help_text=_("In E.164 form: +14155550101."))
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
    capability_reason = models.CharField(_("reason the carrier gave"), max_length=200, blank=True)
    capability_checked_at = models.DateTimeField(_("carrier last asked"), null=True, blank=True)
    capability_due_at = models.DateTimeField(
        null=True, blank=True, default=timezone.now, editable=False,
        help_text=_("When the carrier is asked next; empty while there is nobody to ask."),
    )  # fmt: skip
    campaign = models.ForeignKey(
        Campaign, verbose_name=_("10DLC campaign"), null=True, blank=True, on_delete=models.PROTECT,
        related_name="numbers",
    )  # fmt: skip
    active = models.BooleanField(_("active"), default=True)
    released_at = models.DateTimeField(_("released"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = PhoneNumberQuerySet.as_manager()

    class Meta:
        verbose_name = _("phone number")
        verbose_name_plural = _("phone numbers")
        ordering = ["e164"]
        constraints = [
            models.CheckConstraint(condition=models.Q(e164__startswith="+"), name="number_is_e164"),
            # One owner at a time; also how a text that arrives finds its organization.
            models.UniqueConstraint(
                fields=["e164"], condition=models.Q(released_at__isnull=True), name="number_of_one_owner"
            ),
            # One row an organization, whatever became of it; also the Numbers page, in order.
            models.UniqueConstraint(fields=["organization", "e164"], name="number_once_an_organization"),
            models.CheckConstraint(
                condition=models.Q(released_at__isnull=True)
                | models.Q(user__isnull=True, campaign__isnull=True, location__isnull=True, active=False),
                name="released_number_is_nobodys",
            ),
        ]
        indexes = [
            # The Numbers page of one location.
            models.Index(fields=["location", "e164"], name="numbers_of_location"),
            # A number to give to somebody: those that nobody has.
            models.Index(
                fields=["organization", "e164"],
                condition=models.Q(user__isnull=True, released_at__isnull=True),
                name="numbers_free",
            ),
            # The numbers of a campaign, and how many there are.
            models.Index(fields=["campaign", "e164"], name="numbers_of_campaign"),
            # A user's number: what the filters of the Users page look at, without reading its row.
            models.Index(
                fields=["user"],
                include=["id", "organization", "active", "source", "capability", "campaign"],
                condition=models.Q(user__isnull=False),
                name="numbers_of_users",
            ),
            # What the carrier said of an organization's numbers: the few that can't text among many.
            models.Index(fields=["organization", "capability", "e164"], name="numbers_by_capability"),
            # The few that are not active, among them those released.
            models.Index(
                fields=["organization", "e164"], condition=models.Q(active=False), name="numbers_inactive"
            ),
            # Whom to ask the carrier about next.
            models.Index(
                fields=["capability_due_at"], condition=models.Q(released_at__isnull=True), name="numbers_to_ask"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.e164


class NumberTenure(models.Model):
    """Who had a number as the primary one, from when until when. The names of who gave and took it are as of then."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    number = models.ForeignKey(PhoneNumber, on_delete=models.PROTECT, related_name="tenures")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="number_tenures")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    given_by = models.CharField(max_length=400, blank=True)
    taken_by = models.CharField(max_length=400, blank=True)

    class Meta:
        verbose_name = _("number’s tenure")
        verbose_name_plural = _("numbers’ tenures")
        constraints = [
            # A number has one user at a time, and its history says so too.
            models.UniqueConstraint(
                fields=["number"], condition=models.Q(until__isnull=True), name="number_tenure_open_once"
            ),
        ]
        indexes = [
            # The history on the number's page, newest first.
            models.Index(fields=["number", "-since"], name="number_tenures_page"),
        ]

    def __str__(self) -> str:
        return f"{self.number_id} {self.user_id} {self.since:%Y-%m-%d}"
