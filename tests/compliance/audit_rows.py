"""Events of the audit log."""

from __future__ import annotations

from typing import Any

from compliance.models import AuditEvent
from provisioning.changes import Actor, record
from provisioning.models import Organization, User


def told(change: Any, organization: Organization, by: User | None = None, **fields: Any) -> AuditEvent:
    """One more event."""
    actor = Actor.of_user(by, via="portal", ip="192.0.2.7") if by else Actor.system("purge")
    record(change(organization, actor=actor, **fields))
    return AuditEvent.objects.order_by("-sequence").first()
