"""What a bulk action will do, before it does: how many, what happens to them, how many are not eligible and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Count, Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from provisioning.authority import Authority
from provisioning.bulk_user_actions import Action
from provisioning.changes import Actor
from provisioning.eligibility import Gate, KnownRoot
from provisioning.eligibility.requirements import all_of, as_filter
from provisioning.eligibility.standing import able_if_enabled
from provisioning.enablement import enabled_if
from provisioning.location_settings import why_unavailable
from provisioning.models import Location, RoleAssignment, TextingSetting, User
from provisioning.models.users import License
from provisioning.refusals import Refusal
from provisioning.texting import refusal_to_switch_on
from provisioning.user_selection import Selection

SETTINGS: Final = {
    "texting_on": TextingSetting.ON,
    "texting_off": TextingSetting.OFF,
    "texting_default": TextingSetting.DEFAULT,
}
NOBODY: Final = Q(pk__isnull=True)
NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """`total` users, of whom `already` need nothing and `refused` can't be done; `able` can text now.

    `not_eligible`: what was asked for is kept, but they can't text for want of a requirement. `refusal`: nothing of it
    can be done, and why.
    """

    total: int
    missing: int
    already: int
    refused: int
    able: int
    not_eligible: int
    refusal: Refusal | None
    sentences: list[str]
    named: list[User]
    """The first of them, by name."""

    @property
    def unnamed(self) -> int:
        return self.total - len(self.named)


def preview(action: Action, selection: Selection, choice: Any, administrator: User) -> Preview:
    """`choice` is None while nothing is chosen yet. At most ten queries, one of which goes through the users."""
    organization: Any = administrator.organization
    root = KnownRoot.of(organization, reasons=False)
    users = selection.users(administrator, root)
    able = able_if_enabled(Gate.TEXTING, root=root)
    enabled = enabled_if(organization_on=organization.texting_enabled)
    counts = users.aggregate(
        total=Count("pk"),
        already=Count("pk", filter=_already(action, choice)),
        refused=Count("pk", filter=_refused(action, choice, administrator)),
        able=Count("pk", filter=as_filter(all_of([able, enabled]))),
        capable=Count("pk", filter=as_filter(able)),
    )
    capable = counts.pop("capable")
    found = Preview(
        **counts,
        missing=len(selection.ids) - counts["total"] if selection.values is None else 0,
        not_eligible=counts["total"] - capable if action.code == "texting_on" else 0,
        refusal=refusal_to_switch_on(organization) if action.code == "texting_on" else None,
        sentences=[],
        named=list(users.order_by("sort_name", "pk")[:NAMED]),
    )
    found.sentences.extend(_sentences(action, choice, found))
    return found


def _already(action: Action, choice: Any) -> Q:
    if action.code in SETTINGS:
        return Q(texting_setting=SETTINGS[action.code])
    if action.takes:
        return Q(**{action.takes: choice}) if choice is not None else NOBODY
    return {"deactivate": Q(is_active=False), "reactivate": Q(is_active=True)}.get(action.code, NOBODY)


def _refused(action: Action, choice: Any, administrator: User) -> Q:
    """Users whom the action will refuse, as far as one can tell without going through them one by one."""
    if action.code == "invite":
        return Q(is_active=False) | ~Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    if action.code not in ("deactivate", "reactivate"):
        return NOBODY
    differing = ~_already(action, choice)
    own = Q(pk=administrator.pk) if action.code == "deactivate" else NOBODY
    if Authority.of(Actor.of_user(administrator, via="portal")).over_administrators:
        return own & differing
    return (own | Q(Exists(RoleAssignment.objects.filter(user=OuterRef("pk"))))) & differing


def _sentences(action: Action, choice: Any, found: Preview) -> Iterator[str]:
    yield from _WHAT_HAPPENS[action.code]()
    if action.code == "move" and isinstance(choice, Location):
        unavailable = why_unavailable(choice)
        if unavailable:
            yield _("Nobody can text at this location: %(why)s.") % {"why": unavailable.rstrip(".")}
    if action.code == "license" and choice in (License.NONE, License.STANDARD):
        yield _("Texting takes a Webex Calling Professional license: without it, nobody can text.")
    yield from _counted(action, found)


def _counted(action: Action, found: Preview) -> Iterator[str]:
    if action.stops and found.able:
        yield ngettext(
            "%(count)s of them can text now.", "%(count)s of them can text now.", found.able
        ) % _count(found.able)  # fmt: skip
    if found.already:
        yield ngettext(
            "%(count)s needs no change.", "%(count)s need no change.", found.already
        ) % _count(found.already)  # fmt: skip
    if found.not_eligible:
        yield ngettext(
            "%(count)s is not eligible: a requirement is not met. The setting is kept, and applies once it is.",
            "%(count)s are not eligible: a requirement is not met. The setting is kept, and applies once it is.",
            found.not_eligible,
        ) % _count(found.not_eligible)
    if found.refused:
        yield ngettext(
            "%(count)s will be refused; the result file says why.",
            "%(count)s will be refused; the result file says why.",
            found.refused,
        ) % _count(found.refused)
    if found.missing:
        yield ngettext(
            "%(count)s of those you selected is not there any longer.",
            "%(count)s of those you selected are not there any longer.",
            found.missing,
        ) % _count(found.missing)


def _count(number: int) -> dict[str, str]:
    return {"count": f"{number:,}"}


def _texting_on() -> Iterator[str]:
    yield _("Business Texting is on for each of them, whatever their location or the organization has set.")
    yield _("Don’t use texting for health information. It is not HIPAA compliant.")


def _texting_off() -> Iterator[str]:
    yield _("Business Texting is off for each of them, whatever their location or the organization has set.")
    yield _("They can’t send or receive texts. Texts that people send to their numbers meanwhile are not delivered.")
    yield _("Existing messages stay until their retention ends.")


def _texting_default() -> Iterator[str]:
    yield _("Each of them follows their location again, or the organization where the location sets nothing.")


def _move() -> Iterator[str]:
    yield _("Their texting follows the new location, unless they have a setting of their own.")
    yield _("They keep their primary numbers.")


def _license() -> Iterator[str]:
    yield _("Each of them has this license instead of the one they have now.")


def _deactivate() -> Iterator[str]:
    yield _("Every session of theirs ends at once, on every device. API tokens stop working for good.")
    yield _("They can’t sign in, send or receive texts. They keep their primary numbers.")
    yield _("Messages, history and the audit log stay. Compliance officers still find and export them.")


def _reactivate() -> Iterator[str]:
    yield _("They can sign in again, with the roles and numbers that they have. Ended sessions and tokens stay ended.")


def _invite() -> Iterator[str]:
    yield _("Each of them gets a mail with a new link to choose a password. Earlier links stop working.")


_WHAT_HAPPENS: Final = {
    "texting_on": _texting_on,
    "texting_off": _texting_off,
    "texting_default": _texting_default,
    "move": _move,
    "license": _license,
    "deactivate": _deactivate,
    "reactivate": _reactivate,
    "invite": _invite,
}
