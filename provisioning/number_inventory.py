"""The numbers an organization owns: activated, moved, linked to a campaign, given up. (Added: number_additions.py.)

What must never happen:
1. History lost. No row is deleted: what pages call "delete" releases the number. Its row keeps the messages,
   conversations, opt-outs and tenures that point to it.
2. The 50th number in a campaign without a number pool, however many are linked or activated at once: campaigns.py.
3. A location whose main number is elsewhere: such a number is neither moved nor released.

Each function takes numbers of one organization, at most BATCH of them (to release: RELEASES), is one transaction, and
takes the same number of queries for all of them as for one. It answers with one Result a number, in the order given;
what is already so is not written. Locks: numbers in order of id, then campaigns, then the audit log's head.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from provisioning.campaigns import lock_places
from provisioning.changes import Actor, change_of, record_many
from provisioning.models import Campaign, Location, PhoneNumber, RowOutcome
from provisioning.number_assignment import let_go
from provisioning.numbers import national
from provisioning.refusals import Refusal

BATCH: Final = 500
RELEASES: Final = 250
"""Released at once: each may be two changes, the number's and its user's, and 500 are audited in a transaction."""

Values = Mapping[str, Any]
Write = Callable[[PhoneNumber], tuple[Values, Values] | None]
"""Changes a locked row in memory: what it was and what it is, in words; None when it is so already. Raises Refusal."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one number."""

    e164: str
    outcome: str
    number_id: uuid.UUID | None = None
    refusal: Refusal | None = None


def raise_refusal(results: Sequence[Result]) -> None:
    """For one number: what was refused of it is raised."""
    for result in results:
        if result.refusal is not None:
            raise result.refusal


@transaction.atomic
def set_active(numbers: Sequence[PhoneNumber], active: bool, actor: Actor, now: datetime) -> list[Result]:
    """Activate numbers, or deactivate them: their users can't text meanwhile. Refused: `campaign_full`."""
    rows = _locked(numbers)
    places = lock_places({row.campaign_id for row in rows.values() if active and not row.active and row.campaign_id})

    def write(row: PhoneNumber) -> tuple[Values, Values] | None:
        if row.active == active:
            return None
        if active and row.campaign_id is not None:
            places[row.campaign_id].take()
        row.active = active
        return {"active": not active}, {"active": active}

    return _apply(numbers, rows, write, ["active"], "number.activated" if active else "number.deactivated", actor)


@transaction.atomic
def move(numbers: Sequence[PhoneNumber], location: Location, actor: Actor, now: datetime) -> list[Result]:
    """Move numbers to another location; whoever has one keeps it. Refused: `main_number`, `location_of_others`."""
    rows = _locked(numbers)
    mains = _main_numbers(rows)

    def write(row: PhoneNumber) -> tuple[Values, Values] | None:
        if row.location_id == location.pk:
            return None
        if row.organization_id != location.organization_id:
            raise Refusal("location_of_others", _("This location is not one of your organization’s."))
        _refuse_main(row, mains)
        before, row.location = row.location, location
        return {"location": str(before) if before else None}, {"location": str(location)}

    return _apply(numbers, rows, write, ["location"], "number.moved", actor)


@transaction.atomic
def link(numbers: Sequence[PhoneNumber], campaign: Campaign | None, actor: Actor, now: datetime) -> list[Result]:
    """Link numbers to a campaign, or to none. Refused: `campaign_full`, `campaign_of_others`."""
    rows = _locked(numbers)
    places = lock_places([campaign.pk] if campaign is not None else [])

    def write(row: PhoneNumber) -> tuple[Values, Values] | None:
        if row.campaign_id == (campaign.pk if campaign is not None else None):
            return None
        if campaign is not None and row.organization_id != campaign.organization_id:
            raise Refusal("campaign_of_others", _("This campaign is not one of your organization’s."))
        if campaign is not None and row.active:
            places[campaign.pk].take()
        before, row.campaign = row.campaign, campaign
        return {"campaign": str(before) if before else None}, {"campaign": str(campaign) if campaign else None}

    return _apply(numbers, rows, write, ["campaign"], "number.linked", actor)


