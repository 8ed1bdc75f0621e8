"""Writes the daily counters of the ninety days before today, as they would be after the texts themselves are counted.

The conversations of the demonstration are a handful of texts; Overview draws what a company of this size sends.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from messaging import outcomes
from messaging.models import DailyCount, OrganizationDay, OutcomeDay
from messaging.models.messages import Status
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
    """Counters of whole days, up to yesterday. Today's, and the days of the conversations, are counted for real."""
    outcomes.recount(organization)
    number = PhoneNumber.objects.filter(organization=organization, user__isnull=False).order_by("e164").first()
    taken = set(OrganizationDay.objects.filter(organization=organization).values_list("day", flat=True))
    days = [now.date() - timedelta(days=ago) for ago in range(1, DAYS + 1)]
    for place, day in enumerate(day for day in days if day not in taken):
        sent = WEEK[day.weekday()] + (place * 37) % 23 - place // 3
        DailyCount.objects.create(
            organization=organization, number=number, user=number.user if number else None, day=day,
            accepted=sent, segments=sent + sent // 5, received=sent * 2 // 3,
        )  # fmt: skip
        ended = {(status, reason): (sent + place * 13) // one_in for status, reason, one_in in ENDINGS}
        stopped = sum(texts for (status, _reason), texts in ended.items() if status != Status.BLOCKED)
        ended[Status.DELIVERED, ""] = sent - stopped
        OutcomeDay.objects.bulk_create(
            OutcomeDay(organization=organization, day=day, status=status, reason=reason, texts=texts)
            for (status, reason), texts in ended.items()
            if texts
        )
    outcomes.sum_days(organization, days[-1])
