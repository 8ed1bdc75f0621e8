"""Sending what `mail.post()` wrote: claimed by compare-and-set, sent outside of any transaction, written down after.

- A mail is claimed for LEASE: another worker leaves it alone, a dead worker's mail comes up again. A worker that dies
  between the server's "taken" and our note sends it twice, with the same Message-ID: twice is better than never.
- What the server refuses for good (a 5xx for the recipient) has failed at once; all else is tried again, later and
  later, for GIVE_UP_AFTER. What failed is told to whoever can do something about it, as an alert.
- The text goes as soon as it is of no more use: sent or failed. The demonstration sends nothing and keeps it.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any, Final

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import F
from django.utils.translation import gettext as _

from provisioning.alerts import clear_alert, raise_alert
from provisioning.models import Mail, MailState

logger = structlog.get_logger(__name__)

BATCH: Final = 50
LEASE: Final = timedelta(minutes=5)
GIVE_UP_AFTER: Final = timedelta(hours=48)
_WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 120, 240))

MAIL_FAILING: Final = "mail_failing"
"""The provider's: the mail server does not take mail, or none is set."""
MAIL_UNDELIVERABLE: Final = "mail_undeliverable"
"""The organization's: one person can't be reached at their address."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a mail was not taken, in one line, and whether another try can help."""

    reason: str
    final: bool
    of_the_server: bool


def send_due(now: datetime) -> int:
    """Send everything that is due; how many were taken. Stops at the first batch that the server lets down."""
    if not (settings.DEMONSTRATION or settings.MAIL_SERVER):
        if Mail.objects.filter(state=MailState.WAITING).exists():
            raise_alert(MAIL_FAILING, None, reason=_("EMAIL_URL is not set"))
        return 0
    taken = 0
    while batch := list(_claimed(now)):
        sent = _keep(batch, now) if settings.DEMONSTRATION else _send(batch, now)
        taken += sent
        if sent == 0:
            break
    return taken


def _claimed(now: datetime) -> Iterator[Mail]:
    """The oldest that are due; each is ours alone for LEASE."""
    due = Mail.objects.filter(state=MailState.WAITING, next_attempt_at__lte=now).order_by("next_attempt_at")
    for mail in due.select_related("organization", "recipient")[:BATCH]:
        unclaimed = Mail.objects.filter(pk=mail.pk, state=MailState.WAITING, next_attempt_at=mail.next_attempt_at)
        if unclaimed.update(next_attempt_at=now + LEASE, attempts=F("attempts") + 1):
            mail.attempts += 1
            yield mail


def _keep(batch: list[Mail], now: datetime) -> int:
    """The demonstration's way: nothing leaves this machine, the outbox page shows it."""
    kept = Mail.objects.filter(pk__in=[mail.pk for mail in batch], state=MailState.WAITING)
    return kept.update(state=MailState.KEPT, sent_at=now, next_attempt_at=None)


def _send(batch: list[Mail], now: datetime) -> int:
    """Over one connection. A server that is not there lets the whole batch wait."""
    connection = get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        for mail in batch:
            _put_off(mail, _judged(error, of_the_server=True), now)
        return 0
    try:
        taken = sum(_send_one(mail, connection, now) for mail in batch)
    finally:
        connection.close()
    if taken:
        clear_alert(MAIL_FAILING, None)
    return taken


def _send_one(mail: Mail, connection: Any, now: datetime) -> int:
    try:
        _message(mail, connection).send()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        _put_off(mail, _judged(error), now)
        return 0
    mine = Mail.objects.filter(pk=mail.pk, state=MailState.WAITING)
    mine.update(state=MailState.SENT, sent_at=now, text="", error="", next_attempt_at=None)
    if mail.recipient_id is not None:
        clear_alert(MAIL_UNDELIVERABLE, mail.organization, key=str(mail.recipient_id))
    return 1


def _message(mail: Mail, connection: Any) -> EmailMessage:
    """Plain text. The same id each time, so that a second copy is known as one; no out-of-office answers, please."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    headers = {"Message-ID": f"<{mail.pk}@{domain}>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(mail.subject, mail.text, to=[mail.address], headers=headers, connection=connection)


def _judged(error: Exception, *, of_the_server: bool = False) -> Failure:
    """What the mail server said, or that it said nothing. No address is repeated in a log."""
    if isinstance(error, smtplib.SMTPRecipientsRefused) and error.recipients:
        code, words = next(iter(error.recipients.values()))
        return Failure(_reason(code, words), final=500 <= code < 600, of_the_server=False)
    if isinstance(error, smtplib.SMTPResponseException):
        refused = 500 <= error.smtp_code < 600 and isinstance(error, smtplib.SMTPDataError)
        return Failure(_reason(error.smtp_code, error.smtp_error), final=refused, of_the_server=not refused)
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return Failure(type(error).__name__, final=True, of_the_server=False)
    return Failure(f"{type(error).__name__}: {error}"[:300], final=False, of_the_server=True)


def _reason(code: int, words: bytes | str) -> str:
    said = words.decode(errors="replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(said.split())}"[:300]


def _put_off(mail: Mail, failure: Failure, now: datetime) -> None:
    """Try again later, or give it up and say so."""
    mine = Mail.objects.filter(pk=mail.pk, state=MailState.WAITING)
    over = failure.final or now - mail.created_at >= GIVE_UP_AFTER
    logger.warning("mail_not_taken", mail_id=str(mail.pk), kind=mail.kind, attempts=mail.attempts, final=over)
    if over:
        mine.update(state=MailState.FAILED, error=failure.reason, text="", next_attempt_at=None)
    else:
        wait = _WAITS[min(mail.attempts, len(_WAITS)) - 1]
        mine.update(error=failure.reason, next_attempt_at=now + wait)
    if failure.of_the_server:
        raise_alert(MAIL_FAILING, None, reason=failure.reason)
    if over and mail.recipient is not None:
        facts = {"user": mail.recipient.display_name, "address": mail.address, "reason": failure.reason}
        raise_alert(MAIL_UNDELIVERABLE, mail.organization, key=str(mail.recipient_id), **facts)
