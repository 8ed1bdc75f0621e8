"""Addresses of alerts: the page, and its part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.api import alerts as api
from provisioning.views import alerts

urlpatterns: list[URLPattern] = [
    path("alerts/", alerts.alerts, name="alerts"),
]

api_urlpatterns: list[URLPattern] = [
    path("alerts", api.Alerts.as_view(), name="alerts"),
]
