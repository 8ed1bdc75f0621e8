"""Who may do what: five roles, the permissions each grants, and the decorators that views declare themselves with.

Default deny: a page or API operation that declares nothing is refused, and tests/test_architecture.py finds it.
Someone of another organization gets 404 (querysets are scoped), someone without the permission 403.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from provisioning.models import Role, RoleAssignment, User
from provisioning.prepared import PreparedModels

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


class Permission(StrEnum):
    VIEW_ORGANIZATION = "view_organization"
    CHANGE_ORGANIZATION = "change_organization"
    VIEW_LOCATIONS = "view_locations"
    CHANGE_LOCATIONS = "change_locations"
    MANAGE_LOCATIONS = "manage_locations"
    """Create and delete locations, name their administrators."""
    VIEW_USERS = "view_users"
    CHANGE_USERS = "change_users"
    VIEW_NUMBERS = "view_numbers"
    ASSIGN_NUMBERS = "assign_numbers"
    """Give a user a primary number, or take it away."""
    CHANGE_NUMBERS = "change_numbers"
    """Add, activate, move, link and delete numbers."""
    VIEW_REGISTRATION = "view_registration"
    CHANGE_REGISTRATION = "change_registration"
    VIEW_ROLES = "view_roles"
    ASSIGN_ROLES = "assign_roles"
    VIEW_AUDIT_LOG = "view_audit_log"
    """What administrators did. Looks at contents are the officers' alone."""
    READ_AUDIT_EVENTS = "read_audit_events"
    """The same over the API, where officers get the events that are theirs alone as well."""
    VIEW_ALERTS = "view_alerts"
    """The Alerts page; which kinds are on it depends on the other permissions (provisioning/alert_words.py)."""
    USE_INBOX = "use_inbox"
    OPERATE = "operate"
    """The provider operators' pages: the relay, carriers and numbers of every organization. No role grants it."""
    READ_RETAINED_MESSAGES = "read_retained_messages"


_SEE_ORGANIZATION = frozenset({
    Permission.VIEW_ORGANIZATION, Permission.VIEW_LOCATIONS, Permission.VIEW_USERS, Permission.VIEW_NUMBERS,
    Permission.VIEW_ALERTS,
})  # fmt: skip
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.FULL_ADMIN: _SEE_ORGANIZATION | {
        Permission.CHANGE_ORGANIZATION, Permission.CHANGE_LOCATIONS, Permission.MANAGE_LOCATIONS,
        Permission.CHANGE_USERS, Permission.ASSIGN_NUMBERS, Permission.CHANGE_NUMBERS,
        Permission.VIEW_REGISTRATION, Permission.CHANGE_REGISTRATION,
        Permission.VIEW_ROLES, Permission.ASSIGN_ROLES, Permission.VIEW_AUDIT_LOG, Permission.READ_AUDIT_EVENTS,
    },
    Role.READ_ONLY_ADMIN: _SEE_ORGANIZATION | {
        Permission.VIEW_REGISTRATION, Permission.VIEW_ROLES, Permission.VIEW_AUDIT_LOG,
        Permission.READ_AUDIT_EVENTS,
    },
    Role.USER_ADMIN: _SEE_ORGANIZATION | {Permission.CHANGE_USERS, Permission.ASSIGN_NUMBERS},
    Role.LOCATION_ADMIN: frozenset({
        Permission.VIEW_LOCATIONS, Permission.CHANGE_LOCATIONS, Permission.VIEW_USERS, Permission.CHANGE_USERS,
        Permission.VIEW_NUMBERS, Permission.ASSIGN_NUMBERS,
    }),
    Role.COMPLIANCE_OFFICER: frozenset({
        Permission.READ_RETAINED_MESSAGES, Permission.VIEW_ALERTS, Permission.READ_AUDIT_EVENTS,
    }),
}  # fmt: skip
"""Reading and sending texts is every member's own; no administrator's role grants a message body."""


_OWN_ROLES: Final = PreparedModels(
    lambda user, organization: RoleAssignment.objects.filter(user_id=user, organization_id=organization),
    user=uuid.UUID(int=0), organization=uuid.UUID(int=0),
)  # fmt: skip


def assignments_of(user: User) -> list[RoleAssignment]:
    """The user's roles, read once a request (kept on the instance)."""
    kept: list[RoleAssignment] | None = getattr(user, "_kept_assignments", None)
    if kept is None:
        kept = _OWN_ROLES.all(user=user.pk, organization=user.organization_id) if user.organization_id else []
        user._kept_assignments = kept  # type: ignore[attr-defined]
    return kept


def note_without_roles(user: User) -> None:
    """For who has just read that the user has no role: what `assignments_of` then need not ask in this request."""
    user._kept_assignments = []  # type: ignore[attr-defined]


def permissions_of(user: User) -> frozenset[Permission]:
    """Everything the user may do. Deactivated users: nothing; provider operators: nothing within organizations."""
    if not user.is_active:
        return frozenset()
    if user.organization_id is None:
        return frozenset({Permission.OPERATE}) if user.is_staff else frozenset()
    granted = {Permission.USE_INBOX}
    for assignment in assignments_of(user):
        granted |= GRANTS[Role(assignment.role)]
    return frozenset(granted)


def administered_locations(user: User) -> frozenset[Any] | None:
    """Ids of the locations a location administrator is bound to; None for everyone who is not bound."""
    roles = assignments_of(user)
    if any(Permission.VIEW_USERS in GRANTS[Role(a.role)] and a.location_id is None for a in roles):
        return None
    return frozenset(a.location_id for a in roles if a.location_id is not None)


def bound_since(user: User) -> datetime | None:
    """Since when somebody administers locations alone (no role is held beside that one); None for who is not bound.

    What they asked for before may be about the whole organization.
    """
    if administered_locations(user) is None:
        return None
    since = [a.created_at for a in assignments_of(user) if a.location_id is not None]
    return min(since, default=datetime.max.replace(tzinfo=UTC))


def requires(*needed: Permission) -> Callable[[View[P]], View[P]]:
    """A page for people with every one of these permissions; others of the organization get 403."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            user: Any = request.user
            if not user.is_authenticated or not permissions_of(user) >= set(needed):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        checked.access = needed  # type: ignore[attr-defined]
        return checked

    return decorate


def signed_in(view: View[P]) -> View[P]:
    """A page for everyone who is signed in, operators too."""
    view.access = ()  # type: ignore[attr-defined]
    return view


def public(view: View[P]) -> View[P]:
    """A page for everyone. Say why in the view's docstring."""
    view.access = None  # type: ignore[attr-defined]
    opened: View[P] = login_not_required(view)
    return opened
