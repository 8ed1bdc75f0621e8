"""Which users a list, an export or a bulk action is about: search and filters, in SQL, without a request.

`values` is what the address of the Users page says, checked (forms/users.py) and ready for JSON: a task keeps it and
finds the same users later. What is missing or empty filters nothing.

    q            words of the name or e-mail address, or digits of the primary number
    location     id of a location, or NO_LOCATION
    status       on, off, not_eligible: the pill of the row
    source       organization, location, user: whose setting decides
    requirement  "<code>" (not met or waiting), "<code>:not_met", "<code>:waiting"
    license      none, standard, professional
    account      active, invited, deactivated
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.db.models import Q, QuerySet

from provisioning.eligibility import Gate, KnownRoot, RequirementState
from provisioning.eligibility.requirements import NOBODY, Condition, all_of, any_of, as_filter
from provisioning.eligibility.standing import RULES_OF_USERS, able_if_enabled, unable
from provisioning.enablement import Source, decided_by, disabled_if, enabled_if
from provisioning.models import Location, PhoneNumber, TextingSetting, User
from provisioning.models.choices import TEXTING_COUNTRIES, fold
from provisioning.models.organizations import PstnConnection

NAMES: Final = ("q", "location", "status", "source", "requirement", "license", "account")
NO_LOCATION: Final = "none"
SHORT: Final = 3
"""Words shorter than this are looked for at the beginning of a name or address: anywhere, they are in most."""
FEW: Final = 2_000
"""Users that a search finds, up to which they are sorted rather than looked for in order."""

INVITED: Final = Q(is_active=True, last_login__isnull=True, invited_at__isnull=False)
ACCOUNTS: Final = {
    "active": Q(is_active=True) & (Q(last_login__isnull=False) | Q(invited_at__isnull=True)),
    "invited": INVITED,
    "deactivated": Q(is_active=False),
}
"""Every user is under exactly one. Invited: has a link by mail, and never signed in."""


def narrow(users: QuerySet[User], values: Mapping[str, Any], root: KnownRoot) -> QuerySet[User]:
    """Those of `users`, people of the root's organization, whom the values describe."""
    for name, condition in _CONDITIONS.items():
        if values.get(name):
            found = condition(str(values[name]), root)
            users = users.filter(as_filter(found)) if found is not False else users.none()
    return users


def narrow_for_list(users: QuerySet[User], values: Mapping[str, Any], root: KnownRoot) -> tuple[QuerySet[User], bool]:
    """The same users as `narrow()`, and whether sorting them is cheap because they are few.

    Whom a search finds often stands together in the list (people of one surname): looking for them along its order
    passes everybody before them. So those of a search that finds few are better found by its own index, then sorted.
    """
    found = narrow(users, values, root)
    if not values.get("q"):
        return found, False
    hits = users.filter(matching(str(values["q"]), root.organization.pk)).order_by().values("pk")
    return found, hits[: FEW + 1].count() <= FEW


def narrow_places(places: QuerySet[Location], values: Mapping[str, Any]) -> QuerySet[Location]:
    """Those of `places` where narrow() can find anybody at all, as far as the location itself decides that: a list by
    location then passes the others without looking at their users."""
    asked = [f"{name}={values[name]}" for name in ("source", "requirement") if values.get(name)]
    return places.filter(*(_PLACES[each] for each in asked if each in _PLACES))


def narrows(values: Mapping[str, Any]) -> bool:
    """Whether anything is searched or filtered."""
    return any(values.get(name) for name in NAMES)


def matching(typed: str, organization_id: uuid.UUID | None) -> Q:
    """Every word in the name or e-mail address, without regard to case; or the digits in the primary number."""
    words = as_filter(all_of(_with_word(word) for word in fold(typed).split()))
    digits = re.sub(r"\D", "", typed)
    if len(digits) < SHORT or re.search(r"[^\d\s()+./-]", typed):
        return words
    # Two small sets, each by its own index: an OR across two tables could use neither.
    own: dict[str, Any] = {"organization_id": organization_id}
    by_text = User.objects.filter(words, **own).order_by().values("pk")
    by_number = PhoneNumber.objects.filter(**own, user__isnull=False, e164__contains=digits).order_by()
    return Q(pk__in=by_text.union(by_number.values("user_id")))


def _with_word(word: str) -> Q:
    if len(word) >= SHORT:
        return Q(search_text__contains=word)
    return Q(search_text__startswith=word) | Q(search_text__contains=f" {word}")


def _at_location(value: str, root: KnownRoot) -> Condition:
    return Q(location__isnull=True) if value == NO_LOCATION else Q(location=value)


def _with_status(value: str, root: KnownRoot) -> Condition:
    on = root.organization.texting_enabled
    if value == "not_eligible":
        return unable(root)
    enabled = (enabled_if if value == "on" else disabled_if)(organization_on=on, own=root.own_id)
    return all_of([able_if_enabled(Gate.TEXTING, root=root), enabled])


def _with_requirement(value: str, root: KnownRoot) -> Condition:
    code, _, state = value.partition(":")
    states = [RequirementState(state)] if state else [RequirementState.NOT_MET, RequirementState.WAITING]
    rule = next(rule for rule in RULES_OF_USERS if rule.code == code)
    return any_of(rule.where(state, root) for state in states)


_NOT_A_TEXTING_COUNTRY: Final = ~Q(country__in=TEXTING_COUNTRIES)
_NOT_ON_CISCO_PSTN: Final = ~Q(pstn_connection=PstnConnection.CISCO_PSTN)
_PLACES: Final = {
    "source=location": ~Q(texting_setting=TextingSetting.DEFAULT),
    "source=organization": Q(texting_setting=TextingSetting.DEFAULT),
    "requirement=location_country": _NOT_A_TEXTING_COUNTRY,
    "requirement=location_country:not_met": _NOT_A_TEXTING_COUNTRY,
    "requirement=location_pstn": _NOT_ON_CISCO_PSTN,
    "requirement=location_pstn:not_met": _NOT_ON_CISCO_PSTN,
    "requirement=location_pstn:waiting": NOBODY,
}
"""What a location is like where such users are: the rules of the same names, of the location alone."""

_CONDITIONS: Final[dict[str, Callable[[str, KnownRoot], Condition]]] = {
    "q": lambda value, root: matching(value, root.organization.pk),
    "location": _at_location,
    "status": _with_status,
    "source": lambda value, root: decided_by(Source(value), own=root.own_id),
    "requirement": _with_requirement,
    "license": lambda value, root: Q(license=value),
    "account": lambda value, root: ACCOUNTS[value],
}
