"""Carrier accounts, and the sending number: the relay's unit of work."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models import Organization, PhoneNumber


class CarrierAccount(models.Model):
    """An account at a carrier, connected by the provider operator. It serves numbers of any organization."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    carrier = models.CharField(_("carrier"), max_length=32, help_text=_("The adapter's name, as in simulator."))
    base_url = models.URLField(_("address of the carrier's API"), max_length=500)
    sealed_credentials = models.TextField(
        _("credentials"), blank=True, editable=False, help_text=_("Encrypted; see provisioning/vault.py.")
    )
    paused = models.BooleanField(
        _("paused"), default=False, help_text=_("Nothing goes out. Texts wait, and fail when they waited for 24 hours.")
    )
    draining_since = models.DateTimeField(
        _("drained since"), null=True, blank=True, editable=False,
        help_text=_("Texts accepted before then still go out; later ones wait for the numbers’ next account."),
    )  # fmt: skip
    texts_a_second = models.FloatField(
        _("texts a second"), null=True, blank=True,
        help_text=_("Over all numbers of the account. Empty: as fast as the numbers and campaigns may."),
    )  # fmt: skip
    tokens = models.FloatField(default=0.0, db_default=0.0, editable=False)
    tokens_at = models.DateTimeField(null=True, blank=True, editable=False)
    answers_keywords = models.BooleanField(
        _("the carrier answers STOP, START and HELP"), default=False, db_default=False,
        help_text=_("Then these are only recorded here, and nobody is answered twice."),
    )  # fmt: skip
    rejected_webhooks = models.PositiveBigIntegerField(_("webhooks refused"), default=0, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("carrier account")
        verbose_name_plural = _("carrier accounts")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(texts_a_second__isnull=True) | models.Q(texts_a_second__gt=0),
                name="account_pace_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SendingNumber(models.Model):
    """A phone number as the relay sees it: what it may send, how fast, and when it has something to do next.

    Workers lock this row (skip locked) and take head-of-line texts from it: pacing is exact across workers, and
    the cost of a look is flat in the backlog. Tokens are kept here, so pacing survives restarts and needs no Redis.
    """

    number = models.OneToOneField(PhoneNumber, primary_key=True, on_delete=models.PROTECT, related_name="sending")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    carrier_account = models.ForeignKey(CarrierAccount, on_delete=models.PROTECT, related_name="sending_numbers")
    next_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    backlog = models.BooleanField(
        default=False, db_default=False, editable=False,
        help_text=_("More was to be sent than its last turn took: numbers with a single text go first."),
    )  # fmt: skip
    tokens = models.FloatField(default=6.0, editable=False)
    tokens_at = models.DateTimeField(null=True, blank=True, editable=False)
    texts_a_minute = models.FloatField(_("texts a minute"), default=6.0)
    burst = models.PositiveIntegerField(_("burst"), default=6, help_text=_("Texts that may go out at once."))
    texts_a_day = models.PositiveIntegerField(_("texts a day"), default=1000)
    paused = models.BooleanField(_("paused"), default=False)
    pause_reason = models.CharField(
        _("reason of the pause"), max_length=200, blank=True, default="", db_default="", editable=False,
        help_text=_("While it is paused, for its organization’s administrators to read."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("sending number")
        verbose_name_plural = _("sending numbers")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(texts_a_minute__gt=0, burst__gte=1), name="sending_number_pace_positive"
            ),
        ]
        indexes = [
            # The relay's look for work: an account's numbers whose next text is due, oldest first, those without a
            # backlog in front.
            models.Index(
                fields=["carrier_account", "backlog", "next_due_at"], condition=models.Q(next_due_at__isnull=False),
                name="sending_numbers_turns",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.number)
