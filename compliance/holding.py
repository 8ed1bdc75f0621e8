"""What the purge must leave alone, now. Everything that holds texts joins `held`; nothing else decides it.

Whoever begins to hold locks the organization's row first, as every purge batch does before it asks here. So a hold
that is committed is seen by the next batch, and a batch that has begun is over before the hold is.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db.models import Q

from compliance.models import Export, ExportState
from compliance.selection import covered

LONGEST_EXPORT = timedelta(hours=24)
"""An export that takes longer holds nothing any more, and fails instead of leaving out what was purged meanwhile."""

NOTHING = Q(pk__in=[])


def held(organization_id: uuid.UUID, now: datetime) -> Q:
    """The condition on Message for what is held: the ranges of exports that wait or run, 24 hours at most."""
    exports = Export.objects.filter(
        organization_id=organization_id,
        state__in=[ExportState.WAITING, ExportState.RUNNING],
        held_until__gt=now,
    )
    condition = NOTHING
    for export in exports:
        condition |= covered(export)
    return condition
