"""What numbers share: their campaign's segments a minute, their brand's segments a day, their account's texts a second.

What must never happen:
1. Two workers spend one allowance. The rows are locked, sorted, once a batch: accounts, brands, campaigns, each by id;
   nobody else locks them, and whoever waits here holds nothing that another worker waits for (leases.py skips numbers
   that are locked). So an allowance is exact across workers, and survives restarts and the loss of Redis.
2. A text is refused because others were faster. Pacing delays: `when` says when its turn comes, one after another, so
   that two thousand numbers of one slow campaign are not all looked at again at the same moment. Nobody is told to
   wait for more than FARTHEST: whoever means to look later than that was told something wrong, and the sweep wakes it.

The rates are data: the registry's, on Campaign and Brand, which an operator can edit, and the operator's, on the
account. Empty means that there is none, 0 that nothing goes. AT&T counts a campaign's segments by the minute: no sixty
seconds see more of them, whenever they begin. T-Mobile counts a brand's by the day, which begins at midnight Pacific
time, and is applied to all texts, as the recipient's carrier is not known here.
Automatic replies never wait, but what they use is gone: an allowance can be overdrawn by them. A text of more segments
than a campaign has a minute goes when the minute before it is empty.
"""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from messaging.pacing import FARTHEST
from messaging.policy import LONGEST
from messaging.statements import Statement

PACIFIC: Final = ZoneInfo("America/Los_Angeles")
MINUTE_SECONDS: Final = 60
REMEMBERED_SECONDS: Final = MINUTE_SECONDS + 1
"""From the beginning of a second until all of it is a minute ago."""
_GRAIN: Final = 1e-9
OVERTAKEN_BY: Final = timedelta(seconds=10)
"""A worker reads the clock, and waits for a row: another one may be ahead by so much. More: a clock was set back."""


class Sharing(NamedTuple):
    """What one number shares with others, and the rates as they are now; None where there is no limit."""

    account_id: uuid.UUID
    texts_a_second: float | None
    campaign_id: uuid.UUID | None
    segments_a_minute: int | None
    brand_id: uuid.UUID | None
    segments_a_day: int | None


class Allowance(Protocol):
    """One limit that many numbers share."""

    def has(self, amount: int) -> bool: ...

    def take(self, amount: int) -> None: ...

    def when(self, amount: int) -> datetime:
        """When the next one in line may have so much, or FARTHEST. Whoever asks takes a place in the line."""
        ...


@dataclass(slots=True)
class Bucket:
    """Tokens that refill by the second, up to what one second brings, or the longest text takes."""

    tokens: float
    a_second: float
    now: datetime
    promised: float = 0.0

    def has(self, amount: int) -> bool:
        return self.tokens + _GRAIN >= amount

    def take(self, amount: int) -> None:
        self.tokens -= amount

    def when(self, amount: int) -> datetime:
        self.promised += amount
        missing = max(0.0, self.promised - self.tokens)
        seconds = min(missing / self.a_second, FARTHEST.total_seconds())
        return self.now + timedelta(microseconds=math.ceil(seconds * 1_000_000))


@dataclass(slots=True)
class Minute:
    """A campaign's segments: a bucket spreads them over the minute, and no sixty seconds have more than `limit`.

    `lately` holds what went, by the second (since 1970); a second is forgotten when all of it is a minute ago.
    """

    limit: int
    bucket: Bucket
    lately: dict[int, int]

    @property
    def now(self) -> datetime:
        return self.bucket.now

    def has(self, amount: int) -> bool:
        went = sum(self.lately.values())
        return self.limit > 0 and self.bucket.has(amount) and (went <= 0 or went + amount <= self.limit)

    def take(self, amount: int) -> None:
        second = int(self.now.timestamp())
        self.bucket.take(amount)
        self.lately[second] = self.lately.get(second, 0) + amount

    def when(self, amount: int) -> datetime:
        if not self.limit:
            return self.now + FARTHEST
        spread = self.bucket.when(amount)
        return max(spread, self._room_at(self.bucket.promised))

    def _room_at(self, amount: float) -> datetime:
        """When so much of what went is forgotten that this much more may go; at the latest when all of it is."""
        went, at = sum(self.lately.values()), self.now
        for second in sorted(self.lately):
            if went <= 0 or went + amount <= self.limit:
                break
            went -= self.lately[second]
            at = datetime.fromtimestamp(second + REMEMBERED_SECONDS, tz=self.now.tzinfo)
        return at

    def spelled(self) -> str:
        """`lately` as its column keeps it."""
        return " ".join(f"{second}:{segments}" for second, segments in sorted(self.lately.items()) if segments)


