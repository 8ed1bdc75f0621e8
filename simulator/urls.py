"""The handset for people, the carrier's API for the hub, the controls for tests and commands."""

import mimetypes
from pathlib import Path as File

from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET

from simulator import capabilities, control, handset, registry_desk, registry_wire, wire


@require_GET
async def alive(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_GET
def static(request: HttpRequest, path: str) -> HttpResponse:
    """Straight from the source folders: nothing to collect, and never part of a production deployment."""
    found = finders.find(path)
    if found is None:
        raise Http404
    response = HttpResponse(File(found).read_bytes(), content_type=mimetypes.guess_type(found)[0])
    response["Cache-Control"] = "no-cache"
    return response


urlpatterns = [
    path("", handset.page, name="handset"),
    path("live/", handset.live, name="live"),
    path("write/", handset.write, name="write"),
    path("choose/", handset.choose, name="choose"),
    path("phones/", handset.add_phone, name="add_phone"),
    path("v1/taken", wire.taken),  # POST /v1/messages: see wire.beside
    path("registry/", registry_desk.page, name="registry"),
    path("registry/choose/", registry_desk.choose, name="registry_choose"),
    path("registry/decide/", registry_desk.decide, name="registry_decide"),
    path("registry/v1/brands", registry_wire.brands),
    path("registry/v1/campaigns", registry_wire.campaigns),
    path("registry/v1/submissions/<str:reference>", registry_wire.submission),
    path("registry/v1/taken", registry_wire.taken),
    path("control/registry", registry_wire.mode),
    path("control/decide", registry_wire.decide),
    path("control/mode", control.mode),
    path("control/inbound", control.inbound),
    path("control/webhook", control.webhook),
    path("v1/numbers/capability", capabilities.capability),
    path("control/capability", capabilities.told),
    path("control/names", control.names),
    path("control/state", control.state),
    path("control/reset", control.reset),
    path("healthz", alive),
    path("static/<path:path>", static),
]
