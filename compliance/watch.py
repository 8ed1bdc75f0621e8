"""What this app raises alerts for: a purge that is late, an audit log that was tampered with.

Both are told to the organization's compliance officers and to the provider, not to administrators.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Max
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from compliance import verification
from compliance.audit import PLATFORM
from compliance.verification import Fault
from provisioning.alert_words import Audience, Kind, register
from provisioning.alerts import Cause, observe
from provisioning.models import Organization

MISSED_AFTER: Final = timedelta(hours=25)
"""A night was missed (the machine was off, say): the purge is run as soon as this is seen."""
LATE_AFTER: Final = timedelta(hours=36)
"""The purge did not run, or does not come to its end: somebody has to look."""

register(
    Kind(
        "purge_late",
        title=_("The purge is late"),
        sentence=_("Messages past their retention were last deleted on %(since)s."),
        remedy=_("The provider looks at why purge_messages does not finish: at the general worker’s log, and at beat."),
        audience=Audience.OFFICERS,
        link=lambda facts: "" if facts.get("provider") else reverse("retention"),
    ),
    Kind(
        "audit_chain_broken",
        title=_("The audit log was changed"),
        sentence=_("%(fault)s. First seen at event %(sequence)s."),
        remedy=_(
            "Somebody wrote to the database past the application. Keep the database as it is, restore the last backup "
            "beside it, and compare: verify_audit_log names the first event that is wrong."
        ),
        audience=Audience.OFFICERS,
        link=lambda facts: "" if facts.get("provider") else reverse("audit_log"),
    ),
)


def purges(now: datetime) -> bool:
    """Alert on late purges; True when a night was missed and the purge should run now."""
    ages = _last_purges()
    late = {key: since for key, since in ages.items() if since < now - LATE_AFTER}
    causes: dict[Cause, Mapping[str, Any]] = {(key, ""): {"since": _day(since)} for key, since in late.items()}
    if late:
        causes[None, ""] = {"since": _day(min(late.values())), "provider": True}
    observe("purge_late", causes, now)
    return any(since < now - MISSED_AFTER for since in ages.values())


def _last_purges() -> dict[uuid.UUID, datetime]:
    """When each organization's last run ended; a customer that never had one is as old as its row. One query."""
    finished = Max("purge_runs__finished_at")
    organizations = Organization.objects.annotate(since=Coalesce(finished, "created_at")).order_by()
    return dict(organizations.values_list("pk", "since"))


def chains(now: datetime) -> list[Fault]:
    """Walk every chain and alert on what is wrong with it; a missing trigger is the provider's to mend."""
    faults = verification.verify()
    causes: dict[Cause, Mapping[str, Any]] = {}
    for fault in faults:
        facts = {"fault": fault.sentence[:1].upper() + fault.sentence[1:], "sequence": fault.sequence}
        causes[None, fault.chain[:64]] = facts | {"provider": True}
        if fault.chain != PLATFORM and (owner := _owner(fault.chain)) is not None:
            causes[owner, ""] = facts
    for name in verification.missing_triggers():
        facts = {"fault": str(_("The trigger %(name)s is missing") % {"name": name}), "sequence": 0, "provider": True}
        causes[None, name[:64]] = facts
    observe("audit_chain_broken", causes, now)
    return faults


def _owner(chain: str) -> uuid.UUID | None:
    try:
        return Organization.objects.filter(pk=uuid.UUID(chain)).values_list("pk", flat=True).first()
    except ValueError:
        return None


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
