"""Addresses of the organization's account: pages, and their part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.api import account as api
from provisioning.views import account

urlpatterns: list[URLPattern] = [
    path("account/", account.account, name="account"),
]

api_urlpatterns: list[URLPattern] = [
    path("organizations/<uuid:organization_id>", api.OneOrganization.as_view(), name="organization"),
]
