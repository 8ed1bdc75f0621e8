"""Every address of the hub. Pages and API of an app are listed in that app's urls.py."""

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from compliance import urls as compliance
from messaging import urls as messaging
from provisioning import urls as provisioning
from texting_hub import health, live, metrics, views
from texting_hub.openapi import ApiDocs

api_v1 = [
    *messaging.api_urlpatterns,
    *provisioning.api_urlpatterns,
    *compliance.api_urlpatterns,
]

# What programs ask for comes first: each address before theirs is one more that theirs is compared with.
urlpatterns = [
    path("api/v1/", include((api_v1, "api"), namespace="api")),
    path("", views.home, name="home"),
    path("", include(provisioning)),
    path("", include(messaging)),
    path("", include(compliance)),
    path("live/", live.stream, name="live"),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", login_required(ApiDocs.as_view(url_name="schema")), name="api_docs"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", metrics.page, name="metrics"),
]

handler400 = "texting_hub.views.bad_request"
handler403 = "texting_hub.views.forbidden"
handler404 = "texting_hub.views.not_found"
handler500 = "texting_hub.views.server_error"
