"""What every carrier’s cases consist of. The cases are data, one file a carrier; test_contract.py runs them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from messaging.carriers.base import Carrier, Event, OutboundText, SendError, WebhookRequest
from messaging.reasons import Reason

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
TEXT = OutboundText(
    message_id="01a20728-a6dc-72c1-8f10-c878e5fe527f",
    own_e164="+14155550101",
    counterpart="+12065550122",
    body="Bring €5 \N{GRINNING FACE}\nand “ID” & +1%",
    callback_url="https://hub.example/webhooks/1/",
)
CALLBACK = TEXT.callback_url


@dataclass(frozen=True)
class Request:
    """A request as the far side read it. Header names are lower case."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, raw: bytes) -> Request:
        head, _, body = raw.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        pairs = (field.split(":", 1) for field in fields)
        return cls(line, {name.lower(): value.strip() for name, value in pairs}, body)


@dataclass(frozen=True)
class Answered:
    """An answer of the carrier to a text, and what it must mean; the reason and the like are of a refusal."""

    status: str
    body: str
    kind: type[SendError]
    reason: str = ""
    blocked_by: str = ""
    code: str = ""
    headers: str = ""
    retry_after: float | None = None
    known: bool = True


@dataclass(frozen=True)
class Capable:
    """An answer of the carrier about one of our numbers: capability and reason, None (not known), or an error."""

    status: str
    body: str
    says: tuple[str, str] | type[SendError] | None


@dataclass(frozen=True)
class Looked:
    """An answer of the carrier to a question about a text: a claim, None (not known), or an error."""

    status: str
    body: str
    says: tuple[str, str, str] | type[SendError] | None
    """Claim, code and reason."""


@dataclass(frozen=True)
class Told:
    """A webhook and its events."""

    name: str
    request: WebhookRequest
    events: list[Event]


@dataclass(frozen=True)
class Contract:
    """Everything that one carrier's adapter is held to."""

    name: str
    make: Callable[[str], Carrier]
    codes: Mapping[str, Reason]
    request_line: str
    check_request: Callable[[Request], None]
    taken: tuple[str, str, str]
    """Status line and body of the answer "taken", and the carrier's id in it."""
    answers: list[Answered]
    told: list[Told]
    malformed: list[WebhookRequest]
    signed: list[WebhookRequest]
    unsigned: list[WebhookRequest]
    without_secrets: Callable[[], Carrier]
    """An adapter whose account has no credentials: it trusts nobody."""
    asked_line: str = ""
    """Request line of a lookup by the carrier's id; empty where it cannot be asked."""
    looked: list[Looked] = field(default_factory=list)
    capability_line: str = ""
    """Request line of the question whether our number can text; empty where nobody can be asked."""
    capable: list[Capable] = field(default_factory=list)
    answer: tuple[str, Any] = ("application/json", b'{"code": "ok"}')


def request(body: bytes, url: str = CALLBACK, **headers: str) -> WebhookRequest:
    """A webhook that arrived NOW; underscores in header names are hyphens."""
    return WebhookRequest({name.replace("_", "-"): value for name, value in headers.items()}, body, url, NOW)
