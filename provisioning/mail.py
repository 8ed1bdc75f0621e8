"""Mail to people: `post()` writes it in the caller's transaction, a task sends it once that has committed.

What must never happen
- Mail of something that did not happen: the row is part of the transaction it tells of.
- Mail that is lost: a row waits until the mail server took it; a sweep finds what a lost wake-up left.
- A link as good as a password that lies about: the text is emptied once sent (the demonstration keeps
  it for its outbox).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from provisioning.models import Mail, User


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
    transaction.on_commit(lambda: wake(mail.pk))
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
    transaction.on_commit(lambda: [wake(mail.pk) for mail in mails])
    return mails


def wake(mail_id: uuid.UUID) -> None:
    """Ask a worker to send it now. What this loses, the sweep finds."""
