"""The compliance desk's rows: the audit chain, purge certificates, exports."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models import Organization, User


class AuditHead(models.Model):
    """The newest link of one audit chain: one chain an organization, and one of the platform (no organization).

    Locked last in every transaction that writes audit events, so that links never fork.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    chain = models.CharField(max_length=40, unique=True)
    organization = models.OneToOneField(
        Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )  # fmt: skip
    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("audit head")
        verbose_name_plural = _("audit heads")

    def __str__(self) -> str:
        return self.chain


class AuditEvent(models.Model):
    """Who did what to what, when, from where, before and after. Append-only (triggers), hash-chained."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    chain = models.CharField(max_length=40)
    # Each begins an index of the page below; another by itself would only cost.
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # fmt: skip
    sequence = models.PositiveBigIntegerField()
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)
    happened_at = models.DateTimeField()
    # Deactivated users are kept, so nothing looks actors up across organizations.
    actor = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # fmt: skip
    actor_label = models.CharField(max_length=500)
    via = models.CharField(max_length=16)
    ip = models.GenericIPAddressField(null=True, blank=True)
    action = models.CharField(max_length=64)
    target_type = models.CharField(max_length=64)
    target_id = models.CharField(max_length=64)
    target_label = models.CharField(max_length=500)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    content_access = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        constraints = [
            # A chain has one event a place; also serves verification in order.
            models.UniqueConstraint(fields=["chain", "sequence"], name="audit_sequence_once"),
        ]
        indexes = [
            # The officers' audit log, newest first, and its time range.
            models.Index(fields=["organization", "-happened_at", "-id"], name="audit_page"),
            # The administrators' audit log: as many looks at texts as there may be, none is read past.
            models.Index(
                fields=["organization", "-happened_at", "-id"],
                condition=models.Q(content_access=False),
                name="audit_page_of_admins",
            ),
            # One actor's events: all of them, and those that administrators see of an officer who looked at much.
            models.Index(fields=["organization", "actor", "-happened_at", "-id"], name="audit_by_actor"),
            models.Index(
                fields=["organization", "actor", "-happened_at", "-id"],
                condition=models.Q(content_access=False),
                name="audit_by_actor_of_admins",
            ),
            # The system's. Postgres reads no index in order behind `actor IS NULL`.
            models.Index(
                fields=["organization", "-happened_at", "-id"],
                condition=models.Q(actor__isnull=True),
                name="audit_of_the_system",
            ),
            # Events of one action.
            models.Index(fields=["organization", "action", "-happened_at", "-id"], name="audit_by_action"),
            # One action of one actor: either alone may have a million events, and both together none.
            models.Index(
                fields=["organization", "actor", "action", "-happened_at", "-id"], name="audit_by_actor_action"
            ),
            # What happened to one object.
            models.Index(fields=["organization", "target_id", "-happened_at", "-id"], name="audit_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.sequence}"


class PurgeRun(models.Model):
    """The certificate of one organization's purge of one night, or after a restore: cutoff, counts; no content."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="purge_runs")
    night = models.DateField()
    after_restore = models.BooleanField(
        default=False, db_default=False, help_text=_("Of a backup that was restored; not the night’s run.")
    )
    cutoff = models.DateTimeField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    messages_deleted = models.PositiveBigIntegerField(default=0)
    receipts_deleted = models.PositiveBigIntegerField(default=0)
    messages_kept = models.PositiveBigIntegerField(default=0, help_text=_("Held: a running export covers them."))
    messages_unfinished = models.PositiveBigIntegerField(default=0, help_text=_("Still on their way to the carrier."))
    last_batch_at = models.DateTimeField(null=True, blank=True)
    running_digest = models.CharField(max_length=64, blank=True)
    previous = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="next")
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("purge run")
        verbose_name_plural = _("purge runs")
        constraints = [
            # One certificate an organization and night; a run that was stopped goes on. Restores have their own.
            models.UniqueConstraint(
                fields=["organization", "night"],
                condition=models.Q(after_restore=False),
                name="purge_run_once_a_night",
            ),
        ]
        indexes = [
            # Runs that were stopped, to be taken up again.
            models.Index(
                fields=["night"], condition=models.Q(finished_at__isnull=True), name="purge_runs_unfinished"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.organization} {self.night}"


class ExportState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("Expired")


class Export(models.Model):
    """A package of retained texts that an officer asked for: what was chosen, how far it is, what came out."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="exports")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=200)
    users = models.ManyToManyField(User, blank=True, related_name="+")
    numbers = models.JSONField(default=list, help_text=_("E.164 numbers, own or counterpart; empty: any."))
    begins_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=ExportState.choices, default=ExportState.WAITING)
    snapshot_at = models.DateTimeField(null=True, blank=True)
    messages_total = models.PositiveBigIntegerField(default=0)
    messages_done = models.PositiveBigIntegerField(default=0)
    held_until = models.DateTimeField(
        help_text=_("Until then its range is kept from the purge while it waits or runs.")
    )
    checkpoint = models.JSONField(default=dict, help_text=_("Where the files end and the next batch begins."))
    lease_token = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    file_name = models.CharField(max_length=255, blank=True)
    file_size = models.PositiveBigIntegerField(default=0)
    file_sha256 = models.CharField(max_length=64, blank=True)
    manifest = models.JSONField(default=dict)
    downloads = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        indexes = [
            # The Exports tab, newest first.
            models.Index(fields=["organization", "-created_at"], name="exports_page"),
            # The purge asks which running exports hold a range.
            models.Index(
                fields=["organization", "state"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="exports_holding",
            ),
        ]

    def __str__(self) -> str:
        return self.name
