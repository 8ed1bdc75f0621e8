"""./hub manage create_token EMAIL --scope people:read [--scope ...] [--days 90] [--name NAME]"""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from provisioning.changes import Actor
from provisioning.models import User
from provisioning.refusals import Refusal
from provisioning.tokens import LONGEST_DAYS, SCOPES, issue


class Command(BaseCommand):
    help = "Make a token of the API for a user, and print it. It is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="Whose token it is. It can do no more than this user's roles allow.")
        parser.add_argument("--scope", action="append", required=True, choices=list(SCOPES), help="Repeatable.")
        parser.add_argument("--days", type=int, default=90, help="How long it lasts (default: 90 days).")
        parser.add_argument("--name", default="", help="What it is for, to tell it from others.")

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if not 1 <= days <= LONGEST_DAYS:
            raise CommandError(_("--days is from 1 to %(longest)s.") % {"longest": LONGEST_DAYS})
        try:
            _token, plain = issue(
                self._user(options["email"]),
                name=(options["name"] or _("Made on the command line"))[:100],
                scopes=options["scope"],
                expires_at=timezone.now() + timedelta(days=days),
                actor=Actor(user_id=None, label="create_token", via="command"),
            )
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from refusal
        self.stdout.write(plain)

    def _user(self, email: str) -> User:
        try:
            return User.objects.get_by_natural_key(email.strip())
        except User.DoesNotExist as error:
            raise CommandError(_("There is no user with the e-mail address %(email)s.") % {"email": email}) from error
