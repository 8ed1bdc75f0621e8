"""`manage verify_audit_log`: is the audit log whole and unchanged? Exit code 0 or 1."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance import verification
from compliance.verification import Fault, Head
from provisioning.models import Organization


class Command(BaseCommand):
    help = str(
        gettext_lazy(
            "Walk every chain of the audit log. Finds an edit, a deletion, a reorder and a cut-off end; "
            "with --against also what was cut off together with its head."
        )
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--against", metavar="FILE", type=Path, help=_("heads that were written earlier"))
        parser.add_argument("--write-heads", metavar="FILE", type=Path, help=_("write the heads there if all is well"))

    def handle(self, *args: Any, **options: Any) -> None:
        written = self._written(options["against"])
        # Read before the walk: what is appended meanwhile is not vouched for.
        heads = verification.current_heads()
        lines = [self._line(fault) for fault in verification.verify(written)]
        lines += [_("The trigger {name} is missing.").format(name=name) for name in verification.missing_triggers()]
        if lines:
            raise CommandError("\n".join(lines))
        events = sum(head.sequence for head in heads.values())
        sentence = _("{chains} chains, {events} events: nothing was changed or removed.")
        self.stdout.write(sentence.format(chains=f"{len(heads):,}", events=f"{events:,}"))
        if options["write_heads"]:
            self._write(options["write_heads"], heads)

    def _written(self, path: Path | None) -> dict[str, Head]:
        if path is None:
            return {}
        try:
            return verification.read_heads(path)
        except (OSError, ValueError) as error:
            sentence = _("The heads in {path} can't be read. Name a file that --write-heads made.")
            raise CommandError(sentence.format(path=path)) from error

    def _write(self, path: Path, heads: dict[str, Head]) -> None:
        try:
            verification.write_heads(path, heads)
        except OSError as error:
            sentence = _("The heads can't be written to {path}. Name a file in a folder that exists.")
            raise CommandError(sentence.format(path=path)) from error
        self.stdout.write(_("Wrote the heads to {path}. Keep it on another machine.").format(path=path))

    def _line(self, fault: Fault) -> str:
        sentence = _("Chain {chain}, event {sequence}: {sentence}.")
        return sentence.format(chain=_name(fault.chain), sequence=fault.sequence, sentence=fault.sentence)


def _name(chain: str) -> str:
    """The organization's name beside its id; a chain of nobody (a forged one) has only what it calls itself."""
    try:
        organization = Organization.objects.filter(pk=uuid.UUID(chain)).first()
    except ValueError:
        return chain
    return f"{organization.name} ({chain})" if organization else chain
