"""The API of alerts: what needs a person, as the caller's roles show it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from provisioning.alert_words import Severity, words
from provisioning.alerts import visible_to
from provisioning.api.asked import member_of
from provisioning.models import Alert
from provisioning.roles import Permission


class AlertAnswer(serializers.Serializer[Alert]):
    """`cleared_at` is null while the cause is there."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    severity = serializers.ChoiceField(choices=[severity.value for severity in Severity])
    title = serializers.CharField()
    sentence = serializers.CharField()
    remedy = serializers.CharField(help_text="What to do, and who does it.")
    facts = serializers.DictField()
    raised_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()
    times = serializers.IntegerField()
    cleared_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, alert: Alert) -> dict[str, Any]:
        said = words(alert)
        return {
            "id": alert.pk,
            "code": alert.code,
            "severity": said.severity.value,
            "title": said.title,
            "sentence": said.sentence,
            "remedy": said.remedy,
            "facts": alert.facts,
            "raised_at": alert.raised_at,
            "seen_at": alert.seen_at,
            "times": alert.times,
            "cleared_at": alert.cleared_at,
        }


class Alerts(generics.ListAPIView[Alert]):
    """Open alerts and those whose cause is gone, newest first."""

    access = {"GET": (Permission.VIEW_ALERTS,)}
    scopes = {"GET": "alerts:read"}
    serializer_class = AlertAnswer

    def get_queryset(self) -> Any:
        return visible_to(member_of(self.request))

    @extend_schema(operation_id="alerts")
    def get(self, request: Request) -> Response:
        return self.list(request)
