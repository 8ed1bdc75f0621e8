"""Signing in and out: password, then the second step for whoever has one; or a passkey alone."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from provisioning import demonstration, passkeys, second_factors, second_step
from provisioning.changes import Actor
from provisioning.forms.second_factors import CodeForm, CredentialForm
from provisioning.forms.sign_in import SignInForm
from provisioning.lock_out import Attempt, count, forget, locked_out
from provisioning.models import User
from provisioning.roles import public
from provisioning.second_factor_gate import note_shown
from provisioning.sign_in import record_passkey_failed, record_second_step_failed, signing_in_with

NOT_RIGHT = gettext_lazy("This code is not right, or it was used already. Wait for the next one, then try again.")
NO_PASSKEY = gettext_lazy("That passkey did not work. Try again, or use a code.")


class SignIn(LoginView):
    """Django's form and checks, allauth's stages. Follows `next` only to this host."""

    form_class = SignInForm
    template_name = "provisioning/sign_in.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """In the demonstration, a button per role; they post the same form."""
        accounts = demonstration.sign_ins()
        return super().get_context_data(
            accounts=accounts, demo_password=settings.DEMO_PASSWORD if accounts else "",
            passkeys_work=passkeys.work_at(self.request), **kwargs,
        )  # fmt: skip

    def form_valid(self, form: Any) -> HttpResponse:
        """The password is right; a second step may follow."""
        signing_in_with(self.request, "password")
        login = Login(user=form.get_user(), redirect_url=self.get_success_url())
        response: HttpResponse = perform_login(self.request, login)
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """The form again, with what was typed but the password."""
        return self.render_to_response(self.get_context_data(form=form), status=422)


sign_in = public(never_cache(SignIn.as_view()))
sign_in.__doc__ = "Public: this is where one becomes somebody."

sign_out = public(LogoutView.as_view())
"""Public: whoever is signed out already lands on the sign-in page, not on an error."""


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_step_page(request: HttpRequest) -> HttpResponse:
    """Public: the password was right, but nobody is signed in before the second factor was shown."""
    pending = second_step.pending(request)
    if pending is None:
        return redirect("sign_in")
    if request.method != "POST":
        return _second_step(request, pending.user, CodeForm())
    refused = locked_out(request, Attempt.SECOND_STEP, pending.user.email)
    if refused is not None:
        return refused
    form = CredentialForm(request.POST) if "credential" in request.POST else CodeForm(request.POST)
    used = _factor_shown(request, pending.user, form)
    if used is None:
        return _second_step_failed(request, pending.user, form)
    forget(Attempt.SECOND_STEP, pending.user.email)
    signing_in_with(request, "password", used.type)
    response: HttpResponse = pending.stage.exit()
    if request.user.is_authenticated:
        note_shown(request)
    return response


def _factor_shown(request: HttpRequest, user: User, form: Any) -> Any:
    """The second factor that the form proves."""
    if not form.is_valid():
        return None
    now = timezone.now()
    if "credential" in form.cleaned_data:
        return second_factors.passkey_fits(user, form.cleaned_data["credential"], now)
    actor = Actor.of_user(user, "portal", request.META.get("REMOTE_ADDR"))
    return second_factors.code_fits(user, form.cleaned_data["code"], actor, now)


def _second_step_failed(request: HttpRequest, user: User, form: Any) -> HttpResponse:
    if form.is_valid():
        count(request, Attempt.SECOND_STEP, user.email)
        record_second_step_failed(request, user)
    again = form if isinstance(form, CodeForm) else CodeForm({})
    again.errors.clear()
    again.add_error(None, NOT_RIGHT if isinstance(form, CodeForm) else NO_PASSKEY)
    return _second_step(request, user, again, status=422)


def _second_step(request: HttpRequest, user: User, form: Any, status: int = 200) -> HttpResponse:
    factors = second_factors.factors_of(user)
    context = {"form": form, "factors": factors, "person": user, "passkeys_work": passkeys.work_at(request)}
    return render(request, "provisioning/second_step.html", context, status=status)


@public
@never_cache
@require_POST
def second_step_options(request: HttpRequest) -> HttpResponse:
    """Public: asks the browser for a passkey of the person whose password was right."""
    pending = second_step.pending(request)
    if pending is None:
        return JsonResponse({"code": "no_sign_in"}, status=409)
    return JsonResponse(passkeys.challenge(pending.user))


@public
@never_cache
@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """Public: asks the browser for any passkey of this site; says nothing of anybody."""
    return JsonResponse(passkeys.challenge(None))


@public
@never_cache
@require_POST
def passkey_sign_in(request: HttpRequest) -> HttpResponse:
    """Public: a passkey proves device and person at once, so it is a whole sign-in."""
    form = CredentialForm(request.POST)
    credential = form.cleaned_data["credential"] if form.is_valid() else None
    user = second_factors.user_of_passkey(credential)
    if user is None or second_factors.passkey_fits(user, credential, timezone.now()) is None:
        record_passkey_failed(request, user)
        return _passkey_refused(request)
    signing_in_with(request, second_factors.Kind.WEBAUTHN)
    view = SignIn()
    view.setup(request)
    login = Login(user=user, redirect_url=view.get_success_url(), state={second_step.BY_PASSKEY: True})
    response: HttpResponse = perform_login(request, login)
    note_shown(request)
    return response


def _passkey_refused(request: HttpRequest) -> HttpResponse:
    """The sign-in page again."""
    view = SignIn()
    view.setup(request)
    form = SignInForm(request, data={})
    form.errors.clear()
    form.add_error(None, _("That passkey is not known here. Sign in with your password."))
    return view.form_invalid(form)
