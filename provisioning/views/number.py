"""One number: where it belongs, who has it and had it, whether it can text."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from provisioning import number_inventory
from provisioning.changes import Actor
from provisioning.forms.numbers import NumberForm
from provisioning.models import NumberTenure, PhoneNumber, User
from provisioning.models.choices import fold
from provisioning.models.users import License
from provisioning.number_actions import out_of_reach
from provisioning.number_assignment import reassign
from provisioning.number_capability import ask_again
from provisioning.number_pauses import pause_of
from provisioning.numbers import national
from provisioning.refusals import Refusal
from provisioning.roles import Permission, permissions_of, requires
from provisioning.scoping import campaigns_in_reach, locations_in_reach, numbers_in_reach, users_in_reach
from provisioning.views.numbers import administrator, holder_of

PEOPLE: Final = 10
"""As many users as one looks at; who looks for another one types more."""
TENURES: Final = 50


@requires(Permission.VIEW_NUMBERS)
def number(request: HttpRequest, number_id: uuid.UUID) -> HttpResponse:
    """The page; posted, it saves location, campaign and whether the number is active."""
    row = _number(request, number_id)
    if request.method != "POST":
        return _page(request, row)
    if Permission.CHANGE_NUMBERS not in permissions_of(administrator(request)):
        raise PermissionDenied
    form = _form(request, row, posted=True)
    if form.is_valid():
        try:
            _save(row, form, Actor.of_request(request))
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("Saved %(number)s.") % {"number": national(row.e164)})
            return redirect("number", number_id=row.pk)
    return _page(request, _number(request, number_id), form=form, status=form.http_status)


@requires(Permission.VIEW_NUMBERS, Permission.ASSIGN_NUMBERS)
@require_POST
def number_user(request: HttpRequest, number_id: uuid.UUID) -> HttpResponse:
    """Give the number to a user, or take it away."""
    row = _number(request, number_id)
    try:
        user = _chosen(request)
        if row.user is not None and holder_of(row, administrator(request)) is None:
            raise out_of_reach()
        reassign(row, user, Actor.of_request(request), timezone.now())
    except Refusal as refusal:
        return _page(request, _number(request, number_id), refusal=refusal, status=refusal.http_status)
    words = {"number": national(row.e164), "user": user.display_name if user else ""}
    sentence = _("%(number)s is the primary number of %(user)s.") if user else _("%(number)s is free now.")
    messages.success(request, sentence % words)
    return redirect("number", number_id=row.pk)


@requires(Permission.VIEW_NUMBERS, Permission.CHANGE_NUMBERS)
@require_POST
def number_capability(request: HttpRequest, number_id: uuid.UUID) -> HttpResponse:
    """Have the carrier asked again."""
    row = _number(request, number_id)
    if ask_again([row], timezone.now()):
        messages.success(request, _("The carrier is asked about this number. Reload in a moment to see its answer."))
    return redirect("number", number_id=row.pk)


def _number(request: HttpRequest, number_id: uuid.UUID) -> PhoneNumber:
    """A released one too, where it is in reach: its history stays."""
    rows = numbers_in_reach(administrator(request)).select_related("location", "user__location", "campaign__brand")
    return get_object_or_404(rows, pk=number_id)


def _form(request: HttpRequest, row: PhoneNumber, *, posted: bool) -> NumberForm:
    user = administrator(request)
    campaigns = campaigns_in_reach(user).order_by("name", "pk")
    return NumberForm(
        request.POST if posted else None, number=row, locations=locations_in_reach(user), campaigns=campaigns
    )


def _save(row: PhoneNumber, form: NumberForm, actor: Actor) -> None:
    """Only what was changed on the page; all of it or nothing."""
    number_inventory.edit(row, {name: form.cleaned_data[name] for name in form.changed_data}, actor, timezone.now())


def _chosen(request: HttpRequest) -> User | None:
    """The user that was chosen; None when the number is taken away. Refusal: neither."""
    if request.POST.get("nobody"):
        return None
    try:
        user_id = uuid.UUID(request.POST.get("user", ""))
    except ValueError:
        raise Refusal("user_required", _("Choose a user, then assign the number.")) from None
    return get_object_or_404(users_in_reach(administrator(request)), pk=user_id)


def _page(
    request: HttpRequest,
    row: PhoneNumber,
    *,
    form: NumberForm | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    user = administrator(request)
    granted, typed = permissions_of(user), request.GET.get("q", "").strip()[:100]
    owned = row.released_at is None
    can_assign = owned and Permission.ASSIGN_NUMBERS in granted
    people = _people(request, row, typed) if can_assign else []
    context: dict[str, Any] = {
        "number": row,
        "holder": holder_of(row, user),
        "pause": pause_of(row),
        "form": form or _form(request, row, posted=False),
        "refusal": refusal,
        "can_change": owned and Permission.CHANGE_NUMBERS in granted,
        "can_assign": can_assign,
        "can_see_registration": Permission.VIEW_REGISTRATION in granted,
        "people": people[:PEOPLE],
        "more_people": len(people) > PEOPLE,
        "typed": typed,
        "tenures": _tenures(request, row),
    }
    return render(request, "provisioning/number.html", context, status=status)


def _people(request: HttpRequest, row: PhoneNumber, typed: str) -> list[User]:
    """Whom the number may be for, one more than is shown: without a search, users of its location who have none."""
    people = users_in_reach(administrator(request)).filter(is_active=True).select_related("location", "primary_number")
    ordered = (
        people.exclude(pk=row.user_id).order_by("sort_name", "pk")
        if row.user_id
        else people.order_by("sort_name", "pk")
    )
    if typed:
        return list(ordered.filter(_named(typed))[: PEOPLE + 1])
    waiting = ordered.filter(location=row.location_id, primary_number__isnull=True).exclude(license=License.NONE)
    return list(waiting[: PEOPLE + 1])


def _named(typed: str) -> Q:
    words = Q()
    for word in fold(typed.replace("\x00", "")).split():
        words &= Q(search_text__contains=word)
    return words


def _tenures(request: HttpRequest, row: PhoneNumber) -> QuerySet[NumberTenure]:
    """Who had it, newest first; of a location administrator's users only."""
    reach = users_in_reach(administrator(request))
    tenures = NumberTenure.objects.filter(number=row, user__in=reach).select_related("user")
    return tenures.order_by("-since", "-pk")[:TENURES]
