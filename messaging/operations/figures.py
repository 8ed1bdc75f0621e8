"""What operators see of the relay, out of small counters and partial indexes: its cost is flat in the texts kept.

Counts end at 10,001 ("10,000+"). What walks over a day of batches, or over every organization's outcomes, is kept for a
minute: the page asks every ten seconds. Nothing in here reads a body.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.core.cache import cache
from django.db.models import Count, Max, Sum
from django.db.models.functions import TruncMinute

from messaging import health, routing
from messaging.models import CarrierAccount, CarrierBatch, Message, OutcomeDay, Receipt, SendingNumber
from messaging.models.messages import Status
from messaging.reasons import title
from provisioning import heartbeats
from provisioning.heartbeats import Sign
from provisioning.models import Organization

MOST: Final = routing.MOST_COUNTED
ANSWERS: Final = ("taken", "refused", "not_taken", "unknown")
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MINUTE: Final = timedelta(minutes=1)
QUARTER: Final = timedelta(minutes=15)
KEPT_SECONDS: Final = 60
ORGANIZATIONS_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Moment:
    """A minute or a quarter of an hour: what carriers answered. `answers` in the order of ANSWERS."""

    at: datetime
    answers: tuple[int, int, int, int]
    milliseconds: int
    slowest: int

    @property
    def texts(self) -> int:
        return sum(self.answers)

    @property
    def answer_milliseconds(self) -> float | None:
        """On average, of answers that came (taken, refused); None where none did."""
        answered = self.answers[0] + self.answers[1]
        return self.milliseconds / answered if answered else None


@dataclass(frozen=True, slots=True)
class Queue:
    """Texts due and not gone yet. Shares are of the oldest 10,000."""

    waiting: int
    oldest_due_at: datetime | None
    by_organization: list[tuple[str, int, int]]
    """Name, texts, share in per cent."""
    by_account: dict[uuid.UUID | None, int]
    on_the_wire: int

    def oldest_seconds(self, now: datetime) -> float | None:
        """How long the oldest has been due; None where nothing is."""
        return (now - self.oldest_due_at).total_seconds() if self.oldest_due_at else None


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """One account in the last quarter of an hour; `left` are the texts that a drain waits for."""

    account: CarrierAccount
    states: list[str]
    left: int
    numbers: int
    waiting: int
    answers: health.Answers
    times: health.AnswerTimes
    delay: health.Delay | None


def flow(now: datetime, span: timedelta, step: timedelta) -> list[Moment]:
    """What carriers answered, in steps (of whole minutes) up to now; a step without answers is zero."""
    begun = places(now, span, step)
    sums: dict[datetime, Counter[str]] = defaultdict(Counter)
    slowest: Counter[datetime] = Counter()
    for row in _by_minute(begun[0]):
        place = step_of(row["minute"], step)
        sums[place].update({name: row[f"{name}_sum"] for name in (*ANSWERS, "milliseconds")})
        slowest[place] = max(slowest[place], row["slowest_most"])
    return [_moment(place, sums[place], slowest[place]) for place in begun]


def _moment(at: datetime, sums: Counter[str], slowest: int) -> Moment:
    answers = (sums["taken"], sums["refused"], sums["not_taken"], sums["unknown"])
    return Moment(at, answers, sums["milliseconds"], slowest)


def places(now: datetime, span: timedelta, step: timedelta) -> list[datetime]:
    """The beginnings of the steps of a span that ends now."""
    last = step_of(now, step)
    return [last - step * place for place in range(int(span / step) - 1, -1, -1)]


def step_of(at: datetime, step: timedelta) -> datetime:
    """The beginning of the step that a moment is in."""
    seconds = int(step.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, tz=UTC)


def _by_minute(since: datetime) -> Iterable[dict[str, Any]]:
    """By the index of each account's batches."""
    accounts = list(CarrierAccount.objects.values_list("pk", flat=True))
    lately = CarrierBatch.objects.filter(carrier_account_id__in=accounts, at__gte=since).order_by()
    names = (*ANSWERS, "milliseconds")
    return lately.values(minute=TruncMinute("at", tzinfo=UTC)).annotate(
        **{f"{name}_sum": Sum(name) for name in names}, slowest_most=Max("slowest")
    )


