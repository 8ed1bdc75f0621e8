"""The registry's side: the account there, what was submitted, what came back, and the history that makes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models.organizations import Organization
from provisioning.models.registration import Brand, Campaign
from provisioning.models.users import User


class RegistryAccount(models.Model):
    """An account at a registry, connected by the provider operator. It serves every organization."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    registry = models.CharField(_("registry"), max_length=32, help_text=_("The adapter's name, as in simulator."))
    base_url = models.URLField(_("address of the registry's API"), max_length=500)
    sealed_credentials = models.TextField(
        _("credentials"), blank=True, editable=False, help_text=_("Encrypted; see provisioning/vault.py.")
    )
    active = models.BooleanField(_("takes new registrations"), default=True)
    rejected_webhooks = models.PositiveBigIntegerField(_("webhooks refused"), default=0, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("registry account")
        verbose_name_plural = _("registry accounts")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SubmissionState(models.TextChoices):
    """How far one submission came; see provisioning/registration/submissions.py."""

    WAITING = "waiting", _("Waiting to be sent")
    SENDING = "sending", _("On its way, outcome unknown")
    TAKEN = "taken", _("Taken by the registry")
    REFUSED = "refused", _("Refused by the registry")
    NOT_TAKEN = "not_taken", _("Never reached the registry")


class RegistrySubmission(models.Model):
    """One submission of a brand or a campaign. Its id is our reference at the registry: sent at most once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(RegistryAccount, on_delete=models.PROTECT, related_name="submissions")
    brand = models.ForeignKey(Brand, null=True, blank=True, on_delete=models.PROTECT, related_name="submissions")
    campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="submissions")
    document = models.JSONField(help_text=_("What is sent, as it was when it was submitted."))
    state = models.CharField(max_length=12, choices=SubmissionState.choices, default=SubmissionState.WAITING)
    requested_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(
        default=0, help_text=_("How often it was tried; none of the earlier ones came through.")
    )
    claim = models.UUIDField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    look_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When to send it again, or to ask the registry what became of it.")
    )
    looks = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=100, blank=True, help_text=_("What the last exchange failed of; no content."))
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("registry submission")
        verbose_name_plural = _("registry submissions")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(brand__isnull=True) ^ models.Q(campaign__isnull=True),
                name="submission_is_of_one_registration",
            ),
            # Nothing is submitted while an earlier submission of it may still be under way.
            models.UniqueConstraint(
                fields=["brand"], name="brand_under_way_once",
                condition=models.Q(state__in=["waiting", "sending"], brand__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["campaign"], name="campaign_under_way_once",
                condition=models.Q(state__in=["waiting", "sending"], campaign__isnull=False),
            ),
        ]  # fmt: skip
        indexes = [
            # The sweep: what has to be sent again, or asked about.
            models.Index(fields=["look_at"], condition=models.Q(look_at__isnull=False), name="submissions_to_look_at"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class EventSource(models.TextChoices):
    """Who says so. Only what the registry and operators say decides a status."""

    PORTAL = "portal", _("Administrator")
    REGISTRY = "registry", _("Registry")
    OPERATOR = "operator", _("Provider")
    HUB = "hub", _("Texting Hub")


class RegistrationEvent(models.Model):
    """One step of a brand's or campaign's history. `at` is when it happened: for the registry's, by its clock."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, null=True, blank=True, on_delete=models.PROTECT, related_name="events")
    campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="events")
    submission = models.ForeignKey(
        RegistrySubmission, null=True, blank=True, on_delete=models.PROTECT, related_name="events"
    )
    step = models.CharField(max_length=16)
    at = models.DateTimeField()
    noted_at = models.DateTimeField()
    source = models.CharField(max_length=8, choices=EventSource.choices)
    actor_label = models.CharField(max_length=400, blank=True)
    reasons = models.JSONField(default=list)
    facts = models.JSONField(default=dict, help_text=_("What came with it: the id, the renewal date, the limits."))

    class Meta:
        verbose_name = _("registration event")
        verbose_name_plural = _("registration events")
        constraints = [
            # The same step told twice (a webhook again, a webhook and a lookup) is one.
            models.UniqueConstraint(
                fields=["submission", "step", "at"], name="registration_event_once",
                condition=models.Q(submission__isnull=False),
            ),
        ]  # fmt: skip
        indexes = [
            # The timelines, oldest first.
            models.Index(fields=["brand", "at"], name="events_of_brand"),
            models.Index(fields=["campaign", "at"], name="events_of_campaign"),
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.at:%Y-%m-%d %H:%M}"


class RegistryNotice(models.Model):
    """A webhook of the registry as it came, signed and well formed; also those that concern nothing of ours."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(RegistryAccount, on_delete=models.PROTECT, related_name="notices")
    submission = models.ForeignKey(
        RegistrySubmission, null=True, blank=True, on_delete=models.PROTECT, related_name="notices"
    )
    event_id = models.CharField(max_length=128)
    kind = models.CharField(max_length=64)
    raw = models.TextField()
    received_at = models.DateTimeField()

    class Meta:
        verbose_name = _("registry notice")
        verbose_name_plural = _("registry notices")
        constraints = [
            # A webhook that comes again is known.
            models.UniqueConstraint(fields=["account", "event_id"], name="registry_notice_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
