"""Where a brand or campaign stands: the only code that writes its status, and what follows from each.

    draft ──▶ submitting ──▶ pending ──▶ verified / active ──▶ suspended, expired ──▶ active
      ▲            │            └──────▶ rejected ──▶ submitting (corrected)
      └────────────┘ never reached the registry

What decides is the registry's newest word on the present submission, by the registry's own clock; of two words of one
moment the graver. So decisions that arrive late, twice or in any order end in the same row: every word is an event,
and the status is read off them anew, under the row's lock. What is said of an earlier submission is kept in the
history and decides nothing. An operator's word counts like the registry's, at the moment it was given. A campaign past
its renewal date is expired, whoever noticed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from django.db import IntegrityError, transaction
from django.db.models import Q

from provisioning.changes import Actor, record_target
from provisioning.models import Brand, Campaign, EventSource, RegistrationEvent, RegistrySubmission
from provisioning.models.registration import BrandStatus, CampaignStatus
from provisioning.models.registry_terms import SEGMENTS_A_DAY, THROUGHPUT_CLASSES, BrandTier
from provisioning.registration import consequences
from provisioning.registration.registries.base import Fact

Row = TypeVar("Row", bound=Brand | Campaign)
RANKS: Final = {"pending": 0, "verified": 1, "active": 1, "rejected": 2, "expired": 3, "suspended": 4}
"""Which word counts of two that the registry says happened at the same moment."""
REGISTRY: Final = Actor.system("registry")
_DECIDING: Final = (EventSource.REGISTRY, EventSource.OPERATOR)


def locked(row: Row) -> Row:
    """The fresh row, locked until the caller's transaction ends."""
    found: Any = type(row)._default_manager.select_for_update(no_key=True).get(pk=row.pk)
    return cast(Row, found)


def registration_of(submission: RegistrySubmission) -> Brand | Campaign:
    """The brand or campaign that was submitted, locked."""
    if submission.brand_id is not None:
        return Brand.objects.select_for_update(no_key=True).get(pk=submission.brand_id)
    return Campaign.objects.select_for_update(no_key=True).get(submissions=submission)


def begin(row: Brand | Campaign, submission: RegistrySubmission, actor: Actor, now: datetime) -> None:
    """From now on this submission decides. In the caller's transaction, which has locked the row."""
    before = row.status
    row.submission, row.reasons = submission, []
    _write(row, BrandStatus.SUBMITTING, now, ["submission", "reasons"])
    _event(row, submission, "submitting", now, now, EventSource.PORTAL, actor_label=actor.label)
    kind = row._meta.model_name
    record_target(
        f"{kind}.submitted", actor, row, organization_id=row.organization_id,
        before={"status": before}, after={"status": row.status, "reference": str(submission.pk)},
    )  # fmt: skip
    consequences.follow(row)


def give_back(row: Brand | Campaign, submission: RegistrySubmission, now: datetime) -> None:
    """The submission never reached the registry: a draft again. Locked by the caller."""
    _event(row, submission, "not_taken", now, now, EventSource.HUB)
    if row.submission_id == submission.pk and row.status == BrandStatus.SUBMITTING:
        _change(row, BrandStatus.DRAFT, now, [], now)


def learn(row: Brand | Campaign, submission: RegistrySubmission, fact: Fact, now: datetime) -> bool:
    """Note what the registry says of a submission, and what follows. Locked by the caller. False: known already."""
    if fact.step not in (BrandStatus if isinstance(row, Brand) else CampaignStatus).values:
        return False
    if not _event(
        row, submission, fact.step, fact.at, now, EventSource.REGISTRY, reasons=fact.reasons, facts=fact.facts
    ):
        return False
    if row.submission_id == submission.pk:
        settle(row, now, fact)
    return True


@transaction.atomic
def set_by_operator(row: Brand | Campaign, status: str, actor: Actor, now: datetime) -> None:
    """The provider says where it stands, for what it registered elsewhere. The registry’s later word counts again."""
    row = locked(row)
    if row.status != status:
        step = _event(row, row.submission, status, now, now, EventSource.OPERATOR, actor_label=actor.label)
        if step and status in RANKS:
            settle(row, now)
        else:
            _change(row, status, now, [], now)


def settle(row: Brand | Campaign, now: datetime, news: Fact | None = None) -> None:
    """Read the status off the events, of which `news` is one that just came. Locked by the caller."""
    events = _deciding_events(row)
    if events:
        newest = events[-1]
        if news is not None:
            _take_facts(row, news, events)
        status, since = newest.step, newest.at
        if isinstance(row, Campaign) and status == CampaignStatus.ACTIVE and _is_over(row, now):
            status, since = CampaignStatus.EXPIRED, row.expires_at or now
        _change(row, status, since, newest.reasons if status == newest.step else [], now)


