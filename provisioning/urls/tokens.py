"""Addresses of API tokens: pages, and their part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.api import tokens as api
from provisioning.views import tokens

urlpatterns: list[URLPattern] = [
    path("security/api-tokens/", tokens.api_tokens, name="api_tokens"),
    path("security/api-tokens/<uuid:token_id>/revoke/", tokens.revoke_token, name="revoke_token"),
    path(
        "security/members-tokens/<uuid:members_token_id>/revoke/",
        tokens.revoke_members_token,
        name="revoke_members_token",
    ),
]

api_urlpatterns: list[URLPattern] = [
    path("tokens", api.Tokens.as_view(), name="tokens"),
    path("tokens/<uuid:token_id>", api.Token.as_view(), name="token"),
]
