"""Addresses of numbers: pages, and their part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.api import numbers as api
from provisioning.api import primary_numbers
from provisioning.views import number, number_additions, number_bulk, numbers

_NUMBER = "numbers/<uuid:number_id>/"

urlpatterns: list[URLPattern] = [
    path("numbers/", numbers.numbers, name="numbers"),
    path("numbers/new/", number_additions.new_numbers, name="new_numbers"),
    path("numbers/bulk/", number_bulk.bulk_numbers, name="bulk_numbers"),
    path(_NUMBER, number.number, name="number"),
    path(f"{_NUMBER}user/", number.number_user, name="number_user"),
    path(f"{_NUMBER}capability/", number.number_capability, name="number_capability"),
]

api_urlpatterns: list[URLPattern] = [
    path("numbers", api.Numbers.as_view(), name="numbers"),
    path("numbers/bulk", api.NumbersBulk.as_view(), name="numbers_bulk"),
    path("numbers/<uuid:number_id>", api.OneNumber.as_view(), name="number"),
    path(
        "numbers/<uuid:number_id>/capability-refresh",
        api.NumberCapabilityRefresh.as_view(),
        name="number_capability_refresh",
    ),
    path("people/<uuid:person_id>/primary-number", primary_numbers.PrimaryNumber.as_view(), name="primary_number"),
]
