"""Tasks and bulk actions: what the API takes and answers with."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from provisioning import task_kinds, task_words
from provisioning.bulk_user_actions import ACTIONS
from provisioning.enablement import Source
from provisioning.models import RowOutcome, Task, TaskRow, TaskState
from provisioning.models.users import License
from provisioning.serializers.strict import StrictBoolean, StrictChoice, StrictText
from provisioning.serializers.texting import Named
from provisioning.user_selection import KNOWN, LONGEST_SEARCH, MOST_PICKED


class PeopleFilter(serializers.Serializer[Any]):
    """The filters of the Users page. What is absent filters nothing."""

    q = StrictText(required=False, max_length=LONGEST_SEARCH, help_text="Words of the name, e-mail or number.")
    location = StrictText(required=False, max_length=36, help_text="The id of a location, or `none`.")
    status = StrictChoice(required=False, choices=sorted(KNOWN["status"]))
    source = StrictChoice(  # type: ignore[assignment]  # declared fields leave the class
        required=False, choices=[source.value for source in Source], help_text="Whose setting decides."
    )
    requirement = StrictChoice(
        required=False, choices=sorted(KNOWN["requirement"]), help_text="A requirement that is not met, or waits."
    )
    license = StrictChoice(required=False, choices=License.values)
    account = StrictChoice(required=False, choices=sorted(KNOWN["account"]))


class BulkChange(serializers.Serializer[Any]):
    """Either `people`, or `all` (with a `filter`, those that match when the task runs)."""

    action = StrictChoice(choices=list(ACTIONS))
    people = serializers.ListField(
        child=serializers.UUIDField(), required=False, allow_empty=False, max_length=MOST_PICKED
    )
    all = StrictBoolean(required=False, default=False)
    filter = PeopleFilter(required=False)
    location = serializers.UUIDField(required=False, help_text="Where to, for `move`.")
    license = StrictChoice(required=False, choices=License.values, help_text="Which one, for `license`.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs["all"]) == ("people" in attrs):
            raise serializers.ValidationError("Send either people, or all as true.", code="people_or_all")
        if "filter" in attrs and not attrs["all"]:
            raise serializers.ValidationError({"filter": "A filter goes with all as true."}, code="people_or_all")
        return attrs


class TaskError(serializers.Serializer[Any]):
    code = serializers.CharField()
    sentence = serializers.CharField()


class TaskAnswer(serializers.Serializer[Any]):
    """A task: how far it is, and how it ended. `total` is null until it has begun to run."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.SerializerMethodField()
    summary = serializers.CharField(help_text="To whom, or to what.")
    state = serializers.ChoiceField(choices=TaskState.values)
    requested_by = serializers.SerializerMethodField()
    total = serializers.IntegerField(allow_null=True)
    done = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.SerializerMethodField(help_text="Those that were so already.")
    refused = serializers.IntegerField()
    error = serializers.SerializerMethodField(help_text="Why it failed; null otherwise.")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_title(self, task: Task) -> str:
        return task_kinds.title_of(task.kind)

    @extend_schema_field(Named)
    def get_requested_by(self, task: Task) -> dict[str, Any]:
        return {"id": task.requested_by.pk, "name": task.requested_by.display_name}

    def get_unchanged(self, task: Task) -> int:
        return task_words.unchanged_of(task)

    @extend_schema_field(TaskError(allow_null=True))
    def get_error(self, task: Task) -> dict[str, str] | None:
        sentence = task_words.failure_of(task)
        return {"code": task.error_code, "sentence": sentence} if sentence else None


class TaskRowAnswer(serializers.ModelSerializer[TaskRow]):
    """What became of one row. `column` names the field or column that was wrong, where one was."""

    target_id = serializers.UUIDField(allow_null=True, help_text="The person or number; null where there is none.")
    outcome = serializers.ChoiceField(choices=RowOutcome.values)

    class Meta:
        model = TaskRow
        fields = ("position", "target_id", "label", "outcome", "column", "code", "sentence")
