"""Addresses of this app: pages, and its part of /api/v1/."""

from django.urls import URLPattern, path

from compliance import api
from compliance.views import audit_log, exports, retention, search, user_activity

urlpatterns: list[URLPattern] = [
    path("compliance/messages/", search.retained_messages, name="retained_messages"),
    path("compliance/exports/", exports.exports, name="exports"),
    path("compliance/exports/new/", exports.export_new, name="export_new"),
    path("compliance/exports/<uuid:export_id>/card/", exports.export_card, name="export_card"),
    path("compliance/exports/<uuid:export_id>/start-again/", exports.export_start_again, name="export_start_again"),
    path("compliance/exports/<uuid:export_id>/download/", exports.export_download, name="export_download"),
    path("compliance/retention/", retention.retention, name="retention"),
    path("compliance/retention/<uuid:run_id>/", retention.purge_certificate, name="purge_certificate"),
    path("users/<uuid:user_id>/activity/", user_activity.user_activity, name="user_activity"),
    path("compliance/audit-log/", audit_log.audit_log, name="audit_log"),
    path("compliance/audit-log/export/", audit_log.audit_export, name="audit_export"),
    path("audit-log/", audit_log.admin_audit_log, name="admin_audit_log"),
    path("audit-log/export/", audit_log.admin_audit_export, name="admin_audit_export"),
]

api_urlpatterns: list[URLPattern] = [
    path("audit-events", api.AuditEvents.as_view(), name="audit_events"),
]
