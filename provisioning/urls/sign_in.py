"""Addresses of signing in and of the own account: pages, and their part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.views import outbox, passwords, second_factors, security, sessions, sign_in

urlpatterns: list[URLPattern] = [
    path("sign-in/second-step/", sign_in.second_step_page, name="second_step"),
    path("sign-in/second-step/options/", sign_in.second_step_options, name="second_step_options"),
    path("sign-in/passkey/", sign_in.passkey_sign_in, name="passkey_sign_in"),
    path("sign-in/passkey/options/", sign_in.passkey_options, name="passkey_options"),
    path("sign-in/activate/", passwords.accept_invitation, name="accept_invitation"),
    path("sign-in/forgot-password/", passwords.forgot_password, name="forgot_password"),
    path("sign-in/set-password/", passwords.set_password, name="set_password"),
    path("security/", security.security, name="security"),
    path("security/set-up/", security.second_factor_setup, name="second_factor_setup"),
    path("security/password/", security.change_password, name="change_password"),
    path("security/confirm/", security.confirm, name="confirm"),
    path("security/confirm/options/", security.confirm_options, name="confirm_options"),
    path("security/authenticator/", second_factors.add_authenticator, name="add_authenticator"),
    path("security/passkeys/", second_factors.add_passkey, name="add_passkey"),
    path("security/passkeys/options/", second_factors.add_passkey_options, name="add_passkey_options"),
    path("security/recovery-codes/", second_factors.recovery_codes, name="recovery_codes"),
    path("security/second-factors/<int:factor_id>/", second_factors.second_factor, name="second_factor"),
    path("security/sessions/", sessions.sessions, name="sessions"),
    path("security/sessions/end/", sessions.end_sessions, name="end_sessions"),
    path("outbox/", outbox.outbox, name="outbox"),
]

api_urlpatterns: list[URLPattern] = []