@transaction.atomic
def release(numbers: Sequence[PhoneNumber], actor: Actor, now: datetime) -> list[Result]:
    """Give numbers up; the same or another organization may add them again. Their users have none then.

    Refused: `main_number`.
    """
    rows = _locked(numbers)
    mains = _main_numbers(rows)
    changes = let_go([row for row in rows.values() if row.pk not in mains], actor, now)

    def write(row: PhoneNumber) -> tuple[Values, Values] | None:
        _refuse_main(row, mains)
        before = {"location": str(row.location) if row.location else None}
        before |= {"campaign": str(row.campaign)} if row.campaign else {}
        row.user = row.location = row.campaign = None
        row.active, row.released_at = False, now
        return before, {}

    columns = ["user", "location", "campaign", "active", "released_at"]
    results = _apply(numbers, rows, write, columns, "number.released", actor)
    record_many(changes)
    return results


@transaction.atomic
def edit(number: PhoneNumber, wanted: Mapping[str, Any], actor: Actor, now: datetime) -> None:
    """Several things of one number, all or nothing: `location`, `campaign`, `active`; what is not named stays.

    Refusal: as each of them. Deactivated before it is linked, activated after: it takes a place only if it needs one.
    """
    if "location" in wanted:
        raise_refusal(move([number], wanted["location"], actor, now))
    if wanted.get("active") is False:
        raise_refusal(set_active([number], False, actor, now))
    if "campaign" in wanted:
        raise_refusal(link([number], wanted["campaign"], actor, now))
    if wanted.get("active"):
        raise_refusal(set_active([number], True, actor, now))


def _locked(numbers: Sequence[PhoneNumber]) -> dict[uuid.UUID, PhoneNumber]:
    """Fresh rows of those that the organization still has."""
    rows = PhoneNumber.objects.owned().select_related("location", "campaign", "user")
    locked = rows.filter(pk__in=[number.pk for number in numbers]).order_by("pk")
    return {row.pk: row for row in locked.select_for_update(no_key=True, of=("self",))}


def _main_numbers(rows: Mapping[uuid.UUID, PhoneNumber]) -> dict[uuid.UUID, str]:
    """The numbers that are a location's main number, and the location's name."""
    return dict(Location.objects.filter(main_number__in=list(rows)).order_by().values_list("main_number_id", "name"))


def _refuse_main(row: PhoneNumber, mains: Mapping[uuid.UUID, str]) -> None:
    if row.pk in mains:
        words = {"number": national(row.e164), "location": mains[row.pk]}
        sentence = _("%(number)s is the main number of %(location)s. Choose another main number there first.")
        raise Refusal("main_number", sentence % words)


def _apply(
    numbers: Sequence[PhoneNumber],
    rows: Mapping[uuid.UUID, PhoneNumber],
    write: Write,
    columns: list[str],
    action: str,
    actor: Actor,
) -> list[Result]:
    results, written, changes = [], [], []
    for number in numbers:
        row = rows.get(number.pk)
        try:
            if row is None:
                raise _gone(number)
            difference = write(row)
        except Refusal as refusal:
            results.append(Result(number.e164, RowOutcome.REFUSED, number.pk, refusal))
            continue
        outcome = RowOutcome.CHANGED if difference else RowOutcome.UNCHANGED
        results.append(Result(number.e164, outcome, number.pk))
        if difference:
            written.append(row)
            before, after = difference
            changes.append(
                change_of(action, actor, row, organization_id=row.organization_id, before=before, after=after)
            )
    PhoneNumber.objects.bulk_update(written, columns)
    record_many(changes)
    return results


def _gone(number: PhoneNumber) -> Refusal:
    words = {"number": national(number.e164)}
    return Refusal("number_released", _("%(number)s was deleted from the inventory. Add it again first.") % words)
