"""The simulator, the hub's web server and the account that connects them: everything real but the phones."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from messaging.models import CarrierAccount, Message
from messaging.relay import run as run_relay
from messaging.replay import limits
from messaging.states import IN_LINE
from provisioning import vault
from tests import factories
from tests.messaging.carrier_events import PERSON
from tests.simulator.process import API_KEY, WEBHOOK_SECRET, Simulator, until


@pytest.fixture
def kept(tmp_path: Path, settings: Any) -> Path:
    """Where raised limits are remembered: the test's own folder."""
    settings.DATA_DIR = tmp_path
    return limits.kept_in()


class Stage:
    def __init__(self, simulator: Simulator, account: CarrierAccount) -> None:
        self.simulator, self.account = simulator, account

    def replay(self, path: Path, *options: str) -> tuple[int, str]:
        """Exit code and what was printed."""
        out = StringIO()
        try:
            call_command("replay_texts", str(path), "--inline", *options, stdout=out, stderr=StringIO())
        except SystemExit as leaving:
            return int(leaving.code or 0), out.getvalue()
        return 0, out.getvalue()

    def settle(self) -> None:
        """Relay until nothing waits here and the carrier owes nothing, seen twice."""
        quiet = [self._quiet(), self._quiet()]
        until(lambda: all(quiet[-2:]) or quiet.append(self._quiet()))

    def _quiet(self) -> bool:
        run_relay()
        owed = self.simulator.state()["owed"]
        return owed == 0 and not Message.objects.filter(status__in=IN_LINE).exists()

    def write(self, body: str, to: str, sender: str = PERSON, pictures: int = 0) -> None:
        """A phone writes."""
        self.simulator.control("inbound", {"from": sender, "to": to, "body": body, "pictures": pictures})

    def on_the_phone(self) -> list[str]:
        """Bodies of everything the carrier truly took, in order."""
        found = self.simulator.http.get("/v1/taken").json()["texts"]
        references = {text["reference"]: place for place, text in enumerate(found)}
        texts = {str(message.pk): message.body for message in Message.objects.filter(pk__in=references)}
        return [texts[reference] for reference in references]


@pytest.fixture
def stage(
    shared_database: object,
    kept: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    settings: Any,
) -> Iterator[Stage]:
    # After the database is one that threads can share.
    server = request.getfixturevalue("live_server")
    settings.PUBLIC_URL = server.url
    account = factories.CarrierAccountFactory(
        sealed_credentials=vault.seal({"api_key": API_KEY, "webhook_secret": WEBHOOK_SECRET})
    )
    organization = factories.OrganizationFactory()
    for _user in range(3):
        factories.texting_user(organization)
    simulator = Simulator(tmp_path / "simulator", f"{server.url}/webhooks/{account.pk}/")
    CarrierAccount.objects.update(base_url=simulator.url)
    yield Stage(simulator, CarrierAccount.objects.get())
    simulator.stop()
