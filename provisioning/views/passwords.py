"""Choosing a password through a link by mail: an invitation, or a forgotten password."""

from __future__ import annotations

from typing import Any

from allauth.account.utils import perform_login
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from provisioning import links, passwords
from provisioning.forms.passwords import ChoosePasswordForm, ForgotPasswordForm
from provisioning.links import Purpose
from provisioning.lock_out import Attempt, count, locked_out
from provisioning.models import User
from provisioning.refusals import Refusal
from provisioning.roles import public

READ_AND_SEND = require_http_methods(["GET", "HEAD", "POST"])


@public
@never_cache
@READ_AND_SEND
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Public: whoever forgot the password can't be signed in. Says the same for every address."""
    form = ForgotPasswordForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(request, "provisioning/forgot_password.html", {"form": form}, status=status)
    typed = form.cleaned_data["email"]
    refused = locked_out(request, Attempt.RESET, typed)
    if refused is not None:
        return refused
    count(request, Attempt.RESET, typed)
    passwords.ask_for_reset(typed, request.META.get("REMOTE_ADDR"), timezone.now())
    return render(request, "provisioning/forgot_password_sent.html", {"typed": typed})


@public
@never_cache
@READ_AND_SEND
def accept_invitation(request: HttpRequest) -> HttpResponse:
    """Public: the signed link is what lets a new user in, to choose the first password."""
    answer = _chosen(request, Purpose.INVITATION)
    if isinstance(answer, HttpResponse):
        return answer
    messages.success(request, _("Welcome. Your account is active."))
    response: HttpResponse = perform_login(request, answer)
    return response


@public
@never_cache
@READ_AND_SEND
def set_password(request: HttpRequest) -> HttpResponse:
    """Public: the signed link is what lets a user without the password in, to choose a new one."""
    answer = _chosen(request, Purpose.RESET)
    if isinstance(answer, HttpResponse):
        return answer
    messages.success(request, _("Your password was changed. Sign in with the new one."))
    return redirect("sign_in")


def _chosen(request: HttpRequest, purpose: Purpose) -> User | HttpResponse:
    """The user who has just chosen a password; or the page to answer with."""
    now = timezone.now()
    key = request.POST.get("key", "") if request.method == "POST" else request.GET.get("key", "")
    link = links.read(key, purpose, now)
    if link is None:
        return _void(request, passwords.void(purpose), purpose)
    form = ChoosePasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            ip = request.META.get("REMOTE_ADDR")
            return passwords.choose(key, purpose, form.cleaned_data["new_password"], ip, now)
        except ValidationError as error:
            form.add_error("new_password", error)
        except Refusal as refusal:
            return _void(request, refusal, purpose)
    status = 422 if request.method == "POST" else 200
    context: dict[str, Any] = {"form": form, "key": key, "link": link, "invited": purpose is Purpose.INVITATION}
    return render(request, "provisioning/choose_password.html", context, status=status)


def _void(request: HttpRequest, refusal: Refusal, purpose: Purpose) -> HttpResponse:
    context = {"sentence": refusal.sentence, "invited": purpose is Purpose.INVITATION}
    return render(request, "provisioning/link_void.html", context, status=refusal.http_status)
