"""Files of users that were uploaded: what they say, and what would come of each row. Removed after 30 days."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models.organizations import Organization
from provisioning.models.tasks import Task
from provisioning.models.users import User

EMAIL_SHOWN: Final = 254


class RowAction(models.TextChoices):
    """What a row would do."""

    CREATE = "create", _("New user")
    CHANGE = "change", _("Change")
    SAME = "same", _("Nothing to change")
    ERROR = "error", _("Error")


class UserImport(models.Model):
    """One file. `ready_at`: every row of it is planned and can be looked at; `applied_at`: its task was started.

    The file itself is kept nowhere: its rows are ImportRow.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    task = models.OneToOneField(Task, null=True, blank=True, on_delete=models.SET_NULL, related_name="user_import")
    file_name = models.CharField(max_length=200, blank=True)
    encoding = models.CharField(max_length=16)
    delimiter = models.CharField(max_length=16)
    columns = models.JSONField(default=list, help_text=_("Keys of the columns that are read, as the file has them."))
    informative = models.JSONField(default=list, help_text=_("Columns that only inform, as the file names them."))
    unknown = models.JSONField(default=list, help_text=_("Columns that nobody knows, as the file names them."))
    invite = models.BooleanField(default=True, help_text=_("Whether new users are invited by mail."))
    creates = models.PositiveIntegerField(default=0)
    changes = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("import of users")
        verbose_name_plural = _("imports of users")
        indexes = [
            # Imports that are 30 days old.
            models.Index(fields=["created_at"], name="user_imports_by_age"),
        ]

    def __str__(self) -> str:
        return self.file_name or f"{self.created_at:%Y-%m-%d %H:%M}"

    @property
    def total(self) -> int:
        """Rows of the file."""
        return self.creates + self.changes + self.unchanged + self.errors

    @property
    def applicable(self) -> int:
        """Rows that would write something."""
        return self.creates + self.changes


class ImportRow(models.Model):
    """One row: what its cells say, and what would come of it, as it was when the file was uploaded."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    user_import = models.ForeignKey(UserImport, on_delete=models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField(help_text=_("The row as a spreadsheet counts it: the header is 1."))
    action = models.CharField(max_length=8, choices=RowAction.choices)
    label = models.CharField(max_length=EMAIL_SHOWN, blank=True, help_text=_("The e-mail address, as the file has it."))
    cells = models.JSONField(default=dict, help_text=_("What was written in each column, by the column's key."))
    changes = models.JSONField(default=list, help_text=_("Column, before and after; of a new user without a before."))
    problems = models.JSONField(default=list, help_text=_("Column, code and sentence."))

    class Meta:
        verbose_name = _("row of an import")
        verbose_name_plural = _("rows of imports")
        constraints = [
            # One row of the file is one row here; also the preview and the task, in order.
            models.UniqueConstraint(fields=["user_import", "position"], name="import_row_once"),
        ]
        indexes = [
            # The preview, only errors or only changes.
            models.Index(fields=["user_import", "action", "position"], name="import_rows_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.position} {self.label}"
