"""Make the demonstration's rows, once. Run again, it only brings addresses, secrets and the password up to date."""

from __future__ import annotations

import json
import os
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from provisioning.demonstration import ACCOUNTS
from provisioning.models import Organization, User
from texting_hub.demonstration.carrier import connect_simulator
from texting_hub.demonstration.customers import CONTOSO_ID, NORTHWIND_ID, make_contoso, make_northwind, make_operator
from texting_hub.demonstration.history import write_history
from texting_hub.demonstration.registry import connect_registry
from texting_hub.demonstration.traffic import write_traffic

SECRETS = (
    "DEMO_PASSWORD", "SIMULATOR_API_KEY", "SIMULATOR_WEBHOOK_SECRET", "SIMULATOR_REGISTRY_KEY",
    "SIMULATOR_REGISTRY_SECRET",
)  # fmt: skip


class Command(BaseCommand):
    help = "Make the demonstration's organizations, people and carrier account; prints one JSON line of sign-ins."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--simulator-url", required=True, help="Where the carrier simulator listens.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION:
            raise CommandError("This makes accounts that share a password. It runs only with DEMONSTRATION=1.")
        missing = [name for name in SECRETS if not os.environ.get(name)]
        if missing:
            raise CommandError(f"Set {', '.join(missing)} in the environment.")
        account_id = self._seed(options["simulator_url"].rstrip("/"))
        sign_ins = [{"role": a.role, "title": str(a.title), "name": a.name, "email": a.email} for a in ACCOUNTS]
        self.stdout.write(json.dumps({"sign_ins": sign_ins, "carrier_account_id": account_id}))

    @transaction.atomic
    def _seed(self, simulator_url: str) -> str:
        credentials = {
            "api_key": os.environ["SIMULATOR_API_KEY"],
            "webhook_secret": os.environ["SIMULATOR_WEBHOOK_SECRET"],
        }
        account = connect_simulator(simulator_url, credentials)
        connect_registry(
            simulator_url,
            {
                "api_key": os.environ["SIMULATOR_REGISTRY_KEY"],
                "webhook_secret": os.environ["SIMULATOR_REGISTRY_SECRET"],
            },
        )
        if not Organization.objects.filter(pk=NORTHWIND_ID).exists():
            now, password = timezone.now(), make_password(os.environ["DEMO_PASSWORD"])
            make_northwind(account, password, now)
            make_contoso(password)
            make_operator(password)
            write_history(account, now)
            write_traffic(Organization.objects.get(pk=NORTHWIND_ID), now)
        _keep_password(os.environ["DEMO_PASSWORD"])
        return str(account.pk)


def _keep_password(password: str) -> None:
    """The demonstration's people, and only they, get the password of today's DEMO_PASSWORD."""
    operator = next(account for account in ACCOUNTS if account.role == "operator")
    people = User.objects.filter(organization_id__in=[NORTHWIND_ID, CONTOSO_ID])
    first = people.filter(email=ACCOUNTS[0].email).first()
    if first is None or not first.check_password(password):
        hashed = make_password(password)
        people.update(password=hashed)
        User.objects.filter(email=operator.email, is_staff=True).update(password=hashed)
