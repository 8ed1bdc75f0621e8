"""`manage purge_messages`: tonight's purge by hand, or what it would do."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance import retention
from compliance.models import PurgeRun
from messaging import clock
from provisioning.changes import Actor
from provisioning.models import Organization


class Command(BaseCommand):
    help = str(
        gettext_lazy(
            "Delete the texts that were accepted or received more than 400 days ago, and leave a certificate. "
            "A run that was stopped tonight is taken up again; a finished one is left alone."
        )
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help=_("count, and write nothing"))
        parser.add_argument("--organization", metavar="ID", help=_("one organization instead of all"))

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.database_now()
        organization = self._organization(options["organization"])
        self.stdout.write(_("Cutoff: {cutoff} UTC").format(cutoff=f"{retention.cutoff_at(now):%Y-%m-%d %H:%M:%S}"))
        if options["dry_run"]:
            for forecast in retention.forecast(now, organization=organization):
                self._write_forecast(forecast)
            self.stdout.write(_("Dry run: nothing was deleted."))
            return
        actor = Actor(user_id=None, label="purge_messages", via="command")
        try:
            runs = retention.purge(now, organization=organization, actor=actor)
        except retention.IncompleteError as error:
            sentence = _("Not every purge was finished ({errors}). What is left is taken up again; see the log.")
            raise CommandError(sentence.format(errors=error)) from error
        for run in runs:
            self._write_run(run, finished_before=run.finished_at != now)

    def _organization(self, given: str | None) -> Organization | None:
        if given is None:
            return None
        try:
            return Organization.objects.get(pk=uuid.UUID(given))
        except (ValueError, Organization.DoesNotExist) as error:
            raise CommandError(_("No organization has the id {given}.").format(given=given)) from error

    def _write_forecast(self, forecast: retention.Forecast) -> None:
        sentence = _(
            "{name}: {messages} messages and {receipts} receipts would go, {kept} are held, {unfinished} unfinished."
        )
        self.stdout.write(
            sentence.format(
                name=forecast.organization.name,
                messages=f"{forecast.messages_deleted:,}",
                receipts=f"{forecast.receipts_deleted:,}",
                kept=f"{forecast.messages_kept:,}",
                unfinished=f"{forecast.messages_unfinished:,}",
            )
        )

    def _write_run(self, run: PurgeRun, *, finished_before: bool) -> None:
        sentence = _(
            "{name}: {messages} messages and {receipts} receipts deleted, {kept} held, {unfinished} unfinished. "
            "Certificate {digest}"
        )
        if finished_before:
            sentence = _("{name}: tonight's purge is finished, what grew too old since goes tomorrow.") + " " + sentence
        self.stdout.write(
            sentence.format(
                name=run.organization.name,
                messages=f"{run.messages_deleted:,}",
                receipts=f"{run.receipts_deleted:,}",
                kept=f"{run.messages_kept:,}",
                unfinished=f"{run.messages_unfinished:,}",
                digest=run.digest,
            )
        )
