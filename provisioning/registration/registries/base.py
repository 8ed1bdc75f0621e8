"""What a registry adapter is: it hands in one submission, finds one by our reference, and reads webhooks.

A submission costs money and is not idempotent, so what an adapter raises says what may be done next:
- `Unavailable`: the registry certainly has not taken it. It may be handed in again.
- `Refused`: the registry answered no, with its reasons.
- `Unconfirmed`: the registry may have it. Whatever is not one of the others is this one: it is looked up by our
  reference, and never handed in again.
An adapter never touches the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

Reasons = list[dict[str, str]]
"""What the registry objects to: `code` and `text`, and `field` where it names one of ours."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What the registry says of one submission. `step` is pending, verified, active, rejected, suspended or expired.

    `facts` may hold registry_id, expires_at (ISO 8601), tier, segments_a_day, throughput_class, segments_a_minute.
    """

    reference: str
    step: str
    at: datetime
    reasons: Reasons = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of a webhook. `fact` is None when it is of a kind that does not concern us."""

    event_id: str
    kind: str
    fact: Fact | None
    raw: str


class RegistryError(Exception):
    """No answer that could be used; the subclass says whether the registry may have taken it. `detail`: no content."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class Unavailable(RegistryError):  # noqa: N818
    """Certainly not taken. Of a lookup: no answer, so nothing follows from it."""


class Unconfirmed(RegistryError):  # noqa: N818
    """Its bytes may have reached the registry."""


class Refused(RegistryError):  # noqa: N818
    """The registry said no at once, for these reasons."""

    def __init__(self, fact: Fact) -> None:
        super().__init__("refused")
        self.fact = fact


class MalformedWebhook(Exception):  # noqa: N818
    """A webhook whose signature holds but which the adapter cannot read: answered with 400."""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook as it arrived. Header names are lower case; `url` is our address as the registry knows it."""

    headers: Mapping[str, str]
    body: bytes
    url: str


class Registry(Protocol):
    """An adapter, made for one registry account."""

    settles_after: timedelta
    """The registry's word: a submission that a lookup does not find this long after it was sent was not taken."""

    def submit_brand(self, reference: str, document: Mapping[str, Any]) -> Fact:
        """Hand in a brand. Billable. Raises Unavailable, Refused, Unconfirmed."""
        ...

    def submit_campaign(self, reference: str, document: Mapping[str, Any]) -> Fact:
        """Hand in a campaign. Billable. Raises Unavailable, Refused, Unconfirmed."""
        ...

    def look_up(self, reference: str) -> Fact | None:
        """What the registry has under our reference; None: nothing (yet). Raises Unavailable."""
        ...

    def verify(self, request: WebhookRequest, now: datetime) -> bool:
        """Whether the registry signed this webhook, for this address, and lately."""
        ...

    def parse(self, request: WebhookRequest, now: datetime) -> list[Notice]:
        """The events of a verified webhook. Raises MalformedWebhook."""
        ...
