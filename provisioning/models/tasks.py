"""Tasks: long work that somebody asked for, with its progress and what became of each row."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models.organizations import Organization
from provisioning.models.users import User


class TaskState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class RowOutcome(models.TextChoices):
    CHANGED = "changed", _("Changed")
    UNCHANGED = "unchanged", _("Nothing to change")
    REFUSED = "refused", _("Refused")


class Task(models.Model):
    """One piece of long work. It runs in steps of at most 500 rows, each one transaction that also moves `cursor`:
    a worker that dies leaves whole steps, and the next one goes on where it stopped (provisioning/task_engine.py).

    waiting -> running -> done | failed; waiting or running -> cancelled. Kept 30 days after it ended.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="tasks")
    kind = models.CharField(_("kind"), max_length=48)
    summary = models.CharField(_("what it does, to whom"), max_length=300, blank=True)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    via = models.CharField(max_length=16)
    ip = models.GenericIPAddressField(null=True, blank=True)
    arguments = models.JSONField(default=dict, help_text=_("Ids, filters and settings; never a text or a secret."))
    state = models.CharField(_("state"), max_length=12, choices=TaskState.choices, default=TaskState.WAITING)
    cursor = models.JSONField(default=dict, help_text=_("Where the next step begins."))
    total = models.PositiveIntegerField(null=True, blank=True, help_text=_("Empty: not counted yet."))
    done = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text=_("How often workers have taken the next step in vain.")
    )
    error_code = models.CharField(max_length=64, blank=True)
    error_sentence = models.CharField(max_length=500, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    request_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        constraints = [
            # A request that is repeated makes no second task.
            models.UniqueConstraint(
                fields=["requested_by", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="task_key_once_a_user",
            ),
        ]
        indexes = [
            # The Tasks page, newest first: ids are UUIDv7.
            models.Index(fields=["organization", "-id"], name="tasks_page"),
            # Tasks whose wake-up or worker was lost.
            models.Index(
                fields=["state", "leased_until"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="tasks_unfinished",
            ),
            # Whose turn it is in an organization.
            models.Index(
                fields=["organization", "state"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="tasks_in_line",
            ),
            # Tasks that are 30 days old.
            models.Index(fields=["finished_at"], condition=models.Q(finished_at__isnull=False), name="tasks_finished"),
        ]

    def __str__(self) -> str:
        return self.summary or self.kind

    @property
    def unfinished(self) -> bool:
        """Whether anything is still to come."""
        return self.state in (TaskState.WAITING, TaskState.RUNNING)


class TaskRow(models.Model):
    """What became of one row of a task: the lines of its result file."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField(help_text=_("From 1; of a file, the row as a spreadsheet counts it."))
    target_id = models.UUIDField(null=True, blank=True)
    label = models.CharField(max_length=500)
    outcome = models.CharField(max_length=12, choices=RowOutcome.choices)
    code = models.CharField(max_length=64, blank=True)
    column = models.CharField(max_length=64, blank=True)
    sentence = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = _("task row")
        verbose_name_plural = _("task rows")
        indexes = [
            # The result file in order.
            models.Index(fields=["task", "position", "id"], name="task_rows_in_order"),
            # The refused rows of the task's page, few among many.
            models.Index(
                fields=["task", "position", "id"], condition=models.Q(outcome="refused"), name="task_rows_refused"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position} {self.label}"
