"""The simulator registry's adapter: JSON over HTTP, our reference in the body, signed webhooks.

POST {base_url}/registry/v1/{brands,campaigns}   202 {"id", "status": "pending", "at"}: taken
                                                 422 {"code": "refused", "reasons", "at"}: no, at once
                                                 429, 401, 403, 503 {"code": "not_taken"}: documented as not taken
GET  {base_url}/registry/v1/submissions/{reference}  200, or 404 {"code": "unknown_reference"}
After any other answer to a POST the registry may have it. A lookup may be up to 20 seconds behind (documented).

X-Registry-Signature is the hex HMAC-SHA256 of "timestamp.address." and the raw body under the webhook secret; the
address is ours as the registry was told it, X-Registry-Timestamp is in Unix seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
from django.conf import settings

from provisioning.models.registry_terms import BrandTier
from provisioning.registration.registries.base import (
    Fact,
    MalformedWebhook,
    Notice,
    Refused,
    Unavailable,
    Unconfirmed,
    WebhookRequest,
)

STEPS: Final = {
    "brand": ("pending", "verified", "rejected", "suspended"),
    "campaign": ("pending", "active", "rejected", "suspended", "expired"),
}
FRESH: Final = timedelta(minutes=5)
MOST_EVENTS: Final = 100
LONGEST: Final = {"id": 32, "code": 32, "text": 1000, "field": 32, "reference": 64, "event_id": 128}
LARGEST: Final = 1_000_000_000
_NOT_A_BYTE_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)


class SimulatedRegistry:
    """Credentials: `api_key` for submissions, `webhook_secret` for what comes back."""

    settles_after = timedelta(seconds=20)

    def __init__(self, base_url: str, credentials: Mapping[str, Any]) -> None:
        self._url = f"{base_url.rstrip('/')}/registry/v1"
        self._headers = {"authorization": f"Bearer {credentials.get('api_key', '')}"}
        self._secret = str(credentials.get("webhook_secret", "")).encode()

    def submit_brand(self, reference: str, document: Mapping[str, Any]) -> Fact:
        return self._submit("brands", reference, document)

    def submit_campaign(self, reference: str, document: Mapping[str, Any]) -> Fact:
        return self._submit("campaigns", reference, document)

    def _submit(self, kind: str, reference: str, document: Mapping[str, Any]) -> Fact:
        """One exchange on a connection of its own: a kept one could be closed just as we write."""
        try:
            answer = self._ask("POST", kind, json={**document, "reference": reference})
        except _NOT_A_BYTE_LEFT as error:
            raise Unavailable(type(error).__name__) from error
        except httpx.HTTPError as error:
            raise Unconfirmed(type(error).__name__) from error
        return _understood(answer, reference)

    def look_up(self, reference: str) -> Fact | None:
        try:
            answer = self._ask("GET", f"submissions/{reference}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(type(error).__name__) from error
        found = _document(answer)
        if answer.status_code == 404 and found.get("code") == "unknown_reference":
            return None
        if answer.status_code != 200:
            raise Unavailable(f"HTTP {answer.status_code}")
        try:
            return _fact(found, reference)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise Unavailable(f"unreadable: {type(error).__name__}") from error

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        with httpx.Client(timeout=settings.REGISTRY_TIMEOUT_SECONDS, trust_env=False, headers=self._headers) as client:
            return client.request(method, f"{self._url}/{path}", **content)

    def verify(self, request: WebhookRequest, now: datetime) -> bool:
        """Whether the signature holds for this address and is at most five minutes old (or ahead of our clock)."""
        timestamp = request.headers.get("x-registry-timestamp", "")
        if not self._secret or not _is_fresh(timestamp, now):
            return False
        signed = f"{timestamp}.{request.url}.".encode() + request.body
        expected = hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), request.headers.get("x-registry-signature", "").encode())

    def parse(self, request: WebhookRequest, now: datetime) -> list[Notice]:
        """One event or an array of them. One of a kind we do not know has no fact: registries add kinds."""
        try:
            document = json.loads(request.body)
            events = document if isinstance(document, list) else [document]
            if len(events) > MOST_EVENTS:
                raise ValueError("too many")
            return [_notice(event, now) for event in events]
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise MalformedWebhook(type(error).__name__) from error


def _is_fresh(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now.timestamp() - int(timestamp)) <= FRESH.total_seconds()


def _understood(answer: httpx.Response, reference: str) -> Fact:
    """What the answer to a submission means. Raises Unavailable, Refused, Unconfirmed."""
    found, status = _document(answer), answer.status_code
    try:
        if status == 202:
            return _fact(found, reference)
        if status == 422 and found.get("code") == "refused":
            raise Refused(_fact({**found, "status": "rejected"}, reference))
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise Unconfirmed(f"HTTP {status}, unreadable") from error
    if status in (401, 403, 429) or (status == 503 and found.get("code") == "not_taken"):
        raise Unavailable(f"HTTP {status}")
    raise Unconfirmed(f"HTTP {status}")


def _document(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty when it is none, whatever it is."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _notice(event: Mapping[str, Any], now: datetime) -> Notice:
    kind, event_id = _text(event, "type"), _name(event, "event_id")
    what, _dot, step = kind.partition(".")
    known = step in STEPS.get(what, ())
    fact = _fact({**event, "status": step}, _name(event, "reference")) if known else None
    if fact is not None and fact.at > now + FRESH:
        raise ValueError("from the future")
    return Notice(event_id=event_id, kind=kind[:64], fact=fact, raw=json.dumps(event))


def _fact(found: Mapping[str, Any], reference: str) -> Fact:
    """KeyError, ValueError, TypeError: what is needed is missing or of another kind."""
    step = _text(found, "status")
    if step not in {step for steps in STEPS.values() for step in steps}:
        raise ValueError("status")
    return Fact(
        reference=reference,
        step=step,
        at=_moment(found["at"]),
        reasons=[_reason(entry) for entry in found.get("reasons") or []][:50],
        facts=_facts(found),
    )


def _facts(found: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if found.get("id"):
        facts["registry_id"] = _name(found, "id")
    if found.get("expires_at"):
        facts["expires_at"] = _moment(found["expires_at"]).isoformat()
    if found.get("tier") in BrandTier.values:
        facts["tier"] = found["tier"]
    if found.get("throughput_class"):
        facts["throughput_class"] = _text(found, "throughput_class")[:2]
    for name in ("segments_a_day", "segments_a_minute"):
        if found.get(name) is not None:
            facts[name] = _count(found[name])
    return facts


def _reason(entry: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(entry, name)[: LONGEST[name]] for name in ("code", "text", "field") if name in entry}


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST:
        raise ValueError("count")
    return int(value)


def _text(entry: Mapping[str, Any], name: str) -> str:
    """A text that a column can hold: no NUL, no half of a surrogate pair."""
    value = entry[name]
    if not isinstance(value, str) or "\0" in value:
        raise TypeError(name)
    value.encode()
    return value


def _name(entry: Mapping[str, Any], name: str) -> str:
    """An id or a reference: printable, not empty, not longer than our columns."""
    value = _text(entry, name)
    if not 0 < len(value) <= LONGEST[name] or not value.isprintable():
        raise ValueError(name)
    return value


def _moment(value: Any) -> datetime:
    """An ISO 8601 time with its zone, in UTC."""
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("no time zone")
    return at.astimezone(UTC)
