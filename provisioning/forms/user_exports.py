"""Which users an export is about: the address of the list it was asked from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import Http404

from provisioning.eligibility import KnownRoot
from provisioning.forms.users import UsersFilter
from provisioning.models import User
from provisioning.scoping import locations_in_reach, users_in_reach


def asked_for(administrator: User, query: Mapping[str, Any]) -> tuple[QuerySet[User], KnownRoot]:
    """Users in reach whom the filters of the Users list describe, and their organization, looked up once.

    Http404: a location out of reach.
    """
    organization = administrator.organization
    assert organization is not None
    asked = UsersFilter(query, list(locations_in_reach(administrator).values_list("pk", "name")))
    if "location" in asked.unknown:
        raise Http404
    root = KnownRoot.of(organization)
    return asked.narrow(users_in_reach(administrator), asked.values, root), root
