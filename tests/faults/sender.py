"""A person who texts through the API of the house's web server."""

from __future__ import annotations

import uuid
from datetime import timedelta

import httpx
from django.utils import timezone

from messaging.models import Message
from provisioning.changes import Actor
from provisioning.tokens import issue
from tests.faults.house import PERSON, House


class Sender:
    """Opens the web server, if nobody did."""

    def __init__(self, house: House) -> None:
        (user,) = house.users(1)
        self.house, self.user = house, user
        until_then = timezone.now() + timedelta(days=1)
        actor = Actor.of_user(user, via="command")
        _row, secret = issue(user, name="faults", scopes=["messages:write"], expires_at=until_then, actor=actor)
        if not house.web_port:
            house.open_web()
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{house.web_port}", headers={"Authorization": f"Bearer {secret}"},
            timeout=30, trust_env=False,
        )  # fmt: skip

    def post(self, body: str, to: str = PERSON) -> httpx.Response:
        return self._http.post("/api/v1/messages", json={"to": to, "body": body})

    def send(self, body: str, to: str = PERSON) -> Message:
        """A text that the API says is accepted."""
        response = self.post(body, to)
        assert response.status_code == 201, response.text
        message = Message.objects.get(pk=uuid.UUID(response.json()["id"]))
        self.house.accepted[message.pk] = body
        return message
