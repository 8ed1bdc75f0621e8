"""`./hub manage remove_second_factors someone@example.com`: for a person who lost every device."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from provisioning import second_factors
from provisioning.changes import Actor
from provisioning.models import User
from provisioning.models.choices import fold


class Command(BaseCommand):
    help = (
        "Remove every second factor of a user who lost them all; ends the user's sessions and tells the user by mail."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="The address that the user signs in with.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email_key=fold(options["email"].strip())).first()
        if user is None:
            raise CommandError(_("There is no user with the e-mail address %(email)s.") % {"email": options["email"]})
        actor = Actor(user_id=None, label="remove_second_factors", via="command")
        if not second_factors.remove_all(user, actor, timezone.now()):
            raise CommandError(_("This user has no second factor."))
        self.stdout.write(_("Removed. The next sign-in asks for the password alone."))
