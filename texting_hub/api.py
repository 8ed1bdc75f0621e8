"""The API's defaults: JSON by orjson, cursor pages, and errors as RFC 9457 problem documents with a stable code."""

from __future__ import annotations

from typing import Any

import orjson
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from rest_framework import exceptions, renderers
from rest_framework.pagination import CursorPagination as BaseCursorPagination
from rest_framework.response import Response

from provisioning.refusals import Refusal


class JSONRenderer(renderers.BaseRenderer):
    """JSON, UTF-8. Problem documents keep their own media type (see `problem`)."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    raise TypeError


class CursorPagination(BaseCursorPagination):
    """Fifty a page, `?page_size=` up to 200, newest first; ids are UUIDv7, so they sort by time."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = "-id"


CODES = {
    400: "invalid",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
}


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None (an unforeseen error) becomes the 500 handler's problem document."""
    if isinstance(error, Refusal):
        return problem_response(error.http_status, error.code, error.sentence, **error.extra)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        return problem_response(413, CODES[413], _("The request is too large. Send less at once."))
    if not isinstance(error, exceptions.APIException):
        return None
    return _of_api_exception(error)


def _of_api_exception(error: exceptions.APIException) -> Response:
    extra: dict[str, Any] = {}
    detail = str(error.detail) if not isinstance(error.detail, (list, dict)) else _("Some values are not valid.")
    if isinstance(error, exceptions.ValidationError):
        extra["errors"] = error.get_full_details()
    code = CODES.get(error.status_code, error.default_code)
    response = problem_response(error.status_code, code, detail, **extra)
    wait = getattr(error, "wait", None)
    if wait is not None:
        response["Retry-After"] = str(int(wait) + 1)
    challenge = getattr(error, "auth_header", None)
    if challenge:
        response["WWW-Authenticate"] = challenge
    return response


def problem_response(status: int, code: str, sentence: str, **extra: Any) -> Response:
    """A problem document: `type` and `code` for machines, `title` and `detail` for people."""
    return Response(
        {"type": f"about:blank#{code}", "title": sentence, "status": status, "code": code, **extra},
        status=status,
        content_type="application/problem+json",
    )


