"""What a carrier adapter is: it turns a text into one exchange with the carrier, and webhooks into events of ours.

An adapter never touches the database. What it raises says what the relay may do next:
- `NotTaken`: the carrier cannot have the text; it may be tried again later.
- `Refused`: the carrier answered no, for good.
- `Unconfirmed`: the carrier may have it. Everything that is not one of the others is this one, so a text is never
  sent twice because an adapter met something new.

One text may be several submits (a carrier spoken to by SMPP takes its segments one by one). `send` then answers for
all of them: NotTaken or Refused only if no part was taken, Unconfirmed if only some were. The id in `Accepted` is the
first part's, and the adapter gives its receipts our reference, so they find the text whichever part they speak of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from messaging.carriers.wire import Wire

UNKNOWN: Final = "unknown"
"""The claim of a receipt that the adapter does not understand: stored, and an operator is told."""


@dataclass(frozen=True, slots=True)
class OutboundText:
    """One text for the carrier. `message_id` is the reference that its receipts will name.

    `callback_url` is the account's webhook address; how the reference travels is the adapter's business.
    """

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
    """The carrier refused it for good. `blocked_by` is set when somebody decided so: "carrier" or "provider".

    `known` is False where the carrier's table does not have the code: an operator is told.
    """

    def __init__(self, reason: str, *, code: str = "", blocked_by: str = "", known: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.blocked_by = blocked_by
        self.known = known


class Unconfirmed(SendError):  # noqa: N818
    """Its bytes may have reached the carrier. `detail` is for the log: the kind of error, no content."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class CannotBeAsked(Exception):  # noqa: N818
    """The carrier has no way to ask about this: it answers no such questions, or not by what we know of it."""


class MalformedWebhook(Exception):  # noqa: N818
    """A webhook whose signature holds but which the adapter cannot read: answered with 400."""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook as it arrived. Header names are lower case; `body` is the raw bytes that were signed.

    `url` is the address as the carrier knows it, made of our own settings and never of what the request says of
    itself. `received_at` stands in where the carrier names no time.
    """

    headers: Mapping[str, str]
    body: bytes
    url: str
    received_at: datetime = field(default_factory=lambda: datetime.now(tz=UTC))


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """The body of our 200, for a carrier that wants a particular one."""

    content_type: str
    body: bytes


PLAIN_ANSWER: Final = WebhookAnswer("application/json", b'{"code": "ok"}')


@dataclass(frozen=True, slots=True)
class InboundText:
    """A text from a person to one of our numbers. `at` is the carrier's time, or else the arrival's.

    `carrier_replied` says that the carrier took the text for a keyword (STOP, START, HELP) and answered it itself.
    """

    carrier_message_id: str
    to: str
    from_: str
    body: str
    media_count: int
    at: datetime
    carrier_replied: bool = False


@dataclass(frozen=True, slots=True)
class ReceiptEvent:
    """What the carrier says of one of our texts. `claim` is sent, delivered, undelivered, or unknown.

    `our_reference` is our message id where the carrier returned it; `code` is the carrier's, `reason` ours (see
    messaging/reasons.py), and `known` is False where the carrier's table does not have the code. `raw` is the event as
    it came, for the record. `timed` is False where the carrier names no time: `at` is then the arrival's, and a
    repetition differs in nothing else.
    """

    our_reference: str
    carrier_message_id: str
    claim: str
    code: str = ""
    reason: str = ""
    at: datetime = field(kw_only=True)
    raw: str = field(kw_only=True)
    timed: bool = field(default=True, kw_only=True)
    known: bool = field(default=True, kw_only=True)


Event = InboundText | ReceiptEvent


@dataclass(frozen=True, slots=True)
class CapabilityAnswer:
    """Whether the carrier lets one number text: capable, incapable, unknown (not yet reported); in its words."""

    e164: str
    capability: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Credential:
    """One of the texts that an account's credentials consist of. An optional one may need another beside it."""

    name: str
    description: StrOrPromise
    required: bool = True
    needs: str = ""


class Carrier(Protocol):
    """An adapter, made for one carrier account."""

    label: ClassVar[str]
    """The carrier's name, as it writes it."""
    default_base_url: ClassVar[str]
    """Where its API is, unless an operator says otherwise."""
    credentials: ClassVar[tuple[Credential, ...]]
    """What an operator enters to connect an account."""
    answers_questions: ClassVar[bool]
    """Whether it can be asked about a text by the id that it gave it (`lookup`)."""
    webhook_answer: ClassVar[WebhookAnswer]
    """What it wants to hear when we took a webhook."""

    async def send(self, text: OutboundText, wire: Wire) -> Accepted:
        """Hand one text to the carrier. Raises NotTaken, Refused or Unconfirmed."""
        ...

    async def lookup(self, message_id: str, carrier_message_id: str, wire: Wire) -> ReceiptEvent | None:
        """What the carrier says of a text of ours, asked by our id or by its own (either may be empty).

        None: it does not know it, as of now. Raises CannotBeAsked, or a SendError when there was no usable answer.
        """
        ...

    async def capability(self, numbers: Sequence[str], wire: Wire) -> list[CapabilityAnswer]:
        """What the carrier says of at most 100 numbers; none it doesn't know. Raises CannotBeAsked, or as `send`."""
        ...

    def verify(self, request: WebhookRequest, now: datetime) -> bool:
        """Whether the carrier signed this webhook, and lately where its signature has a time."""
        ...

    def parse(self, request: WebhookRequest) -> list[Event]:
        """The events of a verified webhook, texts and receipts: one request may carry both. Raises MalformedWebhook.

        Each adapter reads a single event with `parse_inbound` or `parse_receipt`, by what the event calls itself.
        """
        ...
