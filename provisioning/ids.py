"""Primary keys: UUIDv7 (RFC 9562), so that rows made later sort later."""

import uuid

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A fresh UUIDv7 as a standard-library UUID."""
    return uuid7()
