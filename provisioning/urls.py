"""Addresses of this app: pages, and its part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.views import sign_in

urlpatterns: list[URLPattern] = [
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
]

api_urlpatterns: list[URLPattern] = []
