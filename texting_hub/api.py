"""The API's defaults: JSON in and out, cursor pages, and errors as RFC 9457 problem documents with a stable code.

A problem document: `code` is for machines and never changes; `title` is the sentence for people; `errors` lists what
is wrong with the body or the query (`pointer`, `code`, `detail`); a refusal may add members, such as `remedy`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any, Final

import orjson
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.db import DataError
from django.http import Http404, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, parsers, renderers
from rest_framework.pagination import CursorPagination as BaseCursorPagination
from rest_framework.request import Request
from structlog.contextvars import get_contextvars

from provisioning.refusals import Refusal

PROBLEM_TYPE: Final = "application/problem+json"


class JSONRenderer(renderers.BaseRenderer):
    """JSON, UTF-8."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else to_json(data)


def to_json(value: Any) -> bytes:
    """Dates as ISO 8601, UUIDs as text, translations as text in the language of the request."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z)


def _plain(value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    raise TypeError


class JSONParser(parsers.BaseParser):
    """Strict JSON: no NaN, no lone surrogates, no bottomless nesting; 413 above DATA_UPLOAD_MAX_MEMORY_SIZE."""

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise RequestDataTooBig
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise exceptions.ParseError from error


class CursorPagination(BaseCursorPagination):
    """Fifty a page, `?page_size=` up to 200, newest first; ids are UUIDv7, so they sort by time.

    A page size or cursor that is no good is 400, not another page than the one that was asked for.
    """

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = "-id"

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not re.fullmatch("[0-9]{1,3}", asked) or not 1 <= int(asked) <= self.max_page_size:
            sentence = _("Ask for 1 to %(most)s rows a page.") % {"most": self.max_page_size}
            raise exceptions.ValidationError({self.page_size_query_param: sentence})
        return int(asked)

    def decode_cursor(self, request: Request) -> Any:
        try:
            return super().decode_cursor(request)
        except exceptions.NotFound as error:
            raise self._unknown_cursor() from error

    def paginate_queryset(self, *arguments: Any, **options: Any) -> list[Any] | None:
        """A cursor may be well made and still hold what the column can't: an id that is none, a time that is none."""
        try:
            return super().paginate_queryset(*arguments, **options)
        except (ValidationError, ValueError, OverflowError, DataError) as error:
            raise self._unknown_cursor() from error

    def _unknown_cursor(self) -> exceptions.ValidationError:
        sentence = _("This cursor is not known. Take it from next or previous, as it is.")
        return exceptions.ValidationError({self.cursor_query_param: sentence})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"] |= {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return parameters


CODES: Final = {
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
SENTENCES: Final = {
    "invalid": gettext_lazy("Some values are not valid. See errors."),
    "malformed": gettext_lazy("The body is not valid JSON."),
    "not_authenticated": gettext_lazy("Sign in, or send a token: Authorization: Bearer hub_..."),
    "permission_denied": gettext_lazy("Your role does not include this. Ask a full administrator for it."),
    "not_found": gettext_lazy("There is nothing at this address, or it is not yours to see."),
    "method_not_allowed": gettext_lazy(
        "This address does not take this method. The Allow header lists those it takes."
    ),
    "not_acceptable": gettext_lazy("The answer is JSON. Accept application/json."),
    "too_large": gettext_lazy("The request is too large. Send less at once."),
    "unsupported_media_type": gettext_lazy("Send JSON, with Content-Type: application/json."),
    "rate_limited": gettext_lazy("Too many requests. Wait for the seconds of the Retry-After header."),
}


def problem(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's exception handler. None (an unforeseen error) becomes the problem document of handler500."""
    if isinstance(error, Refusal):
        return problem_response(error.http_status, error.code, error.sentence, **error.extra)
    if isinstance(error, RequestDataTooBig):
        return problem_response(413, CODES[413], str(SENTENCES["too_large"]))
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    response = _of_api_exception(error)
    for name, value in _headers(error, context):
        response[name] = value
    return response


def _of_api_exception(error: exceptions.APIException) -> HttpResponse:
    if isinstance(error, exceptions.ValidationError):
        return problem_response(400, CODES[400], str(SENTENCES["invalid"]), errors=list(_errors(error)))
    code = _own_code(error) or CODES.get(error.status_code, error.default_code)
    if isinstance(error, exceptions.ParseError):
        code = "malformed"
    sentence = str(error.detail) if _own_code(error) or code not in SENTENCES else str(SENTENCES[code])
    return problem_response(error.status_code, code, sentence)


def _own_code(error: exceptions.APIException) -> str:
    """The code that a module of ours gave the exception; empty when it only has DRF's default."""
    code = error.get_codes()
    return code if isinstance(code, str) and code != error.default_code else ""


def _headers(error: exceptions.APIException, context: dict[str, Any]) -> Iterator[tuple[str, str]]:
    wait = getattr(error, "wait", None)
    if wait is not None:
        yield "Retry-After", str(int(wait) + 1)
    challenge = getattr(error, "auth_header", None)
    if challenge:
        yield "WWW-Authenticate", challenge


def _errors(error: exceptions.ValidationError) -> Iterator[dict[str, str]]:
    """Every complaint with a JSON pointer (RFC 6901) into the body; an empty pointer is the whole body."""
    yield from _walk(error.get_full_details(), "")


def _walk(node: Any, pointer: str) -> Iterator[dict[str, str]]:
    if _is_complaint(node):
        yield {"pointer": pointer, "code": str(node["code"]), "detail": str(node["message"])}
    elif isinstance(node, dict):
        for name, child in node.items():
            whole = name == "non_field_errors"
            yield from _walk(child, pointer if whole else f"{pointer}/{_escaped(str(name))}")
    else:
        for index, child in enumerate(node):
            yield from _walk(child, pointer if _is_complaint(child) else f"{pointer}/{index}")


def _is_complaint(node: Any) -> bool:
    return isinstance(node, dict) and set(node) == {"message", "code"} and isinstance(node["code"], str)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def problem_response(status: int, code: str, sentence: str, **extra: Any) -> HttpResponse:
    """A problem document. A plain response, so that no negotiation of content can turn an error into another."""
    document = {"type": f"urn:texting-hub:problem:{code}", "title": sentence, "status": status, "code": code, **extra}
    request_id = get_contextvars().get("request_id")
    if request_id:
        document["request_id"] = str(request_id)
    return HttpResponse(to_json(document), status=status, content_type=PROBLEM_TYPE)
