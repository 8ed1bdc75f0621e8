"""The desk's part of the API: what it takes and answers with."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from compliance.audit_search import PROVIDER, SYSTEM
from compliance.audit_words import ACTIONS, VIAS

_ACTOR = rf"^({SYSTEM}|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})$"


@extend_schema_field({"type": "string", "pattern": _ACTOR})
class ActorField(serializers.CharField):
    """The id of a person, or `system`."""

    default_error_messages = {"actor": "Write an actor as the id of a person, or as system."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not re.fullmatch(_ACTOR.strip("^$"), data):
            self.fail("actor")
        return data


class EventsQuery(serializers.Serializer[Any]):
    """Each narrows the list; together they must all be met."""

    actor = ActorField(required=False, help_text="The id of a person, or system: what nobody signed in did.")
    action = serializers.ChoiceField(
        choices=[*ACTIONS, PROVIDER], required=False, help_text="admin: everything that the provider wrote."
    )
    object = serializers.UUIDField(required=False, help_text="The id of what was acted on.")
    since = serializers.DateTimeField(required=False, help_text="The first moment.")
    until = serializers.DateTimeField(required=False, help_text="The moment after the last one.")


class EventAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sequence = serializers.IntegerField(help_text="Its place in the organization's chain.")
    happened_at = serializers.DateTimeField()
    actor_id = serializers.UUIDField(allow_null=True)
    actor = serializers.CharField(source="actor_label", help_text="Name and address as they were.")
    via = serializers.ChoiceField(choices=list(VIAS))
    ip = serializers.CharField(allow_null=True)
    action = serializers.CharField()
    object_type = serializers.CharField(source="target_type")
    object_id = serializers.CharField(source="target_id")
    object = serializers.CharField(source="target_label", help_text="What it was called.")
    before = serializers.DictField()
    after = serializers.DictField()
    content_access = serializers.BooleanField(help_text="A look at messages: only officers get these.")
    hash = serializers.CharField()
