"""Management > Users: Export CSV, Import CSV, and the page of an import before and after it is applied."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from provisioning import csv_export, csv_imports, csv_users
from provisioning.changes import Actor
from provisioning.csv_files import DELIMITERS, MOST_BYTES, MOST_ROWS
from provisioning.csv_imports import imports_in_reach
from provisioning.forms.imports import UploadForm
from provisioning.forms.user_exports import asked_for
from provisioning.import_errors import errors_file
from provisioning.import_pages import lines, only_of
from provisioning.models import UserImport
from provisioning.refusals import Refusal
from provisioning.roles import Permission, requires
from provisioning.streaming import download

LATEST = 10


@requires(Permission.VIEW_USERS)
@require_safe
def users_csv_export(request: HttpRequest) -> HttpResponseBase:
    """Everyone in reach whom the list's filters describe, in one pass. A location of somebody else is not found."""
    administrator: Any = request.user
    users, root = asked_for(administrator, request.GET)
    csv_export.record_export(root, request.GET, Actor.of_request(request))
    pieces = csv_export.export(users, root)
    return download(request, pieces, name=csv_export.FILE_NAME, content_type=csv_export.CONTENT_TYPE)


@requires(Permission.CHANGE_USERS)
@require_safe
def users_csv_template(request: HttpRequest) -> HttpResponse:
    """The columns, each with a line that explains it."""
    response = HttpResponse(csv_users.template(), content_type=csv_export.CONTENT_TYPE)
    response["Content-Disposition"] = 'attachment; filename="users-template.csv"'
    return response


@requires(Permission.CHANGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def users_csv_import(request: HttpRequest) -> HttpResponse:
    """Choose a file. What it would do is planned and shown before anything is written."""
    if request.method != "POST":
        return _upload_page(request, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            made = _upload(request, form)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return redirect("user_import", import_id=made.pk)
    return _upload_page(request, form, status=form.http_status)


def _upload(request: HttpRequest, form: UploadForm) -> UserImport:
    administrator: Any = request.user
    name = form.cleaned_data["file"].name or ""
    return csv_imports.upload(
        form.content, administrator, Actor.of_request(request), timezone.now(), file_name=name,
        invite=form.cleaned_data["invite"],
    )  # fmt: skip


def _upload_page(request: HttpRequest, form: UploadForm, status: int = 200) -> HttpResponse:
    administrator: Any = request.user
    latest = imports_in_reach(administrator).select_related("created_by", "task").order_by("-pk")[:LATEST]
    context = {
        "form": form,
        "columns": csv_users.COLUMNS,
        "informative": csv_users.INFORMATIVE,
        "rows": f"{MOST_ROWS:,}",
        "megabytes": MOST_BYTES // 1024 // 1024,
        "latest": latest,
    }
    return render(request, "provisioning/users_import.html", context, status=status)


@requires(Permission.CHANGE_USERS)
@require_safe
def user_import(request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
    """What the file would change, row by row."""
    return _import_page(request, _import_of(request, import_id))


@requires(Permission.CHANGE_USERS)
@require_POST
def user_import_apply(request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
    """Start the task; its page shows how far it is."""
    administrator: Any = request.user
    found = _import_of(request, import_id)
    actor = Actor.of_request(request)
    try:
        task = csv_imports.apply(found, administrator, via=actor.via, ip=actor.ip, now=timezone.now())
    except Refusal as refusal:
        return _import_page(request, found, refusal)
    return redirect("task", task_id=task.pk)


@requires(Permission.CHANGE_USERS)
@require_POST
def user_import_discard(request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
    """Remove the rows of the file. What was applied stays applied."""
    found = _import_of(request, import_id)
    try:
        csv_imports.discard(found)
    except Refusal as refusal:
        return _import_page(request, found, refusal)
    messages.success(request, _("The rows of %(file)s are removed.") % {"file": found})
    return redirect("users_csv_import")


@requires(Permission.CHANGE_USERS)
@require_safe
def user_import_errors(request: HttpRequest, import_id: uuid.UUID) -> HttpResponseBase:
    """Rows with errors, to be corrected and imported."""
    found = _import_of(request, import_id)
    return download(request, errors_file(found), name="import-errors.csv", content_type=csv_export.CONTENT_TYPE)


def _import_of(request: HttpRequest, import_id: uuid.UUID) -> UserImport:
    administrator: Any = request.user
    reach = imports_in_reach(administrator).select_related("created_by", "task")
    return get_object_or_404(reach, pk=import_id)


def _import_page(request: HttpRequest, found: UserImport, refusal: Refusal | None = None) -> HttpResponse:
    only = only_of(request.GET)
    context = {
        "import": found,
        "page": lines(found, only, request.GET),
        "only": only,
        "delimiter": DELIMITERS.get(found.delimiter, ""),
        "refusal": refusal,
    }
    status = refusal.http_status if refusal is not None else 200
    return render(request, "provisioning/user_import.html", context, status=status)
