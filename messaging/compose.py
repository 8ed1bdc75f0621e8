"""Accepting a text: what `compose` accepts is a row in the database before anyone is told so.

What must never happen:
1. Somebody is told "accepted" and there is no row, or a row that no worker will ever look for. The text, its place in
   the conversation, the count of the day and the sending number's next due time are one commit; waking a worker comes
   after it and may fail.
2. One request, repeated, makes two texts. The key is a column of the text, unique a user: of two requests at once one
   commits, and the other finds its row. The same key with another request is a conflict.
3. A text gets a place before an earlier one is visible. The place is given under the conversation's lock, which is
   held until commit: so places become visible in order.

Everything that decides is read in one statement (policy.outlook), everything that is accepted is written together
(acceptance.write), and nothing between the two waits for anybody.

Refused texts to US and Canadian numbers are kept as `blocked` rows, in a transaction of their own. They belong to no
conversation and hold no key: what was refused may be tried again once its cause is gone. There is none without a number
to send from, and none where the request is at fault and not the text (NOT_KEPT). Kept or not, every answer is counted.

What is written, and in which order rows are locked: acceptance.py.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Final, ParamSpec

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from messaging import acceptance, measurements, outcomes, policy, wakeups
from messaging.changes import ConversationChange, announce
from messaging.models import Conversation, Message
from messaging.models.messages import BlockedBy, Direction, Status
from messaging.policy import Outlook, Own
from messaging.segments import Segmentation, measure
from provisioning.models import User
from provisioning.models.choices import fold
from provisioning.prepared import PreparedModels
from provisioning.refusals import Refusal

P = ParamSpec("P")
LONGEST_KEY = 255
NOT_KEPT: Final = ("confirmation_needed", "idempotency_conflict", "not_resendable")
"""A content rule's question, and what a form or a client that lags behind asks for: refused is the request, no text."""
MOST_SEGMENTS_KEPT = 32767
"""What the column of segments holds: a refused text may be longer than any that is sent."""


@dataclass(frozen=True, slots=True)
class Composed:
    """The text; `replayed` when an earlier request with the same key had already made it."""

    message: Message
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Request:
    """What was asked for, as it was asked for."""

    user: User
    to: str
    body: str
    key: str
    resend_of: Message | None
    conversation: Conversation | None
    media_count: int
    confirmed: bool
    now: datetime

    @property
    def digest(self) -> str:
        """Tells a repeated request from another one with the same key."""
        asked = [self.to, self.body, str(self.resend_of.pk) if self.resend_of else "", self.media_count]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _counted(act: Callable[P, Composed]) -> Callable[P, Composed]:
    """Count each text handed in by its answer: accepted, repeated, a refusal's code, or error."""

    @wraps(act)
    def counted(*args: P.args, **kwargs: P.kwargs) -> Composed:
        answer = "error"
        try:
            composed = act(*args, **kwargs)
            answer = "repeated" if composed.replayed else "accepted"
        except Refusal as refusal:
            answer = refusal.code
            raise
        finally:
            measurements.count_composes(answer)
        return composed

    return counted


@_counted
def compose(
    *,
    user: User,
    to: str,
    body: str,
    idempotency_key: str = "",
    resend_of: Message | None = None,
    conversation: Conversation | None = None,
    media_count: int = 0,
    confirmed: bool = False,
    now: datetime | None = None,
) -> Composed:
    """Accept a text of a user to a number as typed, or raise Refusal (codes: destinations.py, policy.py, same_text.py,
    acceptance.py, and here idempotency_conflict with 409).

    `conversation` binds it to one of the user's conversations, refused as `number_gone` once its number moved away;
    `resend_of` links it to the text it repeats; attachments are counted to be refused; `confirmed` answers the content
    rules that ask. `now` is the database's clock.
    """
    _refuse_unusable(idempotency_key)
    counterpart, misdirected = _destination(to)
    seen = policy.outlook(user, counterpart, idempotency_key)
    request = _Request(
        user, to, body, idempotency_key, resend_of, conversation, media_count, confirmed, now or seen.now
    )  # fmt: skip
    earlier = _replay(request) if seen.key_is_used else None
    if earlier is not None:
        return earlier
    if misdirected is not None:
        raise misdirected
    try:
        return _accepted(request, counterpart, seen)
    except Refusal as refusal:
        _keep_refused(request, counterpart, seen, refusal)
        raise


