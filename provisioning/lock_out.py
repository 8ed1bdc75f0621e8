"""Too many tries: one mechanism (django-axes) for passwords, codes, passkeys and asking for a new password.

Ten failures in fifteen minutes and the answer is 429, whether or not there is such an account.
- Passwords and reset requests are counted by address typed and address it came from: nobody else can lock a person out.
- A second step is counted by account alone, wherever it comes from: only who knows the password gets to fail it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_lockout_response
from django.http import HttpRequest, HttpResponse

from provisioning.models import User
from provisioning.models.choices import fold


class Attempt(StrEnum):
    """What was tried."""

    PASSWORD = "password"  # noqa: S105
    SECOND_STEP = "second_step"
    RESET = "reset"


_MARK: Final = "\x1f"
"""Stands in front of the names of second steps and resets. Nobody can type it there: names are stripped."""


def attempted_name(request: HttpRequest | None, credentials: Mapping[str, Any] | None = None) -> str:
    """The name that failures are counted under: the typed address, without regard to case."""
    given = credentials or {}
    typed = given.get("username") or (request.POST.get("username", "") if request is not None else "")
    name = fold(str(typed).strip().replace("\0", ""))
    kind = given.get("attempt", Attempt.PASSWORD)
    return (name if kind == Attempt.PASSWORD else f"{_MARK}{kind}{_MARK}{name}")[:255]


def counted_by(request: Any, credentials: Mapping[str, Any] | None = None) -> list[str | list[str]]:
    """django-axes asks by what to count."""
    kind = (credentials or {}).get("attempt", Attempt.PASSWORD)
    return ["username"] if kind == Attempt.SECOND_STEP else [["username", "ip_address"]]


def locked_out(request: HttpRequest, attempt: Attempt, name: str) -> HttpResponse | None:
    """The answer to give instead of trying, if there were too many tries."""
    credentials = _credentials(attempt, name)
    if AxesProxyHandler.is_allowed(request, credentials):
        return None
    response: HttpResponse = get_lockout_response(request, None, credentials)
    return response


def count(request: HttpRequest, attempt: Attempt, name: str) -> None:
    """One more try that failed (or, for a reset, that was asked for). The tenth is answered with 429 by itself."""
    AxesProxyHandler.user_login_failed(sender=User, credentials=_credentials(attempt, name), request=request)


def forget(attempt: Attempt, name: str) -> None:
    """It succeeded: earlier failures are forgotten."""
    AxesProxyHandler.get_implementation().reset_attempts(username=attempted_name(None, _credentials(attempt, name)))


def _credentials(attempt: Attempt, name: str) -> dict[str, str]:
    return {"username": name, "attempt": attempt}
