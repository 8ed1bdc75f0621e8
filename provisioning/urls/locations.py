"""Addresses of locations: pages, and their part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.api import locations as api
from provisioning.views import locations

urlpatterns: list[URLPattern] = [
    path("locations/", locations.locations, name="locations"),
    path("locations/new/", locations.new_location, name="new_location"),
    path("locations/<uuid:location_id>/", locations.location, name="location"),
    path("locations/<uuid:location_id>/delete/", locations.location_delete, name="location_delete"),
]

api_urlpatterns: list[URLPattern] = [
    path("locations", api.Locations.as_view(), name="locations"),
    path("locations/<uuid:location_id>", api.OneLocation.as_view(), name="location"),
]
