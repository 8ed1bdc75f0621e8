"""The API of users as CSV: export, and import with or without a look at what it would change."""

from __future__ import annotations

import uuid
from typing import IO, Any, cast

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, generics
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from provisioning import csv_export, csv_imports
from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.csv_files import MOST_BYTES, too_large
from provisioning.csv_imports import imports_in_reach
from provisioning.forms.user_exports import asked_for
from provisioning.import_pages import column_name
from provisioning.models import ApiToken, ImportRow, Task, UserImport
from provisioning.roles import Permission
from provisioning.serializers import imports as serializers
from provisioning.streaming import download


class CsvParser(BaseParser):
    """A body that is the file."""

    media_type = "text/csv"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise too_large()
        return content


class CsvRenderer(BaseRenderer):
    """So that a client may accept text/csv. The view streams by itself."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        return data


class RowsInOrder(api_settings.DEFAULT_PAGINATION_CLASS):  # type: ignore[misc, name-defined]
    """The file's order."""

    ordering = "position"


class PeopleExport(APIView):
    """People as a CSV file, in one pass; edited, it can be imported."""

    access = {"GET": (Permission.VIEW_USERS,)}
    scopes = {"GET": "people:read"}
    renderer_classes = [CsvRenderer, *cast(Any, api_settings.DEFAULT_RENDERER_CLASSES)]

    @extend_schema(
        operation_id="export_people",
        parameters=[serializers.PeopleExportQuery],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponseBase:
        asked = _query(serializers.PeopleExportQuery, request)
        try:
            users, root = asked_for(member_of(request), asked)
        except Http404 as error:
            sentence = _("There is no such location among yours.")
            raise exceptions.ValidationError({"location": sentence}) from error
        csv_export.record_export(root, asked, actor_of(request))
        pieces = csv_export.export(users, root)
        name, kind = csv_export.FILE_NAME, csv_export.CONTENT_TYPE
        return download(request._request, pieces, name=name, content_type=kind)


class PeopleImports(APIView):
    """Import a CSV file: planned row by row, then applied as a task, unless it is a dry run."""

    access = {"POST": (Permission.CHANGE_USERS,)}
    scopes = {"POST": "people:write"}
    parser_classes = [CsvParser, MultiPartParser]

    @extend_schema(
        operation_id="import_people",
        parameters=[serializers.ImportQuery],
        request={"text/csv": OpenApiTypes.BINARY, "multipart/form-data": serializers.ImportFile},
        responses={201: serializers.ImportAnswer, 202: serializers.ImportTaskAnswer},
    )
    def post(self, request: Request) -> Response:
        asked = _query(serializers.ImportQuery, request)
        content, name = _file_of(request)
        member, actor, now = member_of(request), actor_of(request), timezone.now()
        invite = asked["invite"] == "true"
        numbers = _assigns_numbers(request)
        made = csv_imports.upload(
            content, member, actor, now, file_name=name, invite=invite, assigns_numbers=numbers
        )  # fmt: skip
        if asked["dry_run"] == "true":
            address = reverse("api:people_import", kwargs={"import_id": made.pk})
            return Response(serializers.ImportAnswer(made).data, status=201, headers={"Location": address})
        return _started(
            made, csv_imports.apply(made, member, via=actor.via, ip=actor.ip, now=now, assigns_numbers=numbers)
        )  # fmt: skip


class PeopleImport(APIView):
    """One import: what it would do in all, discarding it."""

    access = {"GET": (Permission.CHANGE_USERS,), "DELETE": (Permission.CHANGE_USERS,)}
    scopes = {"GET": "people:read", "DELETE": "people:write"}

    @extend_schema(operation_id="people_import", responses=serializers.ImportAnswer)
    def get(self, request: Request, import_id: uuid.UUID) -> Response:
        return Response(serializers.ImportAnswer(_import(request, import_id)).data)

    @extend_schema(operation_id="discard_people_import", responses={204: None})
    def delete(self, request: Request, import_id: uuid.UUID) -> Response:
        csv_imports.discard(_import(request, import_id))
        return Response(status=204)


class PeopleImportRows(generics.GenericAPIView[ImportRow]):
    """The rows of an import in the file's order: what each would change, or what is wrong with it."""

    access = {"GET": (Permission.CHANGE_USERS,)}
    scopes = {"GET": "people:read"}
    pagination_class = RowsInOrder

    @extend_schema(
        operation_id="people_import_rows",
        parameters=[serializers.ImportRowsQuery],
        responses=serializers.ImportRowAnswer(many=True),
    )
    def get(self, request: Request, import_id: uuid.UUID) -> Response:
        rows = _import(request, import_id).rows.all()
        asked = _query(serializers.ImportRowsQuery, request)
        page = self.paginate_queryset(rows.filter(**asked)) or []
        answers = [_row(row) for row in page]
        return self.get_paginated_response(serializers.ImportRowAnswer(answers, many=True).data)


class PeopleImportApply(APIView):
    """Apply an import that was looked at. Asked twice, it is one task."""

    access = {"POST": (Permission.CHANGE_USERS,)}
    scopes = {"POST": "people:write"}

    @extend_schema(
        operation_id="apply_people_import", request=None,
        responses={202: OpenApiResponse(serializers.ImportTaskAnswer)},
    )  # fmt: skip
    def post(self, request: Request, import_id: uuid.UUID) -> Response:
        found, actor = _import(request, import_id), actor_of(request)
        task = csv_imports.apply(
            found, member_of(request), via=actor.via, ip=actor.ip, now=timezone.now(),
            assigns_numbers=_assigns_numbers(request),
        )  # fmt: skip
        return _started(found, task)


def _assigns_numbers(request: Request) -> bool:
    """As for people's numbers: a token needs the scope of numbers for them, whatever else it may."""
    token: Any = request.auth
    return not isinstance(token, ApiToken) or "numbers:write" in token.scopes


def _import(request: Request, import_id: uuid.UUID) -> UserImport:
    return get_object_or_404(imports_in_reach(member_of(request)).select_related("task"), pk=import_id)


def _query(kind: Any, request: Request) -> dict[str, Any]:
    asked = kind(data=request.query_params.dict())
    asked.is_valid(raise_exception=True)
    values: dict[str, Any] = asked.validated_data
    return values


def _file_of(request: Request) -> tuple[bytes, str]:
    if request.content_type.partition(";")[0].strip().lower() in ("", CsvParser.media_type):
        sent: Any = request.data
        return sent or b"", ""  # Of an empty body, no parser is asked.
    file = body_of(serializers.ImportFile, request)["file"]
    return file.read(), file.name or ""


def _started(made: UserImport, task: Task) -> Response:
    answer = {"task": task.pk, "import_id": made.pk}
    address = reverse("api:task", kwargs={"task_id": task.pk})
    return Response(serializers.ImportTaskAnswer(answer).data, status=202, headers={"Location": address})


def _row(row: ImportRow) -> dict[str, Any]:
    return {
        "row": row.position,
        "email": row.label,
        "action": row.action,
        "changes": [
            {"column": column_name(key), "before": before, "after": after} for key, before, after in row.changes
        ],
        "problems": [
            {"column": column_name(key), "code": code, "sentence": sentence} for key, code, sentence in row.problems
        ],
    }
