"""Addresses of numbers: pages, and their part of /api/v1/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []

api_urlpatterns: list[URLPattern] = []
