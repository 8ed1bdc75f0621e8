"""Addresses of sign in: pages, and their part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.views import passwords

urlpatterns: list[URLPattern] = [
    path("sign-in/activate/", passwords.accept_invitation, name="accept_invitation"),
    path("sign-in/forgot-password/", passwords.forgot_password, name="forgot_password"),
    path("sign-in/set-password/", passwords.set_password, name="set_password"),
]

api_urlpatterns: list[URLPattern] = []
