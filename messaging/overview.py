"""Overview: an organization's figures for 7, 30 or 90 days, out of small daily counters, never out of messages.

Days are UTC days, as the daily limit's are. "Not delivered" are texts that the carrier or the recipient's network
turned down (failed, undelivered); what was refused before it was accepted (blocked) is no delivery that failed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _

from messaging.models import OrganizationDay, OutcomeDay
from messaging.models.messages import Status
from messaging.reasons import title
from provisioning.eligibility import annotate_standing
from provisioning.eligibility.standing import TEXTING_OFF
from provisioning.models import Brand, Campaign, Organization, PhoneNumber, User
from provisioning.standing_words import REASONS, SENDING_CODES

PERIODS: Final = (7, 30, 90)
MOST_REASONS: Final = 6
UNDELIVERED: Final = (Status.FAILED, Status.UNDELIVERED)
STOPPED: Final = (Status.FAILED, Status.UNDELIVERED, Status.BLOCKED)


_PILLS: Final = {
    "verified": "pill-ok", "active": "pill-ok", "submitting": "pill-info", "pending": "pill-info",
    "rejected": "pill-err", "suspended": "pill-err", "expired": "pill-err",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """Texts of one day."""

    day: date
    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of this period and of the one before."""

    now: int
    before: int

    @property
    def change(self) -> int | None:
        """Per cent more (or less, negative) than before; None when there was nothing before."""
        return round((self.now - self.before) * 100 / self.before) if self.before else None

    @property
    def less(self) -> int:
        """The change without its sign."""
        return abs(self.change or 0)


@dataclass(frozen=True, slots=True)
class FailureReason:
    """Texts that did not arrive for one reason; `share` of the most frequent one, in per cent."""

    title: str
    texts: int
    share: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """What Overview says of one period."""

    days: list[Day]
    sent: Figure
    received: Figure
    delivered: int
    not_delivered: int
    unknown: int
    reasons: list[FailureReason]

    @property
    def delivery_rate(self) -> float | None:
        """Delivered, of those whose end is known; None while none is."""
        known = self.delivered + self.not_delivered
        return self.delivered * 100 / known if known else None


def traffic(organization: Organization, now: datetime, period: int) -> Traffic:
    """Two queries, over at most twice as many rows as the period has days, and its outcomes."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=period - 1)
    by_day = _days(organization, first - timedelta(days=period), today)
    before = [day for day in by_day if day.day < first]
    days = [day for day in by_day if day.day >= first]
    ended = OutcomeDay.objects.filter(organization=organization, day__gte=first, day__lte=today).order_by()
    outcomes = {
        (row["status"], row["reason"]): row["total"]
        for row in ended.values("status", "reason").annotate(total=Sum("texts"))
    }
    return Traffic(
        days=days,
        sent=Figure(sum(day.sent for day in days), sum(day.sent for day in before)),
        received=Figure(sum(day.received for day in days), sum(day.received for day in before)),
        delivered=_total(outcomes, Status.DELIVERED),
        not_delivered=_total(outcomes, *UNDELIVERED),
        unknown=_total(outcomes, Status.UNCONFIRMED),
        reasons=_reasons(outcomes),
    )


def _days(organization: Organization, first: date, last: date) -> list[Day]:
    """Every day from first to last; one without texts is zero."""
    rows = OrganizationDay.objects.filter(organization=organization, day__gte=first, day__lte=last)
    counted = {day: (accepted, received) for day, accepted, received in rows.values_list("day", "accepted", "received")}
    days = (first + timedelta(days=place) for place in range((last - first).days + 1))
    return [Day(day, *counted.get(day, (0, 0))) for day in days]


def _total(outcomes: dict[tuple[str, str], int], *statuses: str) -> int:
    return sum(texts for (status, _reason), texts in outcomes.items() if status in statuses)


def _reasons(outcomes: dict[tuple[str, str], int]) -> list[FailureReason]:
    """The most frequent ones, blocked texts included; the rest is summed up in the last line."""
    counted: Counter[str] = Counter()
    for (status, reason), texts in outcomes.items():
        if status in STOPPED and texts > 0:
            counted[reason] += texts
    ranked = counted.most_common()
    shown, rest = ranked[: MOST_REASONS - 1], sum(texts for _reason, texts in ranked[MOST_REASONS - 1 :])
    lines = [(title(reason), texts) for reason, texts in shown]
    if rest:
        lines.append((title("other"), rest))
    most = max((texts for _title, texts in lines), default=1)
    return [FailureReason(named, texts, max(1, round(texts * 100 / most))) for named, texts in lines]


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Users of one code who can't text: `texting_off`, or the first requirement that they don't meet."""

    code: str
    label: str
    users: int
    share: int

    @property
    def query(self) -> str:
        """What lists them on the Users page."""
        return "?status=off" if self.code == TEXTING_OFF else f"?requirement={self.code}"


@dataclass(frozen=True, slots=True)
class Ability:
    """How many active users can text, and why the others can't, most frequent first."""

    users: int
    able: int
    reasons: list[WhyNot]


def ability(organization: Organization) -> Ability:
    """One aggregate over the users, as the database stands now."""
    users = annotate_standing(User.objects.filter(organization=organization, is_active=True)).order_by()
    rows = users.values_list("effective_enabled", "first_unmet").annotate(texts=Count("pk"))
    able, reasons = 0, Counter[str]()
    for enabled, unmet, count in rows:
        eligible = unmet in ("", *SENDING_CODES)
        if eligible and enabled:
            able += count
        else:
            reasons[TEXTING_OFF if eligible else unmet] += count
    most = max(reasons.values(), default=1)
    lines = [
        WhyNot(code, _why(code), count, max(1, round(count * 100 / most)))
        for code, count in reasons.most_common(MOST_REASONS)
    ]
    return Ability(able + reasons.total(), able, lines)


def _why(code: str) -> str:
    return _("Business Texting is off") if code == TEXTING_OFF else str(REASONS.get(code, code))


@dataclass(frozen=True, slots=True)
class Registered:
    """The organization's 10DLC registration as Overview shows it."""

    brand: Brand | None
    campaigns: list[Campaign]
    numbers: int
    segments_today: int

    @property
    def brand_pill(self) -> str:
        """The class of the brand's pill in hub.css."""
        return _PILLS.get(self.brand.status, "") if self.brand is not None else ""

    @property
    def campaign_pills(self) -> list[tuple[Campaign, str]]:
        """Campaigns, each with the class of its pill."""
        return [(campaign, _PILLS.get(campaign.status, "")) for campaign in self.campaigns]


def registered(organization: Organization, now: datetime) -> Registered:
    """Four queries. The newest brand stands for all; campaigns are those of every brand."""
    today = OrganizationDay.objects.filter(organization=organization, day=now.astimezone(UTC).date())
    return Registered(
        brand=Brand.objects.filter(organization=organization).order_by("-pk").first(),
        campaigns=list(Campaign.objects.filter(organization=organization).order_by("-pk")[:5]),
        numbers=_linked(organization).count(),
        segments_today=today.values_list("segments", flat=True).first() or 0,
    )


def _linked(organization: Organization) -> QuerySet[PhoneNumber]:
    return PhoneNumber.objects.filter(organization=organization, campaign__isnull=False, active=True)
