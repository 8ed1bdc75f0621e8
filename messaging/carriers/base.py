"""What a carrier adapter is: it turns a text into one exchange with the carrier, and webhooks into events of ours.

An adapter never touches the database. What it raises says what the relay may do next:
- `NotTaken`: the carrier cannot have the text; it may be tried again later.
- `Refused`: the carrier answered no, for good.
- `Unconfirmed`: the carrier may have it. Everything that is not one of the others is this one, so a text is never
  sent twice because an adapter met something new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from messaging.carriers.wire import Wire


@dataclass(frozen=True, slots=True)
class OutboundText:
    """One text for the carrier. `message_id` is the reference that its receipts will name."""

    message_id: str
    own_e164: str
    counterpart: str
    body: str
    callback_url: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier took the text, under an id of its own."""

    carrier_message_id: str


class SendError(Exception):
    """The text was not accepted; the subclass says whether the carrier may have it."""


class NotTaken(SendError):  # noqa: N818
    """The carrier cannot have taken it. `retry_after` is the wait it asked for, in seconds."""

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class Refused(SendError):  # noqa: N818
    """The carrier refused it for good. `blocked_by` is set when somebody decided so: "carrier" or "provider"."""

    def __init__(self, reason: str, *, code: str = "", blocked_by: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.blocked_by = blocked_by


class Unconfirmed(SendError):  # noqa: N818
    """Its bytes may have reached the carrier. `detail` is for the log: the kind of error, no content."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class MalformedWebhook(Exception):  # noqa: N818
    """A webhook whose signature holds but which the adapter cannot read: answered with 400."""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook as it arrived. Header names are lower case; `body` is the raw bytes that were signed."""

    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class InboundText:
    """A text from a person to one of our numbers. `at` is the carrier's time."""

    carrier_message_id: str
    to: str
    from_: str
    body: str
    media_count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptEvent:
    """What the carrier says of one of our texts. `claim` is sent, delivered, undelivered, or unknown.

    `our_reference` is our message id where the carrier returned it; `code` is the carrier's, `reason` ours (see
    messaging/reasons.py); `raw` is the event as it came, for the record.
    """

    our_reference: str
    carrier_message_id: str
    claim: str
    code: str = ""
    reason: str = ""
    at: datetime = field(kw_only=True)
    raw: str = field(kw_only=True)


Event = InboundText | ReceiptEvent


@dataclass(frozen=True, slots=True)
class CapabilityAnswer:
    """Whether the carrier lets one number text: capable, incapable, unknown (not yet reported); in its words."""

    e164: str
    capability: str
    reason: str = ""


class Carrier(Protocol):
    """An adapter, made for one carrier account. One text may be several submits: `send` answers for all of them."""

    async def send(self, text: OutboundText, wire: Wire) -> Accepted:
        """Hand one text to the carrier. Raises NotTaken, Refused or Unconfirmed."""
        ...

    async def capability(self, numbers: Sequence[str], wire: Wire) -> list[CapabilityAnswer]:
        """What the carrier says of at most 100 numbers; none that it doesn't know. Raises as `send` does."""
        ...

    def verify(self, request: WebhookRequest, now: datetime) -> bool:
        """Whether the carrier signed this webhook, and lately."""
        ...

    def parse(self, request: WebhookRequest) -> list[Event]:
        """The events of a verified webhook. Raises MalformedWebhook."""
        ...
