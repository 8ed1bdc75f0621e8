"""Passwords: chosen by their person, through a link by mail or on the own page. Nobody else ever sets one.

Asking for a link says the same, and does nearly the same work, whether or not there is such an account.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from provisioning import links, mail, mail_words
from provisioning.account_life import end_sessions
from provisioning.changes import Actor, Change, record, record_target
from provisioning.links import Purpose
from provisioning.models import Mail, Session, User
from provisioning.models.choices import fold
from provisioning.refusals import Refusal
from provisioning.sign_in import mask

MAILS_AN_HOUR: Final = 5
"""Links mailed to one person on request. More are asked for by somebody who wants to fill a mailbox."""
RESET, NOT_ACTIVATED = "password_reset", "not_activated"


def ask_for_reset(typed: str, ip: str | None, now: datetime) -> None:
    """Mail a link to the person of this address, if there is one. The caller says the same in every case."""
    address = typed.strip()[:254]
    person = User.objects.select_related("organization").filter(email_key=fold(address)).first()
    with transaction.atomic():
        _mail_or_pretend(person, address, now)
        record(_asked(person, address, ip))


def _mail_or_pretend(person: User | None, address: str, now: datetime) -> None:
    """A stranger's address costs the same signature, words and insert; then nothing of it stays."""
    recipient = person if person is not None else User(email=address)
    real = not _too_many(recipient, now) and person is not None and person.is_active
    kind = RESET if person is None or person.has_usable_password() else NOT_ACTIVATED
    link = links.address(recipient, Purpose.RESET, now)
    subject, text = mail_words.words(kind, recipient, link=link, ends=now + Purpose.RESET.lasts)
    with transaction.atomic():
        if real:
            mail.post(recipient, kind, subject, text)
        else:
            Mail(address=address, kind=kind, subject=subject, text=text, created_at=now).save(force_insert=True)
            transaction.set_rollback(True)


def _too_many(person: User, now: datetime) -> bool:
    recent = Mail.objects.filter(
        recipient_id=person.pk, kind__in=(RESET, NOT_ACTIVATED), created_at__gt=now - timedelta(hours=1)
    )  # fmt: skip
    return recent.count() >= MAILS_AN_HOUR


def _asked(person: User | None, address: str, ip: str | None) -> Change:
    named = person.email if person is not None else mask(fold(address))
    return Change(
        action="user.password_reset_asked",
        actor=Actor(user_id=None, label=named, via="portal", ip=ip),
        organization_id=person.organization_id if person is not None else None,
        target_type="user",
        target_id=str(person.pk) if person is not None else "",
        target_label=named,
    )


def choose(key: str, purpose: Purpose, password: str, ip: str | None, now: datetime) -> User:
    """The person of a link chooses a password; every session there was ends. ValidationError: the password is no good.

    Refusal: `link_void` (used, expired, replaced by a newer one, deactivated, never ours: one sentence for all).
    """
    with transaction.atomic():
        link = links.read(key, purpose, now, lock=True)
        if link is None:
            raise void(purpose)
        user = link.user
        validate_password(password, user)
        _write(user, password)
        end_sessions([user.pk])
        if purpose is Purpose.RESET:
            _tell(user, now)
        action = "user.activated" if purpose is Purpose.INVITATION else "user.password_reset"
        record_target(action, Actor.of_user(user, "portal", ip), user, organization_id=user.organization_id)
    return user


def void(purpose: Purpose) -> Refusal:
    """The same words whatever the reason."""
    if purpose is Purpose.INVITATION:
        sentence = _("This invitation is no longer good. It was used, it has expired, or a newer one was sent.")
    else:
        sentence = _("This link is no longer good. It was used, or it has expired.")
    return Refusal("link_void", sentence, http_status=410)


def change(user: User, current: str, password: str, session_key: str, ip: str | None, now: datetime) -> User:
    """The signed-in person changes the own password; all other sessions end. ValidationError: it is no good.

    Refusal: `wrong_password`.
    """
    with transaction.atomic():
        locked = User.objects.select_for_update(no_key=True, of=("self",)).get(pk=user.pk)
        if not locked.check_password(current):
            raise Refusal("wrong_password", _("This is not your current password."))
        validate_password(password, locked)
        if current == password:
            raise ValidationError(_("Choose a password that you do not use now."), code="same_password")
        _write(locked, password)
        Session.objects.filter(user=locked).exclude(session_key=session_key).delete()
        _tell(locked, now)
        record_target(
            "user.password_changed", Actor.of_user(locked, "portal", ip), locked,
            organization_id=locked.organization_id,
        )  # fmt: skip
    return locked


def _write(user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])


def _tell(user: User, now: datetime) -> None:
    """So that whoever did not do it learns of it."""
    subject, text = mail_words.words("password_changed", user, at=now)
    mail.post(user, "password_changed", subject, text)
