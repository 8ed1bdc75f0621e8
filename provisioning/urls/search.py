"""Addresses of the search in the top bar."""

from django.urls import URLPattern, path

from provisioning.views import search

urlpatterns: list[URLPattern] = [path("search/", search.search, name="search")]

api_urlpatterns: list[URLPattern] = []
