"""What people are told by mail when a person's account changes hands, or might.

A change of e-mail address goes to the old address and to the compliance officers: whoever gets somebody's address can
read that person's texts. Officers also hear of every change to who is an officer.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from provisioning.changes import Actor
from provisioning.mail import Letter, post_many
from provisioning.mail_words import words
from provisioning.models import Role, User

NAMED_IN_A_MAIL = 50


def officers_of(organization_id: uuid.UUID | None) -> list[User]:
    """The active compliance officers of an organization."""
    if organization_id is None:
        return []
    officers = User.objects.filter(
        organization_id=organization_id, is_active=True,
        role_assignments__role=Role.COMPLIANCE_OFFICER, role_assignments__organization_id=organization_id,
    )  # fmt: skip
    return list(officers.select_related("organization").order_by("pk"))


def tell_of_new_addresses(changed: Sequence[tuple[User, str]], actor: Actor) -> None:
    """`changed`: each user as it is now, with the address before. One mail to each old address, one to each officer."""
    if not changed:
        return
    letters = [_to_old_address(user, old, actor) for user, old in changed]
    lines = [f"{user.display_name}: {old} → {user.email}" for user, old in changed[:NAMED_IN_A_MAIL]]
    told = {"actor": actor.label, "lines": lines, "total": len(changed), "more": len(changed) - len(lines)}
    officers = officers_of(changed[0][0].organization_id)
    letters += [Letter(officer, "emails_changed", *words("emails_changed", officer, **told)) for officer in officers]
    post_many(letters)


def tell_officers(kind: str, subject: str, people: Sequence[User], actor: Actor) -> None:
    """Mail every active officer, and `people` themselves, who may have just stopped being one."""
    if not people:
        return
    readers = {user.pk: user for user in [*officers_of(people[0].organization_id), *people]}
    lines = [f"{user.display_name} <{user.email}>" for user in people]
    post_many([
        Letter(user, kind, *words("officers_changed", user, actor=actor.label, subject=subject, lines=lines))
        for user in readers.values()
    ])  # fmt: skip


def _to_old_address(user: User, old: str, actor: Actor) -> Letter:
    subject, text = words("email_changed", user, actor=actor.label, old=old, new=user.email)
    return Letter(user, "email_changed", subject, text, address=old)
