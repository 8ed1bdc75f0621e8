"""Small daily counters that outlive the messages they count."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models import Organization, PhoneNumber, User


class DailyCount(models.Model):
    """Texts of one number and user on one UTC day. The daily limit is checked against `accepted`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    number = models.ForeignKey(PhoneNumber, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    accepted = models.PositiveIntegerField(default=0)
    segments = models.PositiveIntegerField(default=0)
    received = models.PositiveIntegerField(default=0)
    withheld = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(
        default=0, db_default=0, help_text=_("Refused, blocked or not delivered by the carrier.")
    )
    opted_out = models.PositiveIntegerField(
        default=0, db_default=0, help_text=_("People who replied STOP to the number.")
    )
    minute = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text=_("The last minute of the day with a text.")
    )
    minute_texts = models.PositiveIntegerField(default=0, db_default=0, help_text=_("Texts accepted in that minute."))
    busiest_minute = models.PositiveIntegerField(
        default=0, db_default=0, help_text=_("Most texts accepted in one minute.")
    )

    class Meta:
        verbose_name = _("daily count")
        verbose_name_plural = _("daily counts")
        constraints = [
            models.UniqueConstraint(
                fields=["number", "day", "user"], condition=models.Q(user__isnull=False), name="daily_count_of_user"
            ),
            models.UniqueConstraint(
                fields=["number", "day"], condition=models.Q(user__isnull=True), name="daily_count_of_nobody"
            ),
        ]
        indexes = [
            # Thirty days of one organization.
            models.Index(fields=["organization", "day"], name="daily_counts_of_days"),
            # Today's numbers of everybody, for the provider operators.
            models.Index(fields=["day", "number"], name="daily_counts_of_everybody"),
        ]

    def __str__(self) -> str:
        return f"{self.number_id} {self.day}"


class OutcomeDelta(models.Model):
    """Texts of one day that left one outcome for another: appended with the change, folded into OutcomeDay.

    Appending never waits for another writer; a shared counter would make every worker queue up for its row.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    status = models.CharField(max_length=12)
    reason = models.CharField(max_length=32, blank=True)
    amount = models.IntegerField()

    class Meta:
        verbose_name = _("change of an outcome count")
        verbose_name_plural = _("changes of outcome counts")

    def __str__(self) -> str:
        return f"{self.day} {self.status} {self.amount:+}"


class OutcomeDay(models.Model):
    """How an organization's texts of one UTC day (of acceptance) have ended so far. Outlives the texts."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    status = models.CharField(max_length=12)
    reason = models.CharField(max_length=32, blank=True)
    texts = models.IntegerField(default=0)

    class Meta:
        verbose_name = _("outcomes of a day")
        verbose_name_plural = _("outcomes of days")
        constraints = [
            # One counter an outcome and day; also serves Overview: thirty days of one organization.
            models.UniqueConstraint(
                fields=["organization", "day", "status", "reason"], name="outcome_day_once"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.day} {self.status} {self.texts}"


class OrganizationDay(models.Model):
    """An organization's texts of one UTC day: the sum of its numbers' daily counts. Outlives the texts."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    accepted = models.PositiveIntegerField(default=0)
    segments = models.PositiveIntegerField(default=0)
    received = models.PositiveIntegerField(default=0)
    withheld = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("day of an organization")
        verbose_name_plural = _("days of organizations")
        constraints = [
            # One row a day; also serves Overview.
            models.UniqueConstraint(fields=["organization", "day"], name="organization_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.day}"


class SameText(models.Model):
    """Whom one number sent the same words to on one UTC day. Keeps digests, never words or people; two days."""

    id = models.BigAutoField(primary_key=True)
    number = models.ForeignKey(PhoneNumber, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    digest = models.CharField(max_length=64, help_text=_("Of the words, in this organization."))
    texts = models.PositiveIntegerField(default=0, help_text=_("People."))
    people = models.TextField(default="", db_default="", blank=True, help_text=_("A digest of each of them."))

    class Meta:
        verbose_name = _("same text")
        verbose_name_plural = _("same texts")
        constraints = [
            # The counter that compose adds to, of one number, day and wording.
            models.UniqueConstraint(fields=["number", "day", "digest"], name="same_text_once_a_day"),
        ]
        indexes = [
            # The same words from all numbers of an organization. What is older than yesterday is dropped.
            models.Index(fields=["day", "digest"], name="same_texts_of_all_numbers"),
        ]

    def __str__(self) -> str:
        return f"{self.number_id} {self.day} {self.texts}"
