"""The stage of a sign-in between the password and being in: a code or a passkey, for whoever has set one up.

Until it is done nobody is signed in: the session only remembers, for ten minutes, whose password was right.
"""

from __future__ import annotations

from typing import Any

from allauth.account.stages import LoginStage
from django.http import HttpResponse
from django.shortcuts import redirect

from provisioning.account_life import has_second_factor


class SecondStep(LoginStage):  # type: ignore[misc]  # allauth has no types
    key = "second_step"
    urlname = "second_step"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """The second step's page, for whoever has a second factor; on with it for everybody else."""
        if self.login.state.get("passkey") or not has_second_factor(self._user):
            return None, True
        return redirect(self.urlname), True

    @property
    def _user(self) -> Any:
        return self.login.user
