"""The live stream (server-sent events)."""

from django.http import HttpRequest, HttpResponse

from provisioning.roles import signed_in


@signed_in
def stream(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)
