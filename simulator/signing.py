"""Signatures on what the simulator posts: HMAC-SHA256 over the timestamp, a dot and the raw body."""

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
