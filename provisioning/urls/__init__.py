"""Addresses of this app: pages, and its part of /api/v1/; one module a noun."""

from django.urls import URLPattern

from provisioning.urls import (
    account,
    alerts,
    imports,
    locations,
    numbers,
    people,
    registration,
    search,
    sign_in,
    tasks,
    texting,
    tokens,
)

_NOUNS = (texting, people, imports, locations, numbers, registration, tasks, account, sign_in, tokens, alerts, search)

urlpatterns: list[URLPattern] = [pattern for noun in _NOUNS for pattern in noun.urlpatterns]

api_urlpatterns: list[URLPattern] = [pattern for noun in _NOUNS for pattern in noun.api_urlpatterns]
