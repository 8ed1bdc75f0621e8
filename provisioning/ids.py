"""Primary keys: UUIDv7 (RFC 9562), so that rows made later sort later."""

import uuid
from datetime import datetime

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A fresh UUIDv7 as a standard-library UUID."""
    return uuid7()


def first_id_at(moment: datetime) -> uuid.UUID:
    """Below every id made at this moment or later, above those made before: the primary key is an index by time."""
    return uuid.UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)
