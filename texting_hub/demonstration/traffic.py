"""Writes the daily counters of the ninety days before today, as they would be after the texts themselves are counted.

The conversations of the demonstration are a handful of texts; Overview draws what a company of this size sends.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from messaging import counts, outcomes
from messaging.models import DailyCount, Message, OutcomeDay
from messaging.models.messages import Direction, Status
from messaging.reasons import Reason
from provisioning.models import Organization, PhoneNumber

DAYS: Final = 90
WEEK: Final = (186, 204, 198, 211, 190, 61, 34)
"""Texts sent from Monday to Sunday; two in three are answered."""
ENDINGS: Final = (
    (Status.UNDELIVERED, Reason.UNREACHABLE, 140),
    (Status.UNDELIVERED, Reason.NOT_TEXTABLE, 310),
    (Status.FAILED, Reason.SPAM_BLOCKED, 520),
    (Status.BLOCKED, Reason.OPTED_OUT, 260),
    (Status.UNCONFIRMED, "", 1900),
)
"""One text in so many ends like this; all others are delivered."""


def write_traffic(organization: Organization, now: datetime) -> None:
    """Whole days up to yesterday as a company would have them; today as its few texts are."""
    outcomes.recount(organization)
    today = now.astimezone(UTC).date()
    OutcomeDay.objects.filter(organization=organization, day__lt=today).delete()
    _count_today(organization, now)
    number = PhoneNumber.objects.filter(organization=organization, user__isnull=False).order_by("e164").first()
    if number is not None:
        for ago in range(1, DAYS + 1):
            _write_day(number, today - timedelta(days=ago), ago)
    outcomes.sum_days(organization, today - timedelta(days=DAYS))


def _count_today(organization: Organization, now: datetime) -> None:
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC)
    for text in Message.objects.filter(organization=organization, accepted_at__gte=midnight).select_related("number"):
        if text.direction == Direction.INBOUND:
            counts.add(text.number, text.user_id, now, received=1)
        else:
            counts.add(text.number, text.user_id, now, accepted=1, segments=text.segments)


def _write_day(number: PhoneNumber, day: date, ago: int) -> None:
    sent = WEEK[day.weekday()] + (ago * 37) % 23 - ago // 3
    DailyCount.objects.create(
        organization=number.organization, number=number, user=number.user, day=day,
        accepted=sent, segments=sent + sent // 5, received=sent * 2 // 3,
    )  # fmt: skip
    ended = {(status, reason): (sent + ago * 13) // one_in for status, reason, one_in in ENDINGS}
    stopped = sum(texts for (status, _reason), texts in ended.items() if status != Status.BLOCKED)
    ended[Status.DELIVERED, ""] = sent - stopped
    OutcomeDay.objects.bulk_create(
        OutcomeDay(organization=number.organization, day=day, status=status, reason=reason, texts=texts)
        for (status, reason), texts in ended.items()
        if texts
    )