def _refuse_unusable(key: str) -> None:
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Refusal(
            "idempotency_key_invalid",
            _("An Idempotency-Key is at most %(longest)s printable characters. Use a UUID.") % {"longest": LONGEST_KEY},
        )


def _destination(to: str) -> tuple[str, Refusal | None]:
    """The number that was meant, or why there is none: a request that is repeated is answered before that is told."""
    try:
        return policy.parse_destination(to), None
    except Refusal as refusal:
        return "", refusal


def _replay(request: _Request) -> Composed | None:
    """What an earlier request with this key made. Raises Refusal idempotency_conflict when it was another request."""
    if not request.key:
        return None
    message = _BY_KEY.first(user=request.user.pk, key=request.key)
    if message is None:
        return None
    if message.request_digest != request.digest:
        raise Refusal(
            "idempotency_conflict",
            _("This Idempotency-Key was used for another text. Use a new key for each text."),
            http_status=409,
        )
    return Composed(message, replayed=True)


def _accepted(request: _Request, counterpart: str, seen: Outlook) -> Composed:
    size = policy.check_body(request.body, request.media_count)
    if request.resend_of is not None:
        policy.check_resend(request.user, request.resend_of, request.now)
    own = policy.check(request.user, seen, counterpart, request.conversation)
    asked = policy.check_content(request.body, seen, own, confirmed=request.confirmed)
    message = _message(
        request,
        counterpart,
        own,
        size,
        status=Status.QUEUED,
        idempotency_key=request.key,
        request_digest=request.digest if request.key else "",
        resend_of=request.resend_of,
        confirmed=asked,
    )
    try:
        _write(message, own)
    except IntegrityError:
        winner = _replay(request)
        if winner is None:
            raise
        return winner
    return Composed(message, replayed=False)


def _write(message: Message, own: Own) -> None:
    """Once it is committed, tell whoever shows the conversation, and wake the relay."""
    changed_at = acceptance.write(message, own)
    assert message.conversation_id is not None
    announce(ConversationChange(own.user_id, message.conversation_id, changed_at))
    wakeups.wake_relay()


_BY_KEY: Final = PreparedModels(
    lambda user, key: Message.objects.filter(user_id=user, idempotency_key=key).exclude(idempotency_key=""),
    user=uuid.UUID(int=0), key="",
)  # fmt: skip
"""`exclude` repeats the condition of the index."""


def _message(
    request: _Request, counterpart: str, own: Own | Conversation, size: Segmentation, **fields: Any
) -> Message:
    """An unsaved outbound row: the copies of both numbers, the organization and the user."""
    body = fields.pop("body", request.body)
    return Message(
        organization_id=own.organization_id,
        user_id=own.user_id,
        number_id=own.number_id,
        direction=Direction.OUTBOUND,
        own_e164=own.own_e164,
        counterpart=counterpart,
        body=body,
        search_text=fold(body),
        encoding=size.encoding,
        segments=min(size.segments, MOST_SEGMENTS_KEPT),
        accepted_at=request.now,
        due_at=request.now,
        **fields,
    )


def _keep_refused(request: _Request, counterpart: str, seen: Outlook, refusal: Refusal) -> None:
    """Keep a refused text as a blocked row, and name it in the refusal. Without an own number there is no row."""
    own = request.conversation or seen.own
    if own is None or refusal.code in NOT_KEPT:
        return
    body = storable(request.body)
    message = _message(
        request,
        counterpart,
        own,
        measure(body),
        body=body,
        status=Status.BLOCKED,
        reason=policy.reason_of(refusal.code),
        blocked_by=refusal.extra.get("blocked_by", BlockedBy.PLATFORM),
        blocked_at=request.now,
        status_event_at=request.now,
    )
    with transaction.atomic():
        message.save(force_insert=True)
        outcomes.note([(message, "", "", message.status, message.reason)])
    refusal.extra["message_id"] = str(message.pk)


def storable(body: str) -> str:
    """A body that any database keeps: U+FFFD stands for NUL and for half of a surrogate pair."""
    return body.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
