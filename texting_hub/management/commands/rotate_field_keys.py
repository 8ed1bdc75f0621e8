"""`manage rotate_field_keys`: seal everything with the first of FIELD_KEYS; `--check` says what still needs another."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.changes import Actor, Change, record
from texting_hub import field_keys
from texting_hub.field_keys import Found


class Command(BaseCommand):
    help = str(gettext_lazy("Seal all credentials and second factors anew with the first key of FIELD_KEYS."))

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help=_("only say what still needs an older key"))

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self._tell(field_keys.check(), _("{name}: {current} with the first key, {old} with an older one."))
        else:
            self._tell(field_keys.rotate(), _("{name}: {current} had the first key, {old} were sealed anew."))
        left = field_keys.check()
        if any(found.unreadable for found in left):
            sentence = _(
                "Some values are opened by no key of FIELD_KEYS: a key is missing. Put it back, and run again."
            )
            raise CommandError(f"{sentence} (unreadable)")
        if any(found.old for found in left):
            sentence = _("Older keys are still needed. Run rotate_field_keys (again).")
            raise CommandError(f"{sentence} (older_keys_needed)")
        if not options["check"]:
            after = {"keys": len(settings.FIELD_KEYS)}
            actor = Actor(user_id=None, label="rotate_field_keys", via="command")
            record(Change("field_keys.rotated", actor, None, "field_keys", "", "FIELD_KEYS", after=after))
        self.stdout.write(
            _("Only the first of {count} keys is needed now: the others may be taken out of FIELD_KEYS.").format(
                count=len(settings.FIELD_KEYS)
            )
        )

    def _tell(self, everything: list[Found], sentence: str) -> None:
        for found in everything:
            line = sentence.format(name=found.name, current=found.current, old=found.old)
            unreadable = _(" {count} cannot be opened.").format(count=found.unreadable) if found.unreadable else ""
            self.stdout.write(line + unreadable)
