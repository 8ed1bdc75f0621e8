"""Users as CSV: what the API takes and answers with."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from provisioning.forms.users import ACCOUNTS, LICENSES, LONGEST, REQUIREMENTS, SOURCES, STATUSES
from provisioning.models import RowAction
from provisioning.serializers.strict import StrictChoice

YES_OR_NO = ("true", "false")


class PeopleExportQuery(serializers.Serializer[Any]):
    """The filters of the Users list."""

    q = serializers.CharField(
        required=False, max_length=LONGEST, help_text="Words of the name or e-mail address, or digits of the number."
    )
    location = serializers.RegexField(
        r"^(none|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
        required=False,
        help_text="Id of a location, or none.",
    )
    status = StrictChoice(choices=list(STATUSES), required=False)
    source = StrictChoice(  # type: ignore[assignment]  # declared fields leave the class
        choices=list(SOURCES), required=False, help_text="Whose setting decides."
    )
    requirement = StrictChoice(choices=sorted(REQUIREMENTS), required=False, help_text="What is not met, or waits.")
    license = StrictChoice(choices=list(LICENSES), required=False)
    account = StrictChoice(choices=list(ACCOUNTS), required=False)


class ImportQuery(serializers.Serializer[Any]):
    """How a file is imported."""

    dry_run = StrictChoice(
        choices=YES_OR_NO, required=False, default="false",
        help_text="Only plan: answers 201 with the import, which can be looked at, applied and discarded.",
    )  # fmt: skip
    invite = StrictChoice(
        choices=YES_OR_NO, required=False, default="true", help_text="Whether new users are invited by mail."
    )


class ImportFile(serializers.Serializer[Any]):
    """multipart/form-data with the file in one part."""

    file = serializers.FileField(allow_empty_file=True)


class ImportAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    file_name = serializers.CharField()
    created_at = serializers.DateTimeField()
    applied_at = serializers.DateTimeField(allow_null=True)
    task = serializers.UUIDField(source="task_id", allow_null=True, help_text="The task that applies it.")
    encoding = serializers.CharField(help_text="As the file was understood.")
    delimiter = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField(), help_text="Columns that are read.")
    informative_columns = serializers.ListField(
        child=serializers.CharField(), source="informative", help_text="Known, and nothing is read from them."
    )
    unknown_columns = serializers.ListField(
        child=serializers.CharField(), source="unknown", help_text="Not known: nothing is read from them."
    )
    invite = serializers.BooleanField()
    creates = serializers.IntegerField(help_text="Rows that would create a user.")
    changes = serializers.IntegerField(help_text="Rows that would change one.")
    unchanged = serializers.IntegerField()
    errors = serializers.IntegerField(help_text="Rows that would be left out.")  # type: ignore[assignment]


class ImportRowsQuery(serializers.Serializer[Any]):
    action = StrictChoice(choices=RowAction.values, required=False, help_text="Only rows that would do this.")


class ColumnChange(serializers.Serializer[Any]):
    column = serializers.CharField()
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class ColumnProblem(serializers.Serializer[Any]):
    column = serializers.CharField(allow_blank=True, help_text="Empty: the row itself.")
    code = serializers.CharField()
    sentence = serializers.CharField()


class ImportRowAnswer(serializers.Serializer[Any]):
    row = serializers.IntegerField(help_text="As a spreadsheet counts it: the header is 1.")
    email = serializers.CharField(allow_blank=True)
    action = serializers.ChoiceField(choices=RowAction.values)
    changes = ColumnChange(many=True)
    problems = ColumnProblem(many=True)


class ImportTaskAnswer(serializers.Serializer[Any]):
    """What was started; the Location header is where its progress stands."""

    task = serializers.UUIDField()
    import_id = serializers.UUIDField()
