"""People whom a user blocked: neither texts the other until the user lifts it.

The block is the user's own, on any of the user's numbers; colleagues are not bound by it. It is not an opt-out: STOP
and START from a blocked person still count, and lifting a block lifts no opt-out.
"""

from __future__ import annotations

import uuid

from messaging.models import BlockedPerson


def is_blocked(user_id: uuid.UUID, counterpart: str) -> bool:
    """Whether this user has this person blocked now. One look at a unique index."""
    return BlockedPerson.objects.filter(
        user_id=user_id, counterpart=counterpart, lifted_at__isnull=True
    ).exists()  # fmt: skip
