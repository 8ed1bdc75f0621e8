"""The stage of a sign-in between the password and being in: a code or a passkey, for whoever has set one up.

Until it is done nobody is signed in: the session only remembers, for ten minutes, whose password was right. A password
that is changed meanwhile, or a deactivation, ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from allauth.account.stages import LoginStage, LoginStageController
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare

from provisioning.account_life import has_second_factor
from provisioning.models import User

BY_PASSKEY: Final = "by_passkey"
_PASSWORD: Final = "password_was"  # noqa: S105


class SecondStep(LoginStage):  # type: ignore[misc]  # allauth has no types
    key = "second_step"
    urlname = "second_step"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """The second step's page, for whoever has a second factor; on with it for everybody else."""
        user: Any = self.login.user
        if self.login.state.get(BY_PASSKEY) or not has_second_factor(user):
            return None, True
        self.state[_PASSWORD] = user.get_session_auth_hash()
        return redirect(self.urlname), True


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that waits for its second step."""

    user: User
    stage: SecondStep


def pending(request: HttpRequest) -> Pending | None:
    """The sign-in of this session that waits for its second step."""
    stage: Any = LoginStageController.enter(request, SecondStep.key)
    user: Any = stage.login.user if stage is not None else None
    if user is None or not user.is_active:
        return None
    if not constant_time_compare(stage.state.get(_PASSWORD, ""), user.get_session_auth_hash()):
        return None
    return Pending(user, stage)
