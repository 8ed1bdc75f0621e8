"""Is Business Texting on for a user, and who decided: the user's own setting, the location's, or the organization's.

The value is computed, never copied: a user's on or off wins over the location's, which wins over the organization's.
It stands here twice, in Python and as SQL; tests/provisioning/test_eligibility_agrees.py proves the two equal.
A location of another organization (which no page can give a user) decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypedDict

from django.db.models import BooleanField, Case, CharField, F, Q, QuerySet, Value, When

from provisioning.models import Location, TextingSetting, User

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


class Source(StrEnum):
    """Whose setting decides."""

    USER = "user"
    LOCATION = "location"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The effective value, and where it comes from."""

    enabled: bool
    source: Source


def resolve(user: User) -> Resolution:
    """The effective value for one user. Provider operators, who have no organization, are off."""
    if user.texting_setting != TextingSetting.DEFAULT:
        return Resolution(user.texting_setting == TextingSetting.ON, Source.USER)
    return resolve_default(user)


def resolve_default(user: User) -> Resolution:
    """What the user has, or would have, without an override: "Use the default configuration for the organization"."""
    location = own_location(user)
    if location is not None and location.texting_setting != TextingSetting.DEFAULT:
        return Resolution(location.texting_setting == TextingSetting.ON, Source.LOCATION)
    organization = user.organization
    return Resolution(organization is not None and organization.texting_enabled, Source.ORGANIZATION)


def resolve_location(location: Location) -> Resolution:
    """The effective value for users of the location who have no override."""
    if location.texting_setting != TextingSetting.DEFAULT:
        return Resolution(location.texting_setting == TextingSetting.ON, Source.LOCATION)
    return Resolution(location.organization.texting_enabled, Source.ORGANIZATION)


def own_location(user: User) -> Location | None:
    """The user's location, if it is one of the user's own organization."""
    location = user.location
    return location if location is not None and location.organization_id == user.organization_id else None


_USER_DECIDES = ~Q(texting_setting=TextingSetting.DEFAULT)
ORGANIZATION_ON = Q(organization__texting_enabled=True)
THEIR_OWN = F("organization_id")
"""The organization of each user; conditions on users of one that is known take its id instead, which is cheaper."""


class EnablementColumns(TypedDict):
    """What `annotate_enablement()` adds."""

    effective_enabled: bool
    enablement_source: str


def annotate_enablement(
    queryset: QuerySet[User], *, organization_on: Q | bool = ORGANIZATION_ON, own: Any = THEIR_OWN
) -> QuerySet[WithAnnotations[User, EnablementColumns]]:
    """Add `effective_enabled` and `enablement_source`, the same as `resolve()` says; users of one organization can be
    told whether its switch is on."""
    return queryset.annotate(
        effective_enabled=Case(
            When(enabled_if(organization_on=organization_on, own=own), then=Value(True)),
            default=Value(False),
            output_field=BooleanField(),
        ),
        enablement_source=Case(
            When(_USER_DECIDES, then=Value(Source.USER.value)),
            When(_location_decides(own), then=Value(Source.LOCATION.value)),
            default=Value(Source.ORGANIZATION.value),
            output_field=CharField(),
        ),
    )


def enabled_if(*, organization_on: Q | bool, own: Any = THEIR_OWN) -> Q:
    """Users for whom texting is on; with True or False, if the organization's switch stood there."""
    by_user = Q(texting_setting=TextingSetting.ON)
    deferring = Q(texting_setting=TextingSetting.DEFAULT)
    by_location = deferring & _location_decides(own, TextingSetting.ON)
    if organization_on is False:
        return by_user | by_location
    by_organization = deferring & _no_location_decides(own)
    if organization_on is not True:
        by_organization &= organization_on
    return by_user | by_location | by_organization


def disabled_if(*, organization_on: bool, own: Any = THEIR_OWN) -> Q:
    """The opposite of `enabled_if()`, spelled out: never NULL."""
    by_user = Q(texting_setting=TextingSetting.OFF)
    deferring = Q(texting_setting=TextingSetting.DEFAULT)
    by_location = deferring & _location_decides(own, TextingSetting.OFF)
    if organization_on:
        return by_user | by_location
    return by_user | by_location | (deferring & _no_location_decides(own))


def decided_by(source: Source, *, own: Any = THEIR_OWN) -> Q:
    """Users whose effective value comes from there."""
    if source is Source.USER:
        return Q(texting_setting__in=[TextingSetting.ON, TextingSetting.OFF])
    deferring = Q(texting_setting=TextingSetting.DEFAULT)
    return deferring & (_location_decides(own) if source is Source.LOCATION else _no_location_decides(own))


def _location_decides(own: Any, *settings: TextingSetting) -> Q:
    """The user's own location has a setting: any, or one of these."""
    return Q(
        location__organization_id=own,
        location__texting_setting__in=settings or (TextingSetting.ON, TextingSetting.OFF),
    )


def _no_location_decides(own: Any) -> Q:
    """The opposite of `_location_decides()`, spelled out: NOT leaves NULL as it is; Django guards only some of it."""
    nobodys = Q(organization__isnull=True) if own is THEIR_OWN else Q()
    return (
        Q(location__isnull=True)
        | nobodys
        | ~Q(location__organization_id=own)
        | Q(location__texting_setting=TextingSetting.DEFAULT)
    )
