"""Addresses of registration: pages, and their part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.views import registry_webhook

urlpatterns: list[URLPattern] = [
    path("webhooks/registry/<uuid:registry_account_id>/", registry_webhook.receive, name="registry_webhook"),
]

api_urlpatterns: list[URLPattern] = []
