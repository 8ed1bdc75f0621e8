"""A user's Activity tab: what administrators changed about the user, newest first."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from compliance.audit_words import line
from compliance.keyset import cursors, page_of
from compliance.models import AuditEvent
from provisioning.models import User
from provisioning.roles import Permission, administered_locations, permissions_of, requires
from provisioning.scoping import locations_in_reach, users_in_reach
from provisioning.views.user_head import administrator, head

SIGN_INS: Final = (
    "user.signed_in", "user.signed_out", "user.sign_in_failed", "user.second_factor_failed", "user.recovery_code_used",
    "user.session_ended", "user.sessions_ended",
)  # fmt: skip
"""When somebody comes and goes, on which device and from which address, is for the audit log, not for everybody who
looks after users."""
ROLES: Final = ("role.assigned", "role.removed")


@requires(Permission.VIEW_USERS)
@require_GET
@never_cache
def user_activity(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Changes of the user, and of the switches that the user's texting hangs on. Never a look at contents."""
    people = users_in_reach(administrator(request)).select_related("organization", "location", "primary_number")
    person = get_object_or_404(people, pk=user_id)
    page = page_of(_changes_of(request, person), "happened_at", **cursors(request.GET))
    hide = _beyond_reach(request)
    for event in page.rows:
        event.before, event.after = hide(event.before), hide(event.after)
    context = {**head(request, person, "user_activity"), "page": page, "lines": [line(event) for event in page.rows]}
    return render(request, "compliance/user_activity.html", context)


def _changes_of(request: HttpRequest, person: User) -> QuerySet[AuditEvent]:
    own = Q(target_type="user", target_id=str(person.pk))
    switches = Q(action="organization.texting_changed", target_id=str(person.organization_id)) | Q(
        action="location.texting_changed", target_id=str(person.location_id)
    )
    about = [str(key) for key in (person.pk, person.organization_id, person.location_id) if key is not None]
    hidden = SIGN_INS if Permission.VIEW_ROLES in permissions_of(administrator(request)) else (*SIGN_INS, *ROLES)
    events = AuditEvent.objects.filter(
        own | switches, organization=person.organization, target_id__in=about, content_access=False
    )  # fmt: skip
    return events.exclude(action__in=hidden)


def _beyond_reach(request: HttpRequest) -> Any:
    """For a location administrator, places that are not theirs lose their names."""
    looking = administrator(request)
    if administered_locations(looking) is None:
        return lambda values: values
    names = set(locations_in_reach(looking).values_list("name", flat=True))

    def hide(values: dict[str, Any]) -> dict[str, Any]:
        if values.get("location") in (None, *names):
            return values
        return values | {"location": _("another location")}

    return hide