def restore(row: Brand | Campaign, status: str, since: datetime, facts: dict[str, Any]) -> None:
    """Where it has stood for long, of a history that is written down afterwards (the demonstration's): no news."""
    for name, value in _columns(row, facts).items():
        setattr(row, name, value)
    _write(row, status, since, list(_columns(row, facts)))


def _is_over(row: Campaign, now: datetime) -> bool:
    return row.expires_at is not None and row.expires_at <= now


@transaction.atomic
def expire(campaign: Campaign, now: datetime) -> bool:
    """End a campaign whose renewal date has come. False: it was renewed, or is not active any more."""
    row = locked(campaign)
    if row.status != CampaignStatus.ACTIVE or not _is_over(row, now):
        return False
    _event(row, row.submission, "expired", row.expires_at or now, now, EventSource.HUB)
    _change(row, CampaignStatus.EXPIRED, row.expires_at or now, [], now)
    return True


def _deciding_events(row: Brand | Campaign) -> list[RegistrationEvent]:
    """What was said of the present submission, the deciding word last."""
    events = RegistrationEvent.objects.filter(
        Q(brand=row) if isinstance(row, Brand) else Q(campaign=row),
        submission_id=row.submission_id, source__in=_DECIDING, step__in=RANKS,
    )  # fmt: skip
    return sorted(events, key=lambda event: (event.at, RANKS[event.step], event.pk))


def _take_facts(row: Brand | Campaign, news: Fact, events: Sequence[RegistrationEvent]) -> None:
    """What came with the news, where nothing newer says otherwise. So limits an operator set stay until then."""
    later = [event for event in events if (event.at, RANKS[event.step]) > (news.at, RANKS[news.step])]
    told = {name: value for name, value in news.facts.items() if not any(name in event.facts for event in later)}
    columns = _columns(row, told)
    for name, value in columns.items():
        setattr(row, name, value)
    if columns:
        row.save(update_fields=list(columns))


def _columns(row: Brand | Campaign, told: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if told.get("registry_id"):
        columns["registry_id"] = told["registry_id"]
    if isinstance(row, Campaign) and told.get("expires_at"):
        columns["expires_at"] = datetime.fromisoformat(told["expires_at"])
    return columns | _limits(row, told)


def _limits(row: Brand | Campaign, told: dict[str, Any]) -> dict[str, Any]:
    """Tier or class, and the limit that goes with it unless the registry names one."""
    if isinstance(row, Brand):
        if not told.get("tier"):
            return {}
        limit = told.get("segments_a_day") or SEGMENTS_A_DAY[BrandTier(told["tier"])]
        return {"tier": told["tier"], "segments_a_day": limit}
    named = told.get("throughput_class")
    if not named:
        return {}
    return {
        "throughput_class": named,
        "segments_a_minute": told.get("segments_a_minute") or THROUGHPUT_CLASSES.get(named),
    }


def _change(row: Brand | Campaign, status: str, since: datetime, reasons: Sequence[Any], now: datetime) -> None:
    """Write another status, with audit event, alerts and mail. The same again only brings its reasons up to date."""
    before, same = row.status, row.status == status
    if same and row.status_at == since and row.reasons == list(reasons):
        return
    row.reasons = list(reasons)
    _write(row, status, since, ["reasons"])
    if same:
        return
    after = {"status": status} | ({"reasons": row.reason} if row.reasons else {})
    record_target(
        f"{row._meta.model_name}.status_changed", REGISTRY, row, organization_id=row.organization_id,
        before={"status": before}, after=after,
    )  # fmt: skip
    consequences.follow(row)


def _write(row: Brand | Campaign, status: str, since: datetime, more: Sequence[str]) -> None:
    row.status, row.status_at = status, since
    row.save(update_fields=["status", "status_at", *more])


def _event(
    row: Brand | Campaign,
    submission: RegistrySubmission | None,
    step: str,
    at: datetime,
    now: datetime,
    source: EventSource,
    **fields: Any,
) -> bool:
    """One more step in the history; False when it is there already."""
    event = RegistrationEvent(
        organization_id=row.organization_id, submission=submission, step=step, at=at, noted_at=now, source=source,
        brand=row if isinstance(row, Brand) else None, campaign=row if isinstance(row, Campaign) else None, **fields,
    )  # fmt: skip
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError:
        return False
    return True
