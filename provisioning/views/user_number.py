"""A user's primary number: chosen among the free ones, or released."""

from __future__ import annotations

import re
import uuid
from typing import Final

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from provisioning.changes import Actor
from provisioning.models import PhoneNumber, User
from provisioning.number_assignment import assign_primary, release_primary
from provisioning.numbers import display
from provisioning.refusals import Refusal
from provisioning.roles import Permission, requires
from provisioning.scoping import numbers_in_reach, users_in_reach
from provisioning.views.user_head import administrator, head

SHOWN: Final = 20
"""As many free numbers as one looks at; who wants another searches."""


@requires(Permission.ASSIGN_NUMBERS)
def user_number(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Free numbers, those of the user's location first; assign one, or release the one there is."""
    people = users_in_reach(administrator(request)).select_related("organization", "location", "primary_number")
    person = get_object_or_404(people, pk=user_id)
    if request.method != "POST":
        return _page(request, person)
    try:
        _write(request, person)
    except Refusal as refusal:
        return _page(request, get_object_or_404(people, pk=user_id), refusal)
    return redirect("user_calling", user_id=person.pk)


def _write(request: HttpRequest, person: User) -> None:
    actor, now = Actor.of_request(request), timezone.now()
    if request.POST.get("release"):
        release_primary(person, actor, now)
        messages.success(request, _("%(user)s has no primary number now.") % {"user": person.display_name})
        return
    number = get_object_or_404(_free(request), pk=_asked_for(request))
    assigned = assign_primary(person, number, actor, now)
    words = {"user": person.display_name, "number": display(assigned.e164)}
    messages.success(request, _("%(number)s is the primary number of %(user)s.") % words)


def _asked_for(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("number", ""))
    except ValueError:
        raise Refusal("number_required", _("Choose a number, then assign it.")) from None


def _free(request: HttpRequest) -> QuerySet[PhoneNumber]:
    """Whether it is still free is asked again when it is assigned: somebody may be faster."""
    return numbers_in_reach(administrator(request)).filter(released_at__isnull=True)


def _page(request: HttpRequest, person: User, refusal: Refusal | None = None) -> HttpResponse:
    typed = request.GET.get("q", "").strip()[:100]
    found = _offered(request, person, typed)
    context = {
        **head(request, person, "user_calling"),
        "typed": typed,
        "numbers": found[:SHOWN],
        "more": len(found) > SHOWN,
        "refusal": refusal,
    }
    status = refusal.http_status if refusal else 200
    return render(request, "provisioning/user_number.html", context, status=status)


def _offered(request: HttpRequest, person: User, typed: str) -> list[PhoneNumber]:
    """One more than is shown. Two queries, each along an index of free numbers."""
    free = _free(request).filter(_matching(typed), user__isnull=True, active=True).select_related("location")
    ordered = free.order_by("e164")
    near = list(ordered.filter(location=person.location_id)[: SHOWN + 1])
    far = ordered.exclude(pk__in=[number.pk for number in near])
    return near + list(far[: SHOWN + 1 - len(near)]) if len(near) <= SHOWN else near


def _matching(typed: str) -> Q:
    """Digits of the number however they are written; other words are looked for in the location's name."""
    if not typed:
        return Q()
    digits = re.sub(r"\D", "", typed)
    if digits and not re.search(r"[^\d\s()+./-]", typed):
        return Q(e164__contains=digits)
    return Q(location__name__icontains=typed)
