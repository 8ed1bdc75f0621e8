"""What a carrier sends, for tests: events as adapters make them, and webhooks as they come over the wire."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.test import Client

from messaging.carriers.base import InboundText, ReceiptEvent
from messaging.models import CarrierAccount, Message, SendingNumber
from provisioning import vault
from provisioning.models import PhoneNumber, User
from tests.factories import NOW

SECRET = "webhook secret"
PERSON = "+14155550122"
_numbers = itertools.count()


def account_of(number: PhoneNumber) -> CarrierAccount:
    """The carrier account of a number, with the secret that `post` signs with."""
    account = SendingNumber.objects.select_related("carrier_account").get(number=number).carrier_account
    return with_secret(account)


def with_secret(account: CarrierAccount) -> CarrierAccount:
    account.sealed_credentials = vault.seal({"api_key": "key", "webhook_secret": SECRET})
    account.save(update_fields=["sealed_credentials"])
    return account


def inbound(to: str, body: str = "Hello", sender: str = PERSON, **fields: Any) -> InboundText:
    """A text from a person, each with a carrier id of its own."""
    known = {"carrier_message_id": f"carrier-{next(_numbers)}", "media_count": 0, "at": NOW, **fields}
    return InboundText(to=to, from_=sender, body=body, **known)


def receipt(message: Message | None, claim: str, at: datetime = NOW, **fields: Any) -> ReceiptEvent:
    """A receipt for one of our texts, by reference."""
    known = {
        "our_reference": str(message.pk) if message else "",
        "carrier_message_id": f"carrier-of-{message.pk}" if message else "",
        "code": "",
        "reason": "",
        "raw": json.dumps({"status": claim, "at": at.isoformat()}),
        **fields,
    }
    return ReceiptEvent(claim=claim, at=at, **known)


def received_event(user: User, body: str = "Hello", **fields: Any) -> dict[str, Any]:
    """`message.received` on the wire."""
    return {
        "type": "message.received",
        "id": f"wire-{next(_numbers)}",
        "from": PERSON,
        "to": user.primary_number.e164,
        "body": body,
        "media": [],
        "at": NOW.isoformat(),
        **fields,
    }


def receipt_event(message: Message, status: str, **fields: Any) -> dict[str, Any]:
    """`message.receipt` on the wire."""
    return {
        "type": "message.receipt",
        "id": f"carrier-of-{message.pk}",
        "reference": str(message.pk),
        "status": status,
        "code": "",
        "at": NOW.isoformat(),
        **fields,
    }


def signature(body: bytes, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    """The headers by which the simulator signs a webhook."""
    timestamp = str(int((at or datetime.now(UTC)).timestamp()))
    signed = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Simulator-Timestamp": timestamp, "X-Simulator-Signature": signed}


def post(account: CarrierAccount, payload: Any, *, secret: str = SECRET, at: datetime | None = None) -> HttpResponse:
    """POST a webhook signed as the simulator signs; `payload` is JSON-ready, or the raw bytes."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = signature(body, secret, at)
    return Client().post(f"/webhooks/{account.pk}/", body, content_type="application/json", headers=headers)
