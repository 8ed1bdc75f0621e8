"""What the registry says by webhook: kept as it came, then believed. One transaction an event.

An event that comes again is known by its id. One that concerns nothing of ours (an unknown reference, an unknown
kind) is kept too: it is signed, so it is the registry's word.
"""

from __future__ import annotations

import uuid
from datetime import datetime

import structlog
from django.db import IntegrityError, transaction

from provisioning.models import RegistryAccount, RegistryNotice, RegistrySubmission
from provisioning.registration import submissions
from provisioning.registration.registries.base import Notice

logger = structlog.get_logger(__name__)


@transaction.atomic
def accept(account: RegistryAccount, notice: Notice, now: datetime) -> None:
    """Keep one event and do what follows from it."""
    submission = _submission_of(account, notice)
    row = RegistryNotice(
        account=account, submission=submission, organization_id=submission.organization_id if submission else None,
        event_id=notice.event_id, kind=notice.kind, raw=notice.raw, received_at=now,
    )  # fmt: skip
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return
    if submission is None or notice.fact is None:
        logger.warning("registry_notice_unmatched", account=str(account.pk), kind=notice.kind)
    elif _concerns(submission, notice):
        submissions.hear(submission, notice.fact, now)


def _submission_of(account: RegistryAccount, notice: Notice) -> RegistrySubmission | None:
    """Ours by reference, and only of the account that signed."""
    try:
        reference = uuid.UUID(notice.fact.reference) if notice.fact is not None else None
    except ValueError:
        reference = None
    if reference is None:
        return None
    return RegistrySubmission.objects.filter(pk=reference, account=account).first()


def _concerns(submission: RegistrySubmission, notice: Notice) -> bool:
    """A brand's word on a brand, a campaign's on a campaign."""
    return notice.kind.startswith("brand." if submission.brand_id is not None else "campaign.")
