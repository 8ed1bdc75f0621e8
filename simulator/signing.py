"""Signatures on what the simulator posts: HMAC-SHA256 over the timestamp and the raw body; the registry’s over the
address as well."""

from __future__ import annotations

import hashlib
import hmac


def headers(secret: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers of one webhook; `timestamp` is Unix seconds at the time of posting."""
    signed = f"{timestamp}.".encode() + body
    return {
        "Content-Type": "application/json",
        "X-Simulator-Timestamp": str(timestamp),
        "X-Simulator-Signature": hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(),
    }


def registry_headers(secret: str, url: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers of one webhook of the registry, for this address alone."""
    signed = f"{timestamp}.{url}.".encode() + body
    return {
        "Content-Type": "application/json",
        "X-Registry-Timestamp": str(timestamp),
        "X-Registry-Signature": hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(),
    }
