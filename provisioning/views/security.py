"""My account > Security: the page itself, the own password, and proving again who one is. Operators' too."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from provisioning import confirmation, demonstration, passkeys, passwords, second_factors
from provisioning.account_life import needs_second_factor
from provisioning.changes import Actor
from provisioning.forms.passwords import ChangePasswordForm
from provisioning.forms.second_factors import CodeForm, CredentialForm, PasswordForm
from provisioning.lock_out import Attempt, count, forget, locked_out
from provisioning.models import User
from provisioning.refusals import Refusal
from provisioning.roles import signed_in
from provisioning.second_factor_gate import is_missing, note_shown

READ_AND_SEND = require_http_methods(["GET", "HEAD", "POST"])


def own_page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """A page of the own account; without the portal around it for who may not go there yet."""
    frame = "texting_hub/outside.html" if is_missing(request) else "texting_hub/base.html"
    return render(request, template, {"frame": frame, **context}, status=status)


@signed_in
@never_cache
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """What protects the account."""
    user = person_of(request)
    context = {
        "factors": second_factors.factors_of(user),
        "needed": needs_second_factor(user),
        "exempt": demonstration.is_exempt(user),
        "passkeys_work": passkeys.work_at(request),
    }
    return own_page(request, "provisioning/security.html", context)


@signed_in
@never_cache
@require_safe
def second_factor_setup(request: HttpRequest) -> HttpResponse:
    """Where whoever needs a second factor and has none is sent."""
    if not is_missing(request):
        return redirect("security")
    return own_page(request, "provisioning/second_factor_setup.html", {"passkeys_work": passkeys.work_at(request)})


@signed_in
@never_cache
@READ_AND_SEND
def change_password(request: HttpRequest) -> HttpResponse:
    """The own password. This session goes on, all others end."""
    user = person_of(request)
    form = ChangePasswordForm(request.POST or None)
    if request.method == "POST":
        refused = locked_out(request, Attempt.PASSWORD, user.email)
        if refused is not None:
            return refused
        if form.is_valid() and _changed(request, user, form):
            messages.success(request, _("Your password was changed. Your other sessions have ended."))
            return redirect("security")
    status = 422 if request.method == "POST" else 200
    return own_page(request, "provisioning/change_password.html", {"form": form}, status)


def _changed(request: HttpRequest, user: User, form: ChangePasswordForm) -> bool:
    values, session_key = form.cleaned_data, request.session.session_key or ""
    try:
        changed = passwords.change(
            user, values["current_password"], values["new_password"], session_key, ip_of(request), timezone.now()
        )
    except ValidationError as error:
        form.add_error("new_password", error)
    except Refusal as refusal:
        form.add_error("current_password", refusal.sentence)
        count(request, Attempt.PASSWORD, user.email)
    else:
        update_session_auth_hash(request, changed)
        return True
    return False


@signed_in
@never_cache
@READ_AND_SEND
def confirm(request: HttpRequest) -> HttpResponse:
    """Prove again who you are: with the second factor, or the password for who has no second factor."""
    user = person_of(request)
    factors = second_factors.factors_of(user)
    following = _following(request)
    context = {"factors": factors, "next": following, "person": user, "passkeys_work": passkeys.work_at(request)}
    if request.method != "POST":
        form = CodeForm() if factors.any else PasswordForm()
        return own_page(request, "provisioning/confirm.html", {"form": form, **context})
    attempt = Attempt.SECOND_STEP if factors.any else Attempt.PASSWORD
    refused = locked_out(request, attempt, user.email)
    if refused is not None:
        return refused
    form = _form_of(request, factors)
    if form.is_valid() and _proven(request, user, form):
        forget(Attempt.SECOND_STEP, user.email)
        confirmation.note(request, timezone.now())
        if factors.any:
            note_shown(request)
        return redirect(following or "security")
    if form.is_valid():
        count(request, attempt, user.email)
        form.add_error(None, _("That is not right. Try again."))
    shown = form if not isinstance(form, CredentialForm) else CodeForm()
    failed = form.non_field_errors() if isinstance(form, CredentialForm) else []
    return own_page(request, "provisioning/confirm.html", {"form": shown, "failed": failed, **context}, 422)


def _form_of(request: HttpRequest, factors: second_factors.Factors) -> Any:
    if not factors.any:
        return PasswordForm(request.POST)
    return CredentialForm(request.POST) if "credential" in request.POST else CodeForm(request.POST)


def _proven(request: HttpRequest, user: User, form: Any) -> bool:
    values, now = form.cleaned_data, timezone.now()
    if "password" in values:
        return user.check_password(values["password"])
    if "credential" in values:
        return second_factors.passkey_fits(user, values["credential"], now) is not None
    return second_factors.code_fits(user, values["code"], Actor.of_request(request), now) is not None


def _following(request: HttpRequest) -> str:
    """Where to go on to: an address of this host, or nothing."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else ""


@signed_in
@never_cache
@require_POST
def confirm_options(request: HttpRequest) -> HttpResponse:
    """Asks the browser for one of the person's own passkeys."""
    return JsonResponse(passkeys.challenge(person_of(request)))


def person_of(request: HttpRequest) -> User:
    """The signed-in person."""
    user: Any = request.user
    found: User = user
    return found


def ip_of(request: HttpRequest) -> str | None:
    return request.META.get("REMOTE_ADDR") or None
