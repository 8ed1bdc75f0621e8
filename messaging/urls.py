"""Addresses of this app: pages, and its part of /api/v1/."""

from django.urls import URLPattern, path

from messaging import webhooks

urlpatterns: list[URLPattern] = [
    path("webhooks/<uuid:account_id>/", webhooks.receive, name="webhook"),
]

api_urlpatterns: list[URLPattern] = []
