"""Sign-in, Service Settings, Business Texting of users; `me` and business-texting in the API."""

from django.urls import URLPattern, path

from provisioning.api import texting as api
from provisioning.views import service_settings, sign_in, user_calling, users

urlpatterns: list[URLPattern] = [
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("calling/service-settings/", service_settings.service_settings, name="service_settings"),
    path("calling/service-settings/texting/", service_settings.organization_texting, name="organization_texting"),
    path("users/", users.users, name="users"),
    path("users/counts/", users.users_counts, name="users_counts"),
    path("users/<uuid:user_id>/calling/", user_calling.user_calling, name="user_calling"),
]

api_urlpatterns: list[URLPattern] = [
    path("me", api.Me.as_view(), name="me"),
    path(
        "organizations/<uuid:organization_id>/business-texting",
        api.OrganizationTexting.as_view(),
        name="organization_texting",
    ),
    path("locations/<uuid:location_id>/business-texting", api.LocationTexting.as_view(), name="location_texting"),
    path("people/<uuid:person_id>/business-texting", api.PersonTexting.as_view(), name="person_texting"),
]
