"""Addresses of users as CSV: export, import, the page of an import; and their part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.api import imports as api
from provisioning.views import users_csv

_IMPORT = "users/imports/<uuid:import_id>/"

urlpatterns: list[URLPattern] = [
    path("users/export/", users_csv.users_csv_export, name="users_csv_export"),
    path("users/import/", users_csv.users_csv_import, name="users_csv_import"),
    path("users/import/template/", users_csv.users_csv_template, name="users_csv_template"),
    path(_IMPORT, users_csv.user_import, name="user_import"),
    path(f"{_IMPORT}apply/", users_csv.user_import_apply, name="user_import_apply"),
    path(f"{_IMPORT}discard/", users_csv.user_import_discard, name="user_import_discard"),
    path(f"{_IMPORT}errors/", users_csv.user_import_errors, name="user_import_errors"),
]

api_urlpatterns: list[URLPattern] = [
    path("people/export", api.PeopleExport.as_view(), name="people_export"),
    path("people/imports", api.PeopleImports.as_view(), name="people_imports"),
    path("people/imports/<uuid:import_id>", api.PeopleImport.as_view(), name="people_import"),
    path("people/imports/<uuid:import_id>/rows", api.PeopleImportRows.as_view(), name="people_import_rows"),
    path("people/imports/<uuid:import_id>/apply", api.PeopleImportApply.as_view(), name="people_import_apply"),
]
