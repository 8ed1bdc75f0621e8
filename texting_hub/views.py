"""The front door and the error pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from structlog.contextvars import get_contextvars

from provisioning.roles import Permission, permissions_of, signed_in
from texting_hub.api import problem_response


@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """Everybody's own first page: the relay for operators, the desk for officers, the portal, or the inbox."""
    user: Any = request.user
    granted = permissions_of(user)
    if user.is_staff:
        return redirect("operations")
    if Permission.VIEW_ORGANIZATION in granted:
        return redirect("overview")
    if Permission.VIEW_USERS in granted:
        return redirect("users")
    if Permission.READ_RETAINED_MESSAGES in granted:
        return redirect("retained_messages")
    return redirect("inbox")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 400, "bad_request", _("This request was not understood. Go back and try again."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(
        request, 403, "permission_denied", _("Your role does not include this. Ask a full administrator for it.")
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A page that was open for too long, or a forged form."""
    return _error(
        request, 403, "stale_form", _("This form is too old to be sent. Reload the page, then send it again.")
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404, "not_found", _("There is nothing at this address, or it is not yours to see."))


def server_error(request: HttpRequest) -> HttpResponse:
    return _error(
        request, 500, "server_error", _("Something went wrong on our side. Nothing was lost. Try again in a moment.")
    )


def _error(request: HttpRequest, status: int, code: str, sentence: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problem_response(status, code, sentence)
    request_id = str(get_contextvars().get("request_id", ""))
    context = {"sentence": sentence, "code": code, "status": status, "request_id": request_id}
    return render(request, "texting_hub/error.html", context, status=status)
