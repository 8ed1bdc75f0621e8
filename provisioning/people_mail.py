"""What people are told by mail when a person's account changes hands, or might.

A change of e-mail address goes to the old address and to the compliance officers: whoever gets somebody's address can
read that person's texts. Officers also hear of every change to who is an officer.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from provisioning.changes import Actor
from provisioning.mail import Letter, post_many
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
    return list(officers.order_by("pk"))


def tell_of_new_addresses(changed: Sequence[tuple[User, str]], actor: Actor) -> None:
    """`changed`: each user as it is now, with the address before. One mail to each old address, one to each officer."""
    if not changed:
        return
    letters = [_to_old_address(user, old, actor) for user, old in changed]
    letters += _to_officers(
        officers_of(changed[0][0].organization_id),
        "email_changed",
        ngettext("An e-mail address was changed", "%(count)s e-mail addresses were changed", len(changed))
        % {"count": len(changed)},
        _("%(actor)s changed the address that these users sign in with. Ask if you did not expect it.")
        % {"actor": actor.label},
        [f"{user.display_name}: {old} → {user.email}" for user, old in changed],
    )
    post_many(letters)


def tell_officers(
    organization_id: uuid.UUID | None, kind: str, subject: str, sentence: str, people: Sequence[User]
) -> None:
    """Mail every active officer, and `people` themselves, who may have just stopped being one."""
    readers = {user.pk: user for user in [*officers_of(organization_id), *people]}
    lines = [f"{user.display_name} <{user.email}>" for user in people]
    post_many(_to_officers(readers.values(), kind, subject, sentence, lines))


def _to_old_address(user: User, old: str, actor: Actor) -> Letter:
    words = {"actor": actor.label, "new": user.email}
    text = _(
        "%(actor)s changed the e-mail address of your Texting Hub account to %(new)s.\n\n"
        "You sign in with the new address from now on. If you don’t know of this, tell your administrator "
        "and your compliance officer at once: whoever reads mail at the new address can get into your account."
    )
    return Letter(user, "email_changed", _("Your e-mail address was changed"), text % words, address=old)


def _to_officers(
    officers: Iterable[User], kind: str, subject: str, sentence: str, lines: Sequence[str]
) -> list[Letter]:
    shown = list(lines[:NAMED_IN_A_MAIL])
    if len(lines) > len(shown):
        shown.append(_("and %(count)s more, all in the audit log") % {"count": len(lines) - len(shown)})
    text = "\n".join([sentence, "", *shown])
    return [Letter(officer, kind, subject, text) for officer in officers]
