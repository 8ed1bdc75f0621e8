"""Mail to people: `post()` writes it in the caller's transaction, a task sends it once that has committed.

What must never happen
- Mail of something that did not happen: the row is part of the transaction it tells of.
- Mail that is lost: a row waits until the mail server took it; a sweep finds what a lost wake-up left.
- A link as good as a password that lies about: the text is emptied once sent (the demonstration keeps
  it for its outbox).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import KombuError

from provisioning.models import Mail, User

logger = structlog.get_logger(__name__)

SEND_TASK: Final = "provisioning.send_mail"
WAKING: Final = "mail_waking"
FLAG_SECONDS: Final = 20
"""A flag whose task was lost holds wake-ups back no longer than this."""


def post(recipient: User, kind: str, subject: str, text: str) -> Mail:
    """Mail one person, in plain words. `kind` is a stable code (`invitation`, `officer_named`), `subject` one line."""
    return post_to(recipient.email, kind, subject, text, recipient=recipient)


def post_to(address: str, kind: str, subject: str, text: str, *, recipient: User | None = None) -> Mail:
    """The same to an address that may be nobody's any longer (the old one, after a change of e-mail)."""
    now = timezone.now()
    mail = Mail.objects.create(
        organization_id=recipient.organization_id if recipient is not None else None, recipient=recipient,
        address=address, kind=kind, subject=" ".join(subject.split())[:300], text=text,
        created_at=now, next_attempt_at=now,
    )  # fmt: skip
    transaction.on_commit(wake, robust=True)
    return mail


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail of `post_many()`. `address` is given where it is not the recipient's own any longer."""

    recipient: User
    kind: str
    subject: str
    text: str
    address: str = ""


def post_many(letters: Sequence[Letter]) -> list[Mail]:
    """`post()` for many, in one insert."""
    now = timezone.now()
    mails = Mail.objects.bulk_create([
        Mail(
            organization_id=letter.recipient.organization_id, recipient=letter.recipient,
            address=letter.address or letter.recipient.email, kind=letter.kind,
            subject=" ".join(letter.subject.split())[:300], text=letter.text, created_at=now, next_attempt_at=now,
        )
        for letter in letters
    ])  # fmt: skip
    transaction.on_commit(wake, robust=True)
    return mails


def wake() -> None:
    """Ask a worker, once, to send all that is due. Never raises; what this loses, the sweep finds."""
    if not settings.REDIS_URL or not cache.add(WAKING, "1", FLAG_SECONDS):
        return
    try:
        current_app.send_task(SEND_TASK, ignore_result=True, retry=False, expires=FLAG_SECONDS)
    except (KombuError, OSError) as error:
        logger.warning("mail_not_woken", error=type(error).__name__)


def looking() -> None:
    """The worker is about to look: what is written from now on has a wake-up of its own."""
    cache.delete(WAKING)
