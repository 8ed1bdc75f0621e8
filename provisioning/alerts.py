"""Alerts: what needs a person, raised by every app through one function.

    raise_alert("campaign_suspended", organization, key=str(campaign.pk), campaign=str(campaign), reason="...")
    clear_alert("campaign_suspended", organization, key=str(campaign.pk))
    observe("number_paused", {(organization_id, number_id): {"number": "+1..."}, ...})

Raising what is open already only notes that it was seen again: one alert, and one mail, a cause. Clearing what is not
open does nothing. `observe` is for jobs that look at everything: it raises what they found and clears the rest.
`organization=None` is the provider's own. Every code has its words in a `Kind` (provisioning/alert_words.py).

Mail goes out a minute after an alert was raised, so that what passes by itself disturbs nobody, one mail a person for
everything new; a cause that comes back within a day is shown, not mailed again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from provisioning import alert_words, mail
from provisioning.alert_words import Audience
from provisioning.models import Alert, Organization, Role, User

Cause = tuple[uuid.UUID | None, str]
"""The organization (None: the provider), and what tells causes of one kind apart."""

SETTLES_AFTER: Final = timedelta(minutes=1)
"""What is gone by then is not mailed."""
QUIET_FOR: Final = timedelta(hours=24)
MOST_IN_A_MAIL: Final = 20
MAILED_AT_ONCE: Final = 500


def raise_alert(code: str, organization: Organization | None, *, key: str = "", **facts: Any) -> None:
    """Raise an alert, or note that its cause was seen again. Facts are what the sentence names: JSON-ready."""
    alert_words.kind(code)
    _raise(code, organization.pk if organization is not None else None, key, facts, timezone.now())


def clear_alert(code: str, organization: Organization | None, *, key: str = "") -> None:
    """The cause is gone. Nothing happens when no such alert is open."""
    _open(code).filter(organization=organization, key=key).update(cleared_at=timezone.now())


def observe(code: str, causes: Mapping[Cause, Mapping[str, Any]], now: datetime | None = None) -> None:
    """Raise what a look at everything found, and clear what it did not find any more."""
    alert_words.kind(code)
    now = now or timezone.now()
    gone = [alert.pk for alert in _open(code) if (alert.organization_id, alert.key) not in causes]
    _open(code).filter(pk__in=gone).update(cleared_at=now)
    for (organization_id, key), facts in causes.items():
        _raise(code, organization_id, key, facts, now)


def _raise(code: str, organization_id: uuid.UUID | None, key: str, facts: Mapping[str, Any], now: datetime) -> None:
    same = _open(code).filter(_of(organization_id), key=key)
    if same.update(seen_at=now, times=F("times") + 1, facts=dict(facts)):
        return
    new = Alert(
        organization_id=organization_id, code=code, key=key, facts=dict(facts), raised_at=now, seen_at=now
    )  # fmt: skip
    with transaction.atomic():
        Alert.objects.bulk_create([new], ignore_conflicts=True)


def _of(organization_id: uuid.UUID | None) -> Q:
    return Q(organization_id=organization_id) if organization_id is not None else Q(organization__isnull=True)


def _open(code: str) -> QuerySet[Alert]:
    return Alert.objects.filter(code=code, cleared_at__isnull=True)


def visible_to(user: User) -> QuerySet[Alert]:
    """What the person's roles let them see of their organization's alerts."""
    mine = Alert.objects.filter(_of(user.organization_id), organization__isnull=False)
    return mine.filter(code__in=alert_words.codes_for(user))


def of_the_provider() -> QuerySet[Alert]:
    """The provider's own alerts whose causes stand."""
    return Alert.objects.filter(organization__isnull=True, cleared_at__isnull=True)


def mail_new(now: datetime) -> int:
    """Mail everything that was raised over a minute ago, is still open and was not mailed yet. How many alerts."""
    due = Alert.objects.filter(cleared_at__isnull=True, mailed_at__isnull=True, raised_at__lte=now - SETTLES_AFTER)
    with transaction.atomic():
        alerts = list(due.select_for_update(of=("self",), skip_locked=True).order_by("raised_at")[:MAILED_AT_ONCE])
        for organization_id in dict.fromkeys(alert.organization_id for alert in alerts):
            _mail(organization_id, [alert for alert in alerts if alert.organization_id == organization_id], now)
        Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(mailed_at=now)
    return len(alerts)


def _mail(organization_id: uuid.UUID | None, alerts: list[Alert], now: datetime) -> None:
    told = [alert for alert in alerts if not _was_told(alert, now)]
    for audience in Audience:
        concerned = [alert for alert in told if alert_words.kind(alert.code).audience is audience]
        if concerned:
            subject, text = _words(concerned, organization_id)
            for person in _people(organization_id, audience):
                mail.post(person, "alerts", subject, text)


def _was_told(alert: Alert, now: datetime) -> bool:
    """Whether the same cause was mailed within a day."""
    same = Alert.objects.filter(_of(alert.organization_id), code=alert.code, key=alert.key)
    return same.exclude(pk=alert.pk).filter(mailed_at__gt=now - QUIET_FOR).exists()


def _people(organization_id: uuid.UUID | None, audience: Audience) -> Iterable[User]:
    """Whose work it is: full administrators, officers, or provider operators."""
    if organization_id is None:
        return User.objects.filter(is_staff=True, is_active=True)
    role = Role.COMPLIANCE_OFFICER if audience is Audience.OFFICERS else Role.FULL_ADMIN
    return User.objects.filter(_of(organization_id), role_assignments__role=role, is_active=True).distinct()


def _words(alerts: list[Alert], organization_id: uuid.UUID | None) -> tuple[str, str]:
    shown = [alert_words.words(alert) for alert in alerts[:MOST_IN_A_MAIL]]
    parts = [f"{word.title}\n{word.sentence}\n{word.remedy}" for word in shown]
    if len(alerts) > MOST_IN_A_MAIL:
        more = len(alerts) - MOST_IN_A_MAIL
        parts.append(ngettext("And %(count)s more.", "And %(count)s more.", more) % {"count": more})
    page = reverse("alerts") if organization_id is not None else reverse("admin:provisioning_alert_changelist")
    parts.append(_("See all alerts: %(address)s") % {"address": settings.PUBLIC_URL + page})
    count = len(alerts)
    subject = shown[0].title if count == 1 else ngettext("%(count)s alert", "%(count)s alerts", count)
    return str(subject) % {"count": count} if count > 1 else str(subject), "\n\n".join(parts) + "\n"
