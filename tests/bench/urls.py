"""The hub's addresses, and where the naive relay takes its receipts."""

from django.urls import include, path

from tests.bench.naive import receipts

urlpatterns = [path("webhooks/naive/", receipts), path("", include("texting_hub.urls"))]
