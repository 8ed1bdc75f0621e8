"""What stands above every page of one user: who it is, and the tabs that the administrator may open."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from provisioning.eligibility import annotate_standing
from provisioning.models import User
from provisioning.roles import Permission, permissions_of
from provisioning.scoping import users_in_reach


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    url: str
    current: bool


def person_in_reach(request: HttpRequest, user_id: uuid.UUID) -> Any:
    """The user with standing, location and number at hand; 404 for everybody else's."""
    return get_object_or_404(people_with_standing(users_in_reach(administrator(request))), pk=user_id)


def people_with_standing(users: QuerySet[User]) -> QuerySet[Any]:
    """One query for all that the pages of a user show of the user."""
    return annotate_standing(users.select_related("organization", "location", "primary_number"))


def head(request: HttpRequest, person: User, current: str) -> dict[str, Any]:
    """Context of templates/provisioning/_user_head.html; `current` is the tab's URL name."""
    granted = permissions_of(administrator(request))
    tabs = [
        Tab(label, reverse(name, kwargs={"user_id": person.pk}), name == current)
        for name, label, needed in _tabs()
        if needed in granted
    ]
    return {"person": person, "tabs": tabs, "can_change": Permission.CHANGE_USERS in granted}


def administrator(request: HttpRequest) -> User:
    """The one who looks, whom `requires` has let in."""
    user: Any = request.user
    found: User = user
    return found


def _tabs() -> list[tuple[str, str, Permission]]:
    return [
        ("user_profile", _("Summary"), Permission.VIEW_USERS),
        ("edit_user", _("Profile"), Permission.CHANGE_USERS),
        ("user_calling", _("Calling"), Permission.VIEW_USERS),
        ("user_activity", _("Activity"), Permission.VIEW_USERS),
        ("user_roles", _("Roles"), Permission.VIEW_ROLES),
    ]