def minute(limit: int, tokens: float, at: datetime | None, spelled: str, now: datetime) -> Minute:
    """A campaign's minute as it is now. The longest text always fits its bucket. What a clock that went back says is
    still to come went just now."""
    at_present, lately = now.timestamp(), Counter[int]()
    for second, _, segments in (each.partition(":") for each in spelled.split()):
        if int(second) + REMEMBERED_SECONDS > at_present:
            lately[min(int(second), int(at_present))] += int(segments)
    a_second = limit / MINUTE_SECONDS
    return Minute(limit, _bucket(tokens, at, a_second, max(float(LONGEST), a_second), now), lately)


@dataclass(slots=True)
class Day:
    """What is left of a day. The next one begins at midnight Pacific time, whatever the clocks do in between."""

    left: int
    now: datetime
    taken: int = 0

    def has(self, amount: int) -> bool:
        return self.left - self.taken >= amount

    def take(self, amount: int) -> None:
        self.taken += amount

    def when(self, amount: int) -> datetime:
        return min(self.now + FARTHEST, next_day(self.now))


def next_day(now: datetime) -> datetime:
    """The next midnight Pacific time."""
    tomorrow = now.astimezone(PACIFIC).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), tzinfo=PACIFIC).astimezone(now.tzinfo)


@dataclass(slots=True)
class Paces:
    """The allowances of one batch, locked until its transaction ends. `write` puts down what was taken."""

    now: datetime
    accounts: dict[uuid.UUID, Bucket] = field(default_factory=dict)
    brands: dict[uuid.UUID, Day] = field(default_factory=dict)
    campaigns: dict[uuid.UUID, Minute] = field(default_factory=dict)

    def may_go(self, sharing: Sharing, segments: int) -> bool:
        """Take what a text needs of everything that its number shares. False: one of them has not enough."""
        needed = self._of(sharing, segments)
        if not all(allowance.has(amount) for allowance, amount in needed):
            return False
        for allowance, amount in needed:
            allowance.take(amount)
        return True

    def overdraw(self, sharing: Sharing, segments: int) -> None:
        """Take it whether there is enough or not: an automatic reply."""
        for allowance, amount in self._of(sharing, segments):
            allowance.take(amount)

    def give_back(self, sharing: Sharing, segments: int) -> None:
        """What was taken for a text that does not go after all."""
        for allowance, amount in self._of(sharing, segments):
            allowance.take(-amount)

    def when(self, sharing: Sharing, segments: int) -> datetime:
        """When a text that may not go now should be looked at again."""
        short = [(allowance, amount) for allowance, amount in self._of(sharing, segments) if not allowance.has(amount)]
        return max((allowance.when(amount) for allowance, amount in short), default=self.now)

    def _of(self, sharing: Sharing, segments: int) -> list[tuple[Allowance, int]]:
        found: list[tuple[Allowance | None, int]] = [
            (self.accounts.get(sharing.account_id), 1),
            (self.brands.get(sharing.brand_id) if sharing.brand_id else None, segments),
            (self.campaigns.get(sharing.campaign_id) if sharing.campaign_id else None, segments),
        ]
        return [(allowance, amount) for allowance, amount in found if allowance is not None]

    def write(self) -> None:
        """Put down what was taken."""
        _WRITE_ACCOUNTS.write([(pk, bucket.tokens, bucket.now) for pk, bucket in self.accounts.items()])
        _WRITE_BRANDS.write([(pk, day.taken) for pk, day in self.brands.items() if day.taken])
        _WRITE_CAMPAIGNS.write(
            [(pk, kept.bucket.tokens, kept.now, kept.spelled()) for pk, kept in self.campaigns.items()]
        )  # fmt: skip


def locked(sharings: Iterable[Sharing], now: datetime) -> Paces:
    """Lock what these numbers share, in one order; nothing is asked where nothing is limited."""
    kept = list(sharings)
    accounts = {one.account_id: one.texts_a_second for one in kept if one.texts_a_second is not None}
    brands = {one.brand_id: one.segments_a_day for one in kept if one.brand_id and one.segments_a_day is not None}
    campaigns = {
        one.campaign_id: one.segments_a_minute
        for one in kept
        if one.campaign_id and one.segments_a_minute is not None
    }  # fmt: skip
    return Paces(
        now,
        accounts={
            pk: _bucket(tokens, at, accounts[pk], max(1.0, accounts[pk]), now)
            for pk, tokens, at in (_LOCK_ACCOUNTS.rows(ids=accounts) if accounts else ())
        },
        brands=_days(brands, now) if brands else {},
        campaigns=_minutes(campaigns, now) if campaigns else {},
    )


