"""Signing in and out: Django's own views, with our form and pages."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpResponse

from provisioning import demonstration
from provisioning.forms.sign_in import SignInForm
from provisioning.roles import public


class SignIn(LoginView):
    """Django makes a new session key at sign-in, and follows `next` only to this host."""

    form_class = SignInForm
    template_name = "provisioning/sign_in.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """In the demonstration, a button per role; they post the same form."""
        accounts = demonstration.sign_ins()
        return super().get_context_data(
            accounts=accounts, demo_password=settings.DEMO_PASSWORD if accounts else "", **kwargs
        )

    def form_invalid(self, form: Any) -> HttpResponse:
        """The form again, with what was typed but the password."""
        return self.render_to_response(self.get_context_data(form=form), status=422)


sign_in = public(SignIn.as_view())
"""Public: this is where one becomes somebody."""

sign_out = public(LogoutView.as_view())
"""Public: whoever is signed out already lands on the sign-in page, not on an error."""
