"""My account > Security: adding and removing passkeys and the authenticator app, making recovery codes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from provisioning import authenticator_app, demonstration, passkeys, second_factors
from provisioning.account_life import end_other_sessions, needs_second_factor
from provisioning.changes import Actor
from provisioning.confirmation import confirmed
from provisioning.forms.second_factors import NewAppForm, PasskeyForm, PasskeyNameForm
from provisioning.lock_out import Attempt, count, locked_out
from provisioning.models import User
from provisioning.refusals import Refusal
from provisioning.roles import signed_in
from provisioning.second_factor_gate import is_missing, note_shown
from provisioning.views.security import READ_AND_SEND, own_page, person_of


@signed_in
@never_cache
@READ_AND_SEND
@confirmed
def add_authenticator(request: HttpRequest) -> HttpResponse:
    """The QR code, and the first code of the app."""
    user = person_of(request)
    if request.method != "POST":
        app = authenticator_app.begin(user)
        return _app_page(request, app, NewAppForm(initial={"sealed": app.sealed}))
    refused = locked_out(request, Attempt.SECOND_STEP, user.email)
    if refused is not None:
        return refused
    form = NewAppForm(request.POST)
    shown = authenticator_app.unsealed(user, request.POST.get("sealed", ""), timezone.now())
    if shown is None:
        app = authenticator_app.begin(user)
        form = NewAppForm(initial={"sealed": app.sealed})
        messages.warning(request, _("That page was too old. Scan this new code."))
        return _app_page(request, app, form, status=422)
    if form.is_valid():
        try:
            actor, now = Actor.of_request(request), timezone.now()
            codes = second_factors.add_app(user, shown.secret, form.cleaned_data["code"], actor, now)
        except Refusal as refusal:
            form.add_error("code", refusal.sentence)
            count(request, Attempt.SECOND_STEP, user.email)
        else:
            return _added(request, codes, _("Your authenticator app is set up."))
    return _app_page(request, shown, form, status=422)


def _app_page(request: HttpRequest, app: authenticator_app.NewApp, form: Any, status: int = 200) -> HttpResponse:
    return own_page(request, "provisioning/add_authenticator.html", {"app": app, "form": form}, status)


@signed_in
@never_cache
@READ_AND_SEND
@confirmed
def add_passkey(request: HttpRequest) -> HttpResponse:
    """A name, and then the browser's own dialog (passkeys.js)."""
    form = PasskeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            actor, now = Actor.of_request(request), timezone.now()
            codes = second_factors.add_passkey(
                person_of(request), values["name"], values["credential"], actor, now
            )  # fmt: skip
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return _added(request, codes, _("Your passkey is set up."))
    status = 422 if request.method == "POST" else 200
    context = {"form": form, "passkeys_work": passkeys.work_at(request)}
    return own_page(request, "provisioning/add_passkey.html", context, status)


@signed_in
@never_cache
@require_POST
@confirmed
def add_passkey_options(request: HttpRequest) -> HttpResponse:
    """Asks the browser to make a passkey."""
    return JsonResponse(passkeys.creation(person_of(request)))


def _added(request: HttpRequest, codes: list[str], sentence: str) -> HttpResponse:
    """The factor counts as shown. With the first one come recovery codes, and the other sessions, which never
    showed one, end."""
    was_missing = is_missing(request)
    note_shown(request)
    messages.success(request, sentence)
    if not codes:
        return redirect("home" if was_missing else "security")
    end_other_sessions(person_of(request), request.session.session_key or "")
    return own_page(request, "provisioning/recovery_codes.html", {"codes": codes, "onwards": was_missing})


@signed_in
@never_cache
@READ_AND_SEND
@confirmed
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """How many are left; new ones, shown once."""
    user = person_of(request)
    if request.method != "POST":
        return own_page(request, "provisioning/recovery_codes.html", {"factors": second_factors.factors_of(user)})
    try:
        codes = second_factors.make_codes(user, Actor.of_request(request), timezone.now())
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect("security")
    return own_page(request, "provisioning/recovery_codes.html", {"codes": codes})


@signed_in
@never_cache
@READ_AND_SEND
@confirmed
def second_factor(request: HttpRequest, factor_id: int) -> HttpResponse:
    """One passkey, or the app: its name, and taking it away."""
    user = person_of(request)
    factors = second_factors.factors_of(user)
    found = next((row for row in [factors.app, *factors.passkeys] if row is not None and row.pk == factor_id), None)
    if found is None:
        raise Http404
    if request.method == "POST":
        answer = _removed(request, factor_id) if "remove" in request.POST else _renamed(request, factor_id)
        if answer is not None:
            return answer
    form = PasskeyNameForm(request.POST if request.method == "POST" else None, initial={"name": found.data.get("name")})
    context = {
        "factor": found, "title": second_factors.title(found), "form": form,
        "last": len(factors.passkeys) + (factors.app is not None) == 1,
        "required": _is_required(user) and needs_second_factor(user),
    }  # fmt: skip
    status = 422 if request.method == "POST" else 200
    return own_page(request, "provisioning/second_factor.html", context, status)


def _removed(request: HttpRequest, factor_id: int) -> HttpResponse:
    user = person_of(request)
    try:
        second_factors.remove(user, factor_id, Actor.of_request(request), timezone.now(), required=_is_required(user))
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, _("It was removed."))
    return redirect("security")


def _is_required(user: User) -> bool:
    """Whether who needs a second factor is held to it here."""
    return settings.SECOND_FACTOR_REQUIRED and not demonstration.is_exempt(user)


def _renamed(request: HttpRequest, factor_id: int) -> HttpResponse | None:
    form = PasskeyNameForm(request.POST)
    if not form.is_valid():
        return None
    second_factors.rename_passkey(person_of(request), factor_id, form.cleaned_data["name"])
    messages.success(request, _("The name was saved."))
    return redirect("security")
