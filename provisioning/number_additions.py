"""Numbers that come into an organization's inventory, for the first time or again.

What must never happen:
1. A number of two organizations: `number_of_one_owner`. Of two that add it at once one finds it taken.
2. A number that comes back without its past: the same organization gets its old row, so that a STOP to this number
   still counts, and a user who gets it back finds the conversations open. Another organization gets a row of its own.

At most BATCH numbers are one transaction, with the same number of queries for all of them as for one. Who listens to
`number.added` may make rows of its own there: messaging connects the number to a carrier.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from provisioning.campaigns import Places, lock_places
from provisioning.changes import Actor, Change, change_of, record_many
from provisioning.models import Campaign, Location, PhoneNumber, RowOutcome
from provisioning.models.numbers import NumberSource, TextCapability
from provisioning.models.organizations import PstnConnection
from provisioning.number_inventory import BATCH, Result
from provisioning.numbers import national
from provisioning.refusals import Refusal

__all__ = ["ADDED", "BATCH", "Addition", "add", "held_elsewhere", "source_of"]

ADDED: Final = "number.added"


@dataclass(frozen=True, slots=True)
class Addition:
    """Where numbers are added, from which provider, to which campaign."""

    location: Location
    source: str
    campaign: Campaign | None = None


def source_of(location: Location) -> str:
    """Where numbers of a location come from, unless somebody says otherwise."""
    on_cisco = location.pstn_connection == PstnConnection.CISCO_PSTN
    return NumberSource.CISCO_CALLING_PLAN if on_cisco else NumberSource.OTHER


def add(addition: Addition, e164s: Sequence[str], actor: Actor, now: datetime) -> list[Result]:
    """Add numbers, in E.164 and each once, to the inventory of the location's organization: active, nobody's.

    Refused: `number_unavailable` (another organization has it, which is not named), `campaign_full`.
    """
    try:
        return _add(addition, e164s, actor, now)
    except IntegrityError:
        # Another organization took one of them in this very moment: now it can be seen.
        return _add(addition, e164s, actor, now)


def held_elsewhere(e164s: Sequence[str], organization_id: uuid.UUID) -> set[str]:
    """Of these numbers, those that another organization has."""
    held = PhoneNumber.objects.owned().filter(e164__in=e164s).exclude(organization=organization_id)
    return set(held.order_by().values_list("e164", flat=True))


@transaction.atomic
def _add(addition: Addition, e164s: Sequence[str], actor: Actor, now: datetime) -> list[Result]:
    organization_id = addition.location.organization_id
    ours = _ours(e164s, organization_id)
    elsewhere = held_elsewhere(e164s, organization_id)
    places = lock_places([addition.campaign.pk] if addition.campaign is not None else [])
    results = [_result(e164, ours.get(e164), elsewhere, places) for e164 in e164s]
    wanted = [result.e164 for result in results if result.outcome == RowOutcome.CHANGED]
    back = [_placed(ours[e164], addition, now) for e164 in wanted if e164 in ours]
    new = [_new(e164, addition, now) for e164 in wanted if e164 not in ours]
    PhoneNumber.objects.bulk_update(back, _PLACED)
    PhoneNumber.objects.bulk_create(new)
    record_many([_change(row, addition, actor) for row in (*back, *new)])
    ids = {row.e164: row.pk for row in (*ours.values(), *new)}
    return [Result(each.e164, each.outcome, ids.get(each.e164), each.refusal) for each in results]


def _ours(e164s: Sequence[str], organization_id: uuid.UUID) -> dict[str, PhoneNumber]:
    """The organization's own rows of these numbers, locked: those it has, and those it once had."""
    rows = PhoneNumber.objects.filter(organization=organization_id, e164__in=e164s).order_by("pk")
    return {row.e164: row for row in rows.select_for_update(no_key=True)}


def _result(
    e164: str, row: PhoneNumber | None, elsewhere: set[str], places: Mapping[uuid.UUID, Places]
) -> Result:  # fmt: skip
    if row is not None and row.released_at is None:
        return Result(e164, RowOutcome.UNCHANGED)
    try:
        if e164 in elsewhere:
            raise unavailable(e164)
        for of_campaign in places.values():
            of_campaign.take()
    except Refusal as refusal:
        return Result(e164, RowOutcome.REFUSED, refusal=refusal)
    return Result(e164, RowOutcome.CHANGED)


def unavailable(e164: str) -> Refusal:
    """Somebody else's number; whose, nobody is told."""
    return Refusal(
        "number_unavailable",
        _("%(number)s is in use by another customer. If it is yours, ask your provider.") % {"number": national(e164)},
    )


def _new(e164: str, addition: Addition, now: datetime) -> PhoneNumber:
    return _placed(PhoneNumber(organization_id=addition.location.organization_id, e164=e164), addition, now)


def _placed(row: PhoneNumber, addition: Addition, now: datetime) -> PhoneNumber:
    """A new row, or one that comes back: the carrier is asked about it (again)."""
    row.location, row.source, row.campaign = addition.location, addition.source, addition.campaign
    row.active, row.released_at = True, None
    row.capability, row.capability_reason = TextCapability.UNKNOWN, ""
    row.capability_checked_at, row.capability_due_at = None, now
    return row


_PLACED: Final = (
    "location", "source", "campaign", "active", "released_at", "capability", "capability_reason",
    "capability_checked_at", "capability_due_at",
)  # fmt: skip


def _change(row: PhoneNumber, addition: Addition, actor: Actor) -> Change:
    after = {"location": str(addition.location), "source": str(NumberSource(addition.source).label)}
    after |= {"campaign": str(addition.campaign)} if addition.campaign is not None else {}
    return change_of(ADDED, actor, row, organization_id=row.organization_id, after=after)