def _bucket(tokens: float, at: datetime | None, a_second: float, most: float, now: datetime) -> Bucket:
    """The bucket as it is now; full when it was never used.

    A clock that went back adds nothing, and neither does a worker that read it before another one did who was faster:
    the bucket stays filled up to the later time, or the next one would fill it for that while again.
    """
    if at is None:
        return Bucket(most, a_second, now)
    gained = max(0.0, (now - at).total_seconds()) * a_second
    overtaken = now < at <= now + OVERTAKEN_BY
    return Bucket(min(most, tokens + gained), a_second, at if overtaken else now)


def _days(limits: dict[uuid.UUID, int], now: datetime) -> dict[uuid.UUID, Day]:
    today = now.astimezone(PACIFIC).date()
    rows = _LOCK_BRANDS.rows(ids=limits)
    if len(rows) < len(limits):
        _MAKE_BRANDS.run(ids=limits, today=today)
        rows = _LOCK_BRANDS.rows(ids=limits)
    # A later day was begun by a worker that was faster: it stays.
    over = {pk for pk, day, _segments in rows if day < today}
    if over:
        _BEGIN_DAY.run(ids=over, today=today)
    return {pk: Day(limits[pk] - (0 if pk in over else segments), now) for pk, _day, segments in rows}


def _minutes(limits: dict[uuid.UUID, int], now: datetime) -> dict[uuid.UUID, Minute]:
    rows = _LOCK_CAMPAIGNS.rows(ids=limits)
    if len(rows) < len(limits):
        _MAKE_CAMPAIGNS.run(ids=limits)
        rows = _LOCK_CAMPAIGNS.rows(ids=limits)
    return {pk: minute(limits[pk], tokens, at, lately, now) for pk, tokens, at, lately in rows}


_LOCK_ACCOUNTS: Final = Statement(
    "SELECT id, tokens, tokens_at FROM messaging_carrieraccount WHERE id {in ids} ORDER BY id {lock}",
    answers={"id": "uuid", "tokens": "float", "tokens_at": "time"},
)
_WRITE_ACCOUNTS: Final = Statement(
    "UPDATE messaging_carrieraccount AS stored SET tokens = given.tokens, tokens_at = given.at FROM {given} "
    "WHERE stored.id = given.id",
    given={"id": "uuid", "tokens": "float", "at": "time"},
)
_LOCK_BRANDS: Final = Statement(
    "SELECT brand_id, day, segments FROM messaging_brandday WHERE brand_id {in ids} ORDER BY brand_id {lock}",
    answers={"brand_id": "uuid", "day": "day", "segments": "int"},
)
_MAKE_BRANDS: Final = Statement(
    "INSERT INTO messaging_brandday (brand_id, day, segments) SELECT id, %(today)s, 0 FROM provisioning_brand "
    "WHERE id {in ids} ORDER BY id ON CONFLICT DO NOTHING"
)
_BEGIN_DAY: Final = Statement(
    "UPDATE messaging_brandday SET day = %(today)s, segments = 0 WHERE brand_id {in ids}"
)  # fmt: skip
_WRITE_BRANDS: Final = Statement(
    "UPDATE messaging_brandday AS stored SET segments = stored.segments + given.taken FROM {given} "
    "WHERE stored.brand_id = given.id",
    given={"id": "uuid", "taken": "int"},
)
_LOCK_CAMPAIGNS: Final = Statement(
    "SELECT campaign_id, tokens, tokens_at, lately FROM messaging_campaignpace WHERE campaign_id {in ids} "
    "ORDER BY campaign_id {lock}",
    answers={"campaign_id": "uuid", "tokens": "float", "tokens_at": "time", "lately": "text"},
)
_MAKE_CAMPAIGNS: Final = Statement(
    "INSERT INTO messaging_campaignpace (campaign_id, tokens, lately) SELECT id, 0, '' FROM provisioning_campaign "
    "WHERE id {in ids} ORDER BY id ON CONFLICT DO NOTHING"
)
_WRITE_CAMPAIGNS: Final = Statement(
    "UPDATE messaging_campaignpace AS stored SET tokens = given.tokens, tokens_at = given.at, lately = given.lately "
    "FROM {given} WHERE stored.campaign_id = given.id",
    given={"id": "uuid", "tokens": "float", "at": "time", "lately": "text"},
)