def day_flow(now: datetime) -> list[Moment]:
    """The last 24 hours in quarters, at most a minute old; a day without a text costs little, and is not kept."""
    kept: list[Moment] | None = cache.get("operations:day")
    if kept is None:
        kept = flow(now, DAY, QUARTER)
        if any(moment.texts for moment in kept):
            cache.set("operations:day", kept, KEPT_SECONDS)
    return kept


def queue(now: datetime) -> Queue:
    """Four queries: the oldest 10,000 that are due, where they belong, and what is on the wire."""
    due = Message.objects.filter(status=Status.QUEUED, due_at__lte=now).order_by("due_at")
    rows = list(due.values_list("due_at", "organization_id", "number__sending__carrier_account_id")[: MOST + 1])
    organizations = Counter(row[1] for row in rows).most_common(ORGANIZATIONS_SHOWN)
    names = dict(Organization.objects.filter(pk__in=[pk for pk, _texts in organizations]).values_list("pk", "name"))
    sending = Message.objects.filter(status=Status.SENDING, leased_until__isnull=False)
    return Queue(
        waiting=len(rows),
        oldest_due_at=rows[0][0] if rows else None,
        by_organization=[(names[pk], texts, max(1, round(texts * 100 / len(rows)))) for pk, texts in organizations],
        by_account=Counter(row[2] for row in rows),
        on_the_wire=sending[: MOST + 1].count(),
    )


def orphans() -> int:
    """Receipts without a text; at most 10,001."""
    return Receipt.objects.filter(message__isnull=True)[: MOST + 1].count()


def outcomes_today(now: datetime) -> list[tuple[str, str, int]]:
    """Status, reason in words and texts, most first; of texts that people wrote today (UTC), at most a minute old."""
    kept: list[tuple[str, str, int]] | None = cache.get("operations:outcomes")
    if kept is None:
        organizations = Organization.objects.order_by().values("pk")
        today = OutcomeDay.objects.filter(organization__in=organizations, day=now.astimezone(UTC).date()).order_by()
        rows = today.values_list("status", "reason").annotate(total=Sum("texts")).order_by("-total")
        kept = [(status, title(reason) if reason else "", total) for status, reason, total in rows if total > 0]
        cache.set("operations:outcomes", kept, KEPT_SECONDS)
    return kept


def accounts(
    now: datetime, waiting: Mapping[uuid.UUID | None, int], delays: Mapping[uuid.UUID, health.Delay]
) -> list[AccountHealth]:
    """Every account, by name: five queries, and one more for each that is being drained."""
    found = list(CarrierAccount.objects.order_by("name"))
    answers = health.answers_of([account.pk for account in found], now)
    times = health.answer_times_of([account.pk for account in found], now)
    not_let_in = health.not_let_in(now)
    numbers = dict(SendingNumber.objects.order_by().values_list("carrier_account_id").annotate(texts=Count("pk")))
    return [
        _account_health(
            account, account.pk not in not_let_in, answers.get(account.pk, health.Answers(0, 0)),
            times.get(account.pk, health.AnswerTimes()),
            numbers.get(account.pk, 0), waiting.get(account.pk, 0), delays.get(account.pk),
        )
        for account in found
    ]  # fmt: skip


def _account_health(
    account: CarrierAccount,
    let_in: bool,
    answers: health.Answers,
    times: health.AnswerTimes,
    numbers: int,
    waiting: int,
    delay: health.Delay | None,
) -> AccountHealth:
    left = routing.left_to_drain(account)
    return AccountHealth(account, states_of(account, left, let_in), left, numbers, waiting, answers, times, delay)


def states_of(account: CarrierAccount, left: int, let_in: bool) -> list[str]:
    """`paused`, `draining` (`drained`: nothing is left), `not_let_in`: each holds texts by itself. Or `sending`."""
    states = ["paused"] if account.paused else []
    if account.draining_since is not None:
        states.append("draining" if left else "drained")
    if not let_in:
        states.append("not_let_in")
    return states or ["sending"]


@dataclass(frozen=True, slots=True)
class Signs:
    """What is not ready: when the relay's worker last said that it lives, and when alerts were last looked for."""

    relay: Sign
    watch: Sign


def signs(now: datetime) -> Signs:
    """Two queries."""
    relay = heartbeats.sign_of(heartbeats.RELAY, health.SILENT_AFTER, now)
    return Signs(relay, heartbeats.of_the_watch(now))
