"""The life of an account: invited, activated, secured, its sessions, its end. Callers bring the transaction.

What must never happen
- Anybody but the person chooses their password, or learns it.
- A page or a mail tells a stranger whether an address has an account.
- A session, or a link, outlives a deactivation.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils.translation import gettext as _

from provisioning import links, mail, mail_words
from provisioning.changes import Actor, change_of, record_many
from provisioning.devices import device
from provisioning.models import Organization, Session, User
from provisioning.refusals import Refusal
from provisioning.roles import assignments_of

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""What counts as a second factor. Recovery codes stand in for one, they are none."""


def invite(users: Sequence[User], actor: Actor, now: datetime) -> list[User]:
    """Mail an activation link to each who is active and has not chosen a password yet; returns them.

    At most 500 users of one organization. Inviting again makes the earlier links void.
    """
    with transaction.atomic():
        rows = User.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=[user.pk for user in users])
        as_it_is = {row.pk: row for row in rows.order_by("pk")}
        waiting = [user for user in users if user.pk in as_it_is and awaits_activation(as_it_is[user.pk])]
        again = {user.pk for user in waiting if user.invited_at is not None}
        User.objects.filter(pk__in=[user.pk for user in waiting]).update(invited_at=now)
        for user in waiting:
            user.invited_at = as_it_is[user.pk].invited_at = now
        names = _organization_names(waiting)
        mail.post_many([_invitation(as_it_is[user.pk], names.get(user.organization_id, ""), now) for user in waiting])
        record_many([
            change_of(
                "user.invited_again" if user.pk in again else "user.invited", actor, user,
                organization_id=user.organization_id, after={"email": user.email},
            )
            for user in waiting
        ])  # fmt: skip
    return waiting


def invite_again(user: User, actor: Actor, now: datetime) -> None:
    """A new link for one person. Refusal: `already_activated`, `user_inactive`."""
    refusal = refusal_to_invite(user)
    if refusal is not None:
        raise refusal
    invite([user], actor, now)


def refusal_to_invite(user: User) -> Refusal | None:
    """Why this person gets no (further) invitation, if so."""
    if not user.is_active:
        return Refusal("user_inactive", _("This user is deactivated. Reactivate the user first."))
    if awaits_activation(user):
        return None
    return Refusal(
        "already_activated",
        _("This user has a password already. Who forgot theirs uses “Forgot your password?” on the sign-in page."),
    )


def awaits_activation(user: User) -> bool:
    """Whether the person is still to choose a password."""
    return user.is_active and not user.has_usable_password()


def end_sessions(user_ids: Iterable[uuid.UUID]) -> int:
    """End every session of these users, live streams too; how many there were."""
    _count, of_which = Session.objects.filter(user_id__in=list(user_ids)).delete()
    return of_which.get(Session._meta.label, 0)


def sessions_of(user: User, now: datetime) -> list[Session]:
    """The user's sessions that have not expired, the one last seen first."""
    return list(Session.objects.filter(user=user, expire_date__gt=now).order_by("-last_seen_at", "session_key"))


def end_session(user: User, session: Session, actor: Actor) -> None:
    """End one session of the user. What has ended meanwhile is left alone."""
    with transaction.atomic():
        count, _which = Session.objects.filter(pk=session.pk).delete()
        if count:
            before = {"device": device(session.user_agent), "address": session.address}
            _record_ended("user.session_ended", user, actor, before)


def end_other_sessions(user: User, session_key: str, actor: Actor | None = None) -> int:
    """End all but one. Recorded when somebody asked for it, not when it follows from another act."""
    with transaction.atomic():
        _count, which = Session.objects.filter(user=user).exclude(session_key=session_key).delete()
        ended = which.get(Session._meta.label, 0)
        if ended and actor is not None:
            _record_ended("user.sessions_ended", user, actor, {"sessions": ended})
    return ended


def _record_ended(action: str, user: User, actor: Actor, before: dict[str, Any]) -> None:
    record_many([change_of(action, actor, user, organization_id=user.organization_id, before=before)])


def needs_second_factor(user: User) -> bool:
    """Whether the user's roles ask for one: any administrator's role, compliance officer, provider operator."""
    return user.is_staff or bool(assignments_of(user))


def has_second_factor(user: User) -> bool:
    """Whether the user has a passkey or an authenticator app."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists())


def _organization_names(users: Sequence[User]) -> dict[uuid.UUID | None, str]:
    ids = {user.organization_id for user in users}
    return dict(Organization.objects.filter(pk__in=ids).values_list("pk", "name"))


def _invitation(user: User, organization: str, now: datetime) -> mail.Letter:
    link = links.address(user, links.Purpose.INVITATION, now)
    ends = now + links.Purpose.INVITATION.lasts
    subject, text = mail_words.words("invitation", user, organization=organization, link=link, ends=ends)
    return mail.Letter(user, "invitation", subject, text)
